use super::*;

fn metrics() -> Metrics {
    Metrics::new().expect("names and labels are in order")
}

fn has(metrics: &Metrics, line: &str) {
    let text = metrics.render();
    assert!(text.lines().any(|found| found == line), "no line {line:?} in\n{text}");
}

#[test]
fn the_index_of_a_label_is_its_place() {
    for (place, value) in labels::endpoint_outcomes().enumerate() {
        assert_eq!(labels::index(value), place, "{value:?}");
    }
    for (place, kind) in WarningKind::ALL.into_iter().enumerate() {
        assert_eq!(labels::kind_index(kind), place, "{kind:?}");
    }
    let places = |places: &[usize]| assert!(places.iter().copied().eq(0..places.len()));
    places(&labels::METHODS.map(|value| value as usize));
    places(&LiveLookup::ALL.map(|value| value as usize));
    places(&EventResult::ALL.map(|value| value as usize));
    places(&Watched::ALL.map(|value| value as usize));
    places(&Rejection::ALL.map(|value| value as usize));
    places(&Reload::ALL.map(|value| value as usize));
}

#[test]
fn every_series_is_there_from_the_start() {
    let text = metrics().render();
    let mut expected = vec![
        "pod_identity_denied_total 0".to_owned(),
        "pod_identity_bad_requests_unlogged_total 0".to_owned(),
        "pod_identity_service_accounts_known 0".to_owned(),
        "pod_identity_service_accounts_annotated 0".to_owned(),
        "pod_identity_service_accounts_ready 0".to_owned(),
        "pod_identity_config_map_entries 0".to_owned(),
        "pod_identity_config_map_errors_total 0".to_owned(),
        "pod_identity_container_credentials_identities 0".to_owned(),
        "pod_identity_certificate_not_after_timestamp_seconds 0".to_owned(),
        "pod_identity_open_connections 0".to_owned(),
        "pod_identity_webhook_used 0".to_owned(),
        "pod_identity_webhook_missing_sa_count 0".to_owned(),
        r#"pod_identity_webhook_pod_count{method="container_credentials"} 0"#.to_owned(),
        r#"pod_identity_webhook_pod_count{method="sts_web_identity"} 0"#.to_owned(),
        r#"http_request_count{code="200",path="/mutate",verb="POST"} 0"#.to_owned(),
        r#"http_request_count{code="200",path="/mutate/required",verb="POST"} 0"#.to_owned(),
        r#"http_request_count{code="200",path="/healthz",verb="GET"} 0"#.to_owned(),
        concat!("pod_identity_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1")
            .to_owned(),
    ];
    for endpoint in ["mutate", "required"] {
        for outcome in Outcome::ALL {
            expected.push(format!(
                r#"pod_identity_admissions_total{{endpoint="{endpoint}",outcome="{outcome}"}} 0"#
            ));
        }
        expected.push(format!(
            r#"pod_identity_admission_duration_seconds_count{{endpoint="{endpoint}"}} 0"#
        ));
        expected.push(format!(
            r#"pod_identity_admission_duration_seconds_bucket{{endpoint="{endpoint}",le="0.0001"}} 0"#
        ));
    }
    for kind in WarningKind::ALL {
        let kind = kind.as_str();
        expected.push(format!(r#"pod_identity_admission_warnings_total{{kind="{kind}"}} 0"#));
    }
    for result in ["found", "not-found", "failed"] {
        expected.push(format!(r#"pod_identity_live_lookups_total{{result="{result}"}} 0"#));
    }
    for reason in ["queue-full", "timeout"] {
        expected
            .push(format!(r#"pod_identity_live_lookup_rejections_total{{reason="{reason}"}} 0"#));
    }
    for result in ["sent", "present", "dropped"] {
        expected.push(format!(r#"pod_identity_events_total{{result="{result}"}} 0"#));
    }
    for resource in ["service-accounts", "config-map", "secret", "webhook-configurations"] {
        expected.push(format!(r#"pod_identity_watch_relists_total{{resource="{resource}"}} 0"#));
        expected.push(format!(r#"pod_identity_watch_errors_total{{resource="{resource}"}} 0"#));
        expected.push(format!(r#"pod_identity_watch_silences_total{{resource="{resource}"}} 0"#));
    }
    for result in ["loaded", "failed"] {
        expected.push(format!(r#"pod_identity_certificate_reloads_total{{result="{result}"}} 0"#));
        expected.push(format!(
            r#"pod_identity_container_credentials_reloads_total{{result="{result}"}} 0"#
        ));
        expected.push(format!(r#"pod_identity_client_ca_reloads_total{{result="{result}"}} 0"#));
    }
    for reason in Rejection::ALL {
        let reason = reason.as_str();
        expected.push(format!(r#"pod_identity_client_rejections_total{{reason="{reason}"}} 0"#));
    }
    let lines: Vec<&str> = text.lines().collect();
    for line in expected {
        assert!(lines.contains(&line.as_str()), "no line {line:?} in\n{text}");
    }
}

#[test]
fn counts_an_admission_under_its_endpoint_and_outcome() {
    let metrics = metrics();
    metrics.admission(Endpoint::Required, Outcome::BadRequest, Duration::from_micros(300));
    metrics.warnings(WarningKind::LookupFailed, 1);
    assert_eq!(metrics.admissions(Endpoint::Required, Outcome::BadRequest), 1);
    assert_eq!(metrics.admissions(Endpoint::Mutate, Outcome::BadRequest), 0);
    has(&metrics, r#"pod_identity_admissions_total{endpoint="required",outcome="bad-request"} 1"#);
    has(
        &metrics,
        r#"pod_identity_admission_duration_seconds_bucket{endpoint="required",le="0.00025"} 0"#,
    );
    has(
        &metrics,
        r#"pod_identity_admission_duration_seconds_bucket{endpoint="required",le="0.0005"} 1"#,
    );
    has(&metrics, r#"pod_identity_admission_warnings_total{kind="lookup-failed"} 1"#);
}

#[test]
fn counts_requests_by_names_of_its_own_choice() {
    let metrics = metrics();
    for (method, path, code) in [
        ("POST", "/mutate", 200),
        ("POST", "/mutate", 415),
        ("GET", "/healthz", 200),
        ("BREW", "/../etc/passwd", 404),
        ("BREW", "/another", 404),
    ] {
        metrics.peer.request(Verb::of(method), Path::of(path), code);
    }
    has(&metrics, r#"http_request_count{code="200",path="/mutate",verb="POST"} 1"#);
    has(&metrics, r#"http_request_count{code="415",path="/mutate",verb="POST"} 1"#);
    has(&metrics, r#"http_request_count{code="200",path="/healthz",verb="GET"} 1"#);
    has(&metrics, r#"http_request_count{code="404",path="other",verb="other"} 2"#);
}

#[test]
fn asks_the_hooks_at_each_scrape() {
    let metrics = metrics();
    metrics.on_scrape(|metrics| {
        metrics.accounts.known.inc();
        metrics.accounts.live_lookups.raise_to(LiveLookup::Found, 7);
        metrics.accounts.config_map_errors.raise_to(3);
    });
    let _ = metrics.render();
    has(&metrics, "pod_identity_service_accounts_known 2");
    has(&metrics, r#"pod_identity_live_lookups_total{result="found"} 7"#);
    has(&metrics, "pod_identity_config_map_errors_total 3");
}

#[test]
#[cfg(target_os = "linux")]
fn tells_of_its_process() {
    let text = metrics().render();
    assert!(text.contains("process_resident_memory_bytes "), "{text}");
    assert!(text.contains("process_open_fds "), "{text}");
}

#[test]
fn keeps_to_the_rules_for_names() {
    for line in metrics().render().lines().filter(|line| line.starts_with("# TYPE pod_identity_")) {
        let words: Vec<&str> = line.split(' ').collect();
        let (name, kind) = (words[2], words[3]);
        if !name.starts_with("pod_identity_webhook_") {
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
        }
    }
}

#[test]
fn counts_a_total_once_however_many_scrapes_meet() {
    const SCRAPES: usize = 4;
    const ROUNDS: u64 = 5_000;
    let metrics = metrics();
    let start = std::sync::Barrier::new(SCRAPES);
    std::thread::scope(|threads| {
        for _ in 0..SCRAPES {
            threads.spawn(|| {
                for total in 1..=ROUNDS {
                    start.wait();
                    metrics.accounts.config_map_errors.raise_to(total);
                    metrics.accounts.live_lookups.raise_to(LiveLookup::Found, total);
                }
            });
        }
    });
    assert_eq!(metrics.accounts.config_map_errors.get(), ROUNDS);
    assert_eq!(metrics.accounts.live_lookups.get(LiveLookup::Found), ROUNDS);
}

#[test]
fn a_total_never_falls() {
    let total = Total::of(IntCounter::new("n", "n").expect("a counter"));
    for seen in [3, 2, 5, 5] {
        total.raise_to(seen);
    }
    assert_eq!(total.get(), 5);
}
