//! Whether admissions should be sent here, and if not, why.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::telemetry::metrics::{MetricsError, Registry};

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is a certificate that clients can be served with.
    Certificate,
    /// The first list of `ServiceAccounts` is complete.
    ServiceAccounts,
    /// The `ConfigMap` was found, or found absent.
    ConfigMap,
    NotShuttingDown,
}

impl Condition {
    /// In the order in which `/readyz` tells them.
    pub const ALL: [Self; 4] =
        [Self::Certificate, Self::ServiceAccounts, Self::ConfigMap, Self::NotShuttingDown];

    /// The name in `/readyz`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::ServiceAccounts => "service-accounts",
            Self::ConfigMap => "config-map",
            Self::NotShuttingDown => "not-shutting-down",
        }
    }

    /// Why it does not hold, until somebody knows more.
    fn first_reason(self) -> &'static str {
        match self {
            Self::Certificate => "no certificate has been loaded yet",
            Self::ServiceAccounts => "the first list of ServiceAccounts is not complete yet",
            Self::ConfigMap => "the ConfigMap has not been read yet",
            Self::NotShuttingDown => "the process is shutting down",
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Each condition with the reason why it does not hold, or none.
#[derive(Debug, Default)]
pub struct Readiness {
    reasons: [ArcSwapOption<String>; Condition::ALL.len()],
    clock: ArcSwapOption<Remark>,
}

/// A line of `/readyz?verbose` on which readiness does not depend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    pub text: String,
    /// Whether someone should see to it.
    pub is_warning: bool,
}

impl Readiness {
    /// Not ready before these have been met; the others hold from the start.
    #[must_use]
    pub fn waiting_for(conditions: &[Condition]) -> Self {
        let readiness = Self::default();
        for condition in conditions {
            readiness.fail(*condition, condition.first_reason());
        }
        readiness
    }

    /// The condition is met from now on.
    pub fn meet(&self, condition: Condition) {
        self.reasons[condition as usize].store(None);
    }

    /// The reason is one line for whoever looks at the probe.
    pub fn fail(&self, condition: Condition, reason: impl Into<String>) {
        self.reasons[condition as usize].store(Some(Arc::new(reason.into())));
    }

    pub(crate) fn begin_shutdown(&self) {
        self.fail(Condition::NotShuttingDown, Condition::NotShuttingDown.first_reason());
    }

    /// Why the condition is not met; nothing where it is.
    #[must_use]
    pub fn reason(&self, condition: Condition) -> Option<Arc<String>> {
        self.reasons[condition as usize].load_full()
    }

    /// Remarks on this machine's clock.
    pub fn remark_on_clock(&self, remark: Remark) {
        if self.clock.load().as_deref() != Some(&remark) {
            self.clock.store(Some(Arc::new(remark)));
        }
    }

    #[must_use]
    pub(crate) fn clock(&self) -> Option<Arc<Remark>> {
        self.clock.load_full()
    }

    /// One gauge for each condition, read at each scrape.
    pub fn register(self: &Arc<Self>, registry: &Registry) -> Result<(), MetricsError> {
        for condition in Condition::ALL {
            let readiness = Arc::clone(self);
            registry.read_gauge_where_known(
                "pod_identity_ready",
                "1 where a condition of readiness holds, else 0, by condition. The replica is ready \
                 when all hold; /readyz?verbose on the metrics port says why one does not.",
                Some(("condition", condition.as_str())),
                move || Some(u64::from(readiness.reason(condition).is_none())),
            )?;
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn is_ready(&self) -> bool {
        self.reasons.iter().all(|reason| reason.load().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_ready_when_all_it_waits_for_was_met() {
        let readiness = Readiness::waiting_for(&[Condition::Certificate, Condition::ConfigMap]);
        assert!(!readiness.is_ready());
        readiness.meet(Condition::Certificate);
        assert!(!readiness.is_ready());
        readiness.meet(Condition::ConfigMap);
        assert!(readiness.is_ready());
        readiness.begin_shutdown();
        assert!(!readiness.is_ready());
    }
}
