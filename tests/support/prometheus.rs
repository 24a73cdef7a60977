//! Prometheus as a process, and promtool: `tests/tools/prometheus/install.sh` has them.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, ensure};
use axum::{body::Bytes, http::Request};
use serde_json::Value;

use super::{
    components::free_port,
    http,
    keeper::Process,
    poll::{SOON, eventually},
    scratch::Scratch,
};

/// What the script ends with where this platform has no Prometheus.
const UNAVAILABLE: i32 = 69;

/// The folder of the programs; none, and said so, where there can't be one.
pub fn prometheus_tools() -> Option<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/prometheus/install.sh");
    let output = Command::new(&script).stderr(Stdio::inherit()).output().unwrap();
    if output.status.code() == Some(UNAVAILABLE) {
        eprintln!("there is no Prometheus: alerts, metrics and dashboard are not tried with it");
        return None;
    }
    assert!(output.status.success(), "{} failed: see above", script.display());
    Some(PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end()))
}

/// Runs promtool in the root of the repository.
pub fn promtool(tools: &Path, args: &[&str], input: &str) -> Output {
    let mut command = Command::new(tools.join("promtool"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may not read any of it.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// A Prometheus that scrapes once a second. It ends with this value.
pub struct Prometheus {
    process: Process,
    address: SocketAddr,
    folder: Scratch,
}

impl Prometheus {
    /// `scrape_configs` is YAML, as in Prometheus' configuration, and `rules` a file with alerts.
    pub async fn start(tools: &Path, scrape_configs: &str, rules: Option<&Path>) -> Self {
        let folder = Scratch::new().unwrap();
        let mut config = "global: {scrape_interval: 1s, evaluation_interval: 1s}\n".to_owned();
        if let Some(rules) = rules {
            let rules = std::fs::canonicalize(rules).unwrap();
            writeln!(config, "rule_files: [{}]", rules.display()).unwrap();
        }
        writeln!(config, "scrape_configs:\n{scrape_configs}").unwrap();
        let file = folder.write("prometheus.yaml", config).unwrap();
        let port = free_port().unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = Process::start("prometheus", &tools.join("prometheus"), |command| {
            command
                .arg(format!("--config.file={}", file.display()))
                .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .current_dir(folder.path())
                .stdout(Stdio::null())
                .stderr(log);
        });
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let prometheus = Self { process: process.unwrap(), address, folder };
        eventually("Prometheus to be ready", SOON, || async {
            prometheus.process.check_running().with_context(|| prometheus.log())?;
            let reply = http::get(address, "/-/ready").await?;
            ensure!(reply.status.is_success(), "it answered {}", reply.status);
            Ok(())
        })
        .await;
        prometheus
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The series of an instant query: each with its labels, and a value that is `None` for NaN.
    pub async fn query(&self, query: &str) -> anyhow::Result<Vec<Series>> {
        let data = self.ask("query", &[("query", query)]).await?;
        let series = data["result"].as_array().context("no series")?.iter();
        series.map(|series| Series::of(series, std::slice::from_ref(&series["value"]))).collect()
    }

    /// The same over a time, in Unix seconds, with a point for each `step`.
    pub async fn query_range(
        &self,
        query: &str,
        (from, to): (f64, f64),
        step: f64,
    ) -> anyhow::Result<Vec<Series>> {
        let [from, to, step] = [from, to, step].map(|number| number.to_string());
        let range = [("query", query), ("start", &*from), ("end", &*to), ("step", &*step)];
        let data = self.ask("query_range", &range).await?;
        let series = data["result"].as_array().context("no series")?.iter();
        series
            .map(|series| Series::of(series, series["values"].as_array().context("no values")?))
            .collect()
    }

    async fn ask(&self, what: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Value> {
        let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        let uri = format!("/api/v1/{what}?{query}");
        let reply = http::send(self.address, Request::get(uri).body(Bytes::new())?).await?;
        let answer = reply.json()?;
        ensure!(answer["status"] == "success", "{parameters:?}: {answer}");
        Ok(answer["data"].clone())
    }
}

/// A series of an answer.
#[derive(Debug)]
pub struct Series {
    pub labels: BTreeMap<String, String>,
    /// Unix seconds, and the value where it is a number.
    pub points: Vec<(f64, Option<f64>)>,
}

impl Series {
    fn of(series: &Value, points: &[Value]) -> anyhow::Result<Self> {
        let labels = serde_json::from_value(series["metric"].clone())?;
        let points = points.iter().map(|point| {
            let value = point[1].as_str().and_then(|text| text.parse::<f64>().ok());
            let time = point[0].as_f64().context("a time")?;
            Ok((time, value.filter(|value| value.is_finite())))
        });
        Ok(Self { labels, points: points.collect::<anyhow::Result<_>>()? })
    }
}

/// As a value of a URL's query.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02x}").unwrap();
        all
    })
}
