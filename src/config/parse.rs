//! From the arguments as typed to the configuration.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::checks::{
    annotation_prefix, echoed, http_uri, injected, label, mount_path, object_name, optional,
    path_in_volume, refuse, region_name, required,
};
use super::{
    Admin, Certificate, Config, ConfigError, ContinuousAudit, Https, Identity, Lifecycle, Lookup,
    RoleNames, Source,
};
use crate::cli::{
    ContainerCredentialsArgs, HttpsArgs, LogFormat, ManagedCertificateArgs, RoleArnArgs, ServeArgs,
    SourceArgs, WebIdentityArgs,
};
use crate::telemetry::{logs, traces};
use crate::tls;
use crate::tls::clients::AllowedNames;
use crate::tls::files::PairPaths;
use crate::tls::settings::{CipherSuites, MinVersion};
use certificates::{Lifetimes, Names, Params};
use injection::admission::AdmissionSettings;
use injection::identity::{
    Account, AllowedStsEndpoints, AnnotationKeys, Defaults, Expiration, StsEndpoint,
    StsEndpointError,
};
use injection::mutation::{ContainerCredentialsSettings, MutationSettings};

/// Five times what an API server sends. The parsed form of one review is several
/// times as large, and the memory of the process is bounded.
const MAX_REQUEST_BYTES: usize = 16 << 20;

/// What an account ID may look like, to check a partition by itself.
const ANY_ACCOUNT_ID: &str = "000000000000";

impl Config {
    /// The configuration, and what is to be logged once about the arguments:
    /// flags without effect, values brought within bounds.
    pub fn from_args(args: ServeArgs) -> Result<(Self, Vec<String>), ConfigError> {
        let mut warnings = Vec::new();
        let namespace = label("--namespace", args.managed.namespace.clone())?;
        let continuous_audit = ContinuousAudit::from_args(
            args.continuous_audit,
            &namespace,
            &args.managed.webhook_config_name,
            &args.source,
            &mut warnings,
        )?;
        let certificate = certificate(args.managed, &args.https, &args.source, &mut warnings)?;
        if args.https.port == args.admin.metrics_port && args.https.port != 0 {
            return Err(ConfigError::SamePort(args.https.port));
        }
        let admin = Admin {
            address: args.https.address,
            port: args.admin.metrics_port,
            debugging_handlers: args.admin.enable_debugging_handlers,
        };
        let lookup = lookup(&args.source, &mut warnings)?;
        let watch_config_map = args.source.watch_config_map;
        let region = optional(args.web_identity.aws_default_region.clone());
        let role_names = role_names(args.role_arn, region.as_deref(), &mut warnings)?;
        let container_credentials_file =
            optional(args.container_credentials.config.clone()).map(PathBuf::from);
        let container_credentials = container_credentials(args.container_credentials)?;
        let policy = policy(args.web_identity, region, container_credentials, &mut warnings)?;
        let config = Self {
            https: https(&args.https, certificate, &mut warnings)?,
            admin,
            source: source(args.source)?,
            lookup,
            identity: Identity {
                role_names,
                namespace,
                watch_config_map,
                container_credentials_file,
            },
            policy,
            continuous_audit,
            lifecycle: Lifecycle {
                shutdown_delay: args.lifecycle.shutdown_delay,
                shutdown_timeout: args.lifecycle.shutdown_timeout,
            },
            log: logs::LogSettings {
                format: match args.log.log_format {
                    LogFormat::Json => logs::Format::Json,
                    LogFormat::Text => logs::Format::Text,
                },
                verbosity: args.log.verbosity,
            },
            traces: None,
            pod_name: None,
        };
        let without_effect = args.klog.given();
        if !without_effect.is_empty() {
            warnings.push(format!(
                "no effect: {}: all logs go to standard error; leave these flags out",
                without_effect.join(", ")
            ));
        }
        Ok((config, warnings))
    }
}

impl Config {
    /// With what the environment says in names that are not the program's own: OpenTelemetry's variables, and
    /// `POD_NAME`, as many manifests call what the downward API says. A flag's variable it is not: a name that only
    /// the pod knows would count as a flag that nobody can read (`audit`).
    #[must_use]
    pub fn in_environment(
        self,
        environment: impl Iterator<Item = (OsString, OsString)> + Clone,
        warnings: &mut Vec<String>,
    ) -> Self {
        let pod_name = environment.clone().find(|(name, _)| name == "POD_NAME");
        let pod_name = pod_name.and_then(|(_, value)| value.into_string().ok());
        let pod_name = pod_name.filter(|name| is_pod_name(name));
        Self { traces: traces::settings::read(environment, warnings), pod_name, ..self }
    }
}

/// A DNS subdomain, of nothing else: the name goes into a Lease.
fn is_pod_name(name: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    (1..=253).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// Managed inside the cluster unless files are named or needed.
fn certificate(
    args: ManagedCertificateArgs,
    https: &HttpsArgs,
    source: &SourceArgs,
    warnings: &mut Vec<String>,
) -> Result<Certificate, ConfigError> {
    let secret = label("--tls-secret", args.tls_secret)?;
    let service = label("--service-name", args.service_name)?;
    let configurations = args.webhook_config_name.into_iter();
    let configurations: Vec<_> = configurations
        .map(|name| object_name("--webhook-config-name", name))
        .collect::<Result<_, _>>()?;
    let lifetimes = Lifetimes::new(args.ca_lifetime, args.cert_lifetime, args.ca_overlap)?;
    let without_cluster = optional(source.service_accounts.clone()).is_some();
    if without_cluster && args.in_cluster == Some(true) {
        warnings.push(
            "--in-cluster=true has no effect with --service-accounts: \
             the certificate comes from --tls-cert and --tls-key"
                .to_owned(),
        );
    }
    if without_cluster || args.in_cluster == Some(false) {
        return Ok(Certificate::Files(PairPaths {
            certificate: required("--tls-cert", https.tls_cert.clone())?.into(),
            key: required("--tls-key", https.tls_key.clone())?.into(),
        }));
    }
    let names = Names { service, namespace: args.namespace };
    Ok(Certificate::Managed { params: Params { names, secret, lifetimes }, configurations })
}

fn https(
    args: &HttpsArgs,
    certificate: Certificate,
    warnings: &mut Vec<String>,
) -> Result<Https, ConfigError> {
    if args.max_request_bytes == 0 {
        return Err(refuse("--max-request-bytes", "0", "must be above 0"));
    }
    if args.max_request_bytes > MAX_REQUEST_BYTES {
        return Err(refuse(
            "--max-request-bytes",
            &args.max_request_bytes.to_string(),
            "it must be at most 16Mi: an API server sends some 3 MiB, and all of them share the \
             process's memory",
        ));
    }
    let (min_version, warning) = MinVersion::parse(args.tls_min_version.trim())?;
    warnings.extend(warning);
    let (cipher_suites, warning) = CipherSuites::parse(&args.tls_cipher_suites, min_version)?;
    warnings.extend(warning);
    let clients = clients(args)?;
    Ok(Https {
        address: args.address,
        port: args.port,
        certificate,
        tls: tls::settings::TlsSettings { min_version, cipher_suites },
        clients,
        max_request_bytes: args.max_request_bytes,
    })
}

fn clients(
    args: &HttpsArgs,
) -> Result<Option<tls::clients::ClientCertificateSettings>, ConfigError> {
    let ca_file = optional(args.client_ca_file.clone());
    let allowed_names = match optional(args.client_allowed_names.clone()) {
        Some(names) => Some(AllowedNames::parse(&names).ok_or_else(|| {
            let reason = "it contains no name; leave the flag out to allow any name";
            refuse("--client-allowed-names", &names, reason)
        })?),
        None => None,
    };
    match (ca_file, allowed_names) {
        (Some(ca_file), allowed_names) => Ok(Some(tls::clients::ClientCertificateSettings {
            ca_file: ca_file.into(),
            allowed_names,
        })),
        (None, Some(_)) => Err(ConfigError::NamesWithoutAuthorities),
        (None, None) => Ok(None),
    }
}

fn source(args: SourceArgs) -> Result<Source, ConfigError> {
    let (kubeconfig, kube_api) = (optional(args.kubeconfig), optional(args.kube_api));
    let Some(files) = optional(args.service_accounts) else {
        if let Some(url) = &kube_api {
            http_uri("--kube-api", url.clone())?;
        }
        return Ok(Source::Cluster {
            kubeconfig: kubeconfig.map(PathBuf::from),
            kube_api,
            request_timeout: args.request_timeout.0,
        });
    };
    if kubeconfig.is_some() {
        return Err(ConfigError::TwoSources("--kubeconfig"));
    }
    if kube_api.is_some() {
        return Err(ConfigError::TwoSources("--kube-api"));
    }
    Ok(Source::Files(files.into()))
}

fn lookup(args: &SourceArgs, warnings: &mut Vec<String>) -> Result<Lookup, ConfigError> {
    if args.resync_period != Duration::from_mins(1) {
        warnings.push("--resync-period has no effect: a watch needs no resync".to_owned());
    }
    let mut timeout = args.service_account_lookup_timeout;
    if timeout.is_zero() {
        return Err(refuse(
            "--service-account-lookup-timeout",
            "0",
            "must be above 0; the default is 1s",
        ));
    }
    if !args.service_account_lookup_grace_period.is_zero() {
        timeout = args.service_account_lookup_grace_period;
    }
    Ok(Lookup { timeout, fresh_window: args.fresh_service_account_window })
}

pub(super) fn policy(
    args: WebIdentityArgs,
    region: Option<String>,
    container_credentials: ContainerCredentialsSettings,
    warnings: &mut Vec<String>,
) -> Result<AdmissionSettings, ConfigError> {
    let prefix = annotation_prefix("--annotation-prefix", args.annotation_prefix)?;
    let token_expiration = Expiration::from_seconds(args.token_expiration);
    if token_expiration.seconds() != args.token_expiration {
        warnings.push(format!(
            "--token-expiration={} is changed to {}: Kubernetes accepts {} to {} seconds",
            args.token_expiration,
            token_expiration.seconds(),
            Expiration::MIN.seconds(),
            Expiration::MAX.seconds(),
        ));
    }
    let region = region.map(|value| region_name("--aws-default-region", value)).transpose()?;
    let (sts_endpoint, allowed_sts_endpoints) =
        sts_endpoints(args.sts_endpoint_url, &args.allowed_sts_endpoint_urls, warnings)?;
    let defaults = Defaults {
        audience: injected("--token-audience", args.token_audience)?,
        token_expiration,
        regional_sts: args.sts_regional_endpoint,
        region,
        sts_endpoint,
    };
    let token_mount_path = mount_path("--token-mount-path", args.token_mount_path)?;
    let keys = AnnotationKeys::new(&prefix);
    Ok(AdmissionSettings {
        defaults,
        settings: MutationSettings { keys, token_mount_path, container_credentials },
        allowed_sts_endpoints,
    })
}

/// The STS of the pods, and what annotations may name instead: its own origin
/// where nothing else is allowed.
fn sts_endpoints(
    url: String,
    allowed: &str,
    warnings: &mut Vec<String>,
) -> Result<(Option<StsEndpoint>, AllowedStsEndpoints), ConfigError> {
    let flag = "--sts-endpoint-url";
    let endpoint = optional(url).map(|url| sts_endpoint(flag, &url, warnings)).transpose()?;
    let mut origins = AllowedStsEndpoints::default();
    let flag = "--allowed-sts-endpoint-urls";
    let mut entries = allowed.split(',').filter(|entry| !entry.trim().is_empty()).peekable();
    if let (None, Some(endpoint)) = (entries.peek(), &endpoint) {
        origins.allow(endpoint);
    }
    for entry in entries {
        let endpoint = sts_endpoint(flag, entry, warnings)?;
        origins.allow_origin(&endpoint).map_err(|error| no_sts_endpoint(flag, entry, error))?;
    }
    Ok((endpoint, origins))
}

fn sts_endpoint(
    flag: &'static str,
    url: &str,
    warnings: &mut Vec<String>,
) -> Result<StsEndpoint, ConfigError> {
    let endpoint = StsEndpoint::read(url).map_err(|error| no_sts_endpoint(flag, url, error))?;
    if !endpoint.is_https() {
        warnings.push(format!(
            "{flag} has {}: pods send their tokens there unencrypted; use https://",
            echoed(endpoint.as_str())
        ));
    }
    Ok(endpoint)
}

fn no_sts_endpoint(flag: &'static str, url: &str, source: StsEndpointError) -> ConfigError {
    ConfigError::StsEndpoint { flag, value: echoed(url.trim()), source }
}

pub(super) fn role_names(
    args: RoleArnArgs,
    region: Option<&str>,
    warnings: &mut Vec<String>,
) -> Result<RoleNames, ConfigError> {
    let (id, partition) = (optional(args.aws_account_id), optional(args.aws_partition));
    // Checked by itself, so that the error names the flag that is wrong.
    if let Some(partition) = &partition {
        account("--aws-partition", partition, partition, ANY_ACCOUNT_ID)?;
    }
    if let Some(id) = &id {
        account("--aws-account-id", id, "aws", id)?;
    }
    if !args.compose_role_arn {
        if id.is_some() || partition.is_some() {
            warnings.push(
                "--aws-account-id and --aws-partition have no effect without --compose-role-arn"
                    .to_owned(),
            );
        }
        return Ok(RoleNames::AsWritten);
    }
    let Some(id) = id else {
        return Ok(RoleNames::FromInstanceMetadata { partition });
    };
    let partition =
        partition.as_deref().unwrap_or_else(|| region.map_or("aws", Account::partition_of_region));
    account("--aws-account-id", &id, partition, &id).map(RoleNames::InAccount)
}

fn account(
    flag: &'static str,
    value: &str,
    partition: &str,
    id: &str,
) -> Result<Account, ConfigError> {
    let refused = |source| ConfigError::Account { flag, value: echoed(value), source };
    Account::new(partition, id).map_err(refused)
}

pub(super) fn container_credentials(
    args: ContainerCredentialsArgs,
) -> Result<ContainerCredentialsSettings, ConfigError> {
    Ok(ContainerCredentialsSettings {
        audience: injected("--container-credentials-audience", args.audience)?,
        mount_path: mount_path("--container-credentials-token-mount-path", args.token_mount_path)?,
        volume_name: label("--container-credentials-token-volume-name", args.token_volume_name)?,
        token_path: path_in_volume("--container-credentials-token-path", args.token_path)?,
        full_uri: http_uri("--container-credentials-full-uri", args.full_uri)?,
    })
}
