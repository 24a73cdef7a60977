//! The linter: any text in, its mistakes out.
//!
//! It never gives up on a document: what can't be parsed is mended and read
//! on, and what can't be mended is searched for what it holds.

mod actions;
mod arns;
mod audience;
mod claims;
mod manifest;
mod permissions;
mod policy;
mod provider;
mod repeats;
mod syntax;
mod template;
mod text;
mod together;
mod trust;
mod write;

use super::finding::{Code, Finding};
use super::intrinsic::{looks_substituted, resolve, substitute};
use super::json;
use super::node::{Kind, Node};
use super::place::{Position, Source};
use super::reader::{PolicyKind, guess_kind, inner_source, statements};
use super::yaml;

/// The mistakes in a file, in their order; those that say the same as one.
#[must_use]
pub fn lint(text: &str) -> Vec<Finding> {
    let source = Source::new(text);
    let mut linter = Linter::default();
    linter.file(&source);
    let Linter { mut findings, found_something, manifests } = linter;
    findings.extend(manifests.finish());
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

#[derive(Default)]
struct Linter {
    findings: Vec<Finding>,
    /// Whether there was anything to look at.
    found_something: bool,
    manifests: manifest::Manifests,
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
        let mut policies = text::policies(source);
        for policy in &mut policies {
            self.findings.extend(syntax::findings(source, &policy.mistakes));
            if looks_substituted(&policy.node) {
                substitute(&mut policy.node);
            }
            self.policy(&policy.node, guess_kind(&policy.node));
        }
        self.findings.extend(text::lines(source, &policies, &mut self.found_something));
    }

    fn document(&mut self, source: &Source, root: &Node) {
        if root.get("Resources").is_some_and(Node::is_map) {
            self.found_something = true;
            self.findings.extend(template::references(root));
        } else if let Some(empty) = root.get("Resources")
            && root.get("AWSTemplateFormatVersion").is_some()
        {
            let message = "Resources is empty: the template has lost its indentation";
            self.findings.push(Finding::new(Code::BadYaml, empty.at, message));
            self.search(source);
        }
        let root = resolve(root);
        // A plan tells everything two or three times: before, after, planned.
        if let Some(planned) = root.get("planned_values") {
            self.found_something = true;
            self.walk(source, planned);
            return;
        }
        self.walk(source, &root);
    }

    /// Looks for policies and what belongs to them, wherever they stand.
    fn walk(&mut self, source: &Source, node: &Node) {
        if statements(node).is_some_and(|s| s.each().into_iter().any(Node::is_map)) {
            self.policy(node, guess_kind(node));
            return;
        }
        if self.manifests.see(node, &mut self.findings) {
            self.found_something = true;
        }
        if provider::is_one(node) {
            self.found_something = true;
            self.findings.extend(provider::findings(node));
        }
        if let Kind::Text(text) | Kind::Open(text, _) = &node.kind {
            self.findings.extend(arns::in_text(text, node.at));
        }
        for item in node.items() {
            self.walk(source, item);
        }
        for member in node.members() {
            self.member(source, &member.key, &member.value);
        }
    }

    fn member(&mut self, source: &Source, key: &str, value: &Node) {
        if let Kind::Either(choices) = &value.kind {
            return choices.iter().for_each(|choice| self.member(source, key, choice));
        }
        let kind = match key {
            "AssumeRolePolicyDocument" | "assume_role_policy" => Some(PolicyKind::Trust),
            "PolicyDocument" | "Document" | "policy" | "Policy" | "ManagedPolicyDocument" => None,
            _ => return self.walk(source, value),
        };
        match &value.kind {
            Kind::Map(_) if kind.is_some() || statements(value).is_some() => {
                self.policy(value, kind.unwrap_or_else(|| guess_kind(value)));
            }
            Kind::Text(text) | Kind::Open(text, _) => self.embedded(source, value, text, kind),
            _ => self.walk(source, value),
        }
    }

    /// A policy as text in a document.
    fn embedded(&mut self, source: &Source, holder: &Node, text: &str, kind: Option<PolicyKind>) {
        let inner = inner_source(source, holder, text);
        let first = (0..inner.len()).filter_map(|i| inner.get(i)).find(|c| !c.is_whitespace());
        if first != Some('{') {
            return self.findings.extend(arns::in_text(text, holder.at));
        }
        let (node, mistakes) = json::read(&inner);
        if kind.is_some() || statements(&node).is_some() {
            self.findings.extend(syntax::findings(&inner, &mistakes));
            self.policy(&node, kind.unwrap_or_else(|| guess_kind(&node)));
        }
    }

    fn policy(&mut self, node: &Node, kind: PolicyKind) {
        self.found_something = true;
        self.findings.extend(policy::findings(node, kind));
    }
}

/// A value in a message, as much of it as fits there.
fn shown(value: &str) -> String {
    format!("{:?}", ::text::shortened(value, 120))
}

#[cfg(test)]
mod tests;
