//! Manifests of Pods and of what makes Pods: where their pod templates are,
//! the review that an API server would send of each, and the patch carried
//! back into the manifest.
//!
//! Pure; manifests are JSON values, so that a field that this program has
//! never heard of comes out as it went in.

mod kinds;
mod manifest;
mod output;

pub use kinds::{PassedOver, Template, Templates, templates};
pub use manifest::read;
pub use output::{diff, to_yaml};
