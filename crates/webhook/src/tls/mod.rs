//! What the HTTPS server shows its clients and asks of them: certificates and
//! authorities that can be swapped while connections are served, and the
//! protocol's settings.

pub mod clients;
pub mod files;
pub mod metrics;
pub mod reload;
pub mod resolver;
pub mod settings;

mod validity;

#[cfg(test)]
pub(crate) mod test_pairs;
