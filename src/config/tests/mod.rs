mod values;

use clap::{CommandFactory as _, Parser};

use super::*;
use crate::cli::{Cli, Command};
use crate::tls::clients::AllowedNames;
use crate::tls::settings::MinVersion;
use certificates::{Lifetimes, Names, Params};
use injection::identity::{AllowedStsEndpoints, AnnotationKeys, Defaults, Expiration, StsEndpoint};

fn read(args: &[&str]) -> Result<(Config, Vec<String>), ConfigError> {
    let cli = Cli::try_parse_from([&["/webhook"], args].concat());
    let Command::Serve(args) = cli.expect("clap takes them").into_command() else {
        panic!("not serve");
    };
    Config::from_args(*args)
}

/// With the files of `--tls-cert` and `--tls-key`, as all of these tests need.
fn with(args: &[&str]) -> (Config, Vec<String>) {
    read(&[&["--in-cluster=false"], args].concat()).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(args: &[&str]) -> String {
    let read = read(&[&["--in-cluster=false"], args].concat());
    read.map(|(config, _)| config).expect_err("it must be refused").to_string()
}

#[test]
fn has_the_defaults_of_the_go_webhook() {
    let (config, warnings) = with(&[]);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(
        config,
        Config {
            https: Https {
                address: None,
                port: 443,
                certificate: Certificate::Files(PairPaths {
                    certificate: "/etc/webhook/certs/tls.crt".into(),
                    key: "/etc/webhook/certs/tls.key".into(),
                }),
                tls: tls::settings::TlsSettings::default(),
                clients: None,
                max_request_bytes: 8 << 20,
            },
            admin: Admin { address: None, port: 9999, debugging_handlers: false },
            source: Source::Cluster {
                kubeconfig: None,
                kube_api: None,
                request_timeout: Some(Duration::from_secs(10)),
            },
            lookup: Lookup {
                timeout: Duration::from_secs(1),
                fresh_window: Duration::from_secs(10),
            },
            identity: Identity {
                role_names: RoleNames::AsWritten,
                namespace: "eks".to_owned(),
                watch_config_map: false,
                container_credentials_file: None,
            },
            policy: AdmissionSettings::default(),
            continuous_audit: None,
            lifecycle: Lifecycle {
                shutdown_delay: Duration::from_secs(5),
                shutdown_timeout: Duration::from_secs(20),
            },
            traces: None,
            pod_name: None,
            log: logs::LogSettings { format: logs::Format::Json, verbosity: 0 },
        }
    );
}

#[test]
fn takes_the_command_line_of_the_upstream_manifest() {
    let (config, warnings) = with(&[
        "--namespace=default",
        "--service-name=pod-identity-webhook",
        "--annotation-prefix=eks.amazonaws.com",
        "--token-audience=sts.amazonaws.com",
        "--logtostderr",
    ]);
    assert_eq!(config, with(&["--namespace=default"]).0);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("no effect: --logtostderr"), "{warnings:?}");
}

#[test]
fn takes_the_command_line_of_the_kops_addon() {
    let (config, warnings) = with(&[
        "--namespace=kube-system",
        "--service-name=pod-identity-webhook",
        "--annotation-prefix=eks.amazonaws.com",
        "--token-audience=amazonaws.com",
        "--logtostderr",
        "--watch-config-map",
        "--sts-regional-endpoint",
        "--aws-default-region=eu-central-1",
        "--v=5",
    ]);
    assert!(config.identity.watch_config_map);
    assert_eq!(config.identity.namespace, "kube-system");
    assert_eq!(
        config.policy.defaults,
        Defaults {
            audience: "amazonaws.com".to_owned(),
            token_expiration: Expiration::DEFAULT,
            regional_sts: true,
            region: Some("eu-central-1".to_owned()),
            sts_endpoint: None,
        }
    );
    assert_eq!((config.https.port, config.log.verbosity), (443, 5));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn takes_the_command_line_of_the_community_chart() {
    let (config, _) = with(&[
        "--annotation-prefix=example.com",
        "--token-audience=sts.amazonaws.com",
        "--sts-regional-endpoint=true",
        "--port=8443",
        "--metrics-port=9999",
        "--aws-default-region=us-east-1",
        "--logtostderr",
    ]);
    assert_eq!((config.https.port, config.admin.port), (8443, 9999));
    assert_eq!(config.policy.settings.keys, AnnotationKeys::new("example.com"));
    assert!(config.policy.defaults.regional_sts);
}

#[test]
fn manages_certificates_inside_the_cluster_unless_told_otherwise() {
    for args in [&[][..], &["--in-cluster"], &["--in-cluster=true"]] {
        let (config, _) = read(args).expect("good");
        let names =
            Names { service: "pod-identity-webhook".to_owned(), namespace: "eks".to_owned() };
        let params = Params {
            names,
            secret: "pod-identity-webhook".to_owned(),
            lifetimes: Lifetimes::default(),
        };
        let configurations = vec!["pod-identity-webhook".to_owned()];
        assert_eq!(config.https.certificate, Certificate::Managed { params, configurations });
    }
    let (config, _) = read(&["--webhook-config-name=a", "--webhook-config-name=b"]).expect("good");
    let Certificate::Managed { configurations, .. } = config.https.certificate else {
        panic!("not managed");
    };
    assert_eq!(configurations, ["a", "b"]);
}

#[test]
fn refuses_lifetimes_that_no_rotation_fits_into() {
    let error = read(&["--ca-lifetime=10m", "--cert-lifetime=5m"]).expect_err("an overlap of 5m");
    assert!(error.to_string().contains("--ca-lifetime"), "{error}");
}

#[test]
fn needs_no_cluster_with_files() {
    let (config, warnings) = read(&["--service-accounts", "deploy/examples"]).expect("good");
    assert_eq!(config.source, Source::Files("deploy/examples".into()));
    assert_eq!(warnings, Vec::<String>::new());
    let (config, warnings) = read(&["--service-accounts=x", "--in-cluster"]).expect("good");
    assert_eq!(config.source, Source::Files("x".into()));
    assert!(warnings[0].contains("--in-cluster=true has no effect"), "{warnings:?}");
}

#[test]
fn takes_one_source_only_and_empty_values_for_none() {
    for (flag, value) in [("--kubeconfig", "/k"), ("--kube-api", "https://h")] {
        let error = refused(&["--service-accounts=x", &format!("{flag}={value}")]);
        assert!(error.contains(flag) && error.contains("--service-accounts"), "{error}");
    }
    let (config, _) = with(&["--kubeconfig=", "--kube-api=", "--service-accounts=x"]);
    assert_eq!(config.source, Source::Files("x".into()));
    let (config, _) =
        with(&["--kubeconfig=/k", "--kube-api=https://h:6443", "--service-accounts="]);
    assert_eq!(
        config.source,
        Source::Cluster {
            kubeconfig: Some("/k".into()),
            kube_api: Some("https://h:6443".to_owned()),
            request_timeout: Some(Duration::from_secs(10)),
        }
    );
}

#[test]
fn decides_what_completes_a_role_name() {
    let account =
        |partition, id| RoleNames::InAccount(Account::new(partition, id).expect("a good account"));
    let metadata = |partition: Option<&str>| RoleNames::FromInstanceMetadata {
        partition: partition.map(str::to_owned),
    };
    let id = "--aws-account-id=111122223333";
    for (args, expected) in [
        (&[][..], RoleNames::AsWritten),
        (&["--compose-role-arn"], metadata(None)),
        (&["--compose-role-arn", "--aws-account-id=", "--aws-partition="], metadata(None)),
        (&["--compose-role-arn", "--aws-partition=aws-cn"], metadata(Some("aws-cn"))),
        (&["--compose-role-arn", id], account("aws", "111122223333")),
        (
            &["--compose-role-arn", id, "--aws-default-region=cn-north-1"],
            account("aws-cn", "111122223333"),
        ),
        (
            &["--compose-role-arn", id, "--aws-default-region=cn-north-1", "--aws-partition=aws"],
            account("aws", "111122223333"),
        ),
    ] {
        assert_eq!(with(args).0.identity.role_names, expected, "{args:?}");
    }
    assert!(with(&[id]).1[0].contains("--compose-role-arn"));
}

#[test]
fn replaces_the_lookup_timeout_by_a_grace_period_above_zero() {
    let timeout = |args| with(args).0.lookup.timeout;
    assert_eq!(timeout(&["--service-account-lookup-timeout=2s"]), Duration::from_secs(2));
    let both =
        ["--service-account-lookup-timeout=2s", "--service-account-lookup-grace-period=100ms"];
    assert_eq!(timeout(&both), Duration::from_millis(100));
}

#[test]
fn reads_versions_and_suites_of_tls() {
    for (value, version, warnings) in [
        ("1.2", MinVersion::Tls12, 0),
        ("VersionTLS13", MinVersion::Tls13, 0),
        ("1.0", MinVersion::Tls12, 1),
    ] {
        let (config, told) = with(&[&format!("--tls-min-version={value}")]);
        assert_eq!((config.https.tls.min_version, told.len()), (version, warnings), "{value}");
    }
    let (_, told) = with(&["--tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, A"]);
    assert!(told[0].contains("A in --tls-cipher-suites"), "{told:?}");
}

#[test]
fn takes_the_names_of_clients_with_their_authorities_alone() {
    let clients = |args| with(args).0.https.clients;
    assert_eq!(clients(&["--client-ca-file=", "--client-allowed-names="]), None);
    let any = clients(&["--client-ca-file=/c/ca.crt"]).expect("clients");
    assert_eq!((any.ca_file, any.allowed_names), ("/c/ca.crt".into(), None));
    let named = clients(&["--client-ca-file=/c/ca.crt", "--client-allowed-names=a, b,"]);
    assert_eq!(named.expect("clients").allowed_names, AllowedNames::parse("a,b"));
    let error = refused(&["--client-allowed-names=a"]);
    assert!(error.contains("'--client-allowed-names' needs '--client-ca-file'"), "{error}");
    let error = refused(&["--client-ca-file=/c/ca.crt", "--client-allowed-names=,"]);
    assert!(error.starts_with("invalid value ',' for '--client-allowed-names'"), "{error}");
}

#[test]
fn says_what_has_no_effect_or_another_one() {
    for (args, words) in [
        (&["--v=2", "--log_dir=/x", "--skip_headers"][..], "no effect: --log_dir, --skip_headers:"),
        (&["--resync-period=5m"], "--resync-period has no effect"),
        (&["--token-expiration=60"], "--token-expiration=60 is changed to 600"),
        (&["--tls-min-version=1.1"], "not supported: using 1.2"),
    ] {
        let (_, warnings) = with(args);
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains(words), "{warnings:?}");
    }
}

#[test]
fn refuses_values_that_pods_could_not_have() {
    for (flag, value) in [
        ("--token-mount-path", "var/run"),
        ("--token-mount-path", ""),
        ("--token-mount-path", "/a:b"),
        ("--token-mount-path", "/var//run"),
        ("--token-mount-path", "//var/run"),
        ("--token-mount-path", "/var/run//"),
        ("--token-mount-path", "/var/./run"),
        ("--token-mount-path", "/var/run/."),
        ("--token-mount-path", "/var/lib/../run"),
        ("--token-mount-path", "/var/run/.."),
        ("--container-credentials-token-mount-path", "relative"),
        ("--container-credentials-token-mount-path", "/var/./run"),
        ("--container-credentials-token-path", "../x"),
        ("--container-credentials-token-path", "/x"),
        ("--container-credentials-token-volume-name", "Volume_1"),
        ("--container-credentials-audience", ""),
        ("--container-credentials-full-uri", ""),
        ("--container-credentials-full-uri", "169.254.170.23"),
        ("--token-audience", " "),
        ("--annotation-prefix", ""),
        ("--annotation-prefix", "eks.amazonaws.com/"),
        ("--namespace", ""),
        ("--namespace", "Kube System"),
        ("--service-name", ""),
        ("--tls-secret", ""),
        ("--tls-cert", ""),
        ("--kube-api", "10.0.0.1:6443"),
        ("--aws-account-id", "1111222233"),
        ("--aws-partition", "azure"),
        ("--max-request-bytes", "0"),
        ("--max-request-bytes", "16777217"),
        ("--service-account-lookup-timeout", "0"),
    ] {
        let error = refused(&[&format!("{flag}={value}")]);
        assert!(
            error.starts_with(&format!("invalid value '{value}' for '{flag}': ")),
            "{flag}: {error}"
        );
    }
}

#[test]
fn refuses_values_that_no_patch_may_hold() {
    for (flag, start, max) in [
        ("--token-mount-path", "/", 2_048),
        ("--token-audience", "", 2_048),
        ("--container-credentials-audience", "", 2_048),
        ("--container-credentials-token-mount-path", "/", 2_048),
        ("--container-credentials-token-path", "", 2_048),
        ("--container-credentials-full-uri", "http://", 2_048),
        ("--aws-default-region", "", 63),
        ("--annotation-prefix", "", 253),
    ] {
        let of = |length: usize| format!("{flag}={start}{}", "x".repeat(length - start.len()));
        with(&[&of(max)]);
        let error = refused(&[&of(max + 1)]);
        assert!(error.contains(flag) && error.contains(&max.to_string()), "{flag}: {error}");
        assert!(error.len() < 300, "{flag}: {error}");
    }
    assert_eq!(with(&["--max-request-bytes=16Mi"]).0.https.max_request_bytes, 16 << 20);
}

#[test]
fn allows_the_origin_of_its_own_sts_or_those_that_are_named() {
    let origin = |url: &str| StsEndpoint::read(url).unwrap();
    let (config, warnings) = with(&["--sts-endpoint-url=https://minio.example.com/sts"]);
    assert_eq!(warnings, Vec::<String>::new());
    let policy = config.policy;
    assert_eq!(policy.defaults.sts_endpoint, Some(origin("https://minio.example.com/sts")));
    assert!(policy.allowed_sts_endpoints.contains(&origin("https://minio.example.com")));
    let (config, _) = with(&[
        "--sts-endpoint-url=https://minio.example.com",
        "--allowed-sts-endpoint-urls=https://ceph.example.com, https://b.example.com/,",
    ]);
    let allowed = config.policy.allowed_sts_endpoints;
    for (url, wanted) in [
        ("https://minio.example.com", false),
        ("https://ceph.example.com/x", true),
        ("https://b.example.com", true),
    ] {
        assert_eq!(allowed.contains(&origin(url)), wanted, "{url}");
    }
    let none = with(&["--sts-endpoint-url=", "--allowed-sts-endpoint-urls= , "]).0.policy;
    assert_eq!(none.allowed_sts_endpoints, AllowedStsEndpoints::default());
}

#[test]
fn warns_of_an_sts_without_tls_and_refuses_what_is_none() {
    let (_, warnings) = with(&["--sts-endpoint-url=http://minio.minio.svc:9000"]);
    assert!(warnings.len() == 1 && warnings[0].contains("unencrypted"), "{warnings:?}");
    let (_, warnings) = with(&["--allowed-sts-endpoint-urls=http://minio.minio.svc:9000"]);
    assert_eq!(warnings.len(), 1);
    for (arg, why) in [
        ("--sts-endpoint-url=minio.example.com", "begin it with https://"),
        ("--sts-endpoint-url=https://a@b", "DNS name or IP address"),
        ("--sts-endpoint-url=https://a/?x", "plain names"),
        ("--sts-endpoint-url=https://a:x", "port from 1 to 65535"),
        ("--allowed-sts-endpoint-urls=https://*.amazonaws.com", "DNS name or IP address"),
        ("--allowed-sts-endpoint-urls=https://a.example,https://b.example/c", "leave out the path"),
    ] {
        let error = refused(&[arg]);
        let flag = arg.split('=').next().unwrap();
        assert!(error.contains(flag) && error.contains(why), "{error}");
    }
    let long = format!("--sts-endpoint-url=https://a.example/{}", "x".repeat(2_048));
    let error = refused(&[&long]);
    assert!(error.contains("2048") && error.len() < 300, "{error}");
}

#[test]
fn refuses_one_port_for_two_servers() {
    assert!(refused(&["--port=8443", "--metrics-port=8443"]).contains("both 8443"));
    // Zero is any free port: two of them are two ports.
    assert_eq!(with(&["--port=0", "--metrics-port=0"]).0.https.port, 0);
}

fn examination(args: &[&str]) -> Result<Examination, String> {
    let cli = Cli::try_parse_from([&["webhook", "doctor"], args].concat());
    let Command::Doctor(args) = cli.expect("clap takes them").into_command() else {
        panic!("not doctor");
    };
    let read = Examination::from_args(*args);
    read.map(|(examination, _)| examination).map_err(|error| error.to_string())
}

/// A script that fills in an empty variable did not ask for all of them.
#[test]
fn sums_up_all_namespaces_only_where_that_is_asked_for() {
    for (args, namespace, wanted) in [
        (&["-A"][..], None, None),
        // As with kubectl.
        (&["-A", "-n", "demo"], Some("demo"), None),
        (&["-n", "demo"], Some("demo"), Some("mine")),
        (&["-n", ""], None, Some("mine")),
        (&["-n", " "], None, Some("mine")),
    ] {
        let examination = examination(args).expect("good");
        assert_eq!(examination.namespace.as_deref(), namespace, "{args:?}");
        let summary = examination.summary.expect("a summary");
        assert_eq!(summary.namespaces.asked("mine"), wanted, "{args:?}");
    }
}

/// The names become parts of paths at the API server.
#[test]
fn takes_only_names_where_doctor_asks_for_an_object() {
    for odd in ["", " ", "a/b", "../configmaps/a", "a?b", "a%2fb", "A"] {
        for flag in ["--tls-secret", "--webhook-namespace", "--namespace"] {
            if flag == "--namespace" && odd.trim().is_empty() {
                continue;
            }
            let error = examination(&["pod/app", &format!("{flag}={odd}")]).expect_err(flag);
            assert!(error.contains(flag), "{odd:?}: {error}");
        }
    }
    assert!(examination(&["pod/app", "--tls-secret=webhook-2"]).is_ok());
}

#[test]
fn takes_the_name_of_its_pod_from_the_environment_where_it_can_be_one() {
    let named = |value: &str| {
        let (config, mut warnings) = with(&[]);
        let environment = [("PATH", "/bin"), ("POD_NAME", value)];
        let environment = environment.map(|(name, value)| (name.into(), value.into()));
        config.in_environment(environment.into_iter(), &mut warnings).pod_name
    };
    assert_eq!(named("webhook-5d8c9b7f4d-x2x7q").as_deref(), Some("webhook-5d8c9b7f4d-x2x7q"));
    for none in ["", "$(POD_NAME)", "a b", "A", "<b>", "a\n", &"a".repeat(254)] {
        assert_eq!(named(none), None, "{none:?}");
    }
}
