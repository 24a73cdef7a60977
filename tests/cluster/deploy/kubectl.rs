//! kubectl, as users run it, from the root of the repository.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::kubectl;

pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    pub fn new(kubeconfig: &Path) -> Self {
        Self { program: kubectl().unwrap(), kubeconfig: kubeconfig.to_owned() }
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Panics where it fails; gives what it printed.
    pub fn run(&self, args: &[&str]) -> String {
        self.run_on("", args)
    }

    /// The same with `input` as its standard input, for `-f -`.
    pub fn run_on(&self, input: &str, args: &[&str]) -> String {
        let output = self.output(input, args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {args:?}: {errors}");
        // What the API server, or kubectl itself, calls deprecated or unknown is a mistake in a manifest.
        assert!(!errors.contains("Warning"), "kubectl {args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn output(&self, input: &str, args: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(args);
        command.current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("KUBECONFIG");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It may not read any of it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().unwrap()
    }
}
