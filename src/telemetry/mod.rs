//! What the program tells about itself: metrics and logs.

mod json_lines;
pub mod logs;
pub mod metrics;
