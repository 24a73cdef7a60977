//! How the watches of the API server fare.

use prometheus::{IntGaugeVec, Opts, Registry};

use super::Counters;
use super::labels::Watched;

/// All watches, by what is watched.
#[derive(Debug)]
pub struct Watches {
    pub relists: Counters<Watched>,
    pub errors: Counters<Watched>,
    /// Made anew after a silence.
    pub silences: Counters<Watched>,
    ages: IntGaugeVec,
}

impl Watches {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let watched = |name: &str, help: &str| {
            Counters::register(
                registry,
                (name, help),
                ["resource"],
                Watched::ALL,
                |watched: Watched| [watched.as_str()],
                |watched| watched as usize,
            )
        };
        let ages = IntGaugeVec::new(
            Opts::new(
                "pod_identity_watch_last_event_age_seconds",
                "Seconds since the API server last sent an event or a bookmark, or answered a new \
                 watch. Rises above 150 when it can't be reached.",
            ),
            &["resource"],
        )?;
        registry.register(Box::new(ages.clone()))?;
        Ok(Self {
            relists: watched(
                "pod_identity_watch_relists_total",
                "Lists begun anew, the first one not counted.",
            )?,
            errors: watched("pod_identity_watch_errors_total", "Watches and lists failed.")?,
            silences: watched(
                "pod_identity_watch_silences_total",
                "Watches made anew after 150 seconds without an event or a bookmark.",
            )?,
            ages,
        })
    }

    /// Seconds since the API server last sent something on this watch; there is no series for one that is off.
    pub fn age(&self, watched: Watched, seconds: u64) {
        if let Ok(age) = self.ages.get_metric_with_label_values(&[watched.as_str()]) {
            age.set(i64::try_from(seconds).unwrap_or(i64::MAX));
        }
    }
}
