//! Each flag of the program can be set by the chart, and what the chart sets is what the program takes.

use std::collections::BTreeSet;
use std::process::Command;

use clap::Parser as _;
use pod_identity_webhook::cli::{self, Cli};
use pod_identity_webhook::config::Config;
use serde_json::Value;

use super::values::{NAME, arguments, one, project, values, values_files};
use crate::support::Helm;

/// Those that the chart sets from its other values: a test below looks that it does.
const OTHER_VALUES: [&str; 15] = [
    "audit-interval",
    "audit-lease-name",
    "client-allowed-names",
    "client-ca-file",
    "in-cluster",
    "metrics-port",
    "namespace",
    "port",
    "service-name",
    "tls-cert",
    "tls-key",
    "tls-secret",
    "watch-config-map",
    "watch-container-credentials-config",
    "webhook-config-name",
];

/// Whoever needs them has `extraArgs`.
const WITHOUT_EFFECT: &str = "Flags of the Go webhook that have no effect here:";

/// The flags that `serve --help` lists, but for those without effect.
fn flags_of_the_program() -> BTreeSet<String> {
    let program = env!("CARGO_BIN_EXE_pod-identity-webhook");
    let output = Command::new(program).args(["serve", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let (with_effect, without) = help.split_once(WITHOUT_EFFECT).unwrap();
    // It is the last group; what follows are no flags.
    let (without, _) = without.split_once("\nExamples:").unwrap();
    assert!(without.lines().all(|line| line.is_empty() || line.starts_with(' ')), "{without}");
    let flags = with_effect.lines().filter_map(|line| {
        let line = line.trim_start();
        let line = ["-v, ", "-h, ", "-V, "]
            .iter()
            .find_map(|short| line.strip_prefix(short))
            .unwrap_or(line);
        let name = line.strip_prefix("--")?.split(['[', ' ']).next()?;
        Some(name.to_owned())
    });
    let mut flags: BTreeSet<_> = flags.collect();
    assert!(flags.remove("help") && flags.remove("version"), "{flags:?}");
    flags
}

/// The members of the value `flags` that the chart's schema knows.
fn flags_of_the_schema() -> BTreeSet<String> {
    let schema = std::fs::read_to_string(project("deploy/chart/values.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let flags = schema["properties"]["flags"]["properties"].as_object().unwrap();
    flags.keys().cloned().collect()
}

fn args(name: &str) -> Vec<String> {
    let objects = Helm::offline().template(NAME, NAME, &["--values", &values(name)]);
    arguments(one(&objects.unwrap(), "Deployment"))
}

fn names(args: &[String]) -> BTreeSet<String> {
    let flags = args.iter().filter_map(|arg| arg.strip_prefix("--"));
    flags.map(|flag| flag.split('=').next().unwrap_or(flag).to_owned()).collect()
}

#[test]
fn every_flag_of_the_program_can_be_set() {
    let mut settable = flags_of_the_schema();
    for flag in OTHER_VALUES {
        assert!(settable.insert(flag.to_owned()), "--{flag} can be set in two ways");
    }
    let flags = flags_of_the_program();
    let differ: Vec<_> = settable.symmetric_difference(&flags).collect();
    assert!(
        differ.is_empty(),
        "in `flags` of the chart's values.schema.json alone, or missing there: {differ:?}"
    );
}

#[test]
fn what_sets_a_flag_does() {
    let mut set = names(&args("flags.yaml"));
    assert!(set.is_superset(&flags_of_the_schema()), "{set:?}");
    for values in ["everything.yaml", "defaults.yaml"] {
        set.extend(names(&args(values)));
    }
    for flag in OTHER_VALUES {
        assert!(set.contains(flag), "--{flag}");
    }
}

#[test]
fn the_program_takes_the_arguments_of_every_render() {
    for file in values_files() {
        let args = args(file.file_name().unwrap().to_str().unwrap());
        let command = Cli::try_parse_from(["/webhook".to_owned()].into_iter().chain(args));
        let command = command.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let cli::Command::Serve(serve) = command.into_command() else {
            panic!("{}: it does not serve", file.display());
        };
        // All flags at once contradict each other.
        if !file.ends_with("flags.yaml") {
            let config = Config::from_args(*serve);
            config.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
    }
}

#[test]
fn values_reach_the_program_as_they_are_written() {
    let args = args("self-managed.yaml");
    assert!(args.contains(&"--token-expiration=4294967296".to_owned()), "{args:?}");
    let args = self::args("everything.yaml");
    let suites = "--tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,\
                  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    assert!(args.contains(&suites.to_owned()), "{args:?}");
    // What a user adds comes last, so that it wins.
    assert_eq!(args.last().map(String::as_str), Some("--v=3"));
}
