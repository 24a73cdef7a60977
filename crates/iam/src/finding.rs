//! What the linter finds: a stable code, a place, why it fails, what to write.

use std::fmt;

use super::place::Position;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It can work, and is likely not what was meant
    Warning,
    /// AWS refuses it, or it never does what it says
    Error,
}

/// A mistake and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub code: Code,
    pub at: Position,
    /// What is wrong, and why that fails.
    pub message: String,
    /// The mended text, where there is one.
    pub fix: Option<String>,
}

/// The kinds of mistakes. Their words are stable: scripts may rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    CurlyQuote,
    OddDash,
    OddSpace,
    SingleQuote,
    MissingQuote,
    MissingComma,
    TrailingComma,
    MissingBracket,
    MissingColon,
    Comment,
    BadEscape,
    ExtraText,
    DuplicateKey,
    BadJson,
    BadYaml,
    NothingToLint,
    VersionMissing,
    VersionOld,
    VersionUnknown,
    MemberUnknown,
    MemberMissing,
    MemberTwice,
    MemberMisplaced,
    NotPrincipal,
    WrongType,
    BadEffect,
    BadSid,
    BadAction,
    AudienceTestedForSubject,
    SubjectTestedForAudience,
    AudienceNotTested,
    SubjectNotTested,
    SubjectMalformed,
    SubjectTooWide,
    WildcardNotExpanded,
    AudienceMisspelt,
    SpaceInValue,
    ProviderMismatch,
    SchemeInProvider,
    TrailingSlash,
    ProviderArn,
    AccountId,
    Partition,
    WrongAction,
    WrongPrincipal,
    PrincipalWildcard,
    Operator,
    ConditionKey,
    Placeholder,
    ObjectActionOnBucket,
    BucketActionOnObjects,
    ResourceArn,
    AnnotationKey,
    RoleArn,
    UnknownReference,
}

impl Code {
    /// All of them, for the documentation's check.
    pub const ALL: [Self; 55] = [
        Self::CurlyQuote,
        Self::OddDash,
        Self::OddSpace,
        Self::SingleQuote,
        Self::MissingQuote,
        Self::MissingComma,
        Self::TrailingComma,
        Self::MissingBracket,
        Self::MissingColon,
        Self::Comment,
        Self::BadEscape,
        Self::ExtraText,
        Self::DuplicateKey,
        Self::BadJson,
        Self::BadYaml,
        Self::NothingToLint,
        Self::VersionMissing,
        Self::VersionOld,
        Self::VersionUnknown,
        Self::MemberUnknown,
        Self::MemberMissing,
        Self::MemberTwice,
        Self::MemberMisplaced,
        Self::NotPrincipal,
        Self::WrongType,
        Self::BadEffect,
        Self::BadSid,
        Self::BadAction,
        Self::AudienceTestedForSubject,
        Self::SubjectTestedForAudience,
        Self::AudienceNotTested,
        Self::SubjectNotTested,
        Self::SubjectMalformed,
        Self::SubjectTooWide,
        Self::WildcardNotExpanded,
        Self::AudienceMisspelt,
        Self::SpaceInValue,
        Self::ProviderMismatch,
        Self::SchemeInProvider,
        Self::TrailingSlash,
        Self::ProviderArn,
        Self::AccountId,
        Self::Partition,
        Self::WrongAction,
        Self::WrongPrincipal,
        Self::PrincipalWildcard,
        Self::Operator,
        Self::ConditionKey,
        Self::Placeholder,
        Self::ObjectActionOnBucket,
        Self::BucketActionOnObjects,
        Self::ResourceArn,
        Self::AnnotationKey,
        Self::RoleArn,
        Self::UnknownReference,
    ];

    /// The word for it, as printed and documented.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::CurlyQuote => "curly-quote",
            Self::OddDash => "odd-dash",
            Self::OddSpace => "odd-space",
            Self::SingleQuote => "single-quote",
            Self::MissingQuote => "missing-quote",
            Self::MissingComma => "missing-comma",
            Self::TrailingComma => "trailing-comma",
            Self::MissingBracket => "missing-bracket",
            Self::MissingColon => "missing-colon",
            Self::Comment => "comment",
            Self::BadEscape => "bad-escape",
            Self::ExtraText => "extra-text",
            Self::DuplicateKey => "duplicate-key",
            Self::BadJson => "bad-json",
            Self::BadYaml => "bad-yaml",
            Self::NothingToLint => "nothing-to-lint",
            Self::VersionMissing => "version-missing",
            Self::VersionOld => "version-old",
            Self::VersionUnknown => "version-unknown",
            Self::MemberUnknown => "member-unknown",
            Self::MemberMissing => "member-missing",
            Self::MemberTwice => "member-twice",
            Self::MemberMisplaced => "member-misplaced",
            Self::NotPrincipal => "not-principal",
            Self::WrongType => "wrong-type",
            Self::BadEffect => "bad-effect",
            Self::BadSid => "bad-sid",
            Self::BadAction => "bad-action",
            Self::AudienceTestedForSubject => "audience-tested-for-subject",
            Self::SubjectTestedForAudience => "subject-tested-for-audience",
            Self::AudienceNotTested => "audience-not-tested",
            Self::SubjectNotTested => "subject-not-tested",
            Self::SubjectMalformed => "subject-malformed",
            Self::SubjectTooWide => "subject-too-wide",
            Self::WildcardNotExpanded => "wildcard-not-expanded",
            Self::AudienceMisspelt => "audience-misspelt",
            Self::SpaceInValue => "space-in-value",
            Self::ProviderMismatch => "provider-mismatch",
            Self::SchemeInProvider => "scheme-in-provider",
            Self::TrailingSlash => "trailing-slash",
            Self::ProviderArn => "provider-arn",
            Self::AccountId => "account-id",
            Self::Partition => "partition",
            Self::WrongAction => "wrong-action",
            Self::WrongPrincipal => "wrong-principal",
            Self::PrincipalWildcard => "principal-wildcard",
            Self::Operator => "operator",
            Self::ConditionKey => "condition-key",
            Self::Placeholder => "placeholder",
            Self::ObjectActionOnBucket => "object-action-on-bucket",
            Self::BucketActionOnObjects => "bucket-action-on-objects",
            Self::ResourceArn => "resource-arn",
            Self::AnnotationKey => "annotation-key",
            Self::RoleArn => "role-arn",
            Self::UnknownReference => "unknown-reference",
        }
    }

    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::VersionMissing
            | Self::VersionOld
            | Self::AudienceNotTested
            | Self::SubjectTooWide
            | Self::TrailingSlash
            | Self::PrincipalWildcard
            | Self::ConditionKey
            | Self::Placeholder
            | Self::NothingToLint => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Severity {
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Finding {
    pub(super) fn new(code: Code, at: Position, message: impl Into<String>) -> Self {
        Self { code, at, message: message.into(), fix: None }
    }

    pub(super) fn fixed(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}
