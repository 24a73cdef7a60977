//! How a stream wants its lines: with colour or without, and how wide.

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Effects, Style};
use terminal_size::{Width, terminal_size_of};

use crate::platform::AsTerminal;

/// The columns of a terminal that does not tell how many it has.
const UNTOLD: usize = 80;

/// Narrower than this, wrapped lines would be columns of single words.
const NARROWEST: usize = 40;

/// What a word means, which its colour repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::run) enum Tone {
    /// As it should be.
    Good,
    /// Broken.
    Bad,
    /// Not known, or likely not meant.
    Doubtful,
    /// Of no importance now.
    Faint,
    /// To be read first.
    Strong,
}

/// How lines are written: plainly and as long as they are, or for a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) colour: bool,
    /// Columns; none where lines are not wrapped.
    pub(super) width: Option<usize>,
}

impl Look {
    /// Colour as clap decides it too: on a terminal that can, unless `NO_COLOR` is set, and
    /// wherever `CLICOLOR_FORCE` is. Wrapped on terminals alone.
    pub(super) fn of<S: RawStream + AsTerminal>(stream: &S) -> Self {
        let colour = AutoStream::choice(stream) != ColorChoice::Never;
        let width = stream.is_terminal().then(|| {
            let told = terminal_size_of(stream).map(|(Width(width), _)| usize::from(width));
            told.unwrap_or(UNTOLD).max(NARROWEST)
        });
        Self { colour, width }
    }
}

impl Tone {
    pub(super) fn style(self) -> Style {
        let coloured = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        match self {
            Self::Good => coloured(AnsiColor::Green),
            Self::Bad => coloured(AnsiColor::Red).bold(),
            Self::Doubtful => coloured(AnsiColor::Yellow),
            Self::Faint => Style::new().effects(Effects::DIMMED),
            Self::Strong => Style::new().bold(),
        }
    }
}
