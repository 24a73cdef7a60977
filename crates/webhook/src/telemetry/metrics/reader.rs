//! A metric whose value is kept elsewhere.

use std::collections::HashMap;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType};

/// Reads its value at each scrape. So there is nothing to keep up to date, and
/// however many scrapes meet, none counts anything twice.
pub(super) struct Reader {
    desc: Desc,
    kind: MetricType,
    read: Box<dyn Fn() -> Option<f64> + Send + Sync>,
}

impl Reader {
    /// Of a counter or gauge. Those of one name differ by their label's value.
    pub(super) fn new(
        kind: MetricType,
        name: &str,
        help: &str,
        label: Option<(&str, &str)>,
        read: Box<dyn Fn() -> Option<f64> + Send + Sync>,
    ) -> prometheus::Result<Self> {
        let label = label.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let labels: HashMap<_, _> = label.into_iter().collect();
        let desc = Desc::new(name.to_owned(), help.to_owned(), Vec::new(), labels)?;
        Ok(Self { desc, kind, read })
    }

    fn metric(&self) -> Option<Metric> {
        let value = (self.read)()?;
        let mut metric = Metric::from_label(self.desc.const_label_pairs.clone());
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        Some(metric)
    }
}

impl Collector for Reader {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(self.kind);
        family.set_metric(self.metric().into_iter().collect());
        vec![family]
    }
}
