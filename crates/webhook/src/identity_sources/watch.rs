//! The watch of all `ServiceAccounts`, and the GET of one.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use k8s_openapi::jiff::Timestamp;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use tokio::time::Instant;

use super::events::Events;
use super::failure::{AskError, Asked};
use super::index::{Fetched, Read};
use super::lookup::{Ask, Lookups};
use super::object::Object;
use crate::api_server::client::get_opt;
use crate::api_server::clock::ServerClock;
use crate::api_server::request::Traced;
use crate::api_server::watch::{WatchState, WatchedKind, follow};
use injection::identity::ServiceAccountReader;

const PLURAL: &str = "ServiceAccounts";
/// What is asked for, in traces.
const TEMPLATE: &str = "/api/v1/namespaces/{namespace}/serviceaccounts/{name}";
const RIGHT: &str = "get, list and watch on serviceaccounts (a ClusterRole)";

/// Takes what the watch brings into the index, and offers its warnings as Events.
#[derive(Clone, Copy)]
pub(super) struct EventHandler<'a> {
    pub(super) reader: &'a ServiceAccountReader,
    pub(super) lookups: &'a Lookups,
    pub(super) events: Option<&'a Events>,
    /// The clock that creation times are by: this machine's own without one.
    pub(super) clock: Option<&'a ServerClock>,
}

/// Feeds the index for ever.
pub(super) async fn watch(
    client: Client,
    handler: EventHandler<'_>,
    state: &Arc<WatchState>,
    listed: impl Fn(),
) {
    let config = watcher::Config::default().streaming_lists();
    let watched = WatchedKind { name: PLURAL, right: Some(RIGHT) };
    let mut watch = pin!(follow(client, Api::all, config, watched, Arc::clone(state)));
    while let Some(event) = watch.next().await {
        // `follow` has logged what failed.
        let Ok(event) = event else { continue };
        let is_end = matches!(event, Event::InitDone);
        handler.handle(event);
        if is_end {
            listed();
        }
    }
}

impl EventHandler<'_> {
    fn handle(self, event: Event<Object>) {
        let Self { reader, lookups, events, .. } = self;
        let now = Instant::now().into_std();
        let (object, is_listed) = match event {
            Event::Init => return lookups.index_mut().begin_list(),
            Event::InitDone => return lookups.index_mut().finish_list(),
            Event::Delete(object) => {
                if let Some(key) = object.key() {
                    lookups.index_mut().deleted(key);
                }
                return;
            }
            Event::InitApply(object) => (object, true),
            Event::Apply(object) => (object, false),
        };
        let Some(key) = object.key() else { return };
        let read = read(&object, reader);
        let found = (read.clone(), object.uid());
        let before = if is_listed {
            lookups.index_mut().list_item(key, found, self.age(&object), now)
        } else {
            lookups.index_mut().applied(key, found, now)
        };
        if let (Some(read), Some(events)) = (read, events)
            && !read.warnings.is_empty()
            // Once for each change, and not again after a new list.
            && before.is_none_or(|before| before.warnings != read.warnings)
        {
            events.offer(&object.reference(), &read.warnings);
        }
    }

    /// By the clock that made its creation time. One of an unknown age counts
    /// as new: that costs a GET.
    fn age(self, object: &Object) -> Option<Duration> {
        let now = match self.clock {
            Some(clock) => clock.time().known()?,
            None => Timestamp::now(),
        };
        object.age(now)
    }
}

pub(super) fn ask(client: Client, reader: ServiceAccountReader) -> Ask {
    let reader = Arc::new(reader);
    Box::new(move |namespace, name, parent| {
        let (client, reader) = (client.clone(), Arc::clone(&reader));
        async move {
            let traced = Some(Traced { parent, template: TEMPLATE });
            match get_opt::<Object>(&client, (&namespace, &name), traced).await {
                Ok(Some(object)) => Ok(Fetched::Found(read(&object, &reader), object.uid())),
                Ok(None) => Ok(Fetched::NotFound),
                Err(error) => {
                    let what = &format!("ServiceAccount {namespace}/{name}");
                    Err(AskError::new(Asked { what, right: RIGHT }, &error))
                }
            }
        }
        .boxed()
    })
}

pub(super) fn read(object: &Object, reader: &ServiceAccountReader) -> Read {
    reader.read(object.annotations()).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::index::Index;
    use super::*;

    #[test]
    fn takes_the_age_by_the_api_servers_clock_and_knows_none_without_it() {
        let reader = ServiceAccountReader::default();
        let lookups = Lookups::from_memory(Index::new(Duration::ZERO, Instant::now().into_std()));
        let created = json!({"metadata": {"creationTimestamp": "2099-12-31T23:59:00Z"}});
        let object: Object = serde_json::from_value(created).expect("an object");
        let age = |clock: Option<&ServerClock>| {
            EventHandler { reader: &reader, lookups: &lookups, events: None, clock }.age(&object)
        };
        let ahead = ServerClock::showing("Fri, 01 Jan 2100 00:00:00 GMT");
        let minute = age(Some(&ahead)).expect("an age").as_secs();
        assert!((59..120).contains(&minute), "{minute} s");
        assert_eq!(age(Some(&ServerClock::new())), None);
        assert_eq!(age(None), Some(Duration::ZERO), "by this machine's, it is still to come");
    }

    fn object(name: &str, role: &str) -> Object {
        let object = json!({"metadata": {"namespace": "shop", "name": name, "uid": name,
            "annotations": {"eks.amazonaws.com/role-arn": role}}});
        serde_json::from_value(object).expect("an object")
    }

    #[test]
    fn tells_of_a_wrong_one_in_the_first_list_and_at_each_change_alone() {
        let reader = ServiceAccountReader::default();
        let lookups = Lookups::from_memory(Index::new(Duration::ZERO, Instant::now().into_std()));
        let (events, mut reports) = Events::new();
        let handler =
            EventHandler { reader: &reader, lookups: &lookups, events: Some(&events), clock: None };
        let mut offered = |brought: Vec<Event<Object>>| {
            for event in brought {
                handler.handle(event);
            }
            std::iter::from_fn(|| reports.try_recv().ok()).count()
        };
        let list = |objects: Vec<Object>| {
            let items = objects.into_iter().map(Event::InitApply);
            std::iter::once(Event::Init).chain(items).chain([Event::InitDone]).collect()
        };
        let good = || object("good", "arn:aws:iam::111122223333:role/good");
        assert_eq!(offered(list(vec![object("odd", "odd"), good()])), 1);
        assert_eq!(offered(vec![Event::Apply(object("odd", "odd"))]), 0, "something else changed");
        assert_eq!(offered(list(vec![object("odd", "odd"), good()])), 0, "the same again");
        assert_eq!(offered(vec![Event::Apply(object("odd", "other"))]), 1);
        assert_eq!(offered(vec![Event::Apply(object("new", "odd"))]), 1);
        assert_eq!(offered(vec![Event::Delete(object("new", "odd"))]), 0);
        assert_eq!(lookups.index().known(), 2);
    }
}
