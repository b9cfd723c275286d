//! JSON for programs: one compact object a line.

use serde::Serialize;

/// The value as one line that ends in a newline.
pub fn line_of(value: &impl Serialize) -> String {
    match serde_json::to_string(value) {
        Ok(text) => text + "\n",
        // None of our types has a map with other keys than text, the only way to get here.
        Err(error) => format!("{}\n", serde_json::json!({ "error": error.to_string() })),
    }
}
