//! Checks of single values: what the API server or an SDK would refuse later,
//! in every pod, is refused here, once.

use injection::identity::{MAX_PREFIX_BYTES, MAX_REGION_BYTES, MAX_VALUE_BYTES, is_region};
use text::shortened;

use super::ConfigError;

/// Of an object: a DNS subdomain.
const MAX_NAME_BYTES: usize = 253;

/// The value itself, unless it is blank.
pub(super) fn required(flag: &'static str, value: String) -> Result<String, ConfigError> {
    if value.trim().is_empty() {
        return Err(refuse(
            flag,
            &value,
            "must not be empty; leave the flag out to use its default",
        ));
    }
    Ok(value)
}

/// Nothing for a blank value: charts write `--kubeconfig=` where there is none.
pub(super) fn optional(value: String) -> Option<String> {
    (!value.trim().is_empty()).then_some(value)
}

/// Characters of a value at most that an error repeats.
const ECHOED: usize = 64;

/// As much of a value as an error repeats.
pub(super) fn echoed(value: &str) -> String {
    shortened(value, ECHOED)
}

/// The value itself, unless it has more than `max` bytes or control characters: it
/// goes into every pod.
pub(super) fn bounded(
    flag: &'static str,
    value: String,
    max: usize,
    reason: &'static str,
) -> Result<String, ConfigError> {
    if value.len() > max {
        return Err(refuse(flag, &value, reason));
    }
    if value.contains(char::is_control) {
        return Err(refuse(
            flag,
            &value,
            "must not contain control characters, such as a line break; remove them",
        ));
    }
    Ok(value)
}

/// A value that goes into patches as it is.
pub(super) fn injected(flag: &'static str, value: String) -> Result<String, ConfigError> {
    bounded(flag, required(flag, value)?, MAX_VALUE_BYTES, "it must have at most 2048 bytes")
}

/// A region, as SDKs make it a part of a host name.
pub(super) fn region_name(flag: &'static str, value: String) -> Result<String, ConfigError> {
    let value = bounded(flag, value, MAX_REGION_BYTES, "a region has at most 63 bytes")?;
    if !is_region(&value) {
        return Err(refuse(
            flag,
            &value,
            "must have letters, digits and hyphens alone, such as eu-west-1",
        ));
    }
    Ok(value)
}

/// The name of an object in the cluster.
pub(super) fn object_name(flag: &'static str, value: String) -> Result<String, ConfigError> {
    bounded(flag, required(flag, value)?, MAX_NAME_BYTES, "a name has at most 253 bytes")
}

/// A path that a container can have something mounted at.
/// <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#volumes-1>
pub(super) fn mount_path(flag: &'static str, value: String) -> Result<String, ConfigError> {
    let value = bounded(flag, value, MAX_VALUE_BYTES, "it must have at most 2048 bytes")?;
    if !value.starts_with('/') {
        return Err(refuse(flag, &value, "must be an absolute path; begin it with /"));
    }
    if value.contains(':') {
        return Err(refuse(
            flag,
            &value,
            "must not contain a colon, which the API server rejects in mount paths",
        ));
    }
    // Mounts of pods are compared with it part by part.
    let mut parts = value.split('/').skip(1);
    if value.contains("//") || parts.any(|part| part == "." || part == "..") {
        return Err(refuse(flag, &value, "must be a plain path; write it without //, . and .."));
    }
    Ok(value)
}

/// A path within a volume.
pub(super) fn path_in_volume(flag: &'static str, value: String) -> Result<String, ConfigError> {
    let value = injected(flag, value)?;
    if value.starts_with('/') || value.split('/').any(|part| part == "..") {
        return Err(refuse(
            flag,
            &value,
            "must be a path inside the volume; leave out the leading / and any ..",
        ));
    }
    Ok(value)
}

/// A DNS label, as names of volumes and namespaces are.
pub(super) fn label(flag: &'static str, value: String) -> Result<String, ConfigError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = (1..=63).contains(&value.len())
        && value.chars().all(allowed)
        && !value.starts_with('-')
        && !value.ends_with('-');
    if !good {
        return Err(refuse(
            flag,
            &value,
            "must have 1 to 63 characters of a-z, 0-9 and -, and begin and end with a letter or digit",
        ));
    }
    Ok(value)
}

/// The part of an annotation's name before the slash.
pub(super) fn annotation_prefix(flag: &'static str, value: String) -> Result<String, ConfigError> {
    let value = required(flag, value)?;
    let value = bounded(flag, value, MAX_PREFIX_BYTES, "it must have at most 253 bytes")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if !value.chars().all(allowed) {
        return Err(refuse(flag, &value, "must be a domain, such as eks.amazonaws.com"));
    }
    Ok(value)
}

pub(super) fn http_uri(flag: &'static str, value: String) -> Result<String, ConfigError> {
    let value = bounded(flag, value, MAX_VALUE_BYTES, "it must have at most 2048 bytes")?;
    let rest = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"));
    if rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('/')) {
        return Err(refuse(flag, &value, "must be an http:// or https:// URL with a host"));
    }
    Ok(value)
}

pub(super) fn refuse(flag: &'static str, value: &str, reason: &'static str) -> ConfigError {
    ConfigError::Value { flag, value: echoed(value), reason }
}
