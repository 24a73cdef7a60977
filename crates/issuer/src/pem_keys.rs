//! Keys from PEM, in all the forms that people have them in.

use std::fmt;

use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use x509_cert::der::asn1::{ObjectIdentifier, UintRef};
use x509_cert::der::{self, Decode as _, Encode as _, Reader as _, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;
use zeroize::Zeroizing;

use super::key::{EC, RSA};
use super::{Algorithm, Crypto, Curve, PublicKey};

/// A key that was found in a PEM text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemKey {
    /// The public key, or the public half of the private key that was found.
    pub key: PublicKey,
    /// The kind of PEM block that the key was found in.
    pub form: KeyForm,
    /// The line of its `-----BEGIN`, from 1.
    pub line: usize,
}

/// The kind of PEM block that a key was read from (RFC 7468).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// `PUBLIC KEY`, SPKI: what the API server's flag wants.
    Public,
    /// `RSA PUBLIC KEY`, PKCS#1, which the API server does not read.
    RsaPublic,
    /// `RSA PRIVATE KEY` or `EC PRIVATE KEY`, PKCS#1 or SEC1.
    Private,
    /// `PRIVATE KEY`, PKCS#8.
    Pkcs8,
    /// `CERTIFICATE`, X.509: the key that it certifies.
    Certificate,
}

/// Why no keys could be read from a PEM text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PemError {
    /// The text has no PEM block at all.
    #[error(
        "no PEM block found; convert the key to PEM: openssl pkey -pubout -in KEY -out KEY.pub"
    )]
    FindBlocks,
    /// The text has PEM blocks, but none is a key. The value lists their
    /// labels.
    #[error(
        "no key found, only {0}; pass the key that signs the cluster's tokens, or its public key"
    )]
    FindKeys(String),
    /// A block should be a key and can't be read as one.
    #[error("line {line}: {flaw}")]
    ReadBlock {
        /// The line of the block's `-----BEGIN`, from 1.
        line: usize,
        /// What is wrong with it.
        flaw: KeyFlaw,
    },
}

/// What is wrong with a key. The message contains none of its bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFlaw {
    /// The block has no `-----END` line with its label.
    #[error("the block has no matching -----END line; the file may be truncated")]
    Unended,
    /// The contents of the block are not base64.
    #[error("the text between the -----BEGIN and -----END lines is not base64")]
    NotBase64,
    /// The private key is encrypted with a passphrase.
    #[error("the key is encrypted; use its public key: openssl pkey -pubout -in KEY -out KEY.pub")]
    Encrypted,
    /// The key is an `OPENSSH PRIVATE KEY`.
    #[error("the key is in OpenSSH's own format; convert it: ssh-keygen -e -m PKCS8 -f KEY.pub")]
    OpenSsh,
    /// The bytes are not what the block's label says.
    #[error("the key can't be read: it is not a valid {0}")]
    NotA(KeyForm),
    /// The bytes are no key in any form known here.
    #[error("the key can't be read")]
    Unreadable,
    /// The key is neither RSA nor ECDSA. The value is the OID of its algorithm.
    #[error("the key is neither RSA nor ECDSA (algorithm {0}); Kubernetes uses only those")]
    Kind(String),
    /// The ECDSA key is on a curve other than the three of [`Curve`].
    #[error("the key's curve is not P-256, P-384 or P-521; Kubernetes accepts no other")]
    Curve,
    /// The point of the ECDSA key is written in compressed form.
    #[error(
        "the key's point is compressed, which Kubernetes can't read; convert it: openssl ec -pubin -conv_form uncompressed"
    )]
    CompressedPoint,
    /// The RSA key is too short or too long. The value is its size in bits.
    #[error("the RSA key has {0} bits; 2048 to 8192 are supported")]
    RsaSize(usize),
    /// The cryptography library refuses the RSA key. The value is its reason.
    #[error("the RSA key is invalid ({0}); 2048 to 8192 bits are supported")]
    RsaRefused(String),
    /// The public exponent of the RSA key is even or 1.
    #[error("the RSA key is invalid: its exponent is even or 1")]
    RsaExponent,
}

/// A PEM block, not yet decoded.
struct Block<'a> {
    line: usize,
    label: &'a str,
    text: Zeroizing<String>,
    ended: bool,
}

impl PublicKey {
    /// All keys of a PEM text, public or private, and of certificates. Other
    /// blocks (`EC PARAMETERS`) are skipped; a key that can't be read is an
    /// error, since what would be published without it is wrong.
    ///
    /// `crypto` computes the public half of a private key.
    ///
    /// # Errors
    /// [`PemError`] if the text has no key, or one that can't be read.
    pub fn read_pem(text: &[u8], crypto: Crypto) -> Result<Vec<PemKey>, PemError> {
        let text = String::from_utf8_lossy(text);
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for block in blocks(&text) {
            let line = block.line;
            let key = block.key(crypto).map_err(|flaw| PemError::ReadBlock { line, flaw })?;
            match key {
                Some((key, form)) => keys.push(PemKey { key, form, line }),
                None => skipped.push(block.label.to_owned()),
            }
        }
        match (keys.is_empty(), skipped.is_empty()) {
            (true, true) => Err(PemError::FindBlocks),
            (true, false) => Err(PemError::FindKeys(skipped.join(", "))),
            (false, _) => Ok(keys),
        }
    }
}

impl Block<'_> {
    /// Nothing where the block is of some other kind.
    fn key(&self, crypto: Crypto) -> Result<Option<(PublicKey, KeyForm)>, KeyFlaw> {
        let form = match self.label {
            "PUBLIC KEY" => KeyForm::Public,
            "RSA PUBLIC KEY" => KeyForm::RsaPublic,
            "PRIVATE KEY" => KeyForm::Pkcs8,
            "RSA PRIVATE KEY" | "EC PRIVATE KEY" => KeyForm::Private,
            "CERTIFICATE" => KeyForm::Certificate,
            "ENCRYPTED PRIVATE KEY" => return Err(KeyFlaw::Encrypted),
            "OPENSSH PRIVATE KEY" => return Err(KeyFlaw::OpenSsh),
            _ => return Ok(None),
        };
        if !self.ended {
            return Err(KeyFlaw::Unended);
        }
        if self.text.contains("\nProc-Type: 4,ENCRYPTED") {
            return Err(KeyFlaw::Encrypted);
        }
        let parsed = pem::parse(self.text.as_bytes()).map_err(|_| KeyFlaw::NotBase64)?;
        let der = Zeroizing::new(parsed.into_contents());
        let key = match self.label {
            "PUBLIC KEY" => from_spki(&der),
            "RSA PUBLIC KEY" => from_pkcs1_public(&der),
            "PRIVATE KEY" => from_pkcs8(&der, crypto),
            "RSA PRIVATE KEY" => rsa_of(&PrivatePkcs1KeyDer::from(der.as_slice()).into(), crypto),
            "EC PRIVATE KEY" => ec_of(&PrivateSec1KeyDer::from(der.as_slice()).into(), crypto),
            _ => from_certificate(&der),
        };
        let key = key.map_err(|flaw| match flaw {
            KeyFlaw::Unreadable => KeyFlaw::NotA(form),
            flaw => flaw,
        });
        Ok(Some((key?, form)))
    }
}

impl PemKey {
    /// Advice for the user, if kube-apiserver does not read the key in this form.
    #[must_use]
    pub fn remark(&self) -> Option<&'static str> {
        match self.form {
            KeyForm::RsaPublic => Some(
                "kube-apiserver does not read a key in this format; for its \
                 --service-account-key-file write it as PUBLIC KEY: openssl rsa -RSAPublicKey_in \
                 -pubout",
            ),
            KeyForm::Pkcs8 if self.key.algorithm() != Algorithm::Rs256 => Some(
                "kube-apiserver signs with an EC key in this format, but does not read it from \
                 --service-account-key-file; pass it the public key: openssl pkey -pubout",
            ),
            _ => None,
        }
    }
}

impl fmt::Display for KeyForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public key (SPKI)",
            Self::RsaPublic => "RSA public key (PKCS#1)",
            Self::Private => "private key",
            Self::Pkcs8 => "private key (PKCS#8)",
            Self::Certificate => "certificate",
        })
    }
}

/// The blocks by their lines, so that errors can name one.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let begin = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----"));
        if let Some(label) = begin {
            let text = Zeroizing::new(String::new());
            blocks.push(Block { line: index + 1, label, text, ended: false });
            open = true;
        }
        let (true, Some(block)) = (open, blocks.last_mut()) else { continue };
        block.text.push_str(line);
        block.text.push('\n');
        let end = line.strip_prefix("-----END ").and_then(|rest| rest.strip_suffix("-----"));
        if let Some(label) = end {
            block.ended = label == block.label;
            open = false;
        }
    }
    blocks
}

fn from_spki(der: &[u8]) -> Result<PublicKey, KeyFlaw> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyFlaw::Unreadable)?;
    let bits = info.subject_public_key.as_bytes().ok_or(KeyFlaw::Unreadable)?;
    match info.algorithm.oid {
        RSA => from_pkcs1_public(bits),
        EC => {
            let curve: Option<ObjectIdentifier> = info.algorithm.parameters_oid().ok();
            PublicKey::ec(curve.and_then(Curve::by_oid).ok_or(KeyFlaw::Curve)?, bits)
        }
        other => Err(KeyFlaw::Kind(other.to_string())),
    }
}

fn from_pkcs1_public(der: &[u8]) -> Result<PublicKey, KeyFlaw> {
    let read = || -> der::Result<_> {
        let mut reader = SliceReader::new(der)?;
        let numbers =
            reader.sequence(|fields| Ok((UintRef::decode(fields)?, UintRef::decode(fields)?)));
        let numbers: (UintRef<'_>, UintRef<'_>) = numbers.map_err(|error: der::Error| error)?;
        reader.finish()?;
        Ok(numbers)
    };
    let (n, e) = read().map_err(|_| KeyFlaw::Unreadable)?;
    PublicKey::rsa(n.as_bytes(), e.as_bytes())
}

fn from_pkcs8(der: &[u8], crypto: Crypto) -> Result<PublicKey, KeyFlaw> {
    let algorithm = || -> der::Result<ObjectIdentifier> {
        let mut reader = SliceReader::new(der)?;
        reader.sequence(|fields| {
            UintRef::decode(fields)?;
            let kind = fields.sequence(|algorithm| {
                let kind = ObjectIdentifier::decode(algorithm)?;
                algorithm.read_slice(algorithm.remaining_len())?;
                Ok::<_, der::Error>(kind)
            })?;
            fields.read_slice(fields.remaining_len())?;
            Ok(kind)
        })
    };
    let private = PrivatePkcs8KeyDer::from(der).into();
    match algorithm().map_err(|_| KeyFlaw::Unreadable)? {
        RSA => rsa_of(&private, crypto),
        EC => ec_of(&private, crypto),
        other => Err(KeyFlaw::Kind(other.to_string())),
    }
}

fn from_certificate(der: &[u8]) -> Result<PublicKey, KeyFlaw> {
    let parsed = x509_cert::Certificate::from_der(der).map_err(|_| KeyFlaw::Unreadable)?;
    let info = parsed.tbs_certificate().subject_public_key_info();
    from_spki(&info.to_der().map_err(|_| KeyFlaw::Unreadable)?)
}

/// The public half of an RSA key.
fn rsa_of(private: &PrivateKeyDer<'_>, crypto: Crypto) -> Result<PublicKey, KeyFlaw> {
    from_spki(&(crypto.public_key)(private).map_err(KeyFlaw::RsaRefused)?)
}

/// The public half of an ECDSA key.
fn ec_of(private: &PrivateKeyDer<'_>, crypto: Crypto) -> Result<PublicKey, KeyFlaw> {
    // It may as well be broken, but a foreign curve is what people have.
    from_spki(&(crypto.public_key)(private).map_err(|_| KeyFlaw::Curve)?)
}
