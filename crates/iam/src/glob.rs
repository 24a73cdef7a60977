//! IAM's wildcards: `*` for any text, `?` for one character.

/// A pattern, taken apart. Text between wildcards matches itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    One(char),
    AnyOne,
    Any,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Self {
        Self(text.chars().map(Piece::from_char).collect())
    }

    pub(super) fn from_pieces(pieces: Vec<Piece>) -> Self {
        Self(pieces)
    }

    /// Linear in memory, and at worst the product of both lengths in time.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut at, mut piece) = (0, 0);
        // Where to go on if the last `*` has to take one character more.
        let mut retry: Option<(usize, usize)> = None;
        while at < text.len() {
            match self.0.get(piece) {
                Some(Piece::Any) => {
                    retry = Some((piece + 1, at));
                    piece += 1;
                }
                Some(Piece::AnyOne) => {
                    at += 1;
                    piece += 1;
                }
                Some(Piece::One(c)) if *c == text[at] => {
                    at += 1;
                    piece += 1;
                }
                _ => {
                    let Some((after, from)) = retry else { return false };
                    retry = Some((after, from + 1));
                    (piece, at) = (after, from + 1);
                }
            }
        }
        self.0[piece..].iter().all(|rest| *rest == Piece::Any)
    }
}

impl Piece {
    pub(super) fn from_char(c: char) -> Self {
        match c {
            '*' => Self::Any,
            '?' => Self::AnyOne,
            c => Self::One(c),
        }
    }
}

/// Whether the text has wildcards.
pub(super) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_iam_documents() {
        for (pattern, text, wanted) in [
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("*b*b*", "abab", true),
            ("sts:AssumeRole*", "sts:AssumeRoleWithWebIdentity", true),
            ("sts:AssumeRole?", "sts:AssumeRole", false),
            ("a?c", "a\u{e9}c", true),
            ("system:serviceaccount:*:app", "system:serviceaccount:a:b:app", true),
            ("A", "a", false),
        ] {
            assert_eq!(Pattern::new(pattern).matches(text), wanted, "{pattern} {text}");
        }
    }
}
