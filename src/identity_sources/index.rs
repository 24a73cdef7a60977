//! What is known of every `ServiceAccount`: its presence, and its parsed
//! annotations where any of them means something here.
//!
//! It is fed events and the answers of live GETs, and asks nobody anything:
//! the time is an argument. A cluster may have 100,000 `ServiceAccount`s, most
//! without an annotation, so an entry is a short key and 24 bytes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::flights::Settled;
use injection::identity::{Key, Observed, ServiceAccount};

/// As a `ServiceAccount` arrives: nothing where no annotation counts.
pub(super) type Read = Option<Arc<ServiceAccount>>;

/// Tells a `ServiceAccount` from another one that had its name before: a hash
/// of its uid. Where two are alike, the second is taken for as old as the
/// first, once in four billion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Uid(u32);

impl Uid {
    pub(super) fn new(uid: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        uid.hash(&mut hasher);
        #[allow(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
        Self(hasher.finish() as u32)
    }
}

/// What a live GET found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fetched {
    Found(Read, Uid),
    NotFound,
}

/// What an answer is worth to those who wait for it.
pub(super) type Answer = Settled<Observed<Arc<ServiceAccount>>>;

#[derive(Debug)]
pub(super) struct Index {
    /// By `NAMESPACE/NAME`: one allocation for each, wherever they are.
    entries: HashMap<Box<str>, Entry>,
    /// The keys that a live GET is out for, and whether the watch delivered
    /// something since that makes its answer old.
    fetching: HashMap<Box<str>, Superseded>,
    /// How many lists began.
    lists: u32,
    /// The first list is complete.
    listed: bool,
    with_role: usize,
    /// How long after its first sight one without a role is not believed.
    window: Duration,
    epoch: Instant,
}

type Superseded = bool;

#[derive(Debug)]
struct Entry {
    read: Read,
    /// In tenths of seconds after the epoch, which lasts 13 years.
    fresh_until: u32,
    /// The list that it was last seen in or after.
    list: u32,
    uid: Uid,
}

/// Of an entry that only a GET has seen: it is not believed to have no role
/// until the watch delivers it, and the next list drops it if it is not there.
const NOT_WATCHED: u32 = 0;

impl Index {
    pub(super) fn new(window: Duration, now: Instant) -> Self {
        Self {
            entries: HashMap::new(),
            fetching: HashMap::new(),
            lists: NOT_WATCHED,
            listed: false,
            with_role: 0,
            window,
            epoch: now,
        }
    }

    /// Nothing where the API server has to be asked.
    pub(super) fn get(&self, key: Key<'_>, now: Instant) -> Option<Observed<Arc<ServiceAccount>>> {
        if !self.listed {
            return None;
        }
        let entry = with_joined(key, |joined| self.entries.get(joined))?;
        if !has_role(&entry.read)
            && (entry.list == NOT_WATCHED || entry.fresh_until > self.tenths(now))
        {
            return None;
        }
        Some(fact(&entry.read))
    }

    /// What was known before goes on being served until the list is complete.
    pub(super) fn begin_list(&mut self) {
        self.lists += 1;
    }

    /// Gives back what the watch said of it before. The `age` is the time
    /// since its creation by the wall clock, where that is known.
    pub(super) fn list_item(
        &mut self,
        key: Key<'_>,
        (read, uid): (Read, Uid),
        age: Option<Duration>,
        now: Instant,
    ) -> Read {
        // A later list finds those that the watch missed: they count as seen
        // now, however old they are.
        let seen = if self.listed { Some(now) } else { now.checked_sub(age.unwrap_or_default()) };
        self.watched(key, (read, uid), seen)
    }

    /// What the list did not bring is gone. That goes for what a GET brought
    /// meanwhile as well: a GET may have been answered before the list was
    /// taken, and one more GET is cheap.
    pub(super) fn finish_list(&mut self) {
        let (list, with_role) = (self.lists, &mut self.with_role);
        self.entries.retain(|_, entry| {
            let stays = entry.list == list;
            *with_role -= usize::from(!stays && has_role(&entry.read));
            stays
        });
        for superseded in self.fetching.values_mut() {
            *superseded = true;
        }
        self.listed = true;
    }

    /// Gives back what the watch said of it before.
    pub(super) fn applied(&mut self, key: Key<'_>, of: (Read, Uid), now: Instant) -> Read {
        self.watched(key, of, Some(now))
    }

    pub(super) fn deleted(&mut self, key: Key<'_>) {
        self.supersede(key);
        self.remove(key);
    }

    /// A GET goes out. There is one at most for each key.
    pub(super) fn fetch_began(&mut self, key: Key<'_>) {
        self.fetching.insert(joined(key), false);
    }

    /// The answer of a GET, and what is to be believed in view of what the
    /// watch delivered meanwhile: whichever of the two has a role. For those
    /// who were there before the GET both are true: each was so at some time
    /// while they waited. For others neither is, as either may be the older
    /// one. Where the watch delivered nothing, a role holds for all; without
    /// one, it may have come a moment later.
    pub(super) fn fetched(&mut self, key: Key<'_>, answer: &Fetched) -> Answer {
        let superseded = self.fetch_failed(key);
        let (answered, answered_role) = match answer {
            Fetched::Found(read, _) => (fact(read), has_role(read)),
            Fetched::NotFound => (Observed::Absent, false),
        };
        if superseded {
            let watched = with_joined(key, |joined| self.entries.get(joined));
            return Settled::ForEarlier(match watched {
                Some(entry) if !answered_role && has_role(&entry.read) => fact(&entry.read),
                _ => answered,
            });
        }
        match answer {
            Fetched::Found(read, uid) => {
                // One that the watch knows keeps the time of its first sight.
                let (fresh_until, list) = with_joined(key, |joined| self.entries.get(joined))
                    .filter(|entry| entry.uid == *uid)
                    .map_or((0, NOT_WATCHED), |entry| (entry.fresh_until, entry.list));
                self.put(key, Entry { read: read.clone(), fresh_until, list, uid: *uid });
            }
            Fetched::NotFound => self.remove(key),
        }
        if answered_role { Settled::ForAll(answered) } else { Settled::ForEarlier(answered) }
    }

    /// A GET ended without an answer.
    pub(super) fn fetch_failed(&mut self, key: Key<'_>) -> Superseded {
        with_joined(key, |joined| self.fetching.remove(joined)).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn is_fetching(&self) -> bool {
        !self.fetching.is_empty()
    }

    pub(super) fn known(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn with_role(&self) -> usize {
        self.with_role
    }

    /// Those with an annotation that means something here.
    pub(super) fn annotated(&self) -> impl Iterator<Item = (&str, &ServiceAccount)> {
        self.entries.iter().filter_map(|(key, entry)| Some((&**key, entry.read.as_deref()?)))
    }

    /// The keys of those that are wrong whatever pod uses them.
    pub(super) fn warned(&self) -> Vec<Box<str>> {
        let wrong = self.annotated().filter(|(_, account)| !account.warnings.is_empty());
        wrong.map(|(key, _)| key.into()).collect()
    }

    fn watched(&mut self, key: Key<'_>, (read, uid): (Read, Uid), seen: Option<Instant>) -> Read {
        self.supersede(key);
        // Without a window nothing is fresh. With one, it is a tenth longer
        // rather than a tenth shorter.
        let seen = seen.filter(|_| !self.window.is_zero());
        let end = |seen| self.tenths(seen + self.window + Duration::from_millis(99));
        let mut fresh_until = seen.map_or(0, end);
        let mut before = None;
        if let Some(entry) = with_joined(key, |joined| self.entries.get(joined))
            && entry.list != NOT_WATCHED
        {
            // Not of another one that had its name: a list does not tell that
            // it was deleted in between.
            if entry.uid == uid {
                fresh_until = entry.fresh_until;
            }
            before.clone_from(&entry.read);
        }
        let list = self.lists;
        self.put(key, Entry { read, fresh_until, list, uid });
        before
    }

    fn put(&mut self, key: Key<'_>, entry: Entry) {
        self.with_role += usize::from(has_role(&entry.read));
        let slot = with_joined(key, |joined| self.entries.get_mut(joined));
        let old = match slot {
            Some(slot) => Some(std::mem::replace(slot, entry)),
            None => self.entries.insert(joined(key), entry),
        };
        self.with_role -= usize::from(old.is_some_and(|old| has_role(&old.read)));
    }

    fn remove(&mut self, key: Key<'_>) {
        let old = with_joined(key, |joined| self.entries.remove(joined));
        self.with_role -= usize::from(old.is_some_and(|old| has_role(&old.read)));
    }

    fn supersede(&mut self, key: Key<'_>) {
        // Nearly always empty: no need to join the key.
        if !self.fetching.is_empty()
            && let Some(superseded) = with_joined(key, |joined| self.fetching.get_mut(joined))
        {
            *superseded = true;
        }
    }

    /// Rounded down; zero for what was before the epoch.
    fn tenths(&self, time: Instant) -> u32 {
        let since = time.saturating_duration_since(self.epoch);
        u32::try_from(since.as_millis() / 100).unwrap_or(u32::MAX)
    }
}

fn has_role(read: &Read) -> bool {
    read.as_ref().is_some_and(|read| read.role.is_some())
}

fn fact(read: &Read) -> Observed<Arc<ServiceAccount>> {
    read.clone().map_or(Observed::Absent, Observed::Known)
}

fn joined(key: Key<'_>) -> Box<str> {
    key.to_string().into()
}

/// Calls `then` with `NAMESPACE/NAME`, without an allocation for all names
/// that Kubernetes takes (63 and 253 characters).
fn with_joined<R>(key: Key<'_>, then: impl FnOnce(&str) -> R) -> R {
    let Key { namespace, name } = key;
    let mut buffer = [0; 63 + 1 + 253];
    let length = namespace.len() + 1 + name.len();
    if let Some(buffer) = buffer.get_mut(..length) {
        buffer[..namespace.len()].copy_from_slice(namespace.as_bytes());
        buffer[namespace.len()] = b'/';
        buffer[namespace.len() + 1..].copy_from_slice(name.as_bytes());
        if let Ok(joined) = str::from_utf8(buffer) {
            return then(joined);
        }
    }
    then(&joined(key))
}

#[cfg(test)]
mod tests;
