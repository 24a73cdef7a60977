//! `issuer` against real API servers: keys and documents byte by byte, their tokens verified over
//! HTTPS, and every broken link named.

mod documents;
mod host;
mod rollout;
mod verify;

use std::path::Path;
use std::process::{Command, Output, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pod-identity-webhook");

/// Keys in all forms, written by OpenSSL.
fn key(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("crates/issuer/tests/keys")
        .join(name)
        .display()
        .to_string()
}

/// What a run of `issuer ...` came to.
struct Ran {
    code: i32,
    out: String,
    errors: String,
}

fn issuer(args: &[&str]) -> Ran {
    let mut command = Command::new(PROGRAM);
    // Not the kubeconfig of whoever runs the tests.
    command.arg("issuer").args(args).env_clear().env("HOME", "/nowhere").stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    Ran {
        code: status.code().expect("it ends by itself"),
        out: String::from_utf8(stdout).expect("text"),
        errors: String::from_utf8(stderr).expect("text"),
    }
}

/// As `issuer`, off the runtime's thread: what it asks is served by this process.
async fn issuer_here(args: &[&str]) -> Ran {
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    let ran = tokio::task::spawn_blocking(move || {
        issuer(&args.iter().map(String::as_str).collect::<Vec<_>>())
    });
    ran.await.expect("it runs")
}

impl Ran {
    /// Asserts that it ended so.
    fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.errors);
        self
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}
