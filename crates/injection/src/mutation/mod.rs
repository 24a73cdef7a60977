//! What a pod lacks for its identity, and the patch that adds it.
//!
//! Pure: the pod is read where it lies in the request's bytes, and the patch
//! only adds by path, so that a field that this program has never heard of
//! survives by construction.

mod chunks;
mod container;
mod containers;
mod env;
mod folders;
mod items;
mod participants;
mod patch;
mod plan;
mod planner;
mod pod;
mod settings;
mod target;
mod text;
mod usable;
mod volume;
mod windows;

pub use containers::ExistingEphemeralContainers;
pub use patch::{MAX_PATCH_BYTES, PatchText, PatchTooLarge};
pub(crate) use plan::LABEL_VALUE;
pub use plan::{
    ContainerPlan, EnvSource, EnvVar, Jitter, LABEL, LabelPlan, List, Mounted, Plan, Scope, Status,
    Variables, Verdict, VolumePlan,
};
pub use planner::plan;
pub use pod::Pod;
pub use settings::{ContainerCredentialsSettings, MutationSettings};
pub use text::Text;
pub use usable::{Problem, Usability};
