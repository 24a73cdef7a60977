//! Why `role` does not make a role.

use std::fmt::Write as _;

use iam::{Audience, Format, Issuer, Permissions, Role, RoleName, Subject, Thumbprint};

#[test]
fn role_says_what_stands_in_the_file() {
    let subject = Subject::new("demo", "app").unwrap();
    let role = Role {
        issuer: "https://oidc.example.com/X".parse().unwrap(),
        audience: "sts.amazonaws.com".parse().unwrap(),
        name: subject.role_name().unwrap(),
        subject,
        account: None,
        permissions: None,
        provider_exists: false,
        thumbprints: Vec::new(),
    };
    let error = |result: Result<(), String>| result.expect_err("an error");
    let said = [
        error("http://oidc.example.com".parse::<Issuer>().map(drop).map_err(|it| it.to_string())),
        error(
            "https://oidc.example.com:6443"
                .parse::<Issuer>()
                .map(drop)
                .map_err(|it| it.to_string()),
        ),
        error(
            "https://oidc.example.com?x".parse::<Issuer>().map(drop).map_err(|it| it.to_string()),
        ),
        error(Subject::new("Demo", "app").map(drop).map_err(|it| it.to_string())),
        error(" ".parse::<Audience>().map(drop).map_err(|it| it.to_string())),
        error("my role".parse::<RoleName>().map(drop).map_err(|it| it.to_string())),
        error("aa:bb".parse::<Thumbprint>().map(drop).map_err(|it| it.to_string())),
        error(role.write(Format::Cli).map(drop).map_err(|it| it.to_string())),
        error(Permissions::read("{").map(drop).map_err(|it| it.to_string())),
        error(Permissions::read("a: b").map(drop).map_err(|it| it.to_string())),
        error(Permissions::read(TRUST).map(drop).map_err(|it| it.to_string())),
    ];
    let mut all = String::new();
    for line in said {
        writeln!(all, "{line}").unwrap();
    }
    super::golden("role.txt", &all);
}

const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;
