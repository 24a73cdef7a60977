//! Managed certificates against a real API server: what is handed out is
//! always what the stored caBundles verify, whoever interferes.
//!
//! The managers run in the test's process, each a replica with a client of its
//! own. Nobody is called here. A test in which the API server calls a webhook
//! through a Service needs no cluster network: a Service of type `ExternalName`
//! with `externalName: localhost`, and `clientConfig.service.port` set to the
//! port listened on. The API server resolves such a Service by itself while
//! aggregator routing is off, and still verifies SERVICE.NAMESPACE.svc.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    missing_debug_implementations,
    unreachable_pub,
    reason = "test code: a panic is how it fails, and measurements are printed"
)]

mod support;

#[path = "certificates/clocks.rs"]
mod clocks;
#[path = "certificates/interference.rs"]
mod interference;
#[path = "certificates/rights.rs"]
mod rights;
#[path = "certificates/rotation.rs"]
mod rotation;
#[path = "certificates/scene.rs"]
mod scene;
