//! Certificates of the tests.

use std::{ops::Range, time::SystemTime};

use anyhow::bail;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd,
};

/// A certificate and its key, both PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

/// A certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let params = authority_params(name);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        let issuer = Issuer::new(params, key);
        Ok(Self { issuer, pem })
    }

    /// One below this one.
    pub fn intermediate(&self, name: &str) -> anyhow::Result<Self> {
        let params = authority_params(name);
        let key = KeyPair::generate()?;
        let pem = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server's certificate for these DNS names and IP addresses.
    pub fn server(&self, names: &[&str]) -> anyhow::Result<Pair> {
        self.sign(server_params(names)?)
    }

    /// One that is valid in this time alone.
    pub fn server_within(&self, names: &[&str], valid: Range<SystemTime>) -> anyhow::Result<Pair> {
        let mut params = server_params(names)?;
        params.not_before = valid.start.into();
        params.not_after = valid.end.into();
        self.sign(params)
    }

    /// A client's certificate; Kubernetes reads the user from its CN and the groups from its Os.
    pub fn client(&self, user: &str, groups: &[&str]) -> anyhow::Result<Pair> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, user);
        // rcgen holds one value for each type of attribute; O spelled as an OID counts as another
        // type. Two are what a ServiceAccount has: system:serviceaccounts, and that of its namespace.
        let organizations = [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])];
        if groups.len() > organizations.len() {
            bail!(
                "user {user}: {} groups do not fit into a certificate of rcgen's; give two at most",
                groups.len()
            );
        }
        for (organization, group) in organizations.into_iter().zip(groups) {
            params.distinguished_name.push(organization, *group);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    /// A client's certificate by these DNS names too, which ends with the first of January of a year.
    pub fn client_until(&self, year: i32, name: &str, dns: &[&str]) -> anyhow::Result<Pair> {
        let dns: Vec<String> = dns.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(dns)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_after = date_time_ymd(year, 1, 1);
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> anyhow::Result<Pair> {
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        Ok(Pair {
            certificate: params.signed_by(&key, &self.issuer)?.pem(),
            key: key.serialize_pem(),
        })
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn server_params(names: &[&str]) -> anyhow::Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// A key for service-account tokens, RSA as clusters have it (tokens are then RS256): private, public.
pub fn service_account_keys() -> anyhow::Result<(String, String)> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    Ok((key.serialize_pem(), key.public_key_pem()))
}
