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

/// Sums up the `ServiceAccount`s of a namespace, or of all; with dry runs and tokens where it is
/// to be `deep`.
///
/// # Errors
/// Where the `ServiceAccount`s can't be listed, or the namespace is not there.
pub(crate) async fn survey(
    gatherer: &Gatherer<'_>,
    sources: &Sources,
    namespace: Option<&str>,
    deep: bool,
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
        surveyor.account(&it);
    });
    listed.await.map_err(|error| ListError::of("serviceaccounts", &error))?;
    if let Some(name) = namespace.filter(|_| is_empty)
        && let Some(error) = without_namespace(gatherer.client, name).await
    {
        return Err(error.into());
    }
    let path = format!("/api/v1{folder}/pods");
    let listed = pages::for_each(gatherer.client, &path, |it| surveyor.pod(&it)).await;
    if let Err(error) = listed {
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
