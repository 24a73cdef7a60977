//! Metrics, logs and traces.

mod json_lines;
mod log_buffer;
pub mod logs;
pub mod metrics;
mod text_lines;
pub mod traces;
