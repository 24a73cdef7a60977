//! A plan: what a pod lacks, what is worth a word, and how it ends.

use std::borrow::Cow;

use super::chunks::Chunks;
use super::containers::ExistingEphemeralContainers;
use super::usable::{Problem, Usability};
use crate::identity::{Expiration, Warnings};

/// The containers of a pod that a request may change.
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
    /// The most seconds that can be taken off: two hours.
    pub const MAX: i64 = 7200;
}

/// What a pod lacks to have its identity. [`Plan::patch`] writes it as a JSON patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<'p> {
    pub(crate) containers: Chunks<ContainerPlan<'p>>,
    /// The volume with the token.
    pub volume: VolumePlan<'p>,
    /// Where to add [`LABEL`]; `None` if it is not added.
    pub label: Option<LabelPlan>,
    /// What to tell the user about the pod.
    pub warnings: Warnings,
    /// Whether something is missing, and whether it can be added.
    pub status: Status,
    /// The first of the containers that annotations leave out, for people: not
    /// more than [`Plan::LEFT_OUT_KEPT`].
    pub left_out: Vec<(List, &'p str)>,
    /// The variables of each group, in the order of [`Variables::ALL`].
    pub(super) variables: [Vec<EnvVar<'p>>; Variables::ALL.len()],
    pub(super) mount_path: &'p str,
}

/// Whether a pod lacks something, and whether it can be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Something is missing, and the plan adds it.
    Incomplete,
    /// The pod has all that it needs.
    Complete,
    /// No container takes part.
    NoContainers,
    /// An ephemeral container of a pod that has no token volume.
    NoVolume,
    /// What is missing makes a patch that is too large, so that the plan was not
    /// made to its end.
    TooLarge,
}

/// What one container lacks. Containers that annotations leave out have no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPlan<'p> {
    /// The list that the container is in.
    pub list: List,
    /// The container's place in its list, from 0.
    pub index: usize,
    /// The container's name.
    pub name: &'p str,
    /// Which variables are added, in the order of [`Variables::ALL`].
    pub verdicts: [Verdict; Variables::ALL.len()],
    /// Whether a `volumeMount` for the token is added.
    pub mount: bool,
    /// What the container already has at the token's mount path.
    pub mounted: Mounted<'p>,
    /// Whether the container has a usable identity once the patch is applied.
    pub usability: Usability<'p>,
    pub(super) has_env: bool,
    pub(super) has_mounts: bool,
}

/// Variables that are added together, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variables {
    /// `AWS_STS_REGIONAL_ENDPOINTS`.
    RegionalSts,
    /// `AWS_REGION` and `AWS_DEFAULT_REGION`.
    Region,
    /// The pair that names the role, or the agent, and the token's file.
    Credentials,
    /// `AWS_ROLE_SESSION_NAME`.
    SessionName,
    /// `AWS_ENDPOINT_URL_STS`.
    StsEndpoint,
}

/// Whether variables are added to a container, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The container lacks them, and they are added.
    Added,
    /// The container has this one already, which stays.
    Own(&'static str),
    /// No annotation and no flag asks for them.
    NotAsked,
}

/// What a container has mounted at the token's path before the mutation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mounted<'p> {
    /// Nothing.
    Nothing,
    /// The token's volume.
    OurVolume,
    /// Another volume, or a sub-path of the token's volume.
    Taken {
        /// The name of that volume.
        by: &'p str,
        /// Whether it holds a token with the right audience, so that the
        /// container has credentials.
        with_token: bool,
    },
}

/// One of the lists of containers in a pod's spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// `spec.initContainers`.
    InitContainers,
    /// `spec.containers`.
    Containers,
    /// `spec.ephemeralContainers`.
    EphemeralContainers,
}

/// An environment variable to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvVar<'p> {
    /// The variable's name.
    pub name: &'static str,
    /// Where its value comes from.
    pub source: EnvSource<'p>,
}

/// Where the value of an [`EnvVar`] comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvSource<'p> {
    /// A literal value.
    Value(Cow<'p, str>),
    /// The downward API's `metadata.name`.
    PodName,
}

/// The volume with the token, whether the pod has it or it is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumePlan<'p> {
    /// The volume's name.
    pub name: String,
    /// Whether the volume is added to the pod.
    pub add: bool,
    /// The pod has it already.
    pub present: bool,
    /// The audience of the volume's token.
    pub audience: &'p str,
    /// How long the volume's token lives.
    pub expiration: Expiration,
    /// The token's file, relative to the volume.
    pub token_path: &'p str,
    pub(super) has_volumes: bool,
}

/// `eks.amazonaws.com/pod-identity: enabled`, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelPlan {
    /// The pod has labels: one is added to them.
    Entry,
    /// The pod has no labels: `metadata.labels` is added.
    Labels,
    /// The pod has no metadata: `metadata` is added.
    Metadata,
}

/// The name of the label that a pod with container credentials gets.
pub const LABEL: &str = "eks.amazonaws.com/pod-identity";
/// The value of [`LABEL`].
pub(crate) const LABEL_VALUE: &str = "enabled";

impl Variables {
    /// Every group, in the order in which they are added.
    pub const ALL: [Self; 5] =
        [Self::RegionalSts, Self::Region, Self::Credentials, Self::SessionName, Self::StsEndpoint];
}

impl<'p> Plan<'p> {
    /// How many containers [`left_out`](Self::left_out) holds at most.
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

    /// The containers that take part and would run without credentials, and why.
    pub(crate) fn uncovered(&self) -> impl Iterator<Item = (&'p str, Problem<'p>)> {
        let containers = self.containers.iter();
        containers.filter_map(|it| Some((it.name, it.usability.lacks_credentials()?)))
    }
}

impl ContainerPlan<'_> {
    /// Whether something is added to the container.
    pub(super) fn is_incomplete(&self) -> bool {
        self.mount || self.verdicts.contains(&Verdict::Added)
    }

    /// Bytes that it adds to a patch at least: what is written around its values,
    /// and they themselves without their escapes.
    pub(super) fn least_bytes(&self, variables: &[Vec<EnvVar<'_>>], mount: usize) -> usize {
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
    /// The list's name, as in a pod's `spec`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InitContainers => "initContainers",
            Self::Containers => "containers",
            Self::EphemeralContainers => "ephemeralContainers",
        }
    }
}
