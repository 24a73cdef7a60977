//! The file of --watch-container-credentials-config.
#![no_main]

use injection::identity::{ContainerCredentialsKeys, Key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok((keys, _)) = ContainerCredentialsKeys::parse(data) {
        assert!(keys.len() <= data.len());
        assert!(!keys.contains(Key { namespace: "no/namespace", name: "" }) || !keys.is_empty());
    }
});
