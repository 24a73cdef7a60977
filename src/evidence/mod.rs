//! What `doctor` goes by: gathered from a cluster, from the issuer and from
//! the webhook itself, or read from a folder in which all that was saved.

mod cluster;
mod folder;
mod probe;
mod target;

pub use cluster::{GatherError, Gatherer};
pub use folder::{FolderError, load, save};
pub use target::{Target, TargetError};
