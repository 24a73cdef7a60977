//! From a document's nodes to a [`Policy`], naming what IAM would refuse.

use std::ops::Range;

use super::condition::Operator;
use super::finding::{Code, Finding, Severity};
use super::intrinsic::NAMELESS;
use super::json::{self, Mistake};
use super::lint::trust_policies;
use super::near::nearest;
use super::node::{Kind, Member, Node, all_of};
use super::place::{Position, Source};
use super::placeholder;
use super::policy::{Condition, Effect, Policy, Principal, Principals, Statement, Text};
use super::write::{member, object, text as quoted};

/// What a policy is attached to; it decides which members it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PolicyKind {
    /// A role's trust policy
    Trust,
    /// What a role or user may do
    Permissions,
    /// A bucket's, a queue's
    Resource,
}

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

/// The document inside a text value, URL-encoded or not. What is not known of the text
/// stands in it as a hole.
pub(super) fn inner_source(source: &Source, node: &Node, text: &str) -> Source {
    let inner = source.embedded(node.span.clone(), text);
    if let Kind::Open(text, unknown) = &node.kind {
        // Counted on from part to part: a text may be long and full of them.
        let mut counted = (0, 0);
        let mut count = |bytes: usize| {
            counted = (bytes, counted.1 + chars_between(text, counted.0, bytes));
            counted.1
        };
        let parts: Vec<Range<usize>> =
            unknown.iter().map(|part| count(part.start)..count(part.end)).collect();
        return inner.with_holes(&parts).unwrap_or(inner);
    }
    if text.trim_start().starts_with("%7B") || text.trim_start().starts_with("%7b") {
        inner.percent_decoded()
    } else {
        inner
    }
}

fn chars_between(text: &str, start: usize, end: usize) -> usize {
    text.get(start..end).map_or(0, |between| between.chars().count())
}

fn refuse_mistakes(source: &Source, mistakes: &[Mistake]) -> Result<(), PolicyError> {
    mistakes.first().map_or(Ok(()), |mistake| {
        let at = source.at(mistake.span.start);
        let found = source.text(mistake.span.clone());
        let shown = if found.is_empty() { String::new() } else { format!(" at {found:?}") };
        let message =
            format!("not valid JSON ({}{shown}); `iam lint` lists all mistakes", mistake.code);
        Err(PolicyError { at, message })
    })
}

fn strictly(node: &Node) -> Result<Policy, PolicyError> {
    let (policy, findings) = Reader::new(PolicyKind::Trust, false).read(node);
    // What NotPrincipal would mean is documented, whatever IAM thinks of it there.
    let fatal = |f: &Finding| f.severity() == Severity::Error && f.code != Code::NotPrincipal;
    match findings.into_iter().find(fatal) {
        Some(Finding { at, message, .. }) => Err(PolicyError { at, message }),
        None => Ok(policy),
    }
}

/// The statements of what is a policy or was meant to be one: `Statements`,
/// `statement`, which IAM refuses, hide nothing of what is in them.
pub(super) fn statements(node: &Node) -> Option<&Node> {
    if let Some(statements) = node.get("Statement") {
        return Some(statements);
    }
    let is_statement = |node: &Node| {
        let has =
            |name| node.members().iter().any(|member| nearest(&member.key, &[name]).is_some());
        // Modules of Terraform have inputs like these, in lower case.
        let is_other = node.get("actions").is_some() || node.get("resources").is_some();
        has("Effect") && (has("Action") || has("NotAction")) && !is_other
    };
    // Other formats have `statements` of their own, without a version.
    let has_version =
        node.members().iter().any(|member| nearest(&member.key, &["Version"]).is_some());
    let meant = node.members().iter().find(|member| {
        (has_version || member.key.starts_with(char::is_uppercase))
            && nearest(&member.key, &["Statement"]).is_some()
            && member.value.each().into_iter().any(is_statement)
    });
    meant.map(|member| &member.value)
}

/// Which kind it looks like.
pub(super) fn guess_kind(node: &Node) -> PolicyKind {
    let statements = || statements(node).map(Node::each).unwrap_or_default().into_iter();
    let has_principal =
        statements().any(|s| s.get("Principal").is_some() || s.get("NotPrincipal").is_some());
    let has_resource =
        statements().any(|s| s.get("Resource").is_some() || s.get("NotResource").is_some());
    // A resource control policy denies everybody something, everywhere.
    let denies_all = |s: &Node| {
        let principal = s.get("Principal");
        let names = principal.map(|p| p.get("AWS").unwrap_or(p)).map(Node::each);
        let is_everybody = names.is_some_and(|all| all.iter().any(|it| it.text() == Some("*")));
        is_everybody
            && s.get("Effect").and_then(Node::text) == Some("Deny")
            && (s.get("Resource").is_some() || s.get("NotResource").is_some())
    };
    if statements().next().is_some() && statements().all(denies_all) {
        return PolicyKind::Resource;
    }
    let assumes = statements().any(|s| {
        let actions = s.get("Action").map(Node::each).unwrap_or_default();
        actions
            .into_iter()
            .filter_map(Node::text)
            .any(|a| a.to_ascii_lowercase().starts_with("sts:assumerole"))
    });
    match (has_principal, has_resource, assumes) {
        (true, _, true) | (true, false, false) | (false, false, true) => PolicyKind::Trust,
        (true, true, false) => PolicyKind::Resource,
        (false, _, _) => PolicyKind::Permissions,
    }
}

/// Which kind it looks like, where what it is attached to is no role or not known: a policy with
/// principals and resources may be of an endpoint of STS.
pub(super) fn guess_kind_of_any(node: &Node) -> PolicyKind {
    let has = |one: &str, other: &str| {
        let statements = statements(node).map(Node::each).unwrap_or_default();
        statements.iter().any(|it| it.get(one).is_some() || it.get(other).is_some())
    };
    let is_resource = has("Principal", "NotPrincipal") && has("Resource", "NotResource");
    if is_resource { PolicyKind::Resource } else { guess_kind(node) }
}

/// Reads what can be read. What somebody still has to fill in is told, and unknown.
pub(super) fn read(node: &Node, kind: PolicyKind) -> (Policy, Vec<Finding>) {
    Reader::new(kind, true).read(node)
}

struct Reader {
    kind: PolicyKind,
    /// Whether `<ACCOUNT>` and its like are to be filled in, rather than text as any.
    placeholders: bool,
    findings: Vec<Finding>,
}

const TOP_MEMBERS: [&str; 3] = ["Version", "Id", "Statement"];
const MEMBERS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];
const PRINCIPAL_KINDS: [&str; 4] = ["AWS", "Federated", "Service", "CanonicalUser"];

impl Reader {
    fn new(kind: PolicyKind, placeholders: bool) -> Self {
        Self { kind, placeholders, findings: Vec::new() }
    }

    fn read(mut self, node: &Node) -> (Policy, Vec<Finding>) {
        let policy = self.policy(node);
        (policy, self.findings)
    }

    fn report(&mut self, code: Code, at: Position, message: impl Into<String>) -> &mut Finding {
        self.findings.push(Finding::new(code, at, message));
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    fn policy(&mut self, node: &Node) -> Policy {
        let mut policy = Policy { version: None, statements: Vec::new() };
        if !node.is_map() {
            let message = format!(
                "a policy must be an object with Version and Statement, not {}",
                node.kind_name()
            );
            self.report(Code::WrongType, node.at, message);
            return policy;
        }
        self.known_members(node, &TOP_MEMBERS, "a policy");
        policy.version = node.get("Version").and_then(|version| self.text(version, "Version"));
        self.version(node, policy.version.as_ref());
        match statements(node) {
            None if node.may_have_more() => {}
            None => {
                self.report(
                    Code::MemberMissing,
                    node.at,
                    "the policy has no Statement: IAM rejects it",
                );
            }
            Some(statements) if statements.each().is_empty() && !statements.is_unknown() => {
                self.report(
                    Code::MemberMissing,
                    statements.at,
                    "Statement is empty: IAM rejects the policy",
                );
            }
            Some(statements) => {
                for statement in statements.each() {
                    if let Some(statement) = self.statement(statement) {
                        policy.statements.push(statement);
                    }
                }
            }
        }
        self.sids(&policy.statements);
        policy
    }

    fn version(&mut self, node: &Node, version: Option<&Text>) {
        const NOW: &str = "\"Version\": \"2012-10-17\"";
        let Some(version) = version else {
            if node.get("Version").is_none() && !node.may_have_more() {
                self.report(
                    Code::VersionMissing,
                    node.at,
                    "the policy has no Version, which means 2008-10-17: ${...} is then plain text",
                )
                .fix = Some(NOW.into());
            }
            return;
        };
        match version.value.as_str() {
            "2012-10-17" => {}
            "2008-10-17" => {
                self.report(
                    Code::VersionOld,
                    version.at,
                    "Version 2008-10-17 is the old policy language, in which ${...} is plain text",
                )
                .fix = Some(NOW.into());
            }
            _ if !version.is_known() => {}
            other => {
                let message = format!(
                    "Version {other:?} does not exist: it names the policy language (2012-10-17 or 2008-10-17), not the date of your policy"
                );
                self.report(Code::VersionUnknown, version.at, message).fix = Some(NOW.into());
            }
        }
    }

    fn sids(&mut self, statements: &[Statement]) {
        let sids: Vec<&Text> = statements.iter().filter_map(|s| s.sid.as_ref()).collect();
        for (index, sid) in sids.iter().enumerate() {
            if !sid.value.is_empty()
                && sid.is_known()
                && sids[..index].iter().any(|other| other.value == sid.value)
            {
                let message = format!(
                    "the Sid {:?} occurs twice; it must be unique in the policy",
                    sid.value
                );
                self.report(Code::BadSid, sid.at, message);
            }
            // Resource policies of some services take more.
            let bad = |c: char| !c.is_ascii_alphanumeric();
            if self.kind != PolicyKind::Resource && sid.is_known() && sid.value.contains(bad) {
                let message =
                    format!("the Sid {:?} may contain only ASCII letters and digits", sid.value);
                let fix = member("Sid", &quoted(&sid.value.replace(bad, "")));
                self.report(Code::BadSid, sid.at, message).fix = Some(fix);
            }
        }
    }

    fn known_members(&mut self, node: &Node, known: &[&str], of: &str) {
        for member @ Member { key, key_at, key_unknown, .. } in node.members() {
            if known.contains(&key.as_str()) || member.adds_more() || !key_unknown.is_empty() {
                continue;
            }
            let meant = nearest(key, known);
            let hint = meant.map_or(String::new(), |meant| format!("; did you mean {meant}?"));
            let message = format!("{key:?} is not a member of {of}: IAM rejects the policy{hint}");
            self.report(Code::MemberUnknown, *key_at, message).fix = meant.map(quoted);
        }
    }

    fn statement(&mut self, node: &Node) -> Option<Statement> {
        if node.is_unknown() {
            return None;
        }
        if !node.is_map() {
            let message = format!("a statement must be an object, not {}", node.kind_name());
            self.report(Code::WrongType, node.at, message);
            return None;
        }
        self.known_members(node, &MEMBERS, "a statement");
        for (one, other) in
            [("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource")]
        {
            if node.get(one).is_some() && node.get(other).is_some() {
                let message = format!("a statement can have {one} or {other}, not both");
                self.report(Code::MemberTwice, node.at, message);
            }
        }
        self.members_of_kind(node);
        let effect = self.effect(node);
        let (conditions, more_conditions) = self.conditions(node);
        Some(Statement {
            at: node.at,
            sid: node.get("Sid").and_then(|sid| self.text(sid, "Sid")),
            effect,
            principals: node.get("Principal").and_then(|p| self.principals(p)),
            not_principals: node.get("NotPrincipal").and_then(|p| self.principals(p)),
            actions: self.texts(node, "Action"),
            not_actions: self.texts(node, "NotAction"),
            resources: self.texts(node, "Resource"),
            not_resources: self.texts(node, "NotResource"),
            conditions,
            more_conditions,
        })
    }

    /// What a trust policy must have, others must not, and the other way round.
    fn members_of_kind(&mut self, node: &Node) {
        let has = |name: &str| node.get(name).is_some();
        let lacks = |names: [&str; 2]| !names.into_iter().any(has) && !node.may_have_more();
        let at = |name: &str| {
            node.members().iter().find(|member| member.key == name).map(|member| member.key_at)
        };
        if lacks(["Action", "NotAction"]) {
            self.report(
                Code::MemberMissing,
                node.at,
                "the statement has no Action: IAM rejects the policy",
            );
        }
        if self.kind == PolicyKind::Trust {
            for name in ["Resource", "NotResource"] {
                if let Some(at) = at(name) {
                    let message = format!(
                        "a trust policy can't have {name}: it applies to its role, and IAM rejects the policy"
                    );
                    self.report(Code::MemberMisplaced, at, message);
                }
            }
            if lacks(["Principal", "NotPrincipal"]) {
                self.report(
                    Code::MemberMissing,
                    node.at,
                    "the statement has no Principal: a trust policy must say who may assume the role",
                );
            }
            if let Some(at) = at("NotPrincipal") {
                // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
                self.report(Code::NotPrincipal, at, "a trust policy can't have NotPrincipal; name the provider under Principal, or use a condition");
            }
        }
        if self.kind == PolicyKind::Permissions {
            for name in ["Principal", "NotPrincipal"] {
                if let Some(at) = at(name) {
                    let message = format!(
                        "a permission policy can't have {name}: it applies to the role it is attached to, and IAM rejects the policy"
                    );
                    self.report(Code::MemberMisplaced, at, message);
                }
            }
            if lacks(["Resource", "NotResource"]) {
                self.report(
                    Code::MemberMissing,
                    node.at,
                    "the statement has no Resource: IAM rejects the policy",
                );
            }
        }
    }

    fn effect(&mut self, node: &Node) -> Effect {
        let Some(effect) = node.get("Effect") else {
            if node.may_have_more() {
                return Effect::Unknown;
            }
            self.report(
                Code::MemberMissing,
                node.at,
                "the statement has no Effect; add Allow or Deny",
            )
            .fix = Some("\"Effect\": \"Allow\"".into());
            return Effect::Allow;
        };
        match effect.text() {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            None if effect.is_unknown() || matches!(effect.kind, Kind::Open(..)) => Effect::Unknown,
            Some(other) if self.placeholder(other, effect.at) => Effect::Unknown,
            Some(other) => {
                let meant = if other.eq_ignore_ascii_case("deny") { "Deny" } else { "Allow" };
                let message = format!("Effect must be exactly Allow or Deny, not {other:?}");
                self.report(Code::BadEffect, effect.at, message).fix =
                    Some(format!("\"Effect\": \"{meant}\""));
                if meant == "Deny" { Effect::Deny } else { Effect::Allow }
            }
            None => {
                let message = format!("Effect must be Allow or Deny, not {}", effect.kind_name());
                self.report(Code::BadEffect, effect.at, message);
                Effect::Allow
            }
        }
    }

    fn principals(&mut self, node: &Node) -> Option<Principals> {
        if node.text() == Some("*") {
            return Some(Principals::Any(node.at));
        }
        if node.is_unknown() || matches!(node.kind, Kind::Open(..)) {
            return Some(Principals::Unknown(node.at));
        }
        if node.text().is_some_and(|text| self.placeholder(text, node.at)) {
            return Some(Principals::Unknown(node.at));
        }
        if !node.is_map() {
            let message = format!(
                "Principal must be \"*\" or an object such as {{\"Federated\": \"arn:...\"}}, not {}",
                node.kind_name()
            );
            let fix = node
                .text()
                .map(|text| member("Principal", &object(&[member("Federated", &quoted(text))])));
            self.report(Code::WrongType, node.at, message).fix =
                fix.filter(|f| f.contains("oidc-provider"));
            return None;
        }
        self.known_members(node, &PRINCIPAL_KINDS, "Principal");
        let mut all = Vec::new();
        for member in node.members() {
            let kind = Text {
                value: member.key.clone(),
                at: member.key_at,
                unknown: member.key_unknown.clone(),
            };
            for name in member.value.each() {
                if let Some(name) = self.text(name, "a principal") {
                    all.push(Principal { kind: kind.clone(), name });
                }
            }
        }
        if node.may_have_more() {
            return Some(Principals::Unknown(node.at));
        }
        Some(Principals::Of(all))
    }

    /// The conditions of a statement, and whether there may be more of them.
    fn conditions(&mut self, statement: &Node) -> (Vec<Condition>, bool) {
        let mut all = Vec::new();
        let Some(node) = statement.get("Condition") else {
            return (all, statement.may_have_more());
        };
        let mut more = node.may_have_more();
        if !node.is_map() && !more {
            let message =
                format!("Condition must be an object of operators, not {}", node.kind_name());
            self.report(Code::WrongType, node.at, message);
        }
        for operator in node.members() {
            let Member { key, key_at, key_unknown, value, .. } = operator;
            if operator.adds_more() || !key_unknown.is_empty() {
                more = true;
                continue;
            }
            if let Err(meant) = Operator::parse(key) {
                if self.placeholder(key, *key_at) {
                    more = true;
                    continue;
                }
                let hint = meant
                    .as_ref()
                    .map_or(String::new(), |meant| format!("; did you mean {meant}?"));
                let message =
                    format!("{key:?} is not a condition operator: IAM rejects the policy{hint}");
                self.report(Code::Operator, *key_at, message).fix =
                    meant.map(|meant| format!("\"{meant}\""));
            }
            more |= value.may_have_more();
            if !value.is_map() && !value.is_unknown() {
                let message = format!(
                    "{key} must hold an object of condition keys, not {}",
                    value.kind_name()
                );
                self.report(Code::WrongType, value.at, message);
            }
            let operator = Text::new(key, *key_at);
            for member in value.members().iter().filter(|member| !member.adds_more()) {
                let key = self.marked(&member.key, &member.key_unknown, member.key_at);
                let values = member.value.each();
                let values = values.iter().filter_map(|v| self.text(v, "a condition's value"));
                let values = values.collect();
                all.push(Condition { operator: operator.clone(), values, key });
            }
        }
        (all, more)
    }

    fn texts(&mut self, node: &Node, name: &str) -> Vec<Text> {
        let Some(value) = node.get(name) else { return Vec::new() };
        let each = value.each();
        if each.is_empty() && !value.is_unknown() {
            self.report(
                Code::MemberMissing,
                value.at,
                format!("{name} is an empty list: IAM rejects the policy"),
            );
        }
        each.iter().filter_map(|item| self.text(item, name)).collect()
    }

    /// Text, or what counts as it: `true`, `12`, and what is not known here.
    fn text(&mut self, node: &Node, of: &str) -> Option<Text> {
        match &node.kind {
            Kind::Text(text) => Some(self.marked(text, &[], node.at)),
            Kind::Number(text) => Some(Text::new(text, node.at)),
            Kind::Bool(value) => Some(Text::new(value.to_string(), node.at)),
            Kind::Open(text, unknown) => Some(self.marked(text, unknown, node.at)),
            Kind::Unknown(shown) => {
                Some(Text { value: shown.clone(), at: node.at, unknown: all_of(shown) })
            }
            Kind::Null | Kind::List(_) | Kind::Map(_) | Kind::Either(_) => {
                self.report(
                    Code::WrongType,
                    node.at,
                    format!("{of} must be text, not {}", node.kind_name()),
                );
                None
            }
        }
    }

    /// Text with what is not known of it. In a text that somebody else fills in the rest
    /// is as it should be.
    fn marked(&mut self, text: &str, unknown: &[Range<usize>], at: Position) -> Text {
        let mut unknown = unknown.to_vec();
        if unknown.is_empty() && self.placeholder(text, at) {
            unknown = placeholder::parts(text);
        }
        Text { value: text.to_owned(), at, unknown }
    }

    /// Whether there is something left to fill in, which it then tells.
    fn placeholder(&mut self, text: &str, at: Position) -> bool {
        let found = if self.placeholders { placeholder::parts(text) } else { Vec::new() };
        let Some(first) = found.into_iter().next() else { return false };
        self.findings.push(placeholder::unfilled(&text[first], at));
        true
    }
}
