//! Terraform's own ways to write a policy: the data source `aws_iam_policy_document`.
//! <https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document>

use super::intrinsic::NAMELESS;
use super::node::{self, Kind, Member, Node, Unknown};

/// What only a statement of that data source has.
const OF_STATEMENT: [&str; 8] = [
    "actions",
    "not_actions",
    "resources",
    "not_resources",
    "principals",
    "not_principals",
    "condition",
    "effect",
];

/// Whether it is the body of such a data source, in HCL, JSON or Terraform's state.
pub(super) fn is_policy_document(node: &Node) -> bool {
    let is_statement = |node: &Node| OF_STATEMENT.iter().any(|name| node.get(name).is_some());
    // IAM's own members in lower case: a policy in JSON.
    let is_json = |node: &Node| {
        let mut keys = node.members().iter().map(|member| member.key.to_ascii_lowercase());
        keys.any(|key| ["action", "notaction", "principal", "notprincipal"].contains(&key.as_str()))
    };
    let statements = blocks(node, "statement");
    !statements.is_empty()
        && !statements.iter().any(|(node, _)| is_json(node))
        && statements.iter().all(|(node, _)| node.is_map() || node.is_unknown())
        && statements.iter().any(|(node, _)| is_statement(node))
}

/// The policy that the data source makes.
pub(super) fn policy(node: &Node) -> Node {
    let new = |key: &str, value: Node| Member::new(key, value.at, value);
    let text = |text: &str| Node { kind: Kind::Text(text.to_owned()), tag: None, ..node.clone() };
    let mut members = vec![
        renamed(node, "version", "Version").unwrap_or_else(|| new("Version", text("2012-10-17"))),
    ];
    members.extend(renamed(node, "policy_id", "Id"));
    let mut statements: Vec<Node> = Vec::new();
    for (body, may_lack) in blocks(node, "statement") {
        let body = statement(body);
        statements.push(if may_lack {
            Node { kind: Kind::Either(vec![body.clone()]), ..body }
        } else {
            body
        });
    }
    // What other documents add.
    let added =
        ["source_policy_documents", "override_policy_documents", "source_json", "override_json"];
    for name in added {
        if let Some(other) = present(node, name) {
            statements.push(Node { kind: Kind::Unknown(name.to_owned()), ..other.clone() });
        }
    }
    members.push(new("Statement", Node { kind: Kind::List(statements), ..text("") }));
    Node { kind: Kind::Map(members), tag: None, ..node.clone() }
}

/// The policy that a module makes of an input of statements: a list of them, or a map.
pub(super) fn policy_of_input(input: &Node) -> Option<Node> {
    let values: Vec<&Node> = match &input.kind {
        Kind::List(items) => items.iter().collect(),
        Kind::Map(members) => members.iter().map(|member| &member.value).collect(),
        _ => return None,
    };
    let is_action = |node: &Node| node.text().is_none_or(|text| text.contains(':') || text == "*");
    let is_statement = |node: &Node| {
        let actions = ["actions", "not_actions"].iter().filter_map(|name| node.get(name));
        let actions: Vec<&Node> = actions.flat_map(Node::each).collect();
        !actions.is_empty() && actions.into_iter().all(is_action)
    };
    let is_one = |node: &&&Node| is_statement(node) && node.is_map();
    if values.iter().filter(is_one).count() != values.len() || values.is_empty() {
        return None;
    }
    let statements = values.into_iter().map(|value| {
        let mut members: Vec<Member> = value.members().iter().map(as_blocks).collect();
        // Whatever the module fills in by itself.
        members.push(more(value));
        Node { kind: Kind::Map(members), ..value.clone() }
    });
    let statements = Node { kind: Kind::List(statements.collect()), ..input.clone() };
    let document = Member::new("statement", input.at, statements);
    Some(policy(&Node { kind: Kind::Map(vec![document]), ..input.clone() }))
}

/// Blocks of a statement in a map, each behind a name of its own.
fn as_blocks(member: &Member) -> Member {
    let key = match member.key.as_str() {
        "conditions" => "condition",
        key => key,
    };
    let is_block = |node: &Node| node.get("test").is_some() || node.get("type").is_some();
    let values = member.value.members();
    let mut member = Member { key: key.to_owned(), ..member.clone() };
    if ["condition", "principals", "not_principals"].contains(&key)
        && !values.is_empty()
        && values.iter().all(|it| is_block(&it.value))
    {
        let blocks = member.value.members().iter().map(|it| it.value.clone()).collect();
        member.value.kind = Kind::List(blocks);
    }
    member
}

fn statement(body: &Node) -> Node {
    let mut members: Vec<Member> = Vec::new();
    members.extend(renamed(body, "sid", "Sid"));
    let allow = Node { kind: Kind::Text("Allow".to_owned()), tag: None, ..body.clone() };
    members.push(
        renamed(body, "effect", "Effect").unwrap_or_else(|| Member::new("Effect", body.at, allow)),
    );
    for (name, to) in [("principals", "Principal"), ("not_principals", "NotPrincipal")] {
        members.extend(principals(body, name, to));
    }
    for (name, to) in [
        ("actions", "Action"),
        ("not_actions", "NotAction"),
        ("resources", "Resource"),
        ("not_resources", "NotResource"),
    ] {
        members.extend(renamed(body, name, to));
    }
    members.extend(conditions(body));
    members.extend(body.members().iter().filter(|it| it.key.is_empty()).cloned());
    Node { kind: Kind::Map(members), tag: None, ..body.clone() }
}

fn principals(body: &Node, name: &str, to: &str) -> Option<Member> {
    let all = blocks(body, name);
    let (first, _) = all.first()?;
    let mut members: Vec<Member> = Vec::new();
    for (block, may_lack) in &all {
        let (Some(kind), Some(names)) = (block.get("type"), block.get("identifiers")) else {
            members.push(more(block));
            continue;
        };
        let names = variables(names);
        if kind.text() == Some("*") && names.items().iter().any(|name| name.text() == Some("*")) {
            let all = Node { kind: Kind::Text("*".to_owned()), ..kind.clone() };
            return Some(Member::new(to, block.at, all));
        }
        add(&mut members, kind, names);
        if *may_lack {
            members.push(more(block));
        }
    }
    let at = first.at;
    Some(Member::new(to, at, Node { kind: Kind::Map(members), tag: None, ..(*first).clone() }))
}

fn conditions(body: &Node) -> Option<Member> {
    let all = blocks(body, "condition");
    let (first, _) = all.first()?;
    let mut operators: Vec<Member> = Vec::new();
    for (block, may_lack) in &all {
        let parts = (block.get("test"), block.get("variable"), block.get("values"));
        let (Some(test), Some(variable), Some(values)) = parts else {
            operators.push(more(block));
            continue;
        };
        let mut keys = Vec::new();
        add(&mut keys, &variables(variable), variables(values));
        let empty = Node { kind: Kind::Map(Vec::new()), tag: None, ..(*block).clone() };
        let (name, _) = key_of(test);
        let index = operators.iter().position(|it| it.key == name).unwrap_or_else(|| {
            add(&mut operators, test, empty);
            operators.len() - 1
        });
        let operator = &mut operators[index];
        if let Kind::Map(members) = &mut operator.value.kind {
            // The same key twice: any of the values will do.
            for key in keys {
                match members.iter_mut().find(|it| it.key == key.key) {
                    Some(other) => extend(&mut other.value, key.value),
                    None => members.push(key),
                }
            }
        }
        if *may_lack {
            operators.push(more(block));
        }
    }
    let at = first.at;
    let kind = Kind::Map(operators);
    Some(Member::new("Condition", at, Node { kind, tag: None, ..(*first).clone() }))
}

/// A member whose key is a value; of the same key, the values of both.
fn add(members: &mut Vec<Member>, key: &Node, value: Node) {
    let (name, key_unknown) = key_of(key);
    match members.iter_mut().find(|it| it.key == name && it.key_unknown.is_empty()) {
        Some(member) => extend(&mut member.value, value),
        None => members.push(Member { key_unknown, ..Member::new(name, key.at, value) }),
    }
}

fn key_of(key: &Node) -> (String, Unknown) {
    match &key.kind {
        Kind::Text(text) => (text.clone(), Vec::new()),
        Kind::Open(text, unknown) => (text.clone(), unknown.clone()),
        Kind::Unknown(text) => (text.clone(), node::all_of(text)),
        _ => (NAMELESS.to_owned(), node::all_of(NAMELESS)),
    }
}

/// The values of both, in the place of the first.
fn extend(one: &mut Node, other: Node) {
    if !matches!(one.kind, Kind::List(_)) {
        one.kind = Kind::List(vec![one.clone()]);
    }
    if let Kind::List(items) = &mut one.kind {
        match other.kind {
            Kind::List(others) => items.extend(others),
            _ => items.push(other),
        }
    }
}

/// In its place may come members that are not known.
fn more(of: &Node) -> Member {
    let kind = Kind::Unknown(NAMELESS.to_owned());
    Member::new("", of.at, Node { kind, tag: None, ..of.clone() })
}

/// The blocks or objects of a name, and whether each may be missing: of a `dynamic` block.
fn blocks<'a>(node: &'a Node, name: &str) -> Vec<(&'a Node, bool)> {
    let members = node.members().iter().filter(|member| member.key == name);
    let values = members.flat_map(|member| {
        let may_lack = member.value.is_unknown();
        member.value.each().into_iter().map(move |value| (value, may_lack))
    });
    values.filter(|(value, _)| !matches!(value.kind, Kind::Null)).collect()
}

/// A member that is there: state and plans have `null` and empty lists for what is not.
fn present<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    node.get(name).filter(|value| match &value.kind {
        Kind::Null => false,
        Kind::List(items) => !items.is_empty(),
        Kind::Text(text) => !text.is_empty(),
        _ => true,
    })
}

fn renamed(node: &Node, name: &str, to: &str) -> Option<Member> {
    let value = present(node, name)?;
    let at = node.members().iter().find(|member| member.key == name)?.key_at;
    Some(Member::new(to, at, variables(value)))
}

/// `&{aws:username}` is the policy variable `${aws:username}`.
fn variables(node: &Node) -> Node {
    let kind = match &node.kind {
        Kind::Text(text) => Kind::Text(text.replace("&{", "${")),
        Kind::Open(text, unknown) => Kind::Open(text.replace("&{", "${"), unknown.clone()),
        Kind::List(items) => Kind::List(items.iter().map(variables).collect()),
        Kind::Either(items) => Kind::Either(items.iter().map(variables).collect()),
        other => other.clone(),
    };
    Node { kind, ..node.clone() }
}

/// Whether an object is a configuration of Terraform in JSON.
pub(super) fn is_json_configuration(node: &Node) -> bool {
    let is_section = |name: &str| {
        node.get(name).is_some_and(|section| {
            let of_provider = |member: &Member| member.key.contains('_') || name == "module";
            section.each().iter().any(|it| it.members().iter().any(of_provider))
        })
    };
    ["resource", "data", "module"].into_iter().any(is_section)
}

/// The same, with Terraform's interpolations separated from the texts around them.
pub(super) fn interpolated(node: &Node) -> Node {
    let kind = match &node.kind {
        Kind::Text(text) => interpolations(text),
        Kind::List(items) => Kind::List(items.iter().map(interpolated).collect()),
        Kind::Map(members) => Kind::Map(
            members
                .iter()
                .map(|member| {
                    let value = interpolated(&member.value);
                    match interpolations(&member.key) {
                        Kind::Open(key, key_unknown) => {
                            Member { key, key_unknown, value, ..member.clone() }
                        }
                        _ => Member { value, ..member.clone() },
                    }
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Node { kind, ..node.clone() }
}

/// `$${x}` is the text `${x}`.
fn interpolations(text: &str) -> Kind {
    let mut filled = String::with_capacity(text.len());
    let mut unknown: Unknown = Vec::new();
    let mut rest = text;
    while let Some(index) = rest.find(['$', '%']) {
        filled.push_str(&rest[..index]);
        rest = &rest[index..];
        let mark = &rest[..1];
        if let Some(behind) = rest.strip_prefix("$${").or_else(|| rest.strip_prefix("%%{")) {
            filled.push_str(mark);
            filled.push('{');
            rest = behind;
        } else if rest[1..].starts_with('{')
            && let Some(end) = closing(&rest[1..])
        {
            let start = filled.len();
            filled.push_str(&rest[..=end]);
            unknown.push(start..filled.len());
            rest = &rest[end + 1..];
        } else {
            filled.push_str(mark);
            rest = &rest[1..];
        }
    }
    filled.push_str(rest);
    match unknown.as_slice() {
        [] => Kind::Text(filled),
        [all] if *all == (0..filled.len()) => Kind::Unknown(filled),
        _ => Kind::Open(filled, unknown),
    }
}

/// Where the brace at the beginning is closed.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            '{' if !in_text => depth += 1,
            '}' if !in_text => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ => {}
        }
    }
    None
}
