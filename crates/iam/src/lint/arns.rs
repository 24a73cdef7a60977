//! ARNs, wherever they stand: partition, account, and what was left to fill in.

use crate::finding::{Code, Finding};
use crate::near::nearest;
use crate::partition::PARTITIONS;
use crate::place::Position;
use crate::policy::Text;
use arn::Account;

/// A text that begins as an ARN.
pub(super) fn check(text: &Text) -> Option<Finding> {
    check_arn(text.as_str(), text.at)
}

/// The ARNs of IAM and STS in other text, such as a role's in a command line.
pub(super) fn in_text(text: &str, at: Position) -> Vec<Finding> {
    let mut found = Vec::new();
    // Counted on from ARN to ARN: a line may be long and full of them.
    let (mut column, mut counted) = (at.column, 0);
    let has_lines = text.contains('\n');
    for (index, _) in text.match_indices("arn:") {
        column += text[counted..index].chars().count();
        counted = index;
        let begins = text[..index].chars().next_back().is_none_or(|c| !c.is_ascii_alphanumeric());
        let arn = &text[index..];
        let end = arn
            .find(|c: char| c.is_whitespace() || "\"'`,;)\u{201d}".contains(c))
            .unwrap_or(arn.len());
        let arn = &arn[..end];
        let service = arn.split(':').nth(2);
        if begins && matches!(service, Some("iam" | "sts")) {
            let at = if has_lines { at } else { Position { column, ..at } };
            found.extend(check_arn(arn, at));
        }
    }
    found
}

fn check_arn(arn: &str, at: Position) -> Option<Finding> {
    let mut parts = arn.splitn(6, ':');
    let mut next = || parts.next();
    if next()? != "arn" {
        return None;
    }
    // Text in ${} may hold colons; then the parts are not what they seem.
    let (partition, service, region, account) = if arn.contains("${") {
        let parts = split_outside_braces(arn);
        (*parts.get(1)?, *parts.get(2)?, *parts.get(3)?, *parts.get(4)?)
    } else {
        (next()?, next()?, next()?, next()?)
    };
    let is_open = |part: &str| part.is_empty() || part.contains(['*', '?', '$', '{', '[', '<']);
    if !is_open(partition) && !PARTITIONS.contains(&partition) {
        let hint = nearest(partition, &PARTITIONS);
        let message = format!("{partition:?} is not an AWS partition ({})", PARTITIONS.join(", "));
        let finding = Finding::new(Code::Partition, at, message);
        return Some(match hint {
            Some(meant) => finding.fixed(arn.replacen(partition, meant, 1)),
            None => finding,
        });
    }
    let wanted = Account::partition_of_region(region);
    if !is_open(region) && region.contains('-') && !is_open(partition) && partition != wanted {
        let message = format!(
            "the region {region} is in the partition {wanted}, but the ARN says {partition}: no such resource exists"
        );
        let fix = arn.replacen(partition, wanted, 1);
        return Some(Finding::new(Code::Partition, at, message).fixed(fix));
    }
    let is_digits = account.chars().all(|c| c.is_ascii_digit());
    if is_open(account) || (is_digits && account.len() == 12) {
        return None;
    }
    if is_digits {
        let message =
            format!("the account ID {account} has {} digits; account IDs have 12", account.len());
        return Some(Finding::new(Code::AccountId, at, message));
    }
    // Managed policies and origin access identities have such owners.
    if matches!(account, "aws" | "cloudfront" | "aws-managed") || !matches!(service, "iam" | "sts")
    {
        return None;
    }
    if is_placeholder_word(account) {
        return Some(unfilled(account, at));
    }
    let message = format!("the account ID {account:?} is not 12 digits");
    Some(Finding::new(Code::AccountId, at, message))
}

fn split_outside_braces(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ':' && depth == 0
    })
    .collect()
}

/// Text that somebody was to fill in: `[ACCOUNT_ID]`, `<account>`, `$account_id`, `YOUR_BUCKET`.
pub(super) fn placeholder(text: &Text) -> Option<Finding> {
    let value = text.as_str();
    if let Some(found) = bracketed(value, '[', ']').or_else(|| bracketed(value, '<', '>')) {
        return Some(unfilled(found, text.at));
    }
    if let Some((_, after)) = value.split_once("{{")
        && after.contains("}}")
    {
        return Some(unfilled("{{...}}", text.at));
    }
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('$') {
        // A policy variable has a colon: ${aws:username}. A shell's has none.
        let name = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}').map(|(name, _)| name),
            None => after.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next(),
        };
        let is_name = |name: &&str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if let Some(name) = name.filter(is_name) {
            return Some(unfilled(&format!("${name}"), text.at));
        }
        rest = after;
    }
    let words = value.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c));
    words.into_iter().find(|word| is_placeholder_word(word)).map(|word| unfilled(word, text.at))
}

fn is_placeholder_word(word: &str) -> bool {
    let upper = word.to_ascii_uppercase().replace('-', "_");
    let is_shouted = word == word.to_ascii_uppercase();
    is_shouted
        && (upper.starts_with("YOUR_")
            || ["ACCOUNT_ID", "AWS_ACCOUNT_ID", "ACCOUNTID", "AWS_ACCOUNT"]
                .contains(&upper.as_str())
            || (word.len() > 3 && word.chars().all(|c| c == 'X')))
}

fn bracketed(text: &str, open: char, close: char) -> Option<&str> {
    let start = text.find(open)?;
    let end = start + text[start..].find(close)?;
    let inside = &text[start + 1..end];
    let is_name = !inside.is_empty()
        && inside.chars().all(|c| c.is_ascii_alphanumeric() || "_- ".contains(c));
    is_name.then(|| &text[start..=end])
}

fn unfilled(found: &str, at: Position) -> Finding {
    let message = format!("{found} is a placeholder that is not filled in: AWS takes it literally");
    Finding::new(Code::Placeholder, at, message)
}
