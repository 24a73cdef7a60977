//! What is known of every `ServiceAccount`: its presence, and its parsed
//! annotations where any of them means something here.
//!
//! It is fed events and the answers of live GETs, and asks nobody anything:
//! the time is an argument.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nohash_hasher::IntMap;

use super::entries::{Entries, Hashed, Seen};
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
    entries: Entries,
    /// The keys that a live GET is out for, and whether the watch delivered
    /// something since that makes its answer old.
    fetching: IntMap<Hashed, Superseded>,
    /// How many lists began.
    lists: u32,
    /// The first list is complete.
    listed: bool,
    /// How long after its first sight one without a role is not believed.
    window: Duration,
    epoch: Instant,
}

type Superseded = bool;

/// Of an entry that only a GET has seen: it is not believed to have no role
/// until the watch delivers it, and the next list drops it if it is not there.
const NOT_WATCHED: u32 = 0;

impl Index {
    pub(super) fn new(window: Duration, now: Instant) -> Self {
        Self {
            entries: Entries::default(),
            fetching: IntMap::default(),
            lists: NOT_WATCHED,
            listed: false,
            window,
            epoch: now,
        }
    }

    /// Nothing where the API server has to be asked.
    pub(super) fn get(&self, key: Key<'_>, now: Instant) -> Option<Observed<Arc<ServiceAccount>>> {
        if !self.listed {
            return None;
        }
        let (seen, read) = self.entries.get(key)?;
        if !has_role(read) && (seen.list == NOT_WATCHED || seen.fresh_until > self.tenths(now)) {
            return None;
        }
        Some(fact(read))
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
        self.entries.keep_only(self.lists);
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
        self.entries.remove(key);
    }

    /// A GET goes out. There is one at most for each key.
    pub(super) fn fetch_began(&mut self, key: Key<'_>) {
        self.fetching.insert(self.entries.hashed(key), false);
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
            Fetched::Found(read, _) => (fact(read.as_ref()), has_role(read.as_ref())),
            Fetched::NotFound => (Observed::Absent, false),
        };
        if superseded {
            return Settled::ForEarlier(match self.entries.get(key) {
                Some((_, read)) if !answered_role && has_role(read) => fact(read),
                _ => answered,
            });
        }
        match answer {
            Fetched::Found(read, uid) => {
                // One that the watch knows keeps the time of its first sight.
                let known = self.entries.get(key).map(|(seen, _)| seen);
                let seen = known.filter(|seen| seen.uid == *uid);
                let seen = seen.unwrap_or_else(|| Seen::new(0, NOT_WATCHED, *uid));
                self.entries.put(key, read.clone(), seen);
            }
            Fetched::NotFound => self.entries.remove(key),
        }
        if answered_role { Settled::ForAll(answered) } else { Settled::ForEarlier(answered) }
    }

    /// A GET ended without an answer.
    pub(super) fn fetch_failed(&mut self, key: Key<'_>) -> Superseded {
        self.fetching.remove(&self.entries.hashed(key)).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn is_fetching(&self) -> bool {
        !self.fetching.is_empty()
    }

    pub(super) fn known(&self) -> usize {
        self.entries.count()
    }

    pub(super) fn with_role(&self) -> usize {
        self.entries.with_role()
    }

    /// Those with an annotation that means something here.
    pub(super) fn annotated(&self) -> impl Iterator<Item = (&str, &ServiceAccount)> {
        self.entries.annotated()
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
        if let Some((seen, known)) = self.entries.get(key)
            && seen.list != NOT_WATCHED
        {
            // Not of another one that had its name: a list does not tell that
            // it was deleted in between.
            if seen.uid == uid {
                fresh_until = seen.fresh_until;
            }
            before = known.cloned();
        }
        self.entries.put(key, read, Seen::new(fresh_until, self.lists, uid));
        before
    }

    fn supersede(&mut self, key: Key<'_>) {
        // Nearly always empty: no need to hash the key.
        if !self.fetching.is_empty()
            && let Some(superseded) = self.fetching.get_mut(&self.entries.hashed(key))
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

fn has_role(read: Option<&Arc<ServiceAccount>>) -> bool {
    read.is_some_and(|read| read.role.is_some())
}

fn fact(read: Option<&Arc<ServiceAccount>>) -> Observed<Arc<ServiceAccount>> {
    read.cloned().map_or(Observed::Absent, Observed::Known)
}

#[cfg(test)]
mod tests;
