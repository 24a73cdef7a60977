//! The linter: any text in, its mistakes out.
//!
//! It never gives up on a document: what can't be parsed is mended and read
//! on, and what can't be mended is searched for what it holds.

mod actions;
mod addresses;
mod arns;
mod blocks;
mod broad;
mod claims;
mod conditions;
mod context_keys;
mod contradictions;
mod elements;
mod files;
mod issuers;
mod keys;
mod limits;
mod manifest;
mod module;
mod others;
mod outsiders;
mod permissions;
mod policy;
mod principal_names;
mod principals;
mod probe;
mod provider;
mod repeats;
mod resource_arns;
mod sts;
mod subject;
mod surroundings;
mod syntax;
mod template;
mod text;
mod together;
mod trust;
mod value_types;
mod values;
mod variables;
mod wide;

use arn::annotation::DEFAULT_PREFIX;

use super::finding::{Code, Finding};
use super::intrinsic::{looks_substituted, resolve, substitute};
use super::json::{self, Mistake};
use super::kind::{PolicyKind, guess_kind, guess_kind_of_any, statements};
use super::node::{Kind, Member, Node, inner_source};
use super::place::{Position, Source};
use super::terraform;
pub(super) use syntax::message as syntax_message;

/// The mistakes in a text, in their order; those that say the same as one.
#[must_use]
pub fn lint(text: &str) -> Vec<Finding> {
    lint_file("", text)
}

/// The mistakes in a file, in their order. What its name ends with says what it is written in;
/// without one, the text does.
#[must_use]
pub fn lint_file(name: &str, text: &str) -> Vec<Finding> {
    lint_for_prefix(DEFAULT_PREFIX, name, text)
}

/// The mistakes in a file, as in [`lint_file`], for a webhook whose annotations begin with `prefix`,
/// which is given without a slash at its end.
#[must_use]
pub fn lint_for_prefix(prefix: &str, name: &str, text: &str) -> Vec<Finding> {
    let source = Source::new(text);
    let mut linter = Linter::new(prefix);
    linter.file(name, &source);
    let Linter { mut findings, found_something, manifests, .. } = linter;
    findings.extend(manifests.finish());
    if findings.is_empty() && !found_something {
        findings.push(Finding::new(
            Code::NothingToLint,
            Position::START,
            "no policy, role, provider or ServiceAccount found",
        ));
    }
    findings.sort_by(|a, b| (a.at, a.code, &a.message).cmp(&(b.at, b.code, &b.message)));
    findings.dedup_by(|a, b| (a.at, a.code, &a.message) == (b.at, b.code, &b.message));
    repeats::merged(findings)
}

/// The trust policies in a file that can be read without a guess.
pub(super) fn trust_policies(name: &str, source: &Source) -> Vec<Node> {
    let mut linter = Linter { policies: Some(Vec::new()), ..Linter::new(DEFAULT_PREFIX) };
    linter.file(name, source);
    linter.policies.unwrap_or_default()
}

/// The values of `MaxSessionDuration` in a file, where they are known.
pub(super) fn max_session_durations(name: &str, source: &Source) -> Vec<Node> {
    let mut linter = Linter { policies: Some(Vec::new()), ..Linter::new(DEFAULT_PREFIX) };
    linter.file(name, source);
    linter.session_durations
}

struct Linter {
    findings: Vec<Finding>,
    /// Whether there was anything to look at.
    found_something: bool,
    manifests: manifest::Manifests,
    /// Of what is looked at.
    around: surroundings::Surroundings,
    /// Whether it is written in Terraform's language.
    is_hcl: bool,
    /// Whether directives decide which commas there are.
    is_loose: bool,
    /// How many texts the document is in: a manifest in a value of another, say.
    depth: usize,
    /// The trust policies that were found, where those are wanted instead of their mistakes.
    policies: Option<Vec<Node>>,
    /// And how long the sessions of their roles may be.
    session_durations: Vec<Node>,
}

/// Documents in texts of documents in texts ...: no further.
const DEEPEST: usize = 4;

impl Linter {
    fn new(prefix: &str) -> Self {
        Self {
            findings: Vec::new(),
            found_something: false,
            manifests: manifest::Manifests::new(prefix),
            around: surroundings::Surroundings::default(),
            is_hcl: false,
            is_loose: false,
            depth: 0,
            policies: None,
            session_durations: Vec::new(),
        }
    }

    /// What a text holds that is neither JSON nor YAML.
    fn search(&mut self, source: &Source) {
        let mut policies = text::policies(source);
        for policy in &mut policies {
            if self.policies.is_some() && !policy.mistakes.is_empty() {
                continue;
            }
            self.findings.extend(syntax::findings(source, &policy.mistakes));
            if looks_substituted(&policy.node) {
                substitute(&mut policy.node);
            }
            self.policy(&policy.node, guess_kind(&policy.node));
        }
        self.findings.extend(text::lines(
            source,
            &policies,
            &self.manifests,
            &mut self.found_something,
        ));
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
        let mut root = root.clone();
        if keys::is_template(&root) {
            self.findings.extend(keys::check(&mut root, source.first() == Some('{')));
        }
        let root = resolve(&root);
        // A plan tells everything two or three times: before, after, planned.
        if let Some(planned) = root.get("planned_values") {
            self.found_something = true;
            self.walk(source, planned);
            return;
        }
        if terraform::is_json_configuration(&root) {
            return self.terraform(source, &terraform::interpolated(&root));
        }
        self.walk(source, &root);
    }

    /// A configuration of Terraform: resources and modules by their kind.
    fn terraform(&mut self, source: &Source, root: &Node) {
        let outer = std::mem::replace(&mut self.manifests.is_terraform, true);
        self.sections(source, root);
        self.manifests.is_terraform = outer;
    }

    fn sections(&mut self, source: &Source, root: &Node) {
        if let Some(module) = module::of_terragrunt(root) {
            self.inputs(&module);
            self.statements_of_inputs(&module);
        }
        for section in root.members() {
            for node in section.value.each() {
                match section.key.as_str() {
                    "module" => node.members().iter().for_each(|it| self.module(source, &it.value)),
                    "resource" => {
                        let of_kind = |m: &&Member| {
                            m.key.starts_with("kubernetes_") && m.key.contains("service_account")
                        };
                        let accounts = node.members().iter().filter(of_kind);
                        for account in accounts.flat_map(|m| m.value.members()) {
                            self.found_something = true;
                            let kind = Kind::Text("ServiceAccount".to_owned());
                            let kind = Node { kind, ..account.value.clone() };
                            let mut manifest = account.value.clone();
                            if let Kind::Map(members) = &mut manifest.kind {
                                members.insert(0, Member::new("kind", kind.at, kind));
                            }
                            self.manifests.see(&manifest, None, &mut self.findings);
                        }
                        self.labelled(source, node, 2);
                    }
                    "data" | "ephemeral" => self.labelled(source, node, 2),
                    "variable" | "output" => self.labelled(source, node, 1),
                    _ => self.walk(source, node),
                }
            }
        }
    }

    /// What is in blocks with so many labels: one that is called `policy` is none.
    fn labelled(&mut self, source: &Source, node: &Node, labels: usize) {
        if labels == 0 {
            return self.walk(source, node);
        }
        for member in node.members() {
            let below = self.around.below(&member.key);
            let around = std::mem::replace(&mut self.around, below);
            for value in member.value.each() {
                self.labelled(source, value, labels - 1);
            }
            self.around = around;
        }
    }

    fn module(&mut self, source: &Source, body: &Node) {
        for body in body.each() {
            if module::is_known(body) {
                self.inputs(body);
            }
            self.statements_of_inputs(body);
            self.walk(source, body);
        }
    }

    fn inputs(&mut self, module: &Node) {
        let found = module::findings(module);
        self.found_something |= !found.is_empty() || module::is_for_tokens(module);
        self.findings.extend(found);
    }

    /// Inputs of which a module makes policies.
    fn statements_of_inputs(&mut self, inputs: &Node) {
        for input in inputs.members() {
            if let Some(policy) = terraform::policy_of_input(&input.value) {
                self.found_something = true;
                self.policy_document(&policy);
            }
        }
    }

    /// A policy that Terraform makes.
    fn policy_document(&mut self, policy: &Node) {
        let kind = guess_kind_of_any(policy);
        if self.is_kept(policy, kind) {
            return;
        }
        self.findings.extend(limits::policy(policy, kind, limits::Holder::Unknown));
        for mut finding in policy::findings(policy, kind, None) {
            finding.fix = finding.fix.and_then(|fix| blocks::mended(&fix));
            self.findings.push(finding);
        }
    }

    /// Looks for policies and what belongs to them, wherever they stand.
    fn walk(&mut self, source: &Source, node: &Node) {
        if terraform::is_policy_document(node) {
            return self.policy_document(&terraform::policy(node));
        }
        if statements(node).is_some_and(|s| s.each().into_iter().any(Node::is_map)) {
            self.policy(node, guess_kind(node));
            return;
        }
        if let Some(policy) = policy_of_statements(node) {
            return self.policy(&policy, guess_kind(&policy));
        }
        let namespace = self.around.namespace.as_deref();
        if self.manifests.see(node, namespace, &mut self.findings) {
            self.found_something = true;
        }
        if limits::is_role(node) {
            self.findings.extend(limits::role(node));
        }
        if provider::is_one(node) {
            self.found_something = true;
            self.findings.extend(provider::findings(node));
        }
        if let Kind::Text(text) | Kind::Open(text, _) = &node.kind {
            self.text(source, node, text);
        }
        if let Kind::Either(choices) = &node.kind {
            for choice in choices {
                self.walk(source, choice);
            }
        }
        for item in node.items() {
            self.walk(source, item);
        }
        let within = self.around.within(node);
        let around = std::mem::replace(&mut self.around, within);
        for member in node.members() {
            let below = self.around.below(&member.key);
            let within = std::mem::replace(&mut self.around, below);
            self.member(source, &member.key, &member.value);
            self.around = within;
        }
        self.around = around;
    }

    fn member(&mut self, source: &Source, key: &str, value: &Node) {
        if let Kind::Either(choices) = &value.kind {
            return choices.iter().for_each(|choice| self.member(source, key, choice));
        }
        if ["MaxSessionDuration", "max_session_duration", "maxSessionDuration"].contains(&key) {
            self.session_durations.push(value.clone());
        }
        let kind = match key {
            "AssumeRolePolicyDocument"
            | "assume_role_policy"
            | "assumeRolePolicyDocument"
            | "assumeRolePolicy" => Some(PolicyKind::Trust),
            "PolicyDocument"
            | "Document"
            | "policy"
            | "Policy"
            | "ManagedPolicyDocument"
            | "policyDocument" => self.around.permissions.then_some(PolicyKind::Permissions),
            _ => return self.walk(source, value),
        };
        match &value.kind {
            Kind::Map(_) if kind.is_some() || statements(value).is_some() => {
                self.policy(value, kind.unwrap_or_else(|| guess_kind_of_any(value)));
            }
            Kind::Text(text) | Kind::Open(text, _) => self.embedded(source, value, text, kind),
            // There is one, elsewhere.
            Kind::Unknown(_) => self.found_something |= kind.is_some(),
            _ => self.walk(source, value),
        }
    }

    /// A policy as text in a document, whatever is wrong with it.
    fn embedded(&mut self, source: &Source, holder: &Node, text: &str, kind: Option<PolicyKind>) {
        let inner = inner_source(source, holder, text);
        if inner.first() != Some('{') {
            return self.text(source, holder, text);
        }
        let (node, mistakes) = json::read(&inner);
        if self.policies.is_some() && !mistakes.is_empty() {
            return;
        }
        if kind.is_some() || statements(&node).is_some() {
            self.mistakes(&inner, mistakes);
            self.policy(&node, kind.unwrap_or_else(|| guess_kind_of_any(&node)));
        }
    }

    /// Any text of a document: a document itself, where it has a word of one.
    fn text(&mut self, source: &Source, holder: &Node, text: &str) {
        const WORDS: [&str; 8] = [
            "Statement",
            "\"Effect\"",
            "Effect:",
            "amazonaws.com",
            "amazon.com",
            "erviceAccount",
            "aws_iam_",
            "terraform-aws-modules/",
        ];
        let is_document =
            text.contains(['\n', '{']) && WORDS.iter().any(|word| text.contains(word));
        if is_document && self.depth == DEEPEST {
            let message =
                format!("texts are nested more than {DEEPEST} deep; this one is not linted");
            self.findings.push(Finding::new(Code::TooDeep, holder.at, message));
        } else if is_document {
            self.depth += 1;
            let inner = inner_source(source, holder, text);
            let read = self.inner_document(&inner);
            self.depth -= 1;
            if read {
                return;
            }
        }
        self.findings.extend(arns::in_text(text, holder.at));
    }

    /// Mistakes of JSON, but for those that may be none once a template is filled in.
    fn mistakes(&mut self, source: &Source, mut mistakes: Vec<Mistake>) {
        if self.is_loose || source.has_directives() {
            mistakes.retain(|mistake| !is_comma(mistake));
        }
        self.findings.extend(syntax::findings(source, &mistakes));
    }

    /// Whether policies are wanted, and not their mistakes.
    fn is_kept(&mut self, node: &Node, kind: PolicyKind) -> bool {
        self.found_something = true;
        let Some(policies) = &mut self.policies else { return false };
        if kind == PolicyKind::Trust {
            policies.push(node.clone());
        }
        true
    }

    fn policy(&mut self, node: &Node, kind: PolicyKind) {
        if self.is_kept(node, kind) {
            return;
        }
        self.findings.extend(limits::policy(node, kind, self.around.holder));
        for mut finding in policy::findings(node, kind, self.around.account.as_deref()) {
            if self.is_hcl {
                finding.fix = finding.fix.map(|fix| blocks::escaped(&fix));
            }
            self.findings.push(finding);
        }
    }
}

/// One too many, or one that is missing.
fn is_comma(mistake: &Mistake) -> bool {
    matches!(mistake.code, Code::TrailingComma | Code::MissingComma)
}

/// The policy that a list of statements would be, as kOps and CAPA take them.
fn policy_of_statements(node: &Node) -> Option<Node> {
    let is_statement = |node: &Node| {
        let effect = node.get("Effect").is_some_and(|effect| {
            effect.is_unknown() || matches!(effect.text(), Some("Allow" | "Deny"))
        });
        effect && (node.get("Action").is_some() || node.get("NotAction").is_some())
    };
    let items = node.items();
    let all = items.iter().all(|item| is_statement(item) || item.is_unknown());
    if !all || !items.iter().any(is_statement) {
        return None;
    }
    let version = Node { kind: Kind::Text("2012-10-17".to_owned()), ..node.clone() };
    let members = vec![
        Member::new("Version", node.at, version),
        Member::new("Statement", node.at, node.clone()),
    ];
    Some(Node { kind: Kind::Map(members), ..node.clone() })
}

/// The letters and digits that a key begins with, in lower case: to compare spellings.
fn letters(key: &str) -> String {
    let letters = key.chars().take(32).filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// A value in a message, as much of it as fits there.
pub(super) fn shown(value: &str) -> String {
    format!("{:?}", ::text::shortened(value, 120))
}

#[cfg(test)]
mod tests;
