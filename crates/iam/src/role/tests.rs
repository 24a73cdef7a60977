use super::*;
use crate::{Policy, Verdict, WebIdentityRequest, account, simulate};

fn role(namespace: &str, service_account: &str) -> Role {
    Role {
        issuer: "https://oidc.example.com/id/X".parse().expect("an issuer"),
        subjects: Subjects::new(&[namespace], &[service_account]).expect("good names"),
        audiences: audiences(&["sts.amazonaws.com"]),
        name: "app".parse().expect("a name"),
        path: RolePath::default(),
        partition: "aws-cn",
        account: account("aws-cn", "111122223333").ok(),
        region: None,
        permissions: Vec::new(),
        max_session: None,
        boundary: None,
        tags: Tags::default(),
        provider_exists: false,
        thumbprints: Vec::new(),
    }
}

fn audiences(all: &[&str]) -> Vec<Audience> {
    all.iter().map(|one| one.parse().expect("an audience")).collect()
}

fn json_of(role: &Role) -> serde_json::Value {
    let text = role.write(Format::Json).expect("an account is given");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn names_the_provider_by_the_issuer_with_its_path() {
    let json = json_of(&role("demo", "app"));
    let arn = "arn:aws-cn:iam::111122223333:oidc-provider/oidc.example.com/id/X";
    assert_eq!(json["OpenIDConnectProviderArn"], arn);
    assert_eq!(json["OpenIDConnectProvider"]["Url"], "https://oidc.example.com/id/X");
    let statement = &json["Role"]["AssumeRolePolicyDocument"]["Statement"][0];
    assert_eq!(statement["Principal"]["Federated"], arn);
    let wanted = serde_json::json!({"StringEquals": {
        "oidc.example.com/id/X:aud": "sts.amazonaws.com",
        "oidc.example.com/id/X:sub": "system:serviceaccount:demo:app",
    }});
    assert_eq!(statement["Condition"], wanted);
    let annotations = &json["ServiceAccount"]["metadata"]["annotations"];
    assert_eq!(annotations["eks.amazonaws.com/role-arn"], "arn:aws-cn:iam::111122223333:role/app");
}

#[test]
fn expands_wildcards_only_where_a_glob_was_asked_for() {
    let json = json_of(&role("demo", "*"));
    let condition = &json["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"];
    let wanted = serde_json::json!({
        "StringEquals": {"oidc.example.com/id/X:aud": "sts.amazonaws.com"},
        "StringLike": {"oidc.example.com/id/X:sub": "system:serviceaccount:demo:*"},
    });
    assert_eq!(*condition, wanted);
    assert_eq!(json["ServiceAccount"], serde_json::Value::Null, "no one ServiceAccount to print");
}

#[test]
fn quotes_hostile_text_for_each_format() {
    let mut role = role("demo", "app");
    role.audiences = audiences(&["it's $(id) `id` \\ \"x\" ${y} %{z}"]);
    role.permissions = Permissions::read(r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/it's/*"}]}"#).into_iter().collect();
    let text = role.write(Format::Cli).expect("an account is given");
    assert!(text.contains(r#""it\u0027s $(id) \u0060id\u0060 \\ \"x\""#), "{text}");
    let hcl = role.write(Format::Terraform).expect("HCL needs no account");
    assert!(hcl.contains("$${y} %%{z}"), "{hcl}");
    let template = role.write(Format::CloudFormation).expect("a template needs no account");
    let (_, manifest) = template.split_once("!Sub |").expect("the manifest's output");
    assert!(manifest.contains("${!y}") && manifest.contains(" ${Role.Arn}"), "{manifest}");
}

#[test]
fn fills_the_account_in_by_the_template_where_none_is_given() {
    let mut role = role("demo", "app");
    role.account = None;
    role.provider_exists = true;
    assert!(role.write(Format::Json).is_err() && role.write(Format::Cli).is_err());
    let template = role.write(Format::CloudFormation).expect("no account needed");
    assert!(
        template.contains(
            "${AWS::Partition}:iam::${AWS::AccountId}:oidc-provider/oidc.example.com/id/X"
        )
    );
    let hcl = role.write(Format::Terraform).expect("no account needed");
    assert!(hcl.contains("${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}"));
}

#[test]
fn needs_no_account_in_any_partition() {
    for (partition, issuer) in [
        ("aws-cn", "https://oidc.eks.cn-north-1.amazonaws.com.cn/id/X"),
        ("aws-us-gov", "https://oidc.eks.us-gov-west-1.amazonaws.com/id/X"),
        ("aws-cn", "https://oidc.example.com/id/X"),
        ("aws", "https://oidc.eks.eu-west-1.amazonaws.com/id/X"),
    ] {
        let mut role = role("a", "b");
        role.partition = partition;
        role.account = None;
        role.issuer = issuer.parse().expect("an issuer");
        for format in [Format::Terraform, Format::CloudFormation] {
            for provider_exists in [false, true] {
                role.provider_exists = provider_exists;
                let written = role.write(format).map(drop);
                assert_eq!(written, Ok(()), "{issuer} {format:?}");
            }
        }
    }
}

#[test]
fn a_script_does_nothing_where_it_cannot_tell_the_account() {
    let script = role("demo", "app").write(Format::Cli).expect("an account is given");
    let (before, _) = script.split_once("\nprovider=").expect("the provider comes then");
    let (_, check) = before.split_once("\ncaller=").expect("the check");
    assert!(check.contains("|| {\n  cat \"$errors\" >&2\n  exit 1\n}\n"), "{check}");
    assert!(check.contains("\n*) fail \"can't tell whose"), "{check}");
}

#[test]
fn refuses_permissions_that_the_linter_finds_errors_in() {
    for bad in [
        "",
        "{}",
        "{\"Version\": \u{201c}2012-10-17\u{201d}}",
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b"}]}"#,
        // A trust policy, and a bucket's.
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#,
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}]}"#,
    ] {
        assert!(Permissions::read(bad).is_err(), "{bad}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// What the program writes, it finds nothing in.
    fn is_clean(text: &str) {
        assert_eq!(lint(text), [], "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_it_writes_is_clean_and_does_what_it_says(
            namespace in "[a-z]([a-z0-9-]{0,10}[a-z0-9])?",
            name in "[a-z]([a-z0-9.-]{0,10}[a-z0-9])?",
            other in "[a-z]{1,8}",
            path in "(/[A-Za-z0-9._~-]{1,8}){0,3}",
            partition in prop::sample::select(crate::partition::PARTITIONS.as_slice()),
            audience in prop::sample::select(["sts.amazonaws.com", "amazonaws.com", "my cluster's", "a\"b"].as_slice()),
            glob: bool,
            provider_exists: bool,
        ) {
            let mut role = role(&namespace, if glob { "*" } else { &name });
            role.issuer = format!("https://oidc.example.com{path}").parse().expect("an issuer");
            role.audiences = audiences(&[audience]);
            role.partition = partition;
            role.account = account(partition, "111122223333").ok();
            role.provider_exists = provider_exists;
            for format in [Format::Json, Format::CloudFormation] {
                is_clean(&role.write(format).expect("an account is given"));
            }
            let policy = Policy::trust_policy(&role.write(Format::Json).expect("JSON")).expect("a policy");
            let ask = |subject: &str| {
                simulate(&policy, &WebIdentityRequest::new(role.issuer.url(), subject, &[audience]))
            };
            let ours = ask(&format!("system:serviceaccount:{namespace}:{name}"));
            prop_assert!(matches!(ours, Verdict::Allowed { .. }), "{:?}", ours);
            let another = ask(&format!("system:serviceaccount:{namespace}x:{other}"));
            prop_assert!(matches!(another, Verdict::Denied { .. }), "{:?}", another);
            if !glob && other != name {
                let another = ask(&format!("system:serviceaccount:{namespace}:{other}"));
                prop_assert!(matches!(another, Verdict::Denied { .. }), "{:?}", another);
            }
        }

        #[test]
        fn the_linter_and_the_evaluation_end_on_any_text(
            text in "(?s).{0,200}",
            odd in r#"([{}\[\]:,"'\\ \n\-|>&*!%#] ?|Statement|Version|Effect|DependsOn: |Resources:|\$\{|“|”|–|arn:aws:iam::1:|%7B|a){0,60}"#,
        ) {
            for text in [&text, &odd] {
                let _ = lint(text);
                let _ = Policy::trust_policy(text);
            }
        }
    }

    #[test]
    fn ends_on_a_good_policy_cut_or_changed_anywhere() {
        let good = role("demo", "app").write(Format::Json).expect("JSON");
        let chars: Vec<char> = good.chars().collect();
        for cut in 0..chars.len() {
            let text: String = chars[..cut].iter().collect();
            let _ = lint(&text);
            for replaced in ['"', '{', '\n', '\u{201d}'] {
                let mut text = chars.clone();
                text[cut] = replaced;
                let _ = lint(&text.iter().collect::<String>());
            }
        }
    }
}
