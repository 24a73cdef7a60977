//! `issuer`: the documents, checks and plans of a self-hosted issuer.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::inject::ClusterArgs;
use super::values::ReportFormat;

#[derive(Args, Clone, Debug)]
pub struct IssuerArgs {
    #[command(subcommand)]
    pub command: IssuerCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum IssuerCommand {
    /// Write the discovery document and the JWKS, ready for a bucket
    Documents(DocumentsArgs),
    /// Check an issuer as AWS STS would
    Verify(VerifyArgs),
    /// Plan a new signing key, and check how far it is
    Rotate(RotateArgs),
    /// Plan a new issuer URL, and check how far it is
    Migrate(MigrateArgs),
}

#[derive(Args, Clone, Debug)]
pub struct DocumentsArgs {
    /// The issuer: the API server's first --service-account-issuer [default with --from-cluster: the cluster's]
    #[arg(long, value_name = "URL", required_unless_present = "from_cluster")]
    pub issuer: Option<String>,
    /// PEM with keys that sign tokens, or their public halves; may be repeated
    #[arg(long = "key", value_name = "FILE", required_unless_present = "from_cluster")]
    pub keys: Vec<PathBuf>,
    /// Take the keys that the API server publishes, besides those of --key
    #[arg(long)]
    pub from_cluster: bool,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Folder for the documents, laid out as below the issuer's URL
    #[arg(long, value_name = "DIR", default_value = "issuer")]
    pub out: PathBuf,
    /// Replace documents that differ, and drop keys that are not given
    #[arg(long)]
    pub force: bool,
    /// Where the keys are, below the issuer
    #[arg(long, value_name = "PATH", default_value = issuer::JWKS_PATH)]
    pub jwks_path: String,
    /// What to print the commands for
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = HostingPlace::S3)]
    pub hosting: HostingPlace,
    /// Bucket of the documents [default: by the issuer's URL]
    #[arg(long, value_name = "NAME")]
    pub bucket: Option<String>,
    /// ARN of the CloudFront distribution
    #[arg(long, value_name = "ARN")]
    pub distribution: Option<String>,
    /// How to print
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// The issuer, letter by letter as in the tokens
    #[arg(value_name = "URL")]
    pub url: String,
    #[command(flatten)]
    pub live: LiveArgs,
    /// PEM with authorities to trust in place of the public ones
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// How to print
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

/// What the API server does now: by asking it, or from files.
#[derive(Args, Clone, Debug)]
pub struct LiveArgs {
    /// Ask the API server for a token and its keys; --kubeconfig or --context imply it
    #[arg(long)]
    pub from_cluster: bool,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// The token's ServiceAccount
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "default/default")]
    pub service_account: String,
    /// The token's audience
    #[arg(long, value_name = "AUDIENCE", default_value = "sts.amazonaws.com")]
    pub audience: String,
    /// File with a new token of the cluster; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "from_cluster")]
    pub token: Option<PathBuf>,
    /// File with what the API server has at /openid/v1/jwks
    #[arg(long, value_name = "FILE", conflicts_with = "from_cluster")]
    pub api_server_keys: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub struct RotateArgs {
    /// PEM with the key that signs until now, or its public half
    #[arg(long, value_name = "FILE")]
    pub old_key: PathBuf,
    /// PEM with the key that is to sign, or its public half
    #[arg(long, value_name = "FILE")]
    pub new_key: PathBuf,
    /// The issuer, to see which keys are published
    #[arg(long, value_name = "URL", conflicts_with = "documents")]
    pub issuer: Option<String>,
    /// Folder with the documents as they are published, in place of --issuer
    #[arg(long, value_name = "DIR")]
    pub documents: Option<PathBuf>,
    /// Where the keys are in that folder
    #[arg(long, value_name = "PATH", default_value = issuer::JWKS_PATH)]
    pub jwks_path: String,
    /// PEM with authorities to trust in place of the public ones
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    #[command(flatten)]
    pub live: LiveArgs,
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Ask for this step alone; it is refused while it would do harm
    #[arg(long, value_name = "STEP", value_enum)]
    pub step: Option<RotateStep>,
}

#[derive(Args, Clone, Debug)]
pub struct MigrateArgs {
    /// The issuer until now: the first --service-account-issuer
    #[arg(long, value_name = "URL")]
    pub from: String,
    /// The issuer to be
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// PEM with authorities to trust in place of the public ones
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    #[command(flatten)]
    pub live: LiveArgs,
    /// YAML with an API server's flags: its manifest, or the configuration of kubeadm, kind or k3s; once for each
    #[arg(long = "api-server", value_name = "FILE")]
    pub api_servers: Vec<PathBuf>,
    /// State that IAM has a provider for the new issuer, and the trust policies name both
    #[arg(long)]
    pub trusted: bool,
    /// State that every API server takes tokens of both issuers, where flags can't be read
    #[arg(long)]
    pub accepted_everywhere: bool,
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Ask for this step alone; it is refused while it would do harm
    #[arg(long, value_name = "STEP", value_enum)]
    pub step: Option<MigrateStep>,
}

#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    /// State that no token of the old key or issuer is in use any longer
    #[arg(long)]
    pub old_tokens_expired: bool,
    /// How to print
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

/// The steps of `rotate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RotateStep {
    /// Publish both keys
    Publish,
    /// Verify with both keys
    Accept,
    /// Sign with the new key
    Sign,
    /// Drop the old key
    Retire,
}

/// The steps of `migrate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MigrateStep {
    /// Publish the documents of the new issuer
    Publish,
    /// Have IAM trust both issuers
    Trust,
    /// Take tokens of both issuers
    Accept,
    /// Issue tokens of the new issuer
    Sign,
    /// Drop the old issuer
    Retire,
}

/// Where the documents are hosted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HostingPlace {
    /// A bucket, the two objects public by its policy
    S3,
    /// A private bucket behind CloudFront with origin access control
    Cloudfront,
    /// Any host that serves files over HTTPS
    Static,
}
