//! What the HTTPS server shows its clients.

pub mod managed;
