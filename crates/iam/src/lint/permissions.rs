//! Permission policies: S3's two kinds of resources, which are mixed up the most.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>

use std::borrow::Cow;
use std::collections::HashSet;

use super::shown;
use crate::finding::{Code, Finding};
use crate::glob::Pattern;
use crate::policy::{Effect, Statement, Text, UNKNOWN};
use crate::write::{list, member, text as quoted};

/// What an S3 resource names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    Bucket,
    Objects,
    /// A wildcard that covers both, or an ARN that is not known here.
    Either,
}

pub(super) fn findings(statement: &Statement) -> Vec<Finding> {
    let mut found = Vec::new();
    let resources: Vec<(&Text, Names)> =
        statement.resources.iter().filter_map(|text| Some((text, names(text)?))).collect();
    let Some((first, _)) = resources.first() else { return found };
    let covers =
        |wanted| resources.iter().any(|(_, names)| *names == wanted || *names == Names::Either);
    let of = |wanted| {
        let is_wanted = |action: &&Text| acts_on(action.as_str()) == Some(wanted);
        statement.actions.iter().filter(is_wanted).map(Text::as_str).collect::<Vec<_>>()
    };
    // `s3:*`, `s3:Get*`: what they say of objects is lost, the rest is not.
    let all = statement.actions.iter().find(|action| {
        statement.effect == Effect::Allow
            && acts_on(action.as_str()).is_none()
            && covers_objects(action.as_str())
    });
    let (mut on_objects, on_bucket) = (of(Names::Objects), of(Names::Bucket));
    on_objects.extend(all.map(Text::as_str));
    if !on_objects.is_empty() && !covers(Names::Objects) {
        let needs_bucket = !on_bucket.is_empty() || all.is_some();
        let message = format!(
            "{} applies to objects, but {} is a bucket: this allows nothing on its objects, which are BUCKET/*",
            on_objects.join(", "),
            first.value
        );
        let fix = fixed(&resources, needs_bucket, |arn| format!("{arn}/*"));
        found.push(Finding::new(Code::ObjectActionOnBucket, first.at, message).fixed(fix));
    }
    if !on_bucket.is_empty() && !covers(Names::Bucket) {
        let message = format!(
            "{} applies to a bucket, but {} names objects: this allows nothing on the bucket, whose ARN has no slash",
            on_bucket.join(", "),
            first.value
        );
        let fix = fixed(&resources, !on_objects.is_empty(), |arn| bucket_of(arn).to_owned());
        found.push(Finding::new(Code::BucketActionOnObjects, first.at, message).fixed(fix));
    }
    found
}

/// Resources that IAM refuses.
pub(super) fn no_arns(statement: &Statement) -> Vec<Finding> {
    let mut found = Vec::new();
    for resource in statement.resources.iter().chain(&statement.not_resources) {
        let text = resource.as_str();
        if !resource.is_known() || text == "*" || text.starts_with("arn:") || text.starts_with('$')
        {
            continue;
        }
        let message =
            format!("{} is neither an ARN nor \"*\": IAM rejects the policy", shown(text));
        let finding = Finding::new(Code::ResourceArn, resource.at, message);
        let meant =
            text.trim().strip_prefix("s3://").map(|bucket| format!("arn:aws:s3:::{bucket}"));
        let meant = meant.or_else(|| text.trim().starts_with("arn:").then(|| text.trim().into()));
        found.push(match meant {
            Some(meant) => finding.fixed(quoted(&meant)),
            None => finding,
        });
    }
    found
}

/// The resources that it takes, with those that are there or in their place.
fn fixed(resources: &[(&Text, Names)], keep: bool, mend: impl Fn(&str) -> String) -> String {
    let mut arns: Vec<String> = Vec::new();
    let mut there = HashSet::new();
    for (text, _) in resources {
        let mended = mend(text.as_str());
        for arn in keep.then(|| text.value.clone()).into_iter().chain([mended]) {
            if there.insert(arn.clone()) {
                arns.push(arn);
            }
        }
    }
    let arns: Vec<&str> = arns.iter().map(String::as_str).collect();
    member("Resource", &list(&arns))
}

fn bucket_of(arn: &str) -> &str {
    arn.split_once('/').map_or(arn, |(bucket, _)| bucket)
}

/// Nothing where it is none of S3's.
fn names(resource: &Text) -> Option<Names> {
    let known = resource.known();
    let text = without_variables(&known);
    if text == "*" || text.starts_with(UNKNOWN) {
        return Some(Names::Either);
    }
    let (_, name) = text.split_once(":s3:::").filter(|(_, name)| !name.is_empty())?;
    Some(if name.contains('/') {
        // Wildcards before the slash may stand for anything.
        Names::Objects
    } else if name.ends_with('*') || name.contains(UNKNOWN) {
        Names::Either
    } else {
        Names::Bucket
    })
}

/// With an unknown part for each policy variable: a bucket's name may be in a tag.
fn without_variables(text: &str) -> Cow<'_, str> {
    let mut parts = text.split("${");
    let Some(first) = parts.next().filter(|first| first.len() < text.len()) else {
        return Cow::Borrowed(text);
    };
    let mut filled = first.to_owned();
    for part in parts {
        filled.push(UNKNOWN);
        filled.push_str(part.split_once('}').map_or("", |(_, behind)| behind));
    }
    Cow::Owned(filled)
}

fn covers_objects(action: &str) -> bool {
    let lower = action.to_ascii_lowercase();
    let pattern = Pattern::new(&lower);
    lower.starts_with("s3:")
        && ["s3:getobject", "s3:putobject", "s3:deleteobject"].iter().any(|it| pattern.matches(it))
}

/// What an action needs; nothing where it is not S3's, needs both or is unknown.
fn acts_on(action: &str) -> Option<Names> {
    const ON_OBJECTS: [&str; 7] = [
        "getobject",
        "putobject",
        "deleteobject",
        "restoreobject",
        "abortmultipartupload",
        "listmultipartuploadparts",
        "bypassgovernanceretention",
    ];
    const ON_BUCKETS: [&str; 9] = [
        "listbucket",
        "getbucket",
        "putbucket",
        "deletebucket",
        "createbucket",
        "getlifecycleconfiguration",
        "putlifecycleconfiguration",
        "getencryptionconfiguration",
        "putencryptionconfiguration",
    ];
    let lower = action.to_ascii_lowercase();
    let name = lower.strip_prefix("s3:")?;
    let begins = |prefix: &&str| name.starts_with(*prefix);
    if ON_OBJECTS.iter().any(&begins) {
        Some(Names::Objects)
    } else if ON_BUCKETS.iter().any(begins) {
        Some(Names::Bucket)
    } else {
        None
    }
}
