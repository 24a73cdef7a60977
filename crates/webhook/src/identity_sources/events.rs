//! Kubernetes Events on `ServiceAccounts` that are wrong whatever pod uses
//! them: the signal that reaches their owner. They come from the watch, never
//! from an admission, which has no side effects.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior};

use super::stats::EventStats;
use super::wrong::Wrong;
use crate::api_server::{Failure, FailureKind};
use injection::identity::{Warning, WarningKind};

/// Enough for a cluster where a thousand are wrong at the start.
const QUEUE: usize = 1_000;
/// Five a second: nobody waits for them.
const PACE: Duration = Duration::from_millis(200);
/// How long nothing is tried after the API server said that it is forbidden.
const FORBIDDEN_PAUSE: Duration = Duration::from_mins(10);
const COMPONENT: &str = "pod-identity-webhook";

/// Hands reports to the task that sends them, and never waits for it.
#[derive(Debug)]
pub(super) struct Events {
    queue: mpsc::Sender<Report>,
    counts: EventCounts,
}

#[derive(Debug, Default)]
struct EventCounts {
    sent: AtomicU64,
    present: AtomicU64,
    dropped: AtomicU64,
}

/// One thing that is wrong with one `ServiceAccount`.
#[derive(Debug)]
pub(super) struct Report {
    object: ObjectReference,
    warning: Warning,
}

enum Sending {
    Done,
    Forbidden(String),
}

/// Sends at a pace that nobody minds.
struct Sender<'a> {
    events: &'a Events,
    client: &'a Client,
    pace: Interval,
    has_said: bool,
}

impl<'a> Sender<'a> {
    fn new(events: &'a Events, client: &'a Client) -> Self {
        let mut pace = tokio::time::interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { events, client, pace, has_said: false }
    }

    async fn send(&mut self, report: &Report) {
        self.pace.tick().await;
        if let Sending::Forbidden(why) = self.events.send_one(self.client, report).await {
            if !self.has_said {
                self.has_said = true;
                let advice = "grant the webhook create on events";
                tracing::warn!(error = %why, advice, "not allowed to create Events");
            }
            // What is queued by then is sent if the right was granted.
            tokio::time::sleep(FORBIDDEN_PAUSE).await;
        }
    }
}

impl Report {
    pub(super) fn new(object: ObjectReference, warning: Warning) -> Self {
        Self { object, warning }
    }
}

impl Events {
    pub(super) fn new() -> (Self, mpsc::Receiver<Report>) {
        let (queue, reports) = mpsc::channel(QUEUE);
        (Self { queue, counts: EventCounts::default() }, reports)
    }

    pub(super) fn offer(&self, object: &ObjectReference, warnings: &[Warning]) {
        for warning in warnings {
            let report = Report { object: object.clone(), warning: warning.clone() };
            if self.queue.try_send(report).is_err() {
                add(&self.counts.dropped);
            }
        }
    }

    pub(super) fn stats(&self) -> EventStats {
        let EventCounts { sent, present, dropped } = &self.counts;
        EventStats {
            sent: sent.load(Ordering::Relaxed),
            present: present.load(Ordering::Relaxed),
            dropped: dropped.load(Ordering::Relaxed),
        }
    }

    /// Sends what is offered, one after the other, for ever.
    pub(super) async fn send(&self, client: &Client, mut reports: mpsc::Receiver<Report>) {
        let mut sender = Sender::new(self, client);
        while let Some(report) = reports.recv().await {
            sender.send(&report).await;
        }
    }

    /// The same while `allowed` is true; what is offered meanwhile is another replica's to send. Each
    /// time that it becomes true, all that is wrong then is told.
    pub(super) async fn send_while(
        &self,
        client: &Client,
        mut reports: mpsc::Receiver<Report>,
        mut allowed: watch::Receiver<bool>,
        wrong: Wrong<'_>,
    ) {
        let mut sender = Sender::new(self, client);
        let mut stops = allowed.clone();
        loop {
            // Cancel-safe: what one of them takes, it takes at once.
            tokio::select! {
                biased;
                began = allowed.wait_for(|allowed| *allowed) => if began.is_err() { break },
                Some(_) = reports.recv() => continue,
            }
            let telling = async {
                for key in wrong.keys().iter().take(QUEUE) {
                    for report in wrong.reports(key).await {
                        sender.send(&report).await;
                    }
                }
                while let Some(report) = reports.recv().await {
                    sender.send(&report).await;
                }
            };
            // An Event that is cut short may have been sent: the next holder sends it again.
            tokio::select! {
                () = telling => break,
                ended = stops.wait_for(|allowed| !*allowed) => if ended.is_err() { break },
            }
        }
        // Whoever knew is gone, with the program.
        std::future::pending::<()>().await;
    }

    async fn send_one(&self, client: &Client, report: &Report) -> Sending {
        let namespace = report.object.namespace.as_deref().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(client.clone(), namespace);
        let event = event(report, Timestamp::now());
        let Err(error) = api.create(&PostParams::default(), &event).await else {
            add(&self.counts.sent);
            return Sending::Done;
        };
        let failure = Failure::of(&error);
        match failure.kind {
            // Another replica sent it, or this one before its last restart.
            FailureKind::AlreadyExists => add(&self.counts.present),
            FailureKind::Forbidden => {
                add(&self.counts.dropped);
                return Sending::Forbidden(failure.message);
            }
            _ => {
                add(&self.counts.dropped);
                tracing::debug!(namespace, error = %failure, "failed to create Event");
            }
        }
        Sending::Done
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

fn event(report: &Report, now: Timestamp) -> Event {
    let Report { object, warning } = report;
    Event {
        metadata: ObjectMeta {
            name: Some(name(object, warning)),
            namespace: object.namespace.clone(),
            ..ObjectMeta::default()
        },
        involved_object: object.clone(),
        type_: Some("Warning".to_owned()),
        reason: Some(reason(warning.kind).to_owned()),
        message: Some(warning.message().to_owned()),
        source: Some(EventSource { component: Some(COMPONENT.to_owned()), host: None }),
        reporting_component: Some(COMPONENT.to_owned()),
        first_timestamp: Some(Time(now)),
        last_timestamp: Some(Time(now)),
        count: Some(1),
        ..Event::default()
    }
}

fn reason(kind: WarningKind) -> &'static str {
    match kind {
        WarningKind::OddRoleArn | WarningKind::NearMiss => "PodIdentityRoleArn",
        _ => "PodIdentityAnnotation",
    }
}

/// The same for all replicas and after a restart, so that the API server
/// refuses the second one of them.
fn name(object: &ObjectReference, warning: &Warning) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let hashed = format!("{} {}", text(&object.uid), warning.message());
    let mut name = text(&object.name);
    // Names are ASCII, and of 253 characters at most.
    name.truncate(253 - 17);
    format!("{}.{:016x}", name.trim_end_matches(['.', '-']), fnv(hashed.as_bytes()))
}

/// FNV-1a: the standard library's hashes may change with its version.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, uid: &str) -> ObjectReference {
        ObjectReference {
            kind: Some("ServiceAccount".to_owned()),
            namespace: Some("shop".to_owned()),
            name: Some(name.to_owned()),
            uid: Some(uid.to_owned()),
            ..ObjectReference::default()
        }
    }

    fn warning(message: &str) -> Warning {
        Warning::new(WarningKind::OddRoleArn, message)
    }

    #[test]
    fn names_the_same_thing_alike_and_nothing_else() {
        let app = name(&object("app", "1"), &warning("odd"));
        assert_eq!(app, name(&object("app", "1"), &warning("odd")));
        assert_ne!(app, name(&object("app", "2"), &warning("odd")));
        assert_ne!(app, name(&object("app", "1"), &warning("other")));
        assert!(app.starts_with("app.") && app.len() == 4 + 16, "{app}");
        assert_eq!(name(&object(&"x".repeat(253), "1"), &warning("odd")).len(), 253);
        assert_eq!(fnv(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn is_an_event_on_the_service_account() {
        let report = Report { object: object("app", "1"), warning: warning("odd") };
        let event = event(&report, Timestamp::UNIX_EPOCH);
        assert_eq!(event.type_.as_deref(), Some("Warning"));
        assert_eq!(event.reason.as_deref(), Some("PodIdentityRoleArn"));
        assert_eq!(event.message.as_deref(), Some("odd"));
        assert_eq!(event.metadata.namespace.as_deref(), Some("shop"));
    }

    #[test]
    fn drops_what_the_queue_does_not_hold() {
        let (events, _reports) = Events::new();
        for _ in 0..QUEUE + 2 {
            events.offer(&object("app", "1"), &[warning("odd")]);
        }
        assert_eq!(events.stats(), EventStats { dropped: 2, ..EventStats::default() });
    }
}
