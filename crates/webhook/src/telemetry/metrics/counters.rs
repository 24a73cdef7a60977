//! Counters by the values of an enum.

use prometheus::{IntCounter, IntCounterVec, Opts};

use super::{MetricsError, Registry};

/// One counter for each value, looked up once at the start: a request finds
/// its own by an index, and each is there from the start, at zero, so that an
/// alert can tell "never" from "gone".
#[derive(Debug)]
pub(crate) struct Counters<L> {
    children: Box<[IntCounter]>,
    index: fn(L) -> usize,
}

impl<L: Copy> Counters<L> {
    /// `words` gives the labels' values, and `index` a value's place in `all`.
    pub(crate) fn register<const N: usize>(
        registry: &Registry,
        (name, help): (&str, &str),
        labels: [&str; N],
        all: impl IntoIterator<Item = L>,
        words: fn(L) -> [&'static str; N],
        index: fn(L) -> usize,
    ) -> Result<Self, MetricsError> {
        let family = registry.register(IntCounterVec::new(Opts::new(name, help), &labels))?;
        let children =
            all.into_iter().map(|value| family.get_metric_with_label_values(&words(value)));
        Ok(Self { children: children.collect::<Result<_, _>>()?, index })
    }

    pub(crate) fn inc(&self, value: L) {
        self.add(value, 1);
    }

    pub(crate) fn add(&self, value: L, count: u64) {
        // There is one for every value; tests beside the enums hold them to it.
        if let Some(counter) = self.children.get((self.index)(value)) {
            counter.inc_by(count);
        }
    }

    pub(crate) fn get(&self, value: L) -> u64 {
        self.children.get((self.index)(value)).map_or(0, IntCounter::get)
    }
}
