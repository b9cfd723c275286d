//! Where output goes: data to stdout, all else to stderr, each with its own choice of colour.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, IsTerminal, Write};

use clap::builder::styling::{AnsiColor, Color, Style};

use crate::host::error::Error;
use crate::ui::exit::Exit;
use crate::ui::report;
use crate::ui::text::outgoing;

/// What `--color` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal that is not dumb, unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    /// Whether to colour a stream. `no_color` is the value of `NO_COLOR`; an empty one is unset.
    pub fn is_on(self, is_terminal: bool, no_color: Option<&str>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => is_terminal && no_color.is_none_or(str::is_empty),
        }
    }
}

/// What `--format` says: how data is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
    Dot,
    Mermaid,
}

/// How text is dressed: `paint` gives it back plain where colour is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    pub colored: bool,
}

/// What a piece of text is; colour never carries meaning alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Bad,
    Caution,
    Active,
    Faint,
    Strong,
}

impl Paint {
    /// Text without colour.
    pub const PLAIN: Self = Self { colored: false };

    pub fn paint<T: fmt::Display>(self, tone: Tone, text: T) -> String {
        if !self.colored {
            return text.to_string();
        }
        let style = style_of(tone);
        format!("{style}{text}{style:#}")
    }
}

fn style_of(tone: Tone) -> Style {
    let colored = |color: AnsiColor| Style::new().fg_color(Some(Color::Ansi(color)));
    match tone {
        Tone::Good => colored(AnsiColor::Green),
        Tone::Bad => colored(AnsiColor::Red).bold(),
        Tone::Caution => colored(AnsiColor::Yellow),
        Tone::Active => colored(AnsiColor::Cyan),
        Tone::Faint => Style::new().dimmed(),
        Tone::Strong => Style::new().bold(),
    }
}

/// Why a command could not do what was asked.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for something that is not there.
    Usage { message: String, help: Option<String> },
    /// The machine failed.
    Machine(Error),
    /// The reader of stdout went away before there was a result; a success.
    BrokenPipe,
}

/// What a command ends with.
pub type Ran = Result<Exit, Failure>;

impl Failure {
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: None }
    }

    pub fn usage_with_help(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: Some(help.into()) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error.is_users {
            return Self::Usage { message: error.to_string(), help: error.help };
        }
        Self::Machine(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::Machine(Error::because("writing output", error)),
        }
    }
}

/// The two streams and how to write to them.
pub struct Shell {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    out_paint: Paint,
    err_paint: Paint,
    is_quiet: bool,
    is_err_terminal: bool,
    /// Whether somebody is at the terminal, of whichever kind, who can be asked.
    is_attended: bool,
    is_out_terminal: bool,
    width: usize,
    format: Format,
}

impl Shell {
    /// The process's own streams.
    pub fn of_process(color: ColorChoice, is_quiet: bool) -> Self {
        let no_color = std::env::var("NO_COLOR").ok();
        let (out, err) = (io::stdout(), io::stderr());
        // Such a terminal shows lines and nothing else.
        let is_dumb = is_dumb(std::env::var_os("TERM").as_deref());
        let is_err_terminal = err.is_terminal() && !is_dumb;
        let paint = |is_terminal| Paint { colored: color.is_on(is_terminal, no_color.as_deref()) };
        Self {
            out_paint: paint(out.is_terminal() && !is_dumb),
            is_out_terminal: out.is_terminal(),
            err_paint: paint(is_err_terminal),
            out: Box::new(io::BufWriter::new(out)),
            err: Box::new(err),
            is_quiet,
            is_err_terminal,
            is_attended: io::stderr().is_terminal() && io::stdin().is_terminal(),
            width: width_of_terminal(),
            format: Format::Text,
        }
    }

    /// Streams of a test: no colour, 100 columns.
    pub fn of_writers(out: impl Write + 'static, err: impl Write + 'static) -> Self {
        Self {
            out: Box::new(out),
            err: Box::new(err),
            out_paint: Paint::PLAIN,
            err_paint: Paint::PLAIN,
            is_quiet: false,
            is_err_terminal: false,
            is_attended: false,
            is_out_terminal: false,
            width: 100,
            format: Format::Text,
        }
    }

    /// What `--format` asked for.
    pub fn with_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    pub fn format(&self) -> Format {
        self.format
    }

    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Data.
    pub fn data(&mut self, text: &str) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.out.write_all(text.as_bytes())?,
            _ => self.out.write_all(outgoing(text, self.out_paint.colored).as_bytes())?,
        }
        Ok(())
    }

    /// Raw bytes of data, such as a transcript.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.out.write_all(bytes)?)
    }

    /// A line for people, on stderr; nothing with `-q`.
    pub fn note(&mut self, text: &str) -> Result<(), Failure> {
        if self.is_quiet {
            return Ok(());
        }
        self.urgent(text)
    }

    /// A line for people that `-q` does not silence.
    pub fn urgent(&mut self, text: &str) -> Result<(), Failure> {
        self.out.flush()?;
        // Nobody left to read stderr is no reason to stop working.
        let _ = writeln!(self.err, "{}", outgoing(text, self.err_paint.colored));
        Ok(())
    }

    /// Asks a person, who says no by anything but `y`; false where none is at the terminal.
    pub fn asks(&mut self, question: &str) -> Result<bool, Failure> {
        if !self.is_attended || self.is_quiet || self.is_json() {
            return Ok(false);
        }
        self.out.flush()?;
        let _ = write!(self.err, "{question} [y/N] ");
        let _ = self.err.flush();
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// `warning: ...` on stderr.
    pub fn warn(&mut self, text: &str) -> Result<(), Failure> {
        let head = self.err_paint.paint(Tone::Caution, "warning");
        self.urgent(&format!("{head}: {text}"))
    }

    pub fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }

    pub fn out_paint(&self) -> Paint {
        self.out_paint
    }

    pub fn err_paint(&self) -> Paint {
        self.err_paint
    }

    pub fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Whether stderr is a terminal that can redraw lines.
    pub fn is_err_terminal(&self) -> bool {
        self.is_err_terminal
    }

    /// Whether a person reads stdout at once.
    pub fn is_out_terminal(&self) -> bool {
        self.is_out_terminal
    }

    /// Columns to write in.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Ends a command: says what went wrong and gives the exit code.
    pub fn conclude(&mut self, ran: Ran) -> Exit {
        let failure = match ran.and_then(|exit| exit_with(exit, self.flush())) {
            Ok(exit) => return exit,
            Err(failure) => failure,
        };
        let (text, exit) = match failure {
            Failure::BrokenPipe => return Exit::Success,
            Failure::Usage { message, help } => {
                (report::usage_text(&message, help.as_deref(), self.err_paint), Exit::BadDocuments)
            }
            Failure::Machine(error) => {
                (report::error_text(&error, self.err_paint), Exit::MachineFailed)
            }
        };
        // A second failure of stdout has nothing to add.
        let _ = self.out.flush();
        let _ = self.err.write_all(outgoing(&text, self.err_paint.colored).as_bytes());
        exit
    }
}

/// How a command that told its result ends: the same whether or not somebody read it.
pub fn exit_with(exit: Exit, written: Result<(), Failure>) -> Ran {
    match written {
        Ok(()) | Err(Failure::BrokenPipe) => Ok(exit),
        Err(failure) => Err(failure),
    }
}

/// Whether `TERM` says that lines are all the terminal can show.
fn is_dumb(term: Option<&OsStr>) -> bool {
    term.is_none_or(|term| term.is_empty() || term == "dumb")
}

/// Rows of the terminal on stderr as it is now; 24 where that is not known.
pub fn rows_of_terminal() -> usize {
    rows_of(io::stderr()).ok().filter(|&rows| rows > 0).unwrap_or(24)
}

/// Columns of the terminal on stderr or stdout, within what is readable; 100 where there is none.
fn width_of_terminal() -> usize {
    let of = |size: std::io::Result<usize>| size.ok().filter(|&columns| columns > 0);
    let columns = of(columns_of(io::stderr())).or_else(|| of(columns_of(io::stdout())));
    columns.unwrap_or(100).clamp(40, 160)
}

#[cfg(unix)]
fn columns_of(stream: impl std::os::fd::AsFd) -> io::Result<usize> {
    Ok(usize::from(rustix::termios::tcgetwinsize(stream)?.ws_col))
}

#[cfg(unix)]
fn rows_of(stream: impl std::os::fd::AsFd) -> io::Result<usize> {
    Ok(usize::from(rustix::termios::tcgetwinsize(stream)?.ws_row))
}

#[cfg(not(unix))]
fn rows_of<T>(_stream: T) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn columns_of<T>(_stream: T) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_flag_then_no_color_then_the_terminal() {
        let check = |choice: ColorChoice, terminal, no_color| choice.is_on(terminal, no_color);
        assert!(check(ColorChoice::Always, false, Some("1")));
        assert!(!check(ColorChoice::Never, true, None));
        assert!(check(ColorChoice::Auto, true, None));
        assert!(check(ColorChoice::Auto, true, Some("")));
        assert!(!check(ColorChoice::Auto, true, Some("1")));
        assert!(!check(ColorChoice::Auto, false, None));
    }

    #[test]
    fn a_terminal_of_unknown_kind_is_dumb() {
        let check = |term: Option<&str>| is_dumb(term.map(OsStr::new));
        assert!(check(None) && check(Some("")) && check(Some("dumb")));
        assert!(!check(Some("xterm-256color")));
    }

    #[test]
    fn a_closed_pipe_is_a_success_and_a_full_disk_is_not() {
        let check = |kind: io::ErrorKind| {
            let mut shell = Shell::of_writers(io::sink(), io::sink());
            shell.conclude(Err(Failure::from(io::Error::from(kind))))
        };
        assert_eq!(check(io::ErrorKind::BrokenPipe), Exit::Success);
        assert_eq!(check(io::ErrorKind::StorageFull), Exit::MachineFailed);
    }

    #[test]
    fn what_nobody_reads_is_no_success() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let mut shell = Shell::of_writers(Gone, io::sink());
        let written = shell.data("1 error\n");
        assert_eq!(shell.conclude(exit_with(Exit::BadDocuments, written)), Exit::BadDocuments);
        assert_eq!(shell.conclude(Ok(Exit::Unfinished)), Exit::Unfinished);
    }
}
