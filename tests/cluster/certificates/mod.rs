//! Managed certificates against a real API server: what is handed out is
//! always what the stored caBundles verify, whoever interferes.
//!
//! The managers run in the test's process, each a replica with a client of its
//! own. Nobody is called here. A test in which the API server calls a webhook
//! through a Service needs no cluster network: a Service of type `ExternalName`
//! with `externalName: localhost`, and `clientConfig.service.port` set to the
//! port listened on. The API server resolves such a Service by itself while
//! aggregator routing is off, and still verifies SERVICE.NAMESPACE.svc.

mod clocks;
mod interference;
mod rights;
mod rotation;
mod scene;
