#![allow(clippy::unnecessary_wraps, reason = "the index takes and gives them wrapped")]

use super::*;
use injection::identity::RoleArn;

const WINDOW: Duration = Duration::from_secs(10);
const APP: Key<'static> = Key { namespace: "shop", name: "app" };
const OTHER: Key<'static> = Key { namespace: "shop", name: "other" };

fn role(arn: &str) -> Read {
    let role = RoleArn::read(arn, None);
    Some(Arc::new(ServiceAccount { role, ..ServiceAccount::default() }))
}

fn region() -> Read {
    Some(Arc::new(ServiceAccount { region: Some("eu-west-1".into()), ..ServiceAccount::default() }))
}

fn of(read: Read) -> (Read, Uid) {
    (read, Uid::new("first"))
}

fn found(read: Read) -> Fetched {
    Fetched::Found(read, Uid::new("first"))
}

/// An index whose first list was empty, and its epoch.
fn listed() -> (Index, Instant) {
    let now = Instant::now();
    let mut index = Index::new(WINDOW, now);
    index.begin_list();
    index.finish_list();
    (index, now)
}

fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

fn answer(read: &Read) -> Option<Observed<Arc<ServiceAccount>>> {
    Some(fact(read.as_ref()))
}

#[test]
fn asks_for_everything_until_the_first_list_is_complete() {
    let now = Instant::now();
    let mut index = Index::new(WINDOW, now);
    index.begin_list();
    index.list_item(APP, of(role("r")), None, now);
    assert_eq!(index.get(APP, now), None);
    index.finish_list();
    assert_eq!(index.get(APP, now), answer(&role("r")));
}

#[test]
fn asks_for_what_it_does_not_know() {
    let (index, now) = listed();
    assert_eq!(index.get(APP, now), None);
}

#[test]
fn believes_that_one_has_no_role_after_the_window() {
    let (mut index, now) = listed();
    index.applied(APP, of(None), now);
    index.applied(OTHER, of(region()), now);
    for key in [APP, OTHER] {
        assert_eq!(index.get(key, after(now, 9)), None, "{key}");
    }
    assert_eq!(index.get(APP, after(now, 10)), Some(Observed::Absent));
    assert_eq!(index.get(OTHER, after(now, 10)), answer(&region()));
}

#[test]
fn believes_that_one_has_a_role_at_once() {
    let (mut index, now) = listed();
    index.applied(APP, of(None), now);
    index.applied(APP, of(role("r")), after(now, 1));
    assert_eq!(index.get(APP, after(now, 1)), answer(&role("r")));
    index.applied(APP, of(role("s")), after(now, 2));
    assert_eq!(index.get(APP, after(now, 2)), answer(&role("s")));
}

#[test]
fn counts_the_window_from_the_first_sight() {
    let (mut index, now) = listed();
    index.applied(APP, of(None), now);
    index.applied(APP, of(None), after(now, 9));
    assert_eq!(index.get(APP, after(now, 11)), Some(Observed::Absent));
    index.deleted(APP);
    index.applied(APP, of(None), after(now, 12));
    assert_eq!(index.get(APP, after(now, 21)), None, "a new one of the same name");
}

#[test]
fn takes_the_creation_time_for_those_of_the_first_list_alone() {
    let start = Instant::now();
    let now = after(start, 100);
    let mut index = Index::new(WINDOW, start);
    let age = |seconds| Some(Duration::from_secs(seconds));
    index.begin_list();
    index.list_item(APP, of(None), age(4), now);
    index.list_item(OTHER, of(None), age(3600), now);
    index.finish_list();
    assert_eq!(index.get(OTHER, now), Some(Observed::Absent));
    assert_eq!(index.get(APP, after(now, 5)), None);
    assert_eq!(index.get(APP, after(now, 6)), Some(Observed::Absent));

    let missed = Key { namespace: "shop", name: "missed" };
    index.begin_list();
    index.list_item(missed, of(None), age(3600), now);
    index.list_item(APP, of(None), age(4), now);
    index.finish_list();
    assert_eq!(index.get(missed, after(now, 9)), None);
    assert_eq!(index.get(APP, after(now, 6)), Some(Observed::Absent), "known before: as it was");
}

#[test]
fn serves_what_it_knew_during_a_list_and_drops_what_the_list_lacks() {
    let (mut index, now) = listed();
    index.applied(APP, of(role("old")), now);
    index.applied(OTHER, of(role("gone")), now);
    index.begin_list();
    assert_eq!(index.get(APP, now), answer(&role("old")));
    index.list_item(APP, of(role("new")), None, now);
    assert_eq!(index.get(OTHER, now), answer(&role("gone")));
    index.finish_list();
    assert_eq!(index.get(APP, now), answer(&role("new")));
    assert_eq!(index.get(OTHER, now), None);
    assert_eq!((index.known(), index.with_role()), (1, 1));
}

#[test]
fn starts_over_where_a_list_breaks_off() {
    let (mut index, now) = listed();
    index.begin_list();
    index.list_item(OTHER, of(role("deleted before the next list")), None, now);
    index.begin_list();
    index.list_item(APP, of(role("r")), None, now);
    index.finish_list();
    assert_eq!(index.get(OTHER, now), None);
    assert_eq!(index.get(APP, now), answer(&role("r")));
}

#[test]
fn keeps_the_answer_of_a_get() {
    let (mut index, now) = listed();
    index.fetch_began(APP);
    assert_eq!(index.fetched(APP, &found(role("r"))), Settled::ForAll(fact(role("r").as_ref())));
    assert_eq!(index.get(APP, now), answer(&role("r")));
}

#[test]
fn asks_again_for_one_without_a_role_until_the_watch_has_known_it_for_the_window() {
    let (mut index, now) = listed();
    index.fetch_began(APP);
    index.fetched(APP, &found(None));
    assert_eq!(index.get(APP, after(now, 3600)), None, "the watch may be away");
    index.applied(APP, of(None), after(now, 3600));
    assert_eq!(index.get(APP, after(now, 3609)), None);
    assert_eq!(index.get(APP, after(now, 3610)), Some(Observed::Absent));
}

#[test]
fn forgets_one_that_a_get_does_not_find() {
    let (mut index, now) = listed();
    index.applied(APP, of(None), now);
    index.fetch_began(APP);
    assert_eq!(index.fetched(APP, &Fetched::NotFound), Settled::ForEarlier(Observed::Absent));
    assert_eq!(index.known(), 0);
}

#[test]
fn believes_the_watch_over_a_get_that_began_before() {
    let (mut index, now) = listed();
    index.fetch_began(APP);
    index.applied(APP, of(role("annotated meanwhile")), now);
    let meanwhile = fact(role("annotated meanwhile").as_ref());
    assert_eq!(index.fetched(APP, &found(None)), Settled::ForEarlier(meanwhile.clone()));
    assert_eq!(index.get(APP, now), Some(meanwhile));

    index.fetch_began(OTHER);
    index.deleted(OTHER);
    index.fetched(OTHER, &found(role("before its deletion")));
    assert_eq!(index.get(OTHER, now), None);
}

#[test]
fn answers_with_the_role_of_a_get_though_the_watch_lags_behind() {
    let (mut index, now) = listed();
    index.fetch_began(APP);
    index.applied(APP, of(None), now);
    let answer = index.fetched(APP, &found(role("r")));
    assert_eq!(
        answer,
        Settled::ForEarlier(fact(role("r").as_ref())),
        "either may be the older one"
    );
    assert_eq!(index.get(APP, now), None, "the watch is to deliver it");
}

#[test]
fn drops_what_a_get_brought_where_a_list_ends_without_it() {
    let (mut index, now) = listed();
    index.begin_list();
    index.fetch_began(APP);
    index.fetched(APP, &found(role("deleted before the list was taken")));
    index.fetch_began(OTHER);
    index.finish_list();
    index.fetched(OTHER, &found(role("the same, answered late")));
    assert_eq!((index.get(APP, now), index.get(OTHER, now)), (None, None));
    assert_eq!((index.known(), index.with_role()), (0, 0));
}

#[test]
fn gives_back_what_the_watch_said_before() {
    let (mut index, now) = listed();
    index.fetch_began(APP);
    index.fetched(APP, &found(role("r")));
    assert_eq!(index.applied(APP, of(role("r")), now), None, "the watch had said nothing");
    assert_eq!(index.applied(APP, of(role("s")), now), role("r"));
    index.begin_list();
    assert_eq!(index.list_item(APP, of(role("s")), None, now), role("s"));
}

#[test]
fn tells_keys_of_any_length_apart() {
    let (mut index, now) = listed();
    let long = "x".repeat(400);
    index.applied(Key { namespace: "a", name: &long }, of(role("long")), now);
    index.applied(Key { namespace: "a", name: "b" }, of(role("b")), now);
    assert_eq!(index.get(Key { namespace: "a", name: &long }, now), answer(&role("long")));
    assert_eq!(index.get(Key { namespace: "ab", name: "" }, now), None);
}

// A list does not tell that the one before was deleted.
#[test]
fn counts_the_window_anew_for_another_one_of_the_same_name() {
    let (mut index, now) = listed();
    let second = || (None, Uid::new("second"));
    index.applied(APP, of(None), now);
    index.begin_list();
    index.list_item(APP, second(), None, after(now, 60));
    index.finish_list();
    assert_eq!(index.get(APP, after(now, 69)), None);
    assert_eq!(index.get(APP, after(now, 70)), Some(Observed::Absent));

    index.fetch_began(APP);
    index.fetched(APP, &Fetched::Found(None, Uid::new("third")));
    assert_eq!(index.get(APP, after(now, 80)), None, "the watch has not seen the third");
}
