//! Addresses and ranges of addresses in conditions.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_IPAddress>

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::shown;
use crate::finding::{Code, Finding};
use crate::policy::{Condition, Text};
use crate::write::text as quoted;

/// An address, or the addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    address: IpAddr,
    bits: u32,
}

impl Range {
    pub(super) fn read(text: &str) -> Option<Self> {
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

pub(super) fn bits_behind_the_mask(value: &Text) -> Option<Finding> {
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
pub(super) fn private(condition: &Condition) -> Option<Finding> {
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
