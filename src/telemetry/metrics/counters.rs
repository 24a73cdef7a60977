//! Counters by the values of an enum.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// One counter for each value, looked up once at the start: a request finds
/// its own by an index, and each is there from the start, at zero, so that an
/// alert can tell "never" from "gone".
#[derive(Debug)]
pub struct Counters<L> {
    children: Box<[Total]>,
    index: fn(L) -> usize,
}

impl<L: Copy> Counters<L> {
    /// `index` gives a value's place in `all`.
    pub(super) fn register<const N: usize>(
        registry: &Registry,
        (name, help): (&str, &str),
        labels: [&str; N],
        all: impl IntoIterator<Item = L>,
        words: fn(L) -> [&'static str; N],
        index: fn(L) -> usize,
    ) -> Result<Self, prometheus::Error> {
        let family = IntCounterVec::new(Opts::new(name, help), &labels)?;
        registry.register(Box::new(family.clone()))?;
        let children = all
            .into_iter()
            .map(|value| family.get_metric_with_label_values(&words(value)).map(Total::of));
        Ok(Self { children: children.collect::<Result<_, _>>()?, index })
    }

    pub fn inc(&self, value: L) {
        self.add(value, 1);
    }

    pub fn add(&self, value: L, count: u64) {
        // There is one for every value; a test holds the enums to it.
        if let Some(counter) = self.children.get((self.index)(value)) {
            counter.counter.inc_by(count);
        }
    }

    /// For a total that is counted elsewhere. A counter is either raised or
    /// incremented, never both.
    pub fn raise_to(&self, value: L, total: u64) {
        if let Some(counter) = self.children.get((self.index)(value)) {
            counter.raise_to(total);
        }
    }

    #[must_use]
    pub fn get(&self, value: L) -> u64 {
        self.children.get((self.index)(value)).map_or(0, |child| child.counter.get())
    }
}

/// A counter of what is counted elsewhere, brought up to date at each scrape.
#[derive(Debug)]
pub struct Total {
    counter: IntCounter,
    /// The highest total that was ever reported. Two scrapes that meet both see
    /// what was there before them, and each adds only its own share.
    reported: AtomicU64,
}

impl Total {
    pub(super) fn of(counter: IntCounter) -> Self {
        Self { counter, reported: AtomicU64::new(0) }
    }

    /// A counter only rises: a lower total than before adds nothing.
    pub fn raise_to(&self, total: u64) {
        let before = self.reported.fetch_max(total, Ordering::AcqRel);
        self.counter.inc_by(total.saturating_sub(before));
    }

    #[cfg(test)]
    pub(super) fn get(&self) -> u64 {
        self.counter.get()
    }
}
