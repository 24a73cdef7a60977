//! The values of the webhook's annotations: read by the code that reads them at admission.

use injection::identity::{
    AnnotationKeys, ServiceAccountReader, WarningKind, each_container_name, token_expiration,
};

use super::shown;
use crate::finding::{Code, Finding};
use crate::node::{Kind, Member, Node};
use crate::placeholder;
use crate::write::text as quoted;

/// What the annotations of one prefix are read with.
pub(super) struct Values {
    keys: AnnotationKeys,
    reader: ServiceAccountReader,
}

impl Values {
    pub(super) fn new(prefix: &str) -> Self {
        let keys = AnnotationKeys::new(prefix);
        Self { reader: ServiceAccountReader::new(keys.clone(), None), keys }
    }

    /// On a `ServiceAccount`.
    pub(super) fn of_service_account(&self, annotations: &[Member]) -> Vec<Finding> {
        let keys = &self.keys;
        let one = |it: &Member| {
            let text = filled_in(&it.value)?;
            if it.key == keys.token_expiration {
                return expiration(it, text);
            }
            let read = self.reader.read([(it.key.as_str(), text)].into_iter())?;
            let unreadable = WarningKind::UnreadableValue;
            let warning = read.warnings.iter().find(|it| it.kind == unreadable)?;
            Some(Finding::new(Code::AnnotationValue, it.value.at, warning.message()))
        };
        annotations.iter().filter_map(one).collect()
    }

    /// On a Pod, or in the template of one.
    pub(super) fn of_pod(&self, annotations: &[Member]) -> Vec<Finding> {
        let keys = &self.keys;
        let one = |it: &Member| {
            let text = filled_in(&it.value)?;
            if it.key == keys.token_expiration {
                return expiration(it, text);
            }
            let lists = [&keys.skip_containers, &keys.include_containers];
            let warning = lists
                .contains(&&it.key)
                .then(|| each_container_name(&it.key, text, |_| {}).err())??;
            Some(Finding::new(Code::AnnotationValue, it.value.at, warning.message()))
        };
        annotations.iter().filter_map(one).collect()
    }

    /// What the API server refuses in a manifest, whatever the webhook would read.
    pub(super) fn not_text(&self, annotations: &[Member]) -> Vec<Finding> {
        let keys = &self.keys;
        let ours = [
            &keys.role_arn,
            &keys.audience,
            &keys.regional_sts,
            &keys.token_expiration,
            &keys.region,
            &keys.role_session_name,
            &keys.sts_endpoint_url,
            &keys.skip_containers,
            &keys.include_containers,
        ];
        let one = |it: &Member| {
            let text = match &it.value.kind {
                Kind::Number(text) => Some(quoted(text)),
                Kind::Bool(value) => Some(quoted(&value.to_string())),
                Kind::List(_) | Kind::Map(_) => None,
                _ => return None,
            };
            let message = format!(
                "{} must be text, not {}: Kubernetes rejects the manifest",
                it.key,
                it.value.kind_name()
            );
            let finding = Finding::new(Code::WrongType, it.value.at, message);
            Some(match text {
                Some(text) => finding.fixed(text),
                None => finding,
            })
        };
        annotations.iter().filter(|it| ours.contains(&&it.key)).filter_map(one).collect()
    }

    /// A role that is not given, where it seems to be.
    pub(super) fn empty_role(&self, annotations: &[Member]) -> Option<Finding> {
        let is_blank = |value: &Node| match &value.kind {
            Kind::Text(text) => text.trim().is_empty(),
            kind => matches!(kind, Kind::Null),
        };
        let key = &self.keys.role_arn;
        let role = annotations.iter().find(|it| it.key == *key && is_blank(&it.value))?;
        let message = format!("{key} is empty, which counts as not set: it gives no role");
        Some(Finding::new(Code::AnnotationAdjusted, role.value.at, message))
    }
}

/// A text that is known and has nothing left to fill in.
fn filled_in(value: &Node) -> Option<&str> {
    let Kind::Text(text) = &value.kind else { return None };
    placeholder::parts(text).is_empty().then_some(text)
}

/// The lifetime of a token, within the bounds that Kubernetes has.
fn expiration(annotation: &Member, text: &str) -> Option<Finding> {
    let (key, at) = (&annotation.key, annotation.value.at);
    match token_expiration(key, text) {
        Ok(read) if text.parse() == Ok(read.seconds()) => None,
        Ok(read) => {
            let seconds = read.seconds();
            let message = format!(
                "{key} {} becomes {seconds}: Kubernetes takes 600 to 4294967296 seconds",
                shown(text)
            );
            let finding = Finding::new(Code::AnnotationAdjusted, at, message);
            Some(finding.fixed(quoted(&seconds.to_string())))
        }
        Err(warning) => Some(Finding::new(Code::AnnotationValue, at, warning.message())),
    }
}
