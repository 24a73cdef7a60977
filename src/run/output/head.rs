//! What a line begins with: a few words that say what it is, some with colour.

use std::fmt::Write as _;

use text::escaped;

use super::look::Tone;
use super::wrap::columns;

/// The first words of a line. Lines that a terminal wraps go on below the text behind it.
#[derive(Clone, Debug, Default)]
pub(in crate::run) struct Head {
    parts: Vec<(Option<Tone>, String)>,
    /// Wrapped lines go on here rather than below the text.
    hanging: Option<usize>,
}

/// A head as text.
#[derive(Clone, Debug, Default)]
pub(super) struct ShownHead {
    /// As it was made up.
    pub(super) plain: String,
    /// Each part escaped, and in its colour.
    pub(super) styled: String,
    pub(super) hanging: Option<usize>,
}

impl Head {
    pub(in crate::run) fn new() -> Self {
        Self::default()
    }

    /// A word and the space behind it. Lines go on two columns from the left.
    pub(in crate::run) fn word(mut self, tone: Tone, word: &str) -> Self {
        self.parts.push((Some(tone), word.to_owned()));
        self.parts.push((None, " ".to_owned()));
        self.hanging = Some(2);
        self
    }

    /// What begins a line that somebody may want to know.
    pub(in crate::run) fn note() -> Self {
        Self::new().word(Tone::Faint, "note:")
    }

    /// A column: the text, at least as wide as `width`, and two spaces.
    pub(in crate::run) fn column(mut self, tone: Option<Tone>, text: &str, width: usize) -> Self {
        let missing = width.saturating_sub(columns(&escaped(text)));
        self.parts.push((tone, text.to_owned()));
        self.parts.push((None, " ".repeat(missing + 2)));
        self
    }

    /// Text as it is.
    pub(in crate::run) fn text(mut self, text: &str) -> Self {
        self.parts.push((None, text.to_owned()));
        self
    }

    /// Text with a colour.
    pub(in crate::run) fn tone(mut self, tone: Tone, text: &str) -> Self {
        self.parts.push((Some(tone), text.to_owned()));
        self
    }

    /// Where wrapped lines go on.
    pub(in crate::run) fn hanging(mut self, columns: usize) -> Self {
        self.hanging = Some(columns);
        self
    }

    pub(super) fn shown(self) -> ShownHead {
        let mut shown = ShownHead { hanging: self.hanging, ..ShownHead::default() };
        for (tone, text) in self.parts {
            match tone {
                Some(tone) => {
                    let style = tone.style();
                    // Writing to a `String` can't fail.
                    let _ = write!(shown.styled, "{style}{}{style:#}", escaped(&text));
                }
                None => shown.styled.push_str(&escaped(&text)),
            }
            shown.plain.push_str(&text);
        }
        shown
    }
}
