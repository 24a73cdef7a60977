//! The annotations of a ServiceAccount, one to a line as KEY=VALUE, and the
//! lists of container names.
#![no_main]

use injection::identity::{
    AllowedStsEndpoints, ServiceAccountReader, StsEndpoint, each_container_name, token_expiration,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    if let Some(read) = ServiceAccountReader::default().read(pairs.clone()) {
        for warning in &read.warnings {
            assert!(warning.message().len() < 1024, "a long warning: {warning}");
        }
    }
    for (key, value) in pairs {
        if let Ok(endpoint) = StsEndpoint::read(value) {
            let text = endpoint.as_str();
            assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\@%?#".contains(&byte)));
            let mut allowed = AllowedStsEndpoints::default();
            allowed.allow(&endpoint);
            assert!(allowed.contains(&endpoint));
            // Whatever stands behind the host, the origin stays.
            let with_path = format!("{}/x", text.trim_end_matches('/'));
            if let Ok(longer) = StsEndpoint::read(&with_path) {
                assert!(allowed.contains(&longer), "{with_path}");
            }
        }
        let _ = each_container_name(key, value, |name| {
            assert!(!name.is_empty() && name.len() <= value.len());
        });
        if let Ok(expiration) = token_expiration(key, value) {
            assert!((600..=1 << 32).contains(&expiration.seconds()));
        }
    }
});
