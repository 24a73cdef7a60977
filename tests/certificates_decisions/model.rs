//! Replicas beside an API server, all in memory: each step is one that a real
//! replica takes, from a view that may be old.

use std::sync::Arc;

use certificates::{
    Bundle, Configuration, Decision, Leaf, MANAGER, Memory, Params, Published, SecretView, Webhook,
    decide,
};
use jiff::Timestamp;

use super::fixtures::{Data, SERVER, at, carried_out, data};

/// Versions of the objects, oldest first. The number of one is its place.
pub struct World {
    pub params: Params,
    pub now: i64,
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
}

impl World {
    /// Nothing is there but the configurations, their caBundles empty.
    pub fn new(params: Params, replicas: usize, configurations: usize) -> Self {
        let replica = Replica { bundles: vec![0; configurations], ..Replica::default() };
        Self {
            params,
            now: 0,
            secrets: vec![None],
            views: vec![SecretView::Absent],
            bundles: vec![vec![Vec::new()]; configurations],
            replicas: vec![replica; replicas],
        }
    }

    pub fn now(&self) -> Timestamp {
        at(self.now)
    }

    pub fn decision(&self, replica: usize) -> Decision {
        let Replica { memory, secret, bundles, skew } = &self.replicas[replica];
        let secret = &self.views[*secret];
        let published = self.published(bundles);
        decide(at(self.now + skew), secret, &published, memory, &self.params)
    }

    /// One decision, and one attempt at each of its parts.
    pub fn tick(&mut self, replica: usize) -> Decision {
        self.remember(replica);
        let decision = self.decision(replica);
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
                let now = at(self.now + self.replicas[replica].skew);
                let state = carried_out(step.change, now, &self.params);
                self.store_secret(Some(data(&state)));
            }
            self.replicas[replica].secret = self.secrets.len() - 1;
        }
        self.remember(replica);
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
        self.see_all(replica);
    }

    pub fn served(&self, replica: usize) -> Option<&Arc<Leaf>> {
        self.replicas[replica].memory.served.as_ref()
    }

    /// Whether an API server that is `behind` by some versions takes what the
    /// replica serves. One that has ended, or none, is not asked about.
    pub fn is_verified(&self, replica: usize, behind: usize) -> bool {
        let Some(leaf) = self.served(replica) else { return true };
        let leaf = leaf.certificate();
        leaf.expired(self.now())
            || self.bundles.iter().all(|versions| {
                let version = versions.len().saturating_sub(1 + behind);
                Bundle::parse(&versions[version]).verifies(leaf, SERVER, self.now())
            })
    }

    pub fn secret(&self) -> &SecretView {
        self.views.last().unwrap()
    }

    pub fn store_secret(&mut self, data: Option<Data>) {
        let get = |key| data.as_ref()?.get(key).map(Vec::as_slice);
        self.views.push(match data {
            Some(_) => SecretView::read(Some(MANAGER), &self.params.names, get),
            None => SecretView::Absent,
        });
        self.secrets.push(data);
    }

    fn published(&self, versions: &[usize]) -> Published {
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
        Published(read.collect())
    }

    fn remember(&mut self, replica: usize) {
        if let SecretView::Ours(state) = &self.views[self.replicas[replica].secret] {
            self.replicas[replica].memory.state = Some(state.clone());
        }
    }
}
