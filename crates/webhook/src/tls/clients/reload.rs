//! Follows the file with the authorities.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::{
    Authorities, AuthoritiesError, ClientCertificateSettings, ClientMetrics, ClientVerifier,
    Rejections,
};
use crate::api_server::clock::ServerClock;
use crate::watched_file::{self, Change, Reloads, WatchedFile};

/// Puts each good content of the file into a verifier.
#[derive(Debug)]
pub struct Reloader {
    file: WatchedFile,
    verifier: Arc<ClientVerifier>,
    rejections: Arc<Rejections>,
    reloads: Arc<Reloads>,
    /// What was read, until it is found unchanged: a file that is being
    /// written may look like one with fewer authorities.
    unsettled: Option<Change>,
}

impl Reloader {
    /// Reads the file for the first time: without authorities nobody could call.
    pub async fn start(
        settings: ClientCertificateSettings,
        metrics: ClientMetrics,
        clock: Option<ServerClock>,
    ) -> Result<Self, AuthoritiesError> {
        let mut file = WatchedFile::new(settings.ca_file);
        let read = file.poll().await.unwrap_or(Change::Missing);
        let authorities = parse(&file, read);
        let ClientMetrics { reloads, rejections } = metrics;
        reloads.count(authorities.is_ok());
        let rejections = Arc::new(Rejections::new(rejections));
        let reports_to = Arc::clone(&rejections);
        let verifier = ClientVerifier::new(authorities?, settings.allowed_names, reports_to, clock);
        Ok(Self { file, verifier: Arc::new(verifier), rejections, reloads, unsettled: None })
    }

    /// The verifier that it keeps up to date.
    #[must_use]
    pub fn verifier(&self) -> Arc<ClientVerifier> {
        Arc::clone(&self.verifier)
    }

    /// Counts and logs clients that the verifier rejects, or never gets to see.
    #[must_use]
    pub fn rejections(&self) -> Arc<Rejections> {
        Arc::clone(&self.rejections)
    }

    /// Follows the file until it is dropped.
    pub async fn run(mut self, interval: Duration) {
        let mut ticks = watched_file::ticks(interval);
        loop {
            ticks.tick().await;
            self.step().await;
        }
    }

    async fn step(&mut self) {
        let change = self.file.poll().await;
        if change.is_some() {
            self.unsettled = change;
        } else if let Some(settled) = self.unsettled.take() {
            self.take(settled);
        }
    }

    fn take(&mut self, change: Change) {
        let authorities = parse(&self.file, change);
        self.reloads.count(authorities.is_ok());
        let file = self.file.path().display();
        match authorities {
            Ok(authorities) => {
                let certificates = authorities.count();
                self.verifier.swap(authorities);
                tracing::info!(%file, certificates, "loaded client CA file");
            }
            Err(error) => tracing::error!(
                %file,
                %error,
                "failed to load client CA file, keeping the previous one"
            ),
        }
    }
}

fn parse(file: &WatchedFile, change: Change) -> Result<Authorities, AuthoritiesError> {
    let source = match change {
        Change::Content(bytes) => return Authorities::parse(file.path(), &bytes),
        Change::Missing => io::ErrorKind::NotFound.into(),
        Change::Unreadable(error) => error,
    };
    Err(AuthoritiesError::Read { path: file.path().to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rustls::pki_types::UnixTime;
    use rustls::server::danger::ClientCertVerifier as _;

    use super::*;
    use crate::tls::clients::test_authority::{Authority, YEAR_2040};

    struct Rig {
        _folder: tempfile::TempDir,
        path: PathBuf,
        reloader: Reloader,
    }

    async fn start(path: PathBuf) -> Result<Reloader, AuthoritiesError> {
        let settings = ClientCertificateSettings { ca_file: path, allowed_names: None };
        Reloader::start(settings, ClientMetrics::unseen(), None).await
    }

    impl Rig {
        async fn with(authority: &Authority) -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("ca.crt");
            std::fs::write(&path, authority.pem()).expect("written");
            let reloader = start(path.clone()).await.expect("authorities");
            Self { _folder: folder, path, reloader }
        }

        async fn write(&mut self, text: &str) {
            std::fs::write(&self.path, text).expect("written");
            self.reloader.step().await;
        }

        fn trusts(&self, authority: &Authority) -> bool {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(YEAR_2040));
            let client = authority.client("client", &[]);
            self.reloader.verifier.verify_client_cert(&client, &[], now).is_ok()
        }

        fn counts(&self) -> (u64, u64) {
            (self.reloader.reloads.loaded(), self.reloader.reloads.failed())
        }
    }

    #[tokio::test]
    async fn takes_other_authorities_when_they_stand_for_a_reading() {
        let (old, new) = (Authority::new("old"), Authority::new("new"));
        let mut rig = Rig::with(&old).await;
        rig.write(&new.pem()).await;
        assert!(rig.trusts(&old) && !rig.trusts(&new));
        rig.reloader.step().await;
        assert!(!rig.trusts(&old) && rig.trusts(&new));
        rig.reloader.step().await;
        assert_eq!(rig.counts(), (2, 0), "an unchanged file is not loaded again");
    }

    #[tokio::test]
    async fn passes_over_a_file_half_written() {
        let (old, new) = (Authority::new("old"), Authority::new("new"));
        let mut rig = Rig::with(&old).await;
        let both = format!("{}{}", new.pem(), old.pem());
        for half in [&new.pem()[..100], &new.pem(), &both] {
            rig.write(half).await;
            assert!(rig.trusts(&old));
        }
        rig.reloader.step().await;
        assert!(rig.trusts(&old) && rig.trusts(&new));
        assert_eq!(rig.counts(), (2, 0));
    }

    #[tokio::test]
    async fn keeps_the_last_good_authorities_and_tells_each_bad_content_once() {
        let authority = Authority::new("authority");
        let mut rig = Rig::with(&authority).await;
        rig.write("no certificate").await;
        for _ in 0..5 {
            rig.reloader.step().await;
        }
        assert!(rig.trusts(&authority));
        assert_eq!(rig.counts(), (1, 1));
        std::fs::remove_file(&rig.path).expect("removed");
        for _ in 0..5 {
            rig.reloader.step().await;
        }
        assert!(rig.trusts(&authority));
        assert_eq!(rig.counts(), (1, 2));
    }

    #[tokio::test]
    async fn does_not_start_without_authorities() {
        let message = start("nowhere/ca.crt".into()).await.expect_err("no file").to_string();
        assert!(message.contains("--client-ca-file \"nowhere/ca.crt\""), "{message}");
    }
}
