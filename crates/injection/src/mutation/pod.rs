//! As much of a Pod as the plan needs, borrowed from the request. Everything
//! else is skipped, and never written back.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::text::{Entries, Text};

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
    pub(super) init_containers: Option<Vec<Container<'a>>>,
    #[serde(borrow, default)]
    pub(super) containers: Option<Vec<Container<'a>>>,
    #[serde(borrow, default)]
    pub(super) ephemeral_containers: Option<Vec<Container<'a>>>,
    #[serde(borrow, default)]
    pub(super) volumes: Option<Vec<Volume<'a>>>,
    #[serde(borrow, default)]
    pub(super) os: Option<Os<'a>>,
    #[serde(borrow, default)]
    pub(super) node_selector: Option<Entries<'a>>,
    #[serde(borrow, default)]
    pub(super) affinity: Option<Affinity<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) env: Option<Vec<Variable<'a>>>,
    #[serde(borrow, default)]
    pub(super) volume_mounts: Option<Vec<VolumeMount<'a>>>,
}

/// An environment variable: its name decides what is added, its value only
/// whether the container has credentials.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Variable<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) value: Option<Text<'a>>,
    #[serde(default)]
    pub(super) value_from: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VolumeMount<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) mount_path: Text<'a>,
    #[serde(borrow, default)]
    sub_path: Option<Text<'a>>,
    #[serde(borrow, default)]
    sub_path_expr: Option<Text<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Volume<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) projected: Option<Projected<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Projected<'a> {
    #[serde(borrow, default)]
    pub(super) sources: Option<Vec<Source<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source<'a> {
    #[serde(borrow, default)]
    pub(super) service_account_token: Option<ServiceAccountToken<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct ServiceAccountToken<'a> {
    #[serde(borrow, default)]
    pub(super) audience: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) path: Text<'a>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Os<'a> {
    #[serde(borrow, default)]
    pub(super) name: Text<'a>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Affinity<'a> {
    #[serde(borrow, default)]
    pub(super) node_affinity: Option<NodeAffinity<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct NodeAffinity<'a> {
    #[serde(borrow, default, rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    pub(super) required: Option<NodeSelector<'a>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NodeSelector<'a> {
    #[serde(borrow, default)]
    pub(super) node_selector_terms: Option<Vec<NodeSelectorTerm<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NodeSelectorTerm<'a> {
    #[serde(borrow, default)]
    pub(super) match_expressions: Option<Vec<MatchExpression<'a>>>,
    #[serde(borrow, default)]
    pub(super) match_fields: Option<Vec<MatchExpression<'a>>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct MatchExpression<'a> {
    #[serde(borrow, default)]
    pub(super) key: Text<'a>,
    #[serde(borrow, default)]
    pub(super) operator: Text<'a>,
    #[serde(borrow, default)]
    pub(super) values: Option<Vec<Text<'a>>>,
}

impl<'a> Pod<'a> {
    /// The `ServiceAccount` that the pod runs as.
    #[must_use]
    pub fn service_account_name(&self) -> &str {
        let named = [&self.spec.service_account_name, &self.spec.service_account];
        let mut set = named.into_iter().flatten().filter(|name| !name.is_empty());
        set.next().map_or("default", |name| name)
    }

    /// The name, or the prefix that the API server makes one from.
    #[must_use]
    pub fn name(&self) -> &str {
        let metadata = self.metadata.as_ref();
        let name = metadata.and_then(|m| m.name.as_deref()).filter(|name| !name.is_empty());
        name.or_else(|| metadata.and_then(|m| m.generate_name.as_deref())).unwrap_or_default()
    }

    /// The API server's picture of a static pod, which kubelet runs from a
    /// file and which is not to be changed.
    /// <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-mirror>
    #[must_use]
    pub fn is_mirror(&self) -> bool {
        self.annotations().is_some_and(|all| all.contains("kubernetes.io/config.mirror"))
    }

    /// An annotation's value, unless it is blank.
    pub(super) fn annotation(&self, key: &str) -> Option<Text<'a>> {
        let value = self.annotations()?.get(key)?;
        (!value.trim().is_empty()).then_some(value)
    }

    /// The name where it is known before the API server makes one.
    pub(super) fn explicit_name(&self) -> Option<&str> {
        let name = self.metadata.as_ref()?.name.as_deref()?;
        (!name.is_empty()).then_some(name)
    }

    pub(super) fn volumes(&self) -> &[Volume<'a>] {
        self.spec.volumes.as_deref().unwrap_or_default()
    }

    fn annotations(&self) -> Option<&Entries<'a>> {
        self.metadata.as_ref()?.annotations.as_ref()
    }
}

impl VolumeMount<'_> {
    pub(super) fn is_sub_path(&self) -> bool {
        let paths = [&self.sub_path, &self.sub_path_expr];
        paths.into_iter().flatten().any(|path| !path.is_empty())
    }
}

/// The ephemeral containers that a pod has before an update: they are fixed.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ExistingEphemeralContainers<'a> {
    #[serde(borrow, default)]
    spec: ExistingSpec<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExistingSpec<'a> {
    #[serde(borrow, default)]
    ephemeral_containers: Option<Vec<Named<'a>>>,
}

impl ExistingEphemeralContainers<'_> {
    pub(super) fn contains(&self, name: &str) -> bool {
        let existing = self.spec.ephemeral_containers.as_deref().unwrap_or_default();
        existing.iter().any(|container| &*container.name == name)
    }
}
