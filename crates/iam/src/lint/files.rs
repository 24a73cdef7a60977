//! What a file is written in, and its documents.
//!
//! The strict parser of each language comes first. Guesses at what broken text was to be are
//! made only where it refuses.

use std::ops::Range;

use super::{Linter, is_comma, syntax, text};
use crate::finding::{Code, Finding};
use crate::holes::{self, Hole};
use crate::json;
use crate::kind::statements;
use crate::node::Node;
use crate::place::Source;
use crate::placeholder;
use crate::{hcl, markdown, yaml};

/// What the name of a file says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Yaml,
    Hcl,
    Markdown,
    /// Of something that an engine fills in.
    Template,
    /// It says nothing: standard input, say.
    Unnamed,
}

/// Larger files are not tried as templates, which costs several passes.
const LARGEST_TEMPLATE: usize = 1 << 20;

impl Form {
    fn of(name: &str) -> Self {
        let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("json" | "template") => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            Some("tf" | "tofu" | "hcl" | "tfvars") => Self::Hcl,
            Some("md" | "markdown" | "mdx") => Self::Markdown,
            Some("tftpl" | "tpl" | "tmpl" | "gotmpl" | "j2" | "jinja" | "jinja2" | "erb") => {
                Self::Template
            }
            _ => Self::Unnamed,
        }
    }
}

/// As templates of Helm and Jinja do, `{{ if }}` or `{% if %}`: no bracket of JSON.
fn begins_with_directive(source: &Source) -> bool {
    let start =
        (0..source.len()).find(|index| source.get(*index).is_some_and(|c| !c.is_whitespace()));
    let after = start.and_then(|start| source.get(start + 1));
    source.first() == Some('{') && matches!(after, Some('{' | '%' | '#'))
}

impl Linter {
    pub(super) fn file(&mut self, name: &str, source: &Source) {
        match Form::of(name) {
            Form::Hcl => self.hcl(source, Form::Hcl),
            Form::Markdown => self.markdown(source),
            form if matches!(source.first(), Some('{' | '[')) && form != Form::Yaml => {
                if self.json(source) {
                    return;
                }
                if begins_with_directive(source) {
                    return self.sniffed(form, source);
                }
                self.broken_json(source);
            }
            form => self.sniffed(form, source),
        }
    }

    fn sniffed(&mut self, form: Form, source: &Source) {
        if form != Form::Yaml && hcl::looks_like(source) {
            return self.hcl(source, form);
        }
        if self.yaml(source) {
            return;
        }
        if form != Form::Yaml && markdown::looks_like(source) {
            return self.markdown(source);
        }
        self.broken_yaml(source);
    }

    /// Whether it is JSON, and was looked at.
    fn json(&mut self, source: &Source) -> bool {
        let (node, mistakes) = json::read(source);
        if mistakes.is_empty() {
            self.document(source, &node);
            return true;
        }
        let Some((pierced, first)) = template(source, |holes| holes) else { return false };
        let (node, mistakes) = json::read(&pierced);
        // Directives leave commas that are there, or not, as they choose.
        if !mistakes.iter().all(is_comma) {
            return false;
        }
        self.template_document(&pierced, &[node], &first);
        true
    }

    fn broken_json(&mut self, source: &Source) {
        if self.policies.is_some() {
            return;
        }
        let (node, mistakes) = json::read(source);
        self.findings.extend(syntax::findings(source, &mistakes));
        self.document(source, &node);
    }

    /// Whether it is YAML with something in it, and was looked at.
    fn yaml(&mut self, source: &Source) -> bool {
        let is_document = |node: &Node| node.is_map() || !node.items().is_empty();
        // `{{ x }}` alone would be a map in a map.
        if holes::has_double_braces(source)
            && let Some((pierced, first)) = template(source, |all| {
                let braces = |hole: &Hole| !matches!(source.get(hole.range.start), Some('%' | '<'));
                holes::of_lines(source, all.into_iter().filter(braces).collect())
            })
            && let Ok(documents) = yaml::read(&pierced)
            && documents.iter().any(is_document)
        {
            self.template_document(&pierced, &documents, &first);
            return true;
        }
        if let Ok(documents) = yaml::read(source) {
            let found = documents.iter().any(is_document);
            // The front matter of a page is YAML, and its prose a text.
            let is_prose = documents.iter().any(|node| node.text().is_some());
            if found && !(is_prose && markdown::looks_like(source)) {
                self.documents(source, &documents);
                return true;
            }
            return false;
        }
        let Some((pierced, first)) = template(source, |all| holes::of_lines(source, all)) else {
            return false;
        };
        match yaml::read(&pierced) {
            Ok(documents) if documents.iter().any(is_document) => {
                self.template_document(&pierced, &documents, &first);
                true
            }
            _ => false,
        }
    }

    /// Text that no parser takes.
    fn broken_yaml(&mut self, source: &Source) {
        let Err(error) = yaml::read(source) else { return self.search(source) };
        if self.policies.is_some() {
            return self.search(source);
        }
        let (readable, mistakes) = text::close_quotes(source);
        if let Some(readable) = readable
            && let Ok(documents) = yaml::read(&readable)
            && documents.iter().any(|node| node.is_map() || !node.items().is_empty())
        {
            self.findings.extend(mistakes);
            self.documents(&readable, &documents);
            return;
        }
        // Prose with a policy in it was never meant to be YAML.
        let is_yaml = text::looks_like_yaml(source);
        let whole = source.text(0..source.len());
        let lines: Vec<&str> = whole.lines().collect();
        let is_member = |mistake: &Finding| {
            let line = mistake.at.line.checked_sub(1).and_then(|n| lines.get(n));
            line.is_some_and(|line| text::is_member(line))
        };
        self.findings.extend(mistakes.into_iter().filter(|it| is_yaml || is_member(it)));
        if is_yaml {
            let message = format!("not valid YAML: {}", error.reason);
            self.findings.push(Finding::new(Code::BadYaml, error.at, message));
        }
        self.search(source);
    }

    /// Terraform's language, by the name of the file or by its look alone.
    fn hcl(&mut self, source: &Source, form: Form) {
        let named = form == Form::Hcl;
        match hcl::read(source) {
            Ok(root) => {
                self.configuration(source, &root);
            }
            Err(error) => {
                if !named && (self.hcl_template(source) || self.yaml(source)) {
                    return;
                }
                if !named && markdown::looks_like(source) {
                    return self.markdown(source);
                }
                if named || (form != Form::Template && hcl::begins_with(source)) {
                    let message = format!("not valid HCL: {}", error.reason);
                    self.findings.push(Finding::new(Code::BadHcl, error.at, message));
                }
                self.search(source);
            }
        }
    }

    fn configuration(&mut self, source: &Source, root: &Node) {
        let outer = std::mem::replace(&mut self.is_hcl, true);
        self.terraform(source, root);
        self.is_hcl = outer;
    }

    /// Whether it is such a configuration once it is filled in, and was looked at.
    fn hcl_template(&mut self, source: &Source) -> bool {
        let Some((pierced, first)) = template(source, |holes| holes) else { return false };
        let Ok(mut root) = hcl::read(&pierced) else { return false };
        root.fill(&pierced);
        self.configuration(&pierced, &root);
        self.unfilled(&pierced, &first);
        true
    }

    /// A page: its blocks of code, then whatever else is in it.
    fn markdown(&mut self, source: &Source) {
        let mut read: Vec<Range<usize>> = Vec::new();
        for block in markdown::blocks(source) {
            if block.is_abridged || self.block(&block) {
                read.push(block.range);
            }
        }
        self.search(&source.blanked(&read));
    }

    /// Whether a block of code was what it says it is, and was looked at.
    fn block(&mut self, block: &markdown::Block) -> bool {
        let source = &block.source;
        match block.language.as_str() {
            "hcl" | "terraform" | "tf" | "tofu" | "opentofu" => match hcl::read(source) {
                Ok(root) => {
                    self.configuration(source, &root);
                    true
                }
                Err(_) => false,
            },
            "json" | "jsonc" | "yaml" | "yml" | "cloudformation" | "cfn" | "helm" | "" => {
                if matches!(source.first(), Some('{' | '[')) {
                    return self.json(source);
                }
                if block.language.is_empty() && hcl::looks_like(source) {
                    return hcl::read(source).is_ok_and(|root| {
                        self.configuration(source, &root);
                        true
                    });
                }
                self.yaml(source)
            }
            _ => false,
        }
    }

    /// A text in a document: whether it is a document too, and was looked at. What is no
    /// document is text like any.
    pub(super) fn inner_document(&mut self, source: &Source) -> bool {
        if matches!(source.first(), Some('{' | '[')) {
            let (node, mistakes) = json::read(source);
            if !mistakes.iter().all(is_comma) && statements(&node).is_none() {
                return false;
            }
            self.mistakes(source, mistakes);
            self.document(source, &node);
            return true;
        }
        if hcl::looks_like(source) {
            return hcl::read(source).is_ok_and(|root| {
                self.configuration(source, &root);
                true
            });
        }
        let Ok(documents) = yaml::read(source) else { return false };
        let is_document = |node: &Node| node.is_map() || !node.items().is_empty();
        if !documents.iter().any(is_document) {
            return false;
        }
        self.documents(source, &documents);
        true
    }

    fn documents(&mut self, source: &Source, documents: &[Node]) {
        for node in documents {
            self.document(source, node);
        }
    }

    /// What could be read once its placeholders were taken for values: one of them is reported.
    fn template_document(&mut self, source: &Source, documents: &[Node], first: &Range<usize>) {
        let before = std::mem::take(&mut self.found_something);
        self.is_loose = true;
        self.documents(source, documents);
        self.is_loose = false;
        if self.found_something {
            self.unfilled(source, first);
        }
        self.found_something |= before;
    }

    fn unfilled(&mut self, source: &Source, first: &Range<usize>) {
        if first.is_empty() {
            return;
        }
        let shown = source.filled(&source.text(first.clone())).0;
        self.findings.push(placeholder::unfilled(&shown, source.at(first.start)));
    }
}

/// The text as a template, and its first placeholder there, empty without any; nothing where it is no template.
fn template(
    source: &Source,
    choose: impl Fn(Vec<Hole>) -> Vec<Hole>,
) -> Option<(Source, Range<usize>)> {
    if source.len() > LARGEST_TEMPLATE {
        return None;
    }
    let holes = choose(holes::find(source));
    if holes.is_empty() {
        return None;
    }
    let pierced = holes::pierced(source, &holes)?;
    let first =
        (0..pierced.len()).find(|i| pierced.get(*i).is_some_and(|c| pierced.hole(c).is_some()));
    // Directives alone leave no value to fill in.
    let first = first.map_or(0..0, |first| first..first + 1);
    Some((pierced, first))
}
