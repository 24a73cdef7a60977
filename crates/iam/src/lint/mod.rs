//! The linter: any text in, its mistakes out.
//!
//! It never gives up on a document: what can't be parsed is mended and read
//! on, and what can't be mended is searched for what it holds.

mod arns;
mod claims;
mod manifest;
mod permissions;
mod policy;
mod repeats;
mod syntax;
mod template;
mod text;
mod trust;

use super::finding::{Code, Finding};
use super::json;
use super::node::{Kind, Node};
use super::place::{Position, Source};
use super::reader::{PolicyKind, guess_kind, inner_source, statements};
use super::yaml;

/// The mistakes in a file, in their order; those that say the same as one.
#[must_use]
pub fn lint(text: &str) -> Vec<Finding> {
    let source = Source::new(text);
    let mut linter = Linter { findings: Vec::new(), found_something: false };
    linter.file(&source);
    let Linter { mut findings, found_something } = linter;
    if findings.is_empty() && !found_something {
        findings.push(Finding::new(
            Code::NothingToLint,
            Position::START,
            "no policy, role, provider or ServiceAccount found",
        ));
    }
    findings.sort_by_key(|finding| (finding.at, finding.code));
    findings.dedup_by(|a, b| (a.at, a.code) == (b.at, b.code));
    repeats::merged(findings)
}

struct Linter {
    findings: Vec<Finding>,
    /// Whether there was anything to look at.
    found_something: bool,
}

impl Linter {
    fn file(&mut self, source: &Source) {
        let first = (0..source.len()).filter_map(|i| source.get(i)).find(|c| !c.is_whitespace());
        if matches!(first, Some('{' | '[')) {
            let (node, mistakes) = json::read(source);
            self.findings.extend(syntax::findings(source, &mistakes));
            self.document(source, &node);
            return;
        }
        let (readable, mistakes) = text::close_quotes(source);
        let readable = readable.as_ref().unwrap_or(source);
        match yaml::read(readable) {
            Ok(documents)
                if documents.iter().any(|node| node.is_map() || !node.items().is_empty()) =>
            {
                self.findings.extend(mistakes);
                for node in &documents {
                    self.document(readable, node);
                }
            }
            Ok(_) => self.search(source),
            Err(error) => {
                // Prose with a policy in it was never meant to be YAML.
                let is_yaml = text::looks_like_yaml(source);
                let text = source.text(0..source.len());
                let lines: Vec<&str> = text.lines().collect();
                let is_member = |mistake: &Finding| {
                    mistake
                        .at
                        .line
                        .checked_sub(1)
                        .and_then(|n| lines.get(n))
                        .is_some_and(|l| text::is_member(l))
                };
                self.findings
                    .extend(mistakes.into_iter().filter(|mistake| is_yaml || is_member(mistake)));
                if is_yaml {
                    let message = format!("not valid YAML: {}", error.reason);
                    self.findings.push(Finding::new(Code::BadYaml, error.at, message));
                }
                self.search(source);
            }
        }
    }

    /// What a text holds that is neither JSON nor YAML.
    fn search(&mut self, source: &Source) {
        let policies = text::policies(source);
        for policy in &policies {
            self.findings.extend(syntax::findings(source, &policy.mistakes));
            let template = policy.node.kind_has_template();
            self.policy(&policy.node, guess_kind(&policy.node), template);
        }
        self.findings.extend(text::lines(source, &policies, &mut self.found_something));
    }

    fn document(&mut self, source: &Source, root: &Node) {
        if root.get("Resources").is_some_and(Node::is_map) {
            self.found_something = true;
            self.findings.extend(template::references(root));
            self.walk(source, root, true);
            return;
        }
        if let Some(empty) = root.get("Resources")
            && root.get("AWSTemplateFormatVersion").is_some()
        {
            let message = "Resources is empty: the template has lost its indentation";
            self.findings.push(Finding::new(Code::BadYaml, empty.at, message));
            self.search(source);
        }
        // A plan tells everything two or three times: before, after, planned.
        if let Some(planned) = root.get("planned_values") {
            self.found_something = true;
            self.walk(source, planned, false);
            return;
        }
        self.walk(source, root, false);
    }

    /// Looks for policies and what belongs to them, wherever they stand.
    fn walk(&mut self, source: &Source, node: &Node, template: bool) {
        if statements(node).is_some_and(|s| s.each().iter().any(Node::is_map)) {
            self.policy(node, guess_kind(node), template);
            return;
        }
        if manifest::is_service_account(node) {
            self.found_something = true;
            self.findings.extend(manifest::findings(node));
        }
        if let Some(text) = node.text() {
            self.findings.extend(arns::in_text(text, node.at));
        }
        for item in node.items() {
            self.walk(source, item, template);
        }
        for member in node.members() {
            self.member(source, &member.key, &member.value, template);
        }
    }

    fn member(&mut self, source: &Source, key: &str, value: &Node, template: bool) {
        let kind = match key {
            "AssumeRolePolicyDocument" | "assume_role_policy" => Some(PolicyKind::Trust),
            "PolicyDocument" | "Document" | "policy" | "Policy" | "ManagedPolicyDocument" => None,
            "ClientIDList" | "ClientIdList" | "client_id_list" => {
                self.found_something = true;
                self.findings.extend(claims::client_ids(value));
                return;
            }
            "Url" | "url" => {
                self.findings.extend(claims::provider_url(value));
                return;
            }
            _ => return self.walk(source, value, template),
        };
        if value.is_map() && (kind.is_some() || statements(value).is_some()) {
            let kind = kind.unwrap_or_else(|| guess_kind(value));
            if !is_function(value) {
                return self.policy(value, kind, template);
            }
        }
        if let Some((text, holder, is_template)) = embedded_text(value) {
            return self.embedded(source, holder, text, kind, template && is_template);
        }
        self.walk(source, value, template);
    }

    /// A policy as text in a document.
    fn embedded(
        &mut self,
        source: &Source,
        holder: &Node,
        text: &str,
        kind: Option<PolicyKind>,
        template: bool,
    ) {
        let inner = inner_source(source, holder, text);
        let first = (0..inner.len()).filter_map(|i| inner.get(i)).find(|c| !c.is_whitespace());
        if first != Some('{') {
            return self.findings.extend(arns::in_text(text, holder.at));
        }
        let (node, mistakes) = json::read(&inner);
        if kind.is_some() || statements(&node).is_some() {
            self.findings.extend(syntax::findings(&inner, &mistakes));
            let kind = kind.unwrap_or_else(|| guess_kind(&node));
            self.policy(&node, kind, template);
        }
    }

    fn policy(&mut self, node: &Node, kind: PolicyKind, template: bool) {
        self.found_something = true;
        self.findings.extend(policy::findings(node, kind, template));
    }
}

/// Whether the value is one of CloudFormation's functions, not a document.
fn is_function(node: &Node) -> bool {
    node.tag.is_some()
        || matches!(node.members(), [only] if only.key.starts_with("Fn::") || only.key == "Ref")
}

/// The text of a value, where it stands, and whether `${}` in it is
/// CloudFormation's: plain, under `!Sub`, or the first item of `!Sub [text, values]`.
fn embedded_text(node: &Node) -> Option<(&str, &Node, bool)> {
    let inner = match node.members() {
        [only] if only.key == "Fn::Sub" => &only.value,
        _ => node,
    };
    let is_sub = node.tag.as_deref() == Some("Sub") || !std::ptr::eq(inner, node);
    match &inner.kind {
        Kind::Text(text) => Some((text, inner, is_sub)),
        Kind::List(items) if is_sub => {
            items.first().and_then(|first| first.text().map(|text| (text, first, true)))
        }
        _ => None,
    }
}

impl Node {
    /// Whether its texts have placeholders of CloudFormation, by their look.
    fn kind_has_template(&self) -> bool {
        let own = self.text().is_some_and(|text| text.contains("${AWS::"));
        own || self.items().iter().any(Self::kind_has_template)
            || self
                .members()
                .iter()
                .any(|m| m.key.contains("${AWS::") || m.value.kind_has_template())
    }
}

#[cfg(test)]
mod tests;
