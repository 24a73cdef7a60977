//! The programs of the control plane: where they are and how each is started.

use std::{
    fmt::Write as _,
    fs::File,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
};

use anyhow::{Context as _, bail};

use super::{
    keeper::Process,
    pki::{Authority, service_account_keys},
    scratch::Scratch,
};

/// The folder with the binaries, which the build script makes the first time (minutes). It says so on
/// standard error, past the test runner's capture.
pub fn binaries() -> anyhow::Result<PathBuf> {
    binaries_with(&[])
}

/// The same with these components beside those of the control plane.
fn binaries_with(more: &[&str]) -> anyhow::Result<PathBuf> {
    // The benches are a package in a folder of the program's.
    let mut roots = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let script = roots.find_map(|root| {
        let script = root.join("tests/control-plane/build.sh");
        script.exists().then_some(script)
    });
    let script = script.context("found no tests/control-plane/build.sh; is the checkout whole?")?;
    let output = Command::new(&script)
        .args(more)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("failed to run {}", script.display()))?;
    if !output.status.success() {
        bail!("{} failed, for the reason it gave on standard error", script.display());
    }
    let folder =
        String::from_utf8(output.stdout).context("failed to read the build script's answer")?;
    // The programs run in a folder of their own, where a relative KUBEBUILDER_ASSETS leads nowhere.
    std::path::absolute(folder.trim_end()).context("failed to make the folder's path absolute")
}

/// kubectl of the control plane's version.
pub fn kubectl() -> anyhow::Result<PathBuf> {
    Ok(binaries_with(&["kubectl"])?.join("kubectl"))
}

/// Everything the programs are told, and what they keep.
pub struct Setup {
    pub binaries: PathBuf,
    pub port: u16,
    pub issuer: String,
    pub api_server_args: Mutex<Vec<String>>,
    pub authority: Authority,
    pub scratch: Scratch,
}

impl Setup {
    /// Makes certificates and keys in a folder of its own.
    pub fn new(
        binaries: PathBuf,
        issuer: String,
        api_server_args: Vec<String>,
    ) -> anyhow::Result<Self> {
        let authority = Authority::new("control-plane-tests")?;
        let scratch = Scratch::new()?;
        // 10.0.0.1: the API server's own Service, the first address of the range below.
        let server =
            authority.server(&["127.0.0.1", "10.0.0.1", "localhost", "kubernetes.default.svc"])?;
        let (private, public) = service_account_keys()?;
        scratch.write("ca.pem", authority.pem())?;
        scratch.write("server.pem", &server.certificate)?;
        scratch.write("server.key", &server.key)?;
        scratch.write("service-accounts.key", private)?;
        scratch.write("service-accounts.pem", public)?;
        scratch.write("audit.yaml", AUDIT_POLICY)?;
        let port = free_port()?;
        let api_server_args = Mutex::new(api_server_args);
        Ok(Self { binaries, port, issuer, api_server_args, authority, scratch })
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    fn file(&self, name: &str) -> String {
        self.scratch.path().join(name).display().to_string()
    }

    /// Where etcd listens: a socket needs no free port.
    pub fn etcd_socket(&self) -> PathBuf {
        self.scratch.path().join("client:0")
    }

    pub fn etcd(&self) -> anyhow::Result<Process> {
        // Up to 3.5 it takes a socket only in the form HOST:PORT, and that is the name of the file in
        // the working folder.
        let client = "unix://client:0";
        let peer = "unix://peer:0";
        self.start(
            "etcd",
            &[
                format!("--data-dir={}", self.file("etcd")),
                format!("--listen-client-urls={client}"),
                format!("--advertise-client-urls={client}"),
                format!("--listen-peer-urls={peer}"),
                format!("--initial-advertise-peer-urls={peer}"),
                format!("--initial-cluster=default={peer}"),
                // The data need not survive the machine, only a killed process.
                "--unsafe-no-fsync".to_owned(),
                "--log-level=warn".to_owned(),
            ],
        )
    }

    /// Where the API server writes what `ServiceAccount`s ask of it. It answers afterwards.
    pub fn audit_log(&self) -> PathBuf {
        self.scratch.path().join("audit.log")
    }

    pub fn api_server(&self) -> anyhow::Result<Process> {
        let given = self.api_server_args.lock().unwrap().clone();
        let mut args = vec![
            format!("--etcd-servers=unix://{}", self.etcd_socket().display()),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            // Endpoints may not name loopback: it would try for ever.
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--secure-port={}", self.port),
            "--service-cluster-ip-range=10.0.0.0/16".to_owned(),
            format!("--tls-cert-file={}", self.file("server.pem")),
            format!("--tls-private-key-file={}", self.file("server.key")),
            format!("--client-ca-file={}", self.file("ca.pem")),
            "--anonymous-auth=false".to_owned(),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--allow-privileged=true".to_owned(),
            format!("--service-account-issuer={}", self.issuer),
            format!("--api-audiences={}", self.issuer),
            format!("--service-account-key-file={}", self.file("service-accounts.pem")),
            format!("--service-account-signing-key-file={}", self.file("service-accounts.key")),
            format!("--audit-policy-file={}", self.file("audit.yaml")),
            format!("--audit-log-path={}", self.audit_log().display()),
        ];
        args.retain(|own| !given.iter().any(|given| flag(given) == flag(own)));
        args.extend(given);
        self.start("kube-apiserver", &args)
    }

    pub fn controller_manager(&self, kubeconfig: &Path) -> anyhow::Result<Process> {
        self.start(
            "kube-controller-manager",
            &[
                format!("--kubeconfig={}", kubeconfig.display()),
                // It serves nothing, so it needs no port.
                "--secure-port=0".to_owned(),
                "--leader-elect=false".to_owned(),
                "--use-service-account-credentials=true".to_owned(),
                format!("--service-account-private-key-file={}", self.file("service-accounts.key")),
                format!("--root-ca-file={}", self.file("ca.pem")),
                format!("--controllers={}", CONTROLLERS.join(",")),
            ],
        )
    }

    fn start(&self, name: &str, args: &[String]) -> anyhow::Result<Process> {
        let program = self.binaries.join(name);
        if !program.exists() {
            bail!(
                "{} holds no '{name}', which this test needs; unset KUBEBUILDER_ASSETS to have one built",
                self.binaries.display()
            );
        }
        let log = self.log_path(name);
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .with_context(|| format!("failed to open {}", log.display()))?;
        let errors = log.try_clone()?;
        Process::start(name, &program, |command| {
            // No ETCD_… variable of the developer's shell has a say.
            command
                .args(args)
                .current_dir(self.scratch.path())
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .stdout(log)
                .stderr(errors);
        })
    }

    fn log_path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(format!("{name}.log"))
    }

    /// The end of each program's log.
    pub fn log_tails(&self) -> String {
        const LINES: usize = 15;
        let mut tails = String::new();
        for name in ["etcd", "kube-apiserver", "kube-controller-manager"] {
            let Ok(log) = std::fs::read(self.log_path(name)) else {
                continue;
            };
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = log.lines().collect();
            let _ = writeln!(tails, "--- the end of the log of {name}:");
            for line in &lines[lines.len().saturating_sub(LINES)..] {
                let _ = writeln!(tails, "{line}");
            }
        }
        tails
    }
}

/// A watch is logged when it starts, everything else when it ends. Administrators are left out.
const AUDIT_POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, userGroups: ["system:serviceaccounts"]}
- {level: None}
"#;

fn flag(arg: &str) -> &str {
    arg.split('=').next().unwrap_or(arg)
}

const CONTROLLERS: &[&str] = &[
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "replicaset-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
];

/// A port of 127.0.0.1 that nobody listens on, below those that the kernel gives to outgoing
/// connections: it must still be free when a killed API server comes back.
pub fn free_port() -> anyhow::Result<u16> {
    const TRIES: usize = 100;
    (0..TRIES)
        .map(|_| fastrand::u16(10_000..32_000))
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .context("found no free port between 10000 and 32000 on 127.0.0.1; stop what listens there")
}
