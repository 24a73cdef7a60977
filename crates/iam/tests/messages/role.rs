//! Why `role` does not make a role.

use std::fmt::Write as _;

use iam::{
    Audience, Boundary, Format, Issuer, PartitionHints, Permissions, Role, RoleName, RolePath,
    SessionDuration, Subject, Subjects, Tags, Thumbprint, account,
};

#[test]
fn role_says_what_stands_in_the_file() {
    let subjects = Subjects::new(&["demo"], &["app"]).unwrap();
    let issuer: Issuer = "https://oidc.example.com/X".parse().unwrap();
    let mut role = Role {
        issuer: issuer.clone(),
        audiences: vec!["sts.amazonaws.com".parse().unwrap()],
        name: subjects.role_name().unwrap(),
        subjects,
        path: RolePath::default(),
        partition: "aws",
        account: None,
        region: None,
        permissions: Vec::new(),
        max_session: None,
        boundary: None,
        tags: Tags::default(),
        provider_exists: false,
        thumbprints: Vec::new(),
    };
    let partition = |partition: &str, region: &str| {
        let (partition, region) = (Some(partition), Some(region));
        PartitionHints { partition, region, issuer: &issuer, boundary: None }.partition()
    };
    let boundary: Boundary = "arn:aws:iam::444455556666:policy/x".parse().unwrap();
    let mut said = vec![
        error("http://oidc.example.com".parse::<Issuer>()),
        error("https://oidc.example.com:6443".parse::<Issuer>()),
        error("https://oidc.example.com?x".parse::<Issuer>()),
        error(Subject::new("Demo", "app")),
        error(Subjects::new(&[], &["app"])),
        error(Subjects::new(&["demo"], &["other/app"])),
        error(Subjects::new(&["demo"], &[])),
        error(Subjects::new(&["demo"], &["a", "b"]).unwrap().role_name()),
        error(Subjects::new(&["demo"], &["*"]).unwrap().role_name()),
        error(" ".parse::<Audience>()),
        error("my role".parse::<RoleName>()),
        error("aa:bb".parse::<Thumbprint>()),
        error("team/".parse::<RolePath>()),
        error("1h".parse::<SessionDuration>()),
        error("boundary".parse::<Boundary>()),
        error(boundary.check(&account("aws", "111122223333").unwrap())),
        error(Tags::new(&["team"])),
        error(Tags::new(&["aws:team=a"])),
        error(Tags::new(&["team=a", "Team=b"])),
        error(Tags::new(&["a=b"; 51])),
        error(partition("aws-moon", "eu-west-1")),
        error(partition("aws", "europe")),
        error(partition("aws", "cn-north-1")),
        error(role.write(Format::Cli)),
        error(Permissions::read("{")),
        error(Permissions::read("a: b")),
        error(Permissions::read(TRUST)),
    ];
    role.audiences = vec!["sts.amazonaws.com.cn".parse().unwrap()];
    said.push(error(role.write(Format::Terraform)));
    let mut all = String::new();
    for line in said {
        writeln!(all, "{line}").unwrap();
    }
    super::golden("role.txt", &all);
}

fn error<T, E: ToString>(result: Result<T, E>) -> String {
    result.map(drop).map_err(|it| it.to_string()).expect_err("an error")
}

const TRUST: &str = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;
