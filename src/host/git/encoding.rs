//! `working-tree-encoding` of attributes, where it is UTF-16: that is read like any other encoding, and
//! written here, since the library behind the filters only reads it. Worktrees hold such files as UTF-8:
//! what sessions and commands write is that.

use gix::attrs::StateRef;
use gix::attrs::search::Outcome;
use gix::bstr::{BStr, ByteSlice};
use gix::index::entry::Mode;
use gix::worktree::stack::state::attributes::Source;

use super::object::blob;
use crate::host::error::{Doing, Error, Result};

const ATTRIBUTE: &str = "working-tree-encoding";

/// What marks the order of bytes at the beginning of a text.
const MARK: u16 = 0xfeff;

/// A form of UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Utf16 {
    /// With a mark at the beginning; written in this machine's usual order.
    Marked,
    Little,
    Big,
}

impl Utf16 {
    fn of(label: &BStr) -> Option<Self> {
        match label.to_str_lossy().to_uppercase().as_str() {
            "UTF-16" | "UTF16" => Some(Self::Marked),
            "UTF-16LE" | "UTF16LE" => Some(Self::Little),
            "UTF-16BE" | "UTF16BE" => Some(Self::Big),
            _ => None,
        }
    }

    fn encode(self, text: &str) -> Vec<u8> {
        let mark = (self == Self::Marked && !text.is_empty()).then_some(MARK);
        let units = mark.into_iter().chain(text.encode_utf16());
        match self {
            Self::Big => units.flat_map(u16::to_be_bytes).collect(),
            Self::Marked | Self::Little => units.flat_map(u16::to_le_bytes).collect(),
        }
    }
}

/// The encodings of one checkout's files.
pub(crate) struct Encodings<'r> {
    git: &'r gix::Repository,
    attributes: gix::worktree::Stack,
    found: Outcome,
}

impl<'r> Encodings<'r> {
    /// Attributes are read from the checkout, and where it lacks them from `index`.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn of(git: &'r gix::Repository, index: &gix::index::State) -> Result<Self> {
        let attributes = git.attributes_only(index, Source::WorktreeThenIdMapping);
        let attributes = attributes.doing("reading attributes", git.git_dir())?;
        let found = attributes.selected_attribute_matches([ATTRIBUTE]);
        Ok(Self { git, attributes: attributes.detach(), found })
    }

    /// What was made of a file for the checkout, as it is to be written there.
    ///
    /// # Errors
    /// It is no text.
    pub fn written(&mut self, path: &BStr, text: Vec<u8>) -> Result<Vec<u8>> {
        let Some(encoding) = self.at(path)? else { return Ok(text) };
        let text = String::from_utf8(text).doing("writing a text as UTF-16", path.to_string())?;
        Ok(encoding.encode(&text))
    }

    /// What lies in a worktree as UTF-8, as the filters are to read it. `None` where they can read it as it
    /// lies there.
    ///
    /// # Errors
    /// It would be read in the wrong order of bytes.
    pub fn recoded(&mut self, path: &BStr, bytes: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(encoding) = self.at(path)? else { return Ok(None) };
        self.refuse_unread(path, bytes)?;
        let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
        Ok(text.map(|text| encoding.encode(text)))
    }

    /// Refuses what would be read in the wrong order of bytes.
    ///
    /// # Errors
    /// It would be.
    pub fn refuse_unread(&mut self, path: &BStr, bytes: &[u8]) -> Result<()> {
        if is_big(bytes) && self.at(path)? == Some(Utf16::Marked) {
            return Err(Error::new("reading a text as UTF-16: its bytes are in the other order")
                .at(path.to_string())
                .help("store it little-endian, or say `working-tree-encoding=UTF-16BE` and leave out the mark"));
        }
        Ok(())
    }

    /// True for a file that is UTF-16 in the user's checkout.
    ///
    /// # Errors
    /// The attributes cannot be read.
    pub fn is_utf16(&mut self, path: &BStr) -> Result<bool> {
        Ok(self.at(path)?.is_some())
    }

    fn at(&mut self, path: &BStr) -> Result<Option<Utf16>> {
        let platform = self.attributes.at_entry(path, Some(Mode::FILE), &self.git.objects);
        let platform = platform.doing("reading attributes", path.to_string())?;
        platform.matching_attributes(&mut self.found);
        let state = self.found.iter_selected().map(|it| it.assignment.state).next();
        Ok(match state {
            Some(StateRef::Value(label)) => Utf16::of(label.as_bstr()),
            _ => None,
        })
    }
}

/// The text begins with a mark, and its bytes are in the order that is not usual.
pub(crate) fn is_big(bytes: &[u8]) -> bool {
    bytes.starts_with(&MARK.to_be_bytes())
}

/// True where attributes may ask for an encoding.
///
/// # Errors
/// They cannot be read.
pub(crate) fn is_recoded(git: &gix::Repository, index: &gix::index::State) -> Result<bool> {
    let outer = std::fs::read(git.common_dir().join("info/attributes")).unwrap_or_default();
    if outer.contains_str(ATTRIBUTE) {
        return Ok(true);
    }
    for entry in index.entries() {
        let is_attributes = entry.path(index).ends_with(b".gitattributes");
        if is_attributes
            && entry.mode.contains(Mode::FILE)
            && blob(git, entry.id)?.contains_str(ATTRIBUTE)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::git::scratch::{Scratch, git_in, path};

    #[test]
    fn a_text_is_written_in_its_form() {
        let check = |label: &str, text| Utf16::of(label.into()).map(|it| it.encode(text));
        assert_eq!(check("UTF-16LE", "a€").unwrap(), [0x61, 0, 0xac, 0x20]);
        assert_eq!(check("utf-16be", "a").unwrap(), [0, 0x61]);
        assert_eq!(check("UTF-16", "a").unwrap(), [0xff, 0xfe, 0x61, 0]);
        assert_eq!(check("UTF-16", "").unwrap(), [0; 0]);
        assert_eq!(check("latin-1", "a"), None);
    }

    #[test]
    fn a_worktree_holds_utf8_and_the_checkout_what_git_would_put_there() {
        let check = |label: &str, bytes: &[u8]| {
            let attributes = format!("*.rc text working-tree-encoding={label}\n");
            let scratch = Scratch::new(&[(".gitattributes", &attributes), ("b.txt", "b\n")]);
            std::fs::write(scratch.root().join("a.rc"), bytes).unwrap();
            scratch.commit("a", &[]);
            assert_eq!(scratch.git(&["show", "HEAD:a.rc"]), "aéc");
            let pool = scratch.pool();
            let worktree = pool.acquire(&scratch.base()).unwrap();
            let file = worktree.root().join("a.rc");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), "aéc", "{label}");
            assert!(pool.collect(&worktree).unwrap().patch.is_empty(), "{label}");
            assert_eq!(git_in(worktree.root(), &["diff", "--stat"]), "", "{label}");
            for (content, stored) in [("aéc!".as_bytes(), "aéc!"), (bytes, "aéc")] {
                std::fs::write(&file, content).unwrap();
                let tree = pool.collect(&worktree).unwrap().tree;
                let is = scratch.repo().read_path_at(&tree, &path("a.rc")).unwrap().unwrap();
                assert_eq!(is, stored.as_bytes(), "{label}");
            }
            let git = scratch.repo().local();
            let index = git.open_index().unwrap();
            let mut encodings = Encodings::of(&git, &index).unwrap();
            let written = encodings.written("a.rc".into(), "aéc".into()).unwrap();
            assert_eq!(written, bytes, "{label}");
        };
        check("UTF-16LE", &[0x61, 0, 0xe9, 0, 0x63, 0]);
        check("UTF-16BE", &[0, 0x61, 0, 0xe9, 0, 0x63]);
        check("UTF-16", &[0xff, 0xfe, 0x61, 0, 0xe9, 0, 0x63, 0]);
    }

    #[test]
    fn what_would_be_read_in_the_wrong_order_is_refused() {
        let attributes = "*.rc working-tree-encoding=UTF-16\n";
        let scratch = Scratch::new(&[(".gitattributes", attributes)]);
        std::fs::write(scratch.root().join("a.rc"), [0xfe, 0xff, 0, 0x61]).unwrap();
        let read = scratch.repo().normalizer().unwrap().read(&path("a.rc"));
        assert!(read.unwrap_err().on_one_line().contains("other order"));
        let pool = scratch.pool();
        let worktree = pool.acquire(&scratch.base()).unwrap();
        std::fs::write(worktree.root().join("a.rc"), [0xfe, 0xff, 0, 0x61]).unwrap();
        assert!(pool.collect(&worktree).unwrap_err().on_one_line().contains("other order"));
    }
}
