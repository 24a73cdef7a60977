//! The metrics of the continuous audit.

use super::ContinuousAudit;
use super::status::{CompleteRound, RoundResult};
use crate::telemetry::metrics::{MetricsError, Registry};
use diagnosis::PodState;

impl ContinuousAudit {
    /// Registers them. What a round found is there only while this replica holds the Lease.
    pub(crate) fn register(&self, registry: &Registry) -> Result<(), MetricsError> {
        for state in PodState::ALL {
            registry.read_gauge_where_known(
                "pod_identity_pods",
                "Pods of the cluster by state, in the last audit that was complete. Only the \
                 replica that holds the Lease has it, and pods that need no identity are in no \
                 state.",
                Some(("state", state.as_str())),
                self.of_round(move |round| {
                    round.states.get(&state).copied().unwrap_or_default() as u64
                }),
            )?;
        }
        registry.read_gauge_where_known(
            "pod_identity_audit_last_complete_timestamp_seconds",
            "When the last audit that was complete ended, as a Unix time by the API server's \
             clock. Only the replica that holds the Lease has it.",
            None,
            self.of_round(|round| round.ended.as_second()),
        )?;
        registry.read_gauge_where_known(
            "pod_identity_audit_duration_seconds",
            "How long the last audit that was complete took. Only the replica that holds the \
             Lease has it.",
            None,
            self.of_round(|round| round.took.as_secs_f64()),
        )?;
        let shared = self.shared.clone();
        registry.read_gauge(
            "pod_identity_audit_interval_seconds",
            "How often pods are audited: --audit-interval. Absent while the audit is off.",
            move || shared.interval().as_secs_f64(),
        )?;
        let audit = self.clone();
        registry.read_gauge(
            "pod_identity_audit_lease_held",
            "1 while this replica holds the Lease, and is the one that audits, else 0. Absent while \
             the audit is off.",
            move || u64::from(audit.status().holds_lease),
        )?;
        let shared = self.shared.clone();
        registry.read_counters(
            "pod_identity_audit_rounds_total",
            "Audits of all pods that this replica has ended, by result: complete, incomplete \
             because something could not be looked at, or failed. Absent while the audit is off.",
            "result",
            RoundResult::ALL.map(|result| (result.as_str(), result)),
            move |result| shared.rounds(result),
        )
    }

    fn of_round<N, F>(&self, read: F) -> impl Fn() -> Option<N> + Send + Sync + use<N, F>
    where
        F: Fn(&CompleteRound) -> N + Send + Sync,
    {
        let audit = self.clone();
        move || audit.status().last_complete.as_ref().map(&read)
    }
}
