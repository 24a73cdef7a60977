//! How the webhook is installed, as far as it decides about pods: by the flags of
//! the command line, and by those of the webhook itself where they can be read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::checks::{label, optional};
use super::inject::settings;
use super::{ConfigError, RoleNames};
use crate::cli::{
    ConfigMapArgs, ContainerCredentialsArgs, RoleArnArgs, ServeArgs, SettingsArgs, WebIdentityArgs,
    deployed,
};
use diagnosis::{CommandLine, WebhookFlags};
use injection::admission::AdmissionSettings;
use text::shortened;

/// What decides about pods beside the cluster's objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Installation {
    pub policy: AdmissionSettings,
    pub role_names: RoleNames,
    /// The namespace of the `ConfigMap`, where that counts.
    pub config_map_in: Option<String>,
    pub container_credentials_file: Option<PathBuf>,
    /// The Secret that the webhook serves its certificate from.
    pub tls_secret: String,
    /// All of that as flags of `serve`.
    flags: BTreeMap<&'static str, String>,
}

impl Installation {
    /// By the flags of a command that predicts what the webhook does.
    pub(super) fn from_args(
        args: SettingsArgs,
        config_map: ConfigMapArgs,
        tls_secret: String,
        warnings: &mut Vec<String>,
    ) -> Result<Self, ConfigError> {
        let ConfigMapArgs { watch_config_map, webhook_namespace } = config_map;
        let namespace = label("--webhook-namespace", webhook_namespace)?;
        if !tls_secret.is_empty() {
            label("--tls-secret", tls_secret.clone())?;
        }
        let flags = flags(&args, watch_config_map, &namespace, &tls_secret);
        let (policy, identity) = settings(args, namespace, watch_config_map, warnings)?;
        Ok(Self {
            policy,
            role_names: identity.role_names,
            config_map_in: watch_config_map.then_some(identity.namespace),
            container_credentials_file: identity.container_credentials_file,
            tls_secret,
            flags,
        })
    }

    /// By the webhook's own flags. Where one of them is not known, the command line's
    /// counts. What differs between the two comes as notes.
    ///
    /// # Errors
    /// Why `serve` would not take them.
    pub fn deployed(&self, webhook: &WebhookFlags) -> Result<(Self, Vec<String>), String> {
        let defaults = default_flags()?;
        let own = |name: &str| self.flags.get(name).filter(|it| Some(*it) != defaults.get(name));
        let mut all = webhook.flags.clone();
        let mut notes = Vec::new();
        for name in self.flags.keys() {
            let Some(value) = own(name) else { continue };
            let theirs = all.get(*name).or_else(|| defaults.get(name)).cloned().unwrap_or_default();
            if webhook.is_unsure(name) {
                all.insert((*name).to_owned(), value.clone());
            } else if theirs != *value && !is_a_file(name) {
                notes.push(format!(
                    "the webhook runs with --{name}={:?}, which counts, not {:?} of the command line ({})",
                    shortened(&theirs, 200),
                    shortened(value, 200),
                    webhook.of
                ));
            }
        }
        if !webhook.not_known.is_empty() {
            notes.push(format!(
                "some flags of the webhook are not known, so those of this command line count: {} ({})",
                webhook.not_known.join(", "),
                webhook.of
            ));
        }
        let mut installation = Self::of_serve(serve_args(&all)?)?;
        if matches!(installation.role_names, RoleNames::FromInstanceMetadata { .. }) {
            // That is another machine's.
            installation.role_names = self.role_names.clone();
            if self.role_names == RoleNames::AsWritten {
                notes.push(
                    "the webhook completes role names with the account of its node, which is not \
                     known here; pass --compose-role-arn and --aws-account-id"
                        .to_owned(),
                );
            }
        }
        Ok((installation, notes))
    }

    fn of_serve(args: ServeArgs) -> Result<Self, String> {
        let ServeArgs { web_identity, role_arn, container_credentials, managed, source, .. } = args;
        let settings = SettingsArgs { web_identity, role_arn, container_credentials };
        let config_map = ConfigMapArgs {
            watch_config_map: source.watch_config_map,
            webhook_namespace: managed.namespace,
        };
        // The webhook's log has its warnings.
        Self::from_args(settings, config_map, managed.tls_secret, &mut Vec::new())
            .map_err(|error| error.to_string())
    }
}

/// What the checks read of the command line of a webhook's workload.
///
/// # Errors
/// Why it is no command line of `serve`; never with a value of an argument.
pub fn webhook_flags(of: String, line: CommandLine) -> Result<WebhookFlags, String> {
    let args = deployed(&line.args, &line.env).map_err(|error| {
        format!("the arguments of {of} are not those of serve: {}", error.kind())
    })?;
    let defaults = default_flags()?;
    let ServeArgs { web_identity, role_arn, container_credentials, managed, source, .. } = args;
    let settings = SettingsArgs { web_identity, role_arn, container_credentials };
    let flags = flags(&settings, source.watch_config_map, &managed.namespace, &managed.tls_secret);
    // What is given counts before what may come from elsewhere, though it be the default.
    let is_given = |name: &str| {
        let words = line.args.iter().filter_map(|word| word.strip_prefix("--"));
        let mut flags = words.map(|word| word.split_once('=').map_or(word, |(flag, _)| flag));
        !line.not_known.is_empty() && flags.any(|flag| flag == name)
    };
    let flags = flags
        .into_iter()
        .filter(|(name, value)| defaults.get(name) != Some(value) || is_given(name));
    let flags = flags.map(|(name, value)| (name.to_owned(), value)).collect();
    Ok(WebhookFlags { of, flags, not_known: line.not_known })
}

fn default_flags() -> Result<BTreeMap<&'static str, String>, String> {
    let args = serve_args(&BTreeMap::new())?;
    let settings = SettingsArgs {
        web_identity: args.web_identity,
        role_arn: args.role_arn,
        container_credentials: args.container_credentials,
    };
    let (map, namespace) = (args.source.watch_config_map, args.managed.namespace);
    Ok(flags(&settings, map, &namespace, &args.managed.tls_secret))
}

fn serve_args(flags: &BTreeMap<String, String>) -> Result<ServeArgs, String> {
    let args: Vec<_> = flags.iter().map(|(name, value)| format!("--{name}={value}")).collect();
    deployed(&args, &BTreeMap::new()).map_err(|error| error.kind().to_string())
}

/// A path means another file on another machine.
fn is_a_file(flag: &str) -> bool {
    flag == "watch-container-credentials-config"
}

/// The flags of `serve` that decide about pods. A new one does not compile until it stands here.
fn flags(
    settings: &SettingsArgs,
    watch_config_map: bool,
    namespace: &str,
    tls_secret: &str,
) -> BTreeMap<&'static str, String> {
    let SettingsArgs { web_identity, role_arn, container_credentials } = settings;
    let WebIdentityArgs {
        annotation_prefix,
        token_audience,
        token_mount_path,
        token_expiration,
        aws_default_region,
        sts_regional_endpoint,
        sts_endpoint_url,
        allowed_sts_endpoint_urls,
    } = web_identity;
    let RoleArnArgs { compose_role_arn, aws_account_id, aws_partition } = role_arn;
    let ContainerCredentialsArgs {
        config,
        audience,
        token_mount_path: container_mount_path,
        token_volume_name,
        token_path,
        full_uri,
    } = container_credentials;
    let mut flags = BTreeMap::from([
        ("annotation-prefix", annotation_prefix.clone()),
        ("token-audience", token_audience.clone()),
        ("token-mount-path", token_mount_path.clone()),
        ("token-expiration", token_expiration.to_string()),
        ("aws-default-region", aws_default_region.clone()),
        ("sts-regional-endpoint", sts_regional_endpoint.to_string()),
        ("sts-endpoint-url", sts_endpoint_url.clone()),
        ("allowed-sts-endpoint-urls", allowed_sts_endpoint_urls.clone()),
        ("compose-role-arn", compose_role_arn.to_string()),
        ("aws-account-id", aws_account_id.clone()),
        ("aws-partition", aws_partition.clone()),
        ("watch-container-credentials-config", config.clone()),
        ("container-credentials-audience", audience.clone()),
        ("container-credentials-token-mount-path", container_mount_path.clone()),
        ("container-credentials-token-volume-name", token_volume_name.clone()),
        ("container-credentials-token-path", token_path.clone()),
        ("container-credentials-full-uri", full_uri.clone()),
        ("watch-config-map", watch_config_map.to_string()),
        ("tls-secret", tls_secret.to_owned()),
    ]);
    if watch_config_map {
        // Nothing else is in it that decides about pods.
        flags.insert("namespace", namespace.to_owned());
    }
    flags.retain(|_, value| optional(value.clone()).is_some());
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_command_line(args: &[&str]) -> Installation {
        let args: Vec<_> = args.iter().map(ToString::to_string).collect();
        Installation::of_serve(deployed(&args, &BTreeMap::new()).unwrap()).unwrap()
    }

    fn of_webhook(args: &[&str], not_known: &[&str]) -> WebhookFlags {
        let args = args.iter().map(ToString::to_string).collect();
        let not_known = not_known.iter().map(ToString::to_string).collect();
        let line = CommandLine { args, not_known, ..CommandLine::default() };
        webhook_flags("deployment/x in namespace eks".to_owned(), line).unwrap()
    }

    #[test]
    fn keeps_what_is_not_the_default_and_nothing_that_no_check_reads() {
        let args = [
            "serve",
            "--port=8443",
            "--annotation-prefix=x.io",
            "--token-expiration=600",
            "--namespace=eks-2",
            "--tls-key=/hush",
            "--watch-config-map",
        ];
        let flags = of_webhook(&args, &[]).flags;
        let kept: Vec<_> = flags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let wanted = [
            "annotation-prefix=x.io",
            "namespace=eks-2",
            "token-expiration=600",
            "watch-config-map=true",
        ];
        assert_eq!(kept, wanted);
        for name in by_command_line(&args).flags.keys() {
            assert!(diagnosis::CHECKED_FLAGS.contains(name), "{name} would not be saved");
        }
        let line = CommandLine { args: vec!["--port=hush".to_owned()], ..CommandLine::default() };
        let error = webhook_flags("deployment/x".to_owned(), line).unwrap_err();
        assert!(!error.contains("hush"), "{error}");
    }

    #[test]
    fn takes_the_webhooks_own_flags_and_notes_where_the_command_line_differs() {
        let mine = by_command_line(&["--token-audience=mine", "--aws-default-region=eu-west-1"]);
        let theirs =
            of_webhook(&["--aws-default-region=eu-west-1", "--annotation-prefix=x.io"], &[]);
        let (installed, notes) = mine.deployed(&theirs).unwrap();
        assert_eq!(installed.policy.defaults.audience, "sts.amazonaws.com");
        assert_eq!(installed.policy.settings.keys.role_arn, "x.io/role-arn");
        let [note] = notes.as_slice() else { panic!("{notes:?}") };
        assert!(
            note.contains("--token-audience=\"sts.amazonaws.com\"") && note.contains("\"mine\""),
            "{note}"
        );
        // What is not known of them is taken from the command line.
        for not_known in ["--token-audience", "PODID_TOKEN_AUDIENCE", "envFrom", "an argument"] {
            let theirs = of_webhook(&["--annotation-prefix=x.io"], &[not_known]);
            let (installed, notes) = mine.deployed(&theirs).unwrap();
            assert_eq!(installed.policy.defaults.audience, "mine");
            assert_eq!(installed.policy.settings.keys.role_arn, "x.io/role-arn");
            assert!(notes.iter().any(|it| it.contains(not_known)), "{notes:?}");
            assert!(!notes.iter().any(|it| it.contains("which counts, not \"mine\"")), "{notes:?}");
        }
        // What the webhook is given counts, though it be the default.
        for not_known in ["PODID_TOKEN_AUDIENCE", "envFrom", "an argument"] {
            let theirs = of_webhook(&["--token-audience=sts.amazonaws.com"], &[not_known]);
            let (installed, notes) = mine.deployed(&theirs).unwrap();
            assert_eq!(installed.policy.defaults.audience, "sts.amazonaws.com", "{not_known}");
            assert!(notes.iter().any(|it| it.contains("--token-audience=")), "{notes:?}");
        }
    }

    #[test]
    fn never_takes_the_account_of_another_machine() {
        let theirs = of_webhook(&["--compose-role-arn"], &[]);
        let (installed, notes) = by_command_line(&[]).deployed(&theirs).unwrap();
        assert_eq!(installed.role_names, RoleNames::AsWritten);
        assert_eq!(notes.len(), 1, "{notes:?}");
        let mine = by_command_line(&["--compose-role-arn", "--aws-account-id=111122223333"]);
        let (installed, _) = mine.deployed(&theirs).unwrap();
        assert!(matches!(installed.role_names, RoleNames::InAccount(_)));
    }
}
