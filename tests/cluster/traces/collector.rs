//! A real OpenTelemetry collector, which writes what it receives to a file.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::ensure;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::support::{Authority, Process, SOON, Scratch, eventually, free_port, poll};

/// Ends with this value.
pub struct Collector {
    // Before its folder.
    process: Process,
    folder: Scratch,
    grpc: u16,
    http: u16,
}

/// A span as the collector writes it, with the service that it is of.
#[derive(Clone, Debug)]
pub struct Span {
    pub service: String,
    pub json: Value,
}

impl Collector {
    pub async fn start() -> Self {
        Self::start_with(free_port().unwrap(), None).await
    }

    /// Over TLS, with a certificate of this authority for 127.0.0.1.
    pub async fn with_tls(authority: &Authority) -> Self {
        Self::start_with(free_port().unwrap(), Some(authority)).await
    }

    /// OTLP over HTTP on a port of the test's choice.
    pub async fn on(http: u16) -> Self {
        Self::start_with(http, None).await
    }

    async fn start_with(http: u16, authority: Option<&Authority>) -> Self {
        let (folder, grpc) = (Scratch::new().unwrap(), free_port().unwrap());
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut tls = String::new();
        if let Some(authority) = authority {
            let pair = authority.server(&["127.0.0.1"]).unwrap();
            folder.write("tls.crt", pair.certificate).unwrap();
            folder.write("tls.key", pair.key).unwrap();
            let (certificate, key) = (path("tls.crt"), path("tls.key"));
            tls = format!(", tls: {{cert_file: {certificate}, key_file: {key}}}");
        }
        let spans = path("spans.jsonl");
        let config = format!(
            "receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '127.0.0.1:{grpc}'}}
      http: {{endpoint: '127.0.0.1:{http}'{tls}}}
exporters:
  file: {{path: {spans}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [file]}}
"
        );
        let config = folder.write("config.yaml", config).unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let errors = log.try_clone().unwrap();
        let process = Process::start("otelcol", &program(), |command| {
            command.arg("--config").arg(&config).env_clear().stdout(log).stderr(errors);
        });
        let collector = Self { process: process.unwrap(), folder, grpc, http };
        let listens = poll("the collector to listen", SOON, || async {
            for port in [grpc, http] {
                TcpStream::connect(("127.0.0.1", port)).await?;
            }
            Ok(())
        });
        // Both only look.
        let failed = tokio::select! {
            listens = listens => listens.err().map(|error| error.to_string()),
            ended = collector.process.wait(SOON) => Some(format!("it ended: {ended:?}")),
        };
        if let Some(failed) = failed {
            let log = std::fs::read_to_string(collector.folder.path().join("log"));
            panic!("the collector did not start: {failed}\n{}", log.unwrap_or_default());
        }
        collector
    }

    /// Of OTLP over gRPC, as kube-apiserver speaks it.
    pub fn grpc(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.grpc))
    }

    /// Of OTLP over HTTP, as the webhook speaks it.
    pub fn http(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.http))
    }

    /// All spans that it has received so far.
    pub fn spans(&self) -> Vec<Span> {
        let text = std::fs::read_to_string(self.folder.path().join("spans.jsonl"));
        let text = text.unwrap_or_default();
        // A line may be being written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let requests = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        requests.flat_map(|request| spans_of(&request)).collect()
    }

    /// The first span that is `wanted`, once it is there.
    pub async fn span(&self, what: &str, wanted: impl Fn(&Span) -> bool) -> Span {
        eventually(&format!("a span: {what}"), SOON, || async {
            let all = self.spans();
            let found = all.iter().find(|span| wanted(span)).cloned();
            let names = || all.iter().map(Span::name).collect::<Vec<_>>();
            found.ok_or_else(|| anyhow::anyhow!("only {:?}", names()))
        })
        .await
    }

    /// Spans of the webhook, once there are so many.
    pub async fn webhook_spans(&self, at_least: usize) -> Vec<Span> {
        eventually("spans of the webhook", SOON, || async {
            let all = self.spans().into_iter();
            let all: Vec<_> = all.filter(|span| span.service == "pod-identity-webhook").collect();
            ensure!(all.len() >= at_least, "only {}", all.len());
            Ok(all)
        })
        .await
    }
}

impl Span {
    pub fn name(&self) -> &str {
        self.json["name"].as_str().unwrap_or_default()
    }

    pub fn trace(&self) -> &str {
        self.json["traceId"].as_str().unwrap_or_default()
    }

    pub fn id(&self) -> &str {
        self.json["spanId"].as_str().unwrap_or_default()
    }

    pub fn parent(&self) -> &str {
        self.json["parentSpanId"].as_str().unwrap_or_default()
    }

    /// As text, whatever its type is.
    pub fn attribute(&self, key: &str) -> Option<String> {
        let all = self.json["attributes"].as_array()?;
        let value = &all.iter().find(|it| it["key"] == key)?["value"];
        let value = value.as_object()?.values().next()?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }
}

fn spans_of(request: &Value) -> Vec<Span> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut spans = Vec::new();
    for resource in list(&request["resourceSpans"]) {
        let attributes = list(&resource["resource"]["attributes"]);
        let service = attributes.iter().find(|it| it["key"] == "service.name");
        let service = service.and_then(|it| it["value"]["stringValue"].as_str());
        let service = service.unwrap_or_default().to_owned();
        for scope in list(&resource["scopeSpans"]) {
            let of_service = |json| Span { service: service.clone(), json };
            spans.extend(list(&scope["spans"]).into_iter().map(of_service));
        }
    }
    spans
}

fn program() -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/otelcol/build.sh");
    let output = Command::new(&script).stderr(Stdio::inherit()).output();
    let output = output.expect("the build script runs");
    assert!(output.status.success(), "{} failed: see above", script.display());
    PathBuf::from(String::from_utf8(output.stdout).expect("a path").trim_end())
}
