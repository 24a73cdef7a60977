//! `issuer`: the documents, checks and plans of a self-hosted issuer.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::inject::ClusterArgs;

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
    #[arg(long, value_name = "PATH", default_value = crate::issuer::JWKS_PATH)]
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
    /// File with a token of the cluster; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "from_cluster")]
    pub token: Option<PathBuf>,
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
    /// PEM with authorities to trust in place of the public ones
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// How to print
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t = ReportFormat::Text)]
    pub output: ReportFormat,
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

/// How a command reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    Text,
    /// One JSON document
    Json,
}
