//! Manifests: what is read as YAML and written is read as the same again.
#![no_main]

use injection::identity::Manifests;
use injection::workloads::{read, templates, to_yaml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Manifests::parse(text);
    let Ok(documents) = read(text) else { return };
    for document in &documents {
        let _ = templates(document);
        let Ok(written) = to_yaml(document) else { continue };
        let again = read(&written).expect("our own YAML");
        assert_eq!(again.first(), Some(document).filter(|it| !it.is_null()), "{written}");
    }
});
