//! Modules of terraform-aws-modules/iam, which build a trust policy from their inputs.
//! <https://registry.terraform.io/modules/terraform-aws-modules/iam/aws/latest>

use super::issuers::Issuer;
use super::{subject, trust, wide};
use crate::audience;
use crate::finding::{Code, Finding};
use crate::glob::is_glob;
use crate::node::{Kind, Node};
use crate::partition::AUDIENCE;
use crate::place::Position;
use crate::placeholder;
use crate::policy::Text;
use crate::provider::name_of_issuer;
use crate::write::text as quoted;

/// The inputs that hold whole subjects, and whether wildcards in them are wildcards.
const SUBJECTS: [(&str, bool); 4] = [
    ("oidc_fully_qualified_subjects", false),
    ("oidc_subjects_with_wildcards", true),
    ("oidc_subjects", false),
    ("oidc_wildcard_subjects", true),
];
/// The inputs that hold audiences.
const AUDIENCES: [&str; 2] = ["oidc_fully_qualified_audiences", "oidc_audiences"];
/// The inputs that name the operator of both conditions: of versions 5 and 6.
const TESTS: [&str; 2] = ["assume_role_condition_test", "trust_condition_test"];

/// Whether a block `module` is one of them.
pub(super) fn is_known(module: &Node) -> bool {
    source(module).is_some_and(|source| source.contains("terraform-aws-modules/"))
}

/// Whether it makes a role for tokens.
pub(super) fn is_for_tokens(module: &Node) -> bool {
    let mut inputs = SUBJECTS.iter().map(|(input, _)| *input).chain(["oidc_providers"]);
    inputs.any(|input| module.get(input).is_some())
}

/// The `inputs` of Terragrunt, for the module that its block `terraform` names, if it does.
pub(super) fn of_terragrunt(root: &Node) -> Option<Node> {
    let mut module = root.get("inputs").filter(|inputs| inputs.is_map())?.clone();
    let source = root.get("terraform").and_then(|block| {
        block.each().into_iter().find_map(|it| it.members().iter().find(|it| it.key == "source"))
    });
    if let (Kind::Map(members), Some(source)) = (&mut module.kind, source) {
        members.retain(|member| member.key != "source");
        members.push(source.clone());
    }
    Some(module)
}

fn source(module: &Node) -> Option<&str> {
    module.get("source").and_then(Node::text)
}

pub(super) fn findings(module: &Node) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(providers) = module.get("oidc_providers") {
        for provider in providers.members() {
            found.extend(of_provider(module, &provider.value));
        }
    }
    let is_github = module.get("enable_github_oidc").is_some();
    let of_pods = may_be_of_pods(module);
    for (input, wildcards) in SUBJECTS {
        for node in module.get(input).map(Node::each).unwrap_or_default() {
            let Some(text) = text(node).filter(|_| !is_github) else { continue };
            if is_glob(&text.known()) && !wildcards {
                let other = SUBJECTS.iter().find(|(name, takes)| {
                    *takes && name.starts_with("oidc_subjects") != (input == "oidc_subjects")
                });
                let other = other.map_or("oidc_wildcard_subjects", |(name, _)| *name);
                let message = format!(
                    "{input} compares * and ? literally, so no token matches; wildcards need {other}"
                );
                let fix = format!("{other} = [{}]", quoted(&text.value));
                found.push(Finding::new(Code::WildcardNotExpanded, text.at, message).fixed(fix));
            }
            if wildcards && let Some(finding) = wide::of_pattern(&text) {
                found.push(finding);
            } else if of_pods && let Some((space, name)) = namespace_and_name(&text) {
                let fix = quoted(&format!("{}{space}:{name}", subject::SUBJECT));
                found.push(malformed(&text, "system:serviceaccount:NAMESPACE:NAME", Some(fix)));
            } else if text.is_known() && !text.value.contains(':') {
                found.push(malformed(&text, "system:serviceaccount:NAMESPACE:NAME", None));
            } else {
                found.extend(subject::malformed(&text));
            }
        }
    }
    let audiences = AUDIENCES.iter().filter_map(|input| module.get(input)).flat_map(Node::each);
    for text in audiences.filter_map(text).filter(Text::is_known) {
        if let Some((code, message)) = audience::slip(text.as_str()) {
            found.push(Finding::new(code, text.at, message).fixed(quoted(AUDIENCE)));
        }
    }
    found
}

/// Whether the providers that a module names may be those of clusters.
fn may_be_of_pods(module: &Node) -> bool {
    let named = ["provider_url", "provider_urls", "oidc_provider_urls"];
    let urls = named.iter().filter_map(|input| module.get(input)).flat_map(Node::each);
    let issuer = |url: &Node| match &url.kind {
        Kind::Text(text) => Issuer::of(name_of_issuer(text)),
        Kind::Open(text, _) | Kind::Unknown(text) => Issuer::of_variable(text),
        _ => Issuer::of_variable(""),
    };
    urls.map(issuer).all(Issuer::may_be_cluster)
}

/// `demo:app`, as other modules want it: no provider has such subjects.
fn namespace_and_name(text: &Text) -> Option<(&str, &str)> {
    let (space, name) = text.as_str().split_once(':').filter(|_| text.is_known())?;
    let is_label = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    // How subjects of other providers begin.
    let is_other = ["repo", "repository", "org", "organization", "project", "pipeline", "user"]
        .contains(&space);
    (is_label(space) && is_label(name) && !is_other).then_some((space, name))
}

/// An item of `oidc_providers`.
fn of_provider(module: &Node, provider: &Node) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(arn) = provider.get("provider_arn").and_then(text) {
        found.extend(trust::federated(&arn));
    }
    let operator = TESTS.iter().find_map(|name| module.get(name));
    // Another operator, or one that is not known.
    let is_literal = operator.is_none_or(|operator| operator.text() == Some("StringEquals"));
    let accounts = provider.get("namespace_service_accounts");
    for node in accounts.map(Node::each).unwrap_or_default() {
        let Some(text) = text(node) else { continue };
        let known = text.known();
        if is_glob(&known) && is_literal {
            let name = TESTS[usize::from(!is_version_5(module))];
            let message = format!(
                "the module compares * and ? literally, so no token matches; wildcards need {name} = \"StringLike\""
            );
            let fix = format!("{name} = \"StringLike\"");
            found.push(Finding::new(Code::WildcardNotExpanded, text.at, message).fixed(fix));
        }
        let is_like = operator.is_some_and(|it| it.text() == Some("StringLike"));
        let whole = Text { value: format!("{}{}", subject::SUBJECT, text.value), ..text.clone() };
        if is_like
            && text.is_known()
            && let Some(finding) = wide::of_pattern(&whole)
        {
            let fix = finding.fix.as_ref().map(|it| it.replacen(subject::SUBJECT, "", 1));
            found.push(Finding { fix, ..finding });
            continue;
        }
        let is_name = |part: &str| !part.is_empty() && !part.contains(['/', ' ', ':']);
        let is_right =
            known.split_once(':').is_some_and(|(space, name)| is_name(space) && is_name(name));
        if text.is_known() && !is_right {
            let bare = known.strip_prefix("system:serviceaccount:").unwrap_or(&known);
            let meant = bare.trim().replacen('/', ":", 1);
            let meant =
                meant.split_once(':').filter(|(space, name)| is_name(space) && is_name(name));
            let fix = meant.map(|(space, name)| quoted(&format!("{space}:{name}")));
            found.push(malformed(&text, "NAMESPACE:NAME", fix));
        }
    }
    found
}

/// Version 5 has another name for the module too.
fn is_version_5(module: &Node) -> bool {
    let is_named = |source: &str| source.split('?').next().is_some_and(|it| it.ends_with("-eks"));
    source(module).is_some_and(is_named)
        || module.get("version").and_then(Node::text).is_some_and(|version| {
            version.trim_start_matches(['~', '>', '=', ' ', 'v']).starts_with('5')
        })
}

fn malformed(text: &Text, wanted: &str, fix: Option<String>) -> Finding {
    let message =
        format!("{:?} is not {wanted}, which the module makes the subject of", text.value);
    let finding = Finding::new(Code::SubjectMalformed, text.at, message);
    match fix {
        Some(fix) => finding.fixed(fix),
        None => finding,
    }
}

/// Text, with what is not known of it.
fn text(node: &Node) -> Option<Text> {
    let new = |value: &str, at: Position, unknown| Text { value: value.to_owned(), at, unknown };
    match &node.kind {
        Kind::Text(text) => Some(new(text, node.at, placeholder::parts(text))),
        Kind::Open(text, unknown) => Some(new(text, node.at, unknown.clone())),
        _ => None,
    }
}
