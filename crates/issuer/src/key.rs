//! A public key of an issuer.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use x509_cert::der::Encode as _;
use x509_cert::der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use x509_cert::spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::{Algorithm, Jwk, KeyFlaw, Verify};

pub(super) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(super) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// What TLS libraries verify, and as little as anyone should use.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A public key that can verify tokens: RSA of 2048 to 8192 bits, or ECDSA on a [`Curve`].
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    material: Material,
    kid: String,
}

#[derive(Clone, PartialEq, Eq)]
enum Material {
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// Both coordinates in full length.
    Ec { curve: Curve, x: Vec<u8>, y: Vec<u8> },
}

/// An elliptic curve that Kubernetes supports for signing keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256 (secp256r1).
    P256,
    /// NIST P-384 (secp384r1).
    P384,
    /// NIST P-521 (secp521r1).
    P521,
}

impl PublicKey {
    /// From the modulus and the exponent, big-endian.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Self, KeyFlaw> {
        let (n, e) = (trimmed(n), trimmed(e));
        let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) {
            return Err(KeyFlaw::RsaSize(bits));
        }
        if e.last().is_none_or(|last| last % 2 == 0) || e == [1] {
            return Err(KeyFlaw::RsaExponent);
        }
        let material = Material::Rsa { n: n.to_owned(), e: e.to_owned() };
        Ok(Self { kid: kid(&material).ok_or(KeyFlaw::Unreadable)?, material })
    }

    /// From an uncompressed point.
    pub(super) fn ec(curve: Curve, point: &[u8]) -> Result<Self, KeyFlaw> {
        let length = curve.coordinate_length();
        let (form, coordinates) = point.split_first().ok_or(KeyFlaw::Unreadable)?;
        match form {
            4 if coordinates.len() == 2 * length => {}
            // Kubernetes can't read it either.
            2 | 3 if coordinates.len() == length => return Err(KeyFlaw::CompressedPoint),
            _ => return Err(KeyFlaw::Unreadable),
        }
        let (x, y) = coordinates.split_at(length);
        let material = Material::Ec { curve, x: x.to_owned(), y: y.to_owned() };
        Ok(Self { kid: kid(&material).ok_or(KeyFlaw::Unreadable)?, material })
    }

    /// The `kid` that Kubernetes writes into tokens and into its JWKS: the
    /// SHA-256 of the key's SPKI.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm that Kubernetes signs with when it has this key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match &self.material {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::Ec { curve, .. } => curve.algorithm(),
        }
    }

    /// The form that the API server publishes.
    #[must_use]
    pub(crate) fn to_jwk(&self) -> Jwk {
        Jwk::of(self)
    }

    /// Whether the key signed the message so. None where it never signs with
    /// this algorithm.
    pub(super) fn verifies(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
        verify: Verify,
    ) -> Option<bool> {
        let fits = match &self.material {
            Material::Rsa { .. } => algorithm.is_rsa(),
            Material::Ec { curve, .. } => curve.algorithm() == algorithm,
        };
        let verified = |key: Vec<u8>| verify(algorithm, &key, message, signature);
        fits.then(|| self.material.subject_public_key().is_ok_and(verified))
    }

    /// The parameters of the JWK, by name, in base64url.
    pub(super) fn parameters(&self) -> Parameters {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.material {
            Material::Rsa { n, e } => Parameters::Rsa { n: text(n), e: text(e) },
            Material::Ec { curve, x, y } => {
                Parameters::Ec { crv: curve.name(), x: text(x), y: text(y) }
            }
        }
    }
}

/// What a JWK says of a key.
pub(super) enum Parameters {
    Rsa { n: String, e: String },
    Ec { crv: &'static str, x: String, y: String },
}

impl Curve {
    /// The curve with this name, as a JWK's `crv` has it (RFC 7518, 6.2.1.1).
    /// Case matters.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521].into_iter().find(|curve| curve.name() == name)
    }

    /// The curve's name in a JWK: `P-256`, `P-384` or `P-521`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    pub(super) fn by_oid(oid: ObjectIdentifier) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521].into_iter().find(|curve| curve.oid() == oid)
    }

    /// Of each coordinate, in bytes.
    pub(super) fn coordinate_length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn oid(self) -> ObjectIdentifier {
        match self {
            Self::P256 => P256,
            Self::P384 => P384,
            Self::P521 => P521,
        }
    }

    fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::Es256,
            Self::P384 => Algorithm::Es384,
            Self::P521 => Algorithm::Es512,
        }
    }
}

impl Material {
    /// The contents of the SPKI's `subjectPublicKey`: the DER of an
    /// `RSAPublicKey`, or the uncompressed point.
    fn subject_public_key(&self) -> x509_cert::der::Result<Vec<u8>> {
        match self {
            Self::Rsa { n, e } => {
                let fields = [UintRef::new(n)?.to_der()?, UintRef::new(e)?.to_der()?].concat();
                AnyRef::new(x509_cert::der::Tag::Sequence, &fields)?.to_der()
            }
            Self::Ec { x, y, .. } => Ok([&[4], x.as_slice(), y].concat()),
        }
    }

    /// The DER that Go's `MarshalPKIXPublicKey` writes, from which the kid is
    /// made. Written anew: the file that the key came from may have other bytes.
    fn spki(&self) -> x509_cert::der::Result<Vec<u8>> {
        let (oid, parameters) = match self {
            Self::Rsa { .. } => (RSA, AnyRef::NULL.to_der()?),
            Self::Ec { curve, .. } => (EC, curve.oid().to_der()?),
        };
        let key = self.subject_public_key()?;
        let parameters = AnyRef::try_from(parameters.as_slice())?;
        SubjectPublicKeyInfo {
            algorithm: AlgorithmIdentifier { oid, parameters: Some(parameters) },
            subject_public_key: BitStringRef::from_bytes(&key)?,
        }
        .to_der()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm(), self.kid)
    }
}

fn kid(material: &Material) -> Option<String> {
    let spki = material.spki().ok()?;
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(&spki)))
}

fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
