//! The facts of a cluster, asked for one by one. What is forbidden or fails is
//! a fact too.

use std::collections::BTreeMap;

use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::Client;
use serde_json::{Value, json};

use super::probe;
use super::target::{Kind, Target};
use crate::api_server::Failure;
use crate::fetch::Fetcher;
use diagnosis::{
    Address, DryRun, Entry, Fact, Facts, Fetched, Probe, Settings, Subject, TokenFact, bare,
    entries, probe_pod, probe_review, token_audience,
};
use issuer::{Answer, Discovery, IssuerUrl, Jwks, Token};

/// The shortest that the API server makes: nobody keeps it.
const TOKEN_SECONDS: u32 = 600;

/// Why there is nothing to diagnose.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    #[error("there is no {target} in namespace {namespace}")]
    NoTarget { target: Target, namespace: String },
    #[error("failed to get {target}: {why}")]
    Target { target: Target, why: String },
}

/// Asks all that can be asked.
pub struct Gatherer<'a> {
    pub client: &'a Client,
    pub fetcher: &'a Fetcher,
    pub settings: &'a Settings,
    pub target: &'a Target,
    pub namespace: &'a str,
    /// Where the `ConfigMap` is, if it counts.
    pub config_map_in: Option<&'a str>,
    /// The Secret that the webhook serves its certificate from.
    pub tls_secret: &'a str,
    /// Seconds since 1970.
    pub at: i64,
}

impl std::fmt::Debug for Gatherer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gatherer").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Gatherer<'_> {
    /// # Errors
    /// [`GatherError`] where the target is not there. An API server that does
    /// not answer is a fact.
    pub async fn gather(&self) -> Result<Facts, GatherError> {
        let mut facts = Facts {
            subject: Subject {
                namespace: self.namespace.to_owned(),
                object: self.target.to_string(),
                service_account: String::new(),
                labels: BTreeMap::new(),
                at: self.at,
            },
            version: self.get("/version").await,
            ..Facts::default()
        };
        if self.target.kind == Kind::ServiceAccount {
            facts.subject.service_account.clone_from(&self.target.name);
        }
        if !matches!(facts.version, Fact::Known(_)) {
            return Ok(facts);
        }
        self.subject(&mut facts).await?;
        let namespace = self.namespace;
        let account = facts.subject.service_account.clone();
        let account_path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}");
        facts.namespace = self.get(&format!("/api/v1/namespaces/{namespace}")).await;
        facts.service_account = self.get(&account_path).await;
        if let Some(home) = self.config_map_in {
            facts.config_map = config_map(self.client, home).await;
        }
        self.webhook(&mut facts).await;
        if matches!(facts.service_account, Fact::Known(_)) {
            facts.dry_run = self.dry_run(&facts.subject).await;
            self.issuer(&mut facts, &account_path).await;
        }
        Ok(facts)
    }

    /// The `ServiceAccount`, the labels and the pods of the target.
    async fn subject(&self, facts: &mut Facts) -> Result<(), GatherError> {
        if self.target.kind == Kind::ServiceAccount {
            return Ok(());
        }
        let object: Value = match self.get(&self.target.path(self.namespace)).await {
            Fact::Known(object) => object,
            Fact::Unknown(why) => {
                return Err(GatherError::Target { target: self.target.clone(), why });
            }
            Fact::Absent | Fact::NotAsked => {
                let (target, namespace) = (self.target.clone(), self.namespace.to_owned());
                return Err(GatherError::NoTarget { target, namespace });
            }
        };
        let pod = match self.target.kind {
            Kind::Pod => &object,
            Kind::CronJob => &object["spec"]["jobTemplate"]["spec"]["template"],
            _ => &object["spec"]["template"],
        };
        let spec = &pod["spec"];
        let named = spec["serviceAccountName"].as_str().or(spec["serviceAccount"].as_str());
        let named = named.filter(|name| !name.is_empty()).unwrap_or("default");
        named.clone_into(&mut facts.subject.service_account);
        let labels = pod["metadata"]["labels"].as_object().into_iter().flatten();
        facts.subject.labels = labels
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
        facts.pods = match self.target.kind {
            Kind::Pod => Fact::Known(vec![bare(&object)]),
            _ => self.pods(&object["spec"]["selector"]["matchLabels"]).await,
        };
        Ok(())
    }

    async fn pods(&self, match_labels: &Value) -> Fact<Vec<Value>> {
        let Some(labels) = match_labels.as_object().filter(|labels| !labels.is_empty()) else {
            return Fact::NotAsked;
        };
        let labels = labels.iter().filter_map(|(key, value)| Some((key, value.as_str()?)));
        // `/`, `.` and `-` are all that labels have beside letters and digits.
        let selector: Vec<_> =
            labels.map(|(key, value)| format!("{}%3D{value}", key.replace('/', "%2F"))).collect();
        let namespace = self.namespace;
        let query = selector.join("%2C");
        let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={query}");
        let list: Fact<Value> = self.get(&path).await;
        list.map(|mut list| match list["items"].take() {
            Value::Array(items) => items.iter().map(bare).collect(),
            _ => Vec::new(),
        })
    }

    async fn webhook(&self, facts: &mut Facts) {
        let path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
        facts.webhooks = self.get(path).await;
        let Fact::Known(list) = &facts.webhooks else { return };
        let review = probe_review(&facts.subject).unwrap_or_default();
        let mut probes = BTreeMap::new();
        for entry in entries(list, &self.settings.configurations) {
            let probe = match entry.address() {
                Address::Url(url) => probe::call(&entry, &url, &review).await,
                Address::Service { namespace, name } => {
                    self.behind(&entry, &namespace, &name).await
                }
            };
            probes.insert(entry.name.to_owned(), probe);
        }
        facts.probes = Fact::Known(probes);
    }

    /// What is behind the Service, as nobody outside of the cluster can call it.
    async fn behind(&self, _: &Entry<'_>, namespace: &str, name: &str) -> Probe {
        let home = format!("/api/v1/namespaces/{namespace}");
        let service: Fact<Value> = self.get(&format!("{home}/services/{name}")).await;
        let ready_endpoints = match service {
            Fact::Known(_) => {
                let path = format!(
                    "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices\
                     ?labelSelector=kubernetes.io%2Fservice-name%3D{name}"
                );
                let slices: Fact<Value> = self.get(&path).await;
                slices.map(|slices| ready(&slices))
            }
            missing => missing.map(|_| 0),
        };
        let secret: Fact<Value> = self.get(&format!("{home}/secrets/{}", self.tls_secret)).await;
        // Of the Secret the certificate alone is kept, which is public.
        let certificate = secret.map(|secret| {
            let pem = secret["data"]["tls.crt"].as_str().unwrap_or_default();
            let pem = STANDARD.decode(pem).unwrap_or_default();
            String::from_utf8_lossy(&pem).into_owned()
        });
        Probe::Service { ready_endpoints, certificate }
    }

    async fn dry_run(&self, subject: &Subject) -> Fact<DryRun> {
        let path = format!("/api/v1/namespaces/{}/pods?dryRun=All", subject.namespace);
        let pod = probe_pod(subject);
        match self.post(&path, &pod).await {
            Ok(pod) => Fact::Known(DryRun::Admitted { pod, warnings: Vec::new() }),
            Err(kube::Error::Api(status)) if is_denied_right(&status) => {
                Fact::Unknown(status.message.clone())
            }
            Err(kube::Error::Api(status)) => Fact::Known(DryRun::Refused(status.message.clone())),
            Err(error) => Fact::Unknown(why(&error)),
        }
    }

    /// The token, and what its issuer publishes.
    async fn issuer(&self, facts: &mut Facts, account_path: &str) {
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [token_audience(facts, self.settings)],
                "expirationSeconds": TOKEN_SECONDS,
            },
        });
        let answer = self.post(&format!("{account_path}/token"), &request).await;
        let token = match answer {
            Ok(answer) => Token::parse(answer["status"]["token"].as_str().unwrap_or_default()),
            Err(error) => {
                facts.token = Fact::Unknown(why(&error));
                return;
            }
        };
        let token = match token {
            Ok(token) => token,
            Err(error) => {
                facts.token = Fact::Unknown(error.to_string());
                return;
            }
        };
        let Ok(issuer) = IssuerUrl::parse(&token.issuer) else {
            facts.token = Fact::Known(TokenFact::of(&token, None));
            return;
        };
        let discovery = self.fetch(&issuer.discovery_url()).await;
        let keys_at = discovery
            .answer
            .as_deref()
            .ok()
            .and_then(|body| Discovery::parse(body.as_bytes()).ok().map(|read| read.jwks_uri));
        facts.discovery = Fact::Known(discovery);
        let mut published = None;
        if let Some(url) = keys_at {
            let keys = self.fetch(&url).await;
            let body = keys.answer.as_deref().ok();
            published = body.and_then(|body| Jwks::parse(body.as_bytes()).ok());
            facts.jwks = Fact::Known(keys);
        }
        facts.token = Fact::Known(TokenFact::of(&token, published.as_ref()));
    }

    async fn fetch(&self, url: &str) -> Fetched {
        let answer = match self.fetcher.get(url).await {
            Ok(Answer { status: 200, body, .. }) => {
                String::from_utf8(body).map_err(|_| "it answers what is no text".to_owned())
            }
            Ok(Answer { status, location: Some(to), .. }) => {
                Err(format!("it answers {status}, a redirect to {to}"))
            }
            Ok(Answer { status, .. }) => Err(format!("it answers {status}")),
            Err(failure) => Err(failure.to_string()),
        };
        Fetched { url: url.to_owned(), answer }
    }

    async fn get(&self, path: &str) -> Fact<Value> {
        get(self.client, path).await
    }

    async fn post(&self, path: &str, object: &Value) -> kube::Result<Value> {
        let body = serde_json::to_vec(object).map_err(kube::Error::SerdeError)?;
        let request = Request::post(path).header("content-type", "application/json").body(body);
        self.client.request(request.map_err(kube::Error::HttpError)?).await
    }
}

/// The `ConfigMap` of identities, in the webhook's namespace.
pub async fn config_map(client: &Client, namespace: &str) -> Fact<Value> {
    get(client, &format!("/api/v1/namespaces/{namespace}/configmaps/pod-identity-webhook")).await
}

async fn get(client: &Client, path: &str) -> Fact<Value> {
    let request = match Request::get(path).body(Vec::new()) {
        Ok(request) => request,
        Err(error) => return Fact::Unknown(error.to_string()),
    };
    match client.request(request).await {
        Ok(object) => Fact::Known(object),
        Err(kube::Error::Api(status)) if status.code == 404 => Fact::Absent,
        Err(error) => Fact::Unknown(why(&error)),
    }
}

fn ready(slices: &Value) -> usize {
    let slices = slices["items"].as_array().into_iter().flatten();
    let endpoints = slices.flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten());
    // Nothing said counts as ready.
    endpoints.filter(|endpoint| endpoint["conditions"]["ready"] != false).count()
}

/// The right to create pods is missing, which is no fault of the webhook's.
fn is_denied_right(status: &kube::core::Status) -> bool {
    status.code == 401 || (status.code == 403 && status.message.contains("cannot create"))
}

fn why(error: &kube::Error) -> String {
    Failure::of(error).message
}
