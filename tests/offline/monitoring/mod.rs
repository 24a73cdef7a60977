//! Metrics, alerts, their runbook and the dashboard, with the real Prometheus and its promtool. What needs a cluster to have series:
//! `cluster/deploy/monitoring.rs`.

mod alerts;
mod dashboard;
mod page;
mod runbook;
