//! `issuer verify`: an issuer as STS sees it.

use anyhow::Context as _;
use jiff::Timestamp;
use serde::Serialize;

use super::Ended;
use super::evidence::{Live, fetcher};
use super::report::write_checks;
use crate::cli::VerifyArgs;
use crate::crypto;
use crate::run::output::{self, Head, Progress};
use crate::run::report::{self, Kind, Summary};
use issuer::verify::{Against, check};
use issuer::{IssuerCheck, IssuerUrl, PublishedDocuments, Thumbprint};

#[derive(Serialize)]
struct Report<'a> {
    issuer: &'a str,
    checks: &'a [IssuerCheck],
    thumbprint: Option<&'a Thumbprint>,
}

pub(super) async fn run(args: VerifyArgs) -> anyhow::Result<Ended> {
    let fetcher = fetcher(args.ca_file.as_deref())?;
    let Live { token, keys: live, .. } = Live::of(&args.live).await?;
    // Whatever is wrong with the URL, what it leads to may tell more.
    let discovery_url = match IssuerUrl::parse(&args.url) {
        Ok(url) => url.discovery_url(),
        Err(_) => args.url.clone(),
    };
    let mut progress = Progress::new();
    progress.say(format_args!("fetching {discovery_url} ..."));
    let published = fetcher.published(&discovery_url).await;
    drop(progress);
    let against = Against {
        token: token.as_ref(),
        audience: Some(&args.live.audience),
        live: live.as_ref(),
        now: Timestamp::now(),
    };
    let checks = check(&args.url, &published, &against, crypto::ISSUER.verify);
    let thumbprint = thumbprint(&published);
    tell(&args, &checks, thumbprint.as_ref()).context("failed to print the report")?;
    Ok(if checks.iter().any(IssuerCheck::failed) { Ended::Failed } else { Ended::Well })
}

/// Of the server that has the keys: that is the one IAM asks for.
fn thumbprint(published: &PublishedDocuments) -> Option<Thumbprint> {
    let answer = published.jwks.as_ref()?.as_ref().ok()?;
    Thumbprint::of_chain(&answer.chain)
}

fn tell(
    args: &VerifyArgs,
    checks: &[IssuerCheck],
    thumbprint: Option<&Thumbprint>,
) -> anyhow::Result<()> {
    if let Some(format) = args.output.data() {
        let body = Report { issuer: &args.url, checks, thumbprint };
        let summary = Summary::of(checks.iter().map(|check| check.outcome.into()));
        return Ok(report::print(format, Kind::IssuerReport, &body, summary)?);
    }
    let mut out = output::out();
    write_checks(&mut out, checks, "")?;
    let Some(Thumbprint { sha1, subject }) = thumbprint else { return Ok(()) };
    out.line("")?;
    out.line(format_args!("thumbprint {sha1}  (SHA-1 of {subject})"))?;
    let need = if args.ca_file.is_some() {
        "IAM needs it, because the certificate is from your own CA"
    } else {
        "IAM finds it by itself, and ignores it if the certificate is from a public CA"
    };
    out.prose(Head::new(), format_args!("{need}."))?;
    Ok(())
}
