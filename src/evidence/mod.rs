//! The facts that `doctor` and `audit` use: gathered from a cluster, from the issuer and from
//! the webhook itself, or read from a folder in which all that was saved.

pub(crate) mod ask;
mod cluster;
mod everything;
mod folder;
mod installed;
mod items;
pub(crate) mod live_issuer;
mod refused_pod;
mod restart;
mod survey;
mod workload;

pub(crate) use cluster::{Documents, Gatherer, answers, config_map, version};
pub(crate) use everything::{everything, webhooks, without_namespace};
pub(crate) use folder::{load, printed_provider, printed_role, save, saved_flags, vacant};
pub(crate) use installed::{Installed, installed, keys};
pub(crate) use restart::{Right, answered, current_facts, missing_rights, restart_facts, tried};
pub(crate) use survey::survey;
