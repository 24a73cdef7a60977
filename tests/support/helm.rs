//! The helm command, and the chart.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::scratch::Scratch;

/// Helm for a cluster, or for rendering alone.
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

    pub fn three_offline() -> Self {
        Self::three_of(Path::new("/nowhere"))
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

/// Where the chart is: the folder, or the package that `CHART` names (`make release-dry-run`).
pub fn chart() -> String {
    if let Ok(package) = std::env::var("CHART") {
        return package;
    }
    project("deploy/chart").display().to_string()
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
