//! The watch of all `ServiceAccounts`, and the GET of one.

use std::sync::Arc;

use futures::FutureExt as _;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use tokio::time::Instant;

use super::events::Events;
use super::failure::{AskError, Asked};
use super::follow::{News, WatchState, follow, observed};
use super::index::{Fetched, Read};
use super::lookup::{Ask, Lookups};
use super::object::Object;
use injection::identity::ServiceAccountReader;

const PLURAL: &str = "ServiceAccounts";
const RIGHT: &str = "get, list and watch on serviceaccounts (a ClusterRole)";

/// Feeds the index for ever.
pub(super) async fn watch(
    client: Client,
    reader: &ServiceAccountReader,
    lookups: &Lookups,
    events: Option<&Events>,
    state: &Arc<WatchState>,
    listed: impl Fn(),
) {
    let tell = |news: News<'_, Object>| match news {
        News::Event(event) => {
            let is_end = matches!(event, Event::InitDone);
            feed(event, reader, lookups, events);
            if is_end {
                listed();
            }
        }
        News::Failed(_) => {}
    };
    let config = watcher::Config::default().streaming_lists();
    let client = observed(client, PLURAL, Arc::clone(state));
    let asked = Asked { what: PLURAL, right: RIGHT };
    follow(asked, Api::all(client), config, state, tell).await;
}

fn feed(
    event: Event<Object>,
    reader: &ServiceAccountReader,
    lookups: &Lookups,
    events: Option<&Events>,
) {
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
    let before = if is_listed {
        let age = object.age(Timestamp::now());
        lookups.index_mut().list_item(key, (read.clone(), object.uid()), age, now)
    } else {
        lookups.index_mut().applied(key, (read.clone(), object.uid()), now)
    };
    if let (Some(read), Some(events)) = (read, events)
        && !read.warnings.is_empty()
        // Once for each change, and not again after a new list.
        && before.is_none_or(|before| before.warnings != read.warnings)
    {
        events.offer(&object.reference(), &read.warnings);
    }
}

pub(super) fn ask(client: Client, reader: ServiceAccountReader) -> Ask {
    let reader = Arc::new(reader);
    Box::new(move |namespace, name| {
        let api: Api<Object> = Api::namespaced(client.clone(), &namespace);
        let reader = Arc::clone(&reader);
        async move {
            match api.get_opt(&name).await {
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

fn read(object: &Object, reader: &ServiceAccountReader) -> Read {
    reader.read(object.annotations()).map(Arc::new)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::index::Index;
    use super::*;

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
        let mut told = |news: Vec<Event<Object>>| {
            for event in news {
                feed(event, &reader, &lookups, Some(&events));
            }
            std::iter::from_fn(|| reports.try_recv().ok()).count()
        };
        let list = |objects: Vec<Object>| {
            let items = objects.into_iter().map(Event::InitApply);
            std::iter::once(Event::Init).chain(items).chain([Event::InitDone]).collect()
        };
        let good = || object("good", "arn:aws:iam::111122223333:role/good");
        assert_eq!(told(list(vec![object("odd", "odd"), good()])), 1);
        assert_eq!(told(vec![Event::Apply(object("odd", "odd"))]), 0, "something else changed");
        assert_eq!(told(list(vec![object("odd", "odd"), good()])), 0, "the same again");
        assert_eq!(told(vec![Event::Apply(object("odd", "other"))]), 1);
        assert_eq!(told(vec![Event::Apply(object("new", "odd"))]), 1);
        assert_eq!(told(vec![Event::Delete(object("new", "odd"))]), 0);
        assert_eq!(lookups.index().known(), 2);
    }
}
