//! Makes a CA and a certificate to try the webhook on this machine: `make run`
//! runs it. Not for a cluster.
//!
//!     cargo run --example dev-certificate -- certs
//!
//! Writes ca.crt, tls.crt and tls.key, unless they exist and are still valid for
//! some time. The CA's key is not kept, so nobody can sign with it.
#![allow(clippy::print_stdout, reason = "printing is its purpose")]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};

const FILES: [&str; 3] = ["ca.crt", "tls.crt", "tls.key"];
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const DAY: Duration = Duration::from_hours(24);
const LIFETIME_DAYS: u32 = 365;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).context("pass the folder: dev-certificate certs")?;
    let folder = Path::new(&folder);
    if is_good(folder) {
        return Ok(());
    }
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let [authority, certificate, key] = make()?;
    // The certificate last: if it exists, all of them do.
    write(folder, FILES[0], &authority, 0o644)?;
    write(folder, FILES[2], &key, 0o600)?;
    write(folder, FILES[1], &certificate, 0o644)?;
    println!("wrote {0}/ca.crt, {0}/tls.crt and {0}/tls.key", folder.display());
    Ok(())
}

/// All three exist, and the certificate is not near its end.
fn is_good(folder: &Path) -> bool {
    let age = |path: &Path| {
        SystemTime::now().duration_since(path.metadata()?.modified()?).map_err(anyhow::Error::from)
    };
    FILES.iter().all(|file| folder.join(file).is_file())
        && age(&folder.join(FILES[1])).is_ok_and(|age| age < DAY * (LIFETIME_DAYS - 60))
}

/// The CA's certificate, the server's certificate and the server's key, in PEM.
fn make() -> anyhow::Result<[String; 3]> {
    let mut params = named("pod-identity-webhook development CA", Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?.pem();
    let issuer = Issuer::new(params, key);

    let names = NAMES.iter().map(ToString::to_string).collect();
    let mut params = named("localhost", names)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?.pem();
    Ok([authority, certificate, key.serialize_pem()])
}

fn named(name: &str, alternatives: Vec<String>) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(alternatives)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    // Valid from an hour ago, for clocks that are a little behind.
    let now = date_time_ymd(1970, 1, 1)
        + SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .context("a clock before 1970")?;
    params.not_before = now - DAY / 24;
    params.not_after = now + DAY * LIFETIME_DAYS;
    Ok(params)
}

/// Replaces the file atomically. It has its mode from the start.
fn write(folder: &Path, file: &str, text: &str, mode: u32) -> anyhow::Result<()> {
    let (path, beside) = (folder.join(file), folder.join(format!("{file}.new")));
    let _ = fs::remove_file(&beside);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    options
        .open(&beside)
        .and_then(|mut open| open.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&beside, &path))
        .with_context(|| {
            format!("failed to write {}; check the permissions of the folder", path.display())
        })
}
