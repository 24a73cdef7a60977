//! `iam`: roles and policies, without AWS credentials.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::values::ReportFormat;

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
    Simulate(IamSimulateArgs),
}

/// Nothing is created in AWS: apply the output yourself.
#[derive(Args, Clone, Debug)]
pub struct IamRoleArgs {
    /// Issuer URL, exactly as in the cluster's tokens
    #[arg(long, value_name = "URL")]
    pub issuer: String,
    /// Namespace of the ServiceAccount; * and ? are wildcards
    #[arg(short = 'n', long, value_name = "NAME")]
    pub namespace: String,
    /// Name of the ServiceAccount; * and ? are wildcards
    #[arg(long, value_name = "NAME")]
    pub service_account: String,
    /// Audience of the tokens
    #[arg(long, value_name = "AUDIENCE", default_value = "sts.amazonaws.com")]
    pub audience: String,
    /// JSON file with a permissions policy for the role
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// AWS account of the role; required by the formats json and cli
    #[arg(long, value_name = "ID")]
    pub account_id: Option<String>,
    /// AWS partition of the account: aws, aws-cn, aws-us-gov, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f or aws-eusc
    #[arg(long, value_name = "NAME", default_value = "aws")]
    pub partition: String,
    /// Name of the role [default: NAMESPACE-SERVICE_ACCOUNT]
    #[arg(long, value_name = "NAME")]
    pub role_name: Option<String>,
    /// Leave the OIDC provider out, because the account has it already
    #[arg(long)]
    pub existing_provider: bool,
    /// SHA-1 thumbprint of the issuer's CA certificate, if it is not a public CA; may be repeated
    #[arg(long = "thumbprint", value_name = "HEX")]
    pub thumbprints: Vec<String>,
    /// Output format
    #[arg(
        short = 'o',
        long,
        visible_alias = "output",
        value_name = "FORMAT",
        default_value = "json"
    )]
    pub format: RoleFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleFormat {
    /// One JSON document with the inputs of the AWS CLI
    Json,
    /// AWS CLI commands for a shell
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
pub struct IamSimulateArgs {
    /// File with the role's trust policy, the output of aws iam get-role, or Terraform or CloudFormation with one trust policy; - for standard input
    #[arg(long, value_name = "FILE")]
    pub trust_policy: PathBuf,
    /// File with a ServiceAccount token, which is not verified; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["issuer", "sub", "aud"], required_unless_present = "issuer")]
    pub token: Option<PathBuf>,
    /// Issuer of the token
    #[arg(long, value_name = "URL", requires_all = ["sub", "aud"])]
    pub issuer: Option<String>,
    /// Subject of the token: system:serviceaccount:NAMESPACE:NAME
    #[arg(long, value_name = "SUBJECT", requires = "issuer")]
    pub sub: Option<String>,
    /// Audience of the token; may be repeated
    #[arg(long, value_name = "AUDIENCE", requires = "issuer")]
    pub aud: Vec<String>,
    /// ARN that the policy's provider must equal [default: any ARN with the issuer's name]
    #[arg(long, value_name = "ARN")]
    pub provider_arn: Option<String>,
    /// Value of another condition key, such as aws:CurrentTime=2026-01-01T00:00:00Z; may be repeated
    #[arg(long = "condition-key", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub condition_keys: Vec<(String, String)>,
    /// Output format
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}
