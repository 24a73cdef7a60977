//! `issuer verify`: an issuer as STS sees it.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde::Serialize;

use super::report::write_checks;
use super::{Ended, client, read};
use crate::cli::{ReportFormat, VerifyArgs};
use crate::fetch::Fetcher;
use crate::issuer::verify::{Against, check};
use crate::issuer::{Check, IssuerUrl, Published, Thumbprint, Token};
use crate::live_issuer::{LiveIssuer, token};

#[derive(Serialize)]
struct Report<'a> {
    issuer: &'a str,
    checks: &'a [Check],
    thumbprint: Option<&'a Thumbprint>,
}

pub(super) async fn run(args: VerifyArgs) -> anyhow::Result<Ended> {
    let fetcher = match &args.ca_file {
        None => Fetcher::public()?,
        Some(path) => Fetcher::with_authorities(&read(path)?)
            .with_context(|| format!("failed to use --ca-file {}", path.display()))?,
    };
    let (token, live) = evidence(&args).await?;
    // Whatever is wrong with the URL, what it leads to may tell more.
    let discovery_url = match IssuerUrl::parse(&args.url) {
        Ok(url) => url.discovery_url(),
        Err(_) => args.url.clone(),
    };
    let published = fetcher.published(&discovery_url).await;
    let live = live.as_ref().map(|live| &live.keys);
    let against = Against { token: token.as_ref(), live, now: Timestamp::now() };
    let checks = check(&args.url, &published, &against);
    let thumbprint = thumbprint(&published);
    report(&args, &checks, thumbprint.as_ref()).context("failed to print the report")?;
    Ok(if checks.iter().any(Check::failed) { Ended::Failed } else { Ended::Well })
}

/// The token to verify, and what the API server publishes.
async fn evidence(args: &VerifyArgs) -> anyhow::Result<(Option<Token>, Option<LiveIssuer>)> {
    let from_file = match &args.token {
        Some(path) => {
            let text = read(path)?;
            let token = Token::parse(&String::from_utf8_lossy(&text));
            Some(token.with_context(|| format!("failed to use --token {}", path.display()))?)
        }
        None => None,
    };
    let named = !args.cluster.kubeconfig.is_empty() || !args.cluster.context.is_empty();
    // With a token at hand the environment's kubeconfig need not be asked.
    if !args.from_cluster && (!named || from_file.is_some()) {
        return Ok((from_file, None));
    }
    let Some((namespace, name)) = args.service_account.split_once('/') else {
        bail!("--service-account {:?} is not NAMESPACE/NAME", args.service_account);
    };
    let client = client(args.cluster.clone()).await?;
    let live = LiveIssuer::get(&client).await?;
    let token = token(&client, namespace, name, &args.audience).await?;
    Ok((Some(token), Some(live)))
}

/// Of the server that has the keys: that is the one IAM asks for.
fn thumbprint(published: &Published) -> Option<Thumbprint> {
    let answer = published.jwks.as_ref()?.as_ref().ok()?;
    Thumbprint::of_chain(&answer.chain)
}

fn report(
    args: &VerifyArgs,
    checks: &[Check],
    thumbprint: Option<&Thumbprint>,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if args.output == ReportFormat::Json {
        let report = Report { issuer: &args.url, checks, thumbprint };
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        return Ok(());
    }
    write_checks(&mut out, checks, "")?;
    let Some(Thumbprint { sha1, subject }) = thumbprint else { return Ok(()) };
    writeln!(out, "\nthumbprint {sha1}  (SHA-1 of {subject})")?;
    let need = if args.ca_file.is_some() {
        "IAM needs it, as the certificate is of an authority of your own"
    } else {
        "IAM finds it by itself, and ignores it as long as the certificate is of a public authority"
    };
    writeln!(out, "{need}.")?;
    Ok(())
}
