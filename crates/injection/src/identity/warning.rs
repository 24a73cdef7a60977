//! What an admission reports beside its outcome.

use std::fmt;
use std::ops::Deref;

/// Bytes of a message at most, whatever it quotes.
const MAX_MESSAGE: usize = 1_024;

use super::StsEndpoint;
use arn::RoleArn;
use text::{escaped, shortened};

/// Something that the user should know. It is in the admission response's
/// `warnings`, in the log, and in a metric by [`WarningKind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The kind, under which metrics count it.
    pub kind: WarningKind,
    message: String,
}

/// The warnings of one admission or object: some in full, of the others how many
/// of each kind there are. So a pod of a hundred thousand containers takes no
/// more of the log and of memory than one of sixteen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings(
    /// Nothing where there are none: every `ServiceAccount` in memory has a place for them.
    Option<Box<Reported>>,
);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reported {
    kept: Vec<Warning>,
    left_out: Vec<(WarningKind, u64)>,
}

/// The kind of a [`Warning`], in a metric's label and in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WarningKind {
    /// An annotation or a `ConfigMap` value can't be read, so the next source
    /// counts.
    UnreadableValue,
    /// A role does not look like the ARN of an IAM role.
    OddRoleArn,
    /// An annotation was likely meant for the webhook, which does not read it.
    NearMiss,
    /// An annotation names an STS that no flag allows.
    StsEndpointNotAllowed,
    /// An annotation names an STS without TLS.
    PlainHttp,
    /// A container sets credentials of its own, which SDKs prefer to the
    /// injected ones.
    OwnCredentials,
    /// A container sets one of two variables that SDKs need both.
    HalfPair,
    /// A container sets a variable of credentials to the empty text.
    EmptyValue,
    /// A container's token file lies under none of its mounts.
    TokenFileNotMounted,
    /// A volume that can't be written to is mounted above the token's mount path.
    ObstructedMount,
    /// Another volume is mounted at the token's path.
    MountPathTaken,
    /// The pod's own token volume has another audience.
    OtherAudience,
    /// The pod's [`LABEL`](crate::mutation::LABEL) has another value.
    OtherLabel,
    /// The pod's name is too short or too long for a session's name.
    SessionNameLength,
    /// An ephemeral container is added to a pod without the token's volume.
    NoVolume,
    /// A source could not be read that adds details to the identity but does
    /// not decide on it.
    LookupFailed,
}

impl WarningKind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::UnreadableValue,
        Self::OddRoleArn,
        Self::NearMiss,
        Self::StsEndpointNotAllowed,
        Self::PlainHttp,
        Self::OwnCredentials,
        Self::HalfPair,
        Self::EmptyValue,
        Self::TokenFileNotMounted,
        Self::ObstructedMount,
        Self::MountPathTaken,
        Self::OtherAudience,
        Self::OtherLabel,
        Self::SessionNameLength,
        Self::NoVolume,
        Self::LookupFailed,
    ];

    /// The kind's kebab-case word, as in the metric's label and the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnreadableValue => "unreadable-value",
            Self::OddRoleArn => "odd-role-arn",
            Self::NearMiss => "near-miss",
            Self::StsEndpointNotAllowed => "sts-endpoint-not-allowed",
            Self::PlainHttp => "plain-http",
            Self::OwnCredentials => "own-credentials",
            Self::HalfPair => "half-pair",
            Self::EmptyValue => "empty-value",
            Self::TokenFileNotMounted => "token-file-not-mounted",
            Self::ObstructedMount => "obstructed-mount",
            Self::MountPathTaken => "mount-path-taken",
            Self::OtherAudience => "other-audience",
            Self::OtherLabel => "other-label",
            Self::SessionNameLength => "session-name-length",
            Self::NoVolume => "no-volume",
            Self::LookupFailed => "lookup-failed",
        }
    }
}

impl Warning {
    /// The message is one line, shown to whoever ran `kubectl`: what objects
    /// have in it is escaped. The API server drops warnings with control characters.
    /// One that is far too long is cut.
    #[must_use]
    pub fn new(kind: WarningKind, message: impl AsRef<str>) -> Self {
        let message = message.as_ref();
        let message = if message.len() > MAX_MESSAGE {
            escaped(&shortened(message, MAX_MESSAGE / 4)).into_owned()
        } else {
            escaped(message).into_owned()
        };
        Self { kind, message }
    }

    /// A value that could not be read: the next source counts.
    #[must_use]
    pub fn unreadable(key: &str, value: &str, why: &str) -> Self {
        let value = shortened(value, 24);
        Self::new(WarningKind::UnreadableValue, format!("{key} {value:?} is ignored; {why}"))
    }

    /// A value that is longer than `max` bytes: the next source counts.
    #[must_use]
    pub(super) fn oversized(key: &str, value: &str, max: usize) -> Self {
        Self::unreadable(key, value, &format!("it has more than {max} bytes"))
    }

    /// What there is to report of a role.
    #[must_use]
    pub(super) fn odd_role(role: &RoleArn) -> Option<Self> {
        if role.looks_like_iam() {
            return None;
        }
        let shown = shortened(role.as_str(), 48);
        let message =
            format!("role {shown:?} does not look like arn:aws:iam::ACCOUNT:role/NAME; check it");
        Some(Self::new(WarningKind::OddRoleArn, message))
    }

    /// An STS that tokens must not be sent to.
    #[must_use]
    pub(super) fn sts_endpoint_not_allowed(key: &str, endpoint: &StsEndpoint) -> Self {
        let shown = shortened(endpoint.as_str(), 24);
        let message = format!("{key} {shown:?} is ignored; not in --allowed-sts-endpoint-urls");
        Self::new(WarningKind::StsEndpointNotAllowed, message)
    }

    /// An STS that is allowed, and that anyone on the way can read along with.
    #[must_use]
    pub(super) fn plain_http(key: &str, endpoint: &StsEndpoint) -> Self {
        let shown = shortened(endpoint.as_str(), 24);
        let message = format!("{key} {shown:?}: pods send their tokens unencrypted; use https://");
        Self::new(WarningKind::PlainHttp, message)
    }

    /// The text, one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Warnings {
    /// How many are kept in full. An answer shows fewer, the log all of them.
    pub const KEPT: usize = 16;

    /// Adds a warning. After the first [`KEPT`](Self::KEPT) only its kind is
    /// counted.
    pub fn push(&mut self, warning: Warning) {
        self.report(warning.kind, || warning);
    }

    /// The same as [`push`](Self::push), for what can be there a hundred
    /// thousand times: the text is only made where it is kept.
    pub fn report(&mut self, kind: WarningKind, warning: impl FnOnce() -> Warning) {
        let reported = self.0.get_or_insert_default();
        if reported.kept.len() < Self::KEPT {
            reported.kept.push(warning());
        } else {
            reported.leave_out(kind, 1);
        }
    }

    /// Adds all warnings of `other`, in its order.
    pub fn append(&mut self, other: &Self) {
        self.extend(other.iter().cloned());
        for &(kind, count) in other.left_out() {
            self.0.get_or_insert_default().leave_out(kind, count);
        }
    }

    /// How many there are, those left out included.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts().map(|(_, count)| count).sum()
    }

    /// How many of each kind there are; a kind may come more than once.
    pub fn counts(&self) -> impl Iterator<Item = (WarningKind, u64)> {
        let kept = self.iter().map(|warning| (warning.kind, 1));
        kept.chain(self.left_out().iter().copied())
    }

    fn left_out(&self) -> &[(WarningKind, u64)] {
        self.0.as_ref().map_or(&[], |reported| &reported.left_out)
    }
}

impl Reported {
    fn leave_out(&mut self, kind: WarningKind, more: u64) {
        match self.left_out.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += more,
            None => self.left_out.push((kind, more)),
        }
    }
}

impl Deref for Warnings {
    type Target = [Warning];

    /// Those that are kept.
    fn deref(&self) -> &[Warning] {
        self.0.as_ref().map_or(&[], |reported| &reported.kept)
    }
}

impl Extend<Warning> for Warnings {
    fn extend<I: IntoIterator<Item = Warning>>(&mut self, warnings: I) {
        warnings.into_iter().for_each(|warning| self.push(warning));
    }
}

impl FromIterator<Warning> for Warnings {
    fn from_iter<I: IntoIterator<Item = Warning>>(warnings: I) -> Self {
        let mut all = Self::default();
        all.extend(warnings);
        all
    }
}

impl<'a> IntoIterator for &'a Warnings {
    type Item = &'a Warning;
    type IntoIter = std::slice::Iter<'a, Warning>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_few_warnings_and_counts_the_others_by_kind() {
        let mut warnings = Warnings::default();
        for index in 0..100_u64 {
            let kind = if index % 2 == 0 { WarningKind::NearMiss } else { WarningKind::OtherLabel };
            warnings.report(kind, || {
                assert!(index < 16, "a text is made that nobody reads");
                Warning::new(kind, "x")
            });
        }
        let mut twice = warnings.clone();
        twice.append(&warnings);
        for (warnings, each) in [(warnings, 50), (twice, 100)] {
            assert_eq!((warnings.len(), warnings.total()), (Warnings::KEPT, 2 * each));
            for kind in [WarningKind::NearMiss, WarningKind::OtherLabel] {
                let counted = warnings.counts().filter(|(of, _)| *of == kind);
                assert_eq!(counted.map(|(_, count)| count).sum::<u64>(), each);
            }
        }
    }

    #[test]
    fn cuts_a_message_that_is_far_too_long() {
        let long = Warning::new(WarningKind::NearMiss, "ä".repeat(1 << 20));
        assert!(long.message().len() <= MAX_MESSAGE);
        let unreadable = Warning::oversized("k", &"x".repeat(1 << 20), 2_048);
        assert!(unreadable.message().len() < 120, "{unreadable}");
    }
}
