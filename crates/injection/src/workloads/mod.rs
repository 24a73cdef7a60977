//! Manifests of Pods and of what makes Pods: where their pod templates are,
//! the review that an API server would send of each, and the patch carried
//! back into the manifest.
//!
//! Pure; manifests are JSON values, so that a field that this program has
//! never heard of comes out as it went in.

#[cfg(test)]
mod cases;
mod kinds;
mod manifest;
mod output;
mod passed_over;
mod shape;

pub use kinds::{Template, Templates, templates};
pub use manifest::read;
pub use output::{diff, to_yaml};
pub use passed_over::{PassedOver, Why};
