use super::*;

#[test]
fn deep_nesting_is_an_error_with_its_place() {
    for piece in
        ["[", "{a=", "(", "f(", "a[", "\"${", "[for a in ", "{for a in ", "b {\n", "[\"${{a=(!f("]
    {
        let text = format!("a = {}", piece.repeat(50_000));
        let error = read(&Source::new(&text)).expect_err(piece);
        assert!(error.reason.contains("nested more than"), "{piece}: {}", error.reason);
    }
    for piece in ["!", "-", "a ? b : ", "a ? ", "1 + "] {
        read(&Source::new(&format!("a = {}1", piece.repeat(50_000)))).expect_err(piece);
    }
    for piece in ["%{ if a }", "%{ for a in b }", "${"] {
        read(&Source::new(&format!("a = <<E\n{}\nE\n", piece.repeat(50_000)))).expect_err(piece);
    }
}

#[test]
fn takes_what_is_as_deep_as_the_maximum() {
    for (open, close) in [("[", "]"), ("{a=", "}"), ("[for x in ", ": x]"), ("f(", ")")] {
        let text = format!("a = {}1{}", open.repeat(38), close.repeat(38));
        assert!(read(&Source::new(&text)).is_ok(), "{open}");
    }
}

#[test]
fn an_object_or_a_file_has_a_maximum() {
    let members: Vec<String> = (0..3000).map(|n| format!("k{n} = 1\n")).collect();
    let members = members.concat();
    let error = read(&Source::new(&format!("a = {{\n{members}}}"))).expect_err("too many");
    assert!(error.reason.contains("1000 members"), "{}", error.reason);
    let error = read(&Source::new(&"#".repeat((1 << 20) + 1))).expect_err("too large");
    assert!(error.reason.contains("maximum for HCL"), "{}", error.reason);
}

#[test]
fn what_is_between_quotes_and_in_comments_is_no_nesting() {
    let brackets = "[{(".repeat(30);
    for text in [
        format!("a = \"{brackets}\"\n"),
        format!("# {brackets}\n// {brackets}\n/* {brackets} */\na = 1\n"),
        format!("a = <<-EOF\n  {brackets} $${{ EOFX\n  EOF\nb = 1\n"),
        format!("a = f(<<EOF\n{brackets}\nEOF\n, \"${{b[\"c\"]}} {brackets}\")\n"),
    ] {
        assert!(read(&Source::new(&text)).is_ok(), "{text}");
    }
}

#[test]
fn keeps_what_is_known_and_its_places() {
    let text = "resource \"x\" \"y\" {\n  a = \"n\u{e9}-${var.b}\"\n  c = [\"k\", d.e]\n  dynamic \"f\" {\n    content {\n      g = 1\n    }\n  }\n}\n";
    let root = read(&Source::new(text)).expect("HCL");
    let body = root.find(&["resource", "x", "y"]).expect("the resource");
    let a = body.get("a").expect("a");
    assert_eq!(a.at, Position { line: 2, column: 7 });
    assert!(
        matches!(&a.kind, Kind::Open(text, unknown) if text == "n\u{e9}-${var.b}" && unknown.first() == Some(&(4..12)))
    );
    let c = body.get("c").expect("c");
    assert_eq!(c.items()[1].at, Position { line: 3, column: 13 });
    assert!(matches!(&c.items()[1].kind, Kind::Unknown(shown) if shown == "d.e"));
    assert!(matches!(&body.get("f").expect("f").kind, Kind::Either(items) if items.len() == 1));
}

#[test]
fn functions_that_only_change_the_form_are_known() {
    let kind = |value: &str| {
        let root = read(&Source::new(&format!("a = {value}\n"))).expect(value);
        root.get("a").expect("a").kind.clone()
    };
    let shown = |value: &str| match kind(value) {
        Kind::Text(text) => format!("text {text}"),
        Kind::Open(text, unknown) => format!("open {text} {unknown:?}"),
        Kind::Unknown(text) => format!("unknown {text}"),
        Kind::List(items) => format!("list {}", items.len()),
        Kind::Map(members) => {
            let keys: Vec<_> = members.iter().map(|member| member.key.clone()).collect();
            format!("map {}", keys.join(","))
        }
        Kind::Either(items) => format!("one of {}", items.len()),
        other => format!("{other:?}"),
    };
    for (value, wanted) in [
        ("jsonencode({ A = 1 })", "map A"),
        ("\"${jsonencode({ A = 1 })}\"", "map A"),
        ("toset([\"a\"])", "list 1"),
        ("concat([\"a\"], [\"b\", \"c\"], var.d)", "list 4"),
        ("flatten([[\"a\"], [\"b\"]])", "list 2"),
        ("merge({ A = 1, B = 2 }, { B = 3 })", "map A,B"),
        ("merge({ A = 1 }, var.b)", "map A,"),
        ("join(\":\", [\"a\", \"b\"])", "text a:b"),
        ("join(\":\", [\"a\", var.b])", "open a:${var.b} [2..10]"),
        ("join(\":\", var.b)", "unknown join(\":\", var.b)"),
        ("format(\"a:%s:100%%\", var.b)", "open a:${var.b}:100% [2..10]"),
        ("var.a ? \"b\" : \"c\"", "one of 2"),
        ("var.a ? \"b\" : null", "one of 1"),
        ("[for s in var.s : \"x:${s}\"]", "list 1"),
        ("{ for s in var.s : s => 1 }", "unknown { for s in var.s : s => 1 }"),
        ("templatefile(\"a\", {})", "unknown templatefile(\"a\", {})"),
        ("provider::x::jsonencode({})", "unknown provider::x::jsonencode({})"),
        ("\"$${aws:username}\"", "text ${aws:username}"),
        ("local.a", "unknown local.a"),
        ("(\"a\")", "text a"),
        ("<<-E\n    a\n      b\n    E\n", "text a\n  b\n"),
        ("-1", "Number(\"-1\")"),
        ("null", "Null"),
    ] {
        assert_eq!(shown(value), wanted, "{value}");
    }
}

#[test]
fn names_stand_for_what_is_in_the_file() {
    let shown = |value: &str| {
        let text = format!(
            r#"
locals {{
  host   = "oidc.example.com"
  issuer = "https://${{local.host}}/id/X"
  names  = {{ namespace = "demo", "of" = ["a", "b"] }}
  open   = "x-${{var.y}}"
  twice  = "a"
  deep   = "${{local.deeper}}"
  deeper = "${{local.deep}}"
  either = var.a ? "b" : "c"
}}
locals {{
  twice = "b"
}}
resource "aws_iam_openid_connect_provider" "x" {{
  url = local.issuer
}}
resource "aws_iam_openid_connect_provider" "each" {{
  for_each = var.all
  url      = "https://oidc.example.com"
}}
resource "aws_iam_openid_connect_provider" "open" {{
  url = var.issuer
}}
a = {value}
"#
        );
        let root = read(&Source::new(&text)).expect(value);
        match root.get("a").expect("a").kind.clone() {
            Kind::Text(text) => format!("text {text}"),
            Kind::Open(text, unknown) => format!("open {text} {}", unknown.len()),
            Kind::Unknown(text) => format!("unknown {text}"),
            Kind::List(items) => format!("list {}", items.len()),
            Kind::Either(items) => format!("one of {}", items.len()),
            other => format!("{other:?}"),
        }
    };
    let arn = "open arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:oidc-provider/oidc.example.com/id/X 2";
    for (value, wanted) in [
        ("local.host", "text oidc.example.com"),
        ("local.issuer", "text https://oidc.example.com/id/X"),
        ("\"${local.host}:sub\"", "text oidc.example.com:sub"),
        ("local.names.namespace", "text demo"),
        ("local.names[\"namespace\"]", "text demo"),
        ("local.names.of", "list 2"),
        ("local.names.other", "unknown local.names.other"),
        ("local.open", "open x-${var.y} 1"),
        ("\"${local.open}-z\"", "open ${local.open}-z 1"),
        ("local.twice", "unknown local.twice"),
        ("local.other", "unknown local.other"),
        ("local.deep", "unknown local.deep"),
        ("local.either", "one of 2"),
        ("format(\"%s:%s\", local.host, var.b)", "open oidc.example.com:${var.b} 1"),
        ("join(\":\", [local.host, \"sub\"])", "text oidc.example.com:sub"),
        ("replace(local.issuer, \"https://\", \"\")", "text oidc.example.com/id/X"),
        ("trimprefix(local.issuer, \"https://\")", "text oidc.example.com/id/X"),
        ("trimsuffix(local.host, \".com\")", "text oidc.example"),
        ("replace(local.host, \"/o.*/\", \"\")", "unknown replace(local.host, \"/o.*/\", \"\")"),
        ("replace(var.x, \"a\", \"b\")", "unknown replace(var.x, \"a\", \"b\")"),
        ("aws_iam_openid_connect_provider.x.arn", arn),
        ("aws_iam_openid_connect_provider.x[0].arn", arn),
        (
            "\"${replace(aws_iam_openid_connect_provider.x.url, \"https://\", \"\")}:aud\"",
            "text oidc.example.com/id/X:aud",
        ),
        ("\"${aws_iam_openid_connect_provider.x.url}:aud\"", "text oidc.example.com/id/X:aud"),
        ("aws_iam_openid_connect_provider.x.url", "unknown aws_iam_openid_connect_provider.x.url"),
        (
            "aws_iam_openid_connect_provider.each.arn",
            "unknown aws_iam_openid_connect_provider.each.arn",
        ),
        (
            "aws_iam_openid_connect_provider.open.arn",
            "unknown aws_iam_openid_connect_provider.open.arn",
        ),
    ] {
        assert_eq!(shown(value), wanted, "{value}");
    }
}

#[test]
fn names_that_name_others_cost_no_more_than_their_text() {
    let of = |size: usize| {
        let doubled = "[local.NEXT, local.NEXT]";
        let locals = (0..4)
            .map(|n| format!("  l{n} = {}\n", doubled.replace("NEXT", &format!("l{}", n + 1))));
        let locals: Vec<String> = locals.collect();
        let locals = locals.concat();
        let last = format!("  l4 = \"{}\"\n", "x".repeat(size));
        let uses = "local.l0, ".repeat(size / 100);
        Source::new(&format!("locals {{\n{locals}{last}}}\na = [{uses}]\n"))
    };
    crate::cost::assert_linear("locals", 10_000, of, |source| {
        let _ = read(source);
    });
    let grown = "replace(".repeat(30) + "\"aaaaaaaa\"" + &", \"a\", \"aaaaaaaa\")".repeat(30);
    assert!(read(&Source::new(&format!("a = {grown}\n"))).is_ok());
}

#[test]
fn names_and_functions_that_make_little_of_much_cost_no_more_than_their_text() {
    // Many uses of a local that is long as it is written, and short as a value.
    for function in [
        "join(\"\", [PARTS])",
        "trimprefix(join(\"\", [PARTS]), \"x\")",
        "format(\"%s\", [PARTS])",
        "merge([PARTS], 1)",
        "{ a = [PARTS] }.b",
        "unknown([PARTS])",
        "[for x in y : [PARTS]][0]",
    ] {
        let of = |size: usize| {
            let parts = "\"aaaaaaaa\", ".repeat(size);
            let uses = "local.many, ".repeat(size);
            let local = function.replace("PARTS", &parts);
            Source::new(&format!("locals {{\n  many = {local}\n}}\na = [{uses}]\n"))
        };
        crate::cost::assert_linear(function, 2_000, of, |source| {
            let _ = read(source);
        });
    }
    // Many arguments.
    for (begin, argument) in [("merge(", "{a# = 1}, "), ("merge(", "x#, "), ("concat(", "[1], ")] {
        let of = |size: usize| {
            let all: String = (0..size).map(|n| argument.replace('#', &n.to_string())).collect();
            Source::new(&format!("a = {begin}{all})\n"))
        };
        crate::cost::assert_linear(argument, 4_000, of, |source| {
            assert!(read(source).is_ok());
        });
    }
}

#[test]
fn of_maps_that_are_merged_the_last_member_of_a_key_counts() {
    let source = Source::new("a = merge({b = 1, c = 2}, x, {b = 3}, {d = 4, b = 5})\n");
    let root = read(&source).expect("HCL");
    let Kind::Map(members) = &root.get("a").expect("a").kind else { panic!("a map") };
    let members: Vec<String> =
        members.iter().map(|it| format!("{}={:?}", it.key, it.value.kind)).collect();
    assert_eq!(
        members,
        ["c=Number(\"2\")", "=Unknown(\"x\")", "d=Number(\"4\")", "b=Number(\"5\")"]
    );
}

#[test]
fn cost_of_the_guard_is_linear() {
    for piece in ["<<", "<<a ", "<< a", "<<-a-", "<<a", "a = 1 # <<\n", "\"<<\" "] {
        let of = |size| Source::new(&piece.repeat(size));
        crate::cost::assert_linear(piece, 20_000, of, |source| {
            let _ = super::guard::check(source);
        });
    }
}
