//! How an admission ended.

use std::fmt;

/// How an admission ended. Each one has exactly one outcome. The same word is in the
/// metric's label, the log line and the audit annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The pod lacked something and got it.
    Mutated,
    /// The pod has all that it should have.
    AlreadyComplete,
    /// Nothing gives the pod's `ServiceAccount` an identity.
    NotConfigured,
    /// There is an identity, and `skip-containers` or `include-containers`
    /// leaves no container that takes part.
    NoContainers,
    /// `/mutate/required` refused the pod: a container that takes part would
    /// run without credentials.
    NoCredentials,
    /// An ephemeral container of a pod that was admitted without the volume.
    NoVolume,
    /// A static pod's mirror is left alone.
    MirrorPod,
    /// The review is of something else.
    NotAPod,
    /// An operation on pods that is not served (a deletion, a status).
    NotServed,
    /// A source that might decide could not be asked.
    LookupFailed,
    /// What the pod lacks makes a patch that is too large for an API server.
    PatchTooLarge,
    /// The request could not be read.
    BadRequest,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 12] = [
        Self::Mutated,
        Self::AlreadyComplete,
        Self::NotConfigured,
        Self::NoContainers,
        Self::NoCredentials,
        Self::NoVolume,
        Self::MirrorPod,
        Self::NotAPod,
        Self::NotServed,
        Self::LookupFailed,
        Self::PatchTooLarge,
        Self::BadRequest,
    ];

    /// The outcome's kebab-case word, as in the metric's label, the log and the
    /// audit annotation.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mutated => "mutated",
            Self::AlreadyComplete => "already-complete",
            Self::NotConfigured => "not-configured",
            Self::NoContainers => "no-containers",
            Self::NoCredentials => "no-credentials",
            Self::NoVolume => "no-volume",
            Self::MirrorPod => "mirror-pod",
            Self::NotAPod => "not-a-pod",
            Self::NotServed => "not-served",
            Self::LookupFailed => "lookup-failed",
            Self::PatchTooLarge => "patch-too-large",
            Self::BadRequest => "bad-request",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
