//! What the program tells about itself: metrics and logs.

mod held;
mod json_lines;
pub mod logs;
pub mod metrics;
mod text_lines;
