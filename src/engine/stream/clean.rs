//! Makes the forms in which one message is printed alike.

/// Lower case, plain apostrophes and dots, single spaces; no terminal sequences, borders of boxes
/// and invisible characters. A line break written as `\n` is one, too.
pub fn clean(text: &str) -> String {
    let text = without_escapes(text).replace("\\n", " ");
    let mut plain = String::with_capacity(text.len());
    for char in text.chars().flat_map(char::to_lowercase) {
        match char {
            '’' | '‘' | 'ʼ' | '′' | '`' => plain.push('\''),
            '∙' | '•' | '‧' | '⋅' | '・' => plain.push('·'),
            '│' | '┃' | '║' => plain.push(' '),
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => {}
            other => plain.push(other),
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Without `ESC [ ... letter`.
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|it: char| ('\x40'..='\x7e').contains(&it));
        plain.push_str(end.map_or("", |end| &part[end + 1..]));
    }
    plain
}
