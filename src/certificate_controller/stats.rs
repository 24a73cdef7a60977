//! Counts and times for the metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::Operation;
use certificates::{Authorities, Cause};

/// What the manager did, and when what it holds ends.
#[derive(Debug, Default)]
pub struct Stats(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    authority: Option<(Timestamp, Timestamp)>,
    changes: BTreeMap<&'static str, u64>,
    repairs: u64,
    failures: BTreeMap<&'static str, u64>,
}

impl Stats {
    /// From when to when the current CA is valid.
    #[must_use]
    pub fn authority_validity(&self) -> Option<(Timestamp, Timestamp)> {
        self.with(|inner| inner.authority)
    }

    /// Changes that this process made to the Secret, by [`Cause::as_str`].
    #[must_use]
    pub fn changes(&self) -> BTreeMap<&'static str, u64> {
        self.with(|inner| inner.changes.clone())
    }

    /// caBundles that this process wrote.
    #[must_use]
    pub fn repairs(&self) -> u64 {
        self.with(|inner| inner.repairs)
    }

    /// Failures by [`Operation::as_str`]. A conflict is not one.
    #[must_use]
    pub fn failures(&self) -> BTreeMap<&'static str, u64> {
        self.with(|inner| inner.failures.clone())
    }

    pub(super) fn hold(&self, authorities: Option<&Authorities>) {
        self.with(|inner| {
            let current = authorities.map(|all| &all.current.certificate);
            inner.authority = current.map(|current| (current.not_before(), current.not_after()));
        });
    }

    pub(super) fn count_change(&self, cause: Cause) {
        self.with(|inner| *inner.changes.entry(cause.as_str()).or_default() += 1);
    }

    pub(super) fn count_repairs(&self, repaired: usize) {
        self.with(|inner| inner.repairs += u64::try_from(repaired).unwrap_or(u64::MAX));
    }

    pub(super) fn count_failure(&self, operation: Operation) {
        self.with(|inner| *inner.failures.entry(operation.as_str()).or_default() += 1);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        // Whole at any time: each act is one assignment.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
