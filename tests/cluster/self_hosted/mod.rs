//! The guide docs/self-hosted.md: its `sh` blocks, run one after the other by a shell, as a reader would.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use crate::support::{ControlPlane, Options, Registration, Scratch, Webhook, kubectl};
use serde_json::json;

const GUIDE: &str = include_str!("../../../docs/self-hosted.md");

/// The issuer of the guide, which the API server is started with.
const ISSUER: &str = "https://my-keys.s3.eu-west-1.amazonaws.com/cluster-one";

/// In the AWS CLI's place, since there is no AWS here: it keeps the trust policy that a role is created
/// with, and gives it back.
const AWS: &str = r#"#!/bin/sh
set -eu
none() {
    echo 'An error occurred (NoSuchEntity)' >&2
    exit 254
}
case "$1 $2" in
'sts get-caller-identity') echo arn:aws:iam::111122223333:user/admin ;;
'iam get-open-id-connect-provider' | 'iam get-role-policy') none ;;
'iam create-role') printf '%s' "$6" >trust-policy ;;
'iam get-role')
    [ -e trust-policy ] || none
    printf '{"Role": {"RoleName": "%s", "Arn": "arn:aws:iam::111122223333:role/%s", "AssumeRolePolicyDocument": %s}}\n' \
        "$4" "$4" "$(cat trust-policy)"
    ;;
'iam create-open-id-connect-provider' | 'iam put-role-policy') ;;
*)
    echo "the guide calls aws $1 $2, which its test does not know" >&2
    exit 1
    ;;
esac
"#;

#[tokio::test]
async fn every_command_of_the_guide_does_what_it_says() {
    let options = Options {
        issuer: ISSUER.to_owned(),
        api_server_args: vec![format!("--service-account-jwks-uri={ISSUER}/openid/v1/jwks")],
        ..Options::default()
    };
    let control_plane = ControlPlane::start(options).await;
    let region = "--aws-default-region=eu-west-1";
    let builder = Webhook::builder().kubeconfig(control_plane.kubeconfig()).arg(region);
    let webhook = builder.start().await;
    webhook.ready().await;
    // For all namespaces: the guide makes its own.
    let anywhere = Registration {
        entry_overlay: json!({"namespaceSelector": null}),
        ..Registration::default()
    };
    let namespace = control_plane.namespace("elsewhere").await;
    webhook.register_as(&control_plane, &namespace, anywhere).await;

    let said = read_aloud(&control_plane).await;
    let (out, err) = (text(&said.stdout), text(&said.stderr));
    assert!(said.status.success(), "{out}\n{err}");
    for expected in [
        "site/.well-known/openid-configuration",
        "site/openid/v1/jwks",
        "serviceaccount/s3-reader created",
        "allowed",
        "+ AWS_ROLE_ARN                 arn:aws:iam::111122223333:role/demo-s3-reader",
        "AWS_ROLE_ARN=arn:aws:iam::111122223333:role/demo-s3-reader",
        "AWS_REGION=eu-west-1",
    ] {
        assert!(out.contains(expected), "{expected} is missing:\n{out}\n{err}");
    }
    let warning = err.lines().find(|line| line.starts_with("Warning: ")).expect(&err);
    assert!(warning.contains("eks.amazon.com/role-arn"), "{warning}");
}

/// Runs the blocks in a folder of their own.
async fn read_aloud(control_plane: &ControlPlane) -> Output {
    let folder = Scratch::new().unwrap();
    let kubectl = tokio::task::spawn_blocking(kubectl).await.unwrap().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let aws = folder.write("bin/aws", AWS).unwrap();
    fs::set_permissions(aws, fs::Permissions::from_mode(0o755)).unwrap();
    let program = env!("CARGO_BIN_EXE_pod-identity-webhook");
    std::os::unix::fs::symlink(program, bin.join("pod-identity-webhook")).unwrap();
    std::os::unix::fs::symlink(kubectl, bin.join("kubectl")).unwrap();

    let mut shell = Command::new("sh");
    shell.args(["-eu", "-c", &blocks()]).current_dir(folder.path());
    shell.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    shell.env("HOME", folder.path()).env("KUBECONFIG", control_plane.kubeconfig());
    let run = tokio::task::spawn_blocking(move || shell.output().expect("there is a shell"));
    let said = run.await.unwrap();
    // It is to outlive the shell.
    drop(folder);
    said
}

/// The blocks marked `sh`, as one script.
fn blocks() -> String {
    let mut script = String::new();
    let mut within = false;
    for line in GUIDE.lines() {
        match line {
            "```sh" => within = true,
            "```" => within = false,
            line if within => script.extend([line, "\n"]),
            _ => {}
        }
    }
    assert!(script.lines().count() > 20, "the guide has no blocks: {script}");
    script
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
