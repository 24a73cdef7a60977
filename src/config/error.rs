//! Why arguments are no configuration.

use crate::evidence::TargetError;
use crate::tls::settings::SettingsError;
use certificates::ParamsError;
use injection::identity::AccountError;

/// Each names the flag, what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("invalid value '{value}' for '{flag}': {reason}")]
    Value { flag: &'static str, value: String, reason: &'static str },
    #[error("invalid value '{value}' for '{flag}': {source}")]
    Account { flag: &'static str, value: String, source: AccountError },
    #[error(transparent)]
    Tls(#[from] SettingsError),
    #[error(
        "'--client-allowed-names' without '--client-ca-file': anyone can write a name into a \
         certificate; give the file with the authorities too, or leave out the names"
    )]
    NamesWithoutAuthorities,
    #[error("'--port' and '--metrics-port' are both {0}: give one of them another port")]
    SamePort(u16),
    #[error(
        "'--service-accounts' and '{0}' are two sources of ServiceAccounts: \
         leave out the first for a cluster, the second for files"
    )]
    TwoSources(&'static str),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Lifetimes(#[from] ParamsError),
}
