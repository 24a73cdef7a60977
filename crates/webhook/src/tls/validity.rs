//! From when to when a certificate is valid.

use std::ops::RangeInclusive;

use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::time::Time;

/// In seconds since the Unix epoch; none if the DER can't be read.
pub(super) fn of(der: &[u8]) -> Option<RangeInclusive<u64>> {
    let certificate = Certificate::from_der(der).ok()?;
    let validity = certificate.tbs_certificate().validity();
    let seconds = |time: &Time| time.to_unix_duration().as_secs();
    Some(seconds(&validity.not_before)..=seconds(&validity.not_after))
}
