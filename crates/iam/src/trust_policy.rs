//! The trust policy of a role, to be evaluated: nothing in it is mended or guessed.

use super::finding::{Code, Finding, Severity};
use super::glob::is_glob;
use super::intrinsic::NAMELESS;
use super::json::{self, Mistake};
use super::kind::{PolicyKind, statements};
use super::lint::{max_session_durations, syntax_message, trust_policies};
use super::node::{Kind, Member, Node, inner_source};
use super::place::{Position, Source};
use super::policy::{Effect, Policy, Principal, Principals};
use super::reader;
use super::yaml;

/// Why a text is no policy that IAM would take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the policy at line {}, column {}: {message}", at.line, at.column)]
pub struct PolicyError {
    /// Where it can no longer be read.
    pub at: Position,
    /// What is wrong there.
    pub message: String,
}

impl Policy {
    /// Reads a trust policy: the document itself, or what `aws iam get-role`
    /// prints, in which it may be URL-encoded.
    ///
    /// # Errors
    /// What IAM would refuse: text that is not JSON, unknown members, ...
    pub fn trust_policy(text: &str) -> Result<Self, PolicyError> {
        Self::trust_policy_of_file("", text)
    }

    /// Reads the one trust policy of a file: as [`Policy::trust_policy`], or in whatever
    /// [`lint_file`](crate::lint_file) reads, such as Terraform's HCL. What is not in the file
    /// is unknown.
    ///
    /// # Errors
    /// As of [`Policy::trust_policy`]; none or several in the file.
    pub fn trust_policy_of_file(name: &str, text: &str) -> Result<Self, PolicyError> {
        let source = Source::new(text);
        let is_json = matches!(source.first(), None | Some('{' | '[' | '"'));
        let (node, mistakes) = json::read(&source);
        let is_policy = statements(&node).is_some()
            || node.get("Role").is_some()
            || node.get("AssumeRolePolicyDocument").is_some();
        if !is_policy && (!is_json || mistakes.is_empty()) {
            let found = trust_policies(name, &source);
            if let Some(policy) = the_one(&found)? {
                return strictly(&decided(policy));
            }
            if !is_json || is_something_else(&node) {
                let message =
                    "no trust policy found in the file; to see mistakes in it, use `iam lint`";
                return Err(PolicyError { at: Position::START, message: message.to_owned() });
            }
        }
        refuse_mistakes(&source, &mistakes)?;
        let document = [&["Role", "AssumeRolePolicyDocument"][..], &["AssumeRolePolicyDocument"]]
            .iter()
            .find_map(|path| node.find(path));
        let Some(document) = document else { return strictly(&node) };
        match document.text() {
            Some(inner) => {
                let source = inner_source(&source, document, inner);
                let (node, mistakes) = json::read(&source);
                refuse_mistakes(&source, &mistakes)?;
                strictly(&node)
            }
            None => strictly(document),
        }
    }
}

/// The `MaxSessionDuration` of the one role in a file, in seconds; nothing where the file does not
/// say it, or says it of several roles.
#[must_use]
pub fn max_session_duration(name: &str, text: &str) -> Option<u32> {
    let found = max_session_durations(name, &Source::new(text));
    let [one] = found.as_slice() else { return None };
    match &one.kind {
        Kind::Number(text) | Kind::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// The account of the role that `aws iam get-role` printed, with the partition: the only one whose
/// providers the role can trust. The command may print JSON or YAML, and with `--query Role` the
/// role alone.
#[must_use]
pub fn account_of_role(text: &str) -> Option<(String, String)> {
    let source = Source::new(text);
    let node = if source.first() == Some('{') {
        json::read(&source).0
    } else {
        // Several documents are of several roles.
        let [one] = <[Node; 1]>::try_from(yaml::read(&source).ok()?).ok()?;
        one
    };
    let role = node.get("Role").unwrap_or(&node);
    role.get("AssumeRolePolicyDocument")?;
    let arn = role.get("Arn")?.text()?;
    let mut parts = arn.split(':');
    let (Some("arn"), Some(partition), Some("iam"), Some(""), Some(account)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    is_account.then(|| (partition.to_owned(), account.to_owned()))
}

/// Whether an object has no member that a policy has, by whatever spelling: a template, say.
fn is_something_else(node: &Node) -> bool {
    let is_policys = |it: &Member| {
        let key = it.key.to_ascii_lowercase();
        key == "id" || key.starts_with("version") || key.starts_with("statement")
    };
    !node.members().is_empty() && !node.members().iter().any(is_policys)
}

/// Nothing where there is none.
fn the_one(found: &[Node]) -> Result<Option<&Node>, PolicyError> {
    if let [_, second, ..] = found {
        let mut lines: Vec<String> = found.iter().map(|it| it.at.line.to_string()).collect();
        lines.truncate(10);
        let message = format!(
            "the file has {} trust policies, in lines {}; write one of them to a file of its own",
            found.len(),
            lines.join(", ")
        );
        return Err(PolicyError { at: second.at, message });
    }
    Ok(found.first())
}

/// The same with what is one of several as what is not known.
fn decided(node: &Node) -> Node {
    let kind = match &node.kind {
        Kind::Either(_) => Kind::Unknown(NAMELESS.to_owned()),
        Kind::List(items) => Kind::List(items.iter().map(decided).collect()),
        Kind::Map(members) => {
            let member = |it: &Member| Member { value: decided(&it.value), ..it.clone() };
            Kind::Map(members.iter().map(member).collect())
        }
        other => other.clone(),
    };
    Node { kind, ..node.clone() }
}

fn refuse_mistakes(source: &Source, mistakes: &[Mistake]) -> Result<(), PolicyError> {
    mistakes.first().map_or(Ok(()), |mistake| {
        let at = source.at(mistake.span.start);
        if mistake.code == Code::NestedTooDeep {
            return Err(PolicyError { at, message: syntax_message(source, mistake) });
        }
        let found = source.text(mistake.span.clone());
        let shown = if found.is_empty() {
            String::new()
        } else {
            format!(" at {:?}", ::text::shortened(&found, 40))
        };
        let message =
            format!("not valid JSON ({}{shown}); `iam lint` lists all mistakes", mistake.code);
        Err(PolicyError { at, message })
    })
}

fn strictly(node: &Node) -> Result<Policy, PolicyError> {
    let (policy, findings) = reader::read_literally(node, PolicyKind::Trust);
    match findings.into_iter().find(|finding| finding.severity() == Severity::Error) {
        Some(Finding { at, message, .. }) => {
            Err(PolicyError { at, message: ::text::shortened(&message, 1000) })
        }
        None => refused(&policy).map_or(Ok(policy), Err),
    }
}

/// A wildcard in a name, which IAM takes in no principal, in a statement that denies: nobody
/// would be denied. In one that allows, it allows nobody.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-error-unsupported-wildcard-in-principal>
fn refused(policy: &Policy) -> Option<PolicyError> {
    let denying = policy.statements.iter().filter(|it| it.effect == Effect::Deny);
    let named = denying.filter_map(|it| match &it.principals {
        Some(Principals::Of(all)) => Some(all),
        _ => None,
    });
    let is_refused = |it: &&Principal| {
        let is_everybody = ["*", "AWS"].contains(&it.kind.as_str()) && it.name.value == "*";
        is_glob(&it.name.known()) && !is_everybody
    };
    let Principal { name, .. } = named.flatten().find(is_refused)?;
    let message = format!(
        "the principal {:?} has a wildcard: IAM rejects the policy, and only \"*\" alone or under AWS is everybody",
        ::text::shortened(&name.value, 120)
    );
    Some(PolicyError { at: name.at, message })
}
