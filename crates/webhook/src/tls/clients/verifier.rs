//! rustls' verifier of client certificates, with authorities that can be
//! swapped without a lock.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use super::authorities::Authorities;
use super::metrics::Rejection;
use super::names::{AllowedNames, Names};
use super::rejections::Rejections;
use crate::api_server::clock::ServerClock;

/// Completes a handshake only with a client that has a certificate of the current
/// authorities and one of the allowed names.
#[derive(Debug)]
pub struct ClientVerifier {
    authorities: ArcSwap<Authorities>,
    allowed: Option<AllowedNames>,
    rejections: Arc<Rejections>,
    clock: Option<ServerClock>,
}

impl ClientVerifier {
    /// Certificates are checked against `clock` where the time is known: the client
    /// that counts is the API server. Else by this machine's.
    #[must_use]
    pub(crate) fn new(
        authorities: Authorities,
        allowed: Option<AllowedNames>,
        rejections: Arc<Rejections>,
        clock: Option<ServerClock>,
    ) -> Self {
        Self { authorities: ArcSwap::from_pointee(authorities), allowed, rejections, clock }
    }

    /// New handshakes are checked against these; established connections are not
    /// checked again.
    pub(crate) fn swap(&self, authorities: Authorities) {
        self.authorities.store(Arc::new(authorities));
    }

    /// Of the authority that ends first, in seconds since the Unix epoch.
    #[must_use]
    pub fn authorities_validity(&self) -> Option<RangeInclusive<u64>> {
        self.authorities.load().validity()
    }

    fn reject(&self, reason: Rejection, certificate: &CertificateDer<'_>, error: Error) -> Error {
        let subject = || Names::of(certificate).map(|names| names.shown());
        self.rejections.certificate(reason, subject, &error);
        error
    }

    fn server_time(&self) -> Option<UnixTime> {
        let now = self.clock.as_ref()?.now()?;
        let seconds = u64::try_from(now.as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }

    fn has_allowed_name(&self, certificate: &CertificateDer<'_>) -> bool {
        let Some(allowed) = &self.allowed else { return true };
        Names::of(certificate).is_some_and(|names| allowed.allow(&names))
    }
}

impl ClientCertVerifier for ClientVerifier {
    /// None: a client that is given some shows no certificate where it has only
    /// those of others, and then nobody could say which one it was.
    /// <https://www.rfc-editor.org/rfc/rfc8446#section-4.2.4>
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let now = self.server_time().unwrap_or(now);
        let authorities = self.authorities.load();
        let verified = authorities
            .verifier
            .verify_client_cert(end_entity, intermediates, now)
            .map_err(|error| self.reject(reason(&error), end_entity, error))?;
        if !self.has_allowed_name(end_entity) {
            let error = CertificateError::ApplicationVerificationFailure.into();
            return Err(self.reject(Rejection::WrongName, end_entity, error));
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.authorities.load().verifier.verify_tls12_signature(message, cert, dss);
        verified.map_err(|error| self.reject(Rejection::Other, cert, error))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verified = self.authorities.load().verifier.verify_tls13_signature(message, cert, dss);
        verified.map_err(|error| self.reject(Rejection::Other, cert, error))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.load().verifier.supported_verify_schemes()
    }
}

fn reason(error: &Error) -> Rejection {
    use CertificateError as E;
    let Error::InvalidCertificate(error) = error else { return Rejection::Other };
    match error {
        // A bad signature is that of an authority by the name of one of ours.
        E::UnknownIssuer | E::BadSignature => Rejection::UnknownAuthority,
        E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. } => {
            Rejection::Expired
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => Rejection::WrongPurpose,
        _ => Rejection::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::clients::metrics::ClientMetrics;
    use crate::tls::clients::test_authority::{Authority, YEAR_2030, YEAR_2040, YEAR_2050};

    struct Rig {
        verifier: ClientVerifier,
        rejections: Arc<Rejections>,
    }

    impl Rig {
        fn new(authority: &Authority, allowed: &str) -> Self {
            let rejections = Arc::new(Rejections::new(ClientMetrics::unseen().rejections));
            let told = Arc::clone(&rejections);
            let allowed = AllowedNames::parse(allowed);
            let verifier = ClientVerifier::new(authority.parsed(), allowed, told, None);
            Self { verifier, rejections }
        }

        /// What becomes of a client in 2040.
        fn verify(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
            self.judge_at(YEAR_2040, certificate)
        }

        fn judge_at(&self, now: u64, certificate: &CertificateDer<'_>) -> Result<(), Error> {
            let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
            self.verifier.verify_client_cert(certificate, &[], now).map(|_| ())
        }

        fn rejected(&self, reason: Rejection) -> u64 {
            self.rejections.count(reason)
        }
    }

    #[test]
    fn accepts_a_client_of_the_authority_whatever_its_name_where_none_are_listed() {
        let authority = Authority::new("authority");
        let rig = Rig::new(&authority, "");
        for (common, dns) in [("one", &[][..]), ("", &["two.example"]), ("", &[])] {
            rig.verify(&authority.client(common, dns)).expect(common);
        }
        assert!(Rejection::ALL.iter().all(|reason| rig.rejected(*reason) == 0));
    }

    #[test]
    fn rejects_and_counts_by_reason() {
        let authority = Authority::new("authority");
        let rig = Rig::new(&authority, "api");
        rig.verify(&authority.client("api", &[])).expect("a good client");
        let unnamed = rig.verify(&authority.client("other", &[])).expect_err("another name");
        assert_eq!(unnamed, CertificateError::ApplicationVerificationFailure.into());
        assert_eq!(rig.rejected(Rejection::WrongName), 1);
        let of_others = Authority::new("others").client("api", &[]);
        assert_eq!(rig.verify(&of_others), Err(CertificateError::UnknownIssuer.into()));
        rig.verify(&Authority::new("authority").client("api", &[])).expect_err("another key");
        assert_eq!(rig.rejected(Rejection::UnknownAuthority), 2);
        let client = authority.client("api", &[]);
        for outside in [YEAR_2030 - 1, YEAR_2050 + 1] {
            rig.judge_at(outside, &client).expect_err("not valid then");
        }
        assert_eq!(rig.rejected(Rejection::Expired), 2);
        rig.verify(&authority.server("api")).expect_err("a server's certificate");
        assert_eq!(rig.rejected(Rejection::WrongPurpose), 1);
        rig.verify(&CertificateDer::from(&b"garbage"[..])).expect_err("no certificate");
        assert_eq!(rig.rejected(Rejection::Other), 1);
    }

    #[test]
    fn judges_by_the_api_servers_clock_where_it_is_known() {
        let authority = Authority::new("authority");
        let client = authority.client("api", &[]);
        let is_accepted = |clock: ServerClock, now| {
            let rejections = Arc::new(Rejections::new(ClientMetrics::unseen().rejections));
            let verifier = ClientVerifier::new(authority.parsed(), None, rejections, Some(clock));
            let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
            verifier.verify_client_cert(&client, &[], now).is_ok()
        };
        let at = |year| ServerClock::showing(&format!("Wed, 01 Feb {year} 00:00:00 GMT"));
        // 2040-02-01 is a Wednesday, as is 2051-02-01.
        assert!(is_accepted(at(2040), YEAR_2050 + 1), "the machine's own clock is ahead");
        assert!(!is_accepted(at(2051), YEAR_2040), "it is behind");
        assert!(
            is_accepted(ServerClock::new(), YEAR_2040)
                && !is_accepted(ServerClock::new(), YEAR_2050 + 1)
        );
    }

    #[test]
    fn judges_by_the_authorities_that_it_holds_now() {
        let (old, new) = (Authority::new("old"), Authority::new("new"));
        let rig = Rig::new(&old, "");
        let (of_old, of_new) = (old.client("api", &[]), new.client("api", &[]));
        assert!(rig.verify(&of_old).is_ok() && rig.verify(&of_new).is_err());
        rig.verifier.swap(new.parsed());
        assert!(rig.verify(&of_old).is_err() && rig.verify(&of_new).is_ok());
    }
}
