//! A `ServiceAccount`'s annotations: keys that nearly are the webhook's.

use super::arns;
use crate::finding::{Code, Finding};
use crate::near::nearest;
use crate::node::{Kind, Node};
use crate::place::Position;
use arn::RoleArn;

const DOMAIN: &str = "eks.amazonaws.com";
const NAMES: [&str; 6] = [
    "role-arn",
    "audience",
    "sts-regional-endpoints",
    "token-expiration",
    "region",
    "role-session-name",
];

pub(super) fn is_service_account(node: &Node) -> bool {
    node.get("kind").and_then(Node::text) == Some("ServiceAccount")
}

pub(super) fn findings(node: &Node) -> Vec<Finding> {
    let annotations =
        node.find(&["metadata", "annotations"]).map(Node::members).unwrap_or_default();
    let mut found = Vec::new();
    for member in annotations {
        found.extend(annotation(&member.key, member.key_at));
        if member.key.ends_with("/role-arn") {
            found.extend(role_arn(&member.value));
        }
    }
    found
}

/// A key that was meant to be one of the webhook's.
pub(super) fn annotation(key: &str, at: Position) -> Option<Finding> {
    let (domain, name) = key.split_once('/').unwrap_or((DOMAIN, key));
    let letters = |text: &str| {
        let letters = text.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|c| c.to_ascii_lowercase()).collect::<String>()
    };
    let meant = NAMES.iter().find(|wanted| letters(wanted) == letters(name));
    let meant = meant.copied().or_else(|| nearest(name, &NAMES))?;
    // Others have annotations of these names, under domains of their own.
    let is_near = domain == DOMAIN
        || nearest(domain, &[DOMAIN]).is_some()
        || [
            "eks.amazon.com",
            "eks.aws.com",
            "amazonaws.com",
            "eks.amazonaws.com.cn",
            "eks.aws.amazon.com",
            "iam.amazonaws.com",
        ]
        .contains(&domain);
    let wanted = format!("{DOMAIN}/{meant}");
    if key == wanted || !is_near || (!key.contains('/') && meant != "role-arn") {
        return None;
    }
    let message = format!("the webhook ignores the annotation {key:?}; did you mean {wanted}?");
    Some(Finding::new(Code::AnnotationKey, at, message).fixed(wanted))
}

fn role_arn(value: &Node) -> Vec<Finding> {
    let Kind::Text(text) = &value.kind else { return Vec::new() };
    let found = arns::in_text(text, value.at);
    let is_open = text.contains(['$', '[', '<', '{']);
    let odd = RoleArn::read(text, None).is_some_and(|arn| !arn.looks_like_iam());
    if odd && found.is_empty() && !is_open {
        let message =
            format!("{text:?} is not the ARN of a role (arn:PARTITION:iam::ACCOUNT:role/NAME)");
        return vec![Finding::new(Code::RoleArn, value.at, message)];
    }
    // The walk tells what is wrong with the ARN itself.
    Vec::new()
}
