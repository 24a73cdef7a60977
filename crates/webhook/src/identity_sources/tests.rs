//! The whole of it: over files, and over a stand-in API server. The real one is
//! in the integration tests.

mod api_server;
mod files;
mod simulation;

use super::*;
use injection::identity::{AnnotationKeys, RoleArn};

const SECOND: Duration = Duration::from_secs(1);

fn options(source: Source) -> Options {
    Options {
        source,
        reader: ServiceAccountReader::new(AnnotationKeys::default(), None),
        namespace: "eks".to_owned(),
        watch_config_map: false,
        container_credentials: None,
        lookup_timeout: SECOND,
        fresh_window: 10 * SECOND,
        poll_interval: SECOND,
        watch_silence: crate::api_server::watch::SILENCE,
        events: EventSending::Never,
        clock: None,
    }
}

fn key<'a>(namespace: &'a str, name: &'a str) -> Key<'a> {
    Key { namespace, name }
}

/// The role that the annotation, else the `ConfigMap`, gives.
fn role(lookup: &Lookup) -> Option<&str> {
    if let Observed::Known(sa) = &lookup.service_account
        && let Some(role) = &sa.role
    {
        return Some(role.as_str());
    }
    match &lookup.config_map_entry {
        Observed::Known(entry) => entry.role.as_ref().map(RoleArn::as_str),
        Observed::Absent | Observed::Unknown(_) => None,
    }
}

fn why(fact: &Observed<Arc<ServiceAccount>>) -> &str {
    match fact {
        Observed::Unknown(why) => why,
        Observed::Known(_) | Observed::Absent => panic!("{fact:?}"),
    }
}
