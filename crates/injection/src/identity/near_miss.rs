//! Annotations that were meant to be `PREFIX/role-arn` and are not.

use arn::looks_like_iam;
use text::shortened;

use super::warning::{Warning, WarningKind};

/// Whether this annotation of a `ServiceAccount` without a role looks like
/// an attempt at one: the name slightly off (`role_arn`, `roleArn`), the
/// domain off (`eks.amazon.com`), or a role's ARN under some other key.
pub(super) fn is_one(key: &str, value: &str, wanted: &str) -> bool {
    key != wanted && (is_named_alike(key) || looks_like_iam(value.trim()))
}

pub(super) fn warning(key: &str, wanted: &str) -> Warning {
    let key = shortened(key, 44);
    Warning::new(
        WarningKind::NearMiss,
        format!("annotation {key:?} gives no role: did you mean {wanted}?"),
    )
}

fn is_named_alike(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).eq("rolearn".chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: &str = "eks.amazonaws.com/role-arn";
    const ARN: &str = "arn:aws:iam::111122223333:role/x";

    #[test]
    fn names_what_was_meant() {
        for (key, value) in [
            ("eks.amazon.com/role-arn", ARN),
            ("eks.amazonaws.com/role_arn", ARN),
            ("eks.amazonaws.com/roleArn", "anything"),
            ("role-arn", ARN),
            ("example.com/aws", ARN),
        ] {
            assert!(is_one(key, value, WANTED), "{key}");
            let warning = warning(key, WANTED);
            assert!(warning.message().contains(WANTED), "{warning}");
            assert!(warning.message().len() < 120, "{warning}");
        }
    }

    #[test]
    fn leaves_other_annotations_alone() {
        for (key, value) in [
            (WANTED, ARN),
            ("eks.amazonaws.com/audience", "sts.amazonaws.com"),
            ("kubectl.kubernetes.io/last-applied-configuration", &format!("{{\"a\":\"{ARN}\"}}")),
        ] {
            assert!(!is_one(key, value, WANTED), "{key}");
        }
    }
}
