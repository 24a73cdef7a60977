//! The ConfigMap: what is read of it is found by its key, and no more.
#![no_main]

use injection::identity::{ConfigMapIdentities, Key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok((entries, _)) = ConfigMapIdentities::parse(text, None) else { return };
    assert!(entries.len() <= text.len());
    for key in text.split('"').filter_map(|word| word.split_once('/')) {
        let found = entries.get(Key { namespace: key.0, name: key.1 });
        assert!(found.is_none() || !entries.is_empty());
    }
});
