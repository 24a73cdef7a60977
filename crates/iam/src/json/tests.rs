use super::*;

fn mistakes(text: &str) -> Vec<Mistake> {
    read(&Source::new(text)).1
}

fn codes(text: &str) -> Vec<Code> {
    mistakes(text).iter().map(|mistake| mistake.code).collect()
}

/// The text with all mistakes mended, from the last to the first.
fn mended(text: &str) -> String {
    let mut mistakes = mistakes(text);
    mistakes.sort_by_key(|mistake| std::cmp::Reverse(mistake.span.start));
    let mut chars: Vec<char> = text.chars().collect();
    for mistake in mistakes {
        chars.splice(mistake.span, mistake.mended.chars());
    }
    chars.into_iter().collect()
}

#[test]
fn reads_good_json_as_serde_does() {
    for text in [
        r#"{"a": [1, -2.5e3, true, false, null, "x\"\\\/\n\u00e9\ud83d\ude00"], "b": {}}"#,
        "[]",
        " \"\" ",
        "{\"curly in text\": \"\u{201c}quoted\u{201d} \u{2013} it's\"}",
    ] {
        let (node, mistakes) = read(&Source::new(text));
        assert_eq!(mistakes, [], "{text}");
        let wanted: serde_json::Value = serde_json::from_str(text).expect("good JSON");
        assert_eq!(node.to_value(), wanted, "{text}");
    }
}

#[test]
fn names_a_slip_and_mends_it() {
    for (text, code, wanted) in [
        ("{\u{201c}a\u{201d}: 1}", Code::CurlyQuote, r#"{"a": 1}"#),
        ("{\"a\": \"x\u{201d}\n}", Code::CurlyQuote, "{\"a\": \"x\"\n}"),
        ("{'a': 1}", Code::SingleQuote, r#"{"a": 1}"#),
        ("{\"a\":\u{a0}1}", Code::OddSpace, r#"{"a": 1}"#),
        ("{\"a\": 1,}", Code::TrailingComma, r#"{"a": 1}"#),
        ("[1, 2,\n]", Code::TrailingComma, "[1, 2\n]"),
        ("{\"a\": 1\n \"b\": 2}", Code::MissingComma, "{\"a\": 1,\n \"b\": 2}"),
        ("[\"a\" \"b\"]", Code::MissingComma, "[\"a\", \"b\"]"),
        ("{\"a\": \"x,\n\"b\": 1}", Code::MissingQuote, "{\"a\": \"x\",\n\"b\": 1}"),
        ("{\"a: \"x\"}", Code::MissingQuote, "{\"a\": \"x\"}"),
        ("{a\": \"x\"}", Code::MissingQuote, "{\"a\": \"x\"}"),
        ("{b/c:a\" : \"x\"}", Code::MissingQuote, "{\"b/c:a\" : \"x\"}"),
        ("{\"a\": x\"}", Code::MissingQuote, "{\"a\": \"x\"}"),
        ("{a: 1}", Code::MissingQuote, "{\"a\": 1}"),
        ("{\"a\": [\"x]\n}", Code::MissingQuote, "{\"a\": [\"x\"]\n}"),
        ("{\"a\" 1}", Code::MissingColon, "{\"a\" :1}"),
        ("{\"a\": 1", Code::MissingBracket, "{\"a\": 1}"),
        ("{\"a\": [1}", Code::MissingBracket, "{\"a\": [1]}"),
        ("{\"a\": 1} // why", Code::Comment, "{\"a\": 1} "),
        ("{\"a\": 1} more", Code::ExtraText, "{\"a\": 1} "),
        ("{\"a\": \"\\d\"}", Code::BadEscape, "{\"a\": \"\\\\d\"}"),
    ] {
        assert!(codes(text).iter().all(|found| *found == code), "{text}: {:?}", mistakes(text));
        assert!(!codes(text).is_empty(), "{text}");
        let mended = mended(text);
        assert_eq!(mended, wanted, "{text}");
        assert!(serde_json::from_str::<serde_json::Value>(&mended).is_ok(), "{mended}");
    }
}

#[test]
fn names_a_key_that_stands_twice() {
    assert_eq!(codes(r#"{"a": 1, "a": 2}"#), [Code::DuplicateKey]);
}

#[test]
fn ends_on_text_that_is_nothing_like_json() {
    for text in
        ["", "{", "]", "::::", "{{{{", "{,,,:", "\\", "\"\\", "\"\\u12", "{\"a\":\"\\ud800\"}"]
    {
        let _ = mistakes(text);
    }
    let _ = mistakes(&"[".repeat(10_000));
    let _ = mistakes(&"}:,".repeat(10_000));
}

#[test]
fn takes_json_of_the_maximum_depth_and_names_what_is_deeper() {
    for (open, close) in [("[", "]"), ("{\"a\": ", "}"), ("[{\"a\": ", "}]")] {
        let levels = open.matches(['[', '{']).count();
        for inner in ["1", "\"x\"", "null", "[]", "{}"] {
            let own = usize::from(inner.ends_with([']', '}']));
            for depth in [1, DEEPEST / levels - 1, DEEPEST / levels, DEEPEST / levels + 1, 500] {
                let text = open.repeat(depth) + inner + &close.repeat(depth);
                assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok() || depth > 60);
                let wanted: &[Code] =
                    if depth * levels + own > DEEPEST { &[Code::NestedTooDeep] } else { &[] };
                assert_eq!(codes(&text), wanted, "{depth} of {open}{inner}");
            }
        }
    }
    // A mistake before it is told as well, and none behind it.
    let text = format!("{{\"a\" 1, \"b\": {}", "[".repeat(200));
    assert_eq!(codes(&text), [Code::MissingColon, Code::NestedTooDeep]);
}

#[test]
fn a_policy_that_is_nested_too_deep_is_refused_with_the_maximum() {
    for document in
        ["{\"Version\": \"2012-10-17\", \"Statement\": DEEP}", "{\"Role\": DEEP}", "DEEP"]
    {
        let text = document.replace("DEEP", &("[".repeat(200) + &"]".repeat(200)));
        let error = crate::Policy::trust_policy(&text).expect_err("too deep").to_string();
        assert!(error.contains("nested more than 96 levels deep, the maximum"), "{error}");
        assert!(!error.contains("not valid JSON"), "{error}");
    }
}
