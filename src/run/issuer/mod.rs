//! `issuer`: what a self-hosted issuer needs, with checks.

mod document_folder;
mod documents;
mod evidence;
mod plan;
mod report;
mod verify;

use std::path::Path;

use anyhow::Context as _;
use kube::Client;
use zeroize::Zeroizing;

use super::exit::{Exit, OrMisuse as _};
use super::output::{self, Head, Tone};
use super::{cluster, completed, exit};
use crate::cli::{ClusterArgs, IssuerArgs, IssuerCommand};
use crate::config::user_cluster;
use crate::crypto;
use crate::input::{self, InputError, Limit};
use issuer::PublicKey;

/// How a command ended that could do its work.
enum Ended {
    Well,
    /// Something is not as it should be, and the report says what.
    Failed,
    /// It would have done harm; why, in lines.
    Refused(Vec<String>),
}

pub(super) fn run(args: IssuerArgs) -> anyhow::Result<Exit> {
    let ended = completed(async {
        match args.command {
            IssuerCommand::Documents(args) => documents::run(args).await,
            IssuerCommand::Verify(args) => verify::run(args).await,
            IssuerCommand::Rotate(args) => plan::run_rotate(args).await,
            IssuerCommand::Migrate(args) => plan::run_migrate(args).await,
        }
    })?;
    Ok(match ended {
        Ended::Well => Exit::Fine,
        Ended::Failed => Exit::Failed,
        Ended::Refused(why) => {
            let mut errors = output::errors();
            // Where standard error is closed, the exit status must do.
            let head = || Head::new().word(Tone::Bad, "refused:");
            let _ = why.iter().try_for_each(|why| errors.prose(head(), why));
            Exit::Failed
        }
    })
}

/// The bytes of keys, tokens or certificates; `-` is standard input.
fn read(path: &Path) -> Result<Vec<u8>, InputError> {
    let bytes = input::read(path, Limit::KEYS)?;
    // What is no PEM finds nothing in it, and says so; this says why.
    input::check_encoding(&bytes).map_err(|problem| InputError::of(path, problem))?;
    Ok(bytes)
}

/// The keys of PEM files, with what is to be said of how they are written.
fn read_keys(paths: &[impl AsRef<Path>]) -> anyhow::Result<(Vec<PublicKey>, Vec<String>)> {
    let (mut keys, mut remarks) = (Vec::new(), Vec::new());
    for path in paths {
        let path = path.as_ref();
        let text = Zeroizing::new(read(path)?);
        let found = PublicKey::read_pem(&text, crypto::ISSUER)
            .with_context(|| format!("failed to read a key from {}", path.display()))?;
        for found in found {
            let place = format!("{}:{}", path.display(), found.line);
            remarks.extend(found.remark().map(|remark| format!("{place}: {remark}")));
            keys.push(found.key);
        }
    }
    Ok((keys, remarks))
}

/// A client, and the namespace where nobody names one.
async fn client(args: ClusterArgs) -> anyhow::Result<(Client, String)> {
    cluster::user_client(&user_cluster(args).or_misuse()?).await
}
