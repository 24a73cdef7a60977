//! Text for people: as one line whatever is in it, as words of a shell, and what
//! was likely meant.

#![warn(missing_docs)]
pub mod near;
mod printable;
pub mod shell;
mod words;

pub use printable::{
    Line, Printable, Quotes, escaped, escaped_lines, is_unprintable, needs_quotes, quoted,
};
pub use words::{Word, any_byte};

/// `text` itself, or as much of its start as fits `max` characters with an
/// ellipsis: warnings are to stay under 120 characters. However long the text
/// is, no more than that is looked at.
#[must_use]
pub fn shortened(text: &str, max: usize) -> String {
    // No fewer bytes than characters: nearly every text is done with this.
    if text.len() <= max {
        return text.to_owned();
    }
    let place = |characters: usize| text.char_indices().nth(characters).map(|(place, _)| place);
    match (place(max), place(max.saturating_sub(1))) {
        (Some(_), Some(end)) => format!("{}…", &text[..end]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_by_characters_and_only_what_is_too_long() {
        for (text, short) in
            [("", ""), ("abc", "abc"), ("abcd", "ab…"), ("äöü", "äöü"), ("äöüß", "äö…")]
        {
            assert_eq!(shortened(text, 3), short);
        }
    }
}
