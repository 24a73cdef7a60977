//! The numbers that the metrics, and `/debug/alpha/cache`, show.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::config_map::Known;
use super::{Inner, ServiceAccounts};
use crate::api_server::watch::WatchState;
use injection::identity::ServiceAccount;

/// Numbers of now; those that only grow are named in the plural of what they
/// count, as in a metric that ends in `_total`.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Lookups that were answered from memory.
    pub hits: u64,
    pub live_gets: LiveGets,
    /// Lookups that wait for a live GET at this moment.
    pub waiting: u64,
    pub queue: QueueStats,
    /// `ServiceAccounts` in memory at this moment, and those with a role.
    pub known: usize,
    pub with_role: usize,
    /// Entries in force at this moment.
    pub config_map_entries: usize,
    /// Documents and entries that could not be read.
    pub config_map_errors: u64,
    /// Keys in force at this moment.
    pub container_credentials_keys: usize,
    pub container_credentials_loads: u64,
    pub container_credentials_errors: u64,
    /// Changes of the files of `--service-accounts` that could not be taken.
    pub files_errors: u64,
    pub events: EventStats,
}

/// Live GETs by their result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveGets {
    pub with_role: u64,
    pub without_role: u64,
    pub not_found: u64,
    pub failed: u64,
}

/// Where lookups wait for one of the slots that live GETs have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueStats {
    /// Those who wait at this moment.
    pub waiting: usize,
    /// Slots taken at this moment: live GETs that are out.
    pub slots_taken: usize,
    /// Those who did not get a slot at once.
    pub waited: u64,
    /// Those who found no place in the queue.
    pub full: u64,
    /// Those whose time was over before there was a slot.
    pub timeouts: u64,
}

/// Events on `ServiceAccounts` that are wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventStats {
    pub sent: u64,
    /// Not sent, since the API server had them: from another replica, say.
    pub present: u64,
    /// Lost: forbidden, failed, or too many at once.
    pub dropped: u64,
}

impl ServiceAccounts {
    /// What is counted, at this moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let Inner { lookups, config_map, container_credentials, slots, .. } = &*self.inner;
        let counts = &lookups.counts;
        let (known, with_role) = {
            let index = lookups.index();
            (index.known(), index.with_role())
        };
        Stats {
            hits: counts.hits.load(Ordering::Relaxed),
            live_gets: LiveGets {
                with_role: counts.with_role.load(Ordering::Relaxed),
                without_role: counts.without_role.load(Ordering::Relaxed),
                not_found: counts.not_found.load(Ordering::Relaxed),
                failed: counts.failed.load(Ordering::Relaxed),
            },
            waiting: counts.waiting.load(Ordering::Relaxed),
            queue: QueueStats {
                waiting: slots.waiting(),
                slots_taken: slots.taken(),
                waited: slots.waited(),
                full: slots.rejected(),
                timeouts: slots.timeouts(),
            },
            known,
            with_role,
            config_map_entries: match &**config_map.known() {
                Known::Entries(entries) => entries.len(),
                Known::Off | Known::Unanswered | Known::Forbidden => 0,
            },
            config_map_errors: config_map.errors(),
            container_credentials_keys: container_credentials.len(),
            container_credentials_loads: container_credentials.loads(),
            container_credentials_errors: container_credentials.errors(),
            files_errors: self.inner.files_errors.load(Ordering::Relaxed),
            events: self.inner.events.stats(),
        }
    }

    /// How the watch of `ServiceAccount`s fares.
    #[must_use]
    pub fn watch(&self) -> &WatchState {
        &self.inner.watch
    }

    /// Whether they come from a cluster, and so from a watch.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.inner.client.is_some()
    }

    /// How the `ConfigMap` fares, in a word or two.
    #[must_use]
    pub fn config_map_state(&self) -> &'static str {
        match &**self.inner.config_map.known() {
            Known::Off => "off",
            Known::Unanswered => "not answered yet",
            Known::Forbidden => "forbidden",
            Known::Entries(_) => "in force",
        }
    }

    /// What is in memory, for people: the `ServiceAccounts` that have an
    /// annotation, and how many there are of everything else.
    #[must_use]
    pub fn snapshot(&self) -> Value {
        let stats = self.stats();
        let annotated: serde_json::Map<_, _> = {
            let index = self.inner.lookups.index();
            index.annotated().map(|(key, sa)| (key.to_owned(), shown(sa))).collect()
        };
        let config_map = self.config_map_state();
        json!({
            "notReady": self.not_ready(),
            "serviceAccounts": {
                "known": stats.known,
                "connected": self.watch().is_connected(),
                "lastFailure": self.watch().last_failure().as_deref(),
                "failedReloads": stats.files_errors,
                "annotated": annotated,
            },
            "configMap": { "state": config_map, "entries": stats.config_map_entries },
            "lookups": { "fromMemory": stats.hits, "waiting": stats.waiting },
            "containerCredentials": { "keys": stats.container_credentials_keys },
        })
    }
}

fn shown(sa: &ServiceAccount) -> Value {
    let warnings: Vec<_> = sa.warnings.iter().map(ToString::to_string).collect();
    json!({
        "roleArn": sa.role.as_ref().map(ToString::to_string),
        "audience": sa.audience,
        "tokenExpiration": sa.token_expiration.map(injection::identity::Expiration::seconds),
        "regionalSts": sa.regional_sts,
        "region": sa.region,
        "sessionName": sa.session_name,
        "stsEndpointUrl": sa.sts_endpoint.as_ref().map(ToString::to_string),
        "warnings": warnings,
    })
}
