//! From a review to an answer: which identity a pod gets, what it lacks for
//! it, and the JSON patch that adds that.
//!
//! Pure: no client, clock, environment, randomness, log or metric. Time and
//! jitter come in as arguments, and what is known of a cluster as values.

#![warn(missing_docs)]

pub mod admission;
pub mod identity;
pub mod json;
pub mod mutation;
pub mod workloads;
