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
    /// How often it occurs in the text.
    pub count: usize,
    /// Where else: the first of the other places.
    pub also: Vec<Position>,
}

/// One line a kind: its name here, the word for it, how bad it is, what it means.
macro_rules! codes {
    ($($name:ident $word:literal $severity:ident $meaning:literal)*) => {
        /// The kinds of mistakes. Their words are stable: scripts may rely on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = concat!("`", $word, "`: ", $meaning)] $name,)*
        }

        impl Code {
            /// All of them, for the documentation's check.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$name),*];

            /// The word for it, as printed and documented.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it means, in Markdown, as documented.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// Whether it is an error or a warning.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    CurlyQuote "curly-quote" Error "“ ” instead of `\"`"
    OddDash "odd-dash" Error "– or — instead of `-`"
    OddSpace "odd-space" Error "a no-break space or a zero-width character"
    SingleQuote "single-quote" Error "`'` instead of `\"` in JSON"
    MissingQuote "missing-quote" Error "a string without its opening or closing quote, in JSON or YAML"
    MissingComma "missing-comma" Error "no comma between two values"
    TrailingComma "trailing-comma" Error "a comma before a closing bracket, or two commas"
    MissingBracket "missing-bracket" Error "an opening or closing bracket is missing"
    MissingColon "missing-colon" Error "no colon after a key"
    Comment "comment" Error "JSON has no comments"
    BadEscape "bad-escape" Error "a backslash before a character that JSON does not escape"
    ExtraText "extra-text" Error "text after the end of the document"
    DuplicateKey "duplicate-key" Error "a key twice in one object, such as two `StringEquals`; or one condition key in upper and in lower case"
    BadJson "bad-json" Error "a value is missing, or a bracket is in the wrong place"
    NestedTooDeep "nested-too-deep" Error "JSON nested more than 96 levels deep, which is the maximum. What follows is not read"
    BadYaml "bad-yaml" Error "not YAML, or a template without its indentation"
    BadHcl "bad-hcl" Error "not HCL, nested more than 40 levels deep, larger than 1 MiB, or with more than 1,000 members in one object or block"
    TooDeep "too-deep" Warning "texts are nested more than 4 deep, such as a manifest in a value of another: the innermost is not linted"
    NothingToLint "nothing-to-lint" Warning "no policy, role, provider or ServiceAccount in the file"
    VersionMissing "version-missing" Warning "IAM then uses 2008-10-17, which has no policy variables"
    VersionOld "version-old" Warning "the version is 2008-10-17"
    VersionUnknown "version-unknown" Error "not one of IAM's two versions"
    MemberUnknown "member-unknown" Error "a member that IAM does not know and rejects: `Statements`, `Actions`"
    MemberMissing "member-missing" Error "no `Statement`, `Effect`, `Action`, `Principal` (trust), `Resource` (permissions), an empty one, or a condition without a value"
    MemberTwice "member-twice" Error "both `Action` and `NotAction`, or a similar pair"
    MemberMisplaced "member-misplaced" Error "`Resource` in a trust policy, `Principal` in a permission policy"
    NotPrincipal "not-principal" Error "`NotPrincipal` in a trust policy"
    WrongType "wrong-type" Error "a value of the wrong type, such as a list instead of a string"
    BadEffect "bad-effect" Error "neither `Allow` nor `Deny`"
    BadSid "bad-sid" Error "contains other characters than letters and digits, or occurs twice"
    BadAction "bad-action" Error "not `SERVICE:NAME`, or none of the actions of STS, such as a misspelled `sts:AssumeRoleWithWebIdentity`"
    ActionUnsupported "action-unsupported" Error "an action that a trust policy can't have, such as `s3:GetObject`"
    ActionMissing "action-missing" Error "a condition on what only a further action can set: `aws:RequestTag/…` without `sts:TagSession`"
    KeyNotInCall "key-not-in-call" Error "a condition key that calls of the statement's actions don't have: with a web identity's token `sts:ExternalId`, `saml:…`, `aws:MultiFactorAuthPresent`"
    BroadAction "broad-action" Warning "`*`, `sts:*` or `NotAction` in a trust policy that allows"
    WildcardInService "wildcard-in-service" Warning "a wildcard in the name of a service: `s*:Get*`, `arn:aws:*:::x`"
    PassRole "pass-role" Warning "`iam:PassRole` on every role, also by `*` or `iam:*`, without a condition on `iam:PassedToService`"
    AudienceTestedForSubject "audience-tested-for-subject" Error "`:aud` compared with `system:serviceaccount:…`"
    SubjectTestedForAudience "subject-tested-for-audience" Error "`:sub` compared with `sts.amazonaws.com`"
    AudienceNotTested "audience-not-tested" Warning "no condition on `:aud` (or `:oaud`), or none that keeps other audiences out. STS still compares it with the provider's client IDs"
    SubjectNotTested "subject-not-tested" Error "no condition on `:sub`, or none that keeps others out, such as `Null` or `StringNotEquals` alone: any pod in the cluster, or any customer of a shared issuer such as GitHub, can assume the role"
    CustomerNotTested "customer-not-tested" Error "no condition on the claim that tells the customers of a shared issuer apart, such as `:aud` of Google, Cognito, Vercel or Pulumi: any of them can assume the role, and IAM rejects the trust policy"
    JobNotTested "job-not-tested" Warning "no condition on `:sub` of an organization's own CI system, such as a GitLab of its own: every project and job can assume the role"
    SubjectMalformed "subject-malformed" Error "not `system:serviceaccount:NAMESPACE:NAME`"
    SubjectUnlikely "subject-unlikely" Warning "not `system:serviceaccount:NAMESPACE:NAME`, though the audience is that of pods. Correct only for an issuer that is not a cluster"
    SubjectTooWide "subject-too-wide" Error "a pattern for `:sub` that subjects of others match: of every ServiceAccount (`s*`), of any namespace (`*:app`), of namespaces whose name begins with the one that is meant (`system:serviceaccount:demo*`), or of other customers of a shared issuer (`repo:*`, `repo:org*/app:*`)"
    SubjectAnyNamespace "subject-any-namespace" Warning "a ServiceAccount's name in any namespace: `system:serviceaccount:*:app`"
    WildcardNotExpanded "wildcard-not-expanded" Error "`*` or `?` under `StringEquals`, which compares them literally"
    WildcardLiteral "wildcard-literal" Warning "`*` under `StringEquals` of another key, such as `aws:PrincipalArn`"
    AudienceMisspelt "audience-misspelt" Error "a misspelled audience, such as `sts.amazon.com`"
    AudienceEndpoint "audience-endpoint" Error "a host of STS, such as `sts.amazonaws.com.cn`, instead of the audience `sts.amazonaws.com`"
    SpaceInValue "space-in-value" Error "white space in a subject, or around an audience, a client ID or a provider's ARN"
    ProviderMismatch "provider-mismatch" Error "the condition keys name another provider than the principal"
    IssuersCombined "issuers-combined" Error "claims of two issuers in one statement. All conditions of a statement have to hold, and a token has one issuer"
    IssuersLikelyCombined "issuers-likely-combined" Warning "one claim of two issuers that are not known here, in one statement"
    ConditionsExclude "conditions-exclude" Error "two conditions on one key that exclude each other. All conditions of a statement have to hold"
    ConditionRedundant "condition-redundant" Warning "a condition that another one of the same key makes needless, or a value twice"
    SchemeInProvider "scheme-in-provider" Error "`https://` in a provider's ARN or a condition key"
    TrailingSlash "trailing-slash" Warning "a slash at the end. The issuer must have the same slash, as those of Auth0, AKS and a few others do, which are not reported"
    ProviderArn "provider-arn" Error "a principal under `Federated` that is not the ARN of a provider"
    ProviderAccount "provider-account" Error "the provider of another account than the role's, which STS does not use"
    ProviderUrl "provider-url" Error "the URL of a provider begins with `http://`, or has a port, a query or a wildcard; or the ARN of a provider has a port or a query"
    PrincipalName "principal-name" Error "a principal under `AWS` or `Service` that IAM does not take: a wildcard in an ARN, a group, `ec2` instead of `ec2.amazonaws.com`"
    Limit "limit" Error "more than IAM takes: characters of a policy, of a role's name or path, seconds of `MaxSessionDuration`, thumbprints, client IDs"
    Quota "quota" Warning "a trust policy of more than 2,048 characters without white space, which needs a higher quota; or a permission policy too large to be a managed one"
    Thumbprint "thumbprint" Error "a thumbprint that does not have 40 hexadecimal digits"
    AccountId "account-id" Error "not 12 digits"
    Partition "partition" Error "not an AWS partition, or not the partition of the region in the ARN or the issuer"
    WrongAction "wrong-action" Error "`sts:AssumeRole` with an OpenID Connect provider"
    TagSessionMissing "tag-session-missing" Warning "the role is for EKS Pod Identity, which needs `sts:TagSession` besides `sts:AssumeRole`"
    WrongPrincipal "wrong-principal" Error "`Service` or `AWS` instead of `Federated`"
    PrincipalWildcard "principal-wildcard" Warning "`\"*\"`, or `Allow` with `NotPrincipal` in a resource's policy: only the conditions restrict access"
    PrincipalAnyone "principal-anyone" Error "`\"*\"`, and no condition that restricts who: anyone with an AWS account can assume the role"
    Operator "operator" Error "not a condition operator of IAM"
    OperatorType "operator-type" Error "an operator that does not compare text, such as `ArnLike`, with `:sub` or `:aud`"
    IfExists "if-exists" Warning "`…IfExists` with `:sub` or `:aud`: a token without the claim passes"
    ForAllValues "for-all-values" Warning "`ForAllValues` with a key that has one value, such as `:sub`, `:aud` or `aws:PrincipalArn`"
    ConditionKey "condition-key" Warning "a claim that STS does not pass on, a key without a claim, or a key of `aws:` or `sts:` that AWS does not document"
    ConditionKeyMisspelt "condition-key-misspelt" Error "nearly a documented condition key: `aws:PrincipalTags/team`, `aws:ExternalId`"
    Qualifier "qualifier" Warning "a key with several values without `ForAnyValue` or `ForAllValues`, or one of these with `Null`"
    KeyType "key-type" Warning "an operator of another type than the key: `StringEquals` with `aws:MultiFactorAuthPresent`"
    ValueType "value-type" Error "a value that the operator can't compare: no number, date, `true` or `false`, IP range or Base64"
    ValueDoubtful "value-doubtful" Warning "a value that counts otherwise than it looks: bits behind the mask of an IP range, a date in seconds, the narrower of two limits"
    PrivateAddress "private-address" Error "only private addresses for `aws:SourceIp`, which has public ones"
    Variable "variable" Error "a policy variable that is malformed, or where IAM fills in none"
    EmptyValue "empty-value" Warning "an empty `Sid` or `Condition`, which says nothing"
    Placeholder "placeholder" Warning "a placeholder that has not been filled in"
    ObjectActionOnBucket "object-action-on-bucket" Error "`s3:GetObject`, `s3:Get*` or `s3:*` on a bucket's ARN without `/*`"
    BucketActionOnObjects "bucket-action-on-objects" Error "a bucket's action, such as `s3:ListBucket`, on `BUCKET/*`"
    ResourceArn "resource-arn" Error "a resource that is neither an ARN nor `*`, or an ARN with a part too few, a service in upper case, or a region or account that its service does not have"
    AnnotationKey "annotation-key" Error "a misspelled annotation of the webhook, such as `eks.amazon.com/role-arn`"
    AnnotationMisplaced "annotation-misplaced" Error "the webhook's annotation on a Pod or pod template, instead of the ServiceAccount, which has none; or on the ServiceAccount, but not in its annotations"
    AnnotationUnread "annotation-unread" Warning "an annotation that looks like one for the webhook, which does not read it there or under this key"
    AnnotationValue "annotation-value" Error "a value that the webhook can't read, such as `sts-regional-endpoints: \"yes\"`. It uses the next source"
    AnnotationAdjusted "annotation-adjusted" Warning "an empty `role-arn`, which counts as not set, or a `token-expiration` that the webhook raises or lowers"
    RoleArn "role-arn" Error "the value of the annotation is not the ARN of a role"
    RoleArnElsewhere "role-arn-elsewhere" Warning "the ARN of a role of another STS than AWS's, such as MinIO's or Ceph's"
    UnknownReference "unknown-reference" Error "`DependsOn`, `Ref`, `GetAtt` or `Sub` names something that is not in the template"
    KeyNotSubstituted "key-not-substituted" Error "a key of a CloudFormation template with a function or `${}` in it: keys are never substituted"
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
        Self { code, at, message: message.into(), fix: None, count: 1, also: Vec::new() }
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
