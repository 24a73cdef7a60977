//! What a command goes by: the API server or files, and the issuer over HTTPS.

use std::path::Path;

use anyhow::Context as _;

use super::exit::{Exit, OrMisuse as _};
use super::{client, read};
use crate::cli::LiveArgs;
use crate::config::user_cluster;
use crate::evidence::live_issuer::{self, LiveIssuer};
use crate::http_client::issuer_documents::Fetcher;
use issuer::rollout::ApiServerFlags;
use issuer::{Jwks, Token};

/// What the API server does now, as far as it is known.
#[derive(Default)]
pub(super) struct Live {
    pub(super) token: Option<Token>,
    pub(super) keys: Option<Jwks>,
    /// Of those that run as pods.
    pub(super) servers: Vec<ApiServerFlags>,
}

impl Live {
    pub(super) async fn of(args: &LiveArgs) -> anyhow::Result<Self> {
        let files = Self::from_files(args)?;
        let named = user_cluster(args.cluster.clone()).or_misuse()?.is_named();
        let from_files = files.token.is_some() || files.keys.is_some();
        // With files at hand the environment's kubeconfig need not be asked.
        if !args.from_cluster && (!named || from_files) {
            return Ok(files);
        }
        let named = args.service_account.as_str();
        let (namespace, name) = match named.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, named),
        };
        // They become parts of a path.
        let is_name = |text: &str| {
            let allowed =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            !text.is_empty() && text.chars().all(allowed)
        };
        if !is_name(name) || !namespace.is_none_or(is_name) {
            let why = format!("--service-account {named:?} is not NAME or NAMESPACE/NAME");
            return Err(Exit::Usage.because(&why));
        }
        let (client, current) = client(args.cluster.clone()).await?;
        let namespace = namespace.unwrap_or(&current);
        let keys = LiveIssuer::get(&client).await?.keys;
        let token = live_issuer::token(&client, namespace, name, &args.audience).await?;
        // Who may not list them is asked for files where it matters.
        let servers = live_issuer::api_servers(&client).await.unwrap_or_default();
        Ok(Self { token: Some(token), keys: Some(keys), servers })
    }

    fn from_files(args: &LiveArgs) -> anyhow::Result<Self> {
        let mut live = Self::default();
        if let Some(path) = &args.token {
            let token = Token::parse(&String::from_utf8_lossy(&read(path)?));
            let failed = || format!("failed to use --token {}", path.display());
            live.token = Some(token.with_context(failed)?);
        }
        if let Some(path) = &args.api_server_keys {
            let keys = Jwks::parse(&read(path)?);
            let failed = || format!("failed to use --api-server-keys {}", path.display());
            live.keys = Some(keys.with_context(failed)?);
        }
        Ok(live)
    }
}

pub(super) fn fetcher(ca_file: Option<&Path>) -> anyhow::Result<Fetcher> {
    match ca_file {
        None => Ok(Fetcher::public()?),
        Some(path) => Fetcher::with_authorities(&read(path)?)
            .with_context(|| format!("failed to use --ca-file {}", path.display())),
    }
}
