//! Why a pod is not restarted.

use super::super::audit::AuditedPod;
use super::super::check::Status;
use super::super::owner::Owner;

/// The namespace of the cluster's own parts.
pub(super) const SYSTEM: &str = "kube-system";

/// Why pods stay as they are, and what may be done instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refused {
    /// Something about it is not known.
    NotKnown(String),
    /// A restart from the same manifest does not mend it; what does.
    Manifest(String),
    /// No webhook is called for new pods.
    NotRegistered,
    /// The dry run shows that the replacement would not have what it should; why.
    Replacement(String),
    /// The dry run shows that a `ResourceQuota` has no room for one more pod; its words.
    Quota(String),
    /// It is one of a Job.
    Job,
    /// Nothing makes it anew.
    NoController,
    /// What makes it is none of Kubernetes' own controllers: its kind and name.
    OtherController(String),
    /// `cluster-autoscaler.kubernetes.io/safe-to-evict: "false"`.
    NotSafeToEvict,
    /// It is in kube-system.
    System,
    /// It is in the namespace of the webhook itself.
    Own,
    /// It is being deleted already.
    Ending,
    /// Its workload is being deleted, and makes no pod any more: the kind and name.
    WorkloadEnding(String),
    /// Its `StatefulSet` makes no pod in its place before this one is ready.
    Behind(String),
    /// It has gone since it was looked at: nobody has to be told.
    Gone,
    /// Its workload is rolling out a change: the kind and name.
    RollingOut(String),
    /// Its workload has a change that is only rolled out by hand.
    HeldUpdate(String),
    /// The Deployment is paused, so that it rolls out nothing.
    Paused,
    /// No other pod would be there meanwhile; why.
    Downtime(String),
    /// The same, since only one pod is ready now; in words.
    OneReady(String),
    /// Its `PodDisruptionBudget` never allows a disruption: its name.
    BudgetAllowsNone(String),
    /// More than one `PodDisruptionBudget` selects it, which the Eviction API does not support: their names.
    ManyBudgets(String),
}

/// Pods of one workload that are not restarted, for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RefusedRestart {
    /// Their namespace.
    pub namespace: String,
    /// What they were made from.
    pub owner: Owner,
    /// Why.
    pub why: Refused,
    /// NAMESPACE/NAME of their `ServiceAccount`.
    pub service_account: String,
    /// Their names.
    pub pods: Vec<String>,
}

impl RefusedRestart {
    /// Of the workload of a pod.
    pub(super) fn of(pod: &AuditedPod, why: Refused) -> Self {
        Self {
            namespace: pod.namespace.clone(),
            owner: pod.owner.clone(),
            why,
            service_account: pod.service_account.clone(),
            pods: Vec::new(),
        }
    }
}

impl Refused {
    /// The reason in one word.
    #[must_use]
    pub fn id(&self) -> &'static str {
        match self {
            Self::NotKnown(_) => "not-known",
            Self::Manifest(_) => "manifest",
            Self::NotRegistered => "not-registered",
            Self::Replacement(_) => "replacement",
            Self::Quota(_) => "quota",
            Self::Job => "job",
            Self::NoController => "no-controller",
            Self::OtherController(_) => "other-controller",
            Self::NotSafeToEvict => "not-safe-to-evict",
            Self::System => "kube-system",
            Self::Own => "own-namespace",
            Self::Ending | Self::WorkloadEnding(_) => "ending",
            Self::Behind(_) => "behind",
            Self::Gone => "gone",
            Self::RollingOut(_) => "rolling-out",
            Self::HeldUpdate(_) => "held-update",
            Self::Paused => "paused",
            Self::Downtime(_) | Self::OneReady(_) => "downtime",
            Self::BudgetAllowsNone(_) => "budget",
            Self::ManyBudgets(_) => "many-budgets",
        }
    }

    /// Whether the pods lack something, or that is not known.
    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::NotKnown(_) => Status::Unknown,
            _ => Status::Fail,
        }
    }

    /// Whether it may pass by itself in a moment: after a pod was replaced, controllers write their status a little
    /// later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::RollingOut(_) | Self::OneReady(_) | Self::Behind(_))
    }

    /// The reason in one line.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::NotKnown(why) => format!("not known: {why}"),
            Self::Manifest(_) => "a restart does not mend it".to_owned(),
            Self::NotRegistered => "the webhook is called for no new pod".to_owned(),
            Self::Replacement(why) => format!("a new pod would not help: {why}"),
            Self::Quota(why) => format!("a quota has no room for one more pod: {why}"),
            Self::Job => "a Job's work would begin again".to_owned(),
            Self::NoController => "no controller makes the pod anew".to_owned(),
            Self::OtherController(name) => {
                format!("whether {name} replaces a pod that is evicted is not known")
            }
            Self::NotSafeToEvict => {
                "cluster-autoscaler.kubernetes.io/safe-to-evict is \"false\"".to_owned()
            }
            Self::System => "pods in kube-system are part of the cluster itself".to_owned(),
            Self::Own => "the pod is one of the webhook itself, or in its namespace".to_owned(),
            Self::Ending => "the pod is being deleted already".to_owned(),
            Self::WorkloadEnding(name) => {
                format!("{name} is being deleted, and makes no pod any more")
            }
            Self::Behind(name) => {
                format!("its StatefulSet makes no pod in its place before {name} is ready")
            }
            Self::Gone => "the pod is gone".to_owned(),
            Self::RollingOut(name) => format!("{name} is rolling out a change"),
            Self::HeldUpdate(name) => {
                format!(
                    "{name} has a change that its updateStrategy OnDelete holds back, and a new pod would get it"
                )
            }
            Self::Paused => "the Deployment is paused, so that it rolls out nothing".to_owned(),
            Self::Downtime(why) | Self::OneReady(why) => why.clone(),
            Self::BudgetAllowsNone(name) => {
                format!(
                    "PodDisruptionBudget {name} allows no disruption of its pods, however healthy they are"
                )
            }
            Self::ManyBudgets(names) => {
                format!(
                    "more than one PodDisruptionBudget selects it ({names}), and then no pod can be evicted"
                )
            }
        }
    }

    /// What to do instead for pods of this owner, where there is something.
    #[must_use]
    pub fn next(&self, owner: &Owner) -> Option<String> {
        let is_rolled_out = owner.is_deployment();
        let next = match self {
            Self::Manifest(next) => return Some(next.clone()),
            Self::NotKnown(_) => "find out why, then run it again",
            Self::NotRegistered => "install the webhook or register it",
            Self::Replacement(_) => "correct that first; doctor names the broken link",
            Self::Quota(_) => "raise the quota or free some of it, then run it again",
            Self::Job => "let it end; the next Job's pods get their identity",
            Self::NoController => "make it anew from its manifest",
            Self::OtherController(_) => "restart it as its operator says",
            Self::NotSafeToEvict | Self::System | Self::Own => "restart it by hand when that suits",
            Self::Ending | Self::WorkloadEnding(_) | Self::RollingOut(_) => "run it again later",
            Self::Behind(_) => "see why that pod is not ready, then run it again",
            Self::Gone => return None,
            Self::HeldUpdate(_) => "delete the pods by hand when the change may come",
            Self::Paused => "resume it, or leave out --rollout",
            Self::Downtime(_) | Self::OneReady(_) => {
                "pass --allow-downtime, or give it a second replica"
            }
            Self::BudgetAllowsNone(_) if is_rolled_out => {
                "give it another replica, change the budget, or pass --rollout"
            }
            Self::BudgetAllowsNone(_) => "give it another replica, or change the budget",
            Self::ManyBudgets(_) if is_rolled_out => "leave one of them, or pass --rollout",
            Self::ManyBudgets(_) => "leave one of them",
        };
        Some(next.to_owned())
    }
}
