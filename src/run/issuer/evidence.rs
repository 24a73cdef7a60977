//! What a command goes by: the API server or files, and the issuer over HTTPS.

use std::path::Path;

use anyhow::Context as _;

use super::exit::Exit;
use super::{client, read};
use crate::cli::LiveArgs;
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
        let named = !args.cluster.kubeconfig.is_empty() || !args.cluster.context.is_empty();
        let from_files = files.token.is_some() || files.keys.is_some();
        // With files at hand the environment's kubeconfig need not be asked.
        if !args.from_cluster && (!named || from_files) {
            return Ok(files);
        }
        let Some((namespace, name)) = args.service_account.split_once('/') else {
            let why = format!("--service-account {:?} is not NAMESPACE/NAME", args.service_account);
            return Err(Exit::Usage.because(&why));
        };
        let client = client(args.cluster.clone()).await?;
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
