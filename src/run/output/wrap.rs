//! Prose in lines of a terminal's width, broken between words alone: URLs, and
//! commands with all their arguments, stay whole so that they can be copied.

use textwrap::core::Word;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// What begins a command in a text, if words follow.
const PROGRAMS: [&str; 10] = [
    "kubectl",
    "aws",
    "helm",
    "openssl",
    "curl",
    "kubeadm",
    "make",
    "pod-identity-webhook",
    "terraform",
    "npx",
];

/// The text in lines of `width` columns, the first of which has `used` columns
/// already; the others begin with `indent` spaces.
pub(super) fn wrapped(text: &str, width: usize, used: usize, indent: usize) -> String {
    let first = " ".repeat(used);
    let others = " ".repeat(indent);
    let options = Options::new(width)
        .initial_indent(&first)
        .subsequent_indent(&others)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
        .word_separator(WordSeparator::Custom(words));
    let filled = textwrap::fill(text, options);
    filled.get(used..).unwrap_or_default().to_owned()
}

/// Columns that a text takes.
pub(super) fn columns(text: &str) -> usize {
    textwrap::core::display_width(text)
}

/// What is not to be broken: single words, and commands.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut rest = line;
    Box::new(std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = rest.split_at(piece_end(rest));
        rest = after;
        Some(Word::from(piece))
    }))
}

/// Where the first word with the spaces behind it ends, or the first command.
fn piece_end(text: &str) -> usize {
    let mut end = word_end(text);
    let first = text[..end].trim_end();
    let quoted = first.starts_with('`') && !first[1..].contains('`') && text[end..].contains('`');
    let bare = first.trim_start_matches(['(', '`', '"']);
    if !quoted && !PROGRAMS.contains(&bare) {
        return end;
    }
    if quoted {
        loop {
            let next = end + word_end(&text[end..]);
            let word = &text[end..next];
            end = next;
            if word.contains('`') || end == text.len() {
                return end;
            }
        }
    }
    // A name with nothing behind it that could be an argument is a name.
    if !is_argument(&text[end..]) {
        return end;
    }
    // A quote that nothing closes is an apostrophe.
    command_end(text, end, true).unwrap_or_else(|| command_end(text, end, false).unwrap_or(end))
}

/// Where the arguments end that begin here: at punctuation, or with the text. Nothing where that is
/// within quotes.
fn command_end(text: &str, begin: usize, has_quotes: bool) -> Option<usize> {
    let (mut end, mut single, mut double) = (begin, false, false);
    while end < text.len() {
        let next = end + word_end(&text[end..]);
        let word = text[end..next].trim_end();
        end = next;
        single ^= word.matches('\'').count() % 2 == 1;
        double ^= word.matches('"').count() % 2 == 1;
        let is_open = has_quotes && (single || double);
        if !is_open && word.ends_with([';', ',', ':', ')', '`']) {
            return Some(end);
        }
    }
    (!has_quotes || !(single || double)).then_some(end)
}

/// The first word behind a program's name: a sub-command or an option.
fn is_argument(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase() || c == '-' || c == '"' || c == '\'')
}

fn word_end(text: &str) -> usize {
    let word = text.find(' ').unwrap_or(text.len());
    let spaces = text[word..].find(|c| c != ' ').unwrap_or(text.len() - word);
    word + spaces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        words(text).map(|word| word.word.to_owned()).collect()
    }

    #[test]
    fn keeps_commands_and_urls_in_one_piece() {
        let text =
            "create it: kubectl create serviceaccount -n demo app; then see https://a.b/c?d=e f";
        assert_eq!(
            pieces(text),
            [
                "create",
                "it:",
                "kubectl create serviceaccount -n demo app;",
                "then",
                "see",
                "https://a.b/c?d=e",
                "f"
            ]
        );
        assert_eq!(
            pieces("(aws iam get-role --role-name 'a, b') x"),
            ["(aws iam get-role --role-name 'a, b')", "x"]
        );
        assert_eq!(pieces("run `make x y` now"), ["run", "`make x y`", "now"]);
        assert_eq!(pieces("the aws Account"), ["the", "aws", "Account"]);
        assert_eq!(pieces("kubectl"), ["kubectl"]);
    }

    #[test]
    fn a_quote_that_nothing_closes_ends_no_wrapping() {
        assert_eq!(pieces("the `a b"), ["the", "`a", "b"]);
        assert_eq!(pieces("run `a b` or `c d"), ["run", "`a b`", "or", "`c", "d"]);
        assert_eq!(
            pieces("kubectl get pods don't, and more"),
            ["kubectl get pods don't,", "and", "more"]
        );
        assert_eq!(pieces("aws s3 ls \"a, and b: c"), ["aws s3 ls \"a,", "and", "b:", "c"]);
    }

    /// The processor's time of this thread, in nanoseconds.
    fn used() -> u64 {
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
        told.split(' ').next().and_then(|it| it.parse().ok()).expect("a number")
    }

    #[test]
    fn looks_at_a_word_a_few_times_however_long_the_text_is() {
        for piece in [
            "`a ",
            "kubectl get 'a ",
            "kubectl get \"a, ",
            "kubectl a' \"b, ",
            "`",
            "a ",
            "kubectl ",
            "(aws 'x' ",
        ] {
            let once = |size: usize| {
                let text = piece.repeat(size);
                let before = used();
                assert!(words(&text).count() > 0);
                used() - before
            };
            let best = |size| (0..3).map(|_| once(size)).min().unwrap_or_default();
            // Four times the text costs four times as much; quadratic cost is sixteen times.
            let (some, fourfold) = (best(20_000), best(80_000));
            assert!(fourfold < 9 * some.max(8_000_000), "{piece}: {some} ns, {fourfold} ns");
        }
    }

    #[test]
    fn begins_the_next_line_below_the_first_one_s_text() {
        assert_eq!(wrapped("one two three four", 14, 6, 6), "one two\n      three\n      four");
        assert_eq!(wrapped("a", 14, 6, 6), "a");
        let long = "https://example.com/a-very-long-path";
        assert_eq!(wrapped(&format!("a {long} b"), 14, 2, 2), format!("a\n  {long}\n  b"));
    }

    #[test]
    fn loses_nothing_however_narrow() {
        let text =
            "run kubectl -n demo get pods -o 'a b'; or \u{1f642}\u{1f642} `x  y` and so on,  twice";
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        for width in 1..100 {
            for used in [0, 5, 30] {
                assert_eq!(plain(&wrapped(text, width, used, 3)), plain(text), "{width} {used}");
            }
        }
    }
}
