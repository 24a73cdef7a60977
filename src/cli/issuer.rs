//! `issuer`: the documents, checks and plans of a self-hosted issuer.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::cluster::ClusterArgs;
use super::values::ReportFormat;

#[derive(Args, Clone, Debug)]
pub struct IssuerArgs {
    #[command(subcommand)]
    pub command: IssuerCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum IssuerCommand {
    /// Write the discovery document and the JWKS for upload
    Documents(DocumentsArgs),
    /// Check that AWS STS can use an issuer
    Verify(VerifyArgs),
    /// Plan the move to a new signing key, and show how far it is
    Rotate(RotateArgs),
    /// Plan the move to a new issuer URL, and show how far it is
    Migrate(MigrateArgs),
}

#[derive(Args, Clone, Debug)]
pub struct DocumentsArgs {
    /// Issuer URL: the API server's first --service-account-issuer [default with --from-cluster: the cluster's issuer]
    #[arg(long, value_name = "URL", required_unless_present = "from_cluster")]
    pub issuer: Option<String>,
    /// PEM file with the public or private keys that sign tokens; may be repeated
    #[arg(long = "key", value_name = "FILE", required_unless_present = "from_cluster")]
    pub keys: Vec<PathBuf>,
    /// Add the keys that the API server publishes
    #[arg(long)]
    pub from_cluster: bool,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Folder to write the documents to, at the paths that they have below the issuer URL
    #[arg(long, value_name = "DIR", default_value = "issuer")]
    pub out: PathBuf,
    /// Replace documents that differ, even if keys are dropped from them
    #[arg(long)]
    pub force: bool,
    /// Path of the JWKS below the issuer URL
    #[arg(long, value_name = "PATH", default_value = issuer::JWKS_PATH)]
    pub jwks_path: String,
    /// Hosting to print upload commands for
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = HostingPlace::S3)]
    pub hosting: HostingPlace,
    /// S3 bucket of the documents [default: from the issuer URL]
    #[arg(long, value_name = "NAME")]
    pub bucket: Option<String>,
    /// ARN of the CloudFront distribution
    #[arg(long, value_name = "ARN")]
    pub distribution: Option<String>,
    /// Output format
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// Issuer URL, exactly as in the tokens
    #[arg(value_name = "URL")]
    pub url: String,
    #[command(flatten)]
    pub live: LiveArgs,
    /// CA bundle (PEM) to trust instead of the public CAs
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Output format
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

/// What the API server does now: by asking it, or from files.
#[derive(Args, Clone, Debug)]
#[command(
    mut_arg("bearer_token", |arg| arg.long("bearer-token")),
    mut_arg("namespace", |arg| arg.help("Namespace of a --service-account that names none [default: the context's]"))
)]
pub struct LiveArgs {
    /// Get a token and the signing keys from the API server; implied by --kubeconfig and --context
    #[arg(long)]
    pub from_cluster: bool,
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// ServiceAccount to get a token for
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "default")]
    pub service_account: String,
    /// Audience of the token
    #[arg(long, value_name = "AUDIENCE", default_value = "sts.amazonaws.com")]
    pub audience: String,
    /// File with a fresh ServiceAccount token of the cluster; - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "from_cluster")]
    pub token: Option<PathBuf>,
    /// File with the API server's /openid/v1/jwks
    #[arg(long, value_name = "FILE", conflicts_with = "from_cluster")]
    pub api_server_keys: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
pub struct RotateArgs {
    /// PEM file with the key that signs tokens today (public or private)
    #[arg(long, value_name = "FILE")]
    pub old_key: PathBuf,
    /// PEM file with the key that will sign tokens (public or private)
    #[arg(long, value_name = "FILE")]
    pub new_key: PathBuf,
    /// Issuer URL, to read which keys are published
    #[arg(long, value_name = "URL", conflicts_with = "documents")]
    pub issuer: Option<String>,
    /// Folder with the published documents, instead of --issuer
    #[arg(long, value_name = "DIR")]
    pub documents: Option<PathBuf>,
    /// Path of the JWKS in --documents
    #[arg(long, value_name = "PATH", default_value = issuer::JWKS_PATH)]
    pub jwks_path: String,
    /// CA bundle (PEM) to trust instead of the public CAs
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    #[command(flatten)]
    pub live: LiveArgs,
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Print only this step; refused while the step would break pods
    #[arg(long, value_name = "STEP", value_enum)]
    pub step: Option<RotateStep>,
}

#[derive(Args, Clone, Debug)]
pub struct MigrateArgs {
    /// Current issuer URL: the API server's first --service-account-issuer
    #[arg(long, value_name = "URL")]
    pub from: String,
    /// New issuer URL
    #[arg(long, value_name = "URL")]
    pub to: String,
    /// CA bundle (PEM) to trust instead of the public CAs
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    #[command(flatten)]
    pub live: LiveArgs,
    /// YAML file with an API server's flags: its manifest, or a kubeadm, kind or k3s configuration; repeat for each API server
    #[arg(long = "api-server", value_name = "FILE")]
    pub api_servers: Vec<PathBuf>,
    /// Confirm that IAM has a provider for the new issuer and that the trust policies name both issuers
    #[arg(long)]
    pub trusted: bool,
    /// Confirm that every API server accepts tokens of both issuers, if their flags cannot be read
    #[arg(long)]
    pub accepted_everywhere: bool,
    #[command(flatten)]
    pub plan: PlanArgs,
    /// Print only this step; refused while the step would break pods
    #[arg(long, value_name = "STEP", value_enum)]
    pub step: Option<MigrateStep>,
}

#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    /// Confirm that no token of the old key or issuer is in use any more
    #[arg(long)]
    pub old_tokens_expired: bool,
    /// Output format
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
}

/// The steps of `rotate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RotateStep {
    /// Publish both keys in the JWKS
    Publish,
    /// Make API servers accept tokens of both keys
    Accept,
    /// Sign new tokens with the new key
    Sign,
    /// Remove the old key
    Retire,
}

/// The steps of `migrate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MigrateStep {
    /// Publish the documents of the new issuer
    Publish,
    /// Make IAM trust both issuers
    Trust,
    /// Make API servers accept tokens of both issuers
    Accept,
    /// Issue new tokens with the new issuer
    Sign,
    /// Remove the old issuer
    Retire,
}

/// Where the documents are hosted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HostingPlace {
    /// S3 bucket with a policy that makes the two objects public
    S3,
    /// Private S3 bucket behind CloudFront, with origin access control
    Cloudfront,
    /// Any web server with HTTPS
    Static,
}
