//! One of the two programs, started with what both understand.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::generate::ACCOUNTS;
use crate::support::{
    Authority, Connection, ControlPlane, Namespace, Process, Scratch, eventually, free_port, pod,
    post, review,
};

const PATIENCE: Duration = Duration::from_mins(1);

pub struct Contestant {
    process: Process,
    address: SocketAddr,
    /// Kept: a handshake takes far longer than an answer.
    connection: Option<Connection>,
    authority: Authority,
    folder: Scratch,
}

impl Contestant {
    pub fn start(control_plane: &ControlPlane, program: &Path, flags: &[&str]) -> Self {
        let authority = Authority::new("parity-tests").unwrap();
        let folder = Scratch::new().unwrap();
        let pair = authority.server(&["127.0.0.1"]).unwrap();
        let certificate = folder.write("tls.crt", &pair.certificate).unwrap();
        let key = folder.write("tls.key", &pair.key).unwrap();
        let port = free_port().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        // Neither is told an address to listen on: the Go webhook has no flag for that.
        let process = Process::start("contestant", program, |command| {
            command
                .arg("--in-cluster=false")
                .arg(format!("--kubeconfig={}", control_plane.kubeconfig().display()))
                .arg(format!("--port={port}"))
                .arg(format!("--metrics-port={}", free_port().unwrap()))
                .arg(format!("--tls-cert={}", certificate.display()))
                .arg(format!("--tls-key={}", key.display()))
                .args(flags)
                .stdout(log.try_clone().unwrap())
                .stderr(log);
        });
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Self { process: process.unwrap(), address, connection: None, authority, folder }
    }

    /// Waits until it knows the roles of all accounts that have one.
    pub async fn knows(&mut self, namespace: &Namespace) {
        eventually("an answer", PATIENCE, || async {
            self.process.check_running().map_err(|error| error.context(self.log()))?;
            Connection::open_tls(self.address, self.authority.pem()).await
        })
        .await;
        for account in ACCOUNTS {
            let pod = pod("probe", account);
            let started = Instant::now();
            while self.answer(namespace, &pod).await == pod {
                assert!(started.elapsed() < PATIENCE, "{account} has no role\n{}", self.log());
            }
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The pod with the answer's patch applied.
    pub async fn answer(&mut self, namespace: &Namespace, pod: &Value) -> Value {
        let answer = self.ask(namespace, pod).await;
        answer.unwrap_or_else(|error| panic!("{pod}: {error:#}\n{}", self.log()))
    }

    async fn ask(&mut self, namespace: &Namespace, pod: &Value) -> anyhow::Result<Value> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open_tls(self.address, self.authority.pem()).await?,
        };
        let mut body = review(namespace.name(), pod);
        // Older versions of the Go webhook know no other.
        body["apiVersion"] = "admission.k8s.io/v1beta1".into();
        let reply = connection.send(post("/mutate", body.to_string())).await?;
        self.connection = Some(connection);
        let response = reply.json()?["response"].take();
        anyhow::ensure!(response["allowed"] == true, "it is not allowed: {response}");
        let mut pod = pod.clone();
        if let Some(patch) = response["patch"].as_str() {
            let patch: json_patch::Patch = serde_json::from_slice(&STANDARD.decode(patch)?)?;
            json_patch::patch(&mut pod, &patch)?;
        }
        Ok(pod)
    }
}
