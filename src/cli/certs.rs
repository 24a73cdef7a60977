//! `certs`: certificates for a webhook outside the cluster.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::values::duration;

#[derive(Args, Clone, Debug)]
pub struct CertsArgs {
    #[command(subcommand)]
    pub command: CertsCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub enum CertsCommand {
    /// Create a CA, a certificate and its key in a folder, and print the caBundle
    Init(CertsInitArgs),
}

#[derive(Args, Clone, Debug)]
pub struct CertsInitArgs {
    /// Folder to write ca.crt, tls.crt and tls.key to
    #[arg(long, value_name = "PATH", default_value = "certs")]
    pub out: PathBuf,
    /// DNS name or IP address that the API server connects to; may be repeated
    #[arg(long = "name", value_name = "NAME", value_delimiter = ',', required = true)]
    pub names: Vec<String>,
    /// How long the CA and the certificate are valid. The CA's key is not kept, so run this command again before they expire
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "8760h")]
    pub lifetime: Duration,
    /// Overwrite existing files
    #[arg(long)]
    pub force: bool,
}
