//! Where our reader of JSON reads a text, serde_json reads the same of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "compared by what Debug shows")]
struct Wanted<'a> {
    #[serde(borrow, default)]
    text: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    raw: Option<&'a RawValue>,
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

fuzz_target!(|data: &[u8]| {
    if let Ok(ours) = injection::json::from_slice::<Wanted<'_>>(data) {
        let theirs = serde_json::from_slice::<Wanted<'_>>(data).expect("we read what is no JSON");
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    }
});
