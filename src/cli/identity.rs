//! The flags of `serve` that say what pods get.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use clap::{Args, builder::ArgAction};

use super::values::boolean;

/// The settings of `serve` that decide what pods get; commands that predict it take them as well.
#[derive(Args, Clone, Debug)]
pub struct SettingsArgs {
    #[command(flatten)]
    pub web_identity: WebIdentityArgs,
    #[command(flatten)]
    pub role_arn: RoleArnArgs,
    #[command(flatten)]
    pub container_credentials: ContainerCredentialsArgs,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "IAM roles for service accounts (IRSA)")]
pub struct WebIdentityArgs {
    /// Prefix of the annotations, as in PREFIX/role-arn
    #[arg(
        long,
        env = "PODID_ANNOTATION_PREFIX",
        value_name = "PREFIX",
        default_value = arn::annotation::DEFAULT_PREFIX
    )]
    pub annotation_prefix: String,
    /// Audience of the tokens, unless an annotation sets another
    #[arg(
        long,
        env = "PODID_TOKEN_AUDIENCE",
        value_name = "NAME",
        default_value = "sts.amazonaws.com"
    )]
    pub token_audience: String,
    /// Folder where containers find the token
    #[arg(
        long,
        env = "PODID_TOKEN_MOUNT_PATH",
        value_name = "PATH",
        default_value = "/var/run/secrets/eks.amazonaws.com/serviceaccount"
    )]
    pub token_mount_path: String,
    /// Lifetime of the tokens in seconds, unless an annotation sets another; at least 600
    #[arg(
        long,
        env = "PODID_TOKEN_EXPIRATION",
        value_name = "SECONDS",
        default_value_t = 86_400,
        allow_negative_numbers = true
    )]
    pub token_expiration: i64,
    /// AWS region to set in containers, unless an annotation sets another [default: none]
    #[arg(
        long,
        env = "PODID_AWS_DEFAULT_REGION",
        value_name = "REGION",
        default_value = "",
        hide_default_value = true
    )]
    pub aws_default_region: String,
    /// Make AWS SDKs call the STS endpoint of their region
    #[arg(long, env = "PODID_STS_REGIONAL_ENDPOINT", value_name = "BOOL", value_parser = boolean,
        num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value = "false", hide_default_value = true, action = ArgAction::Set)]
    pub sts_regional_endpoint: bool,
    /// STS endpoint to set in containers, for a VPC endpoint, MinIO or Ceph [default: none]
    #[arg(
        long,
        env = "PODID_STS_ENDPOINT_URL",
        value_name = "URL",
        default_value = "",
        hide_default_value = true
    )]
    pub sts_endpoint_url: String,
    /// Endpoints that PREFIX/sts-endpoint-url may name, by scheme, host and port [default: that of --sts-endpoint-url]
    #[arg(
        long,
        env = "PODID_ALLOWED_STS_ENDPOINT_URLS",
        value_name = "URL,...",
        default_value = "",
        hide_default_value = true
    )]
    pub allowed_sts_endpoint_urls: String,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Role names instead of role ARNs")]
pub struct RoleArnArgs {
    /// Complete role annotations that hold a role's name or path to ARNs
    #[arg(long, env = "PODID_COMPOSE_ROLE_ARN", value_name = "BOOL", value_parser = boolean,
        num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value = "false", hide_default_value = true, action = ArgAction::Set)]
    pub compose_role_arn: bool,
    /// AWS account of these roles [default: from EC2 instance metadata]
    #[arg(
        long,
        env = "PODID_AWS_ACCOUNT_ID",
        value_name = "ID",
        default_value = "",
        hide_default_value = true
    )]
    pub aws_account_id: String,
    /// AWS partition of these roles: aws, aws-cn, aws-us-gov, ... [default: that of the region]
    #[arg(
        long,
        env = "PODID_AWS_PARTITION",
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    pub aws_partition: String,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Container credentials (EKS Pod Identity)")]
pub struct ContainerCredentialsArgs {
    /// JSON file with the ServiceAccounts that use container credentials; reloaded when it changes [default: none]
    #[arg(
        id = "watch-container-credentials-config",
        long = "watch-container-credentials-config",
        env = "PODID_WATCH_CONTAINER_CREDENTIALS_CONFIG",
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    pub config: String,
    /// Audience of the tokens
    #[arg(
        id = "container-credentials-audience",
        long = "container-credentials-audience",
        env = "PODID_CONTAINER_CREDENTIALS_AUDIENCE",
        value_name = "NAME",
        default_value = "pods.eks.amazonaws.com"
    )]
    pub audience: String,
    /// Folder where containers find the token
    #[arg(
        id = "container-credentials-token-mount-path",
        long = "container-credentials-token-mount-path",
        env = "PODID_CONTAINER_CREDENTIALS_TOKEN_MOUNT_PATH",
        value_name = "PATH",
        default_value = "/var/run/secrets/pods.eks.amazonaws.com/serviceaccount"
    )]
    pub token_mount_path: String,
    /// Name of the volume that holds the token
    #[arg(
        long = "container-credentials-token-volume-name",
        env = "PODID_CONTAINER_CREDENTIALS_TOKEN_VOLUME_NAME",
        value_name = "NAME",
        default_value = "eks-pod-identity-token"
    )]
    pub token_volume_name: String,
    /// Path of the token in its volume
    #[arg(
        long = "container-credentials-token-path",
        env = "PODID_CONTAINER_CREDENTIALS_TOKEN_PATH",
        value_name = "PATH",
        default_value = "eks-pod-identity-token"
    )]
    pub token_path: String,
    /// URI where AWS SDKs get credentials
    #[arg(
        long = "container-credentials-full-uri",
        env = "PODID_CONTAINER_CREDENTIALS_FULL_URI",
        value_name = "URI",
        default_value = "http://169.254.170.23/v1/credentials"
    )]
    pub full_uri: String,
}
