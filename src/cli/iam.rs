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
    /// Print the provider, the role and its trust policy for a ServiceAccount
    Role(Box<IamRoleArgs>),
    /// Name the mistakes in policies, templates, plans and manifests
    Lint(IamLintArgs),
    /// Say whether a trust policy lets a token have the role
    Simulate(IamSimulateArgs),
}

/// Makes nothing by itself: apply what it prints.
#[derive(Args, Clone, Debug)]
pub struct IamRoleArgs {
    /// Issuer of the cluster's tokens, to the letter
    #[arg(long, value_name = "URL")]
    pub issuer: String,
    /// Namespace of the ServiceAccount; * and ? make it a glob
    #[arg(short = 'n', long, value_name = "NAME")]
    pub namespace: String,
    /// Name of the ServiceAccount; * and ? make it a glob
    #[arg(long, value_name = "NAME")]
    pub service_account: String,
    /// Audience of the tokens
    #[arg(long, value_name = "AUDIENCE", default_value = "sts.amazonaws.com")]
    pub audience: String,
    /// Permission policy of the role, in JSON
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Account that the role is in; needed for json and cli
    #[arg(long, value_name = "ID")]
    pub account_id: Option<String>,
    /// Partition of the account: aws, aws-cn, aws-us-gov, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f or aws-eusc
    #[arg(long, value_name = "NAME", default_value = "aws")]
    pub partition: String,
    /// Name of the role [default: NAMESPACE-SERVICE_ACCOUNT]
    #[arg(long, value_name = "NAME")]
    pub role_name: Option<String>,
    /// The account has the provider already: leave it out
    #[arg(long)]
    pub existing_provider: bool,
    /// SHA-1 of the issuer's CA certificate, where it is not a public one; may be repeated
    #[arg(long = "thumbprint", value_name = "HEX")]
    pub thumbprints: Vec<String>,
    /// What to print
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
    /// One document, in the shapes that the AWS CLI prints
    Json,
    /// Commands for a shell
    Cli,
    /// A template in YAML
    #[value(name = "cloudformation")]
    CloudFormation,
    /// HCL
    Terraform,
}

/// Exit code 0: no mistakes (warnings aside, without --strict); 1: mistakes;
/// 2: a file that can't be read.
#[derive(Args, Clone, Debug)]
pub struct IamLintArgs {
    /// Policies, CloudFormation templates, Terraform plans in JSON, output of aws iam get-role, ServiceAccounts; - is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Fail for warnings as well
    #[arg(long)]
    pub strict: bool,
    /// How to print what is found
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

/// Exit code 0: allowed; 1: denied; 2: can't say.
#[derive(Args, Clone, Debug)]
pub struct IamSimulateArgs {
    /// The role's trust policy, or what aws iam get-role prints; - is standard input
    #[arg(long, value_name = "FILE")]
    pub trust_policy: PathBuf,
    /// A token as pods get it; it is read and not verified; - is standard input
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
    /// ARN of the account's provider, to compare the whole of it [default: any with the issuer's name]
    #[arg(long, value_name = "ARN")]
    pub provider_arn: Option<String>,
    /// Condition key that the token does not hold, such as aws:CurrentTime=2026-01-01T00:00:00Z; may be repeated
    #[arg(long = "condition-key", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub condition_keys: Vec<(String, String)>,
    /// How to print the verdict
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("no = between the key and its value")?;
    Ok((key.to_owned(), value.to_owned()))
}
