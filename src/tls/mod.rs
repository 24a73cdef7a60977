//! What the HTTPS server shows its clients and asks of them: certificates and
//! authorities that can be swapped while connections are served, and the
//! protocol's settings.

pub(crate) mod clients;
pub(crate) mod files;
pub(crate) mod metrics;
pub(crate) mod reload;
pub(crate) mod resolver;
pub(crate) mod settings;

mod validity;

#[cfg(test)]
pub(crate) mod test_pairs;
