//! Keys of CloudFormation's templates: text as it stands, never substituted.

use serde_json::Value;

use crate::finding::{Code, Finding};
use crate::intrinsic::{NAMELESS, function};
use crate::node::{Kind, Member, Node};
use crate::place::Position;

/// Whether it is a template, or a resource of one.
pub(super) fn is_template(root: &Node) -> bool {
    ["Resources", "Properties"].into_iter().any(|name| root.get(name).is_some_and(Node::is_map))
}

/// Names the keys that were meant to be filled in, which are unknown from then on.
pub(super) fn check(root: &mut Node, is_json: bool) -> Vec<Finding> {
    let mut checker = Checker { is_json, found: Vec::new(), loops: Vec::new(), in_document: false };
    checker.node(root, None);
    checker.found
}

struct Checker {
    is_json: bool,
    found: Vec<Finding>,
    /// The names that `Fn::ForEach` around has: those are substituted in keys too.
    loops: Vec<String>,
    in_document: bool,
}

/// IAM takes no larger policy: one that is would be no help as a mended text.
const LARGEST: usize = 16 << 10;

impl Checker {
    /// `fix` is the document around, as it should be.
    fn node(&mut self, node: &mut Node, fix: Option<&str>) {
        match &mut node.kind {
            Kind::List(items) => items.iter_mut().for_each(|item| self.node(item, fix)),
            Kind::Map(members) => {
                for member in members {
                    self.member(member, fix);
                }
            }
            _ => {}
        }
    }

    fn member(&mut self, member: &mut Member, fix: Option<&str>) {
        let looped = match (member.key.starts_with("Fn::ForEach::"), member.value.items()) {
            (true, [name, ..]) => name.text().map(str::to_owned),
            _ => None,
        };
        let is_loop = looped.is_some();
        self.loops.extend(looped);
        if member.key_tag.is_some() {
            self.report(member.key_at, fix);
            member.forget_key();
        }
        // The outermost; each finding in it has the same.
        let is_document =
            !self.in_document && member.key.ends_with("PolicyDocument") && member.value.is_map();
        let own = if is_document { self.mended(&member.key, &member.value) } else { None };
        self.in_document |= is_document;
        let fix = own.as_deref().or(fix);
        if member.key == "Condition"
            && self.in_document
            && let Some(("Sub" | "Join", argument)) = function(&member.value)
        {
            self.report(argument.at, fix);
            member.value.kind = Kind::Unknown(NAMELESS.to_owned());
            member.value.tag = None;
        } else if member.key == "Condition" && member.value.is_map() {
            self.conditions(&mut member.value, fix);
        } else {
            self.node(&mut member.value, fix);
        }
        self.in_document &= !is_document;
        if is_loop {
            self.loops.pop();
        }
    }

    /// The operators of a statement.
    fn conditions(&mut self, node: &mut Node, fix: Option<&str>) {
        let Kind::Map(operators) = &mut node.kind else { return };
        for operator in operators {
            if let Some(("Sub" | "Join", argument)) = function(&operator.value) {
                self.report(argument.at, fix);
                operator.value.kind = Kind::Unknown(NAMELESS.to_owned());
                operator.value.tag = None;
            }
            let Kind::Map(members) = &mut operator.value.kind else { continue };
            for member in members {
                let is_looped = self.loops.iter().any(|name| member.key.contains(name.as_str()));
                if member.key_tag.is_some() || (is_filled_in(&member.key) && !is_looped) {
                    self.report(member.key_at, fix);
                    member.forget_key();
                }
            }
        }
    }

    fn report(&mut self, at: Position, fix: Option<&str>) {
        let message = "CloudFormation does not substitute in keys, and a key can't be a function: \
                       write the whole policy as JSON text under Fn::Sub";
        let finding = Finding::new(Code::KeyNotSubstituted, at, message);
        self.found.push(match fix {
            Some(fix) => finding.fixed(fix),
            None => finding,
        });
    }

    /// The whole document as JSON under `Fn::Sub`; nothing where it has what only other
    /// functions give.
    fn mended(&self, key: &str, document: &Node) -> Option<String> {
        let json = value(document)?;
        if json.to_string().len() > LARGEST {
            return None;
        }
        if self.is_json {
            return Some(format!("{key:?}: {{\"Fn::Sub\": {}}}", Value::String(json.to_string())));
        }
        let text = serde_json::to_string_pretty(&json).ok()?;
        let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
        Some(format!("{key}:\n  Fn::Sub: |\n{}", lines.join("\n")))
    }
}

/// IAM's own variables, such as `${aws:username}`, are not CloudFormation's.
fn is_filled_in(key: &str) -> bool {
    let mut names = key.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    names.any(|(name, _)| !name.starts_with(char::is_lowercase) || !name.contains(':'))
}

/// The value as it stands in text under `Fn::Sub`.
fn value(node: &Node) -> Option<Value> {
    if function(node).is_some() {
        return substituted(node).map(Value::String);
    }
    Some(match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(value) => Value::Bool(*value),
        Kind::Number(text) => serde_json::from_str(text).ok()?,
        // IAM's own variables.
        Kind::Text(text) => Value::String(text.replace("${", "${!")),
        Kind::List(items) => Value::Array(items.iter().map(value).collect::<Option<_>>()?),
        Kind::Map(members) => object(members, value)?,
        Kind::Open(..) | Kind::Unknown(_) | Kind::Either(_) => return None,
    })
}

/// A key that is no text is none that could be written.
fn object(members: &[Member], value: impl Fn(&Node) -> Option<Value>) -> Option<Value> {
    let member = |member: &Member| {
        let is_written =
            !member.key.is_empty() && !member.adds_more() && !member.key.contains(NAMELESS);
        let value = match member.key.as_str() {
            "Condition" => operand(&member.value, |node| object(literal(node)?, operator)),
            _ => value(&member.value),
        };
        is_written.then_some((member.key.clone(), value?))
    };
    Some(Value::Object(members.iter().map(member).collect::<Option<_>>()?))
}

/// What an operator holds.
fn operator(node: &Node) -> Option<Value> {
    operand(node, |node| object(literal(node)?, value))
}

/// The members of an object that is no function.
fn literal(node: &Node) -> Option<&[Member]> {
    (node.is_map() && function(node).is_none()).then(|| node.members())
}

/// `Fn::Sub: "KEY: VALUE"`, where an object was meant, is one; so is JSON in its text.
fn operand(node: &Node, otherwise: impl Fn(&Node) -> Option<Value>) -> Option<Value> {
    let text = || match function(node) {
        Some(("Sub", argument)) => argument.text(),
        _ => None,
    };
    if let Some(Ok(object @ Value::Object(_))) = text().map(serde_json::from_str) {
        return Some(object);
    }
    if let Some((key, text)) = text().and_then(|text| text.split_once(": ")) {
        let members = [(key.trim().to_owned(), Value::String(text.trim().to_owned()))];
        return Some(Value::Object(members.into_iter().collect()));
    }
    otherwise(node)
}

/// What a function gives, as text under `Fn::Sub` has it.
fn substituted(node: &Node) -> Option<String> {
    let (name, argument) = function(node)?;
    match (name, argument.items()) {
        ("Ref", _) => argument.text().map(|name| format!("${{{name}}}")),
        ("GetAtt", []) => argument.text().map(|name| format!("${{{name}}}")),
        ("GetAtt", parts) => {
            let parts: Option<Vec<_>> = parts.iter().map(Node::text).collect();
            Some(format!("${{{}}}", parts?.join(".")))
        }
        ("Sub", []) => argument.text().map(str::to_owned),
        ("Join", [between, parts]) => {
            let part = |part: &Node| {
                let literal = part.text().filter(|_| part.tag.is_none());
                literal.map(|text| text.replace("${", "${!")).or_else(|| substituted(part))
            };
            let parts: Option<Vec<String>> = parts.items().iter().map(part).collect();
            Some(parts?.join(between.text()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::{Code, lint_file};

    /// How often a condition's key in a template is reported.
    fn reports(key: &str) -> usize {
        reports_of(&format!(
            "Condition:\n            StringEquals:\n              {key}: system:serviceaccount:demo:app"
        ))
    }

    fn reports_of(condition: &str) -> usize {
        let text = format!(
            "Parameters: {{oidc: {{Type: String}}}}\nResources:\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n      AssumeRolePolicyDocument:\n        Version: '2012-10-17'\n        Statement:\n        - Effect: Allow\n          Principal: {{Federated: !Ref oidc}}\n          Action: sts:AssumeRoleWithWebIdentity\n          {condition}\n"
        );
        lint_file("x.yaml", &text).iter().filter(|it| it.code == Code::KeyNotSubstituted).count()
    }

    #[test]
    fn a_key_that_was_meant_to_be_filled_in_is_told() {
        for key in [
            "'${oidc}:sub'",
            "'x/${AWS::Region}:sub'",
            "!Sub '${oidc}:sub'",
            "!Join ['', [!Ref oidc, ':sub']]",
            "? {Fn::Sub: '${oidc}:sub'}\n              ",
            "Fn::Sub",
            "Fn::Join",
        ] {
            assert_eq!(reports(key), 1, "{key}");
        }
        assert_eq!(reports_of("Condition: !Sub '{\"StringEquals\": {\"${oidc}:sub\": \"x\"}}'"), 1);
        for key in [
            "x.example.com:sub",
            "'aws:RequestTag/${aws:PrincipalTag/team}'",
            "Fn::GetAtt",
            "Fn::FindInMap",
            "Fn::Transform",
        ] {
            assert_eq!(reports(key), 0, "{key}");
        }
    }
}
