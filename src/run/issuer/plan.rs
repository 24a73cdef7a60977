//! `issuer rotate` and `issuer migrate`: plans, and how far they are.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::ValueEnum as _;
use jiff::Timestamp;
use text::shell::{Flag, Opt};

use super::document_folder;
use super::evidence::{Live, fetcher};
use super::exit::{Exit, OrMisuse as _};
use super::report::write_checks;
use super::{Ended, read_keys};
use crate::cli::help::invoked;
use crate::cli::{MigrateArgs, PlanArgs, RotateArgs};
use crate::config::user_cluster;
use crate::crypto;
use crate::http_client::issuer_documents::Fetcher;
use crate::input::{self, Limit};
use crate::run::cluster;
use crate::run::output::{self, Head, Lines, Tone};
use crate::run::report::{self, Kind, Summary};
use issuer::rollout::{
    ApiServerFlags, Facts, Migration, Plan, Rotation, State, Step, migrate, rotate,
};
use issuer::verify::{Against, check};
use issuer::{DISCOVERY_PATH, Discovery, IssuerCheck, IssuerUrl, Jwks, PublicKey};

pub(super) async fn run_rotate(args: RotateArgs) -> anyhow::Result<Ended> {
    let (old, new) = (one_key(&args.old_key)?, one_key(&args.new_key)?);
    if old == new {
        bail!("--old-key and --new-key are the same key, {}; create a new one", old.kid());
    }
    let live = Live::of(&args.live).await?;
    let published = published_keys(&args).await?;
    let issuer = issuer_of(&args, &live)?;
    let both = written(&args, &issuer, &[&args.old_key, &args.new_key]);
    let mut alone = written(&args, &issuer, &[&args.new_key]);
    // Keys of which the rotation knows nothing are not to go without a question.
    let known = Jwks::from_keys([&old, &new]);
    let others = |keys: &Jwks| !keys.missing_in(&known).is_empty();
    if !published.as_ref().is_some_and(others) {
        alone.push_str(" --force");
    }
    let rotation = Rotation {
        old: &old,
        new: &new,
        published: published.as_ref(),
        write_both: &both,
        write_new: &alone,
    };
    let plan = rotate(&rotation, &facts(&live, &args.plan));
    let names = [("old key", old.kid()), ("new key", new.kid())];
    end(&plan, &args.plan, args.step.and_then(|step| step.to_possible_value()), &names)
}

pub(super) async fn run_migrate(args: MigrateArgs) -> anyhow::Result<Ended> {
    let new = IssuerUrl::parse(&args.to)
        .with_context(|| format!("failed to use --to {:?}", args.to))
        .or_misuse()?;
    if args.from == args.to {
        return Err(
            Exit::Usage.because(&format_args!("--from and --to are the same issuer, {new}"))
        );
    }
    if new.has_trailing_slash() {
        let why = format!("failed to use --to {:?}: it ends with a slash; remove it", args.to);
        return Err(Exit::Usage.because(&why));
    }
    let mut live = Live::of(&args.live).await?;
    for path in &args.api_servers {
        live.servers.push(server_flags(path)?);
    }
    let fetcher = fetcher(args.ca_file.as_deref())?;
    let new_documents = documents(&fetcher, &new, live.keys.as_ref()).await;
    // One that AWS could never reach was never published.
    let old_documents = match IssuerUrl::parse(&args.from) {
        Ok(old) if !old.is_private() => documents(&fetcher, &old, None).await,
        _ => Vec::new(),
    };
    let migration = Migration {
        old: &args.from,
        new: &new,
        new_documents: &new_documents,
        old_documents: &old_documents,
        trusted: args.trusted,
        accepted_everywhere: args.accepted_everywhere,
        write: &written_anew(&args, &new),
    };
    let plan = migrate(&migration, &facts(&live, &args.plan));
    let names = [("old issuer", args.from.as_str()), ("new issuer", new.as_str())];
    end(&plan, &args.plan, args.step.and_then(|step| step.to_possible_value()), &names)
}

/// The issuer whose documents are written; where it can't be known, the word of
/// `issuer documents --help`.
fn issuer_of(args: &RotateArgs, live: &Live) -> anyhow::Result<String> {
    let of_token = || live.token.as_ref().map(|token| token.issuer.clone());
    if let Some(issuer) = args.issuer.clone().or_else(of_token) {
        return Ok(issuer);
    }
    let Some(folder) = &args.documents else { return Ok("URL".to_owned()) };
    let discovery = document_folder::existing(folder, DISCOVERY_PATH)?;
    let discovery = discovery.and_then(|text| Discovery::parse(&text).ok());
    Ok(discovery.map_or_else(|| "URL".to_owned(), |it| it.issuer))
}

/// The command that writes the documents with these keys, to where they are read from.
fn written(args: &RotateArgs, issuer: &str, keys: &[&PathBuf]) -> String {
    let mut words = vec![format!("{} issuer documents", invoked())];
    let mut add = |name, value: &str| words.push(Opt(name, value).to_string());
    add("--issuer", issuer);
    for key in keys {
        add("--key", &key.display().to_string());
    }
    if args.jwks_path != issuer::JWKS_PATH {
        add("--jwks-path", &args.jwks_path);
    }
    let folder = args.documents.as_deref().unwrap_or_else(|| Path::new("issuer"));
    add("--out", &folder.display().to_string());
    words.join(" ")
}

/// The command that writes the documents of a new issuer, beside those of the old one.
fn written_anew(args: &MigrateArgs, new: &IssuerUrl) -> String {
    // What is wrong with a flag has been said by whoever asked the cluster.
    let asked = user_cluster(args.live.cluster.clone()).unwrap_or_default();
    let command = cluster::commands(&asked).own("issuer documents --from-cluster");
    format!("{command} {} {}", Opt("--issuer", new.as_str()), Opt("--out", "new-issuer"))
}

fn facts<'a>(live: &'a Live, args: &PlanArgs) -> Facts<'a> {
    Facts {
        live: live.keys.as_ref(),
        token: live.token.as_ref(),
        servers: &live.servers,
        old_tokens_expired: args.old_tokens_expired,
    }
}

fn one_key(path: &Path) -> anyhow::Result<PublicKey> {
    let (mut keys, _) = read_keys(&[path])?;
    match (keys.pop(), keys.pop()) {
        (Some(key), None) => Ok(key),
        _ => bail!("{} has several keys; pass a file with one", path.display()),
    }
}

/// Nothing where the user named no place.
async fn published_keys(args: &RotateArgs) -> anyhow::Result<Option<Jwks>> {
    if let Some(folder) = &args.documents {
        let path = folder.join(&args.jwks_path);
        let text = document_folder::existing(folder, &args.jwks_path)?.with_context(|| {
            format!("failed to find {}; pass the --out folder of issuer documents", path.display())
        })?;
        let failed = || format!("failed to read {}", path.display());
        return Jwks::parse(&text).with_context(failed).map(Some);
    }
    let Some(issuer) = &args.issuer else { return Ok(None) };
    let url = IssuerUrl::parse(issuer)
        .with_context(|| format!("failed to use --issuer {issuer:?}"))
        .or_misuse()?;
    let published = fetcher(args.ca_file.as_deref())?.published(&url.discovery_url()).await;
    let checks = check(issuer, &published, &Against::default(), crypto::ISSUER.verify);
    if let Some(check) = checks.iter().find(|check| check.failed()) {
        bail!("failed to use the documents of {issuer} ({}): {}", check.id, check.found);
    }
    // The checks have read it.
    let body = published.jwks.and_then(Result::ok).map(|answer| answer.body).unwrap_or_default();
    Ok(Some(Jwks::parse(&body)?))
}

async fn documents(fetcher: &Fetcher, issuer: &IssuerUrl, live: Option<&Jwks>) -> Vec<IssuerCheck> {
    let published = fetcher.published(&issuer.discovery_url()).await;
    let against = Against { live, now: Timestamp::now(), ..Against::default() };
    check(issuer.as_str(), &published, &against, crypto::ISSUER.verify)
}

fn server_flags(path: &Path) -> anyhow::Result<ApiServerFlags> {
    let text = input::read_text(path, Limit::DOCUMENTS)?;
    let source = path.display().to_string();
    ApiServerFlags::parse(&source, &text)
        .with_context(|| format!("failed to use --api-server {source}"))
}

/// Prints the plan or the one step that was asked for.
fn end(
    plan: &Plan,
    args: &PlanArgs,
    asked: Option<clap::builder::PossibleValue>,
    names: &[(&str, &str)],
) -> anyhow::Result<Ended> {
    let asked = asked.and_then(|asked| plan.step(asked.get_name()));
    if let Some(step) = asked.filter(|step| !step.blocked.is_empty()) {
        if let Some(format) = args.output.data() {
            let printed = report::print(format, Kind::IssuerPlanStep, step, None);
            printed.context("failed to print the plan")?;
        }
        let mut why = vec![format!("the step {} would break tokens now:", step.id)];
        why.extend(step.blocked.iter().cloned());
        return Ok(Ended::Refused(why));
    }
    let alarms = plan.alarms.iter().map(|check| check.outcome.into());
    let printed = match (args.output.data(), asked) {
        (Some(format), None) => report::print(format, Kind::IssuerPlan, plan, Summary::of(alarms)),
        (Some(format), Some(step)) => report::print(format, Kind::IssuerPlanStep, step, None),
        (None, Some(step)) => write_step(&mut output::out(), step, true),
        (None, None) => write_plan(&mut output::out(), plan, names),
    };
    printed.context("failed to print the plan")?;
    Ok(if plan.alarms.is_empty() { Ended::Well } else { Ended::Failed })
}

fn write_plan(out: &mut Lines<impl Write>, plan: &Plan, names: &[(&str, &str)]) -> io::Result<()> {
    for (what, name) in names {
        out.line(format_args!("{what}  {name}"))?;
    }
    if !plan.alarms.is_empty() {
        out.line("")?;
        out.prose(Head::new().tone(Tone::Bad, "Broken now:"), "")?;
        write_checks(out, &plan.alarms, "  ")?;
    }
    for step in &plan.steps {
        out.line("")?;
        write_step(out, step, step.state == State::Next)?;
    }
    if plan.next().is_none() {
        out.line("")?;
        out.line("All steps are done.")?;
    }
    Ok(())
}

/// In full where it is to be done now.
fn write_step(out: &mut Lines<impl Write>, step: &Step, in_full: bool) -> io::Result<()> {
    let (tone, state) = match step.state {
        State::Done => (Tone::Good, "done"),
        State::Next => (Tone::Strong, "next"),
        State::Later => (Tone::Faint, "later"),
    };
    let head = Head::new().column(Some(tone), state, 5);
    out.prose(head, format_args!("{}: {}", step.id, step.title))?;
    if !step.flags.is_empty() && step.state != State::Done {
        let text = "on every kube-apiserver, set these flags in this order, and no others of the same names:";
        out.prose(Head::new().text("  "), text)?;
        step.flags.iter().try_for_each(|flag| out.line(format_args!("    {}", Flag(flag))))?;
    }
    if step.state != State::Done {
        step.todo.iter().try_for_each(|todo| out.prose(Head::new().text("  - "), todo))?;
    }
    if in_full {
        write_checks(out, &step.checks, "  ")?;
        let head = || Head::new().text("  ").word(Tone::Doubtful, "not yet:").hanging(4);
        step.blocked.iter().try_for_each(|why| out.prose(head(), why))?;
    }
    Ok(())
}
