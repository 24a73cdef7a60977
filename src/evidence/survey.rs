//! All `ServiceAccount`s with a role: the lists item by item, then each by itself, a few at once.

use diagnosis::{Fact, Facts, Sources, Subject, Survey, SurveyedAccount, Surveyor};
use futures::StreamExt as _;

use super::cluster::{Gatherer, answers};
use super::everything::{EmptyNamespace, ListError, namespaces, without_namespace};
use crate::api_server::pages;
use crate::crypto;

/// Why there is no summary.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SurveyError {
    #[error(transparent)]
    List(#[from] ListError),
    #[error(transparent)]
    Namespace(#[from] EmptyNamespace),
}

/// How many are asked about at once.
const AT_ONCE: usize = 8;

/// What is counted of those that have been asked about.
pub(crate) const ASKED: &str = "ServiceAccounts with a role";

/// Sums up the `ServiceAccount`s of a namespace, or of all; with dry runs and tokens where it is
/// to be `deep`. `seen` is told of each item.
///
/// # Errors
/// Where the `ServiceAccount`s can't be listed, or the namespace is not there.
pub(crate) async fn survey(
    gatherer: &Gatherer<'_>,
    sources: &Sources,
    namespace: Option<&str>,
    deep: bool,
    mut seen: impl FnMut(&'static str),
) -> Result<Survey, SurveyError> {
    let mut surveyor = Surveyor::new(sources, gatherer.settings);
    let mut facts = Facts {
        subject: Subject {
            namespace: "default".to_owned(),
            service_account: "default".to_owned(),
            at: gatherer.at,
            ..Subject::default()
        },
        version: gatherer.version.clone(),
        webhooks: gatherer.webhooks.clone(),
        webhook_flags: gatherer.webhook_flags.clone(),
        ..Facts::default()
    };
    if !answers(&facts.version) {
        return Ok(surveyor.finish(facts, Vec::new(), crypto::CERTIFICATES));
    }
    gatherer.webhook(&mut facts).await;
    let folder = namespace.map_or_else(String::new, |name| format!("/namespaces/{name}"));
    if surveyor.auditor().needs_namespaces() {
        namespaces(gatherer.client, namespace, surveyor.auditor()).await;
    }
    let path = format!("/api/v1{folder}/serviceaccounts");
    let mut is_empty = true;
    let listed = pages::for_each(gatherer.client, &path, |it| {
        is_empty = false;
        seen("ServiceAccounts");
        surveyor.account(&it);
    });
    listed.await.map_err(|error| ListError::of("serviceaccounts", &error))?;
    if let Some(name) = namespace.filter(|_| is_empty)
        && let Some(error) = without_namespace(gatherer.client, name).await
    {
        return Err(error.into());
    }
    let path = format!("/api/v1{folder}/pods");
    let listed = pages::for_each(gatherer.client, &path, |it| {
        seen("pods");
        surveyor.pod(&it);
    });
    if let Err(error) = listed.await {
        surveyor.without_pods(ListError::of("pods", &error).to_string());
    }
    let subjects = surveyor.subjects(gatherer.at);
    let (surveyor_ref, accounts) = (&surveyor, futures::stream::iter(subjects));
    let accounts: Vec<SurveyedAccount> = accounts
        .map(|subject| async move {
            let facts = Facts { subject, ..Facts::default() };
            let facts = if deep { asked(gatherer, surveyor_ref, facts).await } else { Some(facts) };
            facts.map(|facts| surveyor_ref.assess(facts, deep, crypto::CERTIFICATES))
        })
        .buffer_unordered(AT_ONCE)
        .inspect(|_| seen(ASKED))
        .filter_map(std::future::ready)
        .collect()
        .await;
    Ok(surveyor.finish(facts, accounts, crypto::CERTIFICATES))
}

/// A dry run and a token of one of them; nothing of one that has gone since it was listed.
async fn asked(
    gatherer: &Gatherer<'_>,
    surveyor: &Surveyor<'_>,
    mut facts: Facts,
) -> Option<Facts> {
    let Subject { namespace, service_account, .. } = &facts.subject;
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}");
    facts.service_account = gatherer.get(&path).await;
    if facts.service_account == Fact::Absent {
        return None;
    }
    if surveyor.can_be_tried(&facts.subject) {
        facts.dry_run = gatherer.dry_run(&facts.subject).await;
    }
    gatherer.issuer(&mut facts, &path).await;
    Some(facts)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use diagnosis::{Status, WebhookSettings};
    use http_body_util::{BodyExt as _, Full};
    use hyper::body::Bytes;
    use hyper::{Method, Request, Response};
    use kube::Client;
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;
    use crate::http_client::issuer_documents::Fetcher;

    const ROLE: &str = "arn:aws:iam::111122223333:role/app";

    /// A cluster with accounts in the namespaces `open` and `full`; what is made by dry run is held
    /// until a few are waiting, or nobody else comes.
    #[derive(Default)]
    struct Cluster {
        accounts: usize,
        waiting: AtomicUsize,
        most: AtomicUsize,
        asked: Mutex<Vec<String>>,
    }

    impl Cluster {
        fn client(self: &Arc<Self>) -> Client {
            let cluster = Arc::clone(self);
            let service = tower::service_fn(move |request: Request<Body>| {
                let cluster = Arc::clone(&cluster);
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.unwrap_or_default().to_bytes();
                    let path = parts.uri.path().to_owned();
                    cluster.asked.lock().unwrap().push(format!("{} {path}", parts.method));
                    let (status, body) = cluster.answer(&parts.method, &path, &body).await;
                    let body = Full::new(Bytes::from(body.to_string()));
                    Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
                }
            });
            Client::new(service, "default")
        }

        async fn answer(&self, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
            let account = |number: usize| {
                let namespace = if number.is_multiple_of(2) { "open" } else { "full" };
                let annotations = json!({"eks.amazonaws.com/role-arn": ROLE});
                json!({"metadata": {
                    "namespace": namespace, "name": format!("app-{number}"), "annotations": annotations,
                }})
            };
            let list = |items: Vec<Value>| (200, json!({"items": items, "metadata": {}}));
            let refused = |message: &str| {
                let status = json!({
                    "kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
                    "message": message,
                });
                (403, status)
            };
            if *method == Method::POST && path.ends_with("/pods") {
                let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
                self.most.fetch_max(waiting, Ordering::SeqCst);
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                self.waiting.fetch_sub(1, Ordering::SeqCst);
                if path.contains("/full/") {
                    return refused("pods \"x\" is forbidden: exceeded quota: pods");
                }
                let mut pod: Value = serde_json::from_slice(body).unwrap();
                let folder = "/var/run/secrets/eks.amazonaws.com/serviceaccount";
                pod["spec"]["containers"][0]["env"] = json!([
                    {"name": "AWS_ROLE_ARN", "value": ROLE},
                    {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": format!("{folder}/token")},
                ]);
                pod["spec"]["containers"][0]["volumeMounts"] =
                    json!([{"name": "aws-iam-token", "mountPath": folder, "readOnly": true}]);
                pod["spec"]["volumes"] = json!([{"name": "aws-iam-token", "projected": {"sources": [
                    {"serviceAccountToken": {"audience": "sts.amazonaws.com", "path": "token"}},
                ]}}]);
                return (201, pod);
            }
            match path {
                "/api/v1/serviceaccounts" => list((0..self.accounts).map(account).collect()),
                "/api/v1/pods" => list(Vec::new()),
                _ if path.ends_with("/token") => refused("no tokens"),
                _ => match path.rsplit_once("/app-") {
                    Some((_, number)) => (200, account(number.parse().unwrap())),
                    None => (404, json!({"kind": "Status", "code": 404, "reason": "NotFound"})),
                },
            }
        }
    }

    async fn surveyed(cluster: &Arc<Cluster>, deep: bool) -> Survey {
        let client = cluster.client();
        let settings = WebhookSettings::default();
        let fetcher = Fetcher::public().unwrap();
        let gatherer = Gatherer {
            client: &client,
            fetcher: &fetcher,
            settings: &settings,
            namespace: "default",
            version: Fact::Known(json!({"gitVersion": "v1.34.1"})),
            webhooks: Fact::Absent,
            webhook_flags: Fact::NotAsked,
            container_credentials: Fact::NotAsked,
            config_map_in: None,
            tls_secret: "",
            at: 0,
            documents: super::super::Documents::default(),
        };
        survey(&gatherer, &Sources::default(), None, deep, |_| {}).await.unwrap()
    }

    fn dry_run<'a>(survey: &'a Survey, name: &str) -> Option<&'a str> {
        let account = survey.service_accounts.iter().find(|it| it.name == name).unwrap();
        let check = account.checks.iter().find(|it| it.id == "dry-run")?;
        assert_eq!(check.status, Status::Unknown, "{check:?}");
        Some(&check.seen)
    }

    #[tokio::test(start_paused = true)]
    async fn asks_a_few_at_once_and_each_of_them() {
        let cluster = Arc::new(Cluster { accounts: 50, ..Cluster::default() });
        let survey = surveyed(&cluster, true).await;
        assert_eq!(survey.service_accounts.len(), 50);
        assert_eq!(cluster.most.load(Ordering::SeqCst), AT_ONCE);
        let asked = cluster.asked.lock().unwrap();
        let pods = asked.iter().filter(|it| it.starts_with("POST") && it.ends_with("/pods"));
        assert_eq!(pods.count(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dry_run_that_is_refused_leaves_the_others() {
        let cluster = Arc::new(Cluster { accounts: 4, ..Cluster::default() });
        let survey = surveyed(&cluster, true).await;
        for (name, refused) in
            [("app-0", false), ("app-1", true), ("app-2", false), ("app-3", true)]
        {
            let seen = dry_run(&survey, name);
            assert_eq!(seen.is_some_and(|it| it.contains("quota")), refused, "{name}: {seen:?}");
        }
        // Nothing is known to be wrong, and something is not known.
        assert_eq!(survey.result, Status::Unknown);
    }

    #[tokio::test(start_paused = true)]
    async fn makes_nothing_unless_it_is_to_be_deep() {
        let cluster = Arc::new(Cluster { accounts: 4, ..Cluster::default() });
        let survey = surveyed(&cluster, false).await;
        assert_eq!(survey.service_accounts.len(), 4);
        let asked = cluster.asked.lock().unwrap();
        let wanted = ["GET /api/v1/serviceaccounts", "GET /api/v1/pods"];
        assert_eq!(*asked, wanted, "one list of each, and nothing of each ServiceAccount");
    }
}
