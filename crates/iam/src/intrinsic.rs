//! CloudFormation's functions, as far as their result can be told.

use super::node::Node;

/// What one of CloudFormation's functions gives, unknown parts as `${...}`.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html>
pub(super) fn template_text(node: &Node) -> Option<String> {
    if let Some(tag) = &node.tag {
        return Some(function_text(tag, node));
    }
    match node.members() {
        [member] if member.key == "Ref" => Some(function_text("Ref", &member.value)),
        [member] => member.key.strip_prefix("Fn::").map(|name| function_text(name, &member.value)),
        _ => None,
    }
}

fn function_text(name: &str, argument: &Node) -> String {
    let plain = |node: &Node| node.text().map(str::to_owned);
    let found = match name {
        "Ref" => plain(argument).map(|name| format!("${{{name}}}")),
        "GetAtt" => match argument.items() {
            [] => plain(argument).map(|name| format!("${{{name}}}")),
            parts => {
                let parts: Vec<_> = parts.iter().filter_map(Node::text).collect();
                Some(format!("${{{}}}", parts.join(".")))
            }
        },
        "Sub" => plain(argument.items().first().unwrap_or(argument)),
        "Join" => match argument.items() {
            [between, parts] => between.text().map(|between| {
                let parts = parts.items().iter();
                let parts: Vec<_> = parts
                    .map(|part| {
                        template_text(part).or_else(|| plain(part)).unwrap_or_else(|| "${?}".into())
                    })
                    .collect();
                parts.join(between)
            }),
            _ => None,
        },
        _ => None,
    };
    found.unwrap_or_else(|| "${?}".to_owned())
}

/// The statements that `Fn::If` chooses from; else the node itself, but for
/// functions whose result nobody knows.
pub(super) fn alternatives(node: &Node) -> Vec<&Node> {
    let choices = match (node.tag.as_deref(), node.members()) {
        (Some("If"), _) => node.items(),
        (None, [only]) if only.key == "Fn::If" => only.value.items(),
        _ if template_text(node).is_some() => return Vec::new(),
        _ => return vec![node],
    };
    choices.iter().skip(1).flat_map(alternatives).collect()
}
