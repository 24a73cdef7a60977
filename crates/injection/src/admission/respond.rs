//! The answer that goes out.

use std::sync::LazyLock;

use base64::Engine as _;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use base64::engine::Simd;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::general_purpose::PAD;

use super::{Admission, Review};
use crate::identity::Warnings;
use crate::json::push_string;

/// The API server takes 4096 characters of warnings in all; a few are read.
const MAX_WARNINGS: u64 = 5;

/// All of an answer but its patch and its warnings.
const USUAL: usize = 256;

/// The crate has vectors for these two architectures alone.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static BASE64: LazyLock<Simd> = LazyLock::new(|| Simd::standard(PAD));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static BASE64: LazyLock<GeneralPurpose> =
    LazyLock::new(|| GeneralPurpose::new(&base64::alphabet::STANDARD, PAD));

/// The JSON of the `AdmissionReview` that answers `review`, in the same API version, with
/// the patch in base64. It has at most [`MAX_ANSWER_BYTES`](super::MAX_ANSWER_BYTES).
#[must_use]
pub fn respond(review: &Review<'_>, admission: &Admission) -> Vec<u8> {
    let patch = match &admission.refusal {
        None => admission.patch.as_str(),
        Some(_) => "",
    };
    let warnings = shown(&admission.warnings);
    // Each character with its longest escape: else the last warning could double
    // what a large patch takes.
    let of_warnings: usize = warnings.iter().map(|warning| 6 * warning.len() + 3).sum();
    let of_patch = patch.len().div_ceil(3) * 4;
    let mut out = String::with_capacity(USUAL + of_patch + of_warnings);
    out.push_str(r#"{"apiVersion":"#);
    push_string(&mut out, review.version.as_str());
    out.push_str(r#","kind":"AdmissionReview","response":{"uid":"#);
    push_string(&mut out, &review.uid);
    match &admission.refusal {
        None => out.push_str(r#","allowed":true"#),
        Some(refusal) => {
            out.push_str(
                r#","allowed":false,"status":{"code":403,"reason":"Forbidden","message":"#,
            );
            push_string(&mut out, refusal.message());
            out.push('}');
        }
    }
    if !patch.is_empty() {
        out.push_str(r#","patchType":"JSONPatch","patch":""#);
        BASE64.encode_string(patch, &mut out);
        out.push('"');
    }
    // The API server puts the webhook's name before each key.
    out.push_str(r#","auditAnnotations":{"outcome":"#);
    push_string(&mut out, admission.outcome.as_str());
    out.push('}');
    push_warnings(&mut out, &warnings);
    out.push_str("}}");
    out.into_bytes()
}

fn push_warnings(out: &mut String, warnings: &[String]) {
    for (index, warning) in warnings.iter().enumerate() {
        out.push_str(if index == 0 { r#","warnings":["# } else { "," });
        push_string(out, warning);
    }
    if !warnings.is_empty() {
        out.push(']');
    }
}

fn shown(warnings: &Warnings) -> Vec<String> {
    let all = warnings.total();
    let kept = if all > MAX_WARNINGS { MAX_WARNINGS - 1 } else { all };
    let mut shown: Vec<_> =
        warnings.iter().map(ToString::to_string).zip(0..kept).map(|(text, _)| text).collect();
    if all > kept {
        shown.push(format!("and {} more: see the log of pod-identity-webhook", all - kept));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::{ApiVersion, Outcome, Subject, required};
    use super::*;
    use crate::identity::{Warning, WarningKind};
    use crate::mutation::{PatchText, Text};
    use serde_json::{Value, json};

    fn json_of(admission: &Admission) -> Value {
        let review = Review {
            version: ApiVersion::V1Beta1,
            uid: Text::from("u-1"),
            namespace: Text::from("demo"),
            dry_run: false,
            subject: Subject::NotAPod,
        };
        serde_json::from_slice(&respond(&review, admission)).unwrap()
    }

    fn mutated() -> Admission {
        Admission::of(Outcome::Mutated)
    }

    fn patch() -> PatchText {
        PatchText::of(r#"[{"op":"add","path":"/a","value":1}]"#)
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
        let bytes = BASE64.decode(response["patch"].as_str().unwrap()).unwrap();
        assert_eq!(bytes, patch().as_str().as_bytes());
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
        let refusal =
            required::refuse(Outcome::NotConfigured, key, &required::Uncovered::default(), None);
        let refused = Admission { patch: patch(), refusal, ..mutated() };
        let response = json_of(&refused)["response"].take();
        assert_eq!(response["allowed"], false);
        assert_eq!(response["status"]["code"], 403);
        assert!(response["status"]["message"].as_str().unwrap().contains("demo/app"));
        assert!(response.get("patch").is_none());
    }
}
