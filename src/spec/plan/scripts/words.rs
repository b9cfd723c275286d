//! A command line cut into commands and words, as far as a shell's signs tell.

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Without its quotes.
    pub text: String,
    /// Nothing in it is put in by the shell.
    pub is_plain: bool,
}

impl Word {
    /// One that no shell reads.
    pub fn quoted(text: &str) -> Self {
        Self { text: text.to_owned(), is_plain: true }
    }
}

/// One command, with the groups that open before it and close behind it.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub words: Vec<Word>,
    pub opens: usize,
    pub closes: usize,
    /// What comes behind it is for where it fails.
    pub is_tried: bool,
}

/// True for a path that leads to where it begins.
pub(super) fn is_root(path: &str) -> bool {
    let mut depth = 0_i32;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0
}

/// The commands of a line, in their order. What is written to or read from is no word.
pub(super) fn pieces_of(line: &str) -> Vec<Piece> {
    let mut cutter = Cutter::default();
    let mut signs = line.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => match signs.next() {
                Some('\n') | None => {}
                Some(next) => cutter.add(next),
            },
            '\'' => {
                cutter.begin();
                signs.by_ref().take_while(|it| *it != '\'').for_each(|it| cutter.add(it));
            }
            '"' => {
                cutter.begin();
                let mut inside = String::new();
                while let Some(it) = signs.next().filter(|it| *it != '"') {
                    cutter.is_open |= matches!(it, '$' | '`');
                    let escaped = (it == '\\').then(|| signs.next()).flatten();
                    inside.push(escaped.unwrap_or(it));
                }
                cutter.add_quoted(&inside);
            }
            '#' if cutter.word.is_none() => {
                while signs.peek().is_some_and(|it| *it != '\n') {
                    signs.next();
                }
            }
            '|' if signs.next_if_eq(&'|').is_some() => cutter.end_command(true),
            '>' | '<' => {
                cutter.end_redirected();
                while signs.next_if(|it| matches!(it, '>' | '<' | '&' | '|')).is_some() {}
                cutter.is_target = true;
            }
            '&' if signs.next_if_eq(&'>').is_some() => {
                cutter.end_word();
                signs.next_if_eq(&'>');
                cutter.is_target = true;
            }
            '$' if signs.next_if_eq(&'(').is_some() => cutter.open(),
            '(' if cutter.word.is_none() => cutter.open(),
            ')' => cutter.close(),
            '{' | '}' if cutter.word.is_none() => cutter.end_command(false),
            ';' | '|' | '&' | '\n' | '`' => cutter.end_command(false),
            _ if sign.is_whitespace() => cutter.end_word(),
            _ => {
                cutter.is_open |= matches!(sign, '$' | '*' | '?' | '[' | '~' | '{' | '(');
                cutter.add(sign);
            }
        }
    }
    cutter.end_command(false);
    cutter.pieces
}

#[derive(Default)]
struct Cutter {
    pieces: Vec<Piece>,
    piece: Piece,
    word: Option<String>,
    /// The shell puts something into the word.
    is_open: bool,
    /// The next word is written to or read from.
    is_target: bool,
}

impl Cutter {
    fn begin(&mut self) {
        self.word.get_or_insert_default();
    }

    fn add(&mut self, sign: char) {
        self.word.get_or_insert_default().push(sign);
    }

    /// What the shell runs inside of it is a command, too.
    fn add_quoted(&mut self, text: &str) {
        self.word.get_or_insert_default().push_str(text);
        for inner in text.split("$(").skip(1) {
            let end = inner.find(')').unwrap_or(inner.len());
            self.pieces.extend(pieces_of(&inner[..end]));
        }
    }

    fn end_word(&mut self) {
        let is_plain = !std::mem::take(&mut self.is_open);
        let Some(text) = self.word.take() else { return };
        if !std::mem::take(&mut self.is_target) {
            self.piece.words.push(Word { text, is_plain });
        }
    }

    /// A number before the sign belongs to it.
    fn end_redirected(&mut self) {
        let is_number = |it: &String| it.chars().all(|c| c.is_ascii_digit());
        self.word = self.word.take().filter(|it| !is_number(it));
        self.end_word();
    }

    fn end_command(&mut self, is_tried: bool) {
        self.end_word();
        self.is_target = false;
        self.piece.is_tried = is_tried;
        if !self.piece.words.is_empty() {
            self.pieces.push(std::mem::take(&mut self.piece));
        }
    }

    fn open(&mut self) {
        self.end_command(false);
        self.piece.opens += 1;
    }

    fn close(&mut self) {
        self.end_command(false);
        if let Some(last) = self.pieces.last_mut() {
            last.closes += 1;
        }
    }
}
