//! Certificates for tests: of an authority that lives as long as the test.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::files::PairPaths;

/// A self-signed certificate for `localhost` and its key, in PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::until(2100)
    }

    /// One that ends with the first of January of that year.
    pub(crate) fn until(year: i32) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    pub(crate) fn write(&self, paths: &PairPaths) {
        std::fs::write(&paths.key, &self.key).expect("the key is written");
        std::fs::write(&paths.certificate, &self.certificate).expect("the certificate is written");
    }
}

pub(crate) fn paths(folder: &Path) -> PairPaths {
    PairPaths { certificate: folder.join("tls.crt"), key: folder.join("tls.key") }
}
