use super::*;
use crate::place::Source;
use crate::yaml;

/// The first document, resolved.
fn resolved(text: &str) -> Node {
    let documents = yaml::read(&Source::new(text)).expect("good YAML");
    resolve(&documents[0])
}

fn kind(value: &str) -> Kind {
    resolved(&format!("a: {value}\n")).get("a").map_or(Kind::Null, |node| node.kind.clone())
}

/// How it is written, with the parts that are not known.
fn shown(value: &str) -> String {
    match kind(value) {
        Kind::Text(text) => format!("text {text}"),
        Kind::Open(text, unknown) => {
            let parts: Vec<&str> = unknown.into_iter().map(|part| &text[part]).collect();
            format!("open {text} [{}]", parts.join(" "))
        }
        Kind::Unknown(text) => format!("unknown {text}"),
        Kind::Either(items) => format!("one of {}", items.len()),
        Kind::List(items) => format!("{} items", items.len()),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_function_gives_what_is_known_of_its_result() {
    for (value, wanted) in [
        ("!Ref Name", "unknown ${Name}"),
        ("{Ref: 'AWS::Region'}", "unknown ${AWS::Region}"),
        ("!GetAtt Role.Arn", "unknown ${Role.Arn}"),
        ("!GetAtt [Role, Arn]", "unknown ${Role.Arn}"),
        ("{'Fn::GetAtt': [Role, Arn]}", "unknown ${Role.Arn}"),
        ("!Sub plain", "text plain"),
        ("!Sub 'x-${Name}-${!aws:username}'", "open x-${Name}-${aws:username} [${Name}]"),
        ("!Sub ['${A}:sub', {A: x}]", "text x:sub"),
        ("!Sub ['${A}:${B}:${!C}', {A: x}]", "open x:${B}:${C} [${B}]"),
        (
            "!Sub ['${A}:sub', {A: !Sub 'x.${AWS::Region}'}]",
            "open x.${AWS::Region}:sub [${AWS::Region}]",
        ),
        ("!Sub [\"{\\n${A}\", {A: x}]", "open {\n${A} [${A}]"),
        ("{'Fn::Sub': ['${A}:sub', {A: !Ref B}]}", "open ${A}:sub [${A}]"),
        ("!Join ['', [a, b]]", "text ab"),
        (
            "!Join [':', [arn, !Ref 'AWS::Partition', s3]]",
            "open arn:${AWS::Partition}:s3 [${AWS::Partition}]",
        ),
        ("!Join ['', !Split [',', x]]", "unknown ${?}"),
        ("!Join ['', [a, !ImportValue x]]", "open a${?} [${?}]"),
        ("!Select [1, [a, b]]", "text b"),
        ("!Select ['0', !Split [',', x]]", "unknown ${?}"),
        ("!If [C, a, b]", "one of 2"),
        ("!If [C, a, !Ref 'AWS::NoValue']", "one of 1"),
        ("[a, !Ref 'AWS::NoValue']", "1 items"),
        ("!ImportValue x", "unknown ${?}"),
        ("!FindInMap [a, b, c]", "unknown ${?}"),
        ("{'Fn::FindInMap': [a, b, c, {DefaultValue: d}]}", "unknown ${?}"),
        ("!Base64 x", "unknown ${?}"),
        ("!Cidr [x, 1, 2]", "unknown ${?}"),
        ("!GetAZs ''", "unknown ${?}"),
        ("!Split [',', x]", "unknown ${?}"),
        ("{'Fn::Length': [a]}", "unknown ${?}"),
        ("{'Fn::ToJsonString': [a, b]}", "2 items"),
        ("!ToJsonString [a, b]", "2 items"),
        ("{'Fn::Transform': {Name: 'AWS::Include'}}", "unknown ${?}"),
        ("!Equals [a, b]", "unknown ${?}"),
        ("!Whatever x", "unknown ${?}"),
        ("plain ${x}", "text plain ${x}"),
    ] {
        assert_eq!(shown(value), wanted, "{value}");
    }
    let root = resolved("a: 1\nb: !Ref 'AWS::NoValue'\n");
    assert_eq!(root.members().len(), 1, "no value is no member");
}

#[test]
fn a_loop_has_names_of_its_own_in_keys_and_values() {
    let text = "Fn::ForEach::Roles:\n- Name\n- [one, two]\n- Role${Name}:\n    A: x-${Name}-&{Name}-${Other}\nAfter: ${Name}\n";
    let root = resolved(text);
    let body = &root.members()[0].value.items()[2];
    assert_eq!(body.members()[0].key_unknown.first(), Some(&(4..11)));
    let Some(Kind::Open(_, unknown)) = body.find(&["Role${Name}", "A"]).map(|node| &node.kind)
    else {
        panic!("the loop fills it in: {body:?}");
    };
    assert_eq!(unknown.len(), 2);
    assert_eq!(root.get("After").and_then(Node::text), Some("${Name}"));
}

#[test]
fn a_provider_of_the_template_has_an_arn_with_its_name() {
    let resources =
        "Resources:\n  P:\n    Type: AWS::IAM::OIDCProvider\n    Properties:\n      Url: URL\n";
    let arn = |name: &str| {
        format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{name}")
    };
    for (url, value, wanted) in [
        ("https://oidc.example.com/id/X", "!GetAtt P.Arn", Some(arn("oidc.example.com/id/X"))),
        ("https://oidc.example.com/id/X", "!Ref P", Some(arn("oidc.example.com/id/X"))),
        ("https://oidc.example.com/id/X", "!Sub '${P.Arn}'", Some(arn("oidc.example.com/id/X"))),
        (
            "https://oidc.example.com/id/X",
            "{'Fn::GetAtt': [P, Arn]}",
            Some(arn("oidc.example.com/id/X")),
        ),
        ("!Sub 'https://x.${AWS::Region}.y'", "!GetAtt P.Arn", Some(arn("x.${AWS::Region}.y"))),
        ("!Ref Url", "!GetAtt P.Arn", None),
        ("https://oidc.example.com/id/X", "!GetAtt Q.Arn", None),
    ] {
        let text = format!("{}a: {value}\n", resources.replace("URL", url));
        let root = resolved(&text);
        let kind = &root.get("a").expect("a").kind;
        let found = match kind {
            Kind::Open(text, unknown) => {
                let shown: Vec<&str> = unknown.iter().map(|it| &text[it.clone()]).collect();
                let wanted = text.matches("${").count();
                assert_eq!(shown.len(), wanted, "{shown:?}");
                assert!(
                    shown.iter().all(|it| it.starts_with("${AWS::") && it.ends_with('}')),
                    "{shown:?}"
                );
                Some(text.clone())
            }
            _ => None,
        };
        assert_eq!(found, wanted, "{text}");
    }
}
