//! Commands that ask a cluster, beside kubectl, and with a right missing: what could not be looked at is never told
//! as being well.

mod kubectl;
mod rights;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What a command of ours said.
#[derive(Debug)]
struct Said {
    exit: i32,
    out: String,
    errors: String,
}

async fn ran(kubeconfig: &Path, args: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pod-identity-webhook"));
    command.args(args).env("KUBECONFIG", kubeconfig);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    Said {
        exit: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        errors: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
