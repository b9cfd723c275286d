//! The file that has all a family says, masked: stdout as it came, and stderr line by line among it,
//! marked as such.

use std::path::PathBuf;

use crate::engine::stream::stderr_line;
use crate::host::error::{Doing, Error, Result};
use crate::host::mask::{Mask, MaskedStream};
use crate::host::process::{Happening, LazyFile, push_tail};

/// A transcript that is being written. Its file is made at the first byte.
pub struct Transcript {
    masked: MaskedStream,
    file: LazyFile,
    failure: Option<std::io::Error>,
    /// Lines of stderr that came in the middle of a line of stdout.
    held: String,
    is_within_line: bool,
    /// The end of stdout.
    tail: Vec<u8>,
}

impl Transcript {
    /// `mask` is applied to stdout; stderr comes masked.
    pub fn new(place: PathBuf, mask: Mask) -> Self {
        Self {
            masked: MaskedStream::new(mask),
            file: LazyFile::new(place),
            failure: None,
            held: String::new(),
            is_within_line: false,
            tail: Vec::new(),
        }
    }

    /// Makes the file before there is anything to write: that it is there tells a later run of orch
    /// what was about to start.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(&mut self) -> Result<()> {
        let made = self.file.create();
        made.doing("creating the transcript", self.file.place())
    }

    /// Takes in what a family says.
    pub fn hear(&mut self, happening: &Happening) {
        match happening {
            Happening::Output(chunk) => drop(self.take_output(chunk)),
            Happening::Complaint(lines) => self.take_complaint(lines),
            Happening::Over => {}
        }
    }

    /// Takes in stdout; answers with what of it is complete, masked.
    pub fn take_output(&mut self, chunk: &[u8]) -> Vec<u8> {
        let bytes = self.masked.feed(chunk);
        self.write_output(&bytes);
        bytes
    }

    /// Takes in whole lines of stderr. They stand where they came, never within a line of stdout.
    pub fn take_complaint(&mut self, lines: &[u8]) {
        for line in String::from_utf8_lossy(lines).lines() {
            self.held.push_str(&stderr_line(line));
            self.held.push('\n');
        }
        self.write_held();
    }

    /// Nothing more comes: answers with the unfinished last line of stdout, masked.
    pub fn end(&mut self) -> Vec<u8> {
        let rest = self.masked.finish();
        self.write_output(&rest);
        if !self.held.is_empty() {
            self.write(b"\n");
            self.is_within_line = false;
            self.write_held();
        }
        rest
    }

    /// The end of stdout, masked, when all of it is written.
    ///
    /// # Errors
    /// The first write that failed.
    pub fn finish(mut self) -> Result<String> {
        self.end();
        if let Some(error) = self.failure {
            return Err(Error::because("writing the transcript", error).at(self.file.place()));
        }
        Ok(String::from_utf8_lossy(&self.tail).into_owned())
    }

    fn write_output(&mut self, bytes: &[u8]) {
        self.write(bytes);
        push_tail(&mut self.tail, bytes);
        self.is_within_line = bytes.last().map_or(self.is_within_line, |last| *last != b'\n');
        self.write_held();
    }

    fn write_held(&mut self) {
        if !self.is_within_line && !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.write(held.as_bytes());
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.failure.is_none() {
            self.failure = self.file.write(bytes).err();
        }
    }
}
