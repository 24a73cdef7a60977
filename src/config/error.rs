//! Why arguments are no configuration.

use super::TargetError;
use crate::tls::settings::SettingsError;
use certificates::ParamsError;
use injection::identity::{AccountError, StsEndpointError};

/// Each names the flag, what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("invalid value '{value}' for '{flag}': {reason}")]
    Value { flag: &'static str, value: String, reason: &'static str },
    #[error("invalid value '{value}' for '{flag}': {source}")]
    Account { flag: &'static str, value: String, source: AccountError },
    #[error("invalid value '{value}' for '{flag}': {source}")]
    StsEndpoint { flag: &'static str, value: String, source: StsEndpointError },
    #[error(transparent)]
    Tls(#[from] SettingsError),
    #[error(
        "'--client-allowed-names' needs '--client-ca-file': without a CA, any name can be forged; \
         set the file too, or leave out the names"
    )]
    NamesWithoutAuthorities,
    #[error("'--port' and '--metrics-port' are both {0}; change one of them")]
    SamePort(u16),
    #[error(
        "'--service-accounts' cannot be used with '{0}': the first reads files, the second asks a \
         cluster; leave out one"
    )]
    TwoSources(&'static str),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Lifetimes(#[from] ParamsError),
}
