use super::*;
use serde_json::{Value, json};

/// One of each kind: they must never be shown as they are.
const ODD: [char; 30] = [
    '\0',
    '\u{7}',
    '\u{8}',
    '\t',
    '\n',
    '\u{b}',
    '\u{c}',
    '\r',
    '\u{1b}',
    '\u{7f}',
    '\u{85}',
    '\u{9b}',
    '\u{ad}',
    '\u{61c}',
    '\u{180e}',
    '\u{200b}',
    '\u{200d}',
    '\u{200e}',
    '\u{200f}',
    '\u{2028}',
    '\u{2029}',
    '\u{202e}',
    '\u{2060}',
    '\u{2066}',
    '\u{2069}',
    '\u{3164}',
    '\u{feff}',
    '\u{ffff}',
    '\u{e0001}',
    '\u{e0100}',
];

#[test]
fn shows_what_would_act_on_a_terminal_as_an_escape() {
    for c in ODD {
        let shown = Printable(format!("a{c}b")).to_string();
        assert!(shown.is_ascii() && shown.starts_with("a\\") && shown.ends_with('b'), "{shown}");
        assert!(shown.chars().all(|c| !is_unprintable(c)), "{shown:?}");
    }
}

#[test]
fn agrees_with_the_standard_library_on_what_can_not_be_shown() {
    // `escape_debug` knows Unicode's categories; it shows the fillers and the
    // selectors, which are invisible letters and marks, and no others.
    let escapes = |c: char| c.escape_debug().count() > 1 && !"\"'\\".contains(c);
    for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
        let is_format = escapes(c)
            && matches!(u32::from(c), 0x80..=0x9f | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfff9..=0xffff | 0xe0001..=0xe007f);
        assert!(!is_format || is_unprintable(c), "{c:?}");
    }
}

#[test]
fn borrows_what_needs_nothing() {
    for text in
        ["", "arn:aws:iam::111122223333:role/app", "größe 中文 \u{1f600}", "a ## b", "# c", r"d\n"]
    {
        assert!(matches!(escaped(text), Cow::Borrowed(same) if same == text), "{text}");
    }
}

#[test]
fn lets_no_value_begin_a_command_of_a_ci_system() {
    for text in
        ["::error::x", " \u{a0}::set-output name=a::b", "a ##[error]x", "##vso[task.x]", "###[e]"]
    {
        let shown = escaped(text);
        assert!(!shown.trim_start().starts_with("::"), "{shown}");
        assert!(!shown.contains("##[") && !shown.contains("##vso["), "{shown}");
    }
}

#[test]
fn escapes_once_what_is_escaped_twice() {
    for c in ODD {
        let text = format!("::{c}##[{c}");
        let once = escaped(&text).into_owned();
        assert_eq!(escaped(&once), once);
    }
}

#[test]
fn ends_a_line_once() {
    assert_eq!(Line(format_args!("{} {}", "a\nb", 1)).to_string(), "a\\nb 1\n");
    assert_eq!(escaped_lines("a\u{1b}\n::b\nc"), "a\\u{1b}\n\\u{3a}:b\nc");
}

#[test]
fn keeps_each_value_in_the_escapes_of_json() {
    let text: String = ODD.iter().chain(&['#', '#', '[', 'é', '\u{1f600}']).collect();
    let value = json!({text.clone(): [text, "::error::"]});
    for document in [value.to_string(), format!("{value:#}")] {
        let written = quoted(&document, Quotes::Json);
        assert!(written.chars().all(|c| c == '\n' || !is_unprintable(c)), "{written:?}");
        assert!(!written.contains("##["), "{written}");
        assert_eq!(serde_json::from_str::<Value>(&written).expect("JSON"), value);
    }
}

#[test]
fn keeps_each_value_in_the_escapes_of_yaml() {
    let text: String = ODD.iter().collect();
    let value = json!(text);
    let written = quoted(&value.to_string(), Quotes::Long).into_owned();
    assert!(written.is_ascii(), "{written:?}");
    assert_eq!(serde_saphyr::from_str::<Value>(&written).expect("YAML"), value);
}

#[test]
fn asks_for_quotes_where_yaml_could_show_it_bare() {
    for value in ["a\u{202e}b", "::x", "a\n  ::error::b", "long ::x", "##[group]", "\u{200b}"] {
        assert!(needs_quotes(value), "{value:?}");
    }
    for value in ["", "a\nb\tc\n", "arn:aws:iam::1", "## A title\n", "a::b"] {
        assert!(!needs_quotes(value), "{value:?}");
    }
}
