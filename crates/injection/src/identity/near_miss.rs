//! Annotations that were meant for the webhook and are not read: what is said
//! of them. Which they are is `arn::annotation`'s judgement, which `iam lint`
//! shares.

use arn::annotation::{Holder, NearMiss, ROLE_ARN, Slip, near_misses};
use text::shortened;

use super::warning::{Warning, WarningKind, Warnings};
use super::{AnnotationKeys, Key};

/// Reports those of a `ServiceAccount`, whose annotations these are.
pub(super) fn report<'a>(
    prefix: &str,
    annotations: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    warnings: &mut Warnings,
) {
    for (key, miss) in near_misses(prefix, Holder::ServiceAccount, annotations) {
        warnings.report(WarningKind::NearMiss, || warning(prefix, key, miss));
    }
}

fn warning(prefix: &str, key: &str, miss: NearMiss) -> Warning {
    let NearMiss { name, slip } = miss;
    let is_right = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) == Some(name);
    let key = shortened(key, 44);
    let message = match slip {
        Slip::Misspelt | Slip::OtherKey if name == ROLE_ARN => {
            format!("annotation {key:?} gives no role: did you mean {prefix}/{name}?")
        }
        Slip::Misspelt | Slip::OtherKey => {
            format!("annotation {key:?} is not read: did you mean {prefix}/{name}?")
        }
        Slip::WrongObject if is_right => {
            format!("annotation {key:?} is not read on a ServiceAccount: put it on the pod")
        }
        // With two keys there is no room for more.
        Slip::WrongObject => {
            format!("annotation {key:?} is not read: put {prefix}/{name} on the pod")
        }
    };
    Warning::new(WarningKind::NearMiss, message)
}

/// What is said of a role's annotation on a pod whose `ServiceAccount` has none.
#[cold]
#[inline(never)]
pub(crate) fn on_pod(keys: &AnnotationKeys, account: Key<'_>) -> Warning {
    let (key, account) = (&keys.role_arn, shortened(&account.to_string(), 30));
    Warning::new(
        WarningKind::NearMiss,
        format!("annotation {key} on a pod gives no role: put it on ServiceAccount {account}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "eks.amazonaws.com";
    const ARN: &str = "arn:aws:iam::111122223333:role/x";

    fn told(annotations: &[(&str, &str)]) -> Vec<String> {
        let mut warnings = Warnings::default();
        report(PREFIX, annotations.iter().copied(), &mut warnings);
        warnings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn says_what_was_meant() {
        for (key, wanted) in [
            ("eks.amazon.com/role-arn", "gives no role: did you mean eks.amazonaws.com/role-arn?"),
            ("eks.amazonaws.com/role_arn", "did you mean eks.amazonaws.com/role-arn?"),
            ("eks.amazonaws.com/iam-role", "did you mean eks.amazonaws.com/role-arn?"),
            ("irsa.amazonaws.com/role-arn", "did you mean eks.amazonaws.com/role-arn?"),
            ("eks.amazonaws.com/Audience", "is not read: did you mean eks.amazonaws.com/audience?"),
            ("eks.amazonaws.com/skip-containers", "on a ServiceAccount: put it on the pod"),
            (
                "eks.amazonaws.com/skip-container",
                "put eks.amazonaws.com/skip-containers on the pod",
            ),
            (
                "eks.amazonaws.com/includeContainers",
                "put eks.amazonaws.com/include-containers on the pod",
            ),
            ("eks.aws/skip-containers", "put eks.amazonaws.com/skip-containers on the pod"),
        ] {
            let told = told(&[(key, ARN)]);
            assert!(
                told.len() == 1 && told[0].contains(key) && told[0].contains(wanted),
                "{told:?}"
            );
            assert!(told[0].len() < 120, "{told:?}");
        }
    }

    #[test]
    fn says_nothing_of_other_roles_beside_the_role() {
        let role = ("eks.amazonaws.com/role-arn", ARN);
        assert_eq!(told(&[role, ("eks.amazonaws.com/iam-role", ARN)]), Vec::<String>::new());
        assert_eq!(told(&[("example.com/aws", ARN)]), Vec::<String>::new());
        assert_eq!(told(&[role, ("eks.amazonaws.com/Audience", "x")]).len(), 1);
    }

    #[test]
    fn names_the_service_account_of_a_pod() {
        let account = Key { namespace: "demo", name: &"a".repeat(253) };
        let warning = on_pod(&AnnotationKeys::default(), account);
        assert!(warning.message().contains("ServiceAccount demo/aaa"), "{warning}");
        assert!(warning.message().chars().count() < 120, "{warning}");
    }
}
