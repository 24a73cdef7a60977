//! The helm command.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::support::Scratch;

/// The release and its namespace where a test does not care: as deploy/base calls everything.
pub const NAME: &str = "pod-identity-webhook";

pub struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
    // Nothing of the developer's own helm has a say.
    home: Scratch,
}

impl Helm {
    /// Helm 4, for a cluster.
    pub fn of(kubeconfig: &Path) -> Self {
        Self::built("helm", kubeconfig)
    }

    /// Helm 3, for a cluster.
    pub fn three_of(kubeconfig: &Path) -> Self {
        Self::built("helm3", kubeconfig)
    }

    /// Helm 4, for rendering alone.
    pub fn offline() -> Self {
        Self::of(Path::new("/nowhere"))
    }

    fn built(name: &str, kubeconfig: &Path) -> Self {
        let script = project("tests/tools/helm/build.sh");
        let output = Command::new(&script).arg(name).stderr(Stdio::inherit()).output();
        let output = output.expect("the build script runs");
        assert!(output.status.success(), "{} failed: see above", script.display());
        let path = String::from_utf8(output.stdout).expect("a path");
        Self {
            program: PathBuf::from(path.trim_end()),
            kubeconfig: kubeconfig.to_owned(),
            home: Scratch::new().expect("a folder"),
        }
    }

    /// Runs it, and gives its standard output; the error is what it said on standard error.
    pub fn run(&self, args: &[&str]) -> anyhow::Result<String> {
        let home = self.home.path();
        let output = Command::new(&self.program)
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("KUBECONFIG", &self.kubeconfig)
            .output()
            .with_context(|| format!("failed to run {}", self.program.display()))?;
        if !output.status.success() {
            bail!("helm {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// What the chart renders as a release `name` in `namespace`, with more arguments.
    pub fn template(
        &self,
        name: &str,
        namespace: &str,
        more: &[&str],
    ) -> anyhow::Result<Vec<Value>> {
        let chart = chart();
        let mut args = vec!["template", name, &chart, "--namespace", namespace];
        args.extend(more);
        let text = self.run(&args)?;
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text)?;
        Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
    }
}

pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub fn chart() -> String {
    project("deploy/chart").display().to_string()
}

/// The files with values, each a chart as somebody may want it.
pub fn values_files() -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(project("tests/chart/values")).expect("the folder is there");
    let files: BTreeSet<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    assert!(files.len() > 5, "{files:?}");
    files
}

/// The one object of a kind.
pub fn one<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    match (found.next(), found.next()) {
        (Some(object), None) => object,
        (first, _) => panic!("{} {kind}", if first.is_some() { "more than one" } else { "no" }),
    }
}

/// The arguments that a Deployment gives to the program.
pub fn arguments(deployment: &Value) -> Vec<String> {
    let args = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    serde_json::from_value(args.clone()).expect("a list of strings")
}
