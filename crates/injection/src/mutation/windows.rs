//! Whether a pod runs on Windows, where the token's path is spelt otherwise.

use serde::Deserialize;
use serde::de::Deserializer;

use super::items::items;
use super::pod::Pod;
use super::text::Text;

const OS_LABELS: [&str; 2] = ["kubernetes.io/os", "beta.kubernetes.io/os"];
const WINDOWS: &str = "windows";

impl Pod<'_> {
    /// By `spec.os.name` where it is set, else by the node selector or a
    /// required node affinity that leaves only Windows nodes.
    pub(super) fn is_windows(&self) -> bool {
        if let Some(os) = self.spec.os.as_ref().filter(|os| !os.name.is_empty()) {
            return &*os.name == WINDOWS;
        }
        self.selects_windows() || self.requires_windows()
    }

    fn selects_windows(&self) -> bool {
        let Some(selector) = &self.spec.node_selector else { return false };
        let mut chosen = OS_LABELS.iter().filter_map(|label| selector.get(label));
        chosen.any(|os| &*os == WINDOWS)
    }

    fn requires_windows(&self) -> bool {
        let affinity = self.spec.affinity.as_ref().and_then(|it| it.node_affinity.as_ref());
        let required = affinity.and_then(|it| it.required.as_ref());
        let terms = required.and_then(|it| it.node_selector_terms.as_ref());
        terms.is_some_and(|terms| terms.any && !terms.any_for_others)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Affinity {
    #[serde(default)]
    node_affinity: Option<NodeAffinity>,
}

#[derive(Clone, Debug, Deserialize)]
struct NodeAffinity {
    #[serde(default, rename = "requiredDuringSchedulingIgnoredDuringExecution")]
    required: Option<NodeSelector>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeSelector {
    #[serde(default)]
    node_selector_terms: Option<Terms>,
}

/// What the terms come to. Any one of them suffices for a node, and an empty
/// one matches none.
#[derive(Clone, Debug, Default)]
struct Terms {
    any: bool,
    any_for_others: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Term {
    #[serde(default)]
    match_expressions: Option<Expressions>,
    #[serde(default)]
    match_fields: Option<Expressions>,
}

/// All of them hold for a node that is chosen.
#[derive(Default)]
struct Expressions {
    any: bool,
    any_for_windows: bool,
}

#[derive(Deserialize)]
struct Expression<'a> {
    #[serde(borrow, default)]
    key: Text<'a>,
    #[serde(borrow, default)]
    operator: Text<'a>,
    #[serde(default)]
    values: Option<Values>,
}

#[derive(Default)]
struct Values {
    any: bool,
    any_other: bool,
    any_linux: bool,
}

impl Terms {
    fn take(&mut self, term: Term) {
        let expressions = term.match_expressions.unwrap_or_default();
        if expressions.any || term.match_fields.unwrap_or_default().any {
            self.any = true;
            self.any_for_others |= !expressions.any_for_windows;
        }
    }
}

impl Expressions {
    fn take(&mut self, expression: &Expression<'_>) {
        self.any = true;
        self.any_for_windows |= expression.leaves_only_windows();
    }
}

impl Expression<'_> {
    /// Kubernetes runs nodes of two systems: what is not Linux is Windows.
    fn leaves_only_windows(&self) -> bool {
        let Some(values) = &self.values else { return false };
        OS_LABELS.contains(&&*self.key)
            && match &*self.operator {
                "In" => values.any && !values.any_other,
                "NotIn" => values.any_linux,
                _ => false,
            }
    }
}

impl Values {
    fn take(&mut self, value: &str) {
        self.any = true;
        self.any_other |= value != WINDOWS;
        self.any_linux |= value == "linux";
    }
}

impl<'de> Deserialize<'de> for Terms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        items(deserializer, Self::take)
    }
}

impl<'de> Deserialize<'de> for Expressions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        items::<_, Expression<'de>, Self>(deserializer, |made, item| made.take(&item))
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        items::<_, Text<'de>, Self>(deserializer, |made, item| made.take(&item))
    }
}

/// A path as a process on Windows writes it: `C:\var\run\…`.
pub(super) fn path(unix: &str) -> String {
    format!("C:{}", unix.replace('/', "\\"))
}
