//! The identity as a container sees it: names, paths and values, the same for
//! both kinds of credentials.

use super::plan::{EnvVar, Variables};
use super::settings::MutationSettings;
use super::windows;
use crate::identity::{Identity, Shared};

pub(super) const WEB_IDENTITY: [&str; 2] = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
pub(super) const REGIONS: [&str; 2] = ["AWS_DEFAULT_REGION", "AWS_REGION"];
pub(super) const REGIONAL_STS: &str = "AWS_STS_REGIONAL_ENDPOINTS";
pub(super) const ROLE_SESSION_NAME: &str = "AWS_ROLE_SESSION_NAME";
pub(super) const STS_ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";
const CONTAINER_CREDENTIALS: [&str; 2] =
    ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];

/// Everything about the identity that a container's plan depends on.
pub(super) struct ContainerIdentity<'p> {
    pub(super) volume_name: &'p str,
    pub(super) mount_path: &'p str,
    pub(super) token_path: &'p str,
    pub(super) credentials: [EnvVar<'p>; 2],
    pub(super) session_name: bool,
    pub(super) sts_endpoint_url: Option<&'p str>,
    pub(super) shared: &'p Shared<'p>,
    pub(super) audience: &'p str,
    pub(super) windows: bool,
}

impl<'p> ContainerIdentity<'p> {
    pub(super) fn of(
        identity: &'p Identity<'p>,
        settings: &'p MutationSettings,
        windows: bool,
    ) -> Self {
        let token_file = |mount_path: &str, token_path: &str| {
            let unix = format!("{}/{token_path}", mount_path.trim_end_matches('/'));
            if windows { windows::path(&unix) } else { unix }
        };
        match identity {
            Identity::WebIdentity(web) => {
                let (mount_path, token_path) = (settings.token_mount_path.as_str(), "token");
                let [role_arn, file] = WEB_IDENTITY;
                Self {
                    volume_name: "aws-iam-token",
                    mount_path,
                    token_path,
                    credentials: [
                        EnvVar::value(role_arn, web.role_arn),
                        EnvVar::value(file, token_file(mount_path, token_path)),
                    ],
                    session_name: web.session_name,
                    sts_endpoint_url: web.sts_endpoint_url,
                    shared: &web.shared,
                    audience: web.audience,
                    windows,
                }
            }
            Identity::ContainerCredentials(container) => {
                let names = &settings.container_credentials;
                let [uri, file] = CONTAINER_CREDENTIALS;
                Self {
                    volume_name: &names.volume_name,
                    mount_path: &names.mount_path,
                    token_path: &names.token_path,
                    credentials: [
                        EnvVar::value(uri, names.full_uri.as_str()),
                        EnvVar::value(file, token_file(&names.mount_path, &names.token_path)),
                    ],
                    session_name: false,
                    sts_endpoint_url: None,
                    shared: &container.shared,
                    audience: &names.audience,
                    windows,
                }
            }
        }
    }

    /// The variables of each group, in the order of the contract. Every container
    /// that lacks a group gets the same ones.
    pub(super) fn variables(&self) -> [Vec<EnvVar<'p>>; Variables::ALL.len()] {
        Variables::ALL.map(|variables| match variables {
            Variables::RegionalSts => vec![EnvVar::value(REGIONAL_STS, "regional")],
            Variables::Region => {
                let region = self.shared.region.unwrap_or_default();
                REGIONS.map(|name| EnvVar::value(name, region)).to_vec()
            }
            Variables::Credentials => self.credentials.to_vec(),
            Variables::SessionName => vec![EnvVar::pod_name(ROLE_SESSION_NAME)],
            Variables::StsEndpoint => self
                .sts_endpoint_url
                .map(|url| EnvVar::value(STS_ENDPOINT, url))
                .into_iter()
                .collect(),
        })
    }

    /// Whether the first of the two variables gives credentials without the
    /// other: an agent's address does, a role's ARN does not.
    pub(super) fn is_first_enough(&self) -> bool {
        !self.is_web_identity()
    }

    pub(super) fn is_web_identity(&self) -> bool {
        self.credentials[0].name == WEB_IDENTITY[0]
    }
}
