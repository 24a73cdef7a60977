//! Values of conditions that the operator can't compare, or compares otherwise than it looks.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::shown;
use crate::finding::{Code, Finding};
use crate::policy::{Condition, Text};
use crate::write::text as quoted;

/// The operators that compare values of one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Text,
    Arn,
    Boolean,
    Number,
    Date,
    Address,
    Binary,
    Null,
}

/// How their names begin.
const BEGINNINGS: [(&str, Family); 9] = [
    ("String", Family::Text),
    ("Arn", Family::Arn),
    ("Bool", Family::Boolean),
    ("Numeric", Family::Number),
    ("Date", Family::Date),
    ("IpAddress", Family::Address),
    ("NotIpAddress", Family::Address),
    ("Binary", Family::Binary),
    ("Null", Family::Null),
];

impl Family {
    /// That of an operator, with or without its modifiers.
    pub(super) fn of(operator: &str) -> Option<Self> {
        let base = operator.split_once(':').map_or(operator, |(_, base)| base);
        BEGINNINGS.iter().find(|(it, _)| base.starts_with(it)).map(|(_, family)| *family)
    }
}

/// The mistakes in the values of one condition whose operator is one.
pub(super) fn findings(condition: &Condition) -> Vec<Finding> {
    let Some(family) = Family::of(condition.operator.as_str()) else { return Vec::new() };
    let known = || condition.values.iter().filter(|value| value.is_known() && !has_variable(value));
    let mut found: Vec<Finding> =
        known().filter_map(|value| wrong_type(family, condition, value)).collect();
    match family {
        Family::Boolean | Family::Null => found.extend(both(family, condition)),
        Family::Date if !condition.key.value.eq_ignore_ascii_case("aws:EpochTime") => {
            found.extend(known().filter_map(seconds));
        }
        Family::Address => {
            found.extend(known().filter_map(bits_behind_the_mask));
            found.extend(private(condition));
        }
        Family::Number => found.extend(one_of_several(condition)),
        _ => {}
    }
    found
}

/// What has one is told with the variable.
fn has_variable(value: &Text) -> bool {
    value.value.contains("${")
}

/// Whether the operators of this family can compare the value.
pub(super) fn fits(family: Family, text: &str) -> bool {
    match family {
        Family::Boolean | Family::Null => is_boolean(text),
        Family::Number => is_number(text),
        Family::Date => is_date(text) || is_seconds(text),
        Family::Address => Range::read(text).is_some(),
        Family::Binary => is_base64(text),
        Family::Text | Family::Arn => true,
    }
}

fn wrong_type(family: Family, condition: &Condition, value: &Text) -> Option<Finding> {
    let text = value.as_str();
    let wanted = match family {
        Family::Boolean | Family::Null => "true or false",
        Family::Number => "a number",
        Family::Date => "a date such as 2026-01-31T00:00:00Z",
        Family::Address => "an IP address or a range such as 203.0.113.0/24",
        Family::Binary => "Base64",
        Family::Text | Family::Arn => return None,
    };
    if fits(family, text) {
        return None;
    }
    let operator = condition.operator.as_str();
    let message = format!(
        "{} is not {wanted}, which {operator} compares: the condition does not do what it says",
        shown(text)
    );
    let finding = Finding::new(Code::ValueType, value.at, message);
    Some(match mended(family, text) {
        Some(mended) => finding.fixed(quoted(&mended)),
        None => finding,
    })
}

/// White space around it, or a word for it.
fn mended(family: Family, text: &str) -> Option<String> {
    let trimmed = text.trim();
    let word = match (family, trimmed.to_ascii_lowercase().as_str()) {
        (Family::Boolean | Family::Null, "yes" | "1" | "on") => "true",
        (Family::Boolean | Family::Null, "no" | "0" | "off") => "false",
        _ => trimmed,
    };
    if fits(family, word) {
        return Some(word.to_owned());
    }
    let dashed = trimmed.replace('/', "-");
    (family == Family::Date && dashed.len() == 10 && is_date(&dashed)).then_some(dashed)
}

fn is_boolean(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_seconds(text: &str) -> bool {
    text.len() > 4 && text.len() <= 13 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The W3C's profile of ISO 8601: `2026`, `2026-01`, `2026-01-31`, and with a time
/// `2026-01-31T23:59Z`, `2026-01-31T23:59:59.5+01:00`.
/// <https://www.w3.org/TR/NOTE-datetime>
fn is_date(text: &str) -> bool {
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let parts: Vec<&str> = day.split('-').collect();
    let are_digits = |part: &str, count: usize| {
        part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_day = match parts.as_slice() {
        [year] => are_digits(year, 4),
        [year, month] => {
            are_digits(year, 4)
                && format!("{day}-01").parse::<jiff::civil::Date>().is_ok()
                && month.len() == 2
        }
        [year, _, _] => {
            are_digits(year, 4) && day.len() == 10 && day.parse::<jiff::civil::Date>().is_ok()
        }
        _ => false,
    };
    let Some(time) = time else { return is_day };
    is_day && parts.len() == 3 && is_time(time)
}

fn is_time(time: &str) -> bool {
    let zone = time.find(['Z', '+', '-']);
    let Some((clock, zone)) = zone.map(|at| time.split_at(at)) else { return false };
    let is_two = |part: &str, most: u8| {
        part.len() == 2
            && part.bytes().all(|b| b.is_ascii_digit())
            && part.parse::<u8>().is_ok_and(|it| it <= most)
    };
    let is_zone = zone == "Z"
        || zone[1..]
            .split_once(':')
            .is_some_and(|(hour, minute)| is_two(hour, 23) && is_two(minute, 59));
    let (clock, fraction) =
        clock.split_once('.').map_or((clock, None), |(clock, it)| (clock, Some(it)));
    let is_fraction =
        fraction.is_none_or(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()));
    let parts: Vec<&str> = clock.split(':').collect();
    let is_clock = match parts.as_slice() {
        [hour, minute] => is_two(hour, 23) && is_two(minute, 59) && fraction.is_none(),
        [hour, minute, second] => is_two(hour, 23) && is_two(minute, 59) && is_two(second, 59),
        _ => false,
    };
    is_zone && is_fraction && is_clock
}

fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.len().is_multiple_of(4) && text.len() - body.len() <= 2 && body.bytes().all(is_digit)
}

/// `true` and `false` together, which each request that has the key meets.
fn both(family: Family, condition: &Condition) -> Option<Finding> {
    let has = |wanted: &str| {
        condition.values.iter().any(|it| it.is_known() && it.value.eq_ignore_ascii_case(wanted))
    };
    let second = condition.values.get(1)?;
    if !(has("true") && has("false")) {
        return None;
    }
    let operator = condition.operator.as_str();
    let what = if family == Family::Null {
        "whether or not the request has the key"
    } else {
        "whatever the key's value"
    };
    let message = format!("{operator} with both true and false holds {what}; write one of them");
    Some(Finding::new(Code::ValueType, second.at, message))
}

/// Seconds since 1970 as a date: read, though not by all of AWS's tools.
fn seconds(value: &Text) -> Option<Finding> {
    let seconds: i64 = is_seconds(value.as_str()).then(|| value.value.parse().ok())??;
    let date = jiff::Timestamp::from_second(seconds).ok()?;
    let message = format!(
        "{} are seconds since 1970, which may not be the time that was meant; write the date",
        value.value
    );
    Some(Finding::new(Code::ValueDoubtful, value.at, message).fixed(quoted(&date.to_string())))
}

/// Of several limits, the widest counts: any of the values will do.
fn one_of_several(condition: &Condition) -> Option<Finding> {
    let base = condition.operator.value.trim_end_matches("IfExists");
    let is_least = base.contains("GreaterThan");
    if !(is_least || base.contains("LessThan")) || condition.values.len() < 2 {
        return None;
    }
    let numbers: Option<Vec<(f64, &Text)>> = condition
        .values
        .iter()
        .map(|it| Some((it.value.parse().ok().filter(|_| it.is_known())?, it)))
        .collect();
    let numbers = numbers?;
    let compare = |one: &&(f64, &Text), other: &&(f64, &Text)| one.0.total_cmp(&other.0);
    let counts =
        if is_least { numbers.iter().min_by(compare) } else { numbers.iter().max_by(compare) };
    let (_, counts) = counts?;
    let (_, other) = numbers.iter().find(|(_, it)| it.at != counts.at)?;
    let message = format!(
        "any of the values will do, so {} alone counts under {}",
        shown(counts.as_str()),
        condition.operator.value
    );
    Some(Finding::new(Code::ValueDoubtful, other.at, message))
}

/// An address, or the addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    address: IpAddr,
    bits: u32,
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => {
                let is_plain = !bits.is_empty() && bits.bytes().all(|byte| byte.is_ascii_digit());
                (address, Some(bits.parse::<u32>().ok().filter(|_| is_plain)?))
            }
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }

    /// Without the bits behind the mask.
    fn network(self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                Ipv4Addr::from_bits(address.to_bits() & mask).into()
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                Ipv6Addr::from_bits(address.to_bits() & mask).into()
            }
        }
    }

    /// Whether all of its addresses are in this range.
    fn is_in(self, other: Self) -> bool {
        let begins = Self { address: self.address, bits: other.bits };
        self.address.is_ipv4() == other.address.is_ipv4()
            && self.bits >= other.bits
            && begins.network() == other.network()
    }
}

/// Addresses that no request from the internet has: RFC 1918, 3927, 4193, 4291, 6598.
const PRIVATE: [&str; 8] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "127.0.0.0/8",
    "fc00::/7",
    "fe80::/10",
];

fn is_private(range: Range) -> bool {
    PRIVATE.iter().filter_map(|it| Range::read(it)).any(|private| range.is_in(private))
}

fn bits_behind_the_mask(value: &Text) -> Option<Finding> {
    let range = Range::read(value.as_str())?;
    let network = range.network();
    if network == range.address {
        return None;
    }
    let mended = format!("{network}/{}", range.bits);
    let message = format!(
        "the bits of {} behind the mask are ignored: it is {mended}",
        shown(value.as_str())
    );
    Some(Finding::new(Code::ValueDoubtful, value.at, message).fixed(quoted(&mended)))
}

/// `aws:SourceIp` is a public address, or not there at all.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourceip>
fn private(condition: &Condition) -> Option<Finding> {
    if !condition.key.is_known() || !condition.key.value.eq_ignore_ascii_case("aws:SourceIp") {
        return None;
    }
    let is_private = |it: &&Text| it.is_known() && Range::read(it.as_str()).is_some_and(is_private);
    let first = condition.values.iter().find(is_private)?;
    let operator = condition.operator.as_str();
    if condition.values.iter().all(|it| is_private(&it)) {
        let holds = if operator.contains("NotIpAddress") { "always holds" } else { "never holds" };
        let message = format!(
            "{} is a private address, and aws:SourceIp has public ones alone, so the condition {holds}; aws:VpcSourceIp has those of a VPC",
            shown(first.as_str())
        );
        return Some(Finding::new(Code::PrivateAddress, first.at, message));
    }
    let message = format!(
        "{} is a private address, and aws:SourceIp has public ones alone: it has no effect; aws:VpcSourceIp has those of a VPC",
        shown(first.as_str())
    );
    Some(Finding::new(Code::ValueDoubtful, first.at, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates_as_the_w3c_writes_them() {
        for right in [
            "2026",
            "2026-01",
            "2026-01-31",
            "2026-01-31T23:59Z",
            "2026-01-31T23:59:59Z",
            "2026-01-31T23:59:59.25+01:00",
            "2026-01-31T23:59:59-08:00",
        ] {
            assert!(is_date(right), "{right}");
        }
        for wrong in [
            "",
            "26",
            "2026-13",
            "2026-02-30",
            "2026-1-1",
            "2026-01-31T23:59",
            "2026-01-31T25:00Z",
            "2026-01-31 23:59Z",
            "31.01.2026",
            "tomorrow",
            "2026-01T10:00Z",
            "2026-01-31T10:00:00.Z",
        ] {
            assert!(!is_date(wrong), "{wrong}");
        }
    }

    #[test]
    fn reads_ranges_of_addresses() {
        for right in ["203.0.113.0/24", "203.0.113.7", "2001:db8::/32", "::/0", "0.0.0.0/0"] {
            assert!(Range::read(right).is_some(), "{right}");
        }
        for wrong in [
            "203.0.113.0/33",
            "203.0.113/24",
            "203.0.113.0-9",
            "",
            "*",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "203.0.113.*",
        ] {
            assert!(Range::read(wrong).is_none(), "{wrong}");
        }
        let network = |text: &str| Range::read(text).map(|it| it.network().to_string());
        assert_eq!(network("203.0.113.9/24").as_deref(), Some("203.0.113.0"));
        assert_eq!(network("203.0.113.9/0").as_deref(), Some("0.0.0.0"));
        assert_eq!(network("2001:db8:1::1/32").as_deref(), Some("2001:db8::"));
    }

    #[test]
    fn tells_private_addresses() {
        let is_private = |text: &str| Range::read(text).is_some_and(is_private);
        for private in ["10.1.2.3", "10.0.0.0/8", "172.31.0.0/16", "192.168.1.0/24", "fd00::/8"] {
            assert!(is_private(private), "{private}");
        }
        for public in ["0.0.0.0/0", "8.8.8.8", "172.32.0.0/16", "10.0.0.0/7", "2001:db8::/32"] {
            assert!(!is_private(public), "{public}");
        }
    }
}
