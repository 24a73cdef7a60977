//! Characters that word processors put in the place of quotes and spaces.

pub(super) fn is_double(c: char) -> bool {
    matches!(
        c,
        '"' | '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}' | '\u{2033}' | '\u{2036}' | '\u{ff02}'
    )
}

pub(super) fn is_single(c: char) -> bool {
    matches!(c, '\'' | '\u{2018}'..='\u{201b}' | '`' | '\u{2032}')
}

pub(super) fn is_quote(c: char) -> bool {
    is_double(c) || is_single(c)
}

/// Whether `c` ends text that `open` began. Text in straight quotes may hold
/// others; text in curly ones ends at the first, as whoever typed it meant.
pub(super) fn closes(open: char, c: char) -> bool {
    if open == '"' {
        c == '"'
    } else if is_single(open) {
        is_single(c)
    } else {
        is_double(c)
    }
}

pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}
