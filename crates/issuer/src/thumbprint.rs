//! The thumbprint by which IAM knows an issuer's server.

use std::fmt::Write as _;

use serde::Serialize;
use sha1::{Digest as _, Sha1};
use x509_cert::der::{Decode as _, Encode as _};

/// The SHA-1 digest of a certificate, by which IAM can pin the server of an issuer.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Thumbprint {
    /// The digest: 40 lower-case hexadecimal digits without separators.
    pub sha1: String,
    /// The subject of the certificate, as a distinguished name (RFC 4514).
    pub subject: String,
}

impl Thumbprint {
    /// Of the top intermediate certificate of the chain that a server presents,
    /// its own certificate first.
    ///
    /// That is the last one, as IAM's page has it looked up by hand. A server that
    /// sends its root as well sends one that is no intermediate: then it is the one
    /// before, unless that is the server's own. See [`Self::of_root`].
    #[must_use]
    pub fn of_chain(chain: &[Vec<u8>]) -> Option<Self> {
        let (last, before) = chain.split_last()?;
        let intermediate = before.last().filter(|_| before.len() > 1 && is_root(last));
        Self::of(intermediate.unwrap_or(last))
    }

    /// Of the root, if the server presents it above an intermediate certificate.
    /// The last certificate, which IAM's page names, is then another one than the
    /// top intermediate, which it also names.
    #[must_use]
    pub fn of_root(chain: &[Vec<u8>]) -> Option<Self> {
        let last = chain.last().filter(|last| chain.len() > 2 && is_root(last))?;
        Self::of(last)
    }

    fn of(certificate: &[u8]) -> Option<Self> {
        let parsed = x509_cert::Certificate::from_der(certificate).ok()?;
        let mut sha1 = String::new();
        for byte in Sha1::digest(certificate) {
            // Into a string it can't fail.
            let _ = write!(sha1, "{byte:02x}");
        }
        Some(Self { sha1, subject: parsed.tbs_certificate().subject().to_string() })
    }
}

/// What a server answers to a client that speaks TLS 1.2 alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "outcome", content = "reason")]
pub enum Tls12 {
    /// It speaks TLS 1.2 too.
    Accepted,
    /// It refuses; what the TLS library reported.
    Refused(String),
    /// Nobody knows, since there was no answer at all; the reason.
    Unknown(String),
}

/// Whether IAM needs the thumbprint, as sentences for people.
///
/// AWS verifies the server that has the JWKS with the public authorities that it
/// trusts, and goes by the provider's thumbprints where the certificate is of no
/// such authority, where it can't retrieve the certificate, and where the server
/// requires TLS 1.3.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html>
#[must_use]
pub fn need(is_own_authority: bool, tls12: &Tls12) -> String {
    match tls12 {
        _ if is_own_authority => {
            "IAM needs it, because the certificate is from your own CA: pass it to iam role \
             --thumbprint, and register the next one before the CA changes."
                .to_owned()
        }
        Tls12::Accepted => {
            "IAM does not need it: the certificate is from a public CA, and the server accepts TLS 1.2."
                .to_owned()
        }
        Tls12::Refused(reason) => format!(
            "IAM needs it: the server does not accept TLS 1.2 ({reason}). AWS compares thumbprints \
             where TLS 1.3 is required, although the certificate is from a public CA. Accept TLS 1.2 \
             too, or pass the thumbprint to iam role --thumbprint."
        ),
        Tls12::Unknown(reason) => format!(
            "IAM does not need it if the server accepts TLS 1.2, since the certificate is from a \
             public CA. That could not be tested: {reason}."
        ),
    }
}

fn is_root(certificate: &[u8]) -> bool {
    let Ok(parsed) = x509_cert::Certificate::from_der(certificate) else { return false };
    let fields = parsed.tbs_certificate();
    fields.subject().to_der().ok() == fields.issuer().to_der().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The SHA-1 that OpenSSL prints of `CN=top`.
    const TOP: &str = "50feff2c0208e53b86bbb713146d6caa236cc206";

    /// A server's certificate, two intermediates and a root, as DER, the
    /// server's first. OpenSSL made them.
    fn chain() -> Vec<Vec<u8>> {
        let blocks = pem::parse_many(include_str!("../tests/keys/chain.pem")).expect("PEM");
        blocks.into_iter().map(pem::Pem::into_contents).collect()
    }

    fn subject(chain: &[Vec<u8>]) -> String {
        Thumbprint::of_chain(chain).expect("a thumbprint").subject
    }

    #[test]
    fn is_that_of_the_top_intermediate() {
        let chain = chain();
        assert_eq!(subject(&chain[..3]), "CN=top");
        // The root is one too many.
        assert_eq!(subject(&chain), "CN=top");
        assert_eq!(subject(&chain[..1]), "CN=server");
        // Nothing but the root stands above the server.
        assert_eq!(subject(&[chain[2].clone(), chain[3].clone()]), "CN=root");
        assert_eq!(Thumbprint::of_chain(&[]), None);
        let root = |chain: &[Vec<u8>]| Thumbprint::of_root(chain).map(|it| it.subject);
        assert_eq!(root(&chain), Some("CN=root".to_owned()));
        for without in [&chain[..3], &chain[2..], &chain[3..], &[]] {
            assert_eq!(root(without), None);
        }
        assert_eq!(Thumbprint::of_chain(&chain).expect("a thumbprint").sha1, TOP);
    }

    #[test]
    fn is_needed_for_an_own_authority_and_for_tls_1_3_alone() {
        let refused = Tls12::Refused("protocol version".to_owned());
        let unknown = Tls12::Unknown("no connection".to_owned());
        for (is_own, tls12, begins) in [
            (true, &Tls12::Accepted, "IAM needs it, because the certificate is from your own CA"),
            (true, &unknown, "IAM needs it, because"),
            (false, &Tls12::Accepted, "IAM does not need it: "),
            (
                false,
                &refused,
                "IAM needs it: the server does not accept TLS 1.2 (protocol version).",
            ),
            (false, &unknown, "IAM does not need it if the server accepts TLS 1.2"),
        ] {
            let said = need(is_own, tls12);
            assert!(said.starts_with(begins), "{said}");
        }
    }
}
