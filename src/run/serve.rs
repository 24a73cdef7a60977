//! `serve`: the parts put together, in the order in which they need each other.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::clients::Clients;
use super::signals::Signals;
use super::{cluster, scrape};
use crate::config::{Config, Source};
use crate::server::admissions::{self, Admissions};
use crate::server::{
    BodyReader, Condition, ConnectionStats, DrainLimits, Https, Limits, Readiness, admin, bind,
    counted, https,
};
use crate::service_accounts::{self, ServiceAccounts, Tasks};
use crate::telemetry::metrics::Metrics;
use crate::tls;

/// How often files are looked at.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Serves until a signal, and drains.
pub(super) async fn serve(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::new().context("failed to listen for signals")?;
    let metrics = Arc::new(Metrics::new()?);
    let waiting = [Condition::Certificate, Condition::ServiceAccounts, Condition::ConfigMap];
    let readiness = Arc::new(Readiness::waiting_for(&waiting));

    let resolver = Arc::new(tls::resolver::CertificateResolver::new());
    let clients = Clients::start(config.https.clients.clone(), &metrics).await?;
    let tls_config =
        config.https.tls.server_config(Arc::clone(&resolver) as _, clients.verifier())?;
    let mut reloader =
        tls::reload::Reloader::new(config.https.certificate.clone(), Arc::clone(&resolver));
    // Nothing listens before TLS can be served.
    reloader.load().await?;
    readiness.meet(Condition::Certificate);
    let (accounts, tasks) = known_service_accounts(&config).await?;

    let connections = Arc::new(ConnectionStats::default());
    scrape::service_accounts(&metrics, accounts.clone());
    scrape::https(&metrics, resolver, reloader.stats(), Arc::clone(&connections));

    let address = config.https.address.unwrap_or(bind::ANY);
    let https_listener = bind::bind(address, config.https.port, "--port")?;
    let address = config.admin.address.unwrap_or(bind::ANY);
    let admin_listener = bind::bind(address, config.admin.port, "--metrics-port")?;
    let (https_address, admin_address) = (local(&https_listener)?, local(&admin_listener)?);

    let admin = admin_server(&config, &metrics, &readiness, &accounts, admin_listener);
    let limits = Limits { body_bytes: config.https.max_request_bytes, ..Limits::default() };
    let admissions = Arc::new(Admissions {
        service_accounts: accounts.clone(),
        policy: config.policy,
        metrics: Arc::clone(&metrics),
        bodies: BodyReader::new(&limits),
    });
    let https = Https {
        listener: https_listener,
        router: counted(https::router(admissions::router(admissions)), metrics),
        tls: tls_config,
        rejections: clients.rejections(),
        limits,
        drain: DrainLimits {
            delay: config.lifecycle.shutdown_delay,
            timeout: config.lifecycle.shutdown_timeout,
            ..DrainLimits::default()
        },
        readiness: Arc::clone(&readiness),
        stats: connections,
    };
    tracing::info!(https = %https_address, admin = %admin_address, "serving");

    let (drain, draining) = oneshot::channel();
    let (close_admin, admin_closes) = oneshot::channel::<()>();
    let admin = tokio::spawn(admin.serve(async {
        // An error is the sender's end, which is the program's.
        let _ = admin_closes.await;
    }));
    let https = tokio::spawn(https.serve(async {
        let _ = draining.await;
    }));
    let background = async {
        // Each runs for as long as the program; whichever ends, ends it.
        tokio::select! {
            ended = tasks.run() => match ended {
                Ok(never) => match never {},
                Err(error) => anyhow::Error::from(error),
            },
            () = reloader.run(POLL_INTERVAL) => anyhow::anyhow!("the reload of certificates ended"),
            () = clients.follow() => anyhow::anyhow!("the reload of --client-ca-file ended"),
            never = become_ready(&accounts, &readiness) => match never {},
        }
    };
    tokio::pin!(background);

    // Cancel-safe: signals stay until they are taken, the background goes on below.
    let signal = tokio::select! {
        error = &mut background => return Err(error),
        signal = signals.next() => signal,
    };
    tracing::info!(signal, delay = ?config.lifecycle.shutdown_delay, "draining");
    let _ = drain.send(());
    let drained = tokio::select! {
        error = &mut background => return Err(error),
        again = signals.next() => bail!("{again} while draining: ended at once"),
        drained = https => drained.context("the server's task failed")?,
    };
    let _ = close_admin.send(());
    admin.await.context("the admin server's task failed")?;
    tracing::info!(finished = drained.finished, cut = drained.cut, "drained");
    Ok(())
}

async fn known_service_accounts(config: &Config) -> anyhow::Result<(ServiceAccounts, Tasks)> {
    let source = match &config.source {
        Source::Files(path) => service_accounts::Source::Files(path.clone()),
        Source::Cluster { kubeconfig, kube_api } => {
            let client = cluster::client(kubeconfig.as_deref(), kube_api.as_deref()).await?;
            service_accounts::Source::Cluster(client)
        }
    };
    let account = cluster::account(&config.identity.role_names).await?;
    let keys = config.policy.settings.keys.clone();
    let options = service_accounts::Options {
        source,
        reader: crate::identity::ServiceAccountReader::new(keys, account),
        namespace: config.identity.namespace.clone(),
        watch_config_map: config.identity.watch_config_map,
        container_credentials: config.identity.container_credentials_file.clone(),
        lookup_timeout: config.lookup.timeout,
        fresh_window: config.lookup.fresh_window,
        poll_interval: POLL_INTERVAL,
        events: true,
    };
    Ok(ServiceAccounts::start(options).await?)
}

fn admin_server(
    config: &Config,
    metrics: &Arc<Metrics>,
    readiness: &Arc<Readiness>,
    accounts: &ServiceAccounts,
    listener: TcpListener,
) -> admin::Admin {
    let mut extra = Router::new();
    if config.admin.debugging_handlers {
        let accounts = accounts.clone();
        let cache = get(async move || {
            ([(CONTENT_TYPE, "application/json")], accounts.snapshot().to_string())
        });
        extra = extra.route("/debug/alpha/cache", cache);
    }
    let metrics = Arc::clone(metrics);
    admin::Admin {
        listener,
        router: admin::router(move || metrics.render(), Arc::clone(readiness), extra),
        limits: Limits::for_admin(),
        stats: Arc::default(),
    }
}

/// Meets the conditions when they are met, and never returns.
async fn become_ready(accounts: &ServiceAccounts, readiness: &Readiness) -> Infallible {
    accounts.ready().await;
    readiness.meet(Condition::ServiceAccounts);
    readiness.meet(Condition::ConfigMap);
    std::future::pending().await
}

fn local(listener: &TcpListener) -> anyhow::Result<SocketAddr> {
    listener.local_addr().context("failed to tell the address that it listens on")
}
