//! The `ConfigMap` `pod-identity-webhook`: its last good entries, and the
//! watch of it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};

use super::failure::{AskError, Asked};
use crate::api_server::client::get_opt;
use crate::api_server::request::Traced;
use crate::api_server::watch::{WatchState, WatchedKind, follow_object};
use crate::api_server::{Failure, FailureKind};
use crate::telemetry::traces::Parent;
use injection::identity::{Account, ConfigMapIdentities};

/// Its name; no flag changes it.
pub(super) const NAME: &str = "pod-identity-webhook";
/// What is asked for, in traces.
const TEMPLATE: &str = "/api/v1/namespaces/{namespace}/configmaps/{name}";
/// What is watched, in the log.
const PLURAL: &str = "the ConfigMap pod-identity-webhook";
const RIGHT: &str = "get, list and watch on this ConfigMap (a Role in its namespace), or leave out \
                     --watch-config-map";

/// What is known of it, swapped as a whole.
#[derive(Debug)]
pub(super) struct ConfigMapEntries {
    namespace: String,
    account: Option<Account>,
    known: ArcSwap<Known>,
    errors: AtomicU64,
}

#[derive(Clone, Debug)]
pub(super) enum Known {
    /// No flag asks for it.
    Off,
    /// The API server has not answered yet.
    Unanswered,
    /// The webhook may not read it: as good as off.
    Forbidden,
    Entries(Arc<ConfigMapIdentities>),
}

impl ConfigMapEntries {
    pub(super) fn new(namespace: String, account: Option<Account>, known: Known) -> Self {
        Self { namespace, account, known: ArcSwap::from_pointee(known), errors: AtomicU64::new(0) }
    }

    pub(super) fn known(&self) -> arc_swap::Guard<Arc<Known>> {
        self.known.load()
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// How many documents and entries could not be read.
    pub(super) fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Takes `data.config` as it is now, nothing for a `ConfigMap` that is not
    /// there. One that can't be read leaves the last good one.
    pub(super) fn take(&self, config: Option<&str>) {
        if let Some(entries) = self.read(config) {
            if config.is_some() {
                tracing::info!(entries = entries.len(), "loaded ConfigMap");
            } else {
                tracing::debug!("no ConfigMap");
            }
            self.known.store(Arc::new(Known::Entries(Arc::new(entries))));
        } else if !matches!(**self.known(), Known::Entries(_)) {
            // There is no last good one. It was answered all the same: waiting
            // for a good one would hold up those pods too that don't need it.
            self.known.store(Arc::new(Known::Entries(Arc::default())));
        }
    }

    /// Nothing where it can't be read. What is wrong is logged and counted.
    pub(super) fn read(&self, config: Option<&str>) -> Option<ConfigMapIdentities> {
        let Some(config) = config else { return Some(ConfigMapIdentities::default()) };
        let of = || format!("{}/{NAME}", self.namespace);
        match ConfigMapIdentities::parse(config, self.account.as_ref()) {
            Ok((entries, skipped)) => {
                self.errors.fetch_add(skipped.total() as u64, Ordering::Relaxed);
                for error in skipped.kept() {
                    let in_all = skipped.total();
                    tracing::warn!(config_map = of(), in_all, %error, "skipped ConfigMap entry");
                }
                Some(entries)
            }
            Err(error) => {
                self.errors.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(config_map = of(), %error, "failed to load ConfigMap");
                None
            }
        }
    }

    /// Whoever follows it says so in the log.
    fn forbid(&self) {
        // One that was read before stays: the right may come back.
        if matches!(**self.known(), Known::Off | Known::Unanswered) {
            self.known.store(Arc::new(Known::Forbidden));
        }
    }

    /// Follows it for ever, and says so after each change.
    pub(super) async fn watch(&self, client: Client, state: &Arc<WatchState>, changed: impl Fn()) {
        let watched = WatchedKind { name: PLURAL, right: Some(RIGHT) };
        let api = |client| Api::namespaced(client, &self.namespace);
        let state = Arc::clone(state);
        let mut objects = pin!(follow_object::<ConfigMap, _>(client, api, NAME, watched, state));
        while let Some(object) = objects.next().await {
            match object {
                Ok(config_map) => self.take(config_map.as_ref().map(config_of)),
                Err(error) if Failure::of_watch(&error).kind == FailureKind::Forbidden => {
                    self.forbid();
                }
                Err(_) => {}
            }
            changed();
        }
    }

    /// Asks for it once, for as long as the watch has not answered.
    pub(super) async fn ask(
        &self,
        client: Client,
        parent: Parent,
    ) -> Result<Arc<ConfigMapIdentities>, AskError> {
        let traced = Some(Traced { parent, template: TEMPLATE });
        let answer = get_opt(&client, (&self.namespace, NAME), traced).await;
        let config_map: Option<ConfigMap> = match answer {
            Err(error) if Failure::of(&error).kind == FailureKind::Forbidden => {
                self.forbid();
                None
            }
            answer => answer.map_err(|error| {
                AskError::new(Asked { what: &self.what(), right: RIGHT }, &error)
            })?,
        };
        let config = config_map.as_ref().map(config_of);
        Ok(Arc::new(self.read(config).unwrap_or_default()))
    }

    pub(super) fn what(&self) -> String {
        format!("ConfigMap {}/{NAME}", self.namespace)
    }
}

/// A `ConfigMap` without one has a blank one, which can't be read: only its
/// deletion means that there are no entries.
fn config_of(config_map: &ConfigMap) -> &str {
    let config = config_map.data.as_ref().and_then(|data| data.get("config"));
    config.map(String::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use injection::identity::Key;

    const APP: Key<'static> = Key { namespace: "shop", name: "app" };

    fn entries(config_map: &ConfigMapEntries) -> Option<usize> {
        match &**config_map.known() {
            Known::Entries(entries) => Some(entries.len()),
            Known::Off | Known::Unanswered | Known::Forbidden => None,
        }
    }

    fn unanswered() -> ConfigMapEntries {
        ConfigMapEntries::new("eks".to_owned(), None, Known::Unanswered)
    }

    #[test]
    fn keeps_the_last_good_document_and_counts_what_is_wrong() {
        let config_map = unanswered();
        config_map.take(Some(r#"{"shop/app":{"RoleARN":"r"},"no-slash":{}}"#));
        assert_eq!((entries(&config_map), config_map.errors()), (Some(1), 1));
        config_map.take(Some("{"));
        assert_eq!((entries(&config_map), config_map.errors()), (Some(1), 2));
        match &**config_map.known() {
            Known::Entries(entries) => assert!(entries.get(APP).is_some()),
            known => panic!("{known:?}"),
        }
    }

    #[test]
    fn has_no_entries_when_it_is_absent_deleted_or_without_a_document() {
        let config_map = unanswered();
        for config in [None, Some(r#"{"shop/app":{}}"#), None, Some(" ")] {
            config_map.take(config);
            assert_eq!(entries(&config_map), Some(usize::from(config.is_some_and(|c| c != " "))));
        }
    }

    #[test]
    fn is_answered_though_the_first_document_is_bad() {
        let config_map = unanswered();
        config_map.take(Some("{"));
        assert_eq!((entries(&config_map), config_map.errors()), (Some(0), 1));
    }

    #[test]
    fn goes_off_where_it_was_never_allowed_and_stays_where_it_was() {
        let config_map = unanswered();
        config_map.forbid();
        assert!(matches!(**config_map.known(), Known::Forbidden));
        config_map.take(Some(r#"{"shop/app":{}}"#));
        config_map.forbid();
        assert_eq!(entries(&config_map), Some(1));
    }
}
