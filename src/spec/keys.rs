//! What a table of keys is. Each kind of document has its tables once; its reader, its JSON Schema
//! and the tables of the manual are held to them.

use strum::{EnumMessage, IntoEnumIterator};

/// The keys of one mapping; made by `keys!`.
#[derive(Debug)]
pub struct Keys {
    /// What messages call the mapping: `task`.
    pub noun: &'static str,
    /// What it is, in a sentence.
    pub about: &'static str,
    pub keys: &'static [Key],
    pub others: Others,
    /// Keys that are right here and that orch has no use for.
    pub foreign: &'static [&'static str],
    /// Keys that have an effect in another document, and none here.
    pub elsewhere: &'static [Key],
    /// What other tools call such keys, in small letters without `-` and `_`, and the key that was
    /// most likely meant; empty for what orch has no key for.
    pub habits: &'static [(&'static str, &'static str)],
}

/// What becomes of keys that are not in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They are kept; what looks like a mistake is reported.
    Kept,
    /// They are reported.
    Refused,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    /// What it means, in a line; the default is not in it.
    pub about: &'static str,
    pub shape: Shape,
    pub is_required: bool,
    pub is_deprecated: bool,
    /// What holds where it is not written, as people read it; empty where nothing does.
    pub default: &'static str,
}

/// What the value of a key looks like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Any scalar.
    Text,
    /// A text that this regular expression fits.
    Matching(&'static str),
    Flag,
    /// `false`, and no other flag.
    Off,
    /// A whole number from the first to the second.
    Count(u32, u32),
    /// A whole number of either sign.
    Integer,
    /// A number from the first to the second.
    Number(f64, f64),
    Duration,
    /// A list of texts, or one alone.
    Texts,
    /// A list of words that is run as it stands, or a line for the shell.
    Command,
    /// One of several words; the name is that of all of them.
    Word(&'static str, WordsOf),
    Map(&'static Keys),
    List(&'static Shape),
    /// A mapping of names to values, by the shapes of both.
    Names(&'static Shape, &'static Shape),
    /// Any of these.
    Forms(&'static [Shape]),
}

/// Takes a bound away.
pub const NONE: Shape = Shape::Word("no_bound", || vec![Word { text: "none", about: "" }]);

/// Gives the words of a choice.
pub type WordsOf = fn() -> Vec<Word>;

/// One word of a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: &'static str,
    /// What it means, as the documentation of the variant has it; empty where it has none.
    pub about: &'static str,
}

/// The words of an enum, with their synonyms.
pub fn words<T: IntoEnumIterator + EnumMessage>() -> Vec<Word> {
    let words_of = |it: T| {
        let about = it.get_documentation().unwrap_or_default();
        it.get_serializations().iter().map(move |text| Word { text, about })
    };
    T::iter().flat_map(words_of).collect()
}

/// The value that a word of [`words`] stands for.
pub fn value_of<T: IntoEnumIterator + EnumMessage>(word: &str) -> Option<T> {
    T::iter().find(|it| it.get_serializations().contains(&word))
}

impl Keys {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.key(name).is_some()
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}

impl Key {
    /// Without name, required by nobody: what `keys!` fills in.
    pub const PLAIN: Self = Self {
        name: "",
        about: "",
        shape: Shape::Text,
        is_required: false,
        is_deprecated: false,
        default: "",
    };
}

impl Shape {
    /// Any count.
    pub const COUNT: Self = Self::Count(0, u32::MAX);
    /// A count that begins with the first.
    pub const POSITIVE: Self = Self::Count(1, u32::MAX);
    /// Any number.
    pub const NUMBER: Self = Self::Number(f64::MIN, f64::MAX);
    /// An amount of something.
    pub const AMOUNT: Self = Self::Number(0.0, f64::MAX);

    /// The forms it can have; one where it is not [`Shape::Forms`].
    pub fn forms(&self) -> &[Shape] {
        match self {
            Self::Forms(forms) => forms,
            one => std::slice::from_ref(one),
        }
    }
}

/// Tables of keys. The comments are what people are told, so they are data, too:
///
/// ```text
/// keys! {
///     /// One unit of work.
///     pub static TASK = "task", Kept [
///         /// Unique in the plan.
///         id [is_required: true]: Text,
///     ];
/// }
/// ```
macro_rules! keys {
    ($(
        $(#[doc = $about:literal])*
        $vis:vis static $table:ident = $noun:literal, $others:ident
        $({ $($field:ident: $list:expr),* $(,)? })?
        [$(
            $(#[doc = $meaning:literal])*
            $key:ident $([$($mark:ident: $to:expr),*])?: $shape:expr
        ),* $(,)?];
    )*) => {$(
        $(#[doc = $about])*
        $vis static $table: $crate::spec::keys::Keys = {
            const KEYS: &[$crate::spec::keys::Key] = &[$(
                $crate::spec::keys::Key {
                    name: stringify!($key),
                    about: concat!($($meaning),*),
                    shape: $shape,
                    $($($mark: $to,)*)?
                    ..$crate::spec::keys::Key::PLAIN
                },
            )*];
            const PLAIN: $crate::spec::keys::Keys = $crate::spec::keys::Keys {
                noun: $noun,
                about: concat!($($about),*),
                keys: KEYS,
                others: $crate::spec::keys::Others::$others,
                foreign: &[],
                elsewhere: &[],
                habits: &[],
            };
            $crate::spec::keys::Keys { $($($field: $list,)*)? ..PLAIN }
        };
    )*};
}
pub(crate) use keys;
