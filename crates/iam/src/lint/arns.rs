//! ARNs, wherever they stand: partition, account, and what was left to fill in.

use super::shown;
use crate::finding::{Code, Finding};
use crate::near::nearest;
use crate::partition::PARTITIONS;
use crate::place::Position;
use crate::placeholder;
use crate::policy::{Text, UNKNOWN};
use crate::write::text as quoted;
use arn::Account;

/// Of a longer one in other text, the rest is not looked at: each search has to end.
const LONGEST: usize = 2048;

/// A text that begins as an ARN.
pub(super) fn check(text: &Text) -> Option<Finding> {
    let mut finding = check_arn(text)?;
    finding.fix = finding.fix.map(|arn| quoted(&arn));
    Some(finding)
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
        let arn = &text[index..text.floor_char_boundary(index + LONGEST)];
        let end = arn
            .find(|c: char| c.is_whitespace() || "\"'`,;)\u{201d}".contains(c))
            .unwrap_or(arn.len());
        let arn = &arn[..end];
        let service = arn.split(':').nth(2);
        if begins && matches!(service, Some("iam" | "sts")) {
            let at = if has_lines { at } else { Position { column, ..at } };
            let unknown = placeholder::parts(arn);
            found.extend(check_arn(&Text { value: arn.to_owned(), at, unknown }));
        }
    }
    found
}

fn check_arn(text: &Text) -> Option<Finding> {
    let (known, at) = (text.known(), text.at);
    let mut parts = known.splitn(6, ':');
    let mut next = || parts.next();
    if next()? != "arn" {
        return None;
    }
    let (partition, service, region, account) = (next()?, next()?, next()?, next()?);
    let is_open =
        |part: &str| part.is_empty() || part.contains(['*', '?', '$', '{', '[', '<', UNKNOWN]);
    let arn = text.as_str();
    // MinIO has ARNs of its own.
    if partition == "minio" {
        return None;
    }
    if !is_open(partition) && !PARTITIONS.contains(&partition) {
        let hint = nearest(partition, &PARTITIONS);
        let message =
            format!("{} is not an AWS partition ({})", shown(partition), PARTITIONS.join(", "));
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
    if matches!(account, "aws" | "cloudfront" | "aws-managed" | "partner")
        || !matches!(service, "iam" | "sts")
    {
        return None;
    }
    if placeholder::is_placeholder_word(account) || placeholder::is_shouted_name(account) {
        return Some(placeholder::unfilled(account, at));
    }
    let message = format!("the account ID {} is not 12 digits", shown(account));
    Some(Finding::new(Code::AccountId, at, message))
}
