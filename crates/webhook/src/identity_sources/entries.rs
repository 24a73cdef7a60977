//! Where the index keeps what it knows, with little memory for each `ServiceAccount`.
//!
//! Most of 100,000 have no annotation, and nobody asks for their names: one is found by a hash of its key, and
//! takes 25 bytes of a table that is up to half empty.
//!
//! Two keys with one hash would be taken for one, and one without an annotation would hide another's role until that
//! is heard of again. The hash has 64 bits and a random secret, so that this happens in one of four billion clusters
//! of that size, and nobody can bring it about. An annotated one keeps its key: no pod gets another one's role even
//! then.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use nohash_hasher::IntMap;

use super::index::{Read, Uid};
use injection::identity::{Key, ServiceAccount};

/// A key's hash, made once for each look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Hashed(u64);

impl nohash_hasher::IsEnabled for Hashed {}

#[derive(Debug, Default)]
pub(super) struct Entries {
    hashes: RandomState,
    seen: IntMap<Hashed, Seen>,
    annotated: IntMap<Hashed, Annotated>,
    with_role: usize,
}

/// When one was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// In tenths of seconds after the epoch, which lasts 13 years.
    pub(super) fresh_until: u32,
    /// The list that it was last seen in or after.
    pub(super) list: u32,
    pub(super) uid: Uid,
    is_annotated: bool,
}

impl Seen {
    pub(super) fn new(fresh_until: u32, list: u32, uid: Uid) -> Self {
        Self { fresh_until, list, uid, is_annotated: false }
    }
}

#[derive(Debug)]
struct Annotated {
    /// `NAMESPACE/NAME`.
    key: Box<str>,
    account: Arc<ServiceAccount>,
}

impl Annotated {
    fn is_of(&self, Key { namespace, name }: Key<'_>) -> bool {
        let name_of = |key: &str| Some(key.strip_prefix(namespace)?.strip_prefix('/')? == name);
        name_of(&self.key).unwrap_or_default()
    }

    fn has_role(&self) -> bool {
        self.account.role.is_some()
    }
}

impl Entries {
    pub(super) fn hashed(&self, key: Key<'_>) -> Hashed {
        Hashed(self.hashes.hash_one(key))
    }

    /// Nothing where it is not there.
    pub(super) fn get(&self, key: Key<'_>) -> Option<(Seen, Option<&Arc<ServiceAccount>>)> {
        let hashed = self.hashed(key);
        let seen = *self.seen.get(&hashed)?;
        if !seen.is_annotated {
            return Some((seen, None));
        }
        let annotated = self.annotated.get(&hashed).filter(|it| it.is_of(key))?;
        Some((seen, Some(&annotated.account)))
    }

    pub(super) fn put(&mut self, key: Key<'_>, read: Read, seen: Seen) {
        let hashed = self.hashed(key);
        self.seen.insert(hashed, Seen { is_annotated: read.is_some(), ..seen });
        let old = match (self.annotated.get_mut(&hashed), read) {
            (None, None) => return,
            // The same again, as in every new list: its key stays as well.
            (Some(annotated), Some(account)) if annotated.is_of(key) => {
                let old = annotated.has_role();
                annotated.account = account;
                self.with_role += usize::from(annotated.has_role());
                self.with_role -= usize::from(old);
                return;
            }
            (_, Some(account)) => {
                let annotated = Annotated { key: key.to_string().into(), account };
                self.with_role += usize::from(annotated.has_role());
                self.annotated.insert(hashed, annotated)
            }
            (Some(_), None) => self.annotated.remove(&hashed),
        };
        self.with_role -= usize::from(old.is_some_and(|old| old.has_role()));
    }

    pub(super) fn remove(&mut self, key: Key<'_>) {
        let hashed = self.hashed(key);
        self.seen.remove(&hashed);
        let old = self.annotated.remove(&hashed);
        self.with_role -= usize::from(old.is_some_and(|old| old.has_role()));
    }

    /// Drops all that this list did not bring.
    pub(super) fn keep_only(&mut self, list: u32) {
        let Self { seen, annotated, with_role, .. } = self;
        annotated.retain(|hashed, annotated| {
            let stays = seen.get(hashed).is_some_and(|seen| seen.list == list);
            *with_role -= usize::from(!stays && annotated.has_role());
            stays
        });
        seen.retain(|_, seen| seen.list == list);
    }

    pub(super) fn count(&self) -> usize {
        self.seen.len()
    }

    pub(super) fn with_role(&self) -> usize {
        self.with_role
    }

    /// Those with an annotation, by `NAMESPACE/NAME`.
    pub(super) fn annotated(&self) -> impl Iterator<Item = (&str, &ServiceAccount)> {
        self.annotated.values().map(|it| (&*it.key, &*it.account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Key<'static> = Key { namespace: "shop", name: "app" };
    const OTHER: Key<'static> = Key { namespace: "shop", name: "other" };

    // A table's entry has a byte more, and a table is between 7/16 and 7/8 full.
    #[test]
    fn takes_little_memory_for_each() {
        assert_eq!(size_of::<(Hashed, Seen)>(), 24);
        assert_eq!(size_of::<(Hashed, Annotated)>(), 32);
        // Behind two counters.
        assert_eq!(size_of::<ServiceAccount>(), 80);
    }

    #[test]
    fn gives_no_role_to_another_one_with_the_same_hash() {
        let mut entries = Entries::default();
        entries.put(APP, Some(Arc::default()), Seen::new(0, 0, Uid::default()));
        let (app, other) = (entries.hashed(APP), entries.hashed(OTHER));
        let (seen, annotated) = (entries.seen[&app], entries.annotated.remove(&app));
        entries.seen.insert(other, seen);
        entries.annotated.extend(annotated.map(|annotated| (other, annotated)));
        assert!(entries.get(OTHER).is_none());
    }

    #[test]
    fn tells_a_namespace_from_the_beginning_of_another() {
        let annotated = Annotated { key: "shop/app".into(), account: Arc::default() };
        assert!(annotated.is_of(APP));
        let keys =
            [("sho", "p/app"), ("shop", "ap"), ("shop/", "app"), ("", "shop/app"), ("s", "")];
        for (namespace, name) in keys {
            assert!(!annotated.is_of(Key { namespace, name }), "{namespace} {name}");
        }
    }
}
