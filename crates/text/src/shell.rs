//! Words and options of the commands that are printed for a shell: what is
//! pasted runs with the very values that were meant, whatever they hold.

use std::fmt::{self, Display, Write as _};

use crate::escaped;

/// A word that bash, zsh, dash and every other POSIX shell read as this value.
/// `printf` writes characters that can't be shown: dash has no `$'...'`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a>(pub &'a str);

/// An option and its value. One that begins with a dash is joined to its
/// option, so that no program takes it for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt<'a>(pub &'a str, pub &'a str);

/// An option joined to its value by `=`: its name stays without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag<'a>(pub &'a str);

/// A path of a file: never taken for an option either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePath<'a>(pub &'a str);

/// A document as one quoted word that keeps its lines. It has been through
/// [`quoted`](crate::quoted).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document<'a>(pub &'a str);

impl Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match shlex::try_quote(self.0) {
            Ok(word) if escaped(&word) == word => f.write_str(&word),
            // What shlex leaves as it is, and NUL, which no shell takes.
            _ => f.write_str(&printed(self.0)),
        }
    }
}

impl Display for Opt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name, value) = self;
        let between = if value.starts_with('-') { '=' } else { ' ' };
        write!(f, "{name}{between}{}", Word(value))
    }
}

impl Display for Flag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_name = |name: &str| {
            name.starts_with("--") && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        match self.0.split_once('=').filter(|(name, _)| is_name(name)) {
            Some((name, value)) => write!(f, "{name}={}", Word(value)),
            None => Word(self.0).fmt(f),
        }
    }
}

impl Display for FilePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.starts_with('-') {
            return Word(&format!("./{}", self.0)).fmt(f);
        }
        Word(self.0).fmt(f)
    }
}

impl Display for Document<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('\'')?;
        f.write_str(&self.0.replace('\'', r"'\''"))?;
        f.write_char('\'')
    }
}

/// A command that prints the value, in its place. What a CI system would read as its
/// command is broken up too.
fn printed(value: &str) -> String {
    // The shell drops line breaks at the end of what a command prints.
    let text = value.trim_end_matches('\n');
    let mut out = "\"$(printf '".to_owned();
    for (index, c) in text.chars().enumerate() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            '%' => out.push_str("%%"),
            ' '..='~' if !"#:'".contains(c) && (index, c) != (0, '-') => out.push(c),
            // As bytes, since \u depends on the shell's locale. Three digits:
            // they end whatever follows.
            _ => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| {
                // Writing to a `String` can't fail.
                let _ = write!(out, "\\{byte:03o}");
            }),
        }
    }
    out.push_str("')\"");
    if text.len() < value.len() {
        out.push('\'');
        out.push_str(&value[text.len()..]);
        out.push('\'');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_plain_words_alone_and_quotes_others() {
        for (value, word) in [
            ("issuer/keys.json", "issuer/keys.json"),
            ("https://a.b/c", "https://a.b/c"),
            ("my docs", "'my docs'"),
            ("", "''"),
            ("$(x)", "'$(x)'"),
            ("a\nb\u{1b}'\\", r#""$(printf 'a\nb\033\047\\')""#),
            ("\u{202e}1", r#""$(printf '\342\200\2561')""#),
            ("##[error]", r#""$(printf '\043\043[error]')""#),
            ("-1%\u{200b}\n\n", "\"$(printf '\\0551%%\\342\\200\\213')\"'\n\n'"),
        ] {
            assert_eq!(Word(value).to_string(), word);
        }
    }

    #[test]
    fn gives_nobody_an_option_for_a_value() {
        assert_eq!(Opt("--bucket", "a").to_string(), "--bucket a");
        assert_eq!(Opt("--bucket", "-a b").to_string(), "--bucket='-a b'");
        assert_eq!(Flag("--issuer=https://a/b c").to_string(), "--issuer='https://a/b c'");
        assert_eq!(Flag("--a b=c").to_string(), "'--a b=c'");
        assert_eq!(FilePath("-o/x").to_string(), "./-o/x");
        assert_eq!(FilePath("o/-x").to_string(), "o/-x");
    }

    #[test]
    fn keeps_the_lines_of_a_document() {
        assert_eq!(Document("{\n\"it's\"\n}").to_string(), "'{\n\"it'\\''s\"\n}'");
    }
}
