use std::process::Command as Process;
use std::time::Duration;

use clap::{Arg, CommandFactory};

use super::*;

/// Every flag that takes a value, with its default and another value.
const VALUES: [(&str, &str, &str); 57] = [
    ("--address", "", "127.0.0.1"),
    ("--port", "443", "8443"),
    ("--metrics-port", "9999", "9998"),
    ("--kubeconfig", "", "/kube/config"),
    ("--kube-api", "", "https://10.0.0.1:6443"),
    ("--tls-cert", "/etc/webhook/certs/tls.crt", "/c/tls.crt"),
    ("--tls-key", "/etc/webhook/certs/tls.key", "/c/tls.key"),
    ("--tls-min-version", "1.2", "VersionTLS13"),
    ("--tls-cipher-suites", "", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    ("--client-ca-file", "", "/c/clients.crt"),
    ("--client-allowed-names", "", "kube-apiserver,other"),
    ("--service-name", "pod-identity-webhook", "webhook"),
    ("--namespace", "eks", "kube-system"),
    ("--tls-secret", "pod-identity-webhook", "certificates"),
    ("--annotation-prefix", "eks.amazonaws.com", "example.com"),
    ("--token-audience", "sts.amazonaws.com", "amazonaws.com"),
    ("--token-mount-path", "/var/run/secrets/eks.amazonaws.com/serviceaccount", "/token"),
    ("--token-expiration", "86400", "3600"),
    ("--aws-default-region", "", "eu-west-1"),
    ("--sts-endpoint-url", "", "https://sts.example.com"),
    ("--allowed-sts-endpoint-urls", "", "https://sts.example.com,https://minio.example.com:9000"),
    ("--watch-container-credentials-config", "", "/etc/identities.json"),
    ("--container-credentials-audience", "pods.eks.amazonaws.com", "pods"),
    (
        "--container-credentials-token-mount-path",
        "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount",
        "/pods",
    ),
    ("--container-credentials-token-volume-name", "eks-pod-identity-token", "pods-token"),
    ("--container-credentials-token-path", "eks-pod-identity-token", "pods-token"),
    ("--container-credentials-full-uri", "http://169.254.170.23/v1/credentials", "http://[::1]/"),
    ("--service-account-lookup-grace-period", "0", "100ms"),
    ("--resync-period", "60s", "1m30s"),
    ("--v", "0", "5"),
    ("--stderrthreshold", "", "INFO"),
    ("--vmodule", "", "handler=2"),
    ("--log_dir", "", "/tmp"),
    ("--log_file", "", "/tmp/log"),
    ("--log_file_max_size", "", "1800"),
    ("--log_backtrace_at", "", ":0"),
    ("--service-accounts", "", "deploy/examples"),
    ("--aws-account-id", "", "111122223333"),
    ("--aws-partition", "", "aws-cn"),
    ("--log-format", "json", "text"),
    ("--max-request-bytes", "8Mi", "1048576"),
    ("--service-account-lookup-timeout", "1s", "0.5s"),
    ("--request-timeout", "10s", "1m"),
    ("--fresh-service-account-window", "10s", "0"),
    ("--webhook-config-name", "pod-identity-webhook", "another"),
    ("--audit-interval", "0", "10m"),
    ("--audit-lease-name", "pod-identity-webhook-audit", "another"),
    ("--ca-lifetime", "8760h", "4380h"),
    ("--cert-lifetime", "720h", "240h"),
    ("--ca-overlap", "5m", "10m"),
    ("--shutdown-delay", "5s", "0"),
    ("--shutdown-timeout", "20s", "1m"),
    // Booleans, written with a value.
    ("--in-cluster", "", "false"),
    ("--sts-regional-endpoint", "false", "true"),
    ("--watch-config-map", "false", "T"),
    ("--compose-role-arn", "false", "1"),
    ("--enable-debugging-handlers", "false", "TRUE"),
];

/// Of klog, without a default.
const KLOG_BOOLEANS: [&str; 6] = [
    "--logtostderr",
    "--alsologtostderr",
    "--skip_headers",
    "--skip_log_headers",
    "--add_dir_header",
    "--one_output",
];

const BOOLEANS: [&str; 5] = [
    "--in-cluster",
    "--sts-regional-endpoint",
    "--watch-config-map",
    "--compose-role-arn",
    "--enable-debugging-handlers",
];

fn parse(args: &[&str]) -> Result<ServeArgs, clap::Error> {
    let matches = help::command().try_get_matches_from([&["/webhook"], args].concat())?;
    let cli = Cli::from_arg_matches(&matches)?;
    let Command::Serve(args) = cli.into_command() else { panic!("not serve") };
    Ok(*args)
}

fn shown(args: &[&str]) -> String {
    format!("{:?}", parse(args).unwrap_or_else(|error| panic!("{args:?}: {error}")))
}

fn flags() -> impl Iterator<Item = Arg> {
    let command = Cli::command();
    let args: Vec<Arg> = command.get_arguments().cloned().collect();
    args.into_iter().filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version"))
}

fn name(arg: &Arg) -> String {
    format!("--{}", arg.get_long().expect("every flag has a long name"))
}

#[test]
fn is_a_command_that_clap_finds_no_fault_with() {
    help::command().debug_assert();
    help::of_program("kubectl podid").debug_assert();
}

#[test]
fn the_tables_here_name_every_flag() {
    let known: Vec<&str> = VALUES.iter().map(|(flag, ..)| *flag).chain(KLOG_BOOLEANS).collect();
    for arg in flags() {
        assert!(known.contains(&name(&arg).as_str()), "{} is in no table", name(&arg));
    }
    assert_eq!(flags().count(), known.len());
}

#[test]
fn has_the_defaults_of_the_go_webhook() {
    for (flag, default, _) in VALUES {
        let arg = flags().find(|arg| name(arg) == flag).expect(flag);
        let defaults: Vec<_> =
            arg.get_default_values().iter().map(|v| v.to_string_lossy()).collect();
        assert_eq!(defaults.concat(), default, "{flag}");
    }
}

#[test]
fn takes_every_flag_in_both_spellings_with_and_without_serve() {
    let plain = shown(&[]);
    for (flag, _, value) in VALUES {
        let joined = format!("{flag}={value}");
        let read = shown(&[&joined]);
        assert_ne!(read, plain, "{flag} changes nothing");
        assert_eq!(shown(&["serve", &joined]), read, "{flag}");
        if !BOOLEANS.contains(&flag) {
            assert_eq!(shown(&[flag, value]), read, "{flag}");
            assert_eq!(shown(&["serve", flag, value]), read, "{flag}");
        }
    }
}

#[test]
fn takes_booleans_bare_and_never_the_word_behind_them() {
    for flag in BOOLEANS.iter().chain(&KLOG_BOOLEANS) {
        let on = shown(&[&format!("{flag}=true")]);
        assert_eq!(shown(&[flag]), on, "{flag}");
        assert_eq!(shown(&[&format!("{flag}=T")]), on, "{flag}");
        assert_ne!(shown(&[&format!("{flag}=false")]), on, "{flag}");
        assert!(parse(&[flag, "false"]).is_err(), "{flag}");
        let error = parse(&[&format!("{flag}=yes")]).expect_err("not a word of Go's");
        assert!(error.to_string().contains("write true or false"), "{error}");
    }
}

#[test]
fn takes_the_verbosity_in_every_spelling() {
    for spelling in [&["-v=5"][..], &["-v", "5"], &["-v5"], &["--v=5"], &["--v", "5"]] {
        assert_eq!(parse(spelling).expect("good").log.verbosity, 5, "{spelling:?}");
    }
}

#[test]
fn counts_the_last_of_a_repeated_flag() {
    for args in [&["--port=1", "--port=2"][..], &["serve", "--port=1", "--port=2"]] {
        assert_eq!(parse(args).expect("good").https.port, 2);
    }
    assert!(
        !parse(&["--watch-config-map", "--watch-config-map=false"])
            .expect("good")
            .source
            .watch_config_map
    );
}

#[test]
fn takes_an_empty_value_where_the_default_is_empty() {
    for (flag, ..) in VALUES.iter().filter(|(flag, default, _)| {
        default.is_empty() && !BOOLEANS.contains(flag) && *flag != "--address"
    }) {
        assert!(parse(&[&format!("{flag}=")]).is_ok(), "{flag}");
    }
}

#[test]
fn says_which_flag_is_wrong_and_why() {
    for (arg, reason) in [
        ("--port=70000", "70000 is not in 0..=65535"),
        ("--port=https", "invalid digit"),
        ("--shutdown-delay=5", "not a duration: write it as 100ms"),
        ("--max-request-bytes=8MB", "not a number of bytes"),
        ("--log-format=xml", "json, text"),
        ("--address=localhost", "invalid IP address"),
        ("--token-expiration=1h", "invalid digit"),
    ] {
        let error = parse(&[arg]).expect_err(arg);
        let (flag, value) = arg.split_once('=').expect("a flag and its value");
        let text = error.to_string();
        assert!(text.starts_with(&format!("error: invalid value '{value}' for '{flag}")), "{text}");
        assert!(text.contains(reason), "{text}");
    }
    for unknown in ["--webhook-prot=1", "-logtostderr", "extra"] {
        assert!(parse(&[unknown]).expect_err(unknown).use_stderr());
    }
}

#[test]
fn shows_an_error_of_the_configuration_as_its_own() {
    let error = usage_error(&["serve"], &"'--port' is odd");
    assert!(error.to_string().starts_with("error: '--port' is odd"), "{error}");
    assert!(error.to_string().contains("Usage: pod-identity-webhook serve "), "{error}");
    assert!(error.use_stderr());
}

#[test]
fn groups_the_help_of_serve_by_what_the_flags_are_for() {
    let mut cli = help::command();
    let help = cli.find_subcommand_mut("serve").expect("a command").render_long_help().to_string();
    for heading in
        ["HTTPS server,", "ServiceAccounts come", "Shutdown:", "Logging", "no effect here:"]
    {
        assert!(help.contains(heading), "{help}");
    }
    for arg in flags() {
        assert!(arg.get_help_heading().is_some(), "{}", name(&arg));
        assert!(help.contains(&name(&arg)), "{}", name(&arg));
    }
}

#[test]
fn tells_its_version() {
    let told = help::command().try_get_matches_from(["/webhook", "--version"]);
    let told = told.expect_err("it tells and ends");
    assert_eq!(told.to_string(), concat!("pod-identity-webhook ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(!told.use_stderr());
}

#[test]
fn names_environment_variables_by_one_rule_that_no_service_can_produce() {
    for arg in flags() {
        let env = arg.get_env().expect("every flag has one").to_string_lossy().into_owned();
        let flag = name(&arg);
        let upper = flag.trim_start_matches('-').replace('-', "_").to_uppercase();
        assert_eq!(env, format!("PODID_{upper}"), "{flag}");
    }
}

/// A process cannot safely change its own environment beside other threads, so
/// the test runs itself again in one that has the variables.
#[test]
fn takes_every_flag_from_the_environment_and_nothing_from_service_links() {
    let args: Vec<String> =
        VALUES.iter().map(|(flag, _, value)| format!("{flag}={value}")).collect();
    let expected = shown(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let mut process = Process::new(std::env::current_exe().expect("this test"));
    process.args(["--exact", "cli::tests::within_the_environment", "--ignored"]);
    for (flag, _, value) in VALUES {
        let upper = flag.trim_start_matches('-').replace('-', "_").to_uppercase();
        process.env(format!("PODID_{upper}"), value);
    }
    for (variable, value) in [
        ("POD_IDENTITY_WEBHOOK_SERVICE_HOST", "10.0.0.1"),
        ("POD_IDENTITY_WEBHOOK_SERVICE_PORT", "443"),
        ("POD_IDENTITY_WEBHOOK_PORT", "tcp://10.0.0.1:443"),
        ("POD_IDENTITY_WEBHOOK_PORT_443_TCP", "tcp://10.0.0.1:443"),
        ("POD_IDENTITY_WEBHOOK_PORT_443_TCP_PROTO", "tcp"),
        ("POD_IDENTITY_WEBHOOK_PORT_443_TCP_PORT", "443"),
        ("POD_IDENTITY_WEBHOOK_PORT_443_TCP_ADDR", "10.0.0.1"),
    ] {
        process.env(variable, value);
    }
    let output = process.env(EXPECTED, expected).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// What the flags that many commands have are called, and what they take.
#[test]
fn a_flag_means_the_same_in_every_command() {
    const SHARED: [(&str, Option<char>, &[&str]); 8] = [
        ("output", Some('o'), &["FORMAT", "WHAT"]),
        ("namespace", Some('n'), &["NAME"]),
        ("kubeconfig", None, &["PATH"]),
        ("context", None, &["NAME"]),
        ("ca-file", None, &["FILE"]),
        ("audience", None, &["AUDIENCE"]),
        ("service-account", None, &["NAMESPACE/NAME"]),
        ("out", None, &["DIR", "PATH"]),
    ];
    fn leaves(command: &clap::Command) -> Vec<&clap::Command> {
        let inner: Vec<_> = command.get_subcommands().flat_map(leaves).collect();
        if inner.is_empty() { vec![command] } else { inner }
    }
    let cli = Cli::command();
    // The flags of `serve` are the Go webhook's.
    for command in leaves(&cli).into_iter().filter(|it| it.get_name() != "serve") {
        for arg in command.get_arguments() {
            let names = arg.get_long_and_visible_aliases().unwrap_or_default();
            for (name, short, takes) in SHARED.iter().filter(|(name, ..)| names.contains(name)) {
                let what = format!("{} --{name}", command.get_name());
                assert_eq!(arg.get_short(), *short, "{what}");
                let value = arg.get_value_names().unwrap_or_default();
                assert!(takes.contains(&value[0].as_str()), "{what} takes {value:?}");
            }
        }
    }
}

const EXPECTED: &str = "EXPECTED_ARGUMENTS";

#[test]
#[ignore = "run by the test above, in the environment that it prepares"]
fn within_the_environment() {
    assert_eq!(shown(&[]), std::env::var(EXPECTED).expect("the test above sets it"));
    assert_eq!(shown(&["serve"]), shown(&[]));
    // A flag wins over its variable.
    assert_eq!(
        parse(&["--port=1", "--shutdown-delay=2s"])
            .map(|args| { (args.https.port, args.lifecycle.shutdown_delay) })
            .expect("good"),
        (1, Duration::from_secs(2))
    );
}
