//! What the program tells about itself: metrics and logs.

mod held;
mod json_lines;
pub(crate) mod logs;
pub(crate) mod metrics;
mod text_lines;
