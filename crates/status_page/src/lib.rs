//! The status page: what one replica knows of itself, as one page of HTML.
//!
//! Values in, text out. [`Hour`] and [`Recent`] keep what the page shows of the past, each in
//! a bounded memory; the time is always an argument.

#![warn(missing_docs)]

mod findings;
mod hour;
mod page;
mod recent;
mod units;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

pub use hour::{Counts, Hour, LastHour, Minute};
pub use page::{content_security_policy, html};
pub use recent::{Recent, Seen, Subject};

/// All that the page shows, at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// Of the program.
    pub version: &'static str,
    /// Which replica this is.
    pub replica: Replica,
    /// The time, by the API server's clock where that is known.
    pub now: Timestamp,
    /// For how long the program has run.
    pub uptime: Duration,
    /// What readiness depends on, as in `/readyz`.
    pub conditions: Vec<Condition>,
    /// How long certificates last.
    pub certificates: Certificates,
    /// How the clocks are.
    pub clock: Clock,
    /// What is in memory.
    pub sources: Sources,
    /// The admissions of the last hour.
    pub hour: LastHour,
    /// None where the continuous audit is off.
    pub audit: Option<Audit>,
    /// The last warnings, the newest first.
    pub warnings: Vec<Seen>,
    /// Whether names of objects may be shown, by `--enable-debugging-handlers`.
    pub names: bool,
}

/// The name of a replica, and what it is the name of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replica {
    /// Of its pod.
    Pod(String),
    /// Of the machine that it runs on, which in most pods is the pod's.
    Host(String),
    /// The system does not tell.
    NotKnown,
}

/// A condition of readiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Its word in `/readyz`.
    pub name: &'static str,
    /// Why it does not hold; none where it does.
    pub reason: Option<String>,
}

/// How long each certificate lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// The one that the HTTPS port shows.
    pub serving: Held,
    /// The CA that signs it, where the webhook has one of its own.
    pub authority: Held,
    /// Of the client CA file, the one that ends first.
    pub clients: Held,
}

/// A certificate, or why there is none to tell of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// There is none, by the configuration.
    NotUsed,
    /// There is none yet, or it can't be read.
    NotKnown,
    /// It lasts so long.
    For(Lifetime),
}

/// From when to when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The first moment, where it is known.
    pub not_before: Option<Timestamp>,
    /// The last moment.
    pub not_after: Timestamp,
}

/// How this node's clock is, compared with the API server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clock {
    /// There is no API server to compare with.
    NoCluster,
    /// The API server has not told the time yet, or no longer does.
    NotKnown,
    /// The API server's clock less this node's.
    Offset {
        /// The median over the API servers.
        offset: SignedDuration,
        /// In words, as in `/readyz?verbose`.
        text: String,
        /// Whether someone should see to it.
        is_warning: bool,
    },
}

/// What the webhook answers from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Whether the first list of `ServiceAccounts` is complete.
    pub listed: bool,
    /// `ServiceAccounts` in memory.
    pub known: u64,
    /// Those of them with a role.
    pub with_role: u64,
    /// None where they come from files.
    pub watch: Option<Watch>,
    /// How the `ConfigMap` fares, in a word or two.
    pub config_map: &'static str,
    /// Its entries in use.
    pub config_map_entries: u64,
    /// `ServiceAccounts` of the container credentials file; none without the file.
    pub container_credentials: Option<u64>,
    /// Lookups that were answered from memory, since the start.
    pub from_memory: u64,
    /// Lookups for which the API server was asked, since the start.
    pub live: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Admissions that wait for a lookup now.
    pub waiting: u64,
}

/// How the watch of `ServiceAccounts` fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Whether the last request succeeded.
    pub connected: bool,
    /// Since when the API server has sent nothing; none before the watch began.
    pub silent_for: Option<Duration>,
    /// How long it may send nothing.
    pub silence: Duration,
    /// Why the last request failed; none where none has.
    pub last_failure: Option<String>,
}

/// How the continuous audit fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// How often a round is due.
    pub interval: Duration,
    /// Whether this replica does it.
    pub is_holder: bool,
    /// The last round that was complete; none before the first.
    pub last: Option<Round>,
    /// How long ago the last round failed, and why; none where a later one was complete.
    pub failure: Option<(Duration, String)>,
}

/// A complete round of the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// How long ago it ended.
    pub age: Duration,
    /// How long it took.
    pub took: Duration,
    /// Pods by state.
    pub states: Vec<PodsOfState>,
}

/// How many pods are in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodsOfState {
    /// The word of `audit` for it.
    pub state: &'static str,
    /// Whether somebody has to do something about such a pod.
    pub is_wrong: bool,
    /// How many there are.
    pub pods: u64,
}
