//! As much of a Pod as the plan needs, borrowed from the request. Everything
//! else is skipped, and never written back.
//!
//! A review comes before any validation, so that each list can have as many
//! items as there is room for. What is kept of one is no larger than its text,
//! nearly; a test counts it.

use serde::Deserialize;

use super::containers::Containers;
use super::text::{Entries, Text};
use super::volume::Volumes;
use super::windows::Affinity;

/// A Pod. `None` for a list means absent or null: adding to it makes the list.
#[derive(Clone, Debug, Deserialize)]
pub struct Pod<'a> {
    #[serde(borrow, default)]
    pub(super) metadata: Option<Metadata<'a>>,
    #[serde(borrow)]
    pub(super) spec: Spec<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) generate_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) annotations: Option<Entries<'a>>,
    #[serde(borrow, default)]
    pub(super) labels: Option<Entries<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec<'a> {
    #[serde(borrow, default)]
    service_account_name: Option<Text<'a>>,
    /// The deprecated name of the field above.
    #[serde(borrow, default)]
    service_account: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) init_containers: Option<Containers<'a>>,
    #[serde(borrow, default)]
    pub(super) containers: Option<Containers<'a>>,
    #[serde(borrow, default)]
    pub(super) ephemeral_containers: Option<Containers<'a>>,
    #[serde(borrow, default)]
    pub(super) volumes: Option<Volumes<'a>>,
    #[serde(borrow, default)]
    pub(super) os: Option<Os<'a>>,
    #[serde(borrow, default)]
    pub(super) node_selector: Option<Entries<'a>>,
    #[serde(default)]
    pub(super) affinity: Option<Affinity>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Os<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
}

impl<'a> Pod<'a> {
    /// The name of the `ServiceAccount` that the pod runs as; `default` if it names none.
    #[must_use]
    pub fn service_account_name(&self) -> &str {
        let named = [&self.spec.service_account_name, &self.spec.service_account];
        let mut set = named.into_iter().flatten().filter(|name| !name.is_empty());
        set.next().map_or("default", |name| name)
    }

    /// `metadata.name`, or `metadata.generateName`, the prefix that the API server makes a
    /// name from. Empty if there is neither.
    #[must_use]
    pub fn name(&self) -> &str {
        let metadata = self.metadata.as_ref();
        let name = metadata.and_then(|m| m.name.as_deref()).filter(|name| !name.is_empty());
        name.or_else(|| metadata.and_then(|m| m.generate_name.as_deref())).unwrap_or_default()
    }

    /// Whether this is a mirror pod: the API server's copy of a static pod, which the kubelet
    /// runs from a file. A mirror pod can't be changed.
    /// <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-mirror>
    #[must_use]
    pub(crate) fn is_mirror(&self) -> bool {
        self.annotations().is_some_and(|all| all.contains("kubernetes.io/config.mirror"))
    }

    /// An annotation's value, unless it is blank.
    pub(crate) fn annotation(&self, key: &str) -> Option<Text<'a>> {
        let value = self.annotations()?.get(key)?;
        (!value.trim().is_empty()).then_some(value)
    }

    /// The keys of its annotations, without those that are too short to be one of ours.
    pub(crate) fn annotation_keys(&self) -> impl Iterator<Item = &str> {
        self.annotations().into_iter().flat_map(Entries::names)
    }

    /// The names of all its containers.
    pub(crate) fn container_names(&self) -> impl Iterator<Item = &str> {
        let Spec { init_containers, containers, ephemeral_containers, .. } = &self.spec;
        let lists = [init_containers, containers, ephemeral_containers];
        lists.into_iter().flatten().flat_map(Containers::names)
    }

    /// The name where it is known before the API server makes one.
    pub(super) fn explicit_name(&self) -> Option<&str> {
        let name = self.metadata.as_ref()?.name.as_deref()?;
        (!name.is_empty()).then_some(name)
    }

    fn annotations(&self) -> Option<&Entries<'a>> {
        self.metadata.as_ref()?.annotations.as_ref()
    }
}
