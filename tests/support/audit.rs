//! What was asked of the API server, by its audit log.

use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

/// One request, as RBAC sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub verb: String,
    /// Empty for the core group.
    pub group: String,
    /// With the subresource, as rules have it: `pods/log`.
    pub resource: String,
    /// Empty where all are meant, and for a creation.
    pub name: String,
    /// By RBAC, and by the policies.
    pub granted: bool,
}

impl Call {
    /// Those of a user, oldest first.
    pub fn read(log: &Path, user: &str) -> anyhow::Result<Vec<Self>> {
        let text = std::fs::read_to_string(log)
            .with_context(|| format!("failed to read the audit log {}", log.display()))?;
        let whole = text.rsplit_once('\n').map_or("", |(whole, _being_written)| whole);
        let mut calls = Vec::new();
        for line in whole.lines() {
            let event: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            if event["user"]["username"] == user && event["objectRef"].is_object() {
                calls.push(Self::of(&event));
            }
        }
        Ok(calls)
    }

    fn of(event: &Value) -> Self {
        let object = &event["objectRef"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (resource, subresource) = (text(&object["resource"]), text(&object["subresource"]));
        let creation = event["verb"] == "create";
        Self {
            verb: text(&event["verb"]),
            group: text(&object["apiGroup"]),
            resource: [resource, subresource]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("/"),
            // The audit log knows the name of a creation, the authorizer did not.
            name: if creation { String::new() } else { text(&object["name"]) },
            // Of 403s, some have to do with the object alone: a namespace that is being deleted, say.
            granted: event["annotations"]["authorization.k8s.io/decision"] == "allow"
                && !event["responseStatus"].to_string().contains("ValidatingAdmissionPolicy"),
        }
    }
}
