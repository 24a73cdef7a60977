//! The subject of a pod's token: `system:serviceaccount:NAMESPACE:NAME`.

use super::claims::{Key, squeezed};
use super::shown;
use crate::finding::{Code, Finding};
use crate::glob::is_glob;
use crate::placeholder;
use crate::policy::Text;
use crate::write::text as quoted;

/// What it begins with.
pub(super) const SUBJECT: &str = "system:serviceaccount:";

/// What is wrong with a subject.
pub(super) fn check(key: Key<'_>, value: &Text) -> Option<Finding> {
    malformed_at(key.provider, value, &squeezed(key, value.as_str()))
}

/// What is hardly the subject of a pod's token, though the audience is that of one. Other
/// issuers than clusters may have such subjects.
pub(super) fn unlikely(value: &Text) -> Option<Finding> {
    let text = value.value.trim();
    let parts: Vec<&str> = text.split([':', '/']).collect();
    let is_short = value.is_known() && parts.len() <= 2 && !is_glob(text) && !text.contains("${");
    // Numbers and UUIDs are the subjects of people and clients.
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let are_names = parts.iter().all(|part| is_name(part) && part.len() <= 63);
    if !is_short || !are_names || 2 * digits >= text.len() || text.len() == 36 {
        return None;
    }
    let message = format!(
        "{} is not a ServiceAccount's subject, which is {SUBJECT}NAMESPACE:NAME: correct only for an issuer that is not a cluster",
        shown(text)
    );
    let finding = Finding::new(Code::SubjectUnlikely, value.at, message);
    Some(match mended_subject(text) {
        Some(mended) => finding.fixed(quoted(&mended)),
        None => finding,
    })
}

/// What is wrong with a subject whose provider is not known, but for wildcards.
pub(super) fn malformed(value: &Text) -> Option<Finding> {
    malformed_at("", value, value.as_str())
}

fn malformed_at(provider: &str, value: &Text, squeezed: &str) -> Option<Finding> {
    let text = value.as_str();
    let is_open = !value.is_known() || text.contains("${");
    let lower = text.trim().to_ascii_lowercase();
    // Its wildcard may stand for the rest of what all of them begin with.
    let begins = text.split(['*', '?']).next().filter(|_| is_glob(text));
    let may_be_one = begins.is_some_and(|begins| SUBJECT.starts_with(begins));
    if is_open || may_be_one || !is_attempt(&lower, provider) {
        return None;
    }
    let parts: Vec<&str> = squeezed.split(':').collect();
    let is_whole =
        squeezed.starts_with(SUBJECT) && (parts.len() == 4 || (is_glob(text) && parts.len() <= 4));
    if is_whole && let Some(part) = parts[2..].iter().find(|part| is_shouted(part)) {
        return Some(placeholder::unfilled(part, value.at));
    }
    if is_whole && parts[2..].iter().all(|part| is_name(part)) {
        return None;
    }
    let message = format!(
        "{} is not a ServiceAccount's subject: it must be exactly {SUBJECT}NAMESPACE:NAME",
        shown(text)
    );
    let finding = Finding::new(Code::SubjectMalformed, value.at, message);
    Some(match mended_subject(squeezed) {
        Some(mended) => finding.fixed(quoted(&mended)),
        None => finding,
    })
}

/// `NAMESPACE`, which no namespace can be called.
fn is_shouted(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_uppercase())
        && part.chars().all(|c| c.is_ascii_uppercase() || "_-".contains(c))
}

/// Whether it was meant to be a `ServiceAccount`'s: other providers have
/// subjects of their own.
fn is_attempt(lower: &str, provider: &str) -> bool {
    lower.contains("serviceaccount")
        || lower.contains("service-account")
        || lower.starts_with("system:")
        || (provider.starts_with("oidc.eks.") && !is_glob(lower))
}

fn is_name(part: &str) -> bool {
    !part.is_empty()
        && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.*?".contains(c))
        || part.contains(['[', '<', '$']) && !part.contains(':')
}

fn mended_subject(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.trim().split([':', '/']).filter(|part| !part.is_empty()).collect();
    let [.., namespace, name] = parts.as_slice() else { return None };
    let is_prefix =
        |part: &&str| part.to_ascii_lowercase().contains("service") || *part == "system";
    (!is_prefix(namespace) && !is_prefix(name) && is_name(namespace) && is_name(name))
        .then(|| format!("{SUBJECT}{namespace}:{name}"))
}
