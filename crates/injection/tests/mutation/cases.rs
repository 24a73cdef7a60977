//! One YAML file per case in `tests/cases`: settings, `ServiceAccount`, pod,
//! and what must come of them.

use injection::admission::{self, Admission, AdmissionSettings, Endpoint, Mark, Triage, decode};
use injection::identity::{
    Account, AnnotationKeys, ConfigMapIdentities, ContainerCredentialsKeys, Expiration, Key,
    Lookup, Observed, StsEndpoint, WarningKind,
};
use injection::mutation::Jitter;
use json_patch::{Patch, PatchOperation};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Case {
    /// The behaviour, in one sentence.
    shows: String,
    #[serde(default)]
    settings: CaseSettings,
    /// The annotations of the pod's `ServiceAccount`.
    #[serde(default)]
    service_account: BTreeMap<String, String>,
    /// `data.config` of the `ConfigMap`.
    #[serde(default)]
    config_map: Option<Value>,
    /// The container credentials file.
    #[serde(default)]
    container_credentials: Option<Value>,
    /// The lookup fails with this reason.
    #[serde(default)]
    lookup_failed: Option<String>,
    #[serde(default)]
    required: bool,
    /// Seconds that container credentials' expiration is brought forward by.
    #[serde(default)]
    jitter: i64,
    pod: Value,
    /// The pod before an update of `pods/ephemeralcontainers`.
    #[serde(default)]
    old_pod: Option<Value>,
    outcome: String,
    /// The pod with the patch applied; or the patch; or neither: no patch.
    #[serde(default)]
    patched: Option<Value>,
    #[serde(default)]
    patch: Option<Patch>,
    #[serde(default)]
    warnings: Vec<String>,
    /// Lines of the explanation, without the spaces before and in them.
    #[serde(default)]
    explained: Vec<String>,
    /// What the refusal says, where there must be one.
    #[serde(default)]
    refused: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CaseSettings {
    annotation_prefix: Option<String>,
    token_audience: Option<String>,
    token_mount_path: Option<String>,
    token_expiration: Option<i64>,
    region: Option<String>,
    #[serde(default)]
    regional_sts: bool,
    compose_role_arn: Option<String>,
    sts_endpoint_url: Option<String>,
    #[serde(default)]
    allowed_sts_endpoint_urls: Vec<String>,
}

impl CaseSettings {
    fn policy(&self) -> AdmissionSettings {
        let mut policy = AdmissionSettings::default();
        if let Some(prefix) = &self.annotation_prefix {
            policy.settings.keys = AnnotationKeys::new(prefix);
        }
        if let Some(path) = &self.token_mount_path {
            policy.settings.token_mount_path.clone_from(path);
        }
        if let Some(audience) = &self.token_audience {
            policy.defaults.audience.clone_from(audience);
        }
        if let Some(seconds) = self.token_expiration {
            policy.defaults.token_expiration = Expiration::from_seconds(seconds);
        }
        policy.defaults.region.clone_from(&self.region);
        policy.defaults.regional_sts = self.regional_sts;
        let endpoint = |url: &String| StsEndpoint::read(url).unwrap();
        policy.defaults.sts_endpoint = self.sts_endpoint_url.as_ref().map(endpoint);
        let allowed = self.allowed_sts_endpoint_urls.iter();
        allowed.for_each(|url| policy.allowed_sts_endpoints.allow(&endpoint(url)));
        policy
    }
}

impl Case {
    fn review(&self, pod: &Value) -> Vec<u8> {
        let (operation, sub_resource) = match self.old_pod {
            None => ("CREATE", ""),
            Some(_) => ("UPDATE", "ephemeralcontainers"),
        };
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "u-1", "operation": operation, "namespace": "demo",
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "subResource": sub_resource, "object": pod, "oldObject": self.old_pod,
            },
        });
        serde_json::to_vec(&review).unwrap()
    }

    fn lookup(&self, key: Key<'_>, policy: &AdmissionSettings) -> Lookup {
        let account =
            self.settings.compose_role_arn.as_ref().map(|id| Account::new("aws", id).unwrap());
        let reader = policy.reader(account.clone());
        let annotations = self.service_account.iter().map(|(k, v)| (k.as_str(), v.as_str()));
        let config = self.config_map.as_ref().map_or_else(|| "{}".to_owned(), Value::to_string);
        let (entries, _) = ConfigMapIdentities::parse(&config, account.as_ref()).unwrap();
        let listed = self.container_credentials.as_ref().map(Value::to_string).unwrap_or_default();
        let (listed, _) = ContainerCredentialsKeys::parse(listed.as_bytes()).unwrap();
        Lookup {
            container_credentials: listed.contains(key),
            service_account: match &self.lookup_failed {
                Some(reason) => Observed::Unknown(reason.as_str().into()),
                None => reader
                    .read(annotations)
                    .map_or(Observed::Absent, |sa| Observed::Known(sa.into())),
            },
            config_map_entry: entries
                .get(key)
                .map_or(Observed::Absent, |e| Observed::Known(Arc::clone(e))),
        }
    }

    fn admit(&self, pod: &Value) -> Admission {
        let policy = self.settings.policy();
        let body = self.review(pod);
        let review = decode(&body).unwrap();
        let endpoint = if self.required { Endpoint::Required } else { Endpoint::Mutate };
        match review.triage() {
            Triage::Settled(outcome) => Admission::of(outcome),
            Triage::Lookup(candidate) => {
                let lookup = self.lookup(candidate.key, &policy);
                candidate.admit(&lookup, &policy, endpoint, Jitter(self.jitter))
            }
        }
    }

    /// What is explained as added is what the patch adds.
    fn check_explanation(&self, admission: &Admission) {
        let policy = self.settings.policy();
        let body = self.review(&self.pod);
        let review = decode(&body).unwrap();
        let Triage::Lookup(candidate) = review.triage() else { return };
        let lookup = self.lookup(candidate.key, &policy);
        let explained = candidate.explain(&lookup, &policy, Jitter(self.jitter));
        let text = explained.to_string();
        let lines: Vec<_> =
            text.lines().map(|it| it.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        for wanted in &self.explained {
            assert!(lines.contains(wanted), "the explanation lacks {wanted:?}:\n{text}");
        }
        let unsure = lines.iter().filter(|line| line.starts_with(['?', '!']));
        let unsure: Vec<_> = unsure.filter(|line| !self.explained.contains(line)).collect();
        assert!(self.explained.is_empty() || unsure.is_empty(), "not in the case: {unsure:?}");
        let parts = explained.parts.iter().flat_map(|part| &part.lines);
        let mut explained: Vec<_> = parts
            .filter(|line| line.mark == Mark::Added)
            .map(|line| line.what.split(' ').next().unwrap_or_default().to_owned())
            .collect();
        explained.sort();
        let operations = admission.patch.operations();
        let mut added: Vec<_> = operations.iter().flat_map(added).collect();
        added.sort();
        if !self.required || admission.refusal.is_none() {
            assert_eq!(explained, added, "the explanation");
        }
    }

    fn check(&self) {
        let first = self.admit(&self.pod);
        assert_eq!(
            first.outcome.as_str(),
            self.outcome,
            "the outcome; warnings {:?}",
            first.warnings
        );
        let kinds: Vec<_> = first.warnings.iter().map(|warning| warning.kind.as_str()).collect();
        assert_eq!(kinds, self.warnings, "the warnings: {:?}", first.warnings);
        for warning in &first.warnings {
            assert!(warning.message().chars().count() < 120, "a long warning: {warning}");
        }
        self.check_explanation(&first);
        let refusal = first.refusal.as_ref().map(admission::Refusal::message).unwrap_or_default();
        let refused = self.refused.as_deref().unwrap_or_default();
        assert_eq!(refusal.is_empty(), refused.is_empty(), "refused: {refusal}");
        assert!(refusal.contains(refused), "refused: {refusal}");

        let mut patched = self.pod.clone();
        json_patch::patch(&mut patched, &first.patch.operations()).expect("the patch applies");
        match (&self.patched, &self.patch) {
            (Some(expected), None) => assert_eq!(pretty(&patched), pretty(expected)),
            (None, Some(expected)) => {
                assert_eq!(&first.patch.operations(), expected, "{}", pretty(&patched));
            }
            (None, None) => assert!(first.patch.is_empty()),
            (Some(_), Some(_)) => panic!("give `patched` or `patch`, not both"),
        }
        let second = self.admit(&patched);
        assert!(second.patch.is_empty(), "applied twice");
    }
}

/// What an operation adds: the names of variables, else what kind of thing.
fn added(operation: &PatchOperation) -> Vec<String> {
    let PatchOperation::Add(add) = operation else { panic!("not an add: {operation:?}") };
    let path = add.path.to_string();
    let values = match &add.value {
        Value::Array(values) => values.clone(),
        value => vec![value.clone()],
    };
    let of = |value: &Value| match () {
        () if path.contains("/env") => value["name"].as_str().unwrap().to_owned(),
        () if path.contains("/volumeMounts") => "mount".to_owned(),
        () if path.contains("/volumes") => "volume".to_owned(),
        () => "label".to_owned(),
    };
    values.iter().map(of).collect()
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}

/// The cases by their files.
fn cases() -> Vec<(PathBuf, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 40, "only {} cases found", files.len());
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let options = serde_saphyr::options! { strict_booleans: true };
        let case = serde_saphyr::from_str_with_options::<Case>(&text, options)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        (file, case)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn every_case_ends_as_its_file_says() {
    let cases = cases();
    let mut failed = Vec::new();
    for (file, case) in &cases {
        let outcome = std::panic::catch_unwind(|| case.check());
        if outcome.is_err() {
            failed.push(format!("{} ({})", file.display(), case.shows));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} failed:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
}

/// The texts for whoever creates a pod, side by side: each kind of warning and
/// each reason for a refusal, as the cases show them.
#[test]
fn golden_warnings_and_refusals() {
    let mut texts = BTreeSet::new();
    for (_, case) in cases() {
        let admission = case.admit(&case.pod);
        let warnings = admission.warnings.iter();
        texts.extend(warnings.map(|it| format!("{}: {it}\n", it.kind.as_str())));
        let refusal = admission.refusal.iter();
        texts.extend(
            refusal.map(|it| format!("refused, {}: {}\n", admission.outcome, it.message())),
        );
    }
    let begins = |with: String| texts.iter().any(|text| text.starts_with(&with));
    for kind in WarningKind::ALL {
        assert!(begins(format!("{}: ", kind.as_str())), "no case shows {}", kind.as_str());
    }
    for outcome in ["lookup-failed", "no-containers", "no-credentials", "not-configured"] {
        assert!(begins(format!("refused, {outcome}: ")), "no case is refused with {outcome}");
    }
    let texts: String = texts.into_iter().collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/warnings.txt");
    golden::check(&file, &texts, "cargo test -p injection golden");
}
