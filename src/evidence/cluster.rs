//! The facts of a cluster, asked for one by one.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use kube::Client;
use serde_json::{Value, json};

use super::ask::reason;
use super::{ask, refused_pod, workload};
use crate::api_server::Failure;
use crate::config::{Kind, ObjectName};
use crate::crypto;
use crate::http_client::issuer_documents::Fetcher;
use crate::http_client::webhook_probe;
use diagnosis::{
    Address, DryRun, Entry, Fact, Facts, FetchedDocument, Probe, ReasonKind, Stage, Subject,
    TokenFact, WebhookFlags, WebhookSettings, account_name, certificates, entries, probe_pod,
    probe_review, redacted_pod, token_audience,
};
use injection::identity::{ContainerCredentialsKeys, Key};
use issuer::{Discovery, IssuerUrl, Jwks, Token};

/// The shortest that the API server makes: nobody keeps it.
const TOKEN_SECONDS: u32 = 600;

/// The most entries of the webhook that are looked at; an installation has two.
const MOST_ENTRIES: usize = 64;

/// How many at once: each may take its timeoutSeconds.
const AT_ONCE: usize = 8;

/// Why there is nothing to diagnose.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatherError {
    #[error("{target} not found in namespace {namespace}")]
    NoTarget { target: ObjectName, namespace: String },
    #[error("failed to get {target} in namespace {namespace}: {why}; {next}")]
    ObjectName { target: ObjectName, namespace: String, why: String, next: String },
    #[error(
        "namespace {namespace:?} not found; correct --namespace, or the namespace of the \
         kubeconfig's context"
    )]
    NoNamespace { namespace: String },
}

/// Asks all that can be asked.
pub(crate) struct Gatherer<'a> {
    pub client: &'a Client,
    pub fetcher: &'a Fetcher,
    pub settings: &'a WebhookSettings,
    pub namespace: &'a str,
    /// What the API server says of its version.
    pub version: Fact<Value>,
    /// The cluster's `MutatingWebhookConfiguration`s.
    pub webhooks: Fact<Value>,
    /// The flags that the webhook runs with.
    pub webhook_flags: Fact<WebhookFlags>,
    /// Who gets container credentials.
    pub container_credentials: Fact<ContainerCredentialsKeys>,
    /// Where the `ConfigMap` is, if it counts.
    pub config_map_in: Option<&'a str>,
    /// The Secret that the webhook serves its certificate from.
    pub tls_secret: &'a str,
    /// Seconds since 1970.
    pub at: i64,
    /// What issuers have published so far, by URL: nearly always one's.
    pub documents: Documents,
}

/// Documents that were fetched, each once.
pub(crate) type Documents = tokio::sync::Mutex<BTreeMap<String, FetchedDocument>>;

/// The most of them that are kept.
const MOST_DOCUMENTS: usize = 16;

/// Whether the API server answers. Who may not ask for the version may still ask for the rest.
pub(crate) fn answers(version: &Fact<Value>) -> bool {
    match version {
        Fact::Known(_) => true,
        Fact::Unknown(why) => why.kind == ReasonKind::Forbidden,
        Fact::Absent | Fact::NotAsked => false,
    }
}

impl std::fmt::Debug for Gatherer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gatherer").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl Gatherer<'_> {
    /// `reached` sees the facts so far at the end of each stage.
    ///
    /// # Errors
    /// [`GatherError`] where the target is not there. An API server that does
    /// not answer is a fact.
    pub(crate) async fn gather(
        &self,
        target: &ObjectName,
        mut reached: impl FnMut(&Facts, Stage),
    ) -> Result<Facts, GatherError> {
        let mut facts = Facts {
            subject: Subject {
                namespace: self.namespace.to_owned(),
                object: target.to_string(),
                service_account: String::new(),
                labels: BTreeMap::new(),
                at: self.at,
            },
            version: self.version.clone(),
            webhooks: self.webhooks.clone(),
            webhook_flags: self.webhook_flags.clone(),
            ..Facts::default()
        };
        if target.kind == Kind::ServiceAccount {
            facts.subject.service_account.clone_from(&target.name);
        }
        if !answers(&facts.version) {
            return Ok(facts);
        }
        let namespace = self.namespace;
        facts.namespace = self.get(&format!("/api/v1/namespaces/{namespace}")).await;
        self.subject(target, &mut facts).await?;
        let account = facts.subject.service_account.clone();
        let account_path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}");
        facts.service_account = self.get(&account_path).await;
        if facts.service_account == Fact::Absent && facts.namespace == Fact::Absent {
            return Err(GatherError::NoNamespace { namespace: namespace.to_owned() });
        }
        reached(&facts, Stage::Registered);
        let key = Key { namespace, name: &account };
        facts.container_credentials =
            self.container_credentials.clone().map(|listed| listed.contains(key));
        if let Some(home) = self.config_map_in {
            facts.config_map = config_map(self.client, home).await;
        }
        self.webhook(&mut facts).await;
        // Who may not read it may still create pods and tokens of it.
        if facts.service_account != Fact::Absent {
            facts.dry_run = self.dry_run(&facts.subject).await;
            reached(&facts, Stage::Tried);
            self.issuer(&mut facts, &account_path).await;
        }
        Ok(facts)
    }

    /// The `ServiceAccount`, the labels and the pods of the target.
    async fn subject(&self, target: &ObjectName, facts: &mut Facts) -> Result<(), GatherError> {
        if target.kind == Kind::ServiceAccount {
            return Ok(());
        }
        let (target, namespace) = (target.clone(), self.namespace.to_owned());
        let object = ask::object(self.client, &target.path(&namespace)).await;
        let object: Value = match object {
            Ok(Some(object)) => object,
            Err(failure) => {
                let next = failure.kind.advice().map_or_else(
                    || format!("grant the right to get {}", target.resource()),
                    str::to_owned,
                );
                let why = failure.explained().to_string();
                return Err(GatherError::ObjectName { target, namespace, why, next });
            }
            Ok(None) if facts.namespace == Fact::Absent => {
                return Err(GatherError::NoNamespace { namespace });
            }
            Ok(None) => return Err(GatherError::NoTarget { target, namespace }),
        };
        let target = &target;
        let pod = match target.kind {
            Kind::Pod => &object,
            Kind::CronJob => &object["spec"]["jobTemplate"]["spec"]["template"],
            _ => &object["spec"]["template"],
        };
        facts.subject.service_account = account_name(pod);
        let labels = pod["metadata"]["labels"].as_object().into_iter().flatten();
        facts.subject.labels = labels
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
        let keys = &self.settings.policy.settings.keys;
        facts.pods = match target.kind {
            Kind::Pod => Fact::Known(vec![redacted_pod(&object, keys)]),
            _ => workload::pods(self.client, target, &object, self.namespace, keys).await,
        };
        Ok(())
    }

    pub(super) async fn webhook(&self, facts: &mut Facts) {
        let Fact::Known(list) = &facts.webhooks else { return };
        let review = probe_review(&facts.subject).unwrap_or_default();
        let found = entries(list, &self.settings.configurations);
        let probes = futures::stream::iter(found.iter().take(MOST_ENTRIES))
            .map(|entry| async { (entry.to_string(), self.probe(entry, &review).await) })
            .buffered(AT_ONCE)
            .collect::<BTreeMap<_, _>>();
        facts.probes = Fact::Known(probes.await);
    }

    async fn probe(&self, entry: &Entry<'_>, review: &[u8]) -> Probe {
        match entry.address() {
            Address::Url(url) => webhook_probe::call(entry, &url, review).await,
            Address::Service { namespace, name } => self.behind(&namespace, &name).await,
        }
    }

    /// What is behind the Service, as nobody outside of the cluster can call it.
    async fn behind(&self, namespace: &str, name: &str) -> Probe {
        let home = format!("/api/v1/namespaces/{namespace}");
        let service: Fact<Value> = self.get(&format!("{home}/services/{name}")).await;
        let ready_endpoints = match service {
            Fact::Known(_) => {
                let path =
                    format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices");
                let query = format!("labelSelector=kubernetes.io%2Fservice-name%3D{name}");
                let mut endpoints = 0;
                let slices = ask::list(self.client, &path, &query, |slice| {
                    endpoints += ready(&slice);
                    Ok(())
                });
                slices.await.map(|()| endpoints)
            }
            missing => missing.map(|_| 0),
        };
        let secret: Fact<Value> = self.get(&format!("{home}/secrets/{}", self.tls_secret)).await;
        // Of the Secret the certificate alone is kept, which is public.
        let certificate = secret.map(|secret| {
            let pem = secret["data"]["tls.crt"].as_str().unwrap_or_default();
            certificates(&STANDARD.decode(pem).unwrap_or_default())
        });
        Probe::Service { ready_endpoints, certificate }
    }

    pub(super) async fn dry_run(&self, subject: &Subject) -> Fact<DryRun> {
        let path = format!("/api/v1/namespaces/{}/pods?dryRun=All", subject.namespace);
        let pod = probe_pod(subject);
        match ask::post(self.client, &path, &pod).await {
            Ok(pod) => Fact::Known(DryRun::Admitted { pod, warnings: Vec::new() }),
            Err(error) => refused_pod::fact(&error),
        }
    }

    /// The token, and what its issuer publishes.
    pub(super) async fn issuer(&self, facts: &mut Facts, account_path: &str) {
        let request = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [token_audience(facts, self.settings)],
                "expirationSeconds": TOKEN_SECONDS,
            },
        });
        let answer = ask::post(self.client, &format!("{account_path}/token"), &request).await;
        let token = match answer {
            Ok(answer) => Token::parse(answer["status"]["token"].as_str().unwrap_or_default()),
            Err(error) => {
                facts.token = Fact::Unknown(reason(&Failure::of(&error)));
                return;
            }
        };
        let token = match token {
            Ok(token) => token,
            Err(error) => {
                facts.token = Fact::Unknown(error.to_string().into());
                return;
            }
        };
        let Ok(issuer) = IssuerUrl::parse(&token.issuer) else {
            facts.token = Fact::Known(TokenFact::of(&token, None, crypto::ISSUER.verify));
            return;
        };
        let discovery = self.fetch(&issuer.discovery_url()).await;
        let keys_at = discovery.text().and_then(|body| Discovery::parse(body.as_bytes()).ok());
        let keys_at = keys_at.map(|read| read.jwks_uri);
        facts.discovery = Fact::Known(discovery);
        let mut published = None;
        if let Some(url) = keys_at {
            let keys = self.fetch(&url).await;
            published = keys.text().and_then(|body| Jwks::parse(body.as_bytes()).ok());
            facts.jwks = Fact::Known(keys);
        }
        facts.token = Fact::Known(TokenFact::of(&token, published.as_ref(), crypto::ISSUER.verify));
    }

    /// Held while one is fetched: all who come meanwhile want the same.
    async fn fetch(&self, url: &str) -> FetchedDocument {
        let mut documents = self.documents.lock().await;
        if let Some(document) = documents.get(url) {
            return document.clone();
        }
        let document = FetchedDocument::of(url, self.fetcher.get(url).await);
        if documents.len() < MOST_DOCUMENTS {
            documents.insert(url.to_owned(), document.clone());
        }
        document
    }

    pub(super) async fn get(&self, path: &str) -> Fact<Value> {
        ask::get(self.client, path).await
    }
}

/// What the API server says of its version.
pub(crate) async fn version(client: &Client) -> Fact<Value> {
    ask::get_explained(client, "/version").await
}

/// The `ConfigMap` of identities, in the webhook's namespace.
pub(crate) async fn config_map(client: &Client, namespace: &str) -> Fact<Value> {
    let path = format!("/api/v1/namespaces/{namespace}/configmaps/pod-identity-webhook");
    ask::get(client, &path).await
}

fn ready(slice: &Value) -> usize {
    let endpoints = slice["endpoints"].as_array().into_iter().flatten();
    // Nothing said counts as ready.
    endpoints.filter(|endpoint| endpoint["conditions"]["ready"] != false).count()
}
