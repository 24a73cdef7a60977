//! Our program as a process, started as a user would.

use std::{
    ffi::OsString,
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use axum::{body::Bytes, http::Request};
use serde_json::Value;

use super::{
    control_plane::ControlPlane,
    http::{self, Reply},
    keeper::Process,
    namespace::Namespace,
    pki::Authority,
    poll::poll,
    registration::{self, Registration, register},
    scratch::Scratch,
};

/// Cargo tells it to tests; an example has to tell where it is.
const PROGRAM: Option<&str> = option_env!("CARGO_BIN_EXE_pod-identity-webhook");

const START_DEADLINE: Duration = Duration::from_mins(1);

/// Longer than the program may take to drain.
const STOP_DEADLINE: Duration = Duration::from_mins(1);

/// A running webhook. It ends with this value; if a test panics, its log is printed.
pub struct Webhook {
    process: Process,
    log: Log,
    https: SocketAddr,
    admin: SocketAddr,
    authority: Authority,
    scratch: Scratch,
}

/// The command line and environment to be.
pub struct Builder {
    program: Option<PathBuf>,
    subcommand: Option<&'static str>,
    args: Vec<String>,
    env: Vec<(String, OsString)>,
}

impl Builder {
    /// Starts this file, where cargo does not tell one.
    #[must_use]
    pub fn program(mut self, path: PathBuf) -> Self {
        self.program = Some(path);
        self
    }

    /// Leaves out `serve`, as the command lines of the Go webhook do.
    #[must_use]
    pub fn without_subcommand(mut self) -> Self {
        self.subcommand = None;
        self
    }

    /// Adds an argument, `--name=value`; it takes the place of the harness's own of that name.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    #[must_use]
    pub fn args<S: Into<String>>(self, args: impl IntoIterator<Item = S>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    #[must_use]
    pub fn kubeconfig(self, path: &Path) -> Self {
        self.arg(format!("--kubeconfig={}", path.display()))
    }

    /// Adds an environment variable; of this process's own the program gets hardly any.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Starts it and waits until it listens; `Webhook::ready` waits for more.
    pub async fn start(self) -> Webhook {
        match self.try_start().await {
            Ok(webhook) => webhook,
            Err(error) => panic!("the webhook did not start: {error:#}"),
        }
    }

    /// As `start`, for tests of a start that is refused.
    pub async fn try_start(self) -> anyhow::Result<Webhook> {
        let Launched { process, log, authority, scratch } = self.launch()?;
        let (https, admin) = serving(&process, &log).await.with_context(|| log.text())?;
        Ok(Webhook { process, log, https, admin, authority, scratch })
    }

    /// Starts it and waits for nothing.
    pub fn launch(self) -> anyhow::Result<Launched> {
        let authority = Authority::new("webhook-tests")?;
        let scratch = Scratch::new()?;
        let pair = authority.server(&["127.0.0.1", "localhost"])?;
        let certificate = scratch.write("tls.crt", &pair.certificate)?;
        let key = scratch.write("tls.key", &pair.key)?;
        let defaults = [
            "--in-cluster=false".to_owned(),
            "--address=127.0.0.1".to_owned(),
            "--port=0".to_owned(),
            "--metrics-port=0".to_owned(),
            format!("--tls-cert={}", certificate.display()),
            format!("--tls-key={}", key.display()),
            // What is late on a busy machine is not lost.
            "--service-account-lookup-timeout=20s".to_owned(),
        ];
        let defaults = defaults
            .into_iter()
            .filter(|default| !self.args.iter().any(|arg| flag(arg) == flag(default)));
        let program = self.program.context("an example has to name the program")?;
        let process = Process::start("pod-identity-webhook", &program, |command| {
            command.args(self.subcommand).args(defaults).args(&self.args).env_clear();
            // PATH: for setpriv. The profile file: for coverage builds.
            for name in ["PATH", "LLVM_PROFILE_FILE"] {
                if let Some(value) = std::env::var_os(name) {
                    command.env(name, value);
                }
            }
            command.env("RUST_BACKTRACE", "1").envs(self.env);
            command.stdout(Stdio::inherit()).stderr(Stdio::piped());
        })?;
        let log = Log::of(process.take_stderr().context("standard error is piped")?)?;
        Ok(Launched { process, log, authority, scratch })
    }
}

/// A webhook that need not serve yet.
pub struct Launched {
    process: Process,
    log: Log,
    authority: Authority,
    scratch: Scratch,
}

impl Launched {
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }
}

impl Webhook {
    pub fn builder() -> Builder {
        let program = PROGRAM.map(PathBuf::from);
        Builder { program, subcommand: Some("serve"), args: Vec::new(), env: Vec::new() }
    }

    /// Waits until `/readyz` of the admin server answers 200.
    pub async fn ready(&self) -> &Self {
        let ready = poll("the webhook to be ready", START_DEADLINE, || async {
            self.process.check_running()?;
            let reply = self.get_admin("/readyz").await?;
            ensure!(
                reply.status.is_success(),
                "/readyz answered {}: {}",
                reply.status,
                reply.text()
            );
            Ok(())
        });
        if let Err(error) = ready.await {
            panic!("{error:#}");
        }
        self
    }

    /// The address of the HTTPS server.
    pub fn https(&self) -> SocketAddr {
        self.https
    }

    /// The address of the admin server.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The authority that signed its certificate.
    pub fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    /// To sign another certificate with, for tests of reloading.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The folder with its `tls.crt` and `tls.key`; a test may put files of its own there.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The metrics page.
    pub async fn metrics(&self) -> String {
        let reply = self.get_admin("/metrics").await;
        reply.unwrap_or_else(|error| panic!("no metrics: {error:#}")).text()
    }

    /// GET from the admin server.
    pub async fn get_admin(&self, path: &str) -> anyhow::Result<Reply> {
        http::send(self.admin, Request::get(path).body(Bytes::new())?).await
    }

    /// Any request to the HTTPS server.
    pub async fn send(&self, request: Request<Bytes>) -> anyhow::Result<Reply> {
        http::send_tls(self.https, self.ca_pem(), request).await
    }

    /// Registers it as users do, for the pods of one namespace, and waits until that is in force.
    pub async fn register(&self, control_plane: &ControlPlane, namespace: &Namespace) -> String {
        self.register_as(control_plane, namespace, Registration::default()).await
    }

    /// As `register`, with the test's own choices.
    pub async fn register_as(
        &self,
        control_plane: &ControlPlane,
        namespace: &Namespace,
        registration: Registration,
    ) -> String {
        let url = format!("https://{}", self.https);
        register(control_plane, namespace, &url, self.ca_pem(), registration).await
    }

    /// As `register_as`, for an API server that it does not answer: nothing is waited for.
    pub async fn store_registration(
        &self,
        control_plane: &ControlPlane,
        namespace: &Namespace,
        registration: Registration,
    ) {
        let url = format!("https://{}", self.https);
        registration::store(control_plane, namespace, &url, self.ca_pem(), registration).await;
    }

    /// The lines it has logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// The lines that are JSON.
    pub fn log_values(&self) -> Vec<Value> {
        self.log.values()
    }

    /// Waits for a JSON log line that `wanted` accepts, and gives it.
    pub async fn logged(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let what = format!("the log to hold {what}");
        let line = poll(&what, START_DEADLINE, || async {
            let lines = self.log.values().into_iter();
            lines.rev().find(&wanted).context("no such line")
        });
        line.await.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Asks it to end (SIGTERM) and gives how it ended; `None` is by a signal.
    pub async fn stop(&self) -> ExitStatus {
        self.process.terminate();
        let ended = self.process.wait(STOP_DEADLINE).await;
        ended.unwrap_or_else(|error| panic!("after SIGTERM: {error:#}"))
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        if thread::panicking() {
            self.process.kill();
            // Thousands, and in none of them anything went wrong.
            let mutated = |line: &String| line.contains(r#""outcome":"mutated""#);
            let lines = self.log.lines().into_iter().filter(|line| !mutated(line));
            let lines: Vec<_> = lines.collect();
            eprintln!("--- the webhook's log, without mutated pods:\n{}", lines.join("\n"));
        }
    }
}

/// The name of the flag that an argument sets.
fn flag(arg: &str) -> &str {
    arg.split_once('=').map_or(arg, |(name, _)| name)
}

/// Waits for the line that says where it listens.
async fn serving(process: &Process, log: &Log) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let serving = poll("the log line \"serving\"", START_DEADLINE, || async {
        let mut lines = log.values().into_iter();
        lines.find(|line| line["message"] == "serving").context("no such line")
    });
    // Both only look, so the one that loses is dropped without harm.
    let line = tokio::select! {
        line = serving => line?,
        status = process.wait(START_DEADLINE) => {
            // What it said before it ended is read to the last line.
            poll("the end of the log", START_DEADLINE, || async {
                ensure!(log.is_complete(), "the stream is open");
                Ok(())
            })
            .await?;
            bail!("it ended: {}", status?);
        }
    };
    let address = |field: &str| -> anyhow::Result<SocketAddr> {
        let text = line[field].as_str();
        let text = text.with_context(|| format!("it has no string field '{field}': {line}"))?;
        text.parse().with_context(|| format!("its field '{field}' is no socket address: {line}"))
    };
    Ok((address("https")?, address("admin")?))
}

/// What a process writes, line by line, read by a thread so that it never blocks on a full pipe.
struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    reader: thread::JoinHandle<()>,
}

impl Log {
    fn of(stream: impl Read + Send + 'static) -> anyhow::Result<Self> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let reader = thread::Builder::new().name("log".to_owned()).spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { return };
                let line = String::from_utf8_lossy(&line).into_owned();
                sink.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
        })?;
        Ok(Self { lines, reader })
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn values(&self) -> Vec<Value> {
        self.lines().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// Whether the stream has ended, so that no line is to come.
    fn is_complete(&self) -> bool {
        self.reader.is_finished()
    }
}
