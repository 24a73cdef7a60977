//! From a document's nodes to a [`Policy`], naming what IAM would refuse.

use super::condition::Operator;
use super::finding::{Code, Finding, Severity};
use super::intrinsic::{alternatives, template_text};
use super::json::{self, Mistake};
use super::near::nearest;
use super::node::{Kind, Member, Node};
use super::place::{Position, Source};
use super::policy::{Condition, Effect, Policy, Principal, Principals, Statement, Text};

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
        let source = Source::new(text);
        let (node, mistakes) = json::read(&source);
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

/// The document inside a text value, URL-encoded or not.
pub(super) fn inner_source(source: &Source, node: &Node, text: &str) -> Source {
    let inner = source.embedded(node.span.clone(), text);
    if text.trim_start().starts_with("%7B") || text.trim_start().starts_with("%7b") {
        inner.percent_decoded()
    } else {
        inner
    }
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
    let (policy, findings) = read(node, PolicyKind::Trust, false);
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
        has("Effect") && (has("Action") || has("NotAction"))
    };
    let meant = node.members().iter().find(|member| {
        nearest(&member.key, &["Statement"]).is_some()
            && member.value.each().iter().any(is_statement)
    });
    meant.map(|member| &member.value)
}

/// Which kind it looks like.
pub(super) fn guess_kind(node: &Node) -> PolicyKind {
    let statements = || statements(node).map(Node::each).unwrap_or_default().iter();
    let has_principal =
        statements().any(|s| s.get("Principal").is_some() || s.get("NotPrincipal").is_some());
    let has_resource =
        statements().any(|s| s.get("Resource").is_some() || s.get("NotResource").is_some());
    let assumes = statements().any(|s| {
        let actions = s.get("Action").map(Node::each).unwrap_or_default();
        actions
            .iter()
            .filter_map(Node::text)
            .any(|a| a.to_ascii_lowercase().starts_with("sts:assumerole"))
    });
    match (has_principal, has_resource, assumes) {
        (true, _, true) | (true, false, false) | (false, false, true) => PolicyKind::Trust,
        (true, true, false) => PolicyKind::Resource,
        (false, _, _) => PolicyKind::Permissions,
    }
}

/// Reads what can be read. With `template`, text with `${}` is CloudFormation's.
pub(super) fn read(node: &Node, kind: PolicyKind, template: bool) -> (Policy, Vec<Finding>) {
    let mut reader = Reader { kind, template, findings: Vec::new() };
    let policy = reader.policy(node);
    (policy, reader.findings)
}

struct Reader {
    kind: PolicyKind,
    template: bool,
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
            None => {
                self.report(
                    Code::MemberMissing,
                    node.at,
                    "the policy has no Statement: IAM rejects it",
                );
            }
            Some(statements) if statements.each().is_empty() => {
                self.report(
                    Code::MemberMissing,
                    statements.at,
                    "Statement is empty: IAM rejects the policy",
                );
            }
            Some(statements) => {
                for statement in statements.each().iter().flat_map(alternatives) {
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
            if node.get("Version").is_none() {
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
            _ if version.template => {}
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
            if !sid.value.is_empty() && sids[..index].iter().any(|other| other.value == sid.value) {
                let message = format!(
                    "the Sid {:?} occurs twice; it must be unique in the policy",
                    sid.value
                );
                self.report(Code::BadSid, sid.at, message);
            }
            // Resource policies of some services take more.
            let bad = |c: char| !c.is_ascii_alphanumeric();
            if self.kind != PolicyKind::Resource && !sid.template && sid.value.contains(bad) {
                let message =
                    format!("the Sid {:?} may contain only ASCII letters and digits", sid.value);
                let fix = format!("\"Sid\": {:?}", sid.value.replace(bad, ""));
                self.report(Code::BadSid, sid.at, message).fix = Some(fix);
            }
        }
    }

    fn known_members(&mut self, node: &Node, known: &[&str], of: &str) {
        for Member { key, key_at, .. } in node.members() {
            if known.contains(&key.as_str()) {
                continue;
            }
            let meant = nearest(key, known);
            let hint = meant.map_or(String::new(), |meant| format!("; did you mean {meant}?"));
            let message = format!("{key:?} is not a member of {of}: IAM rejects the policy{hint}");
            self.report(Code::MemberUnknown, *key_at, message).fix =
                meant.map(|meant| format!("{meant:?}"));
        }
    }

    fn statement(&mut self, node: &Node) -> Option<Statement> {
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
            conditions: node.get("Condition").map(|c| self.conditions(c)).unwrap_or_default(),
        })
    }

    /// What a trust policy must have, others must not, and the other way round.
    fn members_of_kind(&mut self, node: &Node) {
        let has = |name: &str| node.get(name).is_some();
        let at = |name: &str| {
            node.members().iter().find(|member| member.key == name).map(|member| member.key_at)
        };
        if !has("Action") && !has("NotAction") {
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
            if !has("Principal") && !has("NotPrincipal") {
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
            if !has("Resource") && !has("NotResource") {
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
            _ if template_text(effect).is_some() => Effect::Allow,
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
        if template_text(node).is_some() {
            return None;
        }
        if !node.is_map() {
            let message = format!(
                "Principal must be \"*\" or an object such as {{\"Federated\": \"arn:...\"}}, not {}",
                node.kind_name()
            );
            let fix = node.text().map(|text| format!("\"Principal\": {{\"Federated\": {text:?}}}"));
            self.report(Code::WrongType, node.at, message).fix =
                fix.filter(|f| f.contains("oidc-provider"));
            return None;
        }
        self.known_members(node, &PRINCIPAL_KINDS, "Principal");
        let mut all = Vec::new();
        for member in node.members() {
            let kind = Text { value: member.key.clone(), at: member.key_at, template: false };
            for name in member.value.each() {
                if let Some(name) = self.text(name, "a principal") {
                    all.push(Principal { kind: kind.clone(), name });
                }
            }
        }
        Some(Principals::Of(all))
    }

    fn conditions(&mut self, node: &Node) -> Vec<Condition> {
        let mut all = Vec::new();
        if !node.is_map() {
            let message =
                format!("Condition must be an object of operators, not {}", node.kind_name());
            self.report(Code::WrongType, node.at, message);
        }
        for Member { key, key_at, value } in node.members() {
            let operator = Text { value: key.clone(), at: *key_at, template: false };
            if let Err(meant) = Operator::parse(key) {
                let hint = meant
                    .as_ref()
                    .map_or(String::new(), |meant| format!("; did you mean {meant}?"));
                let message =
                    format!("{key:?} is not a condition operator: IAM rejects the policy{hint}");
                self.report(Code::Operator, *key_at, message).fix =
                    meant.map(|meant| format!("\"{meant}\""));
            }
            if !value.is_map() {
                let message = format!(
                    "{key} must hold an object of condition keys, not {}",
                    value.kind_name()
                );
                self.report(Code::WrongType, value.at, message);
            }
            for Member { key, key_at, value } in value.members() {
                let template = self.template && key.contains("${");
                let key = Text { value: key.clone(), at: *key_at, template };
                let values =
                    value.each().iter().filter_map(|v| self.text(v, "a condition's value"));
                all.push(Condition { operator: operator.clone(), values: values.collect(), key });
            }
        }
        all
    }

    fn texts(&mut self, node: &Node, name: &str) -> Vec<Text> {
        let Some(value) = node.get(name) else { return Vec::new() };
        if value.each().is_empty() {
            self.report(
                Code::MemberMissing,
                value.at,
                format!("{name} is an empty list: IAM rejects the policy"),
            );
        }
        value.each().iter().filter_map(|item| self.text(item, name)).collect()
    }

    /// Text, or what counts as it: `true`, `12`, and CloudFormation's functions.
    fn text(&mut self, node: &Node, of: &str) -> Option<Text> {
        if let Some(value) = template_text(node) {
            return Some(Text { value, at: node.at, template: true });
        }
        let value = match &node.kind {
            Kind::Text(text) | Kind::Number(text) => text.clone(),
            Kind::Bool(value) => value.to_string(),
            Kind::Null | Kind::List(_) | Kind::Map(_) => {
                self.report(
                    Code::WrongType,
                    node.at,
                    format!("{of} must be text, not {}", node.kind_name()),
                );
                return None;
            }
        };
        let template = self.template && value.contains("${");
        Some(Text { value, at: node.at, template })
    }
}
