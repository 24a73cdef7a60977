//! A plan: what a pod lacks, what is worth a word, and how it ends.

use std::borrow::Cow;

use super::chunks::Chunks;
use super::containers::ExistingEphemeralContainers;
use crate::identity::{Expiration, Warnings};

/// The containers that a request may change.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// A pod's creation: its init containers and containers.
    Creation,
    /// An update of `pods/ephemeralcontainers`: those that it adds.
    EphemeralContainers(&'a ExistingEphemeralContainers<'a>),
}

/// Seconds to take off the default expiration of a container credentials
/// token, so that the tokens of many pods do not run out together: 0 to 7200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jitter(pub i64);

impl Jitter {
    pub const MAX: i64 = 7200;
}

/// What a pod lacks for its identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<'p> {
    pub(crate) containers: Chunks<ContainerPlan<'p>>,
    pub volume: VolumePlan<'p>,
    pub label: Option<LabelPlan>,
    pub warnings: Warnings,
    pub status: Status,
    /// The first of the containers that annotations leave out, for people: not
    /// more than [`Plan::LEFT_OUT_KEPT`].
    pub left_out: Vec<(List, &'p str)>,
    /// The variables of each group, in the order of [`Variables::ALL`].
    pub(super) variables: [Vec<EnvVar<'p>>; 4],
    pub(super) mount_path: &'p str,
}

/// How a plan ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Something is missing, and the plan adds it.
    Incomplete,
    Complete,
    /// No container takes part.
    NoContainers,
    /// An ephemeral container of a pod that has no token volume.
    NoVolume,
    /// What is missing makes a patch that is too large, so that the plan was not
    /// made to its end.
    TooLarge,
}

/// What one container that takes part lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a container")]
pub struct ContainerPlan<'p> {
    pub list: List,
    pub index: usize,
    pub name: &'p str,
    /// Which variables are added, in the order of [`Variables::ALL`].
    pub verdicts: [Verdict; 4],
    pub mount: bool,
    pub mounted: Mounted<'p>,
    /// It has credentials once the plan is carried out.
    pub covered: bool,
    pub(super) has_env: bool,
    pub(super) has_mounts: bool,
}

/// Variables that are added together, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variables {
    RegionalSts,
    Region,
    Credentials,
    SessionName,
}

/// Whether variables are added to a container, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Added,
    /// The container has this one already, which stays.
    Own(&'static str),
    /// No annotation and no flag asks for them.
    NotAsked,
}

/// What stands at the token's mount path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mounted<'p> {
    Nothing,
    OurVolume,
    /// Another volume, or a part of ours; does it hold the token all the same?
    Taken {
        by: &'p str,
        with_token: bool,
    },
}

/// The list of the pod's spec that a container stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    InitContainers,
    Containers,
    EphemeralContainers,
}

/// An environment variable to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvVar<'p> {
    pub name: &'static str,
    pub source: EnvSource<'p>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvSource<'p> {
    Value(Cow<'p, str>),
    /// The downward API's `metadata.name`.
    PodName,
}

/// The token's volume, and what to add of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumePlan<'p> {
    pub name: String,
    pub add: bool,
    /// The pod has it already.
    pub present: bool,
    pub audience: &'p str,
    pub expiration: Expiration,
    pub token_path: &'p str,
    pub(super) has_volumes: bool,
}

/// `eks.amazonaws.com/pod-identity: enabled`, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelPlan {
    Entry,
    Labels,
    Metadata,
}

/// The label of a pod with container credentials, and its value.
pub const LABEL: &str = "eks.amazonaws.com/pod-identity";
pub const LABEL_VALUE: &str = "enabled";

impl Variables {
    /// In the order of the contract.
    pub const ALL: [Self; 4] =
        [Self::RegionalSts, Self::Region, Self::Credentials, Self::SessionName];
}

impl<'p> Plan<'p> {
    pub const LEFT_OUT_KEPT: usize = 1_000;

    /// The containers that take part, in the order of the pod.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerPlan<'p>> {
        self.containers.iter()
    }

    /// The variables that are added to a container, group by group.
    pub fn env(&self, container: &ContainerPlan<'p>) -> impl Iterator<Item = &EnvVar<'p>> + Clone {
        let groups = self.variables.iter().zip(container.verdicts);
        groups.filter(|(_, verdict)| *verdict == Verdict::Added).flat_map(|(group, _)| group)
    }

    /// All variables of a group.
    #[must_use]
    pub fn variables(&self, group: Variables) -> &[EnvVar<'p>] {
        &self.variables[group as usize]
    }

    /// Where the token's volume is mounted.
    #[must_use]
    pub fn mount_path(&self) -> &'p str {
        self.mount_path
    }

    /// The containers that take part and would run without credentials.
    pub fn uncovered(&self) -> impl Iterator<Item = &'p str> {
        self.containers.iter().filter(|it| !it.covered).map(|it| it.name)
    }
}

impl ContainerPlan<'_> {
    /// Whether something is added to the container.
    pub(super) fn is_incomplete(&self) -> bool {
        self.mount || self.verdicts.contains(&Verdict::Added)
    }

    /// Bytes that it adds to a patch at least: what is written around its values,
    /// and they themselves without their escapes.
    pub(super) fn least_bytes(&self, variables: &[Vec<EnvVar<'_>>; 4], mount: usize) -> usize {
        let groups = variables.iter().zip(self.verdicts);
        let added = groups.filter(|(_, verdict)| *verdict == Verdict::Added);
        let env: usize = added.flat_map(|(group, _)| group).map(EnvVar::least_bytes).sum();
        env + if self.mount { mount } else { 0 }
    }
}

impl<'p> EnvVar<'p> {
    pub(super) fn value(name: &'static str, value: impl Into<Cow<'p, str>>) -> Self {
        Self { name, source: EnvSource::Value(value.into()) }
    }

    fn least_bytes(&self) -> usize {
        let value = match &self.source {
            EnvSource::Value(value) => value.len(),
            EnvSource::PodName => 0,
        };
        self.name.len() + value + r#"{"name":"","value":""}"#.len()
    }

    pub(super) fn pod_name(name: &'static str) -> Self {
        Self { name, source: EnvSource::PodName }
    }
}

impl List {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InitContainers => "initContainers",
            Self::Containers => "containers",
            Self::EphemeralContainers => "ephemeralContainers",
        }
    }
}
