//! What the cluster says of a `ServiceAccount`, by the time a pod needs it.

mod flights;
mod index;
