//! Addresses and ranges of addresses in conditions.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_IPAddress>

use super::shown;
use crate::condition::Operator;
use crate::condition::typed::Network;
use crate::finding::{Code, Finding};
use crate::policy::{Condition, Text};
use crate::write::text as quoted;

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

fn is_private(range: Network) -> bool {
    PRIVATE.iter().filter_map(|it| Network::read(it)).any(|private| range.is_in(private))
}

pub(super) fn bits_behind_the_mask(value: &Text) -> Option<Finding> {
    let range = Network::read(value.as_str()).filter(|it| it.has_ignored_bits())?;
    let mended = range.written();
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
    let is_private =
        |it: &&Text| it.is_known() && Network::read(it.as_str()).is_some_and(is_private);
    let first = condition.values.iter().find(is_private)?;
    let operator = Operator::parse(condition.operator.as_str()).ok()?;
    if condition.values.iter().all(|it| is_private(&it)) {
        let (code, holds) = match operator {
            it if it.is_negated() => (Code::PrivateAddress, "always holds"),
            it if it.holds_without_key() => {
                (Code::ValueDoubtful, "holds only for requests without it")
            }
            _ => (Code::PrivateAddress, "never holds"),
        };
        let message = format!(
            "{} is a private address, and aws:SourceIp has public ones alone, so the condition {holds}; aws:VpcSourceIp has those of a VPC",
            shown(first.as_str())
        );
        return Some(Finding::new(code, first.at, message));
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
    fn tells_private_addresses() {
        let is_private = |text: &str| Network::read(text).is_some_and(is_private);
        for private in ["10.1.2.3", "10.0.0.0/8", "172.31.0.0/16", "192.168.1.0/24", "fd00::/8"] {
            assert!(is_private(private), "{private}");
        }
        for public in ["0.0.0.0/0", "8.8.8.8", "172.32.0.0/16", "10.0.0.0/7", "2001:db8::/32"] {
            assert!(!is_private(public), "{public}");
        }
    }
}
