//! A cluster in which everything is well, and what breaks in it.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::published::{DISCOVERY, Document, JWKS, Published};
use crate::support::{
    Authority, ControlPlane, Namespace, Options, Registration, Scratch, Webhook, pod,
};

pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/app";
pub(crate) const ROLE_ARN: &str = "eks.amazonaws.com/role-arn";
const REGION: (&str, &str) = ("eks.amazonaws.com/region", "eu-central-1");

pub(crate) struct Scene {
    pub(crate) control_plane: ControlPlane,
    pub(crate) webhook: Webhook,
    pub(crate) namespace: Namespace,
    pub(crate) published: Published,
    scratch: Scratch,
}

/// One question to `doctor`.
pub(crate) struct Question {
    pub(crate) target: String,
    pub(crate) namespace: String,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) role: Value,
    pub(crate) provider: Value,
    pub(crate) args: Vec<String>,
}

/// What it said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: i32,
    pub(crate) report: Value,
    pub(crate) errors: String,
}

impl Scene {
    pub(crate) async fn set() -> Self {
        let published = Published::start().await;
        let issuer = published.url();
        let options = Options {
            api_server_args: vec![format!("--service-account-jwks-uri={issuer}{JWKS}")],
            issuer,
            ..Options::default()
        };
        let control_plane = ControlPlane::start(options).await;
        let webhook = Webhook::builder().kubeconfig(control_plane.kubeconfig()).start().await;
        webhook.ready().await;
        let namespace = control_plane.namespace("test").await;
        webhook.register(&control_plane, &namespace).await;
        let scratch = Scratch::new().unwrap();
        let scene = Self { control_plane, webhook, namespace, published, scratch };
        scene.publish().await;
        scene.account(&scene.namespace, "app", &[(ROLE_ARN, ROLE)]).await;
        scene.namespace.pod(&pod("app", "app")).await;
        scene
    }

    /// The API server's own documents.
    pub(crate) async fn publish(&self) {
        for path in [DISCOVERY, JWKS] {
            let text = self.control_plane.get_text(path).await.unwrap();
            self.published.put(path, Document::Text(text));
        }
    }

    /// A `ServiceAccount` in a region, with these annotations.
    pub(crate) async fn account(
        &self,
        namespace: &Namespace,
        name: &str,
        annotations: &[(&str, &str)],
    ) {
        namespace.service_account(name, &[annotations, &[REGION]].concat()).await;
    }

    /// A namespace with the `ServiceAccount` app, for whose pods something else is registered.
    pub(crate) async fn other(
        &self,
        url: &str,
        ca_pem: &str,
        registration: Registration,
    ) -> Namespace {
        let namespace = self.control_plane.namespace("other").await;
        self.account(&namespace, "app", &[(ROLE_ARN, ROLE)]).await;
        crate::support::store_registration(
            &self.control_plane,
            &namespace,
            url,
            ca_pem,
            registration,
        )
        .await;
        namespace
    }

    /// The same for the webhook itself.
    pub(crate) async fn registered(&self, registration: Registration) -> Namespace {
        let url = format!("https://{}", self.webhook.https());
        self.other(&url, self.webhook.ca_pem(), registration).await
    }

    /// About a `ServiceAccount` for which all is well at AWS.
    pub(crate) fn question(&self, namespace: &Namespace, account: &str) -> Question {
        let name = self.published.url().replace("https://", "");
        let arn = format!("arn:aws:iam::111122223333:oidc-provider/{name}");
        let subject = format!("system:serviceaccount:{namespace}:{account}");
        Question {
            target: format!("serviceaccount/{account}"),
            namespace: namespace.name().to_owned(),
            kubeconfig: self.control_plane.kubeconfig().to_owned(),
            role: json!({"Role": {
                "RoleName": "app",
                "Arn": ROLE,
                "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
                    "Effect": "Allow",
                    "Principal": {"Federated": arn},
                    "Action": "sts:AssumeRoleWithWebIdentity",
                    "Condition": {"StringEquals": {
                        (format!("{name}:sub")): subject,
                        (format!("{name}:aud")): "sts.amazonaws.com",
                    }},
                }]},
            }}),
            provider: json!({"Url": name, "ClientIDList": ["sts.amazonaws.com"]}),
            args: Vec::new(),
        }
    }

    /// About the pods of app, which are well.
    pub(crate) fn healthy(&self) -> Question {
        self.question(&self.namespace, "app")
    }

    /// Asks the cluster, then the same of the folder that this saved.
    pub(crate) async fn ask(&self, question: &Question) -> Said {
        let saved = self.scratch.path().join("saved");
        let _ = std::fs::remove_dir_all(&saved);
        let live = self.run(question, &["--save", saved.to_str().unwrap()]).await;
        if live.report.is_null() {
            return live;
        }
        let from = ["doctor", "--from-dir", saved.to_str().unwrap(), "-o", "json"];
        let more = question.args.iter().map(String::as_str);
        let from_folder = program(&from.into_iter().chain(more).collect::<Vec<_>>());
        let again = tokio::task::spawn_blocking(from_folder).await.unwrap();
        // The commands that are advised name the cluster that was asked, which no folder knows.
        let typed = format!(" --kubeconfig={}", question.kubeconfig.display());
        let live_report = live.report.to_string().replace(&typed, "");
        let live_report: Value = serde_json::from_str(&live_report).unwrap();
        assert_eq!(again.report, live_report, "from the folder: {}", again.errors);
        assert_eq!(again.exit, live.exit, "from the folder: {}", again.errors);
        live
    }

    async fn run(&self, question: &Question, more: &[&str]) -> Said {
        let file =
            |name: &str, text: &str| self.scratch.write(name, text).unwrap().display().to_string();
        let mut args = vec![
            "doctor".to_owned(),
            question.target.clone(),
            format!("--namespace={}", question.namespace),
            format!("--kubeconfig={}", question.kubeconfig.display()),
            format!("--ca-file={}", file("issuer-ca.pem", self.published.ca_pem())),
            format!("--role-json={}", file("role.json", &question.role.to_string())),
            format!("--provider-json={}", file("provider.json", &question.provider.to_string())),
            "--output=json".to_owned(),
        ];
        args.extend(question.args.iter().cloned());
        args.extend(more.iter().map(ToString::to_string));
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        tokio::task::spawn_blocking(program(&args)).await.unwrap()
    }
}

impl Question {
    /// The one statement of the trust policy.
    pub(crate) fn statement(&mut self) -> &mut Value {
        &mut self.role["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    }
}

impl Said {
    pub(crate) fn failed(&self) -> Vec<String> {
        self.with_status("fail")
    }

    pub(crate) fn with_status(&self, status: &str) -> Vec<String> {
        let checks = self.report["checks"].as_array().into_iter().flatten();
        let ids = checks.filter(|check| check["status"] == status).map(|check| &check["id"]);
        ids.map(|id| id.as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn check(&self, id: &str) -> &Value {
        let mut checks = self.report["checks"].as_array().into_iter().flatten();
        checks.find(|check| check["id"] == id).unwrap_or(&Value::Null)
    }
}

/// The program with these arguments, to be run off the runtime's thread: servers of the test run there.
pub(crate) fn program(args: &[&str]) -> impl FnOnce() -> Said + Send + 'static {
    let args: Vec<_> = args.iter().map(ToString::to_string).collect();
    move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pod-identity-webhook"));
        let output = command.args(args).env_clear().env("HOME", "/nowhere").output().unwrap();
        Said {
            exit: output.status.code().unwrap(),
            report: serde_json::from_slice(&output.stdout).unwrap_or_default(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Takes connections and never answers, as a proxy to nowhere does.
pub(crate) async fn silence() -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    (listener, url)
}

pub(crate) fn another_ca() -> String {
    Authority::new("another").unwrap().pem().to_owned()
}
