//! A mutating admission webhook that gives Kubernetes pods AWS IAM roles.
//!
//! Three floors, imports only downwards (`make lint` checks it):
//!
//! | floor | modules | may use |
//! |---|---|---|
//! | 3 surface | [`cli`], [`config`], [`run`] | all below |
//! | 2 the world | [`api_server`], [`service_accounts`], [`tls`], [`server`], [`telemetry`], [`evidence`] | tokio, kube, axum, rustls; floor 1 |
//! | 1 the domain, pure | [`identity`], [`mutation`], [`admission`], [`certificates`], [`workloads`], [`issuer`], [`iam`], [`doctor`], [`json`] | serde, json-patch, std, pure crates |
//!
//! The way of a request is one function: `server::admissions::answer`.

pub mod admission;
pub mod api_server;
pub mod certificates;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod document_folder;
pub mod evidence;
pub mod fetch;
pub mod iam;
pub mod identity;
pub mod issuer;
pub mod json;
pub mod live_issuer;
pub mod mutation;
pub mod run;
pub mod server;
pub mod service_accounts;
pub mod telemetry;
pub mod tls;
pub mod watched_file;
pub mod workloads;
