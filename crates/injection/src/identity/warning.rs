//! What an admission reports beside its outcome.

use std::fmt;

use arn::RoleArn;
use text::{escaped, shortened};

/// A thing that the user should know: it stands in the admission response's
/// `warnings`, in the log, and in a metric by [`WarningKind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub kind: WarningKind,
    message: String,
}

/// The word that stands in the metric's label and in the log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WarningKind {
    UnreadableValue,
    OddRoleArn,
    NearMiss,
    OwnCredentials,
    MountPathTaken,
    OtherAudience,
    OtherLabel,
    SessionNameLength,
    NoVolume,
    LookupFailed,
}

impl WarningKind {
    pub const ALL: [Self; 10] = [
        Self::UnreadableValue,
        Self::OddRoleArn,
        Self::NearMiss,
        Self::OwnCredentials,
        Self::MountPathTaken,
        Self::OtherAudience,
        Self::OtherLabel,
        Self::SessionNameLength,
        Self::NoVolume,
        Self::LookupFailed,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnreadableValue => "unreadable-value",
            Self::OddRoleArn => "odd-role-arn",
            Self::NearMiss => "near-miss",
            Self::OwnCredentials => "own-credentials",
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
    #[must_use]
    pub fn new(kind: WarningKind, message: impl AsRef<str>) -> Self {
        Self { kind, message: escaped(message.as_ref()).into_owned() }
    }

    /// A value that could not be read: the next source counts.
    #[must_use]
    pub fn unreadable(key: &str, value: &str, why: &str) -> Self {
        let value = shortened(value, 24);
        Self::new(WarningKind::UnreadableValue, format!("{key} {value:?} is ignored: {why}"))
    }

    /// What there is to report of a role.
    #[must_use]
    pub(super) fn odd_role(role: &RoleArn) -> Option<Self> {
        if role.looks_like_iam() {
            return None;
        }
        let shown = shortened(role.as_str(), 48);
        let message = format!("role {shown:?} does not look like arn:aws:iam::ACCOUNT:role/NAME");
        Some(Self::new(WarningKind::OddRoleArn, message))
    }

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
