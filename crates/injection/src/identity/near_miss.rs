//! Annotations that were meant for the webhook and are not read: what is said
//! of them. Which they are is `arn::annotation`'s judgement, which `iam lint`
//! shares.

use arn::annotation::{Holder, NearMiss, ROLE_ARN, Slip, near_miss, near_misses};
use text::shortened;

use super::warning::{Warning, WarningKind, Warnings};
use super::{AnnotationKeys, Key};

/// The most annotations of a pod that are looked at: mutation comes before anybody limits their number.
const MOST_OF_A_POD: usize = 256;

/// Reports those of a `ServiceAccount`, whose annotations these are.
pub(super) fn report<'a>(
    prefix: &str,
    annotations: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    warnings: &mut Warnings,
) {
    for (key, miss) in near_misses(prefix, Holder::ServiceAccount, annotations) {
        warnings
            .report(WarningKind::NearMiss, || warning(prefix, Holder::ServiceAccount, key, miss));
    }
}

/// Reports those of a pod, whose annotations have these keys; one that was meant to give a role where its
/// `ServiceAccount` has none.
pub(crate) fn report_of_pod<'a>(
    keys: &AnnotationKeys,
    has_no_role: bool,
    annotations: impl Iterator<Item = &'a str>,
    warnings: &mut Warnings,
) {
    let prefix = &keys.prefix;
    for key in annotations.take(MOST_OF_A_POD).filter(|key| **key != keys.role_arn) {
        match near_miss(prefix, Holder::Pod, key, "") {
            Some(miss) if miss.name != ROLE_ARN => {
                warnings.report(WarningKind::NearMiss, || warning(prefix, Holder::Pod, key, miss));
            }
            Some(_) if has_no_role => {
                warnings.report(WarningKind::NearMiss, || misspelt_on_pod(keys, key));
            }
            Some(_) | None => {}
        }
    }
}

/// Whether an annotation of a pod with this key may be reported as a near miss. Its value does not count.
#[must_use]
pub fn is_near_miss_on_pod(keys: &AnnotationKeys, key: &str) -> bool {
    *key != keys.role_arn && near_miss(&keys.prefix, Holder::Pod, key, "").is_some()
}

fn warning(prefix: &str, holder: Holder, key: &str, miss: NearMiss) -> Warning {
    let NearMiss { name, slip } = miss;
    let is_right = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')) == Some(name);
    let key = shortened(key, 44);
    let (here, there) = match holder {
        Holder::ServiceAccount => ("a ServiceAccount", "the pod"),
        Holder::Pod => ("a pod", "the ServiceAccount"),
    };
    let message = match slip {
        Slip::Misspelt | Slip::OtherKey if name == ROLE_ARN => {
            format!("annotation {key:?} gives no role: did you mean {prefix}/{name}?")
        }
        Slip::Misspelt | Slip::OtherKey => {
            format!("annotation {key:?} is not read: did you mean {prefix}/{name}?")
        }
        Slip::WrongObject if is_right => {
            format!("annotation {key:?} is not read on {here}: put it on {there}")
        }
        // With two keys there is no room for more.
        Slip::WrongObject if holder == Holder::Pod => {
            let key = shortened(&key, 40);
            format!("annotation {key:?} is not read: put {name} on {there}")
        }
        Slip::WrongObject => {
            format!("annotation {key:?} is not read: put {prefix}/{name} on {there}")
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

/// The same of one whose key is not even right.
#[cold]
#[inline(never)]
fn misspelt_on_pod(keys: &AnnotationKeys, key: &str) -> Warning {
    let (key, role_arn) = (shortened(key, 32), &keys.role_arn);
    Warning::new(
        WarningKind::NearMiss,
        format!("annotation {key:?} gives no role: put {role_arn} on the pod's ServiceAccount"),
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
    fn says_what_was_meant_on_a_pod() {
        let told = |keys: &[&str], has_no_role: bool| {
            let mut warnings = Warnings::default();
            let all = AnnotationKeys::default();
            report_of_pod(&all, has_no_role, keys.iter().copied(), &mut warnings);
            warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        for (key, wanted) in [
            ("eks.amazonaws.com/skip-container", "did you mean eks.amazonaws.com/skip-containers?"),
            ("eks.amazonaws.com/includeContainers", "mean eks.amazonaws.com/include-containers?"),
            ("eks.amazon.com/token-expiration", "did you mean eks.amazonaws.com/token-expiration?"),
            ("eks.amazonaws.com/audience", "is not read on a pod: put it on the ServiceAccount"),
            (
                "eks.amazonaws.com/sts-regional-endpoint",
                "sts-regional-endpoints on the ServiceAccount",
            ),
        ] {
            let told = told(&[key], false);
            assert!(
                told.len() == 1 && told[0].contains(key) && told[0].contains(wanted),
                "{told:?}"
            );
            assert!(told[0].len() < 120, "{told:?}");
        }
        // Another annotation gives the role, or nothing does.
        let keys = ["eks.amazon.com/role-arn", "eks.amazonaws.com/role_arn"];
        assert_eq!(told(&keys, false), Vec::<String>::new());
        let all = told(&keys, true);
        assert!(all.iter().all(|it| it.contains("put eks.amazonaws.com/role-arn on the pod's ServiceAccount")), "{all:?}");
        assert!(all.len() == 2 && all.iter().all(|it| it.len() < 120), "{all:?}");
        let fine = [
            "eks.amazonaws.com/skip-containers",
            "kubectl.kubernetes.io/restartedAt",
            "iam.amazonaws.com/role",
        ];
        assert_eq!(told(&fine, true), Vec::<String>::new());
    }

    #[test]
    fn names_the_service_account_of_a_pod() {
        let account = Key { namespace: "demo", name: &"a".repeat(253) };
        let warning = on_pod(&AnnotationKeys::default(), account);
        assert!(warning.message().contains("ServiceAccount demo/aaa"), "{warning}");
        assert!(warning.message().chars().count() < 120, "{warning}");
    }
}
