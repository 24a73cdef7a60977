//! What differs between systems: signals, modes of files, limits of the process, terminals.
//!
//! The webhook runs on Linux. The commands also run on macOS and Windows, so whatever only some
//! systems have is here, and in `input::stream`, which waits for pipes.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;
