//! Text for people: as one line whatever is in it, and as words of a shell.

mod printable;
pub mod shell;

pub use printable::{
    Line, Printable, Quotes, escaped, escaped_lines, is_unprintable, needs_quotes, quoted,
};

/// `text` itself, or as much of its start as fits `max` characters with an
/// ellipsis: warnings are to stay under 120 characters.
#[must_use]
pub fn shortened(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    format!("{kept}…")
}
