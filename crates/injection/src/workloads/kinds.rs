//! The kinds that have a pod template, and where it is.

use json_patch::jsonptr::{Pointer, PointerBuf};
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::{Value, json};

/// The pod templates of a document, and the objects without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    /// The pod templates, in the order of the document.
    pub found: Vec<Template>,
    /// The objects that are left unchanged.
    pub passed_over: Vec<PassedOver>,
}

/// A Pod, or the template that Pods are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The object's kind and name, for people: `Deployment app`.
    pub object: String,
    /// The object's `metadata.namespace`; without one `kubectl` fills in its own.
    pub namespace: Option<String>,
    /// Where the pod (metadata and spec) is in the document.
    at: PointerBuf,
}

/// An object without a pod template that is known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// The object's kind and name, for people: `Service app`.
    pub object: String,
    /// It looks as if it made Pods (Argo's Rollout, say). Those are mutated
    /// when they are created; here it stays as it is.
    pub makes_pods: bool,
}

/// The group, the kind, and the path to the pod template.
const KINDS: [(&str, &str, &[&str]); 10] = [
    ("", "Pod", &[]),
    ("", "PodTemplate", &["template"]),
    ("", "ReplicationController", &["spec", "template"]),
    ("apps", "Deployment", &["spec", "template"]),
    ("apps", "ReplicaSet", &["spec", "template"]),
    ("apps", "StatefulSet", &["spec", "template"]),
    ("apps", "DaemonSet", &["spec", "template"]),
    ("batch", "Job", &["spec", "template"]),
    ("batch", "CronJob", &["spec", "jobTemplate", "spec", "template"]),
    // Long gone from API servers, not from repositories.
    ("extensions", "Deployment", &["spec", "template"]),
];

/// The pod templates of a document, those in a `List` too.
#[must_use]
pub fn templates(document: &Value) -> Templates {
    let mut templates = Templates::default();
    templates.take(document, Pointer::root(), None);
    templates
}

impl Templates {
    /// `item_of`: the group and kind that a typed list gives its items.
    fn take(&mut self, value: &Value, at: &Pointer, item_of: Option<(&str, &str)>) {
        let text = |member: &str| value[member].as_str().unwrap_or_default();
        let (group, kind) = match (text("kind"), item_of) {
            ("", Some(of)) => of,
            (kind, _) => (group_of(text("apiVersion")), kind),
        };
        if let (Some(item_kind), Value::Array(items)) = (kind.strip_suffix("List"), &value["items"])
        {
            for (index, item) in items.iter().enumerate() {
                let at = joined(at, &["items", &index.to_string()]);
                self.take(item, &at, (!item_kind.is_empty()).then_some((group, item_kind)));
            }
            return;
        }
        let metadata = &value["metadata"];
        let name = metadata["name"].as_str().or_else(|| metadata["generateName"].as_str());
        let kind_or_none = if kind.is_empty() { "object without a kind" } else { kind };
        let object = format!("{kind_or_none} {}", name.unwrap_or("without a name"));
        let known = KINDS.iter().find(|known| (known.0, known.1) == (group, kind));
        let path = known.map(|(_, _, path)| joined(at, path));
        // A template without a spec makes no pods; the API server refuses it.
        match path.filter(|path| spec(value, path, at).is_some()) {
            Some(at) => self.found.push(Template {
                object,
                namespace: metadata["namespace"].as_str().map(str::to_owned),
                at,
            }),
            None => self.passed_over.push(PassedOver {
                object,
                makes_pods: known.is_none()
                    && value.pointer("/spec/template/spec/containers").is_some(),
            }),
        }
    }
}

impl Template {
    /// The JSON of the `AdmissionReview` that an API server would send to create a pod of this
    /// template in `namespace`, as a dry run. `document` is what the template was found in.
    ///
    /// # Errors
    /// None for values that came from a manifest; serde's signature has them.
    pub fn review(&self, document: &Value, namespace: &str) -> serde_json::Result<Vec<u8>> {
        let mut pod = self.at.resolve(document).cloned().unwrap_or_default();
        if let Value::Object(pod) = &mut pod {
            pod.insert("apiVersion".to_owned(), "v1".into());
            pod.insert("kind".to_owned(), "Pod".into());
        }
        serde_json::to_vec(&json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "00000000-0000-0000-0000-000000000000",
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "namespace": namespace,
                "operation": "CREATE",
                "object": pod,
                "oldObject": null,
                "dryRun": true,
            },
        }))
    }

    /// Turns a patch of the pod into one of the document that the template was found in.
    #[must_use]
    pub fn placed(&self, patch: Patch) -> Patch {
        let operations = patch.0.into_iter().map(|operation| match operation {
            PatchOperation::Add(AddOperation { path, value }) => {
                PatchOperation::Add(AddOperation { path: self.at.concat(&path), value })
            }
            // The mutation has none but those above.
            other => other,
        });
        Patch(operations.collect())
    }
}

fn spec<'v>(value: &'v Value, path: &Pointer, object_at: &Pointer) -> Option<&'v Value> {
    let within = path.strip_prefix(object_at)?;
    within.resolve(value).ok()?.get("spec").filter(|spec| spec.is_object())
}

fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

fn joined(at: &Pointer, tokens: &[&str]) -> PointerBuf {
    at.concat(&PointerBuf::from_tokens(tokens.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::from_slice;

    fn found(document: &Value) -> Vec<(String, String)> {
        let found = templates(document).found;
        found.into_iter().map(|it| (it.object, it.at.to_string())).collect()
    }

    #[test]
    fn finds_the_template_of_every_workload() {
        let template = json!({"spec": {"containers": []}});
        for (version, kind, at) in [
            ("v1", "Pod", ""),
            ("v1", "PodTemplate", "/template"),
            ("v1", "ReplicationController", "/spec/template"),
            ("apps/v1", "Deployment", "/spec/template"),
            ("apps/v1", "ReplicaSet", "/spec/template"),
            ("apps/v1", "StatefulSet", "/spec/template"),
            ("apps/v1", "DaemonSet", "/spec/template"),
            ("batch/v1", "Job", "/spec/template"),
            ("batch/v1beta1", "CronJob", "/spec/jobTemplate/spec/template"),
        ] {
            let mut object = template.clone();
            for token in at.rsplit('/').filter(|token| !token.is_empty()) {
                object = json!({token: object});
            }
            object["apiVersion"] = version.into();
            object["kind"] = kind.into();
            object["metadata"] = json!({"name": "app"});
            assert_eq!(found(&object), [(format!("{kind} app"), at.to_owned())], "{kind}");
        }
    }

    #[test]
    fn looks_into_lists_typed_ones_too() {
        let pod = json!({"metadata": {"name": "a"}, "spec": {}});
        let list = json!({"apiVersion": "v1", "kind": "PodList", "items": [pod]});
        assert_eq!(found(&list), [("Pod a".to_owned(), "/items/0".to_owned())]);
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "b"},
            "spec": {"template": {"spec": {}}},
        });
        let list =
            json!({"apiVersion": "v1", "kind": "List", "items": [{"kind": "Service"}, deployment]});
        let at = "/items/1/spec/template".to_owned();
        assert_eq!(found(&list), [("Deployment b".to_owned(), at)]);
        assert_eq!(templates(&list).passed_over[0].object, "Service without a name");
    }

    #[test]
    fn passes_over_other_kinds_of_the_same_name_and_says_which_make_pods() {
        let mut object = json!({
            "apiVersion": "batch.example/v1", "kind": "Job", "metadata": {"name": "a"},
            "spec": {"template": {"spec": {"containers": []}}},
        });
        let passed_over = |object: &Value| templates(object).passed_over[0].makes_pods;
        assert!(passed_over(&object));
        object["spec"] = json!({});
        assert!(!passed_over(&object));
        object["apiVersion"] = "batch/v1".into();
        assert!(!passed_over(&object), "a template without a spec");
    }

    #[test]
    fn reviews_a_template_as_a_pod_and_places_the_patch_in_the_document() {
        let document = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "x"},
            "spec": {"template": {"metadata": {"labels": {"b": "c"}}, "spec": {"future": [1]}}},
        });
        let template = templates(&document).found.remove(0);
        let review: Value = from_slice(&template.review(&document, "x").unwrap()).unwrap();
        let pod = &review["request"]["object"];
        assert_eq!((&pod["kind"], &pod["spec"]["future"]), (&"Pod".into(), &json!([1])));
        let patch = json!([{"op": "add", "path": "/metadata/labels/d~1e", "value": "f"}]);
        let placed = template.placed(serde_json::from_value(patch).unwrap());
        let mut patched = document.clone();
        json_patch::patch(&mut patched, &placed).unwrap();
        assert_eq!(
            patched["spec"]["template"]["metadata"]["labels"],
            json!({"b": "c", "d/e": "f"})
        );
    }
}
