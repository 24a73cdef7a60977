//! The texts that people read, side by side in files under `tests/golden`, so
//! that a change to one of them is seen and read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Holds `text` to the file `tests/golden/NAME`.
pub(crate) fn check(name: &str, text: &str) {
    let path = package().join("tests/golden").join(name);
    let text: String = text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect();
    golden::check(&path, &text, "cargo test --lib golden");
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The sources below `folder`, without those of tests.
fn sources(folder: &Path) -> Vec<String> {
    let mut sources = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).expect("a folder of the package");
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if is_for_tests(&path) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(path).expect("UTF-8 text");
                let tests = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
                sources.push(text[..tests].to_owned());
            }
        }
    }
    sources
}

fn is_for_tests(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem.starts_with("test") || stem.ends_with("_tests")
}

/// The arguments of each call in `source` that begins with `opening`, such as
/// `info!(`.
fn calls<'s>(source: &'s str, opening: &str) -> Vec<Vec<&'s str>> {
    let starts = source.match_indices(opening);
    let starts = starts.filter(|(at, _)| {
        let before = source[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    });
    starts.map(|(at, _)| arguments(&source[at + opening.len()..])).collect()
}

/// What stands before the parenthesis that closes, split at its commas.
fn arguments(source: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    let (mut all, mut start) = (Vec::new(), 0);
    for (at, c) in source.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ',' if depth == 0 => {
                all.push(source[start..at].trim());
                start = at + 1;
            }
            ')' if depth == 0 => {
                all.push(source[start..at].trim());
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    all.retain(|argument| !argument.is_empty());
    all
}

/// A literal's text, on one line.
fn literal(argument: &str) -> Option<String> {
    let text = argument.strip_prefix('"')?.strip_suffix('"')?;
    let lines = text.split("\\\n").map(str::trim_start);
    Some(lines.collect::<String>().replace("\\\"", "\""))
}

/// The names of an event's fields.
fn fields(arguments: &[&str]) -> Vec<String> {
    let name = |argument: &&str| {
        let name = argument.split_once(" = ").map_or(*argument, |(name, _)| name);
        name.trim_start_matches(['%', '?']).to_owned()
    };
    arguments.iter().filter(|argument| !argument.starts_with("target:")).map(name).collect()
}

/// Every message of the log: a phrase that can be searched for. What differs
/// from line to line is in its fields.
#[test]
fn golden_log_messages() {
    let mut all = BTreeSet::new();
    let folders = ["src", "crates/webhook/src"].map(|folder| package().join(folder));
    for source in folders.iter().flat_map(|folder| sources(folder)) {
        let of_a_level = ["error", "warn", "info", "debug", "trace"].map(|level| {
            let calls = calls(&source, &format!("{level}!("));
            calls.into_iter().map(move |arguments| (level, arguments))
        });
        // The admission's line names its level first.
        let lines = calls(&source, "line!(").into_iter();
        let lines = lines.map(|mut arguments| (arguments.remove(0), arguments));
        for (level, arguments) in of_a_level.into_iter().flatten().chain(lines) {
            let last = arguments.iter().rposition(|argument| argument.starts_with('"'));
            let last = last.unwrap_or_else(|| panic!("{level}!({arguments:?}) has no message"));
            let message = literal(arguments[last]).expect("a literal");
            let first = message.split([' ', '\'']).next().unwrap_or_default();
            let is_phrase = message.len() <= 72
                && !message.contains(['{', ';'])
                && !message.ends_with('.')
                && (first.to_lowercase() == first || first.to_uppercase() == first);
            assert!(is_phrase, "not a short lower-case phrase with fields: {message:?}");
            let fields = fields(&arguments[..last]).join(", ");
            all.insert(format!("{message:<60}  {level:<5}  {fields}\n"));
        }
    }
    check("log-messages.txt", &all.into_iter().collect::<String>());
}

/// Every text of an error that is made of a type: what failed, why, what to do.
#[test]
fn golden_errors() {
    let mut all = BTreeSet::new();
    let crates =
        ["arn", "certificates", "diagnosis", "iam", "injection", "issuer", "text", "webhook"];
    let crates = crates.map(|name| package().join("crates").join(name).join("src"));
    let folders: Vec<PathBuf> = crates.into_iter().chain([package().join("src")]).collect();
    for source in folders.iter().flat_map(|folder| sources(folder)) {
        for arguments in calls(&source, "error(") {
            let text = arguments.first().and_then(|text| literal(text));
            all.extend(text.map(|text| format!("{text}\n")));
        }
    }
    check("errors.txt", &all.into_iter().collect::<String>());
}
