//! States as they come about, and short ways to say them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pod_identity_webhook::certificate_controller::{issue_authority, issue_leaf};
use pod_identity_webhook::crypto;

use certificates::{
    Authorities, Authority, Bundle, Certificate, Change, Configuration, Decision, Entry, Leaf,
    Lifetimes, MANAGER, Memory, Names, Params, PublishedBundles, SecretView, ServerTime, State,
    decide,
};

pub const START: i64 = 1_800_000_000;
pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
pub const SERVER: &str = "pod-identity-webhook.eks.svc";

/// So many seconds after the start.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).unwrap()
}

pub fn params() -> Params {
    params_with(Lifetimes::default())
}

pub fn params_with(lifetimes: Lifetimes) -> Params {
    let (service, namespace) = ("pod-identity-webhook".to_owned(), "eks".to_owned());
    Params { secret: service.clone(), names: Names { service, namespace }, lifetimes }
}

pub fn lifetimes(authority: i64, leaf: i64, overlap: i64) -> Lifetimes {
    let seconds = |length: i64| Duration::from_secs(length.try_into().unwrap());
    Lifetimes::new(seconds(authority), seconds(leaf), seconds(overlap)).unwrap()
}

pub fn authority(now: Timestamp) -> Authority {
    issue_authority(now, &Lifetimes::default()).unwrap()
}

/// What a change makes of the Secret at that time.
pub fn carried_out(change: Change, now: Timestamp, params: &Params) -> State {
    let made = change.carry_out(
        || issue_authority(now, &params.lifetimes),
        |authority| issue_leaf(now, authority, &params.names.all(), &params.lifetimes),
    );
    made.unwrap()
}

pub fn leaf(authority: &Authority, now: Timestamp) -> Arc<Leaf> {
    let params = params();
    let made = issue_leaf(now, authority, &params.names.all(), &params.lifetimes);
    Arc::new(made.unwrap())
}

/// Established then, and recorded as published.
pub fn state(now: Timestamp) -> State {
    let current = Authority { published: Some(now), ..authority(now) };
    State { leaf: leaf(&current, now), authorities: Authorities::alone(current) }
}

pub fn with_next(mut state: State, made: Timestamp, published: Option<Timestamp>) -> State {
    state.authorities.next = Some(Authority { published, ..authority(made) });
    state
}

/// One configuration, one webhook, this caBundle.
pub fn published<'a>(bundle: impl IntoIterator<Item = &'a Certificate>) -> PublishedBundles {
    one(Configuration::Entries(vec![Entry {
        index: 0,
        name: "pods".to_owned(),
        bundle: bundle.into_iter().cloned().collect(),
    }]))
}

pub fn one(configuration: Configuration) -> PublishedBundles {
    PublishedBundles(vec![("pod-identity-webhook".to_owned(), configuration)])
}

pub fn all_of(state: &State) -> PublishedBundles {
    published(state.authorities.certificates())
}

pub fn bundle_of(state: &State) -> Bundle {
    state.authorities.certificates().cloned().collect()
}

pub type Data = BTreeMap<&'static str, Vec<u8>>;

pub fn data(state: &State) -> Data {
    state.write().into_iter().collect()
}

pub fn read(manager: Option<&str>, data: &Data) -> SecretView {
    SecretView::read(manager, &params().names, crypto::CERTIFICATES, |key| {
        data.get(key).map(Vec::as_slice)
    })
}

pub fn read_ours(data: &Data) -> SecretView {
    read(Some(MANAGER), data)
}

pub fn decision(
    now: i64,
    secret: &SecretView,
    published: &PublishedBundles,
    memory: &Memory,
) -> Decision {
    decision_at(ServerTime::between(at(now), at(now)), secret, published, memory)
}

pub fn decision_at(
    now: ServerTime,
    secret: &SecretView,
    published: &PublishedBundles,
    memory: &Memory,
) -> Decision {
    decide(now, secret, published, memory, &params(), crypto::CERTIFICATES)
}

pub fn remembering(state: &State) -> Memory {
    Memory { state: Some(state.clone()), served: Some(Arc::clone(&state.leaf)) }
}
