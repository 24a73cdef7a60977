//! One YAML file per kind in `tests/workloads`: a manifest, the pod templates that are found in
//! it, each with the `ServiceAccount` of its pods, and what is said of the rest.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{read, templates};
use crate::admission::{self, AdmissionSettings, Endpoint, Triage};
use crate::identity::{AnnotationKeys, Lookup, Observed, ServiceAccountReader};
use crate::mutation::Jitter;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    /// The behaviour, in one sentence.
    shows: String,
    manifest: Value,
    /// `object: namespace/service account`, in order.
    #[serde(default)]
    injected: Vec<String>,
    /// What is said of what is left unchanged.
    #[serde(default)]
    unchanged: Vec<String>,
}

#[allow(clippy::disallowed_methods, reason = "cases are files")]
fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workloads");
    let files = folder.read_dir().expect("the folder").map(|file| file.expect("a file").path());
    let mut cases: Vec<_> = files
        .map(|file| {
            let text = std::fs::read_to_string(&file).expect("a file");
            let document = read(&text).expect("YAML").remove(0);
            let name = file.display().to_string();
            let case = serde_json::from_value(document).unwrap_or_else(|error| {
                panic!("{name}: {error}");
            });
            (name, case)
        })
        .collect();
    assert!(cases.len() >= 18, "only {} cases found", cases.len());
    cases.sort_by(|one, other| one.0.cmp(&other.0));
    cases
}

fn with_role() -> Lookup {
    let reader = ServiceAccountReader::new(AnnotationKeys::default(), None);
    let annotations = [("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/app")];
    let account = reader.read(annotations.into_iter()).expect("a role");
    Lookup {
        container_credentials: false,
        service_account: Observed::Known(account.into()),
        config_map_entry: Observed::Absent,
    }
}

#[test]
fn finds_the_pod_templates_of_each_case_and_injects_them_in_their_places() {
    for (file, case) in cases() {
        let name = format!("{file}: {}", case.shows);
        let templates = templates(&case.manifest);
        let mut patched = case.manifest.clone();
        let mut injected = Vec::new();
        for template in &templates.found {
            let namespace = template.namespace.as_deref().unwrap_or("default");
            let body = template.review(&case.manifest, namespace).expect("a review");
            let review = admission::decode(&body).expect(&name);
            let Triage::Lookup(candidate) = review.triage() else { panic!("{name}: no pod") };
            injected.push(format!("{}: {}", template.object, candidate.key));
            let policy = AdmissionSettings::default();
            let admission = candidate.admit(&with_role(), &policy, Endpoint::Mutate, Jitter(0));
            let patch = template.placed(admission.patch.operations());
            json_patch::patch(&mut patched, &patch).expect(&name);
        }
        assert_eq!(injected, case.injected, "{name}");
        for template in &templates.found {
            let review = template.review(&patched, "default").expect("a review");
            let review: Value = serde_json::from_slice(&review).expect("JSON");
            let spec = &review["request"]["object"]["spec"];
            let containers = ["initContainers", "containers"].map(|list| spec[list].as_array());
            for container in containers.into_iter().flatten().flatten() {
                let env = container["env"].as_array().map_or(&[][..], Vec::as_slice);
                let has_role = env.iter().any(|it| it["name"] == "AWS_ROLE_ARN");
                assert!(has_role, "{name}: {}: no role for {container}", template.object);
            }
        }
        let unchanged: Vec<_> = templates.passed_over.iter().map(ToString::to_string).collect();
        assert_eq!(unchanged, case.unchanged, "{name}");
    }
}
