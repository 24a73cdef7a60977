//! `issuer verify`: an issuer as STS sees it.

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;

use super::Ended;
use super::evidence::{Live, fetcher};
use super::report::write_checks;
use crate::cli::VerifyArgs;
use crate::crypto;
use crate::http_client::issuer_documents::Fetcher;
use crate::run::output::{self, Head, Progress};
use crate::run::report::{self, Kind, Summary};
use issuer::verify::{Against, check};
use issuer::{IssuerCheck, IssuerUrl, PublishedDocuments, Thumbprint, Tls12, thumbprint_need};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    issuer: &'a str,
    checks: &'a [IssuerCheck],
    thumbprint: Option<&'a Thumbprint>,
    /// Where the server sends its root as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    root_thumbprint: Option<&'a Thumbprint>,
    tls12: Option<&'a Tls12>,
}

/// What IAM may have to know of the server that has the keys.
struct Server {
    thumbprint: Thumbprint,
    root: Option<Thumbprint>,
    tls12: Tls12,
}

pub(super) async fn run(args: VerifyArgs) -> anyhow::Result<Ended> {
    let fetcher = fetcher(args.ca_file.as_deref())?;
    let mut progress = Progress::new();
    progress.say("reading the token and the keys ...");
    let Live { token, keys: live, .. } = Live::of(&args.live).await?;
    // Whatever is wrong with the URL, what it leads to may tell more.
    let discovery_url = match IssuerUrl::parse(&args.url) {
        Ok(url) => url.discovery_url(),
        Err(_) => args.url.clone(),
    };
    progress.say(format_args!("fetching {discovery_url} ..."));
    let published = fetcher.published(&discovery_url).await;
    let against = Against {
        token: token.as_ref(),
        audience: Some(&args.live.audience),
        live: live.as_ref(),
        now: Timestamp::now(),
    };
    let checks = check(&args.url, &published, &against, crypto::ISSUER.verify);
    progress.say("trying TLS 1.2 ...");
    let server = server(&fetcher, &published).await;
    drop(progress);
    tell(&args, &checks, server.as_ref()).context("failed to print the report")?;
    Ok(if checks.iter().any(IssuerCheck::failed) { Ended::Failed } else { Ended::Well })
}

async fn server(fetcher: &Fetcher, published: &PublishedDocuments) -> Option<Server> {
    let answer = published.jwks.as_ref()?.as_ref().ok()?;
    let thumbprint = Thumbprint::of_chain(&answer.chain)?;
    let root = Thumbprint::of_root(&answer.chain);
    Some(Server { thumbprint, root, tls12: fetcher.tls12(&answer.url).await })
}

fn tell(args: &VerifyArgs, checks: &[IssuerCheck], server: Option<&Server>) -> anyhow::Result<()> {
    if let Some(format) = args.output.data() {
        let body = Report {
            issuer: &args.url,
            checks,
            thumbprint: server.map(|it| &it.thumbprint),
            root_thumbprint: server.and_then(|it| it.root.as_ref()),
            tls12: server.map(|it| &it.tls12),
        };
        let summary = Summary::of(checks.iter().map(|check| check.outcome.into()));
        return Ok(report::print(format, Kind::IssuerReport, &body, summary)?);
    }
    let mut out = output::out();
    write_checks(&mut out, checks, "")?;
    let Some(Server { thumbprint, root, tls12 }) = server else { return Ok(()) };
    out.line("")?;
    let Thumbprint { sha1, subject } = thumbprint;
    out.line(format_args!("thumbprint {sha1}  (SHA-1 of {subject})"))?;
    if let Some(Thumbprint { sha1, subject }) = root {
        out.line(format_args!(
            "also       {sha1}  (SHA-1 of {subject}, the root, which the server sends too)"
        ))?;
    }
    out.prose(Head::new(), thumbprint_need(args.ca_file.is_some(), tls12))?;
    Ok(())
}
