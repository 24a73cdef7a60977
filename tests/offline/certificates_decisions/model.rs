//! Replicas beside an API server, all in memory: each step is one that a real
//! replica takes, from a view that may be old.

use std::sync::Arc;
use std::time::Duration;

use certificates::{
    Bundle, Clock, Configuration, Decision, Leaf, MANAGER, Memory, Moment, Params,
    PublishedBundles, SecretView, ServerTime, Webhook, decide,
};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use pod_identity_webhook::crypto;

use super::fixtures::{Data, SERVER, at, carried_out, data};

/// Versions of the objects, oldest first. The number of one is its place.
pub struct World {
    pub params: Params,
    pub now: i64,
    /// How far the clock of each API server is ahead.
    pub servers: Vec<i64>,
    pub secrets: Vec<Option<Data>>,
    /// What each version of the Secret is read as.
    views: Vec<SecretView>,
    pub bundles: Vec<Vec<Vec<u8>>>,
    pub replicas: Vec<Replica>,
}

#[derive(Clone, Default)]
pub struct Replica {
    pub memory: Memory,
    /// The versions that it sees.
    pub secret: usize,
    pub bundles: Vec<usize>,
    /// How far its clock is ahead.
    pub skew: i64,
    /// The API servers that answer it.
    pub answered_by: Vec<usize>,
    clock: Clock,
}

impl World {
    /// Nothing is there but the configurations, their caBundles empty.
    pub fn new(params: Params, replicas: usize, configurations: usize) -> Self {
        let replica = Replica {
            bundles: vec![0; configurations],
            answered_by: vec![0],
            ..Replica::default()
        };
        Self {
            params,
            now: 0,
            servers: vec![0],
            secrets: vec![None],
            views: vec![SecretView::Absent],
            bundles: vec![vec![Vec::new()]; configurations],
            replicas: vec![replica; replicas],
        }
    }

    /// By the first API server.
    pub fn now(&self) -> Timestamp {
        at(self.now + self.servers[0])
    }

    /// By a replica's own clocks.
    fn moment(&self, replica: usize) -> Moment {
        // Since long before the start: a clock that is set back shows no time before that.
        let uptime = Duration::from_secs(u64::try_from(self.now).unwrap());
        Moment { wall: at(self.now + self.replicas[replica].skew), uptime }
    }

    /// A few answers from each API server that it talks to.
    fn ask(&mut self, replica: usize) {
        let moment = self.moment(replica);
        for answer in 0..Clock::NEEDED {
            for server in self.replicas[replica].answered_by.clone() {
                let date = at(self.now + self.servers[server]);
                let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&date).unwrap();
                let taken = self.replicas[replica].clock.observe(&date, moment, moment);
                assert!(taken, "answer {answer}: {date}");
            }
        }
    }

    /// The time as this replica knows it.
    pub fn time(&self, replica: usize) -> ServerTime {
        let moment = self.moment(replica);
        let offset = self.replicas[replica].clock.read(moment);
        offset.map_or(ServerTime::UNKNOWN, |offset| offset.time(moment.wall))
    }

    pub fn decision(&self, replica: usize) -> Decision {
        self.decision_at(replica, self.time(replica))
    }

    pub fn decision_at(&self, replica: usize, time: ServerTime) -> Decision {
        let Replica { memory, secret, bundles, .. } = &self.replicas[replica];
        let secret = &self.views[*secret];
        let published = self.published(bundles);
        decide(time, secret, &published, memory, &self.params, crypto::CERTIFICATES)
    }

    /// One decision, and one attempt at each of its parts.
    pub fn tick(&mut self, replica: usize) -> Decision {
        self.ask(replica);
        self.tick_at(replica, self.time(replica))
    }

    /// As [`tick`](Self::tick), of a replica that takes this for the time.
    pub fn tick_at(&mut self, replica: usize, time: ServerTime) -> Decision {
        self.remember(replica, time);
        let decision = self.decision_at(replica, time);
        self.replicas[replica].memory.served.clone_from(&decision.serve);
        for repair in &decision.bundles {
            let index = repair.configuration.parse::<usize>().unwrap();
            if self.replicas[replica].bundles[index] + 1 == self.bundles[index].len() {
                self.bundles[index].push(repair.bundle.pem().into_bytes());
            }
            // The answer, or what is read after a conflict.
            self.replicas[replica].bundles[index] = self.bundles[index].len() - 1;
        }
        if let Some(step) = decision.secret.clone() {
            if self.replicas[replica].secret + 1 == self.secrets.len() {
                let state = carried_out(step.change, time.earliest(), &self.params);
                self.store_secret(Some(data(&state)));
            }
            self.replicas[replica].secret = self.secrets.len() - 1;
        }
        self.remember(replica, time);
        decision
    }

    pub fn see_all(&mut self, replica: usize) {
        let bundles = self.bundles.iter().map(|versions| versions.len() - 1).collect();
        let replica = &mut self.replicas[replica];
        (replica.secret, replica.bundles) = (self.secrets.len() - 1, bundles);
    }

    /// A watch brings the next version of one object.
    pub fn see_next(&mut self, replica: usize, object: usize) {
        let replica = &mut self.replicas[replica];
        let (seen, last) = match object.checked_sub(1) {
            None => (&mut replica.secret, self.secrets.len() - 1),
            Some(index) => (&mut replica.bundles[index], self.bundles[index].len() - 1),
        };
        *seen = last.min(*seen + 1);
    }

    pub fn restart(&mut self, replica: usize) {
        self.replicas[replica].memory = Memory::default();
        self.replicas[replica].clock = Clock::default();
        self.see_all(replica);
    }

    pub fn served(&self, replica: usize) -> Option<&Arc<Leaf>> {
        self.replicas[replica].memory.served.as_ref()
    }

    /// Whether an API server that is `behind` by some versions takes what the
    /// replica serves. One that has ended, or none, is not asked about.
    pub fn is_verified(&self, replica: usize, behind: usize) -> bool {
        self.is_verified_by(0, replica, behind)
    }

    /// As [`is_verified`](Self::is_verified), by the clock of one API server. One that has not
    /// begun is refused.
    pub fn is_verified_by(&self, server: usize, replica: usize, behind: usize) -> bool {
        let now = at(self.now + self.servers[server]);
        let Some(leaf) = self.served(replica) else { return true };
        let leaf = leaf.certificate();
        if leaf.not_before() > now {
            return false;
        }
        leaf.expired(now)
            || self.bundles.iter().all(|versions| {
                let version = versions.len().saturating_sub(1 + behind);
                let bundle = Bundle::parse(&versions[version]);
                let mut begun = bundle.iter().filter(|found| found.not_before() <= now);
                begun.any(|authority| {
                    leaf.is_verified_by(authority, SERVER, now, crypto::CERTIFICATES)
                })
            })
    }

    pub fn secret(&self) -> &SecretView {
        self.views.last().unwrap()
    }

    pub fn store_secret(&mut self, data: Option<Data>) {
        let get = |key| data.as_ref()?.get(key).map(Vec::as_slice);
        self.views.push(match data {
            Some(_) => {
                SecretView::read(Some(MANAGER), &self.params.names, crypto::CERTIFICATES, get)
            }
            None => SecretView::Absent,
        });
        self.secrets.push(data);
    }

    fn published(&self, versions: &[usize]) -> PublishedBundles {
        let names = &self.params.names;
        let all = versions.iter().zip(&self.bundles).enumerate();
        let read = all.map(|(index, (version, bundles))| {
            let webhook = Webhook {
                name: "pods",
                service: Some((&names.namespace, &names.service)),
                ca_bundle: Some(&bundles[*version]),
            };
            (index.to_string(), Configuration::read(names, |_| false, [webhook]))
        });
        PublishedBundles(read.collect())
    }

    fn remember(&mut self, replica: usize, time: ServerTime) {
        let replica = &mut self.replicas[replica];
        replica.memory.see(&self.views[replica.secret], time);
    }
}
