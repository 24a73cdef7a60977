//! Which AWS identity a pod gets: keys, annotations, ARNs, the `ConfigMap`
//! and the files that name identities, and the order in which they count.
//!
//! Pure: everything that comes from the world (a `ServiceAccount`, a file's
//! bytes, a flag's value) comes in as an argument.

pub use arn::{Account, AccountError, RoleArn};

mod annotations;
mod config_map;
mod container_credentials;
mod decide;
mod manifests;
pub(crate) mod near_miss;
mod service_account;
mod skipped;
mod sts_endpoint;
mod value;
mod warning;

pub use annotations::{
    AnnotationKeys, Expiration, each_container_name, parse_bool, token_expiration,
};
pub use config_map::{ConfigMapEntry, ConfigMapError, ConfigMapIdentities};
pub use container_credentials::{ContainerCredentialsError, ContainerCredentialsKeys};
pub use decide::{
    ContainerCredentials, Identity, Lookup, LookupFailed, Observed, Shared, WebIdentity,
};
pub use manifests::{
    ConfigMapManifest, ManifestError, Manifests, ServiceAccountManifest, documents,
};
pub use near_miss::is_near_miss_on_pod;
pub use service_account::{ServiceAccount, ServiceAccountReader};
pub use skipped::Skipped;
pub use sts_endpoint::{AllowedStsEndpoints, StsEndpoint, StsEndpointError};
pub use value::{MAX_PREFIX_BYTES, MAX_REGION_BYTES, MAX_VALUE_BYTES, is_region};
pub use warning::{Warning, WarningKind, Warnings};

/// A `ServiceAccount` by namespace and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key<'a> {
    /// The `ServiceAccount`'s namespace.
    pub namespace: &'a str,
    /// The `ServiceAccount`'s name.
    pub name: &'a str,
}

impl std::fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// The flags' values: what counts where neither a pod, a `ServiceAccount`
/// nor the `ConfigMap` says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// `--token-audience`: the audience of web identity's token.
    pub audience: String,
    /// `--token-expiration`: how long a token lives.
    pub token_expiration: Expiration,
    /// `--sts-regional-endpoint`: whether SDKs call STS in their own region.
    pub regional_sts: bool,
    /// `--aws-default-region`: the region of pods that name none; `None` leaves
    /// it to the SDK.
    pub region: Option<String>,
    /// `--sts-endpoint-url`: the STS that pods send their tokens to; `None` leaves
    /// it to the SDK.
    pub sts_endpoint: Option<StsEndpoint>,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            audience: "sts.amazonaws.com".to_owned(),
            token_expiration: Expiration::DEFAULT,
            regional_sts: false,
            region: None,
            sts_endpoint: None,
        }
    }
}
