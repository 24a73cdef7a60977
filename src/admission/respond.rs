//! The answer that goes out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use json_patch::Patch;
use serde::Serialize;

use super::{ApiVersion, Outcome, Refusal};
use crate::identity::Warning;

/// The API server takes 4096 characters of warnings in all; a few are read.
const MAX_WARNINGS: usize = 5;

/// What is answered to a review.
#[derive(Debug)]
pub struct Answer<'a> {
    pub version: ApiVersion,
    pub uid: &'a str,
    pub outcome: Outcome,
    /// Empty where nothing is missing.
    pub patch: Patch,
    pub warnings: &'a [Warning],
    pub refusal: Option<Refusal>,
}

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
pub fn respond(answer: &Answer<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let patch = match &answer.refusal {
        None if !answer.patch.0.is_empty() => {
            Some(STANDARD.encode(serde_json::to_vec(&answer.patch)?))
        }
        _ => None,
    };
    let envelope = Envelope {
        api_version: answer.version.as_str(),
        kind: "AdmissionReview",
        response: Response {
            uid: answer.uid,
            allowed: answer.refusal.is_none(),
            status: answer.refusal.as_ref().map(|refusal| Status {
                code: 403,
                reason: "Forbidden",
                message: refusal.message(),
            }),
            patch_type: patch.is_some().then_some("JSONPatch"),
            patch,
            audit_annotations: AuditAnnotations { outcome: answer.outcome.as_str() },
            warnings: shown(answer.warnings),
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
    use super::*;
    use crate::identity::WarningKind;
    use serde_json::{Value, json};

    fn answer<'a>() -> Answer<'a> {
        Answer {
            version: ApiVersion::V1Beta1,
            uid: "u-1",
            outcome: Outcome::Mutated,
            patch: Patch::default(),
            warnings: &[],
            refusal: None,
        }
    }

    fn json_of(answer: &Answer<'_>) -> Value {
        serde_json::from_slice(&respond(answer).unwrap()).unwrap()
    }

    #[test]
    fn echoes_version_kind_and_uid() {
        let review = json_of(&answer());
        assert_eq!(review["apiVersion"], "admission.k8s.io/v1beta1");
        assert_eq!(review["kind"], "AdmissionReview");
        assert_eq!(review["response"]["uid"], "u-1");
        assert_eq!(review["response"]["auditAnnotations"], json!({"outcome": "mutated"}));
    }

    #[test]
    fn has_no_patch_and_no_patch_type_where_nothing_is_missing() {
        let response = json_of(&answer())["response"].take();
        assert_eq!(response["allowed"], true);
        assert!(response.get("patch").is_none() && response.get("patchType").is_none());
        assert!(response.get("warnings").is_none() && response.get("status").is_none());
    }

    #[test]
    fn encodes_the_patch_as_base64() {
        let patch: Patch =
            serde_json::from_value(json!([{"op": "add", "path": "/a", "value": 1}])).unwrap();
        let response = json_of(&Answer { patch, ..answer() })["response"].take();
        assert_eq!(response["patchType"], "JSONPatch");
        let bytes = STANDARD.decode(response["patch"].as_str().unwrap()).unwrap();
        let decoded: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(decoded, json!([{"op": "add", "path": "/a", "value": 1}]));
    }

    #[test]
    fn shows_a_few_warnings_and_says_how_many_there_are() {
        let warnings: Vec<_> =
            (0..7).map(|n| Warning::new(WarningKind::NearMiss, format!("warning {n}"))).collect();
        let review = json_of(&Answer { warnings: &warnings, ..answer() });
        let shown = review["response"]["warnings"].as_array().unwrap();
        assert_eq!(shown.len(), 5);
        assert!(shown[4].as_str().unwrap().starts_with("and 3 more"));
    }

    #[test]
    fn refuses_with_a_reason_and_without_a_patch() {
        let patch: Patch =
            serde_json::from_value(json!([{"op": "add", "path": "/a", "value": 1}])).unwrap();
        let refusal = super::super::refuse(Outcome::NotConfigured, &[], "demo/app", None);
        let response = json_of(&Answer { patch, refusal, ..answer() })["response"].take();
        assert_eq!(response["allowed"], false);
        assert_eq!(response["status"]["code"], 403);
        assert!(response["status"]["message"].as_str().unwrap().contains("demo/app"));
        assert!(response.get("patch").is_none());
    }
}
