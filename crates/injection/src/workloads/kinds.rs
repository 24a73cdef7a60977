//! Where the pod templates of a manifest are: of the built-in kinds by name, of others by shape.

use json_patch::jsonptr::{Pointer, PointerBuf};
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::{Value, json};
use text::shortened;

use super::passed_over::{PassedOver, Why};
use super::shape::{MAX_DEPTH, Shapes};

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

/// The longest name that Kubernetes accepts. A longer one would be copied for each template.
const MAX_NAME_CHARS: usize = 253;

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

/// The built-in kinds that make no pods, by group. Whatever is in none of these lists is
/// searched for pod templates by shape.
const MAKE_NO_PODS: [(&str, &[&str]); 22] = [
    (
        "",
        &[
            "Binding",
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    ("admissionregistration.k8s.io", &[]),
    ("apiextensions.k8s.io", &[]),
    ("apiregistration.k8s.io", &[]),
    ("apps", &["ControllerRevision"]),
    ("authentication.k8s.io", &[]),
    ("authorization.k8s.io", &[]),
    ("autoscaling", &["HorizontalPodAutoscaler", "Scale"]),
    ("certificates.k8s.io", &[]),
    ("coordination.k8s.io", &[]),
    ("discovery.k8s.io", &[]),
    ("events.k8s.io", &[]),
    ("extensions", &["Ingress", "NetworkPolicy", "PodSecurityPolicy"]),
    ("flowcontrol.apiserver.k8s.io", &[]),
    ("internal.apiserver.k8s.io", &[]),
    ("networking.k8s.io", &[]),
    ("node.k8s.io", &[]),
    ("policy", &["Eviction", "PodDisruptionBudget", "PodSecurityPolicy"]),
    ("rbac.authorization.k8s.io", &[]),
    ("resource.k8s.io", &[]),
    ("scheduling.k8s.io", &["PriorityClass"]),
    ("storage.k8s.io", &[]),
];

/// The pod templates of a document, those in a `List` too.
#[must_use]
pub fn templates(document: &Value) -> Templates {
    let mut templates = Templates::default();
    templates.take(document, Pointer::root(), None, 0);
    templates
}

impl Templates {
    /// `item_of`: the group and kind that a typed list gives its items.
    fn take(&mut self, value: &Value, at: &Pointer, item_of: Option<(&str, &str)>, depth: usize) {
        let own = group_and_kind(value);
        let (group, kind) = item_of.filter(|_| own.1.is_empty()).unwrap_or(own);
        if let (Some(item_kind), Value::Array(items)) = (kind.strip_suffix("List"), &value["items"])
            && depth < MAX_DEPTH
        {
            for (index, item) in items.iter().enumerate() {
                let at = joined(at, &["items", &index.to_string()]);
                let item_of = (!item_kind.is_empty()).then_some((group, item_kind));
                self.take(item, &at, item_of, depth + 1);
            }
            return;
        }
        let metadata = &value["metadata"];
        let name = metadata["name"].as_str().or_else(|| metadata["generateName"].as_str());
        let kind_or_none = if kind.is_empty() { "object without a kind" } else { kind };
        let words = [kind_or_none, name.unwrap_or("without a name")];
        let object = words.map(|word| shortened(word, MAX_NAME_CHARS)).join(" ");
        let namespace = metadata["namespace"].as_str();
        let Some(path) = template_path(group, kind) else {
            if makes_no_pods(group, kind) {
                self.passed_over.push(PassedOver { object, why: Why::MakesNone });
            } else {
                self.search(value, at, group, &object, namespace);
            }
            return;
        };
        // A template without a spec makes no pods; the API server refuses it.
        if has_template(value, path) {
            let namespace = namespace.map(str::to_owned);
            self.found.push(Template { object, namespace, at: joined(at, path) });
        } else {
            let missing = path.iter().copied().chain(["spec"]).collect::<Vec<_>>().join(".");
            self.passed_over.push(PassedOver { object, why: Why::NoTemplate(missing) });
        }
    }

    /// What an object of a kind that is not built in has of pod templates.
    fn search(
        &mut self,
        value: &Value,
        at: &Pointer,
        group: &str,
        object: &str,
        namespace: Option<&str>,
    ) {
        let patterns = holds_patterns(group);
        let shapes = if patterns { Shapes::default() } else { Shapes::of(value, namespace) };
        let mut whys = shapes.doubts;
        let is_silent = shapes.found.is_empty() && whys.is_empty();
        // Containers are made of an image; a ServiceAccount may be that of a template.
        if is_silent || shapes.image.is_some() {
            whys.push(Why::NoShape(shapes.image.or(shapes.account)));
        }
        self.found.extend(shapes.found.into_iter().map(|found| Template {
            object: format!("{object} ({})", found.path),
            namespace: found.namespace.map(|namespace| shortened(namespace, MAX_NAME_CHARS)),
            at: at.concat(&found.at),
        }));
        let passed_over = |why| PassedOver { object: object.to_owned(), why };
        self.passed_over.extend(whys.into_iter().map(passed_over));
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

/// The path from an object of a built-in kind to its pod template.
pub(super) fn template_path(group: &str, kind: &str) -> Option<&'static [&'static str]> {
    KINDS.iter().find(|known| (known.0, known.1) == (group, kind)).map(|known| known.2)
}

/// Whether the object has a pod template with a spec at `path`.
pub(super) fn has_template(object: &Value, path: &[&str]) -> bool {
    path.iter().fold(object, |value, member| &value[*member])["spec"].is_object()
}

/// Whether it is a built-in kind that makes no pods.
pub(super) fn makes_no_pods(group: &str, kind: &str) -> bool {
    // An empty list: none of the group's kinds makes pods.
    let built_in =
        |of: &&(&str, &[&str])| of.0 == group && (of.1.is_empty() || of.1.contains(&kind));
    MAKE_NO_PODS.iter().any(|of| built_in(&of))
}

/// Whether an object is searched for pod templates by shape, if it is not one of those with a
/// template at a known path.
pub(super) fn is_searched(group: &str, kind: &str) -> bool {
    !makes_no_pods(group, kind) && !holds_patterns(group)
}

/// Policies have patterns of pods, to compare others with.
fn holds_patterns(group: &str) -> bool {
    ["kyverno.io", "gatekeeper.sh"].iter().any(|of| group.ends_with(of))
}

/// The API group and the kind that an object names.
pub(super) fn group_and_kind(object: &Value) -> (&str, &str) {
    let text = |member: &str| object[member].as_str().unwrap_or_default();
    (text("apiVersion").split_once('/').map_or("", |(group, _)| group), text("kind"))
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
    fn holds_no_long_name_once_for_each_template() {
        let long = "n".repeat(100_000);
        let template = json!({"spec": {"containers": [{"image": "a"}]}});
        let templates_of = |names: &str| json!({names: vec![template.clone(); 1_000]});
        let document = json!({
            "kind": long, "metadata": {"name": long, "namespace": long},
            "spec": [templates_of("templates"), templates_of(&long)],
        });
        let templates = templates(&document);
        assert_eq!(templates.found.len(), 1_000);
        let bytes = |it: &Template| {
            it.object.len() + it.namespace.as_ref().map_or(0, String::len) + it.at.len()
        };
        assert!(templates.found.iter().map(bytes).sum::<usize>() < 1_000 * 2_000);
        assert_eq!(templates.passed_over[0].why, Why::TooDeep);
    }

    #[test]
    fn ends_its_search_where_an_object_has_no_end() {
        let mut document = json!({"spec": {"containers": [{"image": "a"}]}});
        for _ in 0..100 {
            document = json!({"kind": "Nest", "apiVersion": "example.com/v1", "spec": document});
        }
        assert_eq!(templates(&document).passed_over[0].why, Why::TooDeep);
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
