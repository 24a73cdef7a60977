//! The webhook's annotations by name, and those that nearly are: the same
//! judgement at admission, in Events and in `iam lint`.

use text::near::distance_within;

/// The annotations' prefix unless another is configured.
pub const DEFAULT_PREFIX: &str = "eks.amazonaws.com";

/// The name behind `PREFIX/` of the annotation that gives a role.
pub const ROLE_ARN: &str = "role-arn";

/// The name behind `PREFIX/` of the annotation that gives the token's audience.
pub const AUDIENCE: &str = "audience";
/// The name behind `PREFIX/` of the annotation that says whether SDKs call STS in their own region.
pub const STS_REGIONAL_ENDPOINTS: &str = "sts-regional-endpoints";
/// The name behind `PREFIX/` of the annotation that gives the token's lifetime.
pub const TOKEN_EXPIRATION: &str = "token-expiration";
/// The name behind `PREFIX/` of the annotation that gives `AWS_REGION`.
pub const REGION: &str = "region";
/// The name behind `PREFIX/` of the annotation that gives the session's name.
pub const ROLE_SESSION_NAME: &str = "role-session-name";
/// The name behind `PREFIX/` of the annotation that gives the STS.
pub const STS_ENDPOINT_URL: &str = "sts-endpoint-url";
/// The name behind `PREFIX/` of the annotation that gives the containers to leave out.
pub const SKIP_CONTAINERS: &str = "skip-containers";
/// The name behind `PREFIX/` of the annotation that gives the only containers to mutate.
pub const INCLUDE_CONTAINERS: &str = "include-containers";

/// Names that are read on a `ServiceAccount`.
pub(crate) const ON_SERVICE_ACCOUNT: [&str; 7] = [
    ROLE_ARN,
    AUDIENCE,
    STS_REGIONAL_ENDPOINTS,
    TOKEN_EXPIRATION,
    REGION,
    ROLE_SESSION_NAME,
    STS_ENDPOINT_URL,
];

/// Names that are read on a `Pod`.
pub(crate) const ON_POD: [&str; 3] = [TOKEN_EXPIRATION, SKIP_CONTAINERS, INCLUDE_CONTAINERS];

/// Kubernetes takes no longer key: a domain, a slash and a name.
const MAX_KEY_BYTES: usize = 253 + 1 + 63;
/// IAM has no longer ARN.
const MAX_ARN_BYTES: usize = 2_048;

/// Whose annotations are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A `ServiceAccount`.
    ServiceAccount,
    /// A Pod, or the template of one.
    Pod,
}

/// An annotation that the webhook does not read, and that was likely meant for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NearMiss {
    /// What was meant: the name behind `PREFIX/`.
    pub name: &'static str,
    /// What keeps it from being read.
    pub slip: Slip,
}

/// What keeps an annotation from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// The key is nearly the right one: `eks.amazon.com/role-arn`, `eks.amazonaws.com/role_arn`.
    Misspelt,
    /// The ARN of a role under a key of another name: `eks.amazonaws.com/iam-role`.
    OtherKey,
    /// The right name on the wrong object: `role-arn` on a Pod, `skip-containers` on a
    /// `ServiceAccount`.
    WrongObject,
}

impl Holder {
    fn reads(self, name: &str) -> bool {
        match self {
            Self::ServiceAccount => ON_SERVICE_ACCOUNT.contains(&name),
            Self::Pod => ON_POD.contains(&name),
        }
    }
}

/// What the annotation was meant to be, if it is not what the webhook reads.
/// One that is meant to be [`ROLE_ARN`] does no harm where another annotation
/// gives the role: [`near_misses`] knows that.
#[must_use]
pub fn near_miss(prefix: &str, holder: Holder, key: &str, value: &str) -> Option<NearMiss> {
    if key.len() > MAX_KEY_BYTES {
        return None;
    }
    let (domain, name) = match key.split_once('/') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, key),
    };
    let is_ours = domain == Some(prefix);
    if is_ours && holder.reads(name) {
        return None;
    }
    let meant = match domain {
        Some(domain) if is_ours || is_alike(domain, prefix) => meant_name(name),
        // Without a domain, other names are too common.
        None if letters(name).eq(letters(ROLE_ARN)) => Some(ROLE_ARN),
        _ => None,
    };
    if let Some(meant) = meant {
        let slip = if holder.reads(meant) { Slip::Misspelt } else { Slip::WrongObject };
        return Some(NearMiss { name: meant, slip });
    }
    // On pods, kube2iam and its like have such keys.
    let is_role = holder == Holder::ServiceAccount && is_arn_of_role(value);
    (is_role && (is_ours || says_role(key)))
        .then_some(NearMiss { name: ROLE_ARN, slip: Slip::OtherKey })
}

/// All of an object's annotations that the webhook does not read and that were
/// likely meant for it. Nothing else is said to be a role's where there is a
/// `PREFIX/role-arn`.
pub fn near_misses<'a>(
    prefix: &str,
    holder: Holder,
    annotations: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> impl Iterator<Item = (&'a str, NearMiss)> {
    let is_role = |(key, value): (&str, &str)| {
        let name = key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
        name == Some(ROLE_ARN) && !value.trim().is_empty()
    };
    let has_role = holder == Holder::ServiceAccount && annotations.clone().any(is_role);
    annotations
        .filter_map(move |(key, value)| Some((key, near_miss(prefix, holder, key, value)?)))
        .filter(move |(_, miss)| !(has_role && miss.name == ROLE_ARN))
}

/// Whether a value is the ARN of a role, filled in or with placeholders.
#[must_use]
pub(crate) fn is_arn_of_role(value: &str) -> bool {
    let value = value.trim();
    value.len() <= MAX_ARN_BYTES
        && value.starts_with("arn:")
        && value.contains(":iam:")
        && value.contains(":role/")
        && !value.contains(char::is_whitespace)
}

/// The name that was meant: the same but for case and punctuation, or for a
/// letter or two.
fn meant_name(name: &str) -> Option<&'static str> {
    let names = || ON_SERVICE_ACCOUNT.into_iter().chain(ON_POD);
    let same = names().find(|known| letters(known).eq(letters(name)));
    same.or_else(|| {
        let lower = name.to_ascii_lowercase();
        let close = |known: &&str| {
            let allowed = if known.len() < 8 { 1 } else { 2 };
            distance_within(&lower, known, allowed).is_some()
        };
        names().find(close)
    })
}

/// A domain that was meant to be the prefix.
fn is_alike(domain: &str, prefix: &str) -> bool {
    const ALIKE: [&str; 8] = [
        "amazonaws.com",
        "eks.amazon.com",
        "eks.amazonaws.com.cn",
        "eks.aws",
        "eks.aws.amazon.com",
        "eks.aws.com",
        "eks.k8s.aws",
        "iam.amazonaws.com",
    ];
    let is_listed = || ALIKE.iter().any(|it| it.eq_ignore_ascii_case(domain));
    if matches!(domain.as_bytes(), [b'a' | b'e' | b'i' | b'A' | b'E' | b'I', ..])
        && prefix == DEFAULT_PREFIX
        && is_listed()
    {
        return true;
    }
    // Most annotations of pods are others'. Kubernetes takes no domain beyond ASCII.
    if domain.len().abs_diff(prefix.len()) > 2 {
        return false;
    }
    distance_within(&domain.to_ascii_lowercase(), &prefix.to_ascii_lowercase(), 2).is_some()
}

/// Whether a key speaks of a role, or of IAM as a word of its own.
fn says_role(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let is_iam = |word: &str| word.starts_with("iam") || ["awsiam", "irsa"].contains(&word);
    lower.contains("role") || lower.split(|c: char| !c.is_ascii_alphanumeric()).any(is_iam)
}

fn letters(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:iam::111122223333:role/x";

    fn slip(holder: Holder, key: &str, value: &str) -> Option<(&'static str, Slip)> {
        near_miss(DEFAULT_PREFIX, holder, key, value).map(|miss| (miss.name, miss.slip))
    }

    #[test]
    fn names_what_was_meant_on_a_service_account() {
        for (key, value, wanted) in [
            ("eks.amazon.com/role-arn", ARN, (ROLE_ARN, Slip::Misspelt)),
            ("eks.amazonaws.com/role_arn", ARN, (ROLE_ARN, Slip::Misspelt)),
            ("eks.amazonaws.com/roleArn", "anything", (ROLE_ARN, Slip::Misspelt)),
            ("eks.amazonaws.com/rolearn", "anything", (ROLE_ARN, Slip::Misspelt)),
            ("eks.amazonaws.com/role-arns", ARN, (ROLE_ARN, Slip::Misspelt)),
            ("EKS.amazonaws.com/role-arn", ARN, (ROLE_ARN, Slip::Misspelt)),
            ("eks.amazonaws.co/role-arn", ARN, (ROLE_ARN, Slip::Misspelt)),
            ("eks.amazonaws.com.cn/role-arn", ARN, (ROLE_ARN, Slip::Misspelt)),
            ("iam.amazonaws.com/role-arn", ARN, (ROLE_ARN, Slip::Misspelt)),
            ("role-arn", "x", (ROLE_ARN, Slip::Misspelt)),
            ("eks.amazonaws.com/Audience", "x", ("audience", Slip::Misspelt)),
            ("eks.amazonaws.com/token_expiration", "x", ("token-expiration", Slip::Misspelt)),
            (
                "eks.amazonaws.com/sts-regional-endpoint",
                "x",
                ("sts-regional-endpoints", Slip::Misspelt),
            ),
            ("eks.amazonaws.com/skip-containers", "x", ("skip-containers", Slip::WrongObject)),
            ("eks.amazonaws.com/skip-container", "x", ("skip-containers", Slip::WrongObject)),
            ("eks.amazonaws.com/role", ARN, (ROLE_ARN, Slip::OtherKey)),
            ("eks.amazonaws.com/iam-role", ARN, (ROLE_ARN, Slip::OtherKey)),
            ("eks.amazonaws.com/arn", ARN, (ROLE_ARN, Slip::OtherKey)),
            ("irsa.amazonaws.com/role-arn", ARN, (ROLE_ARN, Slip::OtherKey)),
            ("iam.amazonaws.com/role", ARN, (ROLE_ARN, Slip::OtherKey)),
            ("example.com/iamRole", ARN, (ROLE_ARN, Slip::OtherKey)),
            ("example.com/aws-iam", ARN, (ROLE_ARN, Slip::OtherKey)),
            ("role", ARN, (ROLE_ARN, Slip::OtherKey)),
        ] {
            assert_eq!(slip(Holder::ServiceAccount, key, value), Some(wanted), "{key}");
        }
    }

    #[test]
    fn names_what_was_meant_on_a_pod() {
        for (key, wanted) in [
            ("eks.amazonaws.com/role-arn", (ROLE_ARN, Slip::WrongObject)),
            ("eks.amazonaws.com/role_arn", (ROLE_ARN, Slip::WrongObject)),
            ("eks.amazon.com/role-arn", (ROLE_ARN, Slip::WrongObject)),
            ("eks.amazonaws.com/audience", ("audience", Slip::WrongObject)),
            ("eks.amazonaws.com/skip-container", ("skip-containers", Slip::Misspelt)),
            ("eks.amazonaws.com/skipContainers", ("skip-containers", Slip::Misspelt)),
        ] {
            assert_eq!(slip(Holder::Pod, key, ARN), Some(wanted), "{key}");
        }
    }

    #[test]
    fn leaves_other_annotations_alone() {
        let applied = format!("{{\"eks.amazonaws.com/role-arn\": \"{ARN}\"}}");
        for (holder, key, value) in [
            (Holder::ServiceAccount, "eks.amazonaws.com/role-arn", ARN),
            (Holder::ServiceAccount, "eks.amazonaws.com/sts-endpoint-url", "https://sts.example"),
            (Holder::ServiceAccount, "eks.amazonaws.com/component", "controller"),
            (Holder::ServiceAccount, "eks.amazonaws.com/version", "1"),
            (Holder::ServiceAccount, "example.com/role-arn", "x"),
            (Holder::ServiceAccount, "example.com/region", "eu-west-1"),
            (Holder::ServiceAccount, "example.com/audience", "x"),
            (Holder::ServiceAccount, "region", "x"),
            (Holder::ServiceAccount, "example.com/role", "admin"),
            (Holder::ServiceAccount, "example.com/miami", ARN),
            (Holder::ServiceAccount, "kubectl.kubernetes.io/last-applied-role", &applied),
            (Holder::Pod, "eks.amazonaws.com/token-expiration", "x"),
            (Holder::Pod, "eks.amazonaws.com/include-containers", "x"),
            (Holder::Pod, "iam.amazonaws.com/role", ARN),
            (Holder::Pod, "vault.hashicorp.com/role", "x"),
            (Holder::Pod, "example.com/iam-role", ARN),
            (Holder::Pod, "role", ARN),
        ] {
            assert_eq!(slip(holder, key, value), None, "{key}");
        }
        let long = format!("{}/role-arn", "e".repeat(1_000_000));
        assert_eq!(slip(Holder::ServiceAccount, &long, ARN), None);
    }

    #[test]
    fn goes_by_the_prefix_that_is_configured() {
        let of = |key| near_miss("irsa.example.org", Holder::ServiceAccount, key, ARN);
        let slip = |key| of(key).map(|miss| miss.slip);
        assert_eq!(slip("irsa.example.org/role-arn"), None);
        assert_eq!(slip("irsa.example.org/role_arn"), Some(Slip::Misspelt));
        assert_eq!(slip("irsa.exmple.org/role-arn"), Some(Slip::Misspelt));
        assert_eq!(slip("eks.amazonaws.com/role-arn"), Some(Slip::OtherKey));
        assert_eq!(slip("eks.amazonaws.com/audience"), None);
    }

    #[test]
    fn says_nothing_of_other_roles_where_there_is_one() {
        let right = ("eks.amazonaws.com/role-arn", ARN);
        let near = ("eks.amazonaws.com/role_arn", ARN);
        let audience = ("eks.amazonaws.com/Audience", "x");
        let keys = |list: &[(&'static str, &'static str)]| {
            let all = near_misses(DEFAULT_PREFIX, Holder::ServiceAccount, list.iter().copied());
            all.map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert_eq!(keys(&[near, audience]), [near.0, audience.0]);
        assert_eq!(keys(&[near, audience, right]), [audience.0]);
        assert_eq!(keys(&[near, (right.0, " ")]), [near.0]);
    }

    #[test]
    fn finds_slips_in_a_long_prefix() {
        let prefix = format!("{}.example.com", ["a", "b"].map(|it| it.repeat(63)).join("."));
        let slip = |key: &str| near_miss(&prefix, Holder::ServiceAccount, key, "x");
        let wanted = Some(NearMiss { name: ROLE_ARN, slip: Slip::Misspelt });
        assert_eq!(slip(&format!("{}/role-arn", prefix.to_uppercase())), wanted);
        assert_eq!(slip(&format!("{}/role-arn", prefix.replace(".com", ".co"))), wanted);
    }
}
