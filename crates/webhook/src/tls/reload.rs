//! Follows the certificate and key files.
//!
//! Two files can't be replaced at once, so a pair that does not match is first
//! taken for one that is being written: it is reported when it still stands at
//! the next reading.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::sign::CertifiedKey;

use super::files::{self, FilesError, PairPaths};
use super::resolver::CertificateResolver;
use crate::watched_file::{self, Change, Reloads, WatchedFile};

/// Puts each complete and matching pair of the two files into a resolver.
#[derive(Debug)]
pub struct Reloader {
    certificate: WatchedFile,
    key: WatchedFile,
    pair: Pair,
    resolver: Arc<CertificateResolver>,
    reloads: Arc<Reloads>,
}

impl Reloader {
    /// Nothing is read before [`load`](Self::load).
    #[must_use]
    pub fn new(paths: PairPaths, resolver: Arc<CertificateResolver>) -> Self {
        Self {
            certificate: WatchedFile::new(&paths.certificate),
            key: WatchedFile::new(&paths.key),
            pair: Pair::new(paths),
            resolver,
            reloads: Arc::default(),
        }
    }

    /// How often the files were read anew.
    #[must_use]
    pub fn reloads(&self) -> &Arc<Reloads> {
        &self.reloads
    }

    /// The first reading. Its failure is returned to the caller and not reported.
    pub async fn load(&mut self) -> Result<(), FilesError> {
        let (certificate, key) = (self.certificate.poll().await, self.key.poll().await);
        self.pair.take(certificate, key);
        let loaded = self.pair.evaluate();
        self.reloads.count(loaded.is_ok());
        self.resolver.swap(loaded?);
        Ok(())
    }

    /// Follows the files until it is dropped.
    pub async fn run(mut self, interval: Duration) {
        let mut ticks = watched_file::ticks(interval);
        loop {
            ticks.tick().await;
            self.step().await;
        }
    }

    async fn step(&mut self) {
        let (certificate, key) = (self.certificate.poll().await, self.key.poll().await);
        let decision = self.pair.observe(certificate, key);
        let PairPaths { certificate, key } = &self.pair.paths;
        match decision {
            Decision::Wait => {}
            Decision::Swap(pair) => {
                self.resolver.swap(pair);
                self.reloads.count(true);
                let not_after = self.resolver.not_after();
                tracing::info!(
                    certificate = %certificate.display(),
                    key = %key.display(),
                    not_after,
                    "loaded certificate"
                );
            }
            Decision::Refuse(error) => {
                self.reloads.count(false);
                tracing::error!(
                    certificate = %certificate.display(),
                    key = %key.display(),
                    %error,
                    "failed to load certificate, keeping the previous one"
                );
            }
        }
    }
}

/// What to do after a reading.
#[derive(Debug)]
enum Decision {
    Wait,
    Swap(Arc<CertifiedKey>),
    Refuse(FilesError),
}

/// The last reading of both files, and what follows from it.
struct Pair {
    paths: PairPaths,
    certificate: Change,
    key: Change,
    /// Why the files are no pair, until that has been reported.
    doubt: Option<FilesError>,
}

impl Pair {
    fn new(paths: PairPaths) -> Self {
        Self { paths, certificate: Change::Missing, key: Change::Missing, doubt: None }
    }

    fn observe(&mut self, certificate: Option<Change>, key: Option<Change>) -> Decision {
        if certificate.is_none() && key.is_none() {
            return self.doubt.take().map_or(Decision::Wait, Decision::Refuse);
        }
        self.take(certificate, key);
        match self.evaluate() {
            Ok(pair) => {
                self.doubt = None;
                Decision::Swap(pair)
            }
            Err(error) => {
                self.doubt = Some(error);
                Decision::Wait
            }
        }
    }

    fn take(&mut self, certificate: Option<Change>, key: Option<Change>) {
        if let Some(certificate) = certificate {
            self.certificate = certificate;
        }
        if let Some(key) = key {
            self.key = key;
        }
    }

    fn evaluate(&self) -> Result<Arc<CertifiedKey>, FilesError> {
        let certificate = content(&self.certificate).map_err(|source| {
            FilesError::ReadCertificate { path: self.paths.certificate.clone(), source }
        })?;
        let key = content(&self.key)
            .map_err(|source| FilesError::ReadKey { path: self.paths.key.clone(), source })?;
        files::parse(&self.paths, certificate, key)
    }
}

/// Without the contents: one of them is a private key.
impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").field("paths", &self.paths).finish_non_exhaustive()
    }
}

fn content(read: &Change) -> io::Result<&[u8]> {
    match read {
        Change::Content(bytes) => Ok(bytes),
        Change::Missing => Err(io::ErrorKind::NotFound.into()),
        // An `io::Error` can't be copied: its kind and its words can.
        Change::Unreadable(error) => Err(io::Error::new(error.kind(), error.to_string())),
    }
}

#[cfg(test)]
#[path = "reload_tests.rs"]
mod tests;
