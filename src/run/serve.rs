//! `serve`: the parts put together, in the order in which they need each other.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::certificate::{Certificate, Cluster};
use super::clients::Clients;
use super::cluster;
use super::status::{self, Past, StatusPage};
use crate::api_server::watch::SILENCE;
use crate::api_server::{self, clock::ServerClock};
use crate::config::{Config, Source};
use crate::continuous_audit::{Asked, AuditTask, ContinuousAudit};
use crate::identity_sources::{self, EventSending, ServiceAccounts, Tasks};
use crate::platform::Signals;
use crate::server::admissions::Admissions;
use crate::server::{
    BodyReader, Condition, ConnectionStats, DrainLimits, Drained, Https, Limits, Metrics,
    Readiness, RecentWarnings, admin, bind, https,
};
use crate::telemetry::metrics::Registry;
use crate::telemetry::traces::Traces;
use crate::tls::clients::{ClientMetrics, Rejections};
use crate::tls::resolver::CertificateResolver;
use crate::watched_file;
use diagnosis::WebhookSettings;
use injection::identity::ServiceAccountReader;

/// The request that gives the Lease back may take five seconds.
const AUDIT_END: Duration = Duration::from_secs(6);

/// How long the last spans may take, within the time to drain.
const MOST_EXPORT: Duration = Duration::from_secs(5);
/// Where requests have taken all of that time.
const LEAST_EXPORT: Duration = Duration::from_secs(1);

/// Serves until a signal, and drains.
pub(super) async fn serve(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::new().context("failed to listen for signals")?;
    let registry = Registry::new()?;
    let lifecycle = config.lifecycle;
    let mut waiting = vec![Condition::Certificate, Condition::ServiceAccounts];
    if config.identity.watch_config_map {
        waiting.push(Condition::ConfigMap);
    }
    let readiness = Arc::new(Readiness::waiting_for(&waiting));
    // Cancel-safe: signals stay until they are taken. Nothing is served yet, so there is nothing to drain.
    let opened = tokio::select! {
        opened = open(&config, &readiness, &registry) => opened?,
        signal = signals.next() => {
            tracing::info!(signal, "exiting before serving");
            return Ok(());
        }
    };
    let page = Arc::new(status_page(&config, &readiness, &opened));
    let Opened {
        resolver,
        certificate,
        clients,
        accounts,
        tasks,
        audit,
        connections,
        metrics,
        traces,
        ..
    } = opened;
    let admin = admin_server(&config, registry, &page, &accounts)?;
    let admin_address = local(&admin.listener)?;
    let https = HttpsServer {
        certificate: certificate.available(),
        admin_address,
        tls: config.https.tls.server_config(resolver, clients.verifier())?,
        rejections: clients.rejections(),
        readiness: Arc::clone(&readiness),
        connections,
        accounts: accounts.clone(),
        metrics,
        traces: traces.clone(),
        warnings: Arc::clone(&page.warnings),
        config,
    };

    let (drain, draining) = oneshot::channel();
    let (close_admin, admin_closes) = oneshot::channel::<()>();
    let admin = tokio::spawn(admin.serve(async {
        // An error is the sender's end, which is the program's.
        let _ = admin_closes.await;
    }));
    let mut https = tokio::spawn(https.serve(draining));
    let (stop_audit, audit_stops) = watch::channel(false);
    let mut audit = audit.map(|(_, audit)| tokio::spawn(audit.run(audit_stops)));
    let background = async {
        // None of them ends while the program runs; the first that does, ends it.
        tokio::select! {
            ended = tasks.run() => match ended {
                Ok(never) => match never {},
                Err(error) => anyhow::Error::from(error),
            },
            never = certificate.keep() => match never {},
            () = clients.follow() => anyhow::anyhow!("the task that reloads --client-ca-file ended"),
            never = become_ready(&accounts, &readiness) => match never {},
            never = page.sample() => match never {},
        }
    };
    tokio::pin!(background);

    // Cancel-safe: signals stay until they are taken, the others go on below.
    let signal = tokio::select! {
        error = &mut background => return Err(error),
        ended = &mut https => return match ended.context("the HTTPS server's task failed")? {
            Ok(_) => Err(anyhow::anyhow!("the HTTPS server ended")),
            Err(error) => Err(error),
        },
        error = unasked_end(audit.as_mut()) => return Err(error),
        signal = signals.next() => signal,
    };
    tracing::info!(signal, "draining");
    let exit_by = Instant::now() + lifecycle.shutdown_delay + lifecycle.shutdown_timeout;
    let _ = drain.send(());
    stop_audit.send_replace(true);
    let drained = tokio::select! {
        error = &mut background => return Err(error),
        again = signals.next() => bail!("received {again} while draining; exiting at once"),
        drained = https => drained.context("the HTTPS server's task failed")??,
    };
    // A second signal need not wait for them: both are short.
    let export = async {
        let Some(traces) = traces else { return };
        let left = exit_by.saturating_duration_since(Instant::now());
        traces.end(left.clamp(LEAST_EXPORT, MOST_EXPORT)).await;
    };
    let give_back = async {
        if let Some(audit) = audit {
            end(audit).await;
        }
    };
    tokio::join!(export, give_back);
    let _ = close_admin.send(());
    admin.await.context("the admin server's task failed")?;
    tracing::info!(finished = drained.finished, cut = drained.cut, "drained");
    Ok(())
}

/// Waits for the audit to end although nobody has stopped it; where there is none, for ever.
async fn unasked_end(audit: Option<&mut JoinHandle<()>>) -> anyhow::Error {
    match audit {
        None => std::future::pending().await,
        Some(audit) => match audit.await {
            Ok(()) => anyhow::anyhow!("the continuous audit's task ended"),
            Err(error) => anyhow::Error::from(error).context("the continuous audit's task failed"),
        },
    }
}

/// Waits until the audit has given its Lease back. What it does not get to, time does.
async fn end(audit: JoinHandle<()>) {
    match timeout(AUDIT_END, audit).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "audit ended early"),
        Err(_) => tracing::debug!("audit did not end in time"),
    }
}

/// What has to be read, or asked for, before anything runs; and all metrics
/// registered.
struct Opened {
    resolver: Arc<CertificateResolver>,
    certificate: Certificate,
    clients: Clients,
    accounts: ServiceAccounts,
    tasks: Tasks,
    audit: Option<(ContinuousAudit, AuditTask)>,
    connections: Arc<ConnectionStats>,
    metrics: Arc<Metrics>,
    traces: Option<Traces>,
    clock: Option<ServerClock>,
}

async fn open(
    config: &Config,
    readiness: &Arc<Readiness>,
    registry: &Registry,
) -> anyhow::Result<Opened> {
    readiness.register(registry)?;
    let cluster = cluster::client_for(&config.source).await?.map(|client| {
        let clock = ServerClock::new();
        Cluster { client: clock.observed(client), clock }
    });
    let clock = cluster.as_ref().map(|cluster| cluster.clock.clone());
    api_server::metrics::register_clock(registry, clock.clone())?;
    let resolver = Arc::new(CertificateResolver::new());
    let certificate = Certificate::open(
        &config.https.certificate,
        cluster.as_ref(),
        Arc::clone(&resolver),
        Arc::clone(readiness),
        registry,
    )
    .await?;
    let client_metrics = ClientMetrics::register(registry)?;
    let clients =
        Clients::start(config.https.clients.clone(), client_metrics, clock.clone()).await?;
    let account = cluster::account(&config.identity.role_names).await?;
    let reader = config.policy.reader(account);
    let (leads, events) = match &config.continuous_audit {
        None => (None, EventSending::Always),
        Some(wanted) => {
            let (leads, followed) = watch::channel(false);
            (Some((wanted, leads)), EventSending::While(followed))
        }
    };
    let (accounts, tasks) =
        known_service_accounts(config, cluster.clone(), reader.clone(), events).await?;
    accounts.register(registry)?;
    let mut audit = None;
    if let (Some((wanted, leads)), Some(Cluster { client, clock })) = (leads, cluster) {
        let settings = WebhookSettings {
            policy: config.policy.clone(),
            reader,
            configurations: wanted.configurations.clone(),
            // With an account that is known, or not at all.
            completes_names: Some(false),
            ..WebhookSettings::default()
        };
        let identity = &config.identity;
        let config_map_in = identity.watch_config_map.then(|| identity.namespace.clone());
        let accounts = accounts.clone();
        let asked = Asked { client, clock: Some(clock), settings, config_map_in, accounts };
        let (handle, task) = ContinuousAudit::new(wanted, asked, config.pod_name.as_deref(), leads);
        handle.register(registry)?;
        audit = Some((handle, task));
    }
    let connections = Arc::<ConnectionStats>::default();
    connections.register(registry)?;
    let metrics = Arc::new(Metrics::register(registry)?);
    let traces = Traces::start(config.traces.clone(), registry)?;
    Ok(Opened {
        resolver,
        certificate,
        clients,
        accounts,
        tasks,
        audit,
        connections,
        metrics,
        traces,
        clock,
    })
}

/// All that the HTTPS server is made of, before there is a certificate.
struct HttpsServer {
    /// Becomes true when there is one to serve.
    certificate: watch::Receiver<bool>,
    admin_address: SocketAddr,
    tls: Arc<rustls::ServerConfig>,
    rejections: Option<Arc<Rejections>>,
    readiness: Arc<Readiness>,
    connections: Arc<ConnectionStats>,
    accounts: ServiceAccounts,
    metrics: Arc<Metrics>,
    traces: Option<Traces>,
    warnings: Arc<RecentWarnings>,
    config: Config,
}

impl HttpsServer {
    /// Listens when TLS can be served, and not before.
    async fn serve(mut self, mut draining: oneshot::Receiver<()>) -> anyhow::Result<Drained> {
        tokio::select! {
            available = self.certificate.wait_for(|available| *available) => available.context("the task that manages certificates ended")?,
            _ = &mut draining => return Ok(Drained::default()),
        };
        let Self {
            admin_address,
            tls,
            rejections,
            readiness,
            accounts,
            metrics,
            traces,
            warnings,
            config,
            ..
        } = self;
        let address = config.https.address.unwrap_or(bind::ANY);
        let listener = bind::bind(address, config.https.port, "--port")?;
        tracing::info!(https = %local(&listener)?, admin = %admin_address, "serving");
        let limits = Limits::for_requests_of(config.https.max_request_bytes);
        let bodies = BodyReader::new(&limits);
        let admissions = Admissions::new(
            accounts,
            config.policy,
            Arc::clone(&metrics),
            warnings,
            bodies.clone(),
            &limits,
            traces,
        );
        let admissions = Arc::new(admissions);
        let drain = DrainLimits {
            delay: config.lifecycle.shutdown_delay,
            timeout: config.lifecycle.shutdown_timeout,
            ..DrainLimits::default()
        };
        let server = Https {
            listener,
            admissions: Some(admissions),
            router: https::router(),
            counted: Some(metrics),
            tls,
            rejections,
            limits,
            drain,
            readiness,
            stats: self.connections,
            bodies,
        };
        Ok(server
            .serve(async {
                let _ = draining.await;
            })
            .await)
    }
}

async fn known_service_accounts(
    config: &Config,
    cluster: Option<Cluster>,
    reader: ServiceAccountReader,
    events: EventSending,
) -> anyhow::Result<(ServiceAccounts, Tasks)> {
    let clock = cluster.as_ref().map(|cluster| cluster.clock.clone());
    let source = match (&config.source, cluster) {
        (Source::Cluster { .. }, Some(Cluster { client, .. })) => {
            identity_sources::Source::Cluster(client)
        }
        (Source::Files(path), _) => identity_sources::Source::Files(path.clone()),
        (Source::Cluster { .. }, None) => bail!("no client for the cluster"),
    };
    let options = identity_sources::Options {
        source,
        reader,
        namespace: config.identity.namespace.clone(),
        watch_config_map: config.identity.watch_config_map,
        container_credentials: config.identity.container_credentials_file.clone(),
        lookup_timeout: config.lookup.timeout,
        fresh_window: config.lookup.fresh_window,
        poll_interval: watched_file::INTERVAL,
        watch_silence: SILENCE,
        events,
        clock,
    };
    Ok(ServiceAccounts::start(options).await?)
}

fn status_page(config: &Config, readiness: &Arc<Readiness>, opened: &Opened) -> StatusPage {
    let names = config.admin.debugging_handlers;
    StatusPage {
        readiness: Arc::clone(readiness),
        resolver: Arc::clone(&opened.resolver),
        managed: opened.certificate.managed(),
        clients: opened.clients.of_authorities(),
        clock: opened.clock.clone(),
        accounts: opened.accounts.clone(),
        container_credentials: config.identity.container_credentials_file.is_some(),
        metrics: Arc::clone(&opened.metrics),
        warnings: Arc::new(RecentWarnings::new(names)),
        names,
        replica: status::replica(config.pod_name.as_deref()),
        audit: opened.audit.as_ref().map(|(handle, _)| handle.clone()),
        past: Past::new(),
    }
}

fn admin_server(
    config: &Config,
    registry: Registry,
    page: &Arc<StatusPage>,
    accounts: &ServiceAccounts,
) -> anyhow::Result<admin::Admin> {
    let address = config.admin.address.unwrap_or(bind::ANY);
    let listener = bind::bind(address, config.admin.port, "--metrics-port")?;
    let mut extra = Router::new();
    if config.admin.debugging_handlers {
        let accounts = accounts.clone();
        let cache = get(async move || {
            ([(CONTENT_TYPE, "application/json")], accounts.snapshot().to_string())
        });
        extra = extra.route("/debug/alpha/cache", cache);
    }
    let readiness = Arc::clone(&page.readiness);
    let page = Arc::clone(page);
    Ok(admin::Admin {
        listener,
        router: admin::router(move || page.html(), move || registry.render(), readiness, extra),
        limits: Limits::for_admin(),
        stats: Arc::default(),
    })
}

/// Meets the conditions when they are met, and never returns.
async fn become_ready(accounts: &ServiceAccounts, readiness: &Readiness) -> Infallible {
    let listed = async {
        accounts.listed().await;
        readiness.meet(Condition::ServiceAccounts);
    };
    let answered = async {
        accounts.config_map_answered().await;
        readiness.meet(Condition::ConfigMap);
    };
    tokio::join!(listed, answered);
    std::future::pending().await
}

fn local(listener: &TcpListener) -> anyhow::Result<SocketAddr> {
    listener.local_addr().context("failed to get the listening address")
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
