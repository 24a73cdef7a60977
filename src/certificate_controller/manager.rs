//! The task that watches, has it decided, and does it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::select_all;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::watcher;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::access::{AccessError, Failed, ManagedObject, Operation};
use super::secret::SecretStore;
use super::view::{Failures, Replacements, View};
use super::webhooks::{self, WebhooksApi};
use super::{Stats, issue_authority, issue_leaf};
use crate::api_server::clock::ServerClock;
use crate::api_server::watch::{WatchState, WatchedKind, follow_object};
use crate::crypto;
use certificates::{
    BundleRepair, Configuration, Decision, Leaf, Memory, Params, SecretStep, SecretView,
    ServerTime, decide,
};

/// Short: a sleep of the machine or a set clock is noticed with the next one.
const TICK: Duration = Duration::from_secs(1);

/// One after the other, changes settle in a handful of rounds; whatever keeps
/// on conflicting waits for the next event or tick.
const ROUNDS: usize = 8;

/// Whoever sees their failures says so, with the rule that is missing.
const SECRET: WatchedKind = WatchedKind { name: "the Secret of the certificates", right: None };
const CONFIGURATION: WatchedKind =
    WatchedKind { name: "a MutatingWebhookConfiguration", right: None };

/// What to manage.
#[derive(Clone, Debug)]
pub struct ManagerSettings {
    pub params: Params,
    /// The names of the `MutatingWebhookConfiguration`s.
    pub configurations: Vec<String>,
}

/// What the manager gives to the rest of the program.
#[derive(Clone, Debug)]
pub struct ManagedCertificates {
    /// The leaf to serve: only ever one that the published caBundles verify.
    pub leaf: watch::Receiver<Option<Arc<Leaf>>>,
    pub status: watch::Receiver<Status>,
    pub stats: Arc<Stats>,
    pub watches: Watches,
}

/// How the watches fare.
#[derive(Clone, Debug, Default)]
pub struct Watches {
    pub secret: Arc<WatchState>,
    /// One for each `MutatingWebhookConfiguration`.
    pub configurations: Arc<[Arc<WatchState>]>,
}

/// Whether there is a valid leaf, and all problems.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    pub ready: bool,
    /// One line each, with the next step.
    pub problems: Vec<String>,
}

/// Not started yet: [`run`](Self::run) does.
pub struct Manager {
    settings: ManagerSettings,
    clock: ServerClock,
    client: Client,
    store: SecretStore,
    webhooks: WebhooksApi,
    view: View,
    memory: Memory,
    failures: Failures,
    replacements: Replacements,
    leaf: watch::Sender<Option<Arc<Leaf>>>,
    status: watch::Sender<Status>,
    stats: Arc<Stats>,
    watches: Watches,
}

impl Manager {
    /// All is decided by `clock`, which has to observe the client's answers
    /// ([`ServerClock::observed`]).
    #[must_use]
    pub fn new(
        client: Client,
        clock: ServerClock,
        mut settings: ManagerSettings,
    ) -> (Self, ManagedCertificates) {
        let mut seen = std::collections::HashSet::new();
        settings.configurations.retain(|name| seen.insert(name.clone()));
        let (leaf, leaf_seen) = watch::channel(None);
        let (status, status_seen) = watch::channel(Status::default());
        let counts = Arc::<Stats>::default();
        let watches = Watches {
            secret: Arc::default(),
            configurations: settings.configurations.iter().map(|_| Arc::default()).collect(),
        };
        let manager = Self {
            store: SecretStore::new(client.clone(), &settings.params),
            webhooks: Api::all(client.clone()),
            client,
            clock,
            view: View::new(&settings.configurations),
            settings,
            memory: Memory::default(),
            failures: Failures::default(),
            replacements: Replacements::default(),
            leaf,
            status,
            stats: Arc::clone(&counts),
            watches: watches.clone(),
        };
        (
            manager,
            ManagedCertificates { leaf: leaf_seen, status: status_seen, stats: counts, watches },
        )
    }

    /// Manages until it is dropped.
    pub async fn run(self) {
        let (clock, client) = (self.clock.clone(), self.client.clone());
        tokio::join!(self.manage(), clock.keep(client));
    }

    async fn manage(mut self) {
        let mut known = self.clock.known();
        let client = self.client.clone();
        let namespace = self.settings.params.names.namespace.clone();
        let secrets = move |client| Api::namespaced(client, &namespace);
        let state = Arc::clone(&self.watches.secret);
        let secrets = follow_object(client.clone(), secrets, self.store.name(), SECRET, state);
        let mut secrets = secrets.boxed();
        let names = self.settings.configurations.iter().zip(&*self.watches.configurations);
        let mut configurations = select_all(names.enumerate().map(|(index, (name, state))| {
            let (client, state) = (client.clone(), Arc::clone(state));
            let watch = follow_object(client, Api::all, name, CONFIGURATION, state);
            watch.map(move |event| (index, event)).boxed()
        }));
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Each only takes what is there, so those that lose lose nothing.
            tokio::select! {
                Some(event) = secrets.next() => self.see_secret(event),
                Some((index, event)) = configurations.next() => {
                    self.see_configuration(index, event);
                }
                // It holds no other: the clock lives as long as this.
                Ok(()) = known.changed() => {}
                _ = ticks.tick() => {}
            }
            self.settle().await;
        }
    }

    fn see_secret(&mut self, event: watcher::Result<Option<Secret>>) {
        let target = self.store.target.clone();
        match event {
            Ok(object) => {
                self.failures.clear(Operation::Watch, &target);
                self.take_secret(object);
            }
            Err(error) => {
                let unknown = self.view.secret == SecretView::Unknown;
                self.lose_watch(&target, &error, unknown);
            }
        }
    }

    fn see_configuration(
        &mut self,
        index: usize,
        event: watcher::Result<Option<MutatingWebhookConfiguration>>,
    ) {
        let Some((name, found)) = self.view.published.0.get(index) else { return };
        let (target, unknown) =
            (ManagedObject::Configuration(name.clone()), *found == Configuration::Unknown);
        match event {
            Ok(object) => {
                self.failures.clear(Operation::Watch, &target);
                self.take_configuration(index, object);
            }
            Err(error) => self.lose_watch(&target, &error, unknown),
        }
    }

    fn lose_watch(&mut self, target: &ManagedObject, error: &watcher::Error, unknown: bool) {
        let error = AccessError::of_watch(target, error);
        self.stats.count_failure(Operation::Watch);
        let shown = unknown || error.is_forbidden();
        self.failures.record(Operation::Watch, target, &error, shown);
    }

    fn take_secret(&mut self, object: Option<Secret>) {
        self.view.set_secret(object, |object| self.store.read(object));
        self.memory.see(&self.view.secret, self.clock.time());
    }

    fn take_configuration(&mut self, index: usize, object: Option<MutatingWebhookConfiguration>) {
        let names = &self.settings.params.names;
        self.view.set_configuration(index, object, |object| webhooks::read(object, names));
    }

    /// Decides and acts until there is nothing left to do now.
    async fn settle(&mut self) {
        for _ in 0..ROUNDS {
            let now = self.clock.time();
            // What was seen before the time was known may be of the future.
            self.memory.see(&self.view.secret, now);
            let decision = self.decide(now);
            self.hand_out(&decision);
            let mut changed = false;
            for repair in &decision.bundles {
                changed |= self.repair(repair).await;
            }
            if let Some(step) = decision.secret {
                changed |= self.change_secret(step, now).await;
            }
            if !changed {
                break;
            }
        }
        self.publish_status();
    }

    fn decide(&self, now: ServerTime) -> Decision {
        let View { secret, published, .. } = &self.view;
        let params = &self.settings.params;
        decide(now, secret, published, &self.memory, params, crypto::CERTIFICATES)
    }

    fn hand_out(&mut self, decision: &Decision) {
        self.memory.served.clone_from(&decision.serve);
        self.stats.hold(self.view.secret.authorities());
        self.leaf.send_if_modified(|current| {
            let changed = *current != decision.serve;
            if changed {
                if let Some(leaf) = &decision.serve {
                    tracing::info!(leaf = ?leaf.certificate(), "serving certificate");
                } else {
                    tracing::warn!("no certificate to serve");
                }
                current.clone_from(&decision.serve);
            }
            changed
        });
    }

    /// Publishes how things stand, when they have settled.
    fn publish_status(&self) {
        let decision = self.decide(self.clock.time());
        let failures = self.failures.shown().map(str::to_owned);
        let problems = decision.problems.iter().map(ToString::to_string);
        let status = Status { ready: decision.ready, problems: failures.chain(problems).collect() };
        self.status.send_if_modified(|current| {
            let changed = *current != status;
            if changed {
                tracing::info!(ready = status.ready, %status, "certificate status changed");
                current.clone_from(&status);
            }
            changed
        });
    }

    /// Whether the view is another one afterwards.
    async fn repair(&mut self, repair: &BundleRepair) -> bool {
        let target = ManagedObject::Configuration(repair.configuration.clone());
        let Some((index, version)) = self.view.version_of(&repair.configuration) else {
            return false;
        };
        if self.failures.hold_back(Operation::Patch, &target) {
            return false;
        }
        match webhooks::repair(&self.webhooks, repair, &version).await {
            Ok(object) => {
                tracing::info!(object = %target, webhooks = repair.webhooks.len(), "updated caBundle");
                self.failures.clear(Operation::Patch, &target);
                self.stats.count_repairs(repair.webhooks.len());
                self.take_configuration(index, Some(object));
                true
            }
            Err(Failed::Conflict) => {
                match webhooks::get(&self.webhooks, &repair.configuration).await {
                    Ok(object) => {
                        self.failures.clear(Operation::Get, &target);
                        self.take_configuration(index, object);
                        true
                    }
                    Err(failed) => self.fail(Operation::Get, &target, failed),
                }
            }
            Err(failed) => self.fail(Operation::Patch, &target, failed),
        }
    }

    /// Whether the view is another one afterwards.
    async fn change_secret(&mut self, step: SecretStep, now: ServerTime) -> bool {
        let target = self.store.target.clone();
        let object = self.view.secret_object.as_ref();
        let operation = if object.is_some() { Operation::Update } else { Operation::Create };
        if self.failures.hold_back(operation, &target)
            || (step.cause.is_replacement() && self.replacements.hold_back())
        {
            return false;
        }
        let now = now.earliest();
        let Params { names, lifetimes, .. } = &self.settings.params;
        let state = step.change.carry_out(
            || issue_authority(now, lifetimes),
            |authority| issue_leaf(now, authority, &names.all(), lifetimes),
        );
        let state = match state {
            Ok(state) => state,
            Err(error) => return self.fail(Operation::Issue, &target, Failed::Error(error.into())),
        };
        match self.store.put(object, &state).await {
            Ok(object) => {
                tracing::info!(object = %target, cause = step.cause.as_str(), "updated certificate Secret");
                for done in [Operation::Issue, Operation::Create, Operation::Update] {
                    self.failures.clear(done, &target);
                }
                self.stats.count_change(step.cause);
                if step.cause.is_replacement() {
                    self.replacements.count();
                }
                self.take_secret(Some(object));
                true
            }
            Err(Failed::Conflict) => match self.store.get().await {
                Ok(object) => {
                    self.failures.clear(Operation::Get, &target);
                    self.take_secret(object);
                    true
                }
                Err(failed) => self.fail(Operation::Get, &target, failed),
            },
            Err(failed) => self.fail(operation, &target, failed),
        }
    }

    fn fail(&mut self, operation: Operation, target: &ManagedObject, failed: Failed) -> bool {
        // A second conflict, with a reading in between: the next event tells.
        if let Failed::Error(error) = failed {
            self.stats.count_failure(operation);
            self.failures.record(operation, target, &error, true);
        }
        false
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [] if self.ready => f.write_str("ready"),
            [] => f.write_str("not ready"),
            problems => f.write_str(&problems.join("; ")),
        }
    }
}
