//! `inject`: manifests in, and out as the webhook would have them.

mod manifests;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use json_patch::Patch;
use serde_json::Value;

use self::manifests::Read;
use super::exit::{Exit, OrMisuse as _};
use super::output::{self, Head, Lines, Tone};
use super::{cluster, completed};
use crate::api_server::watch::SILENCE;
use crate::cli::{InjectArgs, InjectOutput};
use crate::config::{Injection, ReadSource};
use crate::identity_sources::{self, Caller, EventSending, ServiceAccounts};
use injection::admission::{self, Admission, DecodeError, Explanation, Outcome, Triage};
use injection::identity::{Key, Lookup, Manifests, Observed, ServiceAccountReader};
use injection::mutation::Jitter;
use injection::workloads::{PassedOver, Template, Why, diff, templates, to_yaml};

/// For ever, as --request-timeout=0 says it.
const NO_LIMIT: Duration = Duration::from_hours(24);

/// The same manifest is to come out the same each time: container credentials
/// get no random expiration here.
const JITTER: Jitter = Jitter(0);

/// How many objects one note names.
const MOST_NAMES: usize = 10;

/// What came of one pod template.
struct Injected {
    document: usize,
    template: Template,
    /// `namespace/name` of the `ServiceAccount`, where there is one to look up.
    key: Option<String>,
    admission: Admission,
    explanation: Option<Explanation>,
}

pub(super) fn run(args: InjectArgs) -> anyhow::Result<Exit> {
    let (injection, warnings) = Injection::from_args(args).or_misuse()?;
    for warning in warnings {
        output::warn(warning);
    }
    let mut errors = output::errors();
    completed(inject(&injection, &mut output::out(), &mut errors))?;
    Ok(Exit::Fine)
}

async fn inject(
    injection: &Injection,
    out: &mut Lines<impl Write>,
    notes: &mut Lines<impl Write>,
) -> anyhow::Result<()> {
    let texts = manifests::read(&injection.files, injection.is_recursive).await?;
    let namespace = namespace(injection, &texts)?;
    let (documents, manifests) = manifests::parsed(&texts, &namespace)?;
    let mut injected = Vec::new();
    let mut passed_over = Vec::new();
    let mut reviews = Vec::new();
    for (index, document) in documents.iter().enumerate() {
        let found = templates(document);
        passed_over.extend(found.passed_over);
        for template in found.found {
            let namespace = template.namespace.as_deref().unwrap_or(&namespace);
            let review = template.review(document, namespace)?;
            reviews.push((index, template, review));
        }
    }
    let accounts = Accounts::open(injection, manifests, &reviews).await?;
    for (document, template, body) in reviews {
        let answer = answer(injection, &accounts, &body).await;
        let (key, admission, explanation) =
            answer.with_context(|| format!("failed to read {}", template.object))?;
        injected.push(Injected { document, template, key, admission, explanation });
    }
    if injection.output == InjectOutput::Explain {
        injected.iter().try_for_each(|injected| explain(out, injected))?;
        passed_over.iter().try_for_each(|passed_over| out.line(passed_over))?;
    } else {
        injected.iter().try_for_each(|injected| note(notes, injected))?;
        note_passed_over(notes, &passed_over)?;
    }
    refuse(&injected)?;
    print(injection.output, out, &documents, injected)
}

/// The way of a request, from the review to its end, as the server goes it.
async fn answer(
    injection: &Injection,
    accounts: &Accounts,
    body: &[u8],
) -> anyhow::Result<(Option<String>, Admission, Option<Explanation>)> {
    let review = admission::decode(body).map_err(no_pod)?;
    let candidate = match review.triage() {
        Triage::Settled(outcome) => return Ok((None, Admission::of(outcome), None)),
        Triage::Lookup(candidate) => candidate,
    };
    let lookup = accounts.resolve(candidate.key).await;
    let admission = candidate.admit(&lookup, &injection.policy, injection.endpoint, JITTER);
    let explanation = candidate.explain(&lookup, &injection.policy, JITTER);
    Ok((Some(candidate.key.to_string()), admission, Some(explanation)))
}

/// The review was made here, so what can't be read in it is the pod.
fn no_pod(error: DecodeError) -> anyhow::Error {
    let DecodeError::Json(error) = error else { return error.into() };
    // The place is one in the review, which nobody sees.
    let reason = error.split(" at line ").next().unwrap_or_default();
    anyhow!("not a valid pod: {reason}; correct the manifest")
}

/// `ServiceAccount`s of the manifests, which are about to be applied, before
/// those that are there already.
struct Accounts {
    others: ServiceAccounts,
    manifests: Manifests,
    reader: ServiceAccountReader,
}

impl Accounts {
    async fn open(
        injection: &Injection,
        manifests: Manifests,
        reviews: &[(usize, Template, Vec<u8>)],
    ) -> anyhow::Result<Self> {
        let identity = &injection.identity;
        let account = cluster::account(&identity.role_names).await?;
        let reader = injection.policy.reader(account);
        let in_manifests = |(_, _, body): &(usize, Template, Vec<u8>)| {
            let review = admission::decode(body).ok();
            let key = review.as_ref().and_then(admission::Review::key);
            key.is_none_or(|key| manifests.service_account(key).is_some())
        };
        let mut lookup_timeout = NO_LIMIT;
        let source = match &injection.source {
            ReadSource::Files(path) => identity_sources::Source::Files(path.clone()),
            // No cluster has to be there for what the manifests answer alone.
            ReadSource::Cluster(_)
                if !identity.watch_config_map && reviews.iter().all(in_manifests) =>
            {
                identity_sources::Source::Manifests(manifests.clone())
            }
            ReadSource::Cluster(user) => {
                lookup_timeout = user.request_timeout.unwrap_or(NO_LIMIT);
                let client = cluster::user_client(user).await.context(
                    "a ServiceAccount is not in the manifests, so the cluster is to be asked; \
                     or give --service-accounts",
                )?;
                identity_sources::Source::Cluster(client.0)
            }
        };
        let options = identity_sources::Options {
            source,
            reader: reader.clone(),
            namespace: identity.namespace.clone(),
            watch_config_map: identity.watch_config_map,
            container_credentials: identity.container_credentials_file.clone(),
            lookup_timeout,
            fresh_window: Duration::ZERO,
            poll_interval: Duration::MAX,
            watch_silence: SILENCE,
            events: EventSending::Never,
            clock: None,
        };
        // Nothing follows changes: before the first list every lookup is a GET.
        let (others, _) = ServiceAccounts::start(options).await?;
        Ok(Self { others, manifests, reader })
    }

    async fn resolve(&self, key: Key<'_>) -> Lookup {
        let mut lookup = self.others.resolve(key, Caller::default()).await;
        if let Some(manifest) = self.manifests.service_account(key) {
            let annotations = manifest.annotations.iter();
            let read = self.reader.read(annotations.map(|(k, v)| (k.as_str(), v.as_str())));
            lookup.service_account =
                read.map_or(Observed::Absent, |sa| Observed::Known(Arc::new(sa)));
        }
        lookup
    }
}

/// The namespace of what names none: where `kubectl apply` would put it.
fn namespace(injection: &Injection, texts: &[Read]) -> anyhow::Result<String> {
    let of_context = match (&injection.namespace, &injection.source) {
        (Some(name), _) => return Ok(name.clone()),
        (None, ReadSource::Files(_)) => return Ok("default".to_owned()),
        (None, ReadSource::Cluster(user)) => user.default_namespace(),
    };
    let mut documents = texts.iter().flat_map(|it| &it.documents);
    match of_context {
        Ok(name) => Ok(name),
        // Nobody asks for it.
        Err(_) if documents.all(names_its_namespace) => Ok("default".to_owned()),
        Err(error) => Err(error).context(
            "a manifest names no namespace, and the kubeconfig's is not known; set --namespace",
        ),
    }
}

fn names_its_namespace(document: &Value) -> bool {
    let is_named = |object: &Value| object["metadata"]["namespace"].is_string();
    let makes_pods = templates(document).found.iter().any(|it| it.namespace.is_none());
    let is_account = document["kind"] == "ServiceAccount" && !is_named(document);
    let mut items = document["items"].as_array().into_iter().flatten();
    !makes_pods && !is_account && items.all(names_its_namespace)
}

fn explain(out: &mut Lines<impl Write>, injected: &Injected) -> anyhow::Result<()> {
    let Injected { template, key, admission, explanation, .. } = injected;
    let (object, outcome) = (&template.object, admission.outcome);
    match key {
        Some(key) => out.line(format_args!("{object}: {outcome}, as ServiceAccount {key}"))?,
        None => out.line(format_args!("{object}: {outcome}"))?,
    }
    if let Some(explanation) = explanation {
        out.lines(explanation)?;
    }
    let head = |tone, word| Head::new().text("  ").word(tone, word).hanging(4);
    for warning in &admission.warnings {
        out.prose(head(Tone::Doubtful, "warning:"), warning)?;
    }
    if let Some(refusal) = &admission.refusal {
        out.prose(head(Tone::Bad, "refused:"), refusal.message())?;
    }
    Ok(())
}

/// The warnings that the client who creates the pod would get, and where nothing is added, why.
fn note(notes: &mut Lines<impl Write>, injected: &Injected) -> anyhow::Result<()> {
    let Injected { template, admission, explanation, .. } = injected;
    let (object, outcome) = (&template.object, admission.outcome);
    for warning in &admission.warnings {
        let head = Head::new().word(Tone::Doubtful, "warning:");
        notes.prose(head, format_args!("{object}: {warning}"))?;
    }
    let as_wished = matches!(outcome, Outcome::Mutated | Outcome::AlreadyComplete);
    if !as_wished {
        match explanation {
            Some(Explanation { identity, .. }) if outcome == Outcome::NotConfigured => {
                let text = format_args!("{object}: {outcome}; identity: {identity}");
                notes.prose(Head::note(), text)?;
            }
            _ => notes.prose(Head::note(), format_args!("{object}: {outcome}"))?,
        }
    }
    Ok(())
}

/// Objects that are printed unchanged, though they may make pods. The webhook mutates those
/// pods all the same, when they are created.
fn note_passed_over(
    notes: &mut Lines<impl Write>,
    passed_over: &[PassedOver],
) -> anyhow::Result<()> {
    for passed_over in passed_over.iter().filter(|it| it.hints_at_pods()) {
        notes.prose(Head::note(), passed_over)?;
    }
    let unknown = passed_over.iter().filter(|it| it.why == Why::NoShape(None));
    let names: Vec<&str> = unknown.map(|it| it.object.as_str()).collect();
    let (first, more) = names.split_at(names.len().min(MOST_NAMES));
    if !first.is_empty() {
        let more = match more.len() {
            0 => String::new(),
            count => format!(" and {count} more"),
        };
        let first = first.join(", ");
        let text = "can't say what pods these make, as they have no pod template";
        notes.prose(Head::note(), format_args!("{text}: {first}{more}"))?;
    }
    Ok(())
}

/// What the server would not have answered, or have refused.
fn refuse(injected: &[Injected]) -> anyhow::Result<()> {
    for Injected { template, key, admission, .. } in injected {
        if let Some(refusal) = &admission.refusal {
            let why = format!("{}: {}", template.object, refusal.message());
            return Err(Exit::Failed.because(&why));
        }
        if admission.outcome == Outcome::LookupFailed {
            bail!(
                "{}: failed to look up ServiceAccount {}: {}",
                template.object,
                key.as_deref().unwrap_or_default(),
                admission.reason.as_deref().unwrap_or_default()
            );
        }
        if admission.outcome == Outcome::PatchTooLarge {
            let why = format!(
                "{}: the webhook could not answer: {}; give the pod fewer containers, or leave \
                 some out with skip-containers",
                template.object,
                admission.reason.as_deref().unwrap_or_default()
            );
            return Err(Exit::Failed.because(&why));
        }
    }
    Ok(())
}

fn print(
    output: InjectOutput,
    out: &mut Lines<impl Write>,
    documents: &[Value],
    injected: Vec<Injected>,
) -> anyhow::Result<()> {
    let mut patches = vec![Patch::default(); documents.len()];
    let mut names = vec![Vec::new(); documents.len()];
    for Injected { document, template, admission, .. } in injected {
        patches[document].0.extend(template.placed(admission.patch.operations()).0);
        names[document].push(template.object);
    }
    let all = documents.iter().zip(patches).zip(names);
    for (index, ((document, patch), names)) in all.enumerate() {
        let mut mutated = document.clone();
        json_patch::patch(&mut mutated, &patch).context("failed to apply the patch")?;
        match output {
            InjectOutput::Yaml => {
                let separator = if index == 0 { "" } else { "---\n" };
                out.document(&format!("{separator}{}", to_yaml(&mutated)?))?;
            }
            InjectOutput::Diff => {
                out.document(&diff(&names.join(", "), document, &mutated)?)?;
            }
            InjectOutput::Patch => out.json_line(&patch)?,
            InjectOutput::Explain => {}
        }
    }
    Ok(())
}
