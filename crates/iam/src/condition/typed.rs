//! What operators compare that is no text: numbers, times, Booleans, addresses and bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

/// An integer or decimal number.
pub(crate) fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Others that Rust reads are no numbers of a policy: inf, NaN, .5
    digits.starts_with(|c: char| c.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `true` or `false`, in any case.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    [true, false].into_iter().find(|it| text.eq_ignore_ascii_case(&it.to_string()))
}

/// Bytes, as Base64.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// A time in one of the W3C's forms of ISO 8601, of which the shortest is a year, or in seconds
/// since 1970. What is left out is the first there is: 2026 is the first second of that year.
/// <https://www.w3.org/TR/NOTE-datetime>
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_year = text.len() == 4;
    if !is_year && is_number(text.strip_prefix('-').unwrap_or(text)) {
        return Timestamp::from_second(text.parse().ok()?).ok();
    }
    let (day, clock) = text.split_once('T').map_or((text, None), |(day, clock)| (day, Some(clock)));
    let mut parts = day.split('-');
    let year = fixed(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| fixed(part, 2))?;
    let date = parts.next().map_or(Some(1), |part| fixed(part, 2))?;
    let is_whole = day.len() == 10;
    if parts.next().is_some() || (clock.is_some() && !is_whole) {
        return None;
    }
    let date = Date::new(year, month.try_into().ok()?, date.try_into().ok()?).ok()?;
    let (clock, offset) = clock.map_or(Some((Time::midnight(), 0)), zoned)?;
    let local = DateTime::from_parts(date, clock).to_zoned(TimeZone::UTC).ok()?.timestamp();
    local.checked_sub(SignedDuration::from_secs(offset)).ok()
}

/// The time of a day, and how many seconds it is ahead of UTC: `19:20:30.45+01:00`.
fn zoned(text: &str) -> Option<(Time, i64)> {
    let (clock, offset) = if let Some(clock) = text.strip_suffix('Z') {
        (clock, 0)
    } else {
        let (clock, zone) = text.split_at_checked(text.len().checked_sub(6)?)?;
        let sign = match zone.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        let (hours, minutes) = zone[1..].split_once(':')?;
        let (hours, minutes) = (fixed(hours, 2)?, fixed(minutes, 2)?);
        if hours > 23 || minutes > 59 {
            return None;
        }
        (clock, sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
    };
    let (clock, fraction) =
        clock.split_once('.').map_or((clock, None), |(clock, fraction)| (clock, Some(fraction)));
    let mut parts = clock.split(':');
    let hour = fixed(parts.next()?, 2)?;
    let minute = fixed(parts.next()?, 2)?;
    let second = parts.next().map(|part| fixed(part, 2));
    if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
        return None;
    }
    let nanoseconds = fraction.map_or(Some(0), |digits| {
        let is_fraction = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let nine: String = digits.chars().chain("000000000".chars()).take(9).collect();
        is_fraction.then(|| nine.parse().ok())?
    })?;
    let second = second.map_or(Some(0), |second| second)?;
    let part = |number: i16| i8::try_from(number).ok();
    let clock = Time::new(part(hour)?, part(minute)?, part(second)?, nanoseconds).ok()?;
    Some((clock, offset))
}

/// A number of exactly so many digits.
fn fixed(text: &str, digits: usize) -> Option<i16> {
    let is_fixed = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    is_fixed.then(|| text.parse().ok())?
}

/// An address, or a range of addresses as CIDR writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Without a prefix, it is the one address.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(digits) => {
                let is_number = digits.bytes().all(|b| b.is_ascii_digit());
                is_number.then(|| digits.parse().ok()).flatten().filter(|it| *it <= longest)?
            }
            None => longest,
        };
        Some(Self { address, prefix })
    }

    /// The first address of the range, and how many of its bits count: as CIDR is to be written.
    pub(crate) fn written(self) -> String {
        let first = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - self.prefix).unwrap_or(0);
                IpAddr::from(Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - self.prefix).unwrap_or(0);
                IpAddr::from(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        };
        format!("{first}/{}", self.prefix)
    }

    /// Whether bits of its address behind the prefix are set, which do not count.
    pub(crate) fn has_ignored_bits(self) -> bool {
        self.written() != format!("{}/{}", self.address, self.prefix)
    }

    /// Whether all of its addresses are in the other range.
    pub(crate) fn is_in(self, other: Self) -> bool {
        self.prefix >= other.prefix && other.contains(self.address)
    }

    /// Bits of the range's address behind the prefix do not count.
    pub(super) fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                let differ = ours.to_bits() ^ other.to_bits();
                differ.checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                let differ = ours.to_bits() ^ other.to_bits();
                differ.checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_times_of_the_w3c_and_seconds() {
        let start = "2026-01-01T00:00:00Z";
        for (text, same) in [
            ("2026", start),
            ("2026-01", start),
            ("2026-01-01", start),
            ("2026-01-01T00:00Z", start),
            ("2026-01-01T00:00:00.0Z", start),
            ("2026-01-01T01:30:00+01:30", start),
            ("2025-12-31T23:00-01:00", start),
            ("1767225600", start),
            ("0", "1970-01-01T00:00:00Z"),
            ("-1", "1969-12-31T23:59:59Z"),
            ("2026-11-22T12:00:00.123456789123Z", "2026-11-22T12:00:00.123456789Z"),
        ] {
            let same: Timestamp = same.parse().expect("a time");
            assert_eq!(time(text), Some(same), "{text}");
        }
        for text in [
            "",
            "-",
            "now",
            "20",
            "2026-1",
            "2026-13",
            "2026-02-30",
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00Z",
            "2026-01-01t00:00:00z",
            "2026-01-01T00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00+0100",
            "2026-01T00:00Z",
            "2026-01-01T00:00.5Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01-01",
            "é026-01-01T00:00:00é01:00",
            "99999999999999999999",
        ] {
            let read = time(text);
            // Two digits are seconds since 1970.
            assert_eq!(read.is_some(), text == "20", "{text}: {read:?}");
        }
    }

    #[test]
    fn reads_numbers_booleans_and_bytes() {
        for (text, wanted) in [
            ("300", Some(300.0)),
            ("-3.5", Some(-3.5)),
            ("+1", Some(1.0)),
            ("1e2", Some(100.0)),
            ("", None),
            ("inf", None),
            ("NaN", None),
            ("1 ", None),
            ("0x10", None),
            ("1,000", None),
        ] {
            assert_eq!(number(text), wanted, "{text}");
        }
        assert_eq!(
            (boolean("True"), boolean("FALSE"), boolean("1")),
            (Some(true), Some(false), None)
        );
        assert_eq!(bytes("eA=="), Some(b"x".to_vec()));
        assert_eq!((bytes("eA"), bytes("!")), (None, None));
    }

    #[test]
    fn an_address_lies_in_a_range_of_its_family() {
        for (network, address, wanted) in [
            ("203.0.113.0/24", "203.0.113.255", true),
            ("203.0.113.9/24", "203.0.113.1", true),
            ("203.0.113.0/24", "203.0.114.0", false),
            ("203.0.113.5", "203.0.113.5", true),
            ("203.0.113.5", "203.0.113.6", false),
            ("0.0.0.0/0", "203.0.113.5", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:DB8:1234:5678::/64", "2001:db8:1234:5678::9", true),
            ("2001:DB8:1234:5678::/64", "2001:db8:1234:5679::9", false),
            ("::/0", "2001:db8::1", true),
        ] {
            let network = Network::read(network).expect(network);
            let address: IpAddr = address.parse().expect(address);
            assert_eq!(network.contains(address), wanted, "{network:?} {address}");
        }
        let written = |text: &str| Network::read(text).map(Network::written);
        assert_eq!(written("203.0.113.9/24").as_deref(), Some("203.0.113.0/24"));
        assert_eq!(written("203.0.113.9/0").as_deref(), Some("0.0.0.0/0"));
        assert_eq!(written("2001:db8:1::1/32").as_deref(), Some("2001:db8::/32"));
        for no in
            ["", "203.0.113", "203.0.113.0/33", "203.0.113.0/-1", "203.0.113.0/", "::/129", "x"]
        {
            // An empty prefix is no number.
            assert_eq!(Network::read(no), None, "{no}");
        }
    }
}
