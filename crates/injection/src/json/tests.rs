use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;

/// All that the types of a review are made of.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "compared by what Debug shows")]
struct Wanted<'a> {
    #[serde(borrow, default)]
    text: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    raw: Option<Raw<'a>>,
    #[serde(borrow, default)]
    raw_value: Option<&'a RawValue>,
    #[serde(default)]
    truth: Option<bool>,
    #[serde(default)]
    number: Option<i64>,
    #[serde(default)]
    ignored: Option<IgnoredAny>,
    #[serde(default)]
    any: Option<Value>,
    #[serde(borrow, default)]
    list: Option<Vec<Wanted<'a>>>,
    #[serde(borrow, default)]
    object: Option<Box<Wanted<'a>>>,
}

const NAMES: [&str; 11] = [
    "text",
    "raw",
    "raw_value",
    "truth",
    "number",
    "ignored",
    "any",
    "list",
    "object",
    "other",
    "näme",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[a-z\"\\\\\n]{0,20}".prop_map(Value::from),
        // As long as some windows of the reader, and full of escapes.
        "[a\"\\\\]{0,300}".prop_map(Value::from),
        "(\\\\{0,70}[\"a/\u{1}]){0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((select(&NAMES), inner), 0..5)
                .prop_map(|all| all.into_iter().map(|(name, it)| (name.to_owned(), it)).collect()),
        ]
    })
}

/// JSON, nearly always: written in one of two ways, then broken in places.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let bytes = select(b"{}[]\",:\\ \n\t019-+.eEtruefalsn\x00\x1f\x7f\x80\xc3\xff".to_vec());
    let change = (any::<Index>(), 0..3_u8, bytes);
    (value(), any::<bool>(), vec(change, 0..4)).prop_map(|(value, pretty, changes)| {
        let text =
            if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
        let mut text = text.expect("a value can be written");
        for (at, how, byte) in changes {
            let at = at.index(text.len() + 1);
            match how {
                0 => text.insert(at, byte),
                1 if at < text.len() => text[at] = byte,
                _ if at < text.len() => drop(text.remove(at)),
                _ => {}
            }
        }
        text
    })
}

/// Where the fast reader reads, `serde_json` reads the same.
fn agrees<'a, T: Deserialize<'a> + std::fmt::Debug>(text: &'a [u8]) -> Result<bool, TestCaseError> {
    let (fast, judged) = (from_slice::<T>(text), serde_json::from_slice::<T>(text));
    if let Ok(fast) = &fast {
        let shown = String::from_utf8_lossy(text);
        let judged = judged.map_err(|error| TestCaseError::fail(format!("{error}: {shown}")))?;
        prop_assert_eq!(format!("{fast:?}"), format!("{judged:?}"), "{}", shown);
    }
    Ok(fast.is_ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn takes_nothing_that_serde_json_refuses_and_reads_the_same(text in text()) {
        agrees::<Wanted<'_>>(&text)?;
        agrees::<Value>(&text)?;
        agrees::<Vec<Option<String>>>(&text)?;
    }

    #[test]
    fn skips_exactly_what_serde_json_skips(text in text()) {
        let fast = agrees::<IgnoredAny>(&text)?;
        let is_compact = str::from_utf8(&text).is_ok_and(|text| {
            let text = text.trim_end_matches([' ', '\n', '\r', '\t']);
            !text.contains(|c: char| c == ' ' || c.is_control())
        });
        if is_compact {
            prop_assert_eq!(fast, serde_json::from_slice::<IgnoredAny>(&text).is_ok());
        }
    }

    #[test]
    fn needs_no_help_with_what_a_machine_writes(values in vec(value(), 0..8)) {
        let text = serde_json::to_vec(&values).expect("a value can be written");
        prop_assert!(agrees::<IgnoredAny>(&text)?);
        prop_assert!(agrees::<Vec<Value>>(&text)?);
    }

    #[test]
    fn writes_strings_as_any_reader_reads_them(text in any::<String>()) {
        let mut written = String::new();
        push_string(&mut written, &text);
        prop_assert_eq!(serde_json::from_str::<String>(&written).expect("JSON"), text);
    }
}

#[test]
fn takes_what_is_usual_itself() {
    let text = br#"{"text":"a","raw":{"b":[1,2.5e-3]},"truth":true,"number":-7,"object":{"list":[{"text":"no \"plain\" one"}],"any":null}} "#;
    let read = from_slice::<Wanted<'_>>(text).expect("it is sure of this");
    assert_eq!(read.text.as_deref(), Some("a"));
    assert_eq!(read.raw.map(Raw::get), Some(r#"{"b":[1,2.5e-3]}"#));
    let list = read.object.and_then(|it| it.list).expect("a list");
    assert_eq!(list[0].text.as_deref(), Some("no \"plain\" one"));
}

#[test]
fn leaves_what_is_rare_to_serde_json() {
    for text in [
        r#"{"text":"a","text":"b"}"#,
        r#"{"text": "a"}"#,
        r#" {"text":"a"}"#,
        r"[null,null]",
        r#"{"text":"a"} x"#,
        r#"{"text":"a",}"#,
        r#"{"text":01}"#,
        "{\"text\":\n\"a\"}",
        "",
    ] {
        assert!(from_slice::<Wanted<'_>>(text.as_bytes()).is_err(), "{text}");
    }
    // The innermost holds nothing, and is skipped without going deeper.
    let deep = |depth| [vec![b'['; depth], vec![b']'; depth]].concat();
    assert!(from_slice::<IgnoredAny>(&deep(63)).is_ok());
    assert!(from_slice::<IgnoredAny>(&deep(64)).is_err());
    assert!(serde_json::from_slice::<IgnoredAny>(&deep(64)).is_ok());
}
