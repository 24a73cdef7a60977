//! Takes part in the election: asks the API server, and says who holds the Lease.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use hyper::{Method, Request};
use jiff::Timestamp;
use kube::Client;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::election::{Election, Seen, Step, Uptime};
use super::lease;
use super::status::Shared;
use crate::api_server::{Failure, FailureKind, request};
use crate::config::LeaseName;

/// How long one request may take.
const CALL: Duration = Duration::from_secs(5);
/// How long the same failure is not logged again.
const QUIET: Duration = Duration::from_mins(10);

/// One replica's part in the election, with the API server.
pub(super) struct Keeper {
    client: Client,
    name: LeaseName,
    election: Election,
    /// The monotonic clock of the election begins here.
    started: Instant,
    /// As it was read or written last.
    object: Option<Value>,
    shared: Arc<Shared>,
    /// Whether this replica is the one that tells others what it finds.
    leads: watch::Sender<bool>,
    /// Why the Lease can't be used, as it stands in the log, and since when.
    said: Option<(String, Instant)>,
}

/// Why a call came to nothing.
enum Failed {
    Conflict,
    Call(Failure),
    Late,
    /// The response makes no sense.
    Odd(String),
}

impl Keeper {
    pub(super) fn new(
        client: Client,
        name: LeaseName,
        identity: String,
        shared: Arc<Shared>,
        leads: watch::Sender<bool>,
    ) -> Self {
        Self {
            client,
            name,
            election: Election::new(identity),
            started: Instant::now(),
            object: None,
            shared,
            leads,
            said: None,
        }
    }

    /// Takes part until `stopping` becomes true, and gives the Lease back then.
    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        while !*stopping.borrow_and_update() {
            let now = self.now();
            let step = self.election.next(now);
            if let Step::Wait(pause) = step {
                let until = self.started + now.saturating_add(pause);
                // Each only waits, so the ones that lose lose nothing.
                tokio::select! {
                    () = sleep_until(until) => {}
                    () = self.lapse() => self.publish(),
                    changed = stopping.changed() => if changed.is_err() { break },
                }
                continue;
            }
            // Not cut short: what it does to the Lease is known only when it has ended.
            let ended = self.call(step).await;
            self.take(step, now, ended);
            self.publish();
        }
        self.give_back().await;
    }

    fn now(&self) -> Uptime {
        self.started.elapsed()
    }

    /// When this replica stops to be the holder, unless it renews.
    async fn lapse(&self) {
        match self.election.held_until(self.now()) {
            Some(until) => sleep_until(self.started + until).await,
            None => std::future::pending().await,
        }
    }

    /// Carries out a step. Gives what the API server shows then.
    async fn call(&self, step: Step) -> Result<Option<Value>, Failed> {
        let identity = Some(self.election.identity());
        let now = Timestamp::now();
        let call = async {
            match step {
                Step::Look | Step::Wait(_) => match self.send(Method::GET, None).await {
                    Err(Failed::Call(failure)) if failure.kind == FailureKind::NotFound => Ok(None),
                    answer => answer.map(Some),
                },
                Step::Create => {
                    let lease = lease::new(&self.name, None, now);
                    self.send(Method::POST, Some(lease)).await.map(Some)
                }
                Step::Recreate => {
                    let lease = lease::new(&self.name, identity, now);
                    self.send(Method::POST, Some(lease)).await.map(Some)
                }
                Step::Claim => {
                    let read = self.object.clone().unwrap_or_default();
                    let lease = lease::claimed(read, self.election.identity(), now);
                    self.send(Method::PUT, Some(lease)).await.map(Some)
                }
            }
        };
        timeout(CALL, call).await.unwrap_or(Err(Failed::Late))
    }

    async fn send(&self, method: Method, lease: Option<Value>) -> Result<Value, Failed> {
        let LeaseName { namespace, name } = &self.name;
        let folder = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases");
        let path = if method == Method::POST { folder } else { format!("{folder}/{name}") };
        let body = lease.map(|lease| lease.to_string().into_bytes()).unwrap_or_default();
        let request = Request::builder().method(method).uri(path);
        let request = request.header("content-type", "application/json").body(body);
        let request = request.map_err(|error| Failed::Odd(error.to_string()))?;
        match request::text(&self.client, request).await {
            Ok(text) => serde_json::from_str(&text).map_err(|error| Failed::Odd(error.to_string())),
            Err(failure) => Err(match failure.kind {
                FailureKind::Conflict | FailureKind::AlreadyExists => Failed::Conflict,
                _ => Failed::Call(failure),
            }),
        }
    }

    /// Tells the election what came of a step that began at `sent`.
    fn take(&mut self, step: Step, sent: Uptime, ended: Result<Option<Value>, Failed>) {
        let now = self.now();
        let failed = match ended {
            Ok(object) => match object.as_ref().map(lease::read).transpose() {
                Ok(record) => {
                    self.object = object;
                    match (step, record) {
                        (Step::Look | Step::Wait(_), record) => {
                            let seen = record.map_or(Seen::Absent, Seen::Lease);
                            let is_renewed = self.election.read(seen, now, fastrand::f64());
                            if self.shared.lease_is_read(is_renewed) {
                                self.can_be_used();
                            }
                        }
                        (_, Some(record)) => {
                            self.election.wrote(step, record.version, sent, now);
                            self.works();
                        }
                        // A write is answered with an object.
                        (_, None) => self.election.failed(step, now, fastrand::f64()),
                    }
                    return;
                }
                Err(why) => Failed::Odd(why),
            },
            Err(failed) => failed,
        };
        match failed {
            // It names somebody else: as it should where there are several.
            Failed::Conflict => self.election.conflicted(step, now),
            // What was to be written is gone; or, where one was to be created, its namespace.
            Failed::Call(failure)
                if failure.kind == FailureKind::NotFound && step == Step::Claim =>
            {
                self.election.conflicted(step, now);
            }
            Failed::Call(failure) => {
                let forbidden = (failure.kind == FailureKind::Forbidden).then_some(step);
                match forbidden {
                    Some(step) => self.election.forbidden(step, now, fastrand::f64()),
                    None => self.election.failed(step, now, fastrand::f64()),
                }
                self.fails(failure.explained(), forbidden);
            }
            Failed::Late => {
                self.election.failed(step, now, fastrand::f64());
                self.fails(format_args!("no response within {CALL:?}"), None);
            }
            Failed::Odd(why) => {
                self.election.failed(step, now, fastrand::f64());
                self.fails(why, None);
            }
        }
    }

    fn works(&mut self) {
        self.can_be_used();
        self.shared.lease_works();
    }

    fn can_be_used(&mut self) {
        if self.said.take().is_some() {
            tracing::info!(lease = %self.name, "audit Lease can be used again");
        }
    }

    /// Once for each reason.
    fn fails(&mut self, why: impl Display, forbidden: Option<Step>) {
        let why = why.to_string();
        let advice = if forbidden.is_some() {
            "grant the webhook create on leases, and get and update on this one, in its namespace \
             (deploy/components/audit); until then no pods are counted"
        } else {
            "check the API server; the Lease is tried again"
        };
        let failure = format!("failed to use Lease {}: {why}; {advice}", self.name);
        self.shared.lease_fails(failure.into(), forbidden);
        let is_said = |(said, at): &(String, Instant)| *said == why && at.elapsed() < QUIET;
        if !self.said.as_ref().is_some_and(is_said) {
            tracing::warn!(lease = %self.name, error = why, advice, "failed to use audit Lease");
            self.said = Some((why, Instant::now()));
        }
    }

    /// Says who holds the Lease now.
    fn publish(&self) {
        let held = self.election.held_until(self.now());
        let is_new = self.shared.hold(held.map(|until| self.started + until));
        let identity = self.election.identity();
        match (is_new, held) {
            (true, Some(_)) => {
                tracing::info!(lease = %self.name, identity, "took audit Lease");
            }
            (true, None) => tracing::info!(lease = %self.name, identity, "lost audit Lease"),
            (false, _) => {}
        }
        // Without the right to Leases each replica reports, as it does without an audit.
        let leads = held.is_some() || self.shared.is_forbidden();
        self.leads.send_if_modified(|before| std::mem::replace(before, leads) != leads);
    }

    /// So that another replica need not wait.
    async fn give_back(mut self) {
        let held = self.election.give_back(self.now());
        self.shared.hold(None);
        self.leads.send_replace(false);
        let Some(object) = self.object.take().filter(|_| held) else { return };
        let lease = lease::released(object, Timestamp::now());
        if let Ok(Ok(_)) = timeout(CALL, self.send(Method::PUT, Some(lease))).await {
            tracing::info!(lease = %self.name, "gave audit Lease back");
        } else {
            // The next holder waits a little longer.
            tracing::debug!(lease = %self.name, "failed to give audit Lease back");
        }
    }
}
