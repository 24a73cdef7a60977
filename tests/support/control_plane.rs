//! A control plane of the test's own, or the one that the tests of a process share.

use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use axum::http::Request;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Namespace as NamespaceObject, ServiceAccount},
};
use kube::{Api, Client, Config, api::PostParams};
use serde_json::json;
use tokio::{net::UnixStream, sync::OnceCell};

use super::{
    audit::Call,
    components::{Setup, binaries},
    keeper::Process,
    kubeconfig::{self, Credentials},
    namespace::Namespace,
    poll::poll,
};

/// Generous: several start at once on a small machine.
const START_DEADLINE: Duration = Duration::from_mins(2);

/// What a test may choose about its control plane.
pub struct Options {
    /// Runs kube-controller-manager too: Deployments make pods, Jobs run, `default` accounts appear.
    pub controller_manager: bool,
    /// The `iss` of service-account tokens, and the audience of those for the API server itself.
    pub issuer: String,
    /// More arguments for kube-apiserver; they take the place of the harness's own of that name.
    pub api_server_args: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            controller_manager: false,
            issuer: "https://kubernetes.default.svc".to_owned(),
            api_server_args: Vec::new(),
        }
    }
}

/// etcd, kube-apiserver and, if asked for, kube-controller-manager. They end with this value, and with
/// the process at the latest.
pub struct ControlPlane {
    controller_manager: Slot,
    api_server: Slot,
    etcd: Slot,
    admin: Config,
    kubeconfig: PathBuf,
    kubeconfigs: AtomicU32,
    // The last one: the folder goes when nothing runs in it.
    setup: Setup,
}

/// The control plane that the tests of this process share, without the controller manager. Not for
/// tests that stop or restart parts of it.
pub async fn control_plane() -> &'static ControlPlane {
    // A failure is kept as well: the tests that follow fail at once, for the same reason.
    static SHARED: OnceCell<Result<ControlPlane, String>> = OnceCell::const_new();
    let shared = SHARED
        .get_or_init(async || {
            let started = ControlPlane::try_start(Options::default()).await;
            started.map_err(|error| format!("{error:#}"))
        })
        .await;
    match shared {
        Ok(control_plane) => control_plane,
        Err(error) => panic!("the shared control plane did not start: {error}"),
    }
}

impl ControlPlane {
    /// Starts one and waits until it is ready.
    pub async fn start(options: Options) -> Self {
        match Self::try_start(options).await {
            Ok(control_plane) => control_plane,
            Err(error) => panic!("the control plane did not start: {error:#}"),
        }
    }

    async fn try_start(options: Options) -> anyhow::Result<Self> {
        // kube and the tests' own TLS take the process's default; a second install is refused, rightly.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();

        let Options { controller_manager, issuer, api_server_args } = options;
        // Off the runtime's thread: the first time it builds for minutes.
        let setup =
            tokio::task::spawn_blocking(move || Setup::new(binaries()?, issuer, api_server_args))
                .await??;
        let pair = setup.authority.client("test-admin", &["system:masters"])?;
        let text = kubeconfig::render(
            &setup.url(),
            setup.authority.pem(),
            &Credentials::Certificate(&pair),
        );
        let started = Self {
            controller_manager: Slot::default(),
            api_server: Slot::default(),
            etcd: Slot::default(),
            admin: kubeconfig::load(&text).await?,
            kubeconfig: setup.scratch.write("admin.kubeconfig", text)?,
            kubeconfigs: AtomicU32::new(0),
            setup,
        };
        started.try_start_etcd().await?;
        started.try_start_api_server().await?;
        if controller_manager {
            started.try_start_controller_manager().await?;
        }
        Ok(started)
    }

    /// A new client with all rights. It belongs to the runtime of the caller, as each kube client does.
    pub fn client(&self) -> Client {
        Client::try_from(self.admin.clone()).expect("the admin's configuration gives a client")
    }

    /// A kubeconfig file with all rights.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A kubeconfig file for someone else, by client certificate; two groups at most, and the API server
    /// adds `system:authenticated`. A user has no rights until RBAC gives some.
    pub fn kubeconfig_for(&self, user: &str, groups: &[&str]) -> PathBuf {
        let pair = self.setup.authority.client(user, groups);
        let pair = pair.unwrap_or_else(|error| panic!("{error:#}"));
        self.write_kubeconfig(&Credentials::Certificate(&pair))
    }

    /// A kubeconfig file for a `ServiceAccount` that exists, by a token from the API server.
    pub async fn kubeconfig_for_service_account(&self, namespace: &str, name: &str) -> PathBuf {
        // No audience: that of the API server.
        let token = self.token(namespace, name, &[]).await;
        self.write_kubeconfig(&Credentials::Token(&token))
    }

    /// A client for a kubeconfig file, for tests of what that user may do.
    pub async fn client_for(&self, kubeconfig: &Path) -> Client {
        let text = std::fs::read_to_string(kubeconfig).expect("the kubeconfig can be read");
        let config = kubeconfig::load(&text).await.expect("the kubeconfig is valid");
        Client::try_from(config).expect("the kubeconfig gives a client")
    }

    fn write_kubeconfig(&self, credentials: &Credentials<'_>) -> PathBuf {
        let number = self.kubeconfigs.fetch_add(1, Ordering::Relaxed);
        let text = kubeconfig::render(&self.url(), self.ca_pem(), credentials);
        let file = self.setup.scratch.write(&format!("{number}.kubeconfig"), text);
        file.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// A service-account token for these audiences, as the kubelet asks for one.
    pub async fn token(&self, namespace: &str, name: &str, audiences: &[&str]) -> String {
        let request = TokenRequest {
            spec: Some(TokenRequestSpec {
                audiences: Some(audiences.iter().map(ToString::to_string).collect()),
                ..TokenRequestSpec::default()
            }),
            ..TokenRequest::default()
        };
        let api: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let answer = api.create_token_request(name, &PostParams::default(), &request).await;
        let answer =
            answer.unwrap_or_else(|error| panic!("no token for {namespace}/{name}: {error}"));
        let token = answer.status.and_then(|status| status.token);
        token.expect("a granted request has a token")
    }

    /// A new namespace, its name made from `prefix`, in which pods can be created.
    pub async fn namespace(&self, prefix: &str) -> Namespace {
        Namespace::create(self.client(), &json!({ "generateName": format!("{prefix}-") })).await
    }

    /// A new namespace of this very name.
    pub async fn namespace_named(&self, name: &str) -> Namespace {
        Namespace::create(self.client(), &json!({ "name": name })).await
    }

    pub fn url(&self) -> String {
        self.setup.url()
    }

    /// The authority that signed the API server's certificate and those of its users.
    pub fn ca_pem(&self) -> &str {
        self.setup.authority.pem()
    }

    pub fn issuer(&self) -> &str {
        &self.setup.issuer
    }

    /// GET of a path of the API server, as text; for `/metrics` and the like.
    pub async fn get_text(&self, path: &str) -> anyhow::Result<String> {
        let request = Request::get(path).body(Vec::new())?;
        Ok(self.client().request_text(request).await?)
    }

    /// What a `ServiceAccount` has asked of the API server so far, oldest first.
    pub fn calls(&self, namespace: &str, service_account: &str) -> Vec<Call> {
        let user = format!("system:serviceaccount:{namespace}:{service_account}");
        let calls = Call::read(&self.setup.audit_log(), &user);
        calls.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Those that were not granted.
    pub fn refused(&self, namespace: &str, service_account: &str) -> Vec<Call> {
        let mut calls = self.calls(namespace, service_account);
        calls.retain(|call| !call.granted);
        calls
    }

    /// Kills the API server (SIGKILL); what it stored stays.
    pub fn kill_api_server(&self) {
        self.api_server.kill();
    }

    /// Starts the API server again, at the same URL, and waits until it is ready.
    pub async fn start_api_server(&self) {
        let started = self.try_start_api_server().await;
        started.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Starts the API server anew with other `api_server_args`.
    pub async fn restart_api_server_with(&self, args: Vec<String>) {
        self.kill_api_server();
        *self.setup.api_server_args.lock().unwrap() = args;
        self.start_api_server().await;
    }

    pub fn kill_etcd(&self) {
        self.etcd.kill();
    }

    /// Starts etcd again, with what it had stored, and waits until it listens.
    pub async fn start_etcd(&self) {
        let started = self.try_start_etcd().await;
        started.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// The process ids of what runs.
    pub fn process_ids(&self) -> Vec<u32> {
        [&self.etcd, &self.api_server, &self.controller_manager]
            .into_iter()
            .filter_map(Slot::id)
            .collect()
    }

    async fn try_start_etcd(&self) -> anyhow::Result<()> {
        self.etcd.fill(self.setup.etcd()?)?;
        let socket = self.setup.etcd_socket();
        self.ready("etcd", &self.etcd, || async {
            UnixStream::connect(&socket).await?;
            Ok(())
        })
        .await
    }

    async fn try_start_api_server(&self) -> anyhow::Result<()> {
        self.api_server.fill(self.setup.api_server()?)?;
        let client = self.client();
        let namespaces: Api<NamespaceObject> = Api::all(client.clone());
        self.ready("kube-apiserver", &self.api_server, || async {
            let request = Request::get("/readyz").body(Vec::new())?;
            let answer = client.request_text(request).await?;
            ensure!(answer == "ok", "/readyz answered {answer}");
            namespaces.get("default").await?;
            Ok(())
        })
        .await
    }

    async fn try_start_controller_manager(&self) -> anyhow::Result<()> {
        let process = self.setup.controller_manager(&self.kubeconfig)?;
        self.controller_manager.fill(process)?;
        let accounts: Api<ServiceAccount> = Api::default_namespaced(self.client());
        self.ready("kube-controller-manager", &self.controller_manager, || async {
            // Its first visible deed.
            accounts.get("default").await?;
            Ok(())
        })
        .await
    }

    async fn ready<F>(
        &self,
        name: &str,
        slot: &Slot,
        probe: impl FnMut() -> F,
    ) -> anyhow::Result<()>
    where
        F: Future<Output = anyhow::Result<()>>,
    {
        let what = format!("{name} to be ready");
        let ready = poll(&what, START_DEADLINE, probe);
        let ended = poll("its end", START_DEADLINE, || async {
            slot.check_running().err().context("it runs")
        });
        // Both only look, so the one that loses is dropped without harm.
        let outcome = tokio::select! {
            outcome = ready => outcome,
            ended = ended => Err(ended.unwrap_or_else(std::convert::identity)),
        };
        outcome.with_context(|| format!("{name} did not become ready\n{}", self.setup.log_tails()))
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprint!("{}", self.setup.log_tails());
        }
    }
}

/// Holds a part that a test can kill and start again.
#[derive(Default)]
struct Slot(Mutex<Option<Process>>);

impl Slot {
    fn fill(&self, process: Process) -> anyhow::Result<()> {
        let mut slot = self.lock();
        if slot.as_ref().is_some_and(|old| old.exit_status().is_none()) {
            bail!("it runs already; kill it first");
        }
        *slot = Some(process);
        Ok(())
    }

    fn kill(&self) {
        // Dropping kills.
        drop(self.lock().take());
    }

    fn check_running(&self) -> anyhow::Result<()> {
        self.lock().as_ref().context("it was killed")?.check_running()
    }

    fn id(&self) -> Option<u32> {
        self.lock().as_ref().map(Process::id)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Process>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
