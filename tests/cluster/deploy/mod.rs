//! The webhook as users install it: what `deploy/` has, applied with kubectl, and pods that are created then.
//!
//! `suite` holds what an installation has to do, `Cluster` what it asks of a cluster. There are two: a control
//! plane of the test's own, on which the webhook runs as a process with the arguments and the rights that the
//! applied manifests give it (`Local`); and any cluster on which the webhook is installed already, where
//! `CLUSTER_KUBECONFIG` names its kubeconfig (`Given`; `make kind-test` does that). No other variable is
//! heeded, so that nobody's own cluster is touched by accident.

mod chart;
mod cluster;
mod fields;
mod given;
mod kubectl;
mod local;
mod monitoring;
mod overlays;
mod panels;
mod policy;
mod replica;
mod rights;
mod suite;
