//! An authority for tests, and the certificates that it signs.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, date_time_ymd,
};
use rustls::pki_types::CertificateDer;

use super::Authorities;

/// Certificates here are valid from 2030 to 2050. The years begin, in Unix time:
pub(super) const YEAR_2030: u64 = 1_893_456_000;
pub(super) const YEAR_2040: u64 = 2_208_988_800;
pub(super) const YEAR_2050: u64 = 2_524_608_000;

pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let mut params = named(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    pub(super) fn pem(&self) -> String {
        self.pem.clone()
    }

    pub(super) fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    pub(super) fn parsed(&self) -> Authorities {
        Authorities::parse("ca.crt".as_ref(), self.pem.as_bytes()).expect("an authority")
    }

    pub(super) fn client(&self, common: &str, dns: &[&str]) -> CertificateDer<'static> {
        self.sign(common, dns, ExtendedKeyUsagePurpose::ClientAuth)
    }

    pub(super) fn server(&self, common: &str) -> CertificateDer<'static> {
        self.sign(common, &[], ExtendedKeyUsagePurpose::ServerAuth)
    }

    fn sign(
        &self,
        common: &str,
        dns: &[&str],
        purpose: ExtendedKeyUsagePurpose,
    ) -> CertificateDer<'static> {
        let mut params = named(common, dns);
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().expect("a key");
        params.signed_by(&key, &self.issuer).expect("a certificate").der().clone()
    }
}

fn named(common: &str, dns: &[&str]) -> CertificateParams {
    let dns: Vec<String> = dns.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(dns).expect("names");
    params.distinguished_name = DistinguishedName::new();
    if !common.is_empty() {
        params.distinguished_name.push(DnType::CommonName, common);
    }
    params.not_before = date_time_ymd(2030, 1, 1);
    params.not_after = date_time_ymd(2050, 1, 1);
    params
}
