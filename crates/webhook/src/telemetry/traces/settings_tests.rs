use super::*;

/// The settings of these variables, and what is told.
fn told(variables: &[(&str, &str)]) -> (Option<TraceSettings>, Vec<String>) {
    let mut warnings = Vec::new();
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    let settings = read(variables, &mut warnings);
    (settings, warnings)
}

const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

/// With an endpoint: the settings, of which nothing is to be told.
fn settings(others: &[(&str, &str)]) -> TraceSettings {
    let (settings, warnings) = told(&[&[ENDPOINT], others].concat());
    assert_eq!(warnings, [""; 0], "{others:?}");
    settings.expect("traces")
}

fn url(variables: &[(&str, &str)]) -> Option<String> {
    told(variables).0.map(|settings| settings.collector.endpoint.to_string())
}

#[test]
fn are_off_unless_a_collector_is_named() {
    let others = [("PATH", "/bin"), ("OTEL_SERVICE_NAME", "x"), ("OTEL_METRICS_EXPORTER", "otlp")];
    assert_eq!(told(&others), (None, vec![]));
    assert_eq!(told(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]), (None, vec![]));
    for off in [("OTEL_SDK_DISABLED", "True"), ("OTEL_TRACES_EXPORTER", "none")] {
        assert_eq!(told(&[ENDPOINT, off]), (None, vec![]), "{off:?}");
    }
    assert!(settings(&[("OTEL_SDK_DISABLED", "false")]).collector.headers.is_empty());
}

#[test]
fn have_the_endpoint_of_traces_or_the_one_of_all_signals() {
    let all = |value| ("OTEL_EXPORTER_OTLP_ENDPOINT", value);
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://a/b?c");
    for (variables, wanted) in [
        (&[all("http://c:4318")][..], "http://c:4318/v1/traces"),
        (&[all("https://c/otlp/")], "https://c/otlp/v1/traces"),
        (&[all("http://[::1]:4318")], "http://[::1]:4318/v1/traces"),
        // The query is for the collector alone.
        (&[traces], "https://a/b"),
        (&[all("http://c"), traces], "https://a/b"),
        (&[("OTEL_TRACES_EXPORTER", "otlp")], "http://localhost:4318/v1/traces"),
    ] {
        assert_eq!(url(variables).as_deref(), Some(wanted));
    }
}

/// What can't be the way to a collector turns traces off, and never the webhook.
#[test]
fn are_off_where_the_way_to_the_collector_is_wrong_and_that_is_told() {
    for (name, value, said) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", "not an http"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "not an http"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "unix:///socket", "not an http"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c?key=secret", "not an http"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://me:secret@c", "(a URL with a user)"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "set http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "set http/protobuf"),
        ("OTEL_TRACES_EXPORTER", "console,zipkin", "set otlp"),
    ] {
        let (settings, warnings) = told(&[ENDPOINT, (name, value)]);
        assert_eq!(settings, None, "{name}={value}");
        let [warning] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(warning.starts_with(name) && warning.contains(said), "{warning}");
        assert!(warning.contains("traces are off") && !warning.contains("secret"), "{warning}");
    }
    let (settings, warnings) = told(&[("OTEL_EXPORTER_OTLP_HEADERS", "a=b")]);
    let wanted = "traces are off: OTEL_EXPORTER_OTLP_ENDPOINT is not set";
    assert_eq!((settings, warnings), (None, vec![wanted.to_owned()]));
}

/// What is wrong elsewhere is told, and the default used.
#[test]
fn keep_their_defaults_where_a_value_is_wrong_and_that_is_told() {
    let default = settings(&[]);
    for (name, value, said) in [
        ("OTEL_SDK_DISABLED", "yes", "taken for false"),
        ("OTEL_TRACES_EXPORTER", "otlp,console", "otlp alone"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "10000 is used"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0", "10000 is used"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "-1", "30000 is used"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", "uncompressed"),
        ("OTEL_TRACES_SAMPLER", "jaeger_remote", "parentbased_always_on is used"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "99999999", "2048 is used"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096", "from 1 to 2048: 512 is used"),
        ("OTEL_BSP_SCHEDULE_DELAY", "5s", "5000 is used"),
        ("OTEL_PROPAGATORS", "b3", "tracecontext alone"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no value", "left out"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=secret", "left out"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=secret%0a", "left out"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization: Bearer secret", "left out"),
        ("OTEL_EXPORTER_OTLP_HEADERS", ",secret", "left out"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a/secret=", "left out"),
        ("OTEL_RESOURCE_ATTRIBUTES", "=secret", "left out"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=%ff", "left out"),
    ] {
        let (settings, warnings) = told(&[ENDPOINT, (name, value)]);
        assert_eq!(settings.as_ref(), Some(&default), "{name}={value}");
        let [warning] = &warnings[..] else { panic!("{name}={value}: {warnings:?}") };
        assert!(warning.starts_with(name) && warning.contains(said), "{warning}");
        assert!(!warning.contains("secret"), "{warning}");
    }
    let ratio = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
    let (settings, warnings) = told(&[&[ENDPOINT], &ratio[..]].concat());
    let sampling = settings.expect("traces").sampling;
    assert_eq!(sampling, Sampling { parent_based: false, choice: Choice::Ratio(1.0) });
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn take_all_that_is_supported() {
    let headers = settings(&[("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x = y ,,")]);
    let headers = headers.collector.headers;
    assert_eq!(
        (&headers["api-key"], &headers["x"], headers.len()),
        (&"a b".parse().expect("a value"), &"y".parse().expect("a value"), 2)
    );
    let file = settings(&[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.crt")]).collector.ca_file;
    assert_eq!(file, Some(PathBuf::from("/ca.crt")));
    let timeouts = [("OTEL_EXPORTER_OTLP_TIMEOUT", "5000"), ("OTEL_BSP_EXPORT_TIMEOUT", "3000")];
    assert_eq!(settings(&timeouts).timeout, Duration::from_secs(3));
    for (sampler, argument, parent_based, choice) in [
        ("always_on", "", false, Choice::All),
        ("always_off", "", false, Choice::None),
        ("traceidratio", "0.25", false, Choice::Ratio(0.25)),
        ("parentbased_always_on", "", true, Choice::All),
        ("parentbased_always_off", "", true, Choice::None),
        ("parentbased_traceidratio", "0", true, Choice::Ratio(0.0)),
        ("parentbased_traceidratio", "", true, Choice::Ratio(1.0)),
    ] {
        let set = [("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", argument)];
        assert_eq!(settings(&set).sampling, Sampling { parent_based, choice }, "{sampler}");
    }
    let queue = settings(&[("OTEL_BSP_MAX_QUEUE_SIZE", "100"), ("OTEL_BSP_SCHEDULE_DELAY", "200")]);
    let wanted = Queue { spans: 100, batch: 100, delay: Duration::from_millis(200) };
    assert_eq!(queue.queue, wanted);
    let resource = settings(&[
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,k8s.pod.name=p%2C1"),
        ("OTEL_SERVICE_NAME", "webhook"),
    ]);
    let resource: Vec<_> =
        resource.resource.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        resource,
        [("k8s.pod.name", "p,1"), ("service.name", "webhook"), ("service.version", version)]
    );
    settings(&[
        ("OTEL_PROPAGATORS", "tracecontext,baggage"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ]);
}

#[test]
fn tell_of_variables_that_have_no_effect() {
    let (settings, warnings) = told(&[
        ENDPOINT,
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "4"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key"),
        ("OTEL_\u{1b}[2J", "x"),
    ]);
    assert!(settings.is_some());
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    let names = "OTEL_EXPORTER_OTLP_CLIENT_KEY, OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT";
    assert!(warning.contains(names) && !warning.contains('\u{1b}'), "{warning}");
}

#[test]
fn are_bounded_whatever_is_set() {
    let long = "x".repeat(MAX_BYTES + 1);
    let (settings, warnings) = told(&[ENDPOINT, ("OTEL_SERVICE_NAME", &long)]);
    assert_eq!(settings.expect("traces").resource["service.name"], "pod-identity-webhook");
    assert!(warnings[0].starts_with("OTEL_SERVICE_NAME has no effect"), "{warnings:?}");
    let many = (0..2_000).map(|n| format!("a{n}=b")).collect::<Vec<_>>().join(",");
    let many = &many[..MAX_BYTES];
    let (settings, _) = told(&[ENDPOINT, ("OTEL_RESOURCE_ATTRIBUTES", many)]);
    assert_eq!(settings.expect("traces").resource.len(), MAX_ENTRIES + 2);
    let (_, warnings) = told(&[ENDPOINT, ("OTEL_TRACES_SAMPLER", &"y".repeat(1_000))]);
    assert!(warnings[0].len() < 250, "{warnings:?}");
}
