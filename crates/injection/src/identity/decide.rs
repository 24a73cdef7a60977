//! The decision: from what is known about a key to the identity it gets.

use std::sync::Arc;

use super::{
    ConfigMapEntry, Defaults, Expiration, ServiceAccount, StsEndpoint, Warning, WarningKind,
    Warnings,
};

/// The result of looking something up. "Not known" is never "not there".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observed<T> {
    /// It exists, and this is what it says.
    Known(T),
    /// It is known not to exist.
    Absent,
    /// It could not be looked up. The value is the reason, in one line.
    Unknown(Arc<str>),
}

/// What the sources of identities say about one [`Key`](super::Key).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The container credentials file lists the key.
    pub container_credentials: bool,
    /// The `ServiceAccount`; `Absent` also for one without any annotation of the webhook.
    pub service_account: Observed<Arc<ServiceAccount>>,
    /// The entry of the `ConfigMap` for the key.
    pub config_map_entry: Observed<Arc<ConfigMapEntry>>,
}

/// The AWS identity of a pod, with every value that its sources and the flags give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity<'a> {
    /// A role, through a web identity token.
    WebIdentity(WebIdentity<'a>),
    /// Credentials from the agent on the node.
    ContainerCredentials(ContainerCredentials<'a>),
}

/// A role that the SDK assumes with the pod's token (IRSA).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentity<'a> {
    /// The role's ARN: the value of `AWS_ROLE_ARN`.
    pub role_arn: &'a str,
    /// The audience of the token, which STS checks against IAM's provider.
    pub audience: &'a str,
    /// Whether the session is named after the pod (`AWS_ROLE_SESSION_NAME`).
    pub session_name: bool,
    /// The value of `AWS_ENDPOINT_URL_STS`; `None` adds none.
    pub sts_endpoint_url: Option<&'a str>,
    /// The values that both kinds of identity have.
    pub shared: Shared<'a>,
}

/// Credentials from the agent on the node (EKS Pod Identity).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerCredentials<'a> {
    /// The values that both kinds of identity have.
    pub shared: Shared<'a>,
}

/// The values that both kinds of identity have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared<'a> {
    /// How long the pod's token lives.
    pub token_expiration: Expiration,
    /// Whether `AWS_STS_REGIONAL_ENDPOINTS=regional` is set.
    pub regional_sts: bool,
    /// The value of `AWS_REGION` and `AWS_DEFAULT_REGION`; `None` adds neither.
    pub region: Option<&'a str>,
}

/// The identity depends on a source that could not be read. The value is the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LookupFailed(pub Arc<str>);

impl Lookup {
    /// The identity of the pod. The first source that has one decides: container
    /// credentials, then the annotation, then the `ConfigMap`. `None` means that no source
    /// has one.
    ///
    /// # Errors
    /// [`LookupFailed`] where a source that might decide is unknown.
    pub fn identity<'a>(
        &'a self,
        defaults: &'a Defaults,
    ) -> Result<Option<Identity<'a>>, LookupFailed> {
        if self.container_credentials {
            let shared = self.container_credentials_values(defaults);
            return Ok(Some(Identity::ContainerCredentials(ContainerCredentials { shared })));
        }
        match &self.service_account {
            Observed::Unknown(reason) => return Err(LookupFailed(Arc::clone(reason))),
            Observed::Known(sa) if sa.role.is_some() => return Ok(annotated(sa, defaults)),
            Observed::Known(sa) if sa.has_oversized_role => return Ok(None),
            Observed::Known(_) | Observed::Absent => {}
        }
        match &self.config_map_entry {
            Observed::Unknown(reason) => Err(LookupFailed(Arc::clone(reason))),
            Observed::Known(entry) => Ok(configured(entry, defaults)),
            Observed::Absent => Ok(None),
        }
    }

    /// What is wrong with the source that decides, and which sources could not be read
    /// although the identity does not depend on them.
    #[must_use]
    pub fn warnings(&self) -> Warnings {
        let mut warnings = match &self.service_account {
            Observed::Known(sa) => sa.warnings.clone(),
            Observed::Absent | Observed::Unknown(_) => Warnings::default(),
        };
        if !self.container_credentials
            && !self.is_annotated()
            && let Some(entry) = self.config_map_entry.known()
        {
            warnings.append(&entry.warnings);
            warnings.extend(entry.role.as_ref().and_then(Warning::odd_role));
        }
        let unknown = match (&self.service_account, &self.config_map_entry) {
            (Observed::Unknown(_), _) => Some("ServiceAccount"),
            (_, Observed::Unknown(_)) => Some("ConfigMap"),
            _ => None,
        };
        if let (true, Some(what)) = (self.container_credentials, unknown) {
            warnings.push(Warning::new(
                WarningKind::LookupFailed,
                format!(
                    "failed to look up the {what}; using the webhook's default token expiration and region"
                ),
            ));
        }
        warnings
    }

    /// Whether the `ServiceAccount` is known to have no role of its own.
    pub(crate) fn has_no_role(&self) -> bool {
        match &self.service_account {
            Observed::Known(sa) => sa.role.is_none() && !sa.has_oversized_role,
            Observed::Absent => true,
            Observed::Unknown(_) => false,
        }
    }

    fn is_annotated(&self) -> bool {
        self.service_account.known().is_some_and(|sa| sa.role.is_some() || sa.has_oversized_role)
    }

    /// Each value from the `ServiceAccount`, else the `ConfigMap` entry, else
    /// the flag; from the flags alone where the `ServiceAccount`, which would
    /// win over the entry, is unknown.
    fn container_credentials_values<'a>(&'a self, defaults: &'a Defaults) -> Shared<'a> {
        let sa = self.service_account.known();
        let sa_is_unknown = matches!(self.service_account, Observed::Unknown(_));
        let entry = self.config_map_entry.known().filter(|_| !sa_is_unknown);
        Shared {
            token_expiration: sa
                .and_then(|sa| sa.token_expiration)
                .or_else(|| entry.and_then(|entry| entry.token_expiration))
                .unwrap_or(defaults.token_expiration),
            regional_sts: sa
                .and_then(|sa| sa.regional_sts)
                .or_else(|| entry.and_then(|entry| entry.regional_sts))
                .unwrap_or(defaults.regional_sts),
            region: sa.and_then(|sa| sa.region.as_deref()).or(defaults.region.as_deref()),
        }
    }
}

impl<T> Observed<Arc<T>> {
    fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Absent | Self::Unknown(_) => None,
        }
    }
}

fn annotated<'a>(sa: &'a ServiceAccount, defaults: &'a Defaults) -> Option<Identity<'a>> {
    Some(Identity::WebIdentity(WebIdentity {
        role_arn: sa.role.as_ref()?.as_str(),
        audience: sa.audience.as_deref().unwrap_or(&defaults.audience),
        session_name: sa.session_name,
        sts_endpoint_url: sa
            .sts_endpoint
            .as_deref()
            .or(defaults.sts_endpoint.as_ref())
            .map(StsEndpoint::as_str),
        shared: Shared {
            token_expiration: sa.token_expiration.unwrap_or(defaults.token_expiration),
            regional_sts: sa.regional_sts.unwrap_or(defaults.regional_sts),
            region: sa.region.as_deref().or(defaults.region.as_deref()),
        },
    }))
}

fn configured<'a>(entry: &'a ConfigMapEntry, defaults: &'a Defaults) -> Option<Identity<'a>> {
    Some(Identity::WebIdentity(WebIdentity {
        role_arn: entry.role.as_ref()?.as_str(),
        audience: entry.audience.as_deref().unwrap_or(&defaults.audience),
        session_name: false,
        sts_endpoint_url: defaults.sts_endpoint.as_ref().map(StsEndpoint::as_str),
        shared: Shared {
            token_expiration: entry.token_expiration.unwrap_or(defaults.token_expiration),
            regional_sts: entry.regional_sts.unwrap_or(defaults.regional_sts),
            region: defaults.region.as_deref(),
        },
    }))
}

impl<'a> Identity<'a> {
    /// The values that both kinds of identity have.
    #[must_use]
    pub fn shared(&self) -> &Shared<'a> {
        match self {
            Self::WebIdentity(web) => &web.shared,
            Self::ContainerCredentials(container) => &container.shared,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::RoleArn;
    use super::*;

    fn sa(role: Option<&str>) -> Observed<Arc<ServiceAccount>> {
        Observed::Known(Arc::new(ServiceAccount {
            role: role.and_then(|role| RoleArn::read(role, None)),
            token_expiration: Some(Expiration::from_seconds(700)),
            region: Some("eu-west-1".into()),
            ..ServiceAccount::default()
        }))
    }

    fn entry(role: &str) -> Observed<Arc<ConfigMapEntry>> {
        Observed::Known(Arc::new(ConfigMapEntry {
            role: RoleArn::read(role, None),
            regional_sts: Some(true),
            token_expiration: Some(Expiration::from_seconds(800)),
            ..ConfigMapEntry::default()
        }))
    }

    fn unknown<T>() -> Observed<T> {
        Observed::Unknown("the API server did not answer".into())
    }

    fn lookup(
        container_credentials: bool,
        service_account: Observed<Arc<ServiceAccount>>,
        config_map_entry: Observed<Arc<ConfigMapEntry>>,
    ) -> Lookup {
        Lookup { container_credentials, service_account, config_map_entry }
    }

    #[test]
    fn takes_the_first_source_that_matches() {
        let defaults = Defaults::default();
        let role = |lookup: &Lookup| match lookup.identity(&defaults) {
            Ok(Some(Identity::WebIdentity(web))) => web.role_arn.to_owned(),
            Ok(Some(Identity::ContainerCredentials(_))) => "container".to_owned(),
            Ok(None) => "none".to_owned(),
            Err(_) => "failed".to_owned(),
        };
        for (lookup, expected) in [
            (lookup(true, sa(Some("sa")), entry("cm")), "container"),
            (lookup(true, unknown(), unknown()), "container"),
            (lookup(false, sa(Some("sa")), entry("cm")), "sa"),
            (lookup(false, sa(Some("sa")), unknown()), "sa"),
            (lookup(false, sa(None), entry("cm")), "cm"),
            (lookup(false, Observed::Absent, entry("cm")), "cm"),
            (lookup(false, Observed::Absent, entry("")), "none"),
            (lookup(false, Observed::Absent, Observed::Absent), "none"),
            (lookup(false, unknown(), entry("cm")), "failed"),
            (lookup(false, sa(None), unknown()), "failed"),
        ] {
            assert_eq!(role(&lookup), expected, "{lookup:?}");
        }
    }

    #[test]
    fn ends_the_search_at_a_role_that_is_too_long() {
        let defaults = Defaults::default();
        let oversized = || {
            Observed::Known(Arc::new(ServiceAccount {
                has_oversized_role: true,
                ..ServiceAccount::default()
            }))
        };
        for entry in [entry("cm"), unknown(), Observed::Absent] {
            assert_eq!(lookup(false, oversized(), entry).identity(&defaults), Ok(None));
        }
        let listed = lookup(true, oversized(), entry("cm"));
        assert!(listed.identity(&defaults).is_ok_and(|identity| identity.is_some()));
    }

    #[test]
    fn leaves_the_annotations_out_where_the_config_map_gave_the_role() {
        let defaults = Defaults::default();
        let lookup = lookup(false, sa(None), entry("cm"));
        let identity = lookup.identity(&defaults).expect("known").expect("configured");
        assert_eq!(identity.shared().token_expiration.seconds(), 800);
        assert_eq!(identity.shared().region, None);
    }

    #[test]
    fn gives_container_credentials_each_value_from_the_first_source_that_has_it() {
        let defaults = Defaults::default();
        let lookup = lookup(true, sa(None), entry("cm"));
        let identity = lookup.identity(&defaults).expect("known").expect("listed");
        let shared = identity.shared();
        assert_eq!(shared.token_expiration.seconds(), 700);
        assert!(shared.regional_sts);
        assert_eq!(shared.region, Some("eu-west-1"));
    }

    #[test]
    fn keeps_what_the_service_account_says_where_the_config_map_is_unknown() {
        let defaults = Defaults::default();
        let lookup = lookup(true, sa(None), unknown());
        let identity = lookup.identity(&defaults).expect("known").expect("listed");
        assert_eq!(identity.shared().token_expiration.seconds(), 700);
        assert_eq!(identity.shared().region, Some("eu-west-1"));
        assert!(lookup.warnings()[0].message().contains("look up the ConfigMap;"));
    }

    #[test]
    fn gives_container_credentials_the_flags_values_and_says_so_when_the_lookup_fails() {
        let defaults = Defaults::default();
        let lookup = lookup(true, unknown(), entry("cm"));
        let identity = lookup.identity(&defaults).expect("known").expect("listed");
        assert_eq!(identity.shared().token_expiration, Expiration::DEFAULT);
        assert_eq!(lookup.warnings()[0].kind, WarningKind::LookupFailed);
    }
}
