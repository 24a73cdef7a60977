//! `serve`: what its flags are, grouped by what they are for.
#![allow(clippy::doc_markdown, reason = "the comments are the text of --help")]

use std::net::IpAddr;
use std::time::Duration;

use clap::{Args, builder::ArgAction};

use super::identity::{ContainerCredentialsArgs, RoleArnArgs, WebIdentityArgs};
use super::klog::KlogArgs;
use super::values::{LogFormat, RequestTimeout, boolean, bytes, duration, request_timeout};

/// All of them. Paths and names are plain strings, since an empty one counts as
/// unset for many: charts write `--kubeconfig=` where there is none.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    #[command(flatten)]
    pub https: HttpsArgs,
    #[command(flatten)]
    pub managed: ManagedCertificateArgs,
    #[command(flatten)]
    pub admin: AdminArgs,
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(flatten)]
    pub web_identity: WebIdentityArgs,
    #[command(flatten)]
    pub role_arn: RoleArnArgs,
    #[command(flatten)]
    pub container_credentials: ContainerCredentialsArgs,
    #[command(flatten)]
    pub continuous_audit: ContinuousAuditArgs,
    #[command(flatten)]
    pub lifecycle: LifecycleArgs,
    #[command(flatten)]
    pub log: LogArgs,
    #[command(flatten)]
    pub klog: KlogArgs,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HTTPS server, called by the API server")]
pub struct HttpsArgs {
    /// IP address that both servers listen on [default: all addresses]
    #[arg(long, env = "PODID_ADDRESS", value_name = "IP")]
    pub address: Option<IpAddr>,
    /// HTTPS port for /mutate, /mutate/required and /healthz
    #[arg(long, env = "PODID_PORT", value_name = "PORT", default_value_t = 443)]
    pub port: u16,
    /// File with the certificate chain (PEM, leaf first); reloaded when it changes
    #[arg(
        long,
        env = "PODID_TLS_CERT",
        value_name = "PATH",
        default_value = "/etc/webhook/certs/tls.crt"
    )]
    pub tls_cert: String,
    /// File with the private key (PEM); reloaded when it changes
    #[arg(
        long,
        env = "PODID_TLS_KEY",
        value_name = "PATH",
        default_value = "/etc/webhook/certs/tls.key"
    )]
    pub tls_key: String,
    /// Minimum TLS version: 1.2 or 1.3
    #[arg(long, env = "PODID_TLS_MIN_VERSION", value_name = "VERSION", default_value = "1.2")]
    pub tls_min_version: String,
    /// TLS 1.2 cipher suites by IANA name, comma-separated [default: all secure ones]
    #[arg(
        long,
        env = "PODID_TLS_CIPHER_SUITES",
        value_name = "NAMES",
        default_value = "",
        hide_default_value = true
    )]
    pub tls_cipher_suites: String,
    /// CA bundle (PEM) that client certificates must chain to; reloaded when it changes
    /// [default: any client may connect]
    #[arg(
        long,
        env = "PODID_CLIENT_CA_FILE",
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    pub client_ca_file: String,
    /// Common names or DNS names allowed in client certificates, comma-separated
    /// [default: any name]
    #[arg(
        long,
        env = "PODID_CLIENT_ALLOWED_NAMES",
        value_name = "NAMES",
        default_value = "",
        hide_default_value = true
    )]
    pub client_allowed_names: String,
    /// Maximum size of a request body, in bytes or with the suffix Ki or Mi; at most 16Mi
    #[arg(
        long,
        env = "PODID_MAX_REQUEST_BYTES",
        value_name = "BYTES",
        value_parser = bytes,
        default_value = "8Mi"
    )]
    pub max_request_bytes: usize,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Managed certificates")]
pub struct ManagedCertificateArgs {
    /// Manage the certificates in the cluster instead of reading --tls-cert and --tls-key
    /// [default: true; false with --service-accounts]
    #[arg(long, env = "PODID_IN_CLUSTER", value_name = "BOOL", value_parser = boolean,
        num_args = 0..=1, require_equals = true, default_missing_value = "true",
        action = ArgAction::Set)]
    pub in_cluster: Option<bool>,
    /// Name of the Service in front of the webhook
    #[arg(
        long,
        env = "PODID_SERVICE_NAME",
        value_name = "NAME",
        default_value = "pod-identity-webhook"
    )]
    pub service_name: String,
    /// Namespace of the webhook's Service, Secret and ConfigMap
    #[arg(long, env = "PODID_NAMESPACE", value_name = "NAME", default_value = "eks")]
    pub namespace: String,
    /// Name of the Secret that holds the managed certificates
    #[arg(
        long,
        env = "PODID_TLS_SECRET",
        value_name = "NAME",
        default_value = "pod-identity-webhook"
    )]
    pub tls_secret: String,
    /// MutatingWebhookConfiguration whose caBundle fields the webhook keeps up to date; may be repeated
    #[arg(
        long,
        env = "PODID_WEBHOOK_CONFIG_NAME",
        value_name = "NAME",
        value_delimiter = ',',
        default_value = "pod-identity-webhook"
    )]
    pub webhook_config_name: Vec<String>,
    /// Lifetime of a CA; replaced after two thirds of it
    #[arg(long, env = "PODID_CA_LIFETIME", value_name = "DURATION", value_parser = duration,
        default_value = "8760h")]
    pub ca_lifetime: Duration,
    /// Lifetime of the serving certificate; renewed after two thirds of it
    #[arg(long, env = "PODID_CERT_LIFETIME", value_name = "DURATION", value_parser = duration,
        default_value = "720h")]
    pub cert_lifetime: Duration,
    /// How long a new CA is published with the old one before it signs
    #[arg(long, env = "PODID_CA_OVERLAP", value_name = "DURATION", value_parser = duration,
        default_value = "5m")]
    pub ca_overlap: Duration,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Metrics, probes and debugging")]
pub struct AdminArgs {
    /// HTTP port for the status page (/), /metrics, /livez, /readyz and /healthz
    #[arg(long, env = "PODID_METRICS_PORT", value_name = "PORT", default_value_t = 9999)]
    pub metrics_port: u16,
    /// Serve /debug/alpha/cache on the metrics port, and show names on its status page
    #[arg(long, env = "PODID_ENABLE_DEBUGGING_HANDLERS", value_name = "BOOL",
        value_parser = boolean, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", default_value = "false", hide_default_value = true,
        action = ArgAction::Set)]
    pub enable_debugging_handlers: bool,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Where ServiceAccounts come from")]
pub struct SourceArgs {
    /// Kubeconfig file, for a webhook outside the cluster
    #[arg(
        long,
        env = "PODID_KUBECONFIG",
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    pub kubeconfig: String,
    /// URL of the API server, for a webhook outside the cluster
    #[arg(
        long,
        env = "PODID_KUBE_API",
        value_name = "URL",
        default_value = "",
        hide_default_value = true
    )]
    pub kube_api: String,
    /// Time limit for each request to the API server; 0 means no limit. Watches and lookups have their own limits
    #[arg(
        long,
        env = "PODID_REQUEST_TIMEOUT",
        value_name = "DURATION",
        value_parser = request_timeout,
        default_value = "10s"
    )]
    pub request_timeout: RequestTimeout,
    /// File or folder with ServiceAccounts (YAML or JSON), instead of a cluster; reloaded when it changes
    #[arg(
        long,
        env = "PODID_SERVICE_ACCOUNTS",
        value_name = "PATH",
        default_value = "",
        hide_default_value = true
    )]
    pub service_accounts: String,
    /// Watch the ConfigMap pod-identity-webhook in --namespace as well
    #[arg(long, env = "PODID_WATCH_CONFIG_MAP", value_name = "BOOL", value_parser = boolean,
        num_args = 0..=1, require_equals = true, default_missing_value = "true",
        default_value = "false", hide_default_value = true, action = ArgAction::Set)]
    pub watch_config_map: bool,
    /// How long an admission waits for the lookup of a ServiceAccount that the watch has not delivered yet
    #[arg(
        long,
        env = "PODID_SERVICE_ACCOUNT_LOOKUP_TIMEOUT",
        value_name = "DURATION",
        value_parser = duration,
        default_value = "1s"
    )]
    pub service_account_lookup_timeout: Duration,
    /// The Go webhook's name for --service-account-lookup-timeout, which it replaces if it is above 0
    #[arg(
        long,
        env = "PODID_SERVICE_ACCOUNT_LOOKUP_GRACE_PERIOD",
        value_name = "DURATION",
        value_parser = duration,
        default_value = "0"
    )]
    pub service_account_lookup_grace_period: Duration,
    /// Look up a ServiceAccount without a role again while it is younger than this; 0 means never
    #[arg(
        long,
        env = "PODID_FRESH_SERVICE_ACCOUNT_WINDOW",
        value_name = "DURATION",
        value_parser = duration,
        default_value = "10s"
    )]
    pub fresh_service_account_window: Duration,
    /// No effect: a watch needs no resync
    #[arg(
        long,
        env = "PODID_RESYNC_PERIOD",
        value_name = "DURATION",
        value_parser = duration,
        default_value = "60s",
        hide_short_help = true
    )]
    pub resync_period: Duration,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Continuous audit")]
pub struct ContinuousAuditArgs {
    /// How often one of the replicas checks all pods of the cluster, as the audit command does, and counts them by
    /// state in the metric pod_identity_pods; 0 means never. Needs more rights: list pods, for one
    #[arg(
        long,
        env = "PODID_AUDIT_INTERVAL",
        value_name = "DURATION",
        value_parser = duration,
        default_value = "0"
    )]
    pub audit_interval: Duration,
    /// Name of the Lease in --namespace by which the replicas agree on the one that checks
    #[arg(
        long,
        env = "PODID_AUDIT_LEASE_NAME",
        value_name = "NAME",
        default_value = "pod-identity-webhook-audit"
    )]
    pub audit_lease_name: String,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Shutdown")]
pub struct LifecycleArgs {
    /// How long new requests are accepted after SIGTERM, until every API server has noticed
    #[arg(
        long,
        env = "PODID_SHUTDOWN_DELAY",
        value_name = "DURATION",
        value_parser = duration,
        default_value = "5s"
    )]
    pub shutdown_delay: Duration,
    /// How long running requests may take after that
    #[arg(
        long,
        env = "PODID_SHUTDOWN_TIMEOUT",
        value_name = "DURATION",
        value_parser = duration,
        default_value = "20s"
    )]
    pub shutdown_timeout: Duration,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logging to standard error")]
pub struct LogArgs {
    /// Format of the log lines
    #[arg(long, env = "PODID_LOG_FORMAT", value_name = "FORMAT", value_enum,
        default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// Verbosity: 0 to 2 info, 3 and 4 debug, 5 and above trace
    #[arg(
        short = 'v',
        long = "v",
        env = "PODID_V",
        value_name = "LEVEL",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    pub verbosity: i32,
}
