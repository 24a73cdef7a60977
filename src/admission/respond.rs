//! The answer that goes out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::{Admission, Review};
use crate::identity::Warning;

/// The API server takes 4096 characters of warnings in all; a few are read.
const MAX_WARNINGS: usize = 5;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: Response<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    audit_annotations: AuditAnnotations,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// The API server puts the webhook's name before each key.
#[derive(Serialize)]
struct AuditAnnotations {
    outcome: &'static str,
}

#[derive(Serialize)]
struct Status<'a> {
    code: u16,
    reason: &'static str,
    message: &'a str,
}

/// The review's answer in its own version, with the patch as base64.
///
/// # Errors
/// None for the values that there are; serde's signature has them.
pub fn respond(review: &Review<'_>, admission: &Admission) -> Result<Vec<u8>, serde_json::Error> {
    let patch = match &admission.refusal {
        None if !admission.patch.0.is_empty() => {
            Some(STANDARD.encode(serde_json::to_vec(&admission.patch)?))
        }
        _ => None,
    };
    let envelope = Envelope {
        api_version: review.version.as_str(),
        kind: "AdmissionReview",
        response: Response {
            uid: &review.uid,
            allowed: admission.refusal.is_none(),
            status: admission.refusal.as_ref().map(|refusal| Status {
                code: 403,
                reason: "Forbidden",
                message: refusal.message(),
            }),
            patch_type: patch.is_some().then_some("JSONPatch"),
            patch,
            audit_annotations: AuditAnnotations { outcome: admission.outcome.as_str() },
            warnings: shown(&admission.warnings),
        },
    };
    serde_json::to_vec(&envelope)
}

fn shown(warnings: &[Warning]) -> Vec<String> {
    let all = warnings.len();
    let kept = if all > MAX_WARNINGS { MAX_WARNINGS - 1 } else { all };
    let mut shown: Vec<_> = warnings.iter().take(kept).map(ToString::to_string).collect();
    if all > kept {
        shown.push(format!("and {} more: see the log of pod-identity-webhook", all - kept));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::{ApiVersion, Outcome, Subject, required};
    use super::*;
    use crate::identity::WarningKind;
    use crate::mutation::Text;
    use json_patch::Patch;
    use serde_json::{Value, json};

    fn json_of(admission: &Admission) -> Value {
        let review = Review {
            version: ApiVersion::V1Beta1,
            uid: Text("u-1".into()),
            namespace: Text("demo".into()),
            dry_run: false,
            subject: Subject::NotAPod,
        };
        serde_json::from_slice(&respond(&review, admission).unwrap()).unwrap()
    }

    fn mutated() -> Admission {
        Admission::of(Outcome::Mutated)
    }

    fn patch() -> Patch {
        serde_json::from_value(json!([{"op": "add", "path": "/a", "value": 1}])).unwrap()
    }

    #[test]
    fn echoes_version_kind_and_uid() {
        let review = json_of(&mutated());
        assert_eq!(review["apiVersion"], "admission.k8s.io/v1beta1");
        assert_eq!(review["kind"], "AdmissionReview");
        assert_eq!(review["response"]["uid"], "u-1");
        assert_eq!(review["response"]["auditAnnotations"], json!({"outcome": "mutated"}));
    }

    #[test]
    fn has_no_patch_and_no_patch_type_where_nothing_is_missing() {
        let response = json_of(&mutated())["response"].take();
        assert_eq!(response["allowed"], true);
        for absent in ["patch", "patchType", "warnings", "status"] {
            assert!(response.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn encodes_the_patch_as_base64() {
        let response = json_of(&Admission { patch: patch(), ..mutated() })["response"].take();
        assert_eq!(response["patchType"], "JSONPatch");
        let bytes = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
        let decoded: Patch = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(decoded, patch());
    }

    #[test]
    fn shows_a_few_warnings_and_says_how_many_there_are() {
        let warnings =
            (0..7).map(|n| Warning::new(WarningKind::NearMiss, format!("warning {n}"))).collect();
        let review = json_of(&Admission { warnings, ..mutated() });
        let shown = review["response"]["warnings"].as_array().unwrap();
        assert_eq!(shown.len(), 5);
        assert!(shown[4].as_str().unwrap().starts_with("and 3 more"));
    }

    #[test]
    fn refuses_with_a_reason_and_without_a_patch() {
        let key = crate::identity::Key { namespace: "demo", name: "app" };
        let refusal = required::refuse(Outcome::NotConfigured, key, &[], None);
        let refused = Admission { patch: patch(), refusal, ..mutated() };
        let response = json_of(&refused)["response"].take();
        assert_eq!(response["allowed"], false);
        assert_eq!(response["status"]["code"], 403);
        assert!(response["status"]["message"].as_str().unwrap().contains("demo/app"));
        assert!(response.get("patch").is_none());
    }
}
