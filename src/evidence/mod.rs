//! What `doctor` goes by: gathered from a cluster, from the issuer and from
//! the webhook itself, or read from a folder in which all that was saved.

mod ask;
mod cluster;
mod everything;
mod folder;
mod items;
pub(crate) mod live_issuer;
mod refused_pod;
mod target;
mod workload;

pub(crate) use cluster::{Gatherer, config_map};
pub(crate) use everything::{everything, webhooks};
pub(crate) use folder::{load, save, vacant};
pub(crate) use target::{ObjectName, TargetError};
