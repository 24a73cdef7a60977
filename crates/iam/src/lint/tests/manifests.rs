//! Annotations, and providers.

use super::*;

const ARN: &str = "arn:aws:iam::111122223333:role/a";

fn service_account(annotation: &str) -> String {
    format!(
        "kind: ServiceAccount\nmetadata:\n  name: a\n  namespace: demo\n  annotations:\n    {annotation}\n"
    )
}

/// A Deployment whose pods have the annotation and run as `a`.
fn deployment(annotation: &str) -> String {
    format!(
        "kind: Deployment\nmetadata: {{name: d, namespace: demo}}\nspec:\n  template:\n    metadata:\n      annotations:\n        {annotation}\n    spec:\n      serviceAccountName: a\n      containers: [{{name: c}}]\n"
    )
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table: one annotation a line")]
fn names_annotations_that_the_webhook_does_not_read() {
    let on_pod = format!("eks.amazonaws.com/role-arn: {ARN}");
    for (bad, code, fix) in [
        (
            service_account(&format!("eks.amazon.com/role-arn: {ARN}")),
            "annotation-key",
            "eks.amazonaws.com/role-arn",
        ),
        (
            service_account(&format!("eks.amazonaws.com/role_arn: {ARN}")),
            "annotation-key",
            "eks.amazonaws.com/role-arn",
        ),
        (
            service_account(&format!("eks.amazonaws.com/role: {ARN}")),
            "annotation-key",
            "eks.amazonaws.com/role-arn",
        ),
        (
            service_account(&format!("eks.amazonaws.com/iam-role: {ARN}")),
            "annotation-key",
            "eks.amazonaws.com/role-arn",
        ),
        (
            service_account(&format!("irsa.amazonaws.com/role-arn: {ARN}")),
            "annotation-key",
            "eks.amazonaws.com/role-arn",
        ),
        (
            service_account(&format!("example.com/iam-role: {ARN}")),
            "annotation-unread",
            "eks.amazonaws.com/role-arn",
        ),
        (service_account("eks.amazonaws.com/skip-containers: a"), "annotation-unread", ""),
        (deployment(&on_pod), "annotation-unread", ARN),
        (
            format!("{}---\n{}", deployment(&on_pod), service_account("a: b")),
            "annotation-misplaced",
            ARN,
        ),
        (
            deployment("eks.amazonaws.com/skip-container: a"),
            "annotation-key",
            "eks.amazonaws.com/skip-containers",
        ),
        // Helm's values, and what makes ServiceAccounts.
        (
            format!(
                "serviceAccount:\n  create: true\n  annotations:\n    eks.amazonaws.com/role_arn: {ARN}\n"
            ),
            "annotation-key",
            "",
        ),
        (
            format!("serviceAccountAnnotations:\n  eks.amazonaws.com/rolearn: {ARN}\n"),
            "annotation-key",
            "",
        ),
        (
            format!("podAnnotations:\n  eks.amazonaws.com/role-arn: {ARN}\n"),
            "annotation-unread",
            ARN,
        ),
        (
            format!(
                "kind: DeploymentRuntimeConfig\nspec:\n  serviceAccountTemplate:\n    metadata:\n      annotations:\n        eks.amazon.com/role-arn: {ARN}\n"
            ),
            "annotation-key",
            "",
        ),
        (
            format!(
                "serviceAccounts:\n  server:\n    annotations:\n      eks.amazonaws.com/role: {ARN}\n"
            ),
            "annotation-key",
            "",
        ),
        (
            format!(
                "iam:\n  serviceAccounts:\n  - metadata:\n      annotations: {{irsa.amazonaws.com/role-arn: \"{ARN}\"}}\n"
            ),
            "annotation-key",
            "",
        ),
        // On what is around the pods.
        (
            format!(
                "kind: Deployment\nmetadata: {{name: d, annotations: {{eks.amazonaws.com/role-arn: \"{ARN}\"}}}}\nspec: {{template: {{spec: {{serviceAccountName: a, containers: []}}}}}}\n---\n{}",
                service_account("a: b")
            ),
            "annotation-misplaced",
            ARN,
        ),
        (
            format!(
                "kind: Namespace\nmetadata: {{name: d, annotations: {{eks.amazonaws.com/role-arn: \"{ARN}\"}}}}\n"
            ),
            "annotation-unread",
            ARN,
        ),
        (
            service_account("eks.amazonaws.com/audience: sts.amazon.com"),
            "audience-misspelt",
            "sts.amazonaws.com",
        ),
        // Of another namespace.
        (
            format!(
                "{}---\n{}",
                deployment(&on_pod),
                service_account(&on_pod).replace("demo", "other")
            ),
            "annotation-unread",
            ARN,
        ),
        (
            format!("kind: Something\nspec:\n  annotations:\n    eks.amazon.com/role-arn: {ARN}\n"),
            "annotation-key",
            "",
        ),
        (
            format!(
                "kind: List\nitems:\n- kind: ServiceAccount\n  metadata: {{annotations: {{eks.amazonaws.com/roleArn: \"{ARN}\"}}}}\n"
            ),
            "annotation-key",
            "",
        ),
    ] {
        assert_eq!(named(&bad, code, fix), None, "{bad}");
        assert_eq!(codes(&bad), [code], "{bad}");
    }
}

#[test]
fn reads_annotations_in_commands() {
    let command = |key: &str| {
        format!("#!/bin/sh\nkubectl annotate serviceaccount -n demo app \\\n  {key}={ARN}\n")
    };
    assert_eq!(named(&command("eks.amazonaws.com/role_arn"), "annotation-key", "role-arn"), None);
    for good in ["eks.amazonaws.com/role-arn", "--attach-role-arn", "example.com/role"] {
        assert_eq!(codes(&command(good)), Vec::<&str>::new(), "{good}");
    }
}

#[test]
fn goes_by_the_prefix_of_the_webhook() {
    let manifest = service_account(&format!("irsa.example.org/role-arn: {ARN}"));
    assert_eq!(lint_for_prefix("irsa.example.org", "", &manifest), []);
    assert_eq!(codes(&manifest), ["annotation-unread"]);
    let near = service_account(&format!("irsa.example.org/role_arn: {ARN}"));
    let found = lint_for_prefix("irsa.example.org", "", &near);
    assert_eq!(found[0].fix.as_deref(), Some("irsa.example.org/role-arn"));
}

#[test]
fn knows_that_others_have_arns_of_their_own() {
    for arn in ["arn:minio:iam:::role/idmp-x", "arn:aws:iam:::role/S3Access"] {
        let found = service_account(&format!("eks.amazonaws.com/role-arn: {arn}"));
        assert_eq!(codes(&found), ["role-arn-elsewhere"], "{arn}");
    }
    let bad = service_account("eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:user/a");
    assert_eq!(codes(&bad), ["role-arn"]);
    assert_eq!(lint(&service_account("example.com/role-arn: admin")), []);
}

#[test]
fn leaves_annotations_alone_that_do_no_harm() {
    let right = service_account(&format!("eks.amazonaws.com/role-arn: {ARN}"));
    let on_pod = deployment(&format!("eks.amazonaws.com/role-arn: {ARN}"));
    for good in [
        // It hands them to a ServiceAccount.
        format!(
            "kind: ControllerConfig\nmetadata: {{name: d, annotations: {{eks.amazonaws.com/role-arn: \"{ARN}\"}}}}\n---\n{right}"
        ),
        format!("serviceAccount:\n  annotations:\n    eks.amazonaws.com/role-arn: {ARN}\n"),
        format!("{on_pod}---\n{right}"),
        format!("{right}---\n{on_pod}"),
        service_account(&format!("eks.amazonaws.com/role-arn: {ARN}\n    example.com/role: {ARN}")),
        service_account(&format!(
            "eks.amazonaws.com/role-arn: {ARN}\n    eks.amazonaws.com/role_arn: {ARN}"
        )),
        service_account(
            "eks.amazonaws.com/role-arn: ${role}\n    eks.amazonaws.com/sts-endpoint-url: https://sts.example.com",
        ),
        format!("{right}---\n{}", deployment(&format!("iam.amazonaws.com/role: {ARN}"))),
        format!("{right}---\n{}", deployment("eks.amazonaws.com/skip-containers: a")),
    ] {
        assert_eq!(lint(&good), [], "{good}");
    }
}

#[test]
fn names_what_is_wrong_with_providers() {
    const PRINT: &str = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280";
    let colons = "9E:99:A4:8A:99:60:B1:49:26:BB:7F:3B:02:E2:2D:A2:B0:AB:72:80";
    let mended = format!("\"{PRINT}\"");
    let of = |print: &str| {
        format!(
            r#"{{"Url": "keys.example.com/one", "ClientIDList": ["sts.amazonaws.com"], "ThumbprintList": ["{print}"]}}"#
        )
    };
    for (bad, code, fix) in [
        (of(colons), "thumbprint", mended.as_str()),
        (of(&format!("sha1 Fingerprint={colons}")), "thumbprint", &mended),
        (of(&PRINT[1..]), "thumbprint", ""),
        (of(&format!("{PRINT}{}", &PRINT[..24])), "thumbprint", ""),
        (of("g".repeat(40).as_str()), "thumbprint", ""),
        (of("c3768084dfb3d2b68b7897bf5f565da8eEXAMPLE"), "placeholder", ""),
        (of("${thumbprint}"), "placeholder", ""),
        (
            format!(
                "Resources:\n  P:\n    Type: AWS::IAM::OIDCProvider\n    Properties:\n      Url: https://keys.example.com/one\n      ClientIdList: [sts.amazonaws.com]\n      ThumbprintList: [\"{colons}\"]\n"
            ),
            "thumbprint",
            &mended,
        ),
        (
            format!(
                r#"{{"planned_values": {{"root_module": {{"resources": [{{"type": "aws_iam_openid_connect_provider", "values": {{"url": "https://keys.example.com/one", "client_id_list": ["sts.amazonaws.com"], "thumbprint_list": ["{colons}"]}}}}]}}}}}}"#
            ),
            "thumbprint",
            &mended,
        ),
        (
            format!(
                "kind: OpenIDConnectProvider\nspec:\n  url: https://keys.example.com/one\n  clientIDs: [sts.amazonaws.com]\n  thumbprints: [\"{colons}\"]\n"
            ),
            "thumbprint",
            &mended,
        ),
        (
            r#"{"Url": "keys.example.com/one", "ClientIDList": ["sts.amazonaws.com.cn"]}"#
                .to_owned(),
            "audience-endpoint",
            "\"sts.amazonaws.com\"",
        ),
        (
            r#"{"Url": "http://keys.example.com/one", "ClientIDList": ["sts.amazonaws.com"]}"#
                .to_owned(),
            "provider-url",
            "https://keys.example.com/one",
        ),
    ] {
        assert_eq!(named(&bad, code, fix), None, "{bad}");
        assert_eq!(codes(&bad), [code], "{bad}");
    }
    let command = format!(
        "#!/bin/sh\naws iam create-open-id-connect-provider --thumbprint-list {colons} --url https://keys.example.com\n"
    );
    assert_eq!(named(&command, "thumbprint", &mended), None);
    let cluster = "Resources:\n  P:\n    Type: AWS::IAM::OIDCProvider\n    Properties:\n      Url: !GetAtt Cluster.OpenIdConnectIssuerUrl\n      ClientIdList: [sts.amazonaws.com.cn]\n  Cluster: {Type: AWS::EKS::Cluster}\n";
    assert_eq!(named(cluster, "audience-endpoint", ""), None);
    for good in [
        of(PRINT),
        of(&PRINT.to_uppercase()),
        r#"{"Url": "token.actions.githubusercontent.com", "ClientIDList": ["sts.amazonaws.com.cn"]}"#.to_owned(),
        r#"{"Url": "keys.example.com/one", "ClientIDList": ["sts.amazonaws.com", "sts.amazonaws.com.cn"]}"#.to_owned(),
        "Resources:\n  P:\n    Type: AWS::IAM::OIDCProvider\n    Properties:\n      Url: !Ref Url\n      ClientIdList: [sts.amazonaws.com]\n      ThumbprintList: [!Ref Print]\nParameters: {Url: {}, Print: {}}\n".to_owned(),
    ] {
        assert_eq!(lint(&good), [], "{good}");
    }
}

#[test]
fn an_annotation_of_the_webhook_is_read_among_the_annotations_alone() {
    let key = "eks.amazonaws.com/role-arn";
    for (bad, is_mended) in [
        (
            format!("kind: ServiceAccount\nmetadata: {{name: a, labels: {{{key}: {ARN:?}}}}}\n"),
            true,
        ),
        (format!("kind: ServiceAccount\nmetadata: {{name: a, {key}: {ARN:?}}}\n"), true),
        (format!("kind: ServiceAccount\nmetadata: {{name: a}}\n{key}: {ARN:?}\n"), true),
        (
            format!(
                "kind: ServiceAccount\nmetadata: {{name: a, annotations: [{{{key}: {ARN:?}}}]}}\n"
            ),
            true,
        ),
        (
            format!(
                "kind: ServiceAccount\nmetadata:\n  name: a\n  annotations:\n    {key}:{ARN}\n"
            ),
            true,
        ),
        (
            format!("kind: ServiceAccount\nmetadata: {{name: a, labels: {{{key}: !Ref x}}}}\n"),
            false,
        ),
    ] {
        let found = lint(&bad);
        assert!(
            matches!(&found[..], [it] if it.code == Code::AnnotationMisplaced),
            "{bad}{found:?}"
        );
        let fix = found[0].fix.clone();
        let wanted = format!("metadata:\n  annotations:\n    {key}: {ARN:?}");
        assert_eq!(fix, is_mended.then_some(wanted), "{bad}");
    }
    for good in [
        service_account(&format!("{key}: {ARN}")),
        service_account("team: a:b"),
        "kind: ServiceAccount\nmetadata: {name: a, labels: {eks.amazonaws.com/component: x}}\n"
            .to_owned(),
    ] {
        assert_eq!(lint(&good), [], "{good}");
    }
}

#[test]
fn annotations_in_the_blocks_of_terraform_are_read() {
    let found = |text: &str| -> Vec<_> {
        crate::lint_file("x.tf", text).iter().map(|it| (it.code.word(), it.at.line)).collect()
    };
    let pod = "resource \"kubernetes_deployment\" \"d\" {\n  spec {\n    template {\n      metadata {\n        annotations = { \"eks.amazonaws.com/role-arn\" = var.arn }\n      }\n      spec {\n        service_account_name = \"x\"\n        container {\n          name = \"c\"\n        }\n      }\n    }\n  }\n}\n";
    assert_eq!(found(pod)[0], ("annotation-unread", 5));
    let set = "resource \"helm_release\" \"x\" {\n  set {\n    name = \"serviceAccount.annotations.eks\\\\.amazon\\\\.com/role-arn\"\n    value = var.arn\n  }\n}\n";
    assert_eq!(found(set)[0], ("annotation-key", 3));
    assert!(
        !found(&set.replace("amazon\\\\", "amazonaws\\\\"))
            .iter()
            .any(|it| it.0 == "annotation-key")
    );
}

#[test]
fn values_are_read_as_at_admission() {
    let number = "eks.amazonaws.com/token-expiration: 3600";
    for (bad, code) in [
        (service_account("eks.amazonaws.com/sts-regional-endpoints: \"yes\""), "annotation-value"),
        (service_account("eks.amazonaws.com/role-session-name: podname"), "annotation-value"),
        (service_account("eks.amazonaws.com/sts-endpoint-url: sts.example.com"), "annotation-value"),
        (service_account("eks.amazonaws.com/region: eu_west_1"), "annotation-value"),
        (service_account("eks.amazonaws.com/token-expiration: 1h"), "annotation-value"),
        (deployment("eks.amazonaws.com/token-expiration: 1h"), "annotation-value"),
        (deployment("eks.amazonaws.com/skip-containers: '\"a'"), "annotation-value"),
        ("podAnnotations:\n  eks.amazonaws.com/token-expiration: 1h\n".to_owned(), "annotation-value"),
        (
            "serviceAccount:\n  annotations:\n    eks.amazonaws.com/sts-regional-endpoints: maybe\n"
                .to_owned(),
            "annotation-value",
        ),
        (service_account("eks.amazonaws.com/token-expiration: \"300\""), "annotation-adjusted"),
        (service_account("eks.amazonaws.com/token-expiration: \"4294967297\""), "annotation-adjusted"),
        (service_account("eks.amazonaws.com/token-expiration: \"99999999999999999999\""), "annotation-adjusted"),
        (service_account("eks.amazonaws.com/role-arn: \"\""), "annotation-adjusted"),
        (service_account("eks.amazonaws.com/role-arn:"), "annotation-adjusted"),
        (service_account(number), "wrong-type"),
        (service_account("eks.amazonaws.com/sts-regional-endpoints: true"), "wrong-type"),
        (service_account("eks.amazonaws.com/role-arn: [a]"), "wrong-type"),
        (deployment(number), "wrong-type"),
    ] {
        assert_eq!(codes(&bad), [code], "{bad}{:#?}", lint(&bad));
    }
    let empty = service_account("eks.amazonaws.com/role-arn: \"\"");
    let both = format!("{empty}---\n{}", deployment(&format!("eks.amazonaws.com/role-arn: {ARN}")));
    assert_eq!(codes(&both), ["annotation-adjusted", "annotation-misplaced"]);
    let other = service_account("irsa.example.org/token-expiration: 1h");
    let found = lint_for_prefix("irsa.example.org", "", &other);
    assert!(matches!(&found[..], [it] if it.code == Code::AnnotationValue), "{found:?}");
    let role = format!("eks.amazonaws.com/role-arn: {ARN}\n    eks.amazonaws.com/");
    for good in [
        service_account(&format!("{role}sts-regional-endpoints: \"true\"")),
        service_account(&format!("{role}sts-regional-endpoints: T")),
        service_account(&format!("{role}role-session-name: pod-name")),
        service_account(&format!("{role}sts-endpoint-url: http://sts.example.com:8080/a")),
        service_account(&format!("{role}token-expiration: \"600\"")),
        service_account(&format!("{role}token-expiration: \"${{seconds}}\"")),
        service_account(&format!("{role}audience: \"\"")),
        service_account("example.com/replicas: 3"),
        // Terraform and Helm's charts can make text of it; nobody has set it yet.
        "serviceAccount:\n  annotations:\n    eks.amazonaws.com/token-expiration: 3600\n"
            .to_owned(),
        "serviceAccount:\n  annotations:\n    eks.amazonaws.com/role-arn: \"\"\n".to_owned(),
    ] {
        assert_eq!(lint(&good), [], "{good}");
    }
    // A template's values are not known.
    for name in ["role-arn", "token-expiration", "sts-regional-endpoints"] {
        let template = service_account(&format!("eks.amazonaws.com/{name}: {{{{ .Values.x }}}}"));
        assert_eq!(codes(&template), ["placeholder"], "{template}");
    }
    for resource in [
        "kubernetes_service_account\" \"a\" {\n  metadata",
        "kubernetes_pod\" \"a\" {\n  spec {\n    container {}\n  }\n  metadata",
    ] {
        let text = format!(
            "resource \"{resource} {{\n    annotations = {{ \"eks.amazonaws.com/token-expiration\" = 3600 }}\n  }}\n}}\n"
        );
        let found = crate::lint_file("x.tf", &text);
        assert!(found.iter().all(|it| it.code == Code::NothingToLint), "{text}{found:?}");
    }
}

#[test]
fn placeholders_in_the_arn_of_a_role_are_told() {
    for account in ["<account>", "ACCOUNT_ID", "YOUR_ACCOUNT", "XXXXXXXXXXXX", "[ACCOUNT]"] {
        let bad = service_account(&format!(
            "eks.amazonaws.com/role-arn: \"arn:aws:iam::{account}:role/a\""
        ));
        assert_eq!(codes(&bad), ["placeholder"], "{bad}");
    }
    // Filled in before Kubernetes sees them.
    for account in ["${account}", "$(ACCOUNT)", "$ACCOUNT"] {
        let good = service_account(&format!(
            "eks.amazonaws.com/role-arn: \"arn:aws:iam::{account}:role/a\""
        ));
        assert_eq!(lint(&good), [], "{good}");
    }
}
