use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

fn registry() -> Registry {
    Registry::new().expect("a registry")
}

fn has(registry: &Registry, line: &str) {
    let text = registry.render();
    assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
}

#[test]
fn tells_the_version() {
    let info = concat!("pod_identity_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1");
    has(&registry(), info);
}

#[test]
#[cfg(target_os = "linux")]
fn tells_of_its_process() {
    let text = registry().render();
    assert!(text.contains("process_resident_memory_bytes "), "{text}");
    assert!(text.contains("process_open_fds "), "{text}");
}

#[test]
fn reads_what_is_counted_elsewhere_at_each_scrape_and_adds_nothing() {
    let registry = registry();
    let total = Arc::new(AtomicU64::new(3));
    let read = Arc::clone(&total);
    registry.read_counter("total", "A total.", move || read.load(Ordering::Relaxed)).expect("new");
    has(&registry, "# TYPE total counter");
    has(&registry, "total 3");
    has(&registry, "total 3");
    total.store(5, Ordering::Relaxed);
    has(&registry, "total 5");
}

#[test]
fn reads_one_family_for_several_who_differ_by_their_label() {
    let registry = registry();
    let read = |value| move || value;
    for (word, value) in [("one", Some(1_u64)), ("two", Some(2)), ("unknown", None)] {
        registry
            .read_gauge_where_known("age", "An age.", Some(("of", word)), read(value))
            .expect("another label");
    }
    let text = registry.render();
    assert_eq!(text.matches("# HELP age An age.\n").count(), 1, "{text}");
    has(&registry, r#"age{of="one"} 1"#);
    has(&registry, r#"age{of="two"} 2"#);
    assert!(!text.contains("unknown"), "{text}");
}

#[test]
fn takes_a_name_once() {
    let registry = registry();
    registry.counter("total", "A total.").expect("new");
    registry.counter("total", "A total.").expect_err("taken");
    registry.read_counter("total", "Another.", || 1).expect_err("taken");
}

#[test]
fn counts_by_the_values_of_an_enum_from_zero() {
    let registry = registry();
    let (all, words): (_, fn(usize) -> _) = ([0, 1], |value| [["no", "yes"][value]]);
    let counters =
        Counters::register(&registry, ("total", "A total."), ["is"], all, words, |value| value)
            .expect("new");
    has(&registry, r#"total{is="no"} 0"#);
    counters.inc(1);
    counters.add(1, 2);
    assert_eq!((counters.get(0), counters.get(1)), (0, 3));
    has(&registry, r#"total{is="yes"} 3"#);
}
