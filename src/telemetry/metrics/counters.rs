//! Counters by the values of an enum.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// One counter for each value, looked up once at the start: a request finds
/// its own by an index, and each is there from the start, at zero, so that an
/// alert can tell "never" from "gone".
#[derive(Debug)]
pub struct Counters<L> {
    children: Box<[IntCounter]>,
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
        let children =
            all.into_iter().map(|value| family.get_metric_with_label_values(&words(value)));
        Ok(Self { children: children.collect::<Result<_, _>>()?, index })
    }

    pub fn inc(&self, value: L) {
        self.add(value, 1);
    }

    pub fn add(&self, value: L, count: u64) {
        // There is one for every value; a test holds the enums to it.
        if let Some(counter) = self.children.get((self.index)(value)) {
            counter.inc_by(count);
        }
    }

    /// For a total that is counted elsewhere: a counter only rises.
    pub fn raise_to(&self, value: L, total: u64) {
        if let Some(counter) = self.children.get((self.index)(value)) {
            raise(counter, total);
        }
    }

    #[must_use]
    pub fn get(&self, value: L) -> u64 {
        self.children.get((self.index)(value)).map_or(0, IntCounter::get)
    }
}

/// Brings a counter to a total that is counted elsewhere.
pub fn raise(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}
