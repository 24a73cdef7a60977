//! Metrics, logs and traces.

mod json_lines;
mod log_buffer;
pub(crate) mod logs;
pub(crate) mod metrics;
mod text_lines;
pub(crate) mod traces;
