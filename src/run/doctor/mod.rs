//! `doctor`: the facts, the checks over them, and what they come to.

mod told;

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use serde_json::Value;

use super::exit::{Exit, OrMisuse as _};
use super::installation::{InUse, container_credentials, in_use, usable};
use super::output::{self, Progress};
use super::report::{self, Kind};
use super::{cluster, completed};
use crate::api_server::clock::ServerClock;
use crate::cli::help::invoked;
use crate::cli::{DoctorArgs, WideFormat};
use crate::config::{Evidence, Examination, Installation, ObjectName, Summary, UserCluster};
use crate::crypto;
use crate::evidence::{self, Documents, Gatherer, Installed};
use crate::http_client::issuer_documents::Fetcher;
use crate::input::{self, Limit};
use diagnosis::{
    Commands, DryRun, Fact, Facts, Redacted, Report, Sources, Status, Subject, Survey,
    WebhookSettings, diagnose, role_arn, settled,
};
use injection::identity::Key;

use told::Told;

/// The most of what the AWS CLI printed, or of a bundle of authorities.
const LONGEST: Limit = Limit::mebibytes(1);

/// How long an answer that tells the API server's time is waited for.
const CLOCK_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn run(args: DoctorArgs) -> anyhow::Result<Exit> {
    let (examination, warnings) = Examination::from_args(args).or_misuse()?;
    for warning in warnings {
        output::warn(warning);
    }
    if let (Some(summary), Evidence::Cluster { cluster, ca_file, .. }) =
        (&examination.summary, &examination.evidence)
    {
        let survey = summed_up(&examination, cluster, ca_file.as_deref(), summary);
        let survey = completed(survey)?;
        print_survey(&survey, examination.output).context(PRINT)?;
        return Ok(exit(survey.result));
    }
    let (report, told, saved) = completed(examine(&examination))?;
    // The findings are printed even if they could not be saved.
    match (told, examination.output.data()) {
        (Some(told), _) => told.end(&report),
        (None, Some(format)) => {
            let summary = report::Summary::of(report.checks.iter().map(|it| it.status.into()));
            report::print(format, Kind::DoctorReport, &report, summary)
        }
        (None, None) => Ok(()),
    }
    .context(PRINT)?;
    saved?;
    Ok(exit(report.result))
}

const PRINT: &str = "failed to print the checks";

fn print_survey(survey: &Survey, format: WideFormat) -> io::Result<()> {
    let Some(data) = format.data() else {
        return told::survey(&mut output::out(), survey, format == WideFormat::Wide);
    };
    let accounts = survey.service_accounts.iter().map(|it| it.result);
    let summary = report::Summary::of(accounts.map(Into::into)).at_least(survey.result.into());
    report::print(data, Kind::DoctorSurvey, survey, summary)
}

fn exit(result: Status) -> Exit {
    match result {
        Status::Pass | Status::Skipped => Exit::Fine,
        Status::Fail => Exit::Failed,
        Status::Unknown => Exit::Unknown,
    }
}

/// The checks, what has been told of them if they are for people, and whether what they went by
/// was saved, if it was to be.
async fn examine(
    examination: &Examination,
) -> anyhow::Result<(Report, Option<Told<impl Write + use<>>>, anyhow::Result<()>)> {
    let format = examination.output;
    let is_wide = format == WideFormat::Wide;
    let mut told = format.data().is_none().then(|| Told::new(output::out(), is_wide));
    if let Evidence::Cluster { save: Some(folder), .. } = &examination.evidence {
        // Said before anybody waits for a cluster.
        evidence::vacant(folder)?;
    }
    let (mut facts, settings) = match &examination.evidence {
        Evidence::Folder(folder) => from_folder(examination, folder).await?,
        Evidence::Cluster { cluster, ca_file, .. } => {
            gathered(examination, cluster, ca_file.as_deref(), told.as_mut()).await?
        }
    };
    if let Some(path) = &examination.role_json {
        let arn = role_arn(&facts, &settings);
        facts.role = evidence::printed_role(path, arn.as_deref())?;
    }
    if let Some(path) = &examination.provider_json {
        let issuer = facts.token.known().map(|token| token.issuer.as_str());
        facts.provider = evidence::printed_provider(path, issuer)?;
    }
    let facts = Redacted::of(facts, &settings);
    let saved = match &examination.evidence {
        Evidence::Cluster { save: Some(folder), .. } => save(folder, &facts),
        _ => Ok(()),
    };
    Ok((diagnose(&facts, &settings, crypto::CERTIFICATES), told, saved))
}

fn save(folder: &Path, facts: &Redacted) -> anyhow::Result<()> {
    let count = evidence::save(folder, facts)?.len();
    output::errors().line(format_args!("wrote {count} files to {}", folder.display()))?;
    Ok(())
}

async fn gathered(
    examination: &Examination,
    cluster: &UserCluster,
    ca_file: Option<&Path>,
    mut told: Option<&mut Told<impl Write>>,
) -> anyhow::Result<(Facts, WebhookSettings)> {
    let target = examination.target.as_ref().context("no target; name one as TYPE/NAME")?;
    let asking = Asking::open(examination, cluster, ca_file).await?;
    let InUse { installation, settings } = asking.in_use(examination).await?;
    let gatherer = asking.gatherer(examination, &installation, &settings)?;
    let facts = gatherer.gather(target, |facts, stage| {
        if let Some(told) = &mut told {
            told.so_far(&settled(facts, &settings, crypto::CERTIFICATES, stage));
        }
    });
    Ok((facts.await?, settings))
}

/// All `ServiceAccount`s with a role.
async fn summed_up(
    examination: &Examination,
    cluster: &UserCluster,
    ca_file: Option<&Path>,
    summary: &Summary,
) -> anyhow::Result<Survey> {
    let asking = Asking::open(examination, cluster, ca_file).await?;
    let InUse { installation, settings } = asking.in_use(examination).await?;
    let gatherer = asking.gatherer(examination, &installation, &settings)?;
    let config_map = match &installation.config_map_in {
        Some(home) => evidence::config_map(&asking.client, home).await,
        None => Fact::NotAsked,
    };
    let sources = Sources {
        webhooks: gatherer.webhooks.clone(),
        config_map,
        container_credentials: gatherer.container_credentials.clone(),
    };
    let namespace = summary.namespaces.asked(&asking.namespace);
    let mut progress = Progress::new();
    let seen = |what| progress.count(what);
    Ok(evidence::survey(&gatherer, &sources, namespace, summary.deep, seen).await?)
}

/// A cluster, and what is known of the webhook in it.
struct Asking {
    client: kube::Client,
    fetcher: Fetcher,
    /// That of the kubeconfig.
    namespace: String,
    now: Timestamp,
    version: Fact<Value>,
    webhooks: Fact<Value>,
    installed: Installed,
    commands: Commands,
}

impl Asking {
    async fn open(
        examination: &Examination,
        cluster: &UserCluster,
        ca_file: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let (client, namespace) = cluster::user_client(cluster).await?;
        // Certificates are checked against the clock of those who verify them.
        let clock = ServerClock::new();
        let client = clock.observed(client);
        let now = clock.ask(&client, CLOCK_TIMEOUT).await.unwrap_or_else(Timestamp::now);
        let fetcher = match ca_file {
            Some(path) => Fetcher::with_authorities(read(path)?.as_bytes())
                .with_context(|| format!("failed to use --ca-file {}", path.display()))?,
            None => Fetcher::public()?,
        };
        let version = evidence::version(&client).await;
        let webhooks = if evidence::answers(&version) {
            evidence::webhooks(&client).await
        } else {
            Fact::NotAsked
        };
        let configurations = &examination.configurations;
        let mut installed = evidence::installed(&client, &webhooks, configurations).await;
        installed.flags = usable(&examination.installation, installed.flags);
        let commands = cluster::commands(cluster);
        Ok(Self { client, fetcher, namespace, now, version, webhooks, installed, commands })
    }

    async fn in_use(&self, examination: &Examination) -> anyhow::Result<InUse> {
        let (user, configurations) = (&examination.installation, &examination.configurations);
        in_use(user, configurations, &self.installed.flags, self.commands.clone()).await
    }

    fn gatherer<'a>(
        &'a self,
        examination: &'a Examination,
        installation: &'a Installation,
        settings: &'a WebhookSettings,
    ) -> anyhow::Result<Gatherer<'a>> {
        let listed = self.installed.container_credentials.clone();
        Ok(Gatherer {
            client: &self.client,
            fetcher: &self.fetcher,
            settings,
            namespace: examination.namespace.as_deref().unwrap_or(&self.namespace),
            version: self.version.clone(),
            webhooks: self.webhooks.clone(),
            webhook_flags: self.installed.flags.clone(),
            container_credentials: container_credentials(&examination.installation, listed)?,
            config_map_in: installation.config_map_in.as_deref(),
            tls_secret: &installation.tls_secret,
            at: self.now.as_second(),
            documents: Documents::default(),
        })
    }
}

async fn from_folder(
    examination: &Examination,
    folder: &Path,
) -> anyhow::Result<(Facts, WebhookSettings)> {
    let (user, configurations) = (&examination.installation, &examination.configurations);
    let flags = evidence::saved_flags(folder)?;
    // Where the folder is from, nobody knows.
    let commands = Commands::new(invoked(), &[], false);
    let InUse { settings, .. } = in_use(user, configurations, &flags, commands).await?;
    let mut facts = loaded(examination, folder, &settings)?;
    if user.container_credentials_file.is_some() {
        let listed = container_credentials(user, Fact::NotAsked)?;
        let Subject { namespace, service_account, .. } = &facts.subject;
        let key = Key { namespace, name: service_account };
        facts.container_credentials = listed.map(|listed| listed.contains(key));
    }
    Ok((facts, settings))
}

/// Saved by hand, a folder says nothing of what it is about.
fn loaded(
    examination: &Examination,
    folder: &Path,
    settings: &WebhookSettings,
) -> anyhow::Result<Facts> {
    let mut facts = evidence::load(folder, settings)?;
    let subject = &mut facts.subject;
    let by_hand = subject.at == 0;
    if by_hand {
        subject.at = Timestamp::now().as_second();
    }
    if let Some(target) = &examination.target {
        let (target, saved) = (target.to_string(), &subject.object);
        if !saved.is_empty() && *saved != target {
            bail!(
                "{} was saved for {saved}, not for {target}; leave {target} out, or save a folder for it",
                folder.display()
            );
        }
        subject.object = target;
    }
    if let Some(namespace) = &examination.namespace {
        subject.namespace.clone_from(namespace);
    }
    let text = |of: &Fact<serde_json::Value>, member: &str| {
        of.known().and_then(|it| it["metadata"][member].as_str()).map(str::to_owned)
    };
    let token = facts.token.known().map(|token| token.subject.clone()).unwrap_or_default();
    let token = token.strip_prefix("system:serviceaccount:").and_then(|it| it.split_once(':'));
    let pod = match &facts.dry_run {
        Fact::Known(DryRun::Admitted { pod, .. }) => Some(pod.clone()),
        _ => None,
    };
    let target = examination.target.as_ref().and_then(ObjectName::service_account);
    if by_hand && subject.service_account.is_empty() {
        // What is of no use does not keep the others from telling.
        let named = text(&facts.service_account, "name")
            .or_else(|| target.map(str::to_owned))
            .or_else(|| Some(pod.as_ref()?["spec"]["serviceAccountName"].as_str()?.to_owned()))
            .or_else(|| Some(token?.1.to_owned()));
        subject.service_account = match (named, &facts.service_account) {
            (Some(named), _) => named,
            (None, Fact::Unknown(why)) => bail!("{}: {why}", folder.display()),
            (None, _) => bail!(
                "service-account.json is missing in the folder; write it with kubectl get serviceaccount NAME -o json"
            ),
        };
    }
    if let Some(asked) = target.filter(|asked| *asked != subject.service_account) {
        bail!(
            "{} is of the ServiceAccount {}, not of {asked}; get its files for {asked}",
            folder.display(),
            subject.service_account
        );
    }
    if subject.namespace.is_empty() {
        subject.namespace = text(&facts.service_account, "namespace")
            .or_else(|| Some(pod.as_ref()?["metadata"]["namespace"].as_str()?.to_owned()))
            .or_else(|| Some(token?.0.to_owned()))
            .unwrap_or_default();
    }
    let wanted = &subject.namespace;
    if let Some(other) = text(&facts.namespace, "name").filter(|name| by_hand && name != wanted) {
        let why = format!("namespace.json is of the namespace {other}, not {wanted}; get it again");
        facts.namespace = Fact::Unknown(why.into());
    }
    if subject.object.is_empty() {
        subject.object = format!("serviceaccount/{}", subject.service_account);
    }
    Ok(facts)
}

fn read(path: &Path) -> anyhow::Result<String> {
    Ok(input::read_text(path, LONGEST)?)
}
