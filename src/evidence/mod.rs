//! What `doctor` goes by: gathered from a cluster, from the issuer and from
//! the webhook itself, or read from a folder in which all that was saved.

mod ask;
mod cluster;
mod everything;
mod folder;
mod items;
pub mod live_issuer;
mod refused_pod;
mod target;
mod workload;

pub use cluster::{GatherError, Gatherer, config_map};
pub use everything::{ListError, everything};
pub use folder::{FolderError, load, save, vacant};
pub use target::{ObjectName, TargetError};
