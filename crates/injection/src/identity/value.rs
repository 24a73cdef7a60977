//! How long a value from outside may be.

/// Longest value in bytes that may go into a patch: IAM's maximum for an ARN.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html>
pub const MAX_VALUE_BYTES: usize = 2_048;

/// Longest region in bytes: SDKs make it a label of a host name.
/// <https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4>
pub const MAX_REGION_BYTES: usize = 63;

/// Whether `text` is written as regions are: letters, digits and hyphens, at
/// most [`MAX_REGION_BYTES`] of them. SDKs make host names of it.
#[must_use]
pub fn is_region(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=MAX_REGION_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

/// Longest annotation prefix in bytes: a DNS subdomain.
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set>
pub const MAX_PREFIX_BYTES: usize = 253;

/// Longest name of a namespace in bytes: a DNS label.
pub(super) const MAX_NAMESPACE_BYTES: usize = 63;

/// Longest name of a `ServiceAccount` in bytes: a DNS subdomain.
pub(super) const MAX_NAME_BYTES: usize = 253;
