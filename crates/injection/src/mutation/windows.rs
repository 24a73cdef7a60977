//! Whether a pod runs on Windows, where the token's path is spelt otherwise.

use super::pod::{MatchExpression, NodeSelectorTerm, Pod};
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
        let affinity = self.spec.affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
        let required = affinity.and_then(|a| a.required.as_ref());
        let terms = required.and_then(|r| r.node_selector_terms.as_deref()).unwrap_or_default();
        // Any one term suffices for a node, and an empty term matches none.
        let mut terms = terms.iter().filter(|term| !term.is_empty()).peekable();
        terms.peek().is_some() && terms.all(NodeSelectorTerm::leaves_only_windows)
    }
}

impl NodeSelectorTerm<'_> {
    fn is_empty(&self) -> bool {
        let parts = [&self.match_expressions, &self.match_fields];
        parts.into_iter().flatten().all(Vec::is_empty)
    }

    fn leaves_only_windows(&self) -> bool {
        let expressions = self.match_expressions.as_deref().unwrap_or_default();
        expressions.iter().any(MatchExpression::leaves_only_windows)
    }
}

impl MatchExpression<'_> {
    /// Kubernetes runs nodes of two systems: what is not Linux is Windows.
    fn leaves_only_windows(&self) -> bool {
        let values = self.values.as_deref().unwrap_or_default();
        let is = |os: &'static str| move |value: &Text<'_>| &**value == os;
        OS_LABELS.contains(&&*self.key)
            && match &*self.operator {
                "In" => !values.is_empty() && values.iter().all(is(WINDOWS)),
                "NotIn" => values.iter().any(is("linux")),
                _ => false,
            }
    }
}

/// A path as a process on Windows writes it: `C:\var\run\…`.
pub(super) fn path(unix: &str) -> String {
    format!("C:{}", unix.replace('/', "\\"))
}
