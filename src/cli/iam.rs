//! `iam`: roles and policies, without AWS credentials.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::values::ReportFormat;
use iam::{ProviderArn, Subject, is_built_in_provider};

#[derive(Args, Clone, Debug)]
pub struct IamArgs {
    #[command(subcommand)]
    pub command: IamCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum IamCommand {
    /// Generate the OIDC provider, role and trust policy for a ServiceAccount
    Role(Box<IamRoleArgs>),
    /// Find mistakes in policies, templates, plans and manifests
    Lint(IamLintArgs),
    /// Check whether a trust policy lets a token assume the role
    Simulate(Box<IamSimulateArgs>),
}

/// Nothing is created in AWS: apply the output yourself. A flag that may not be
/// repeated is an error if it is.
// Lists all of them: where the last one of a flag counts, nobody learns that there were two.
#[derive(Args, Clone, Debug)]
pub struct IamRoleArgs {
    /// Issuer URL, exactly as in the cluster's tokens
    #[arg(long, value_name = "URL", required = true)]
    pub issuer: Vec<String>,
    /// Namespace of the ServiceAccounts; * and ? are wildcards; may be repeated
    #[arg(short = 'n', long, value_name = "NAME")]
    pub namespace: Vec<String>,
    /// ServiceAccount in each --namespace, or NAMESPACE/NAME; * and ? are wildcards; may be repeated
    #[arg(long, value_name = "NAMESPACE/NAME", required = true)]
    pub service_account: Vec<String>,
    /// Audience of the tokens; may be repeated, and any of them counts [default: sts.amazonaws.com]
    #[arg(long, value_name = "AUDIENCE")]
    pub audience: Vec<String>,
    /// JSON file with a permissions policy for the role; may be repeated
    #[arg(long, value_name = "FILE")]
    pub policy: Vec<PathBuf>,
    /// AWS account of the role; required by the formats json and cli
    #[arg(long, value_name = "ID")]
    pub account_id: Vec<String>,
    /// AWS partition of the account: aws, aws-cn, aws-us-gov, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f or aws-eusc [default: that of the region or issuer, else aws]
    #[arg(long, value_name = "NAME")]
    pub partition: Vec<String>,
    /// AWS region for the AWS CLI; tells the partition
    #[arg(long, value_name = "REGION")]
    pub region: Vec<String>,
    /// Name of the role [default: namespace and name, joined by a hyphen, or by _ if the namespace has a hyphen]
    #[arg(long, value_name = "NAME")]
    pub role_name: Vec<String>,
    /// Path of the role, such as /team/ [default: /]
    #[arg(long, value_name = "PATH")]
    pub path: Vec<String>,
    /// Maximum length of a session, in seconds: 3600 to 43200
    #[arg(long, value_name = "SECONDS")]
    pub max_session_duration: Vec<String>,
    /// ARN of the managed policy that is the role's permissions boundary
    #[arg(long, value_name = "ARN")]
    pub permissions_boundary: Vec<String>,
    /// Tag of the role; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    pub tags: Vec<String>,
    /// Leave the OIDC provider out, because the account has it already
    #[arg(long)]
    pub existing_provider: bool,
    /// SHA-1 thumbprint of the issuer's CA certificate, if it is not a public CA; up to five times
    #[arg(long = "thumbprint", value_name = "HEX")]
    pub thumbprints: Vec<String>,
    /// Output format [default: json]
    #[arg(short = 'o', long = "output", visible_alias = "format", value_name = "FORMAT")]
    pub format: Vec<RoleFormat>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleFormat {
    /// One JSON document with the inputs of the AWS CLI
    Json,
    /// Script for sh with the AWS CLI; creates what is missing, updates what differs
    Cli,
    /// CloudFormation template (YAML)
    #[value(name = "cloudformation")]
    CloudFormation,
    /// Terraform configuration (HCL)
    Terraform,
}

/// Exit codes: 0 no errors (with --strict, no warnings either); 1 errors found;
/// 2 a file could not be read, or no file has a policy, role, provider or
/// ServiceAccount.
#[derive(Args, Clone, Debug)]
pub struct IamLintArgs {
    /// Policies, CloudFormation templates, Terraform (HCL, JSON, plans), output of aws iam get-role, Kubernetes manifests or Markdown, or folders of them; - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Exit with 1 for warnings, too
    #[arg(long)]
    pub strict: bool,
    /// Exit with 0 if no file has a policy, role, provider or ServiceAccount
    #[arg(long)]
    pub allow_no_policy: bool,
    /// Prefix of the webhook's annotations
    #[arg(long, value_name = "PREFIX", default_value = arn::annotation::DEFAULT_PREFIX)]
    pub annotation_prefix: String,
    /// Output format
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = LintFormat::Text)]
    pub output: LintFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LintFormat {
    /// Text for people
    Text,
    /// One JSON document
    Json,
    /// The same document in YAML
    Yaml,
    /// SARIF 2.1.0, for GitHub code scanning and other tools
    Sarif,
    /// Workflow commands, which GitHub Actions shows beside the lines
    Github,
}

/// Exit codes: 0 allowed; 1 denied; 2 not known.
#[derive(Args, Clone, Debug)]
#[command(group = ArgGroup::new("whom").args(["sub", "service_account"]))]
pub struct IamSimulateArgs {
    /// File with the role's trust policy, the output of aws iam get-role, or Terraform or CloudFormation with one trust policy; - for standard input
    #[arg(long, value_name = "FILE")]
    pub trust_policy: PathBuf,
    /// File with a ServiceAccount token, which is not verified; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["issuer", "whom", "audience"], required_unless_present = "issuer")]
    pub token: Option<PathBuf>,
    /// Issuer of the token
    #[arg(long, value_name = "URL", requires_all = ["whom", "audience"])]
    pub issuer: Option<String>,
    /// ServiceAccount of the token
    #[arg(long, value_name = "NAMESPACE/NAME", requires = "issuer", value_parser = subject)]
    pub service_account: Option<String>,
    /// Subject of the token, instead of --service-account: system:serviceaccount:NAMESPACE:NAME
    #[arg(long, value_name = "SUBJECT", requires = "issuer")]
    pub sub: Option<String>,
    /// Audience of the token; may be repeated
    #[arg(long, visible_alias = "aud", value_name = "AUDIENCE", requires = "issuer")]
    pub audience: Vec<String>,
    /// ARN that the policy's provider must equal [default: any ARN with the issuer's name]
    #[arg(long, value_name = "ARN", value_parser = provider_arn)]
    pub provider_arn: Option<String>,
    /// Value of another condition key, such as aws:CurrentTime=2026-01-01T00:00:00Z; may be repeated
    #[arg(long = "condition-key", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub condition_keys: Vec<(String, String)>,
    /// Condition key that the request does not have, such as aws:SourceVpce; may be repeated
    #[arg(long = "no-condition-key", value_name = "KEY")]
    pub absent_condition_keys: Vec<String>,
    /// Name of the session (sts:RoleSessionName)
    #[arg(long, value_name = "NAME", value_parser = session_name)]
    pub role_session_name: Option<String>,
    /// Length of the session, compared with the role's maximum if the file has it
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(900..=43200))]
    pub duration_seconds: Option<u32>,
    /// Output format
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

/// The subject of a `ServiceAccount`'s tokens.
fn subject(text: &str) -> Result<String, String> {
    let (namespace, name) = text.split_once('/').ok_or("write NAMESPACE/NAME")?;
    let subject = Subject::new(namespace, name).map_err(|error| error.to_string())?;
    if subject.is_glob() {
        return Err("a token is of one ServiceAccount: write its name without * and ?".to_owned());
    }
    Ok(subject.claim())
}

/// As policies name a provider under `Federated`.
fn provider_arn(text: &str) -> Result<String, String> {
    let is_one = ProviderArn::read(text)
        .is_some_and(|it| !it.name.is_empty() && iam::account(it.partition, it.account).is_ok());
    if is_one || is_built_in_provider(text) {
        Ok(text.to_owned())
    } else {
        Err("write the ARN of an OpenID Connect provider: arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH".to_owned())
    }
}

/// As `AssumeRoleWithWebIdentity` takes it.
fn session_name(text: &str) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (2..=64).contains(&text.len()) && text.chars().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("STS takes 2 to 64 letters, digits and _+=,.@-".to_owned())
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
