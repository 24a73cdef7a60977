//! The servers that are measured: processes on a core of their own, and what they take of it.

use std::fs;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::pipe::fcntl_setpipe_size;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustls::ClientConfig;
use tokio::net::TcpStream;

use crate::client::Target;
use crate::support::{Authority, Process, Scratch, client_config, free_port, poll};

const START: Duration = Duration::from_mins(1);

/// A core for the server, and one for the load.
const SERVER_CORE: usize = 0;
pub const LOAD_CORE: usize = 1;

/// Certificates, in a folder, that all servers show.
pub struct Identity {
    folder: Scratch,
    authority: Authority,
}

pub struct Server {
    process: Process,
    pub address: SocketAddr,
    /// Its metrics port, if it has one.
    pub admin: u16,
}

/// The load, and what reads the servers' logs, stay on one core from now on.
pub fn stay_on_the_load_core() -> anyhow::Result<()> {
    ensure!(
        thread::available_parallelism()?.get() > LOAD_CORE,
        "the measurements need two cores: one for the server, one for the load"
    );
    let mut cores = CpuSet::new();
    cores.set(LOAD_CORE);
    sched_setaffinity(None, &cores).context("failed to bind the load to a core")
}

impl Identity {
    pub fn new() -> anyhow::Result<Self> {
        let authority = Authority::new("benches")?;
        let folder = Scratch::new()?;
        let pair = authority.server(&["127.0.0.1", "localhost"])?;
        folder.write("tls.crt", &pair.certificate)?;
        folder.write("tls.key", &pair.key)?;
        Ok(Self { folder, authority })
    }

    /// For files that go with it.
    pub fn folder(&self) -> &Scratch {
        &self.folder
    }

    pub fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    pub fn target(&self, server: &Server) -> anyhow::Result<Target> {
        let mut tls: ClientConfig =
            client_config(self.authority.pem(), None, rustls::DEFAULT_VERSIONS)?;
        tls.resumption = rustls::client::Resumption::disabled();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Target { address: server.address, tls: Arc::new(tls) })
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// What every server is compared with.
    pub async fn floor(&self) -> anyhow::Result<Server> {
        self.bare(&[]).await
    }

    /// A webhook that gives each review the same answer, in which `UID` stands for the request's.
    pub async fn bare_webhook(&self, answer: &str) -> anyhow::Result<Server> {
        let file = self.folder.write("answer.json", answer)?;
        self.bare(&[format!("--answer={}", file.display())]).await
    }

    async fn bare(&self, more: &[String]) -> anyhow::Result<Server> {
        let port = free_port()?;
        let mut args = vec![
            "floor".to_owned(),
            format!("--port={port}"),
            format!("--certificate={}", self.file("tls.crt")),
            format!("--key={}", self.file("tls.key")),
        ];
        args.extend_from_slice(more);
        Server::start("floor", &std::env::current_exe()?, &args, port, 0).await
    }

    /// A webhook with the Go webhook's command line: ours, or that one.
    pub async fn webhook(&self, program: &Path, args: &[String]) -> anyhow::Result<Server> {
        self.serve(program, Vec::new(), args).await
    }

    /// Ours within this program, which has its symbols.
    pub async fn webhook_with_symbols(&self, args: &[String]) -> anyhow::Result<Server> {
        self.serve(&std::env::current_exe()?, vec!["webhook".to_owned()], args).await
    }

    async fn serve(
        &self,
        program: &Path,
        mut all: Vec<String>,
        args: &[String],
    ) -> anyhow::Result<Server> {
        let (port, admin) = (free_port()?, free_port()?);
        all.extend([
            "--in-cluster=false".to_owned(),
            format!("--port={port}"),
            format!("--metrics-port={admin}"),
            format!("--tls-cert={}", self.file("tls.crt")),
            format!("--tls-key={}", self.file("tls.key")),
        ]);
        all.extend_from_slice(args);
        let name = program.file_name().map(|it| it.to_string_lossy().into_owned());
        Server::start(&name.unwrap_or_default(), program, &all, port, admin).await
    }
}

impl Server {
    async fn start(
        name: &str,
        program: &Path,
        args: &[String],
        port: u16,
        admin: u16,
    ) -> anyhow::Result<Self> {
        let taskset = PathBuf::from("taskset");
        let process = Process::start(name, &taskset, |command| {
            command.args(["-c", &SERVER_CORE.to_string()]).arg(program).args(args);
            command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
            command.stdout(Stdio::null()).stderr(Stdio::piped());
        })?;
        read_log(process.take_stderr().context("standard error is piped")?)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        poll(&format!("{name} to listen"), START, || async {
            process.check_running()?;
            Ok(TcpStream::connect(address).await?)
        })
        .await?;
        Ok(Self { process, address, admin })
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Waits until it says that it is ready. The Go webhook says it at once, and nothing better.
    pub async fn ready(&self) -> anyhow::Result<()> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.admin));
        poll("the webhook to be ready", START, || async {
            self.process.check_running()?;
            let reply = crate::support::get(address, "/readyz").await?;
            ensure!(reply.status != 503, "/readyz answered {}", reply.status);
            Ok(())
        })
        .await
    }

    pub async fn metrics(&self) -> anyhow::Result<String> {
        let address = SocketAddr::from(([127, 0, 0, 1], self.admin));
        Ok(crate::support::get(address, "/metrics").await?.text())
    }

    /// User and system time of all of its threads, in nanoseconds' steps.
    pub fn cpu_time(&self) -> anyhow::Result<Duration> {
        let tasks = format!("/proc/{}/task", self.process.id());
        let mut nanoseconds = 0;
        for task in fs::read_dir(&tasks).with_context(|| format!("failed to read {tasks}"))? {
            // A thread may end meanwhile.
            let Ok(stat) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            let on_cpu = stat.split(' ').next().context("an empty schedstat")?;
            nanoseconds += on_cpu.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}

/// Reads what a server logs, as a container runtime does: through a pipe, and in large pieces, so that the reader
/// takes little of the load's core.
fn read_log(mut pipe: impl Read + std::os::fd::AsFd + Send + 'static) -> anyhow::Result<()> {
    fcntl_setpipe_size(&pipe, 1 << 20).context("failed to enlarge a pipe")?;
    let mut buffer = vec![0; 1 << 20];
    thread::Builder::new().name("log".to_owned()).spawn(move || {
        while pipe.read(&mut buffer).is_ok_and(|read| read > 0) {
            thread::sleep(Duration::from_millis(2));
        }
    })?;
    Ok(())
}
