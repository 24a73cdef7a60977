//! Whose tokens get the role.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::names::{NameError, RoleName};
use crate::glob::is_glob;

/// One `ServiceAccount`, or a glob's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    namespace: String,
    service_account: String,
}

/// All whose tokens get the role, one at least, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subjects(Vec<Subject>);

/// A trust policy has 2,048 characters, 4,096 with a higher quota.
const MOST: usize = 100;

/// IAM's maximum for the name of a role.
const LONGEST_NAME: usize = 64;

/// Of the digest at the end of a name that was too long: 64 bits.
const DIGITS: usize = 16;

impl Subject {
    /// # Errors
    /// Names that Kubernetes would not take, globs aside.
    pub fn new(namespace: &str, service_account: &str) -> Result<Self, NameError> {
        check_name(namespace, 63, "-")?;
        check_name(service_account, 253, "-.")?;
        Ok(Self { namespace: namespace.to_owned(), service_account: service_account.to_owned() })
    }

    /// Whether it has `*` or `?` in it.
    #[must_use]
    pub fn is_glob(&self) -> bool {
        is_glob(&self.namespace) || is_glob(&self.service_account)
    }

    /// As the token's `sub` has it.
    #[must_use]
    pub fn claim(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.service_account)
    }

    /// Namespace and name, where it is one.
    pub(super) fn one(&self) -> Option<(&str, &str)> {
        (!self.is_glob()).then_some((&self.namespace, &self.service_account))
    }

    /// A role name made of both, which no other `ServiceAccount` has.
    ///
    /// `NAMESPACE-NAME` as long as the first hyphen shows where the namespace ends,
    /// `NAMESPACE_NAME` otherwise: neither name can have an underscore. What is longer than
    /// IAM takes ends with a digest, behind a `+`.
    ///
    /// # Errors
    /// A glob: only the user can choose then.
    pub fn role_name(&self) -> Result<RoleName, NameError> {
        let Some((namespace, name)) = self.one() else {
            return Err(NameError::NoDefaultName("wildcards"));
        };
        let between = if namespace.contains('-') { '_' } else { '-' };
        let whole = format!("{namespace}{between}{name}");
        if whole.len() <= LONGEST_NAME {
            return whole.parse();
        }
        let mut digest = String::new();
        for byte in Sha256::digest(self.claim()).iter().take(DIGITS / 2) {
            // Into a string it can't fail.
            let _ = write!(digest, "{byte:02x}");
        }
        // Both names are ASCII.
        format!("{}+{digest}", &whole[..LONGEST_NAME - DIGITS - 1]).parse()
    }
}

impl Subjects {
    /// Every `ServiceAccount` that is named, `NAMESPACE/NAME` or `NAME`. Those without a
    /// namespace are taken from each of the namespaces.
    ///
    /// # Errors
    /// Names that Kubernetes would not take, a missing namespace or one that nothing needs,
    /// none or too many.
    pub fn new<S: AsRef<str>>(namespaces: &[S], service_accounts: &[S]) -> Result<Self, NameError> {
        let mut all: Vec<Subject> = Vec::new();
        let mut add = |namespace: &str, name: &str| {
            let subject = Subject::new(namespace, name)?;
            if all.len() > MOST {
                return Err(NameError::Subjects(all.len()));
            }
            if !all.contains(&subject) {
                all.push(subject);
            }
            Ok(())
        };
        let mut is_namespace_used = false;
        for given in service_accounts.iter().map(AsRef::as_ref) {
            if let Some((namespace, name)) = given.split_once('/') {
                add(namespace, name)?;
                continue;
            }
            is_namespace_used = true;
            if namespaces.is_empty() {
                return Err(NameError::NoNamespace(given.to_owned()));
            }
            for namespace in namespaces {
                add(namespace.as_ref(), given)?;
            }
        }
        match namespaces.first() {
            Some(unused) if !is_namespace_used && !all.is_empty() => {
                Err(NameError::UnusedNamespace(unused.as_ref().to_owned()))
            }
            _ if all.is_empty() || all.len() > MOST => Err(NameError::Subjects(all.len())),
            _ => Ok(Self(all)),
        }
    }

    /// Whether one of them has `*` or `?` in it.
    #[must_use]
    pub fn has_glob(&self) -> bool {
        self.0.iter().any(Subject::is_glob)
    }

    /// As tokens have them in `sub`.
    pub(super) fn claims(&self) -> Vec<String> {
        self.0.iter().map(Subject::claim).collect()
    }

    /// Namespace and name of all that are no globs.
    pub(super) fn each(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(Subject::one)
    }

    /// The name of a role for the only one.
    ///
    /// # Errors
    /// A glob, or more than one: only the user can choose then.
    pub fn role_name(&self) -> Result<RoleName, NameError> {
        match &self.0[..] {
            [one] => one.role_name(),
            _ => Err(NameError::NoDefaultName("several ServiceAccounts")),
        }
    }
}

fn check_name(name: &str, longest: usize, marks: &str) -> Result<(), NameError> {
    let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "*?".contains(c);
    let is_good = !name.is_empty()
        && name.len() <= longest
        && name.chars().all(|c| is_letter(c) || marks.contains(c))
        && name.starts_with(is_letter)
        && name.ends_with(is_letter);
    if is_good { Ok(()) } else { Err(NameError::Kubernetes(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(namespace: &str, service_account: &str) -> String {
        let subject = Subject::new(namespace, service_account).expect("good names");
        subject.role_name().expect("a name").as_str().to_owned()
    }

    fn claims(namespaces: &[&str], names: &[&str]) -> Result<Vec<String>, NameError> {
        Subjects::new(namespaces, names).map(|all| all.claims())
    }

    #[test]
    fn takes_names_of_kubernetes_and_globs() {
        for (namespace, name, glob) in
            [("demo", "my.app-1", false), ("team-*", "app", true), ("demo", "*", true)]
        {
            assert_eq!(Subject::new(namespace, name).map(|s| s.is_glob()), Ok(glob));
        }
        for (namespace, name) in [
            ("Demo", "a"),
            ("a.b", "c"),
            ("", "a"),
            ("a", "b:c"),
            ("a", "'; id #"),
            ("-a", "b"),
            ("a", "b\n"),
        ] {
            assert!(Subject::new(namespace, name).is_err(), "{namespace} {name}");
        }
    }

    #[test]
    fn names_the_role_after_namespace_and_name() {
        assert_eq!(name("demo", "app"), "demo-app");
        assert_eq!(name("demo", "s3-reader"), "demo-s3-reader");
        assert_eq!(name("kube-system", "aws-node"), "kube-system_aws-node");
        let long = name("demo", &"a".repeat(253));
        assert_eq!((long.len(), long.matches('+').count()), (64, 1), "{long}");
        assert!(Subject::new("demo", "*").expect("a glob").role_name().is_err());
        assert!(Subjects::new(&["demo"], &["a", "b"]).expect("two").role_name().is_err());
    }

    #[test]
    fn combines_names_with_namespaces_unless_they_have_their_own() {
        let all = |list: &[&str]| {
            Ok(list.iter().map(|it| format!("system:serviceaccount:{it}")).collect::<Vec<_>>())
        };
        assert_eq!(claims(&["a", "b"], &["x", "y"]), all(&["a:x", "b:x", "a:y", "b:y"]));
        assert_eq!(claims(&["a"], &["x", "b/y", "a/x"]), all(&["a:x", "b:y"]));
        assert_eq!(claims(&[], &["b/y"]), all(&["b:y"]));
        assert_eq!(claims(&["a"], &["b/y"]), Err(NameError::UnusedNamespace("a".to_owned())));
        assert_eq!(claims(&[], &["y"]), Err(NameError::NoNamespace("y".to_owned())));
        assert_eq!(claims(&["a"], &[]), Err(NameError::Subjects(0)));
        assert!(claims(&[], &["a/b/c"]).is_err() && claims(&[], &["/b"]).is_err());
        let many: Vec<String> = (0..101).map(|index| format!("x{index}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(claims(&["a"], &many[..100]).is_ok() && claims(&["a"], &many).is_err());
    }

    /// Names that are easily taken for each other.
    fn names() -> impl Strategy<Value = (String, String)> {
        let namespace = "[ab](-?[ab]){0,3}|a{31,34}(-b{27,28})?";
        (namespace, "[ab]([-.]?[ab]){0,3}|[ab](-?[ab]{28}){1,4}")
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn two_service_accounts_never_have_the_same_default_name(one in names(), other in names()) {
            let of = |(namespace, service_account): &(String, String)| name(namespace, service_account);
            prop_assert!(of(&one).len() <= 64);
            prop_assert_eq!(of(&one) == of(&other), one == other);
        }
    }
}
