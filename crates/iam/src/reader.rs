//! From a document's nodes to a [`Policy`], naming what IAM would refuse.

use std::borrow::Cow;
use std::ops::Range;

use super::condition::Operator;
use super::finding::{Code, Finding};
use super::kind::{PolicyKind, statements};
use super::near::nearest;
use super::node::{Kind, Member, Node, all_of};
use super::place::Position;
use super::placeholder;
use super::policy::{
    AbsentStatement, Condition, Effect, Policy, Principal, Principals, Statement, Text,
};
use super::write::{member, object, text as quoted};

/// Reads what can be read. A placeholder is reported, and its value is unknown.
pub(super) fn read(node: &Node, kind: PolicyKind) -> (Policy, Vec<Finding>) {
    Reader::new(kind, true).read(node)
}

/// The same with placeholders as the text that they are.
pub(super) fn read_literally(node: &Node, kind: PolicyKind) -> (Policy, Vec<Finding>) {
    Reader::new(kind, false).read(node)
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
        let mut policy =
            Policy { version: None, statements: Vec::new(), more_statements: Vec::new() };
        if !node.is_map() {
            let message = format!(
                "a policy must be an object with Version and Statement, not {}",
                node.kind_name()
            );
            self.report(Code::WrongType, node.at, message);
            return policy;
        }
        self.known_members(node, &TOP_MEMBERS, "a policy");
        let node = &as_meant(node, &TOP_MEMBERS);
        policy.version = node.get("Version").and_then(|version| self.text(version, "Version"));
        self.version(node, policy.version.as_ref());
        match statements(node) {
            None if node.may_have_more() => {
                policy.more_statements.push(AbsentStatement { number: 1, at: node.at });
            }
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
                let all = statements.each();
                // A choice of which nothing is here.
                if all.is_empty() {
                    let absent = AbsentStatement { number: 1, at: statements.at };
                    policy.more_statements.push(absent);
                }
                for (index, statement) in all.into_iter().enumerate() {
                    let number = index + 1;
                    if statement.is_unknown() {
                        let absent = AbsentStatement { number, at: statement.at };
                        policy.more_statements.push(absent);
                    } else if let Some(statement) = self.statement(number, statement) {
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
                let mended = sid.value.replace(bad, "");
                let fix = (!mended.is_empty()).then(|| member("Sid", &quoted(&mended)));
                self.report(Code::BadSid, sid.at, message).fix = fix;
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

    fn statement(&mut self, number: usize, node: &Node) -> Option<Statement> {
        if !node.is_map() {
            let message = format!("a statement must be an object, not {}", node.kind_name());
            self.report(Code::WrongType, node.at, message);
            return None;
        }
        self.known_members(node, &MEMBERS, "a statement");
        // What was meant is there, and says more than that it is missing.
        let node = &as_meant(node, &MEMBERS);
        for (one, other) in
            [("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource")]
        {
            // A dynamic block of Terraform's may make none.
            let is_sure = |name| node.get(name).is_some_and(|it| !it.may_have_more());
            if is_sure(one) && is_sure(other) {
                let message = format!("a statement can have {one} or {other}, not both");
                self.report(Code::MemberTwice, node.at, message);
            }
        }
        self.members_of_kind(node);
        let effect = self.effect(node);
        let (conditions, more_conditions) = self.conditions(node);
        Some(Statement {
            number,
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
            may_have_more: node.may_have_more(),
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
        let node = &as_meant(node, &PRINCIPAL_KINDS);
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
                // AWS may well hold such a policy: no reason not to evaluate it.
                let is_linted = self.placeholders;
                if is_linted
                    && values.is_empty()
                    && !member.value.may_have_more()
                    && !member.value.is_unknown()
                {
                    let message = format!(
                        "the condition on {} has no value; write at least one",
                        ::text::shortened(&member.key, 120)
                    );
                    self.report(Code::MemberMissing, member.value.at, message);
                }
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
        let mut parts = found.iter().map(|part| &text[part.clone()]);
        if let Some(part) = parts.find(|part| !placeholder::is_dynamic_reference(part)) {
            self.findings.push(placeholder::unfilled(part, at));
        }
        !found.is_empty()
    }
}

/// The node with the names that were meant for those that IAM does not know.
fn as_meant<'n>(node: &'n Node, known: &[&str]) -> Cow<'n, Node> {
    let meant = |member: &Member| {
        let is_open = member.adds_more() || !member.key_unknown.is_empty();
        let meant = nearest(&member.key, known).filter(|_| !is_open)?;
        node.get(meant).is_none().then(|| meant.to_owned())
    };
    if !node.members().iter().any(|member| meant(member).is_some()) {
        return Cow::Borrowed(node);
    }
    let renamed = |member: &Member| match meant(member) {
        Some(key) => Member { key, ..member.clone() },
        None => member.clone(),
    };
    let kind = Kind::Map(node.members().iter().map(renamed).collect());
    Cow::Owned(Node { kind, ..node.clone() })
}
