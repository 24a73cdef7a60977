//! No dropped and no unmutated pod, with certificates managed inside: whole
//! programs with the shipped rights behind a Service of a real API server, whose
//! `failurePolicy` is Fail, so that whatever is missed is seen.
//!
//! The Service needs no cluster network: it is of type `ExternalName` with
//! `externalName: localhost`, and `clientConfig.service.port` is a loopback
//! balancer's. The API server resolves such a Service by itself and verifies
//! SERVICE.NAMESPACE.svc as it does with any other.

mod away;
mod interference;
mod large;
mod load;
mod log;
mod refused;
mod scene;
mod silence;
mod soak;
mod soak_table;
mod start;
