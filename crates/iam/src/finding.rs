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
    /// The kind of mistake.
    pub code: Code,
    /// Where it begins.
    pub at: Position,
    /// What is wrong, and why that fails.
    pub message: String,
    /// The mended text, where there is one.
    pub fix: Option<String>,
}

/// The kinds of mistakes. Their words are stable: scripts may rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// `curly-quote`: “ ” instead of `"`.
    CurlyQuote,
    /// `odd-dash`: – or — instead of `-`.
    OddDash,
    /// `odd-space`: A no-break space or a zero-width character.
    OddSpace,
    /// `single-quote`: `'` instead of `"` in JSON.
    SingleQuote,
    /// `missing-quote`: A string without its opening or closing quote, in JSON or YAML.
    MissingQuote,
    /// `missing-comma`: No comma between two values.
    MissingComma,
    /// `trailing-comma`: A comma before a closing bracket, or two commas.
    TrailingComma,
    /// `missing-bracket`: An opening or closing bracket is missing.
    MissingBracket,
    /// `missing-colon`: No colon after a key.
    MissingColon,
    /// `comment`: JSON has no comments.
    Comment,
    /// `bad-escape`: A backslash before a character that JSON does not escape.
    BadEscape,
    /// `extra-text`: Text after the end of the document.
    ExtraText,
    /// `duplicate-key`: A key twice in one object, such as two `StringEquals`.
    DuplicateKey,
    /// `bad-json`: A value is missing, or a bracket is in the wrong place.
    BadJson,
    /// `bad-yaml`: Not YAML, or a template without its indentation.
    BadYaml,
    /// `bad-hcl`: Not HCL, nested too deep, or too large.
    BadHcl,
    /// `nothing-to-lint`: No policy, role, provider or ServiceAccount in the file.
    NothingToLint,
    /// `version-missing`: IAM then uses 2008-10-17, which has no policy variables.
    VersionMissing,
    /// `version-old`: The version is 2008-10-17.
    VersionOld,
    /// `version-unknown`: Not one of IAM's two versions.
    VersionUnknown,
    /// `member-unknown`: A member that IAM does not know and rejects: `Statements`, `Actions`.
    MemberUnknown,
    /// `member-missing`: No `Statement`, `Effect`, `Action`, `Principal` (trust), `Resource`
    /// (permissions).
    MemberMissing,
    /// `member-twice`: Both `Action` and `NotAction`, or a similar pair.
    MemberTwice,
    /// `member-misplaced`: `Resource` in a trust policy, `Principal` in a permission policy.
    MemberMisplaced,
    /// `not-principal`: `NotPrincipal` in a trust policy.
    NotPrincipal,
    /// `wrong-type`: A value of the wrong type, such as a list instead of a string.
    WrongType,
    /// `bad-effect`: Neither `Allow` nor `Deny`.
    BadEffect,
    /// `bad-sid`: Contains other characters than letters and digits, or occurs twice.
    BadSid,
    /// `bad-action`: Not `SERVICE:NAME`, or a misspelled `sts:AssumeRoleWithWebIdentity`.
    BadAction,
    /// `audience-tested-for-subject`: `:aud` compared with `system:serviceaccount:…`.
    AudienceTestedForSubject,
    /// `subject-tested-for-audience`: `:sub` compared with `sts.amazonaws.com`.
    SubjectTestedForAudience,
    /// `audience-not-tested`: No condition on `:aud`. STS still compares it with the provider's
    /// client IDs.
    AudienceNotTested,
    /// `subject-not-tested`: No condition on `:sub`: any pod in the cluster can assume the role.
    SubjectNotTested,
    /// `subject-malformed`: Not `system:serviceaccount:NAMESPACE:NAME`.
    SubjectMalformed,
    /// `subject-too-wide`: The whole subject is `*`.
    SubjectTooWide,
    /// `wildcard-not-expanded`: `*` or `?` under `StringEquals`, which compares them literally.
    WildcardNotExpanded,
    /// `audience-misspelt`: A misspelled audience, such as `sts.amazon.com`.
    AudienceMisspelt,
    /// `space-in-value`: White space in a subject, or around an audience, a client ID or a
    /// provider's ARN.
    SpaceInValue,
    /// `provider-mismatch`: The condition keys name another provider than the principal.
    ProviderMismatch,
    /// `scheme-in-provider`: `https://` in a provider's ARN or a condition key.
    SchemeInProvider,
    /// `trailing-slash`: A slash at the end. The issuer must have the same slash.
    TrailingSlash,
    /// `provider-arn`: A principal under `Federated` that is not the ARN of a provider.
    ProviderArn,
    /// `account-id`: Not 12 digits.
    AccountId,
    /// `partition`: Not an AWS partition, or not the partition of the region in the ARN or the
    /// issuer.
    Partition,
    /// `wrong-action`: `sts:AssumeRole` with an OpenID Connect provider.
    WrongAction,
    /// `wrong-principal`: `Service` or `AWS` instead of `Federated`.
    WrongPrincipal,
    /// `principal-wildcard`: `"*"`: only the conditions restrict access.
    PrincipalWildcard,
    /// `operator`: Not a condition operator of IAM.
    Operator,
    /// `condition-key`: A claim that STS does not pass on, or a key without a claim.
    ConditionKey,
    /// `placeholder`: A placeholder that has not been filled in.
    Placeholder,
    /// `object-action-on-bucket`: `s3:GetObject`, `s3:Get*` or `s3:*` on a bucket's ARN without
    /// `/*`.
    ObjectActionOnBucket,
    /// `bucket-action-on-objects`: A bucket's action, such as `s3:ListBucket`, on `BUCKET/*`.
    BucketActionOnObjects,
    /// `resource-arn`: A resource that is neither an ARN nor `*`.
    ResourceArn,
    /// `annotation-key`: A misspelled annotation of the webhook, such as `eks.amazon.com/role-arn`.
    AnnotationKey,
    /// `role-arn`: The value of the annotation is not the ARN of a role.
    RoleArn,
    /// `unknown-reference`: `DependsOn`, `Ref`, `GetAtt` or `Sub` names something that is not in
    /// the template.
    UnknownReference,
    /// `key-not-substituted`: A key of a CloudFormation template with a function or `${}` in it.
    KeyNotSubstituted,
}

impl Code {
    /// All of them, for the documentation's check.
    pub const ALL: [Self; 57] = [
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
        Self::BadHcl,
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
        Self::KeyNotSubstituted,
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
            Self::BadHcl => "bad-hcl",
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
            Self::KeyNotSubstituted => "key-not-substituted",
        }
    }

    /// Whether it is an error or a warning.
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
    /// The word in reports.
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

    /// That of its code.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }
}
