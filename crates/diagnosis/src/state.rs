//! What a running pod has, against what it would get if it were created now: one
//! answer for `doctor`, `audit` and whoever counts pods.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use super::check::Status;
use super::commands::Commands;
use super::holding::{Held, Holding, volumes};
use super::owner::Owner;
use super::pod::review;
use super::redact::{bounded, endpoint};
use super::webhook::Selection;
use injection::admission::{AdmissionSettings, Triage, decode};
use injection::identity::{Identity, Lookup};
use injection::mutation::{
    ContainerPlan, EnvSource, EnvVar, Jitter, List, Plan, Problem, Status as Planned, Variables,
    Verdict,
};

const ROLE: &str = "AWS_ROLE_ARN";
const ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";

/// How many containers one sentence names.
const MOST_NAMED: usize = 3;

/// What a pod has, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PodState {
    /// It has what it would get if it were created now, however it got it.
    Fine,
    /// It has an identity of its own, which the webhook did not give and would not change.
    Foreign,
    /// It can't be said.
    Unknown,
    /// Its tokens go to another STS endpoint than they would now.
    StaleEndpoint,
    /// Its token has another audience or lifetime than it would have now.
    StaleToken,
    /// It has another role than it would get now.
    StaleRole,
    /// It lacks something that it would get now.
    Missing,
    /// A container runs as somebody else or as nobody, and would do so if it were created now.
    NoUsableIdentity,
}

/// What a pod comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// In one word.
    pub state: PodState,
    /// Why, in one line that names container and variable; empty for a pod that is fine.
    pub why: String,
    /// What to do about it; empty where there is nothing to do.
    pub next: String,
    /// The same as a kind.
    pub remedy: Remedy,
}

/// What mends a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// There is nothing to do.
    Nothing,
    /// To make it anew, from the same manifest.
    Restart,
    /// To install or register the webhook, then to make the pod anew.
    Register,
    /// To change the manifest that it is made from.
    Manifest,
    /// To find out more.
    Ask,
}

/// What decides about a pod that is created now.
#[derive(Clone, Copy, Debug)]
pub struct WouldGet<'a> {
    /// What the sources say of its `ServiceAccount`.
    pub lookup: &'a Lookup,
    /// The webhook's settings.
    pub policy: &'a AdmissionSettings,
    /// Whether the webhook may complete the names of roles with an account that is not known here.
    pub may_complete_names: bool,
    /// When the role's annotation was written, where that is known.
    pub written: Option<&'a str>,
    /// Whether the API server calls the webhook for the pod.
    pub selection: &'a Selection,
    /// What is not known of its sources although the lookup has an answer. What it does not have
    /// of that answer, it may not have to have.
    pub not_known: Option<&'a str>,
}

impl Assessment {
    /// With the command that makes the pod anew, where that is what mends it.
    pub(super) fn advised(self, pod: &Value, namespace: &str, commands: &Commands) -> Self {
        if self.remedy != Remedy::Restart {
            return self;
        }
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        Self { next: commands.restart_advice(namespace, &Owner::of(pod), name), ..self }
    }
}

impl PodState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Fine,
        Self::Missing,
        Self::StaleRole,
        Self::StaleToken,
        Self::StaleEndpoint,
        Self::NoUsableIdentity,
        Self::Foreign,
        Self::Unknown,
    ];

    /// Its word in output, labels and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Missing => "missing",
            Self::StaleRole => "stale-role",
            Self::StaleToken => "stale-token",
            Self::StaleEndpoint => "stale-endpoint",
            Self::NoUsableIdentity => "no-usable-identity",
            Self::Foreign => "foreign",
            Self::Unknown => "unknown",
        }
    }

    /// The word of checks for it.
    #[must_use]
    pub fn status(self) -> Status {
        match self {
            Self::Fine | Self::Foreign => Status::Pass,
            Self::Unknown => Status::Unknown,
            _ => Status::Fail,
        }
    }

    /// Whether somebody has to do something about the pod.
    #[must_use]
    pub fn is_wrong(self) -> bool {
        match self {
            Self::Fine | Self::Foreign | Self::Unknown => false,
            Self::Missing
            | Self::StaleRole
            | Self::StaleToken
            | Self::StaleEndpoint
            | Self::NoUsableIdentity => true,
        }
    }
}

/// What a pod comes to; nothing of one that would get nothing and has nothing, or that
/// the webhook is not called for.
#[must_use]
pub fn assess(pod: &Value, namespace: &str, now: &WouldGet<'_>) -> Option<Assessment> {
    if matches!(now.selection, Selection::KeptOut(_)) {
        return None;
    }
    let body = review(pod, namespace)?;
    let review = match decode(&body) {
        Ok(review) => review,
        Err(error) => return Some(unknown(format!("can't be read: {error}"))),
    };
    let Triage::Lookup(candidate) = review.triage() else { return None };
    let looked = candidate.planned(now.lookup, now.policy, Jitter(0), |identity, plan| {
        Look { pod, volumes: volumes(pod), identity, plan, now, found: Vec::new() }.assess()
    });
    let assessed = match looked {
        Err(failed) => unknown(format!("can't be checked: {failed}")),
        Ok(Some(assessed)) => assessed,
        Ok(None) => foreign(pod)?,
    };
    match (assessed.state, now.selection, now.not_known) {
        (PodState::Fine | PodState::Unknown, ..) => Some(assessed),
        (_, _, Some(why)) => Some(unknown(format!("{}, but {why}", assessed.why))),
        // It lacks what it may not get.
        (PodState::Missing, Selection::Unknown(why), None) => {
            Some(unknown(format!("{}, but {why}", assessed.why)))
        }
        _ => Some(assessed),
    }
}

/// A pod that would get nothing, and has an identity all the same.
fn foreign(pod: &Value) -> Option<Assessment> {
    let volumes = volumes(pod);
    let lists = [List::InitContainers, List::Containers];
    let holdings = lists.into_iter().flat_map(|list| {
        let containers = pod["spec"][list.as_str()].as_array().into_iter().flatten();
        containers.map(|it| Holding { container: it, volumes: &volumes })
    });
    let uri = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    let mut found = holdings.filter_map(|it| {
        let name = [ROLE, uri].into_iter().find(|name| it.has(name))?;
        let value = match it.literal(name) {
            None => String::new(),
            Some(value) if name == ROLE => format!(" {value}"),
            Some(value) => format!(" {}", endpoint(value)),
        };
        Some((it.name().to_owned(), name, value))
    });
    let (container, name, value) = found.next()?;
    Some(Assessment {
        state: PodState::Foreign,
        why: bounded(&format!(
            "container {container} has {name}{value}, and its ServiceAccount has no role"
        )),
        next: String::new(),
        remedy: Remedy::Nothing,
    })
}

fn unknown(why: impl AsRef<str>) -> Assessment {
    Assessment {
        state: PodState::Unknown,
        why: bounded(why.as_ref()),
        next: "ask doctor about the pod; its dry run shows what the pod would get".to_owned(),
        remedy: Remedy::Ask,
    }
}

/// Of one container.
struct Found {
    state: PodState,
    what: String,
    /// Where it differs from container to container.
    advice: Option<&'static str>,
}

/// One pod, looked at container by container.
struct Look<'a> {
    pod: &'a Value,
    volumes: HashMap<&'a str, &'a Value>,
    identity: &'a Identity<'a>,
    plan: &'a Plan<'a>,
    now: &'a WouldGet<'a>,
    found: Vec<Found>,
}

impl Look<'_> {
    fn assess(mut self) -> Assessment {
        if self.plan.status == Planned::TooLarge || self.plan.patch().is_err() {
            return unknown("has too many containers for the webhook's answer");
        }
        for container in self.plan.containers() {
            let value = &self.pod["spec"][container.list.as_str()][container.index];
            let found = self.container(container, value);
            self.found.extend(found);
        }
        // Of a pod that lacks more it says nothing.
        if self.plan.label.is_some() && self.found.is_empty() {
            let what = "the pod lacks the label eks.amazonaws.com/pod-identity".to_owned();
            self.found.push(Found { state: PodState::Missing, what, advice: None });
        }
        self.worst()
    }

    fn worst(self) -> Assessment {
        let Some(state) = self.found.iter().map(|it| it.state).max() else {
            let (why, next) = (String::new(), String::new());
            return Assessment { state: PodState::Fine, why, next, remedy: Remedy::Nothing };
        };
        let of_state: Vec<_> = self.found.iter().filter(|it| it.state == state).collect();
        let named: Vec<_> = of_state.iter().take(MOST_NAMED).map(|it| it.what.as_str()).collect();
        let more = match of_state.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let is_dated = matches!(
            state,
            PodState::Missing
                | PodState::StaleRole
                | PodState::StaleToken
                | PodState::StaleEndpoint
        );
        let when = if is_dated { self.when() } else { String::new() };
        let advice = of_state.iter().find_map(|it| it.advice);
        let (remedy, next) = match (state, advice) {
            (PodState::Fine | PodState::Foreign, _) => (Remedy::Nothing, String::new()),
            (PodState::NoUsableIdentity, Some(advice)) => {
                let next = "in the manifest that the pod is made from";
                (Remedy::Manifest, format!("{next}: {advice}; then roll it out"))
            }
            (PodState::Unknown, _) => (Remedy::Ask, unknown("").next),
            _ => (Remedy::Restart, "restart its workload".to_owned()),
        };
        let why = bounded(&format!("{}{more}{when}", named.join("; ")));
        Assessment { state, why, next, remedy }
    }

    /// Times are whole seconds. Nothing where one of them is not known.
    fn is_older(&self) -> Option<bool> {
        Some(self.created()? <= self.now.written?)
    }

    fn created(&self) -> Option<&str> {
        self.pod["metadata"]["creationTimestamp"].as_str()
    }

    fn when(&self) -> String {
        match (self.created(), self.now.written, self.is_older()) {
            (Some(created), Some(written), Some(true)) => {
                format!("; created at {created}, annotation changed at {written}")
            }
            _ => String::new(),
        }
    }

    fn container(&self, plan: &ContainerPlan<'_>, value: &Value) -> Vec<Found> {
        let name = match plan.list {
            List::InitContainers => format!("init container {}", plan.name),
            List::Containers | List::EphemeralContainers => format!("container {}", plan.name),
        };
        let is = |state, what: String, advice| Found { state, what, advice };
        let holding = Holding { container: value, volumes: &self.volumes };
        if let Some(found) = self.was_given_a_role(&name, &holding) {
            return vec![found];
        }
        let mut found: Vec<_> = plan
            .usability
            .problems()
            .filter(Problem::prevents_identity)
            .map(|it| {
                let what = format!("{name}: {}", it.what());
                is(PodState::NoUsableIdentity, what, Some(it.advice()))
            })
            .collect();
        let held = self.held(plan, &holding);
        let mut lacks: Vec<_> = self.plan.env(plan).map(|it| it.name).collect();
        let needs_mount = verdict(plan) == Verdict::Added || held == Some(Held::NotMounted);
        if plan.mount && needs_mount {
            lacks.push("the token's mount");
        }
        if !lacks.is_empty() {
            found.push(is(PodState::Missing, format!("{name} lacks {}", lacks.join(", ")), None));
        }
        if verdict(plan) != Verdict::Added {
            found.extend(self.role(&name, &holding));
            found.extend(self.token(&name, held));
            let pair = self.plan.variables(Variables::Credentials);
            let unsure =
                plan.usability.not_known().filter(|it| pair.iter().any(|own| own.name == *it));
            found.extend(unsure.map(|variable| {
                let what = format!("{name}: {variable} is known only when the container runs");
                is(PodState::Unknown, what, None)
            }));
        }
        found.extend(self.endpoint(&name, &holding));
        found
    }

    /// The pair that the webhook gave it before it was to get container credentials.
    fn was_given_a_role(&self, name: &str, holding: &Holding<'_>) -> Option<Found> {
        let role = holding.literal(ROLE).filter(|role| !role.is_empty())?;
        let is_now = matches!(self.identity, Identity::ContainerCredentials(_));
        if !is_now || !holding.mounts_ours("aws-iam-token") {
            return None;
        }
        let what = format!("{name} has the role {role}, but would get container credentials");
        Some(Found { state: PodState::StaleRole, what, advice: None })
    }

    /// The role, or the address of the agent.
    fn role(&self, name: &str, holding: &Holding<'_>) -> Option<Found> {
        let wanted = self.plan.variables(Variables::Credentials).first()?;
        let EnvSource::Value(value) = &wanted.source else { return None };
        let Some(own) = holding.literal(wanted.name) else {
            let what = format!("{name}: {} is known only when the container runs", wanted.name);
            let found = Found { state: PodState::Unknown, what, advice: None };
            return holding.has(wanted.name).then_some(found);
        };
        let is_same = match wanted.name {
            ROLE => is_same_role(own, value, self.now.may_complete_names),
            _ => is_same_url(own, value),
        };
        if own.is_empty() || is_same {
            return None;
        }
        let (state, what) = if wanted.name != ROLE {
            let own = endpoint(own);
            (
                PodState::StaleEndpoint,
                format!("{name} has {} {own}, but would get {value}", wanted.name),
            )
        } else if self.is_older() == Some(false) || !holding.mounts_ours("aws-iam-token") {
            // It has its role from its own manifest.
            (PodState::Foreign, format!("{name} has the role {own} of its own, not {value}"))
        } else {
            let what = format!("{name} has the role {own}, but the ServiceAccount names {value}");
            (PodState::StaleRole, what)
        };
        Some(Found { state, what, advice: None })
    }

    /// The token behind the container's own variable.
    fn held<'h>(&self, plan: &ContainerPlan<'_>, holding: &Holding<'h>) -> Option<Held<'h>> {
        if verdict(plan) == Verdict::Added {
            return None;
        }
        let file = self.plan.variables(Variables::Credentials).last()?;
        let windows = matches!(&file.source, EnvSource::Value(path) if path.starts_with("C:"));
        holding.literal(file.name).map(|path| holding.token(path, windows))
    }

    fn token(&self, name: &str, held: Option<Held<'_>>) -> Option<Found> {
        let Some(Held::Token { volume, audience, seconds }) = held else { return None };
        let wanted = &self.plan.volume;
        let stale = |what| Some(Found { state: PodState::StaleToken, what, advice: None });
        if audience != wanted.audience {
            let wanted = wanted.audience;
            return stale(format!(
                "{name}: its token is for {audience:?}, but would be for {wanted:?}"
            ));
        }
        // In a volume of its own, a pod has the lifetime that it wants.
        let is_ours = volume == wanted.name;
        let now = wanted.expiration.seconds();
        let least = match self.identity {
            Identity::ContainerCredentials(_) => now - Jitter::MAX,
            Identity::WebIdentity(_) => now,
        };
        let seconds = seconds.filter(|it| is_ours && !(least..=now).contains(it))?;
        stale(format!("{name}: its token lives {seconds} s, but would live {now} s"))
    }

    fn endpoint(&self, name: &str, holding: &Holding<'_>) -> Option<Found> {
        let groups = Variables::ALL.into_iter().flat_map(|it| self.plan.variables(it));
        let wanted = groups.into_iter().find(|it| it.name == ENDPOINT)?;
        let EnvVar { source: EnvSource::Value(value), .. } = wanted else { return None };
        let own = holding.literal(ENDPOINT).filter(|own| !own.is_empty())?;
        // A value that nobody asked for is empty.
        if value.is_empty() || is_same_url(own, value) {
            return None;
        }
        let own = endpoint(own);
        let what = format!("{name} has {ENDPOINT} {own}, but would get {value}");
        Some(Found { state: PodState::StaleEndpoint, what, advice: None })
    }
}

/// Whether the credentials variables would be added.
fn verdict(plan: &ContainerPlan<'_>) -> Verdict {
    plan.verdicts[Variables::Credentials as usize]
}

/// Whether a pod's role is the one that is wanted: by its ARN, or by a name where the webhook may
/// complete names with an account which is not known here.
pub(super) fn is_same_role(own: &str, wanted: &str, may_complete_names: bool) -> bool {
    let of_name = |role: &str| role.split_once(":role/").map(|(_, name)| name.to_owned());
    let is_name = may_complete_names && !wanted.starts_with("arn:");
    let name = wanted.trim_start_matches('/');
    own == wanted || is_name && of_name(own).as_deref() == Some(name)
}

/// Addresses are kept without what may be a secret in them.
fn is_same_url(own: &str, wanted: &str) -> bool {
    let bare = |url: &str| endpoint(url).trim_end_matches('/').to_owned();
    bare(own) == bare(wanted)
}

#[cfg(test)]
mod tests;
