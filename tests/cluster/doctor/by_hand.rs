//! A folder that somebody filled with kubectl, curl and the AWS CLI.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::scene::{ROLE, ROLE_ARN, Said, program};
use crate::support::{Authority, Scratch, pod, service_account};

#[test]
fn goes_by_what_is_there_and_says_what_it_cannot_say() {
    let folder = Scratch::new().unwrap();
    let mut account = service_account("app", &[(ROLE_ARN, ROLE)]);
    account["metadata"]["namespace"] = "demo".into();
    folder.write("service-account.yaml", account.to_string()).unwrap();
    let from = folder.path().to_str().unwrap();
    let said = program(&["doctor", "--from-dir", from, "-o", "json"])();
    assert_eq!((said.exit, said.failed()), (2, vec![]), "{:#}\n{}", said.report, said.errors);
    assert_eq!(said.check("role-annotation")["status"], "pass");

    // The pod as `kubectl create --dry-run=server -o json` prints it, without the role.
    folder.write("dry-run.json", pod("app", "app").to_string()).unwrap();
    let list = json!({"kind": "List", "items": [pod("app", "app")]});
    folder.write("pods.json", list.to_string()).unwrap();
    let said = program(&["doctor", "pod/app", "--from-dir", from, "-o", "json"])();
    assert_eq!((said.exit, said.failed()), (1, vec!["dry-run".to_owned()]), "{:#}", said.report);
    assert_eq!(said.report["subject"], "pod/app in namespace demo");

    // What the folder says of one ServiceAccount is no answer about another.
    let said = program(&["doctor", "serviceaccount/other", "--from-dir", from])();
    assert_eq!(said.exit, 2);
    assert!(said.errors.contains("is of the ServiceAccount app, not of other"), "{}", said.errors);
    folder.write("subject.json", r#"{"namespace": "demo", "object": "deployment/app", "serviceAccount": "app", "at": 1}"#).unwrap();
    let said = program(&["doctor", "deployment/other", "--from-dir", from])();
    assert_eq!(said.exit, 2);
    assert!(
        said.errors.contains("was saved for deployment/app, not for deployment/other"),
        "{}",
        said.errors
    );
}

#[test]
fn tells_a_wrong_command_line_from_a_wrong_cluster() {
    let said = program(&["doctor", "node/a"])();
    assert_eq!(said.exit, 64);
    assert!(said.errors.contains("pod/NAME"), "{}", said.errors);
    let said = program(&["doctor", "--from-dir", "/nowhere/at/all"])();
    assert_eq!(said.exit, 2);
    assert!(said.errors.contains("/nowhere/at/all"), "{}", said.errors);
}

#[test]
fn tells_a_webhook_that_refuses_pods_from_a_quota_that_does() {
    let folder = Scratch::new().unwrap();
    let mut account = service_account("app", &[(ROLE_ARN, ROLE)]);
    account["metadata"]["namespace"] = "demo".into();
    folder.write("service-account.json", account.to_string()).unwrap();
    for (why, failed) in [
        ("failed calling webhook \"a\": context deadline exceeded", vec!["dry-run".to_owned()]),
        ("pods \"a\" is forbidden: exceeded quota: all", vec![]),
    ] {
        folder.write("dry-run.json", json!({"refused": why}).to_string()).unwrap();
        let from = folder.path().to_str().unwrap();
        let said = program(&["doctor", "--from-dir", from, "-o", "json"])();
        assert_eq!(said.failed(), failed, "{:#}\n{}", said.report, said.errors);
        assert!(said.check("dry-run")["message"].as_str().unwrap().contains(why));
    }
}

/// A folder in which all checks pass, or have nothing to look at.
fn good() -> Vec<(&'static str, String)> {
    let mut account = service_account("app", &[(ROLE_ARN, ROLE)]);
    account["metadata"]["namespace"] = "demo".into();
    let mut mutated = pod("doctor", "app");
    mutated["metadata"]["namespace"] = "demo".into();
    let container = &mut mutated["spec"]["containers"][0];
    container["env"] = json!([
        {"name": "AWS_ROLE_ARN", "value": ROLE},
        {"name": "AWS_WEB_IDENTITY_TOKEN_FILE",
            "value": "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"},
    ]);
    container["volumeMounts"] = json!([{"name": "aws-iam-token", "readOnly": true,
        "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount"}]);
    mutated["spec"]["volumes"] = json!([{"name": "aws-iam-token", "projected": {"sources": [
        {"serviceAccountToken": {"audience": "sts.amazonaws.com", "expirationSeconds": 86400, "path": "token"}},
    ]}}]);
    let webhooks = json!({"kind": "List", "items": [{
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "pod-identity-webhook"},
        "webhooks": [{
            "name": "pod-identity-webhook.amazonaws.com",
            "clientConfig": {"service": {"namespace": "kube-system", "name": "pod-identity-webhook"}},
            "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"],
                "resources": ["pods"]}],
        }],
    }]});
    let key = json!({"use": "sig", "kty": "EC", "kid": "k", "crv": "P-256", "alg": "ES256",
        "x": "tWaacTgpTUVOWj-gdrPc6uolchwFtZ_GQdDzwGFnTIU",
        "y": "LA_53zCWo4O26n_oBFGtCiUgu2n7ECEyRv0A1_xgs5c"});
    let issuer = "https://oidc.example.com";
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"oidc.example.com:sub": "system:serviceaccount:demo:app"}},
    }]});
    let files = [
        ("version.json", json!({"gitVersion": "v1.34.1"})),
        ("webhooks.json", webhooks),
        ("namespace.json", json!({"kind": "Namespace", "metadata": {"name": "demo"}})),
        ("service-account.json", account),
        ("dry-run.json", mutated.clone()),
        (
            "token.json",
            json!({"issuer": issuer, "subject": "system:serviceaccount:demo:app", "kid": "k",
                "audiences": ["sts.amazonaws.com"], "algorithm": "ES256", "verified": {"Ok": null}}),
        ),
        (
            "discovery.json",
            json!({"issuer": issuer, "jwks_uri": "https://oidc.example.com/keys",
                "id_token_signing_alg_values_supported": ["ES256"]}),
        ),
        ("jwks.json", json!({"keys": [key]})),
        ("pods.json", json!({"items": [mutated]})),
        (
            "provider.json",
            json!({"Url": "oidc.example.com", "ClientIDList": ["sts.amazonaws.com"]}),
        ),
        ("role.json", json!({"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": policy}})),
    ];
    files.map(|(name, value)| (name, value.to_string())).into()
}

/// The check that each file is for.
const CHECKS: [(&str, &str); 11] = [
    ("version.json", "api-server"),
    ("webhooks.json", "webhook-registered"),
    ("namespace.json", "webhook-selectors"),
    ("service-account.json", "service-account"),
    ("dry-run.json", "dry-run"),
    ("token.json", "token"),
    ("discovery.json", "discovery"),
    ("jwks.json", "jwks"),
    ("pods.json", "running-pod"),
    ("provider.json", "provider"),
    ("role.json", "trust-policy"),
];

#[test]
fn tells_what_is_not_there_from_what_could_not_be_looked_at() {
    let diagnosed = |changed: &str, content: &str| {
        let folder = Scratch::new().unwrap();
        for (name, text) in good() {
            folder.write(name, if name == changed { content } else { &text }).unwrap();
        }
        program(&["doctor", "--from-dir", folder.path().to_str().unwrap(), "-o", "json"])()
    };
    let said = diagnosed("", "");
    assert_eq!((said.exit, said.failed()), (0, vec![]), "{:#}\n{}", said.report, said.errors);
    let status = json!({"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": "pods is forbidden: User \"x\" cannot list"});
    let status = status.to_string();
    let contents =
        ["", "null", &status, "<html><title>502 Bad Gateway</title>", "{\"kind\": \"Po", "{}", "5"];
    for (name, check) in CHECKS {
        for content in contents {
            let said = diagnosed(name, content);
            let told = format!("{name}: {content:?}: {:#}\n{}", said.report, said.errors);
            assert_eq!((said.exit, said.failed()), (2, vec![]), "{told}");
            let check = said.check(check);
            assert_eq!(check["status"], "unknown", "{told}");
            let seen = check["message"].as_str().unwrap();
            assert!(seen.contains(name) || seen.contains("cannot list"), "{told}");
        }
    }
}

#[test]
fn names_the_usual_causes_where_the_api_server_can_not_call_the_webhook() {
    let folder = Scratch::new().unwrap();
    for (name, text) in good() {
        folder.write(name, text).unwrap();
    }
    let message = "Internal error occurred: failed calling webhook \
                   \"pod-identity-webhook.amazonaws.com\": failed to call webhook: Post \
                   \"https://a.b.svc:443/mutate?timeout=10s\": context deadline exceeded";
    let status = json!({"kind": "Status", "status": "Failure", "reason": "InternalError", "code": 500,
        "message": message});
    for text in [status.to_string(), format!("Error from server (InternalError): {message}\n")] {
        folder.write("dry-run.json", text).unwrap();
        let from = folder.path().to_str().unwrap();
        let said = program(&["doctor", "--from-dir", from, "-o", "json"])();
        assert_eq!(
            (said.exit, said.failed()),
            (1, vec!["dry-run".to_owned()]),
            "{:#}",
            said.report
        );
        let next = said.check("dry-run")["next"].as_str().unwrap();
        for cause in ["8443", "firewall", "NetworkPolicy", "sideEffects"] {
            assert!(next.contains(cause), "{next}");
        }
    }
}

/// A webhook behind a Service, of whose certificate the Secret alone tells.
#[test]
fn judges_a_webhook_in_the_cluster_by_its_endpoints_and_its_secret() {
    let host = "pod-identity-webhook.kube-system.svc";
    let (ours, other) = (Authority::new("ours").unwrap(), Authority::new("other").unwrap());
    let good = ours.server(&[host]).unwrap().certificate;
    let past = SystemTime::now() - Duration::from_hours(48);
    let ended = ours.server_within(&[host], past..past + Duration::from_hours(24)).unwrap();
    let (bundle, none) = (ours.pem(), "");
    for (what, bundle, certificate, ready, broken) in [
        ("all is well", bundle, good.clone(), 2, None),
        ("no ready pod", bundle, good.clone(), 0, Some("webhook-reachable")),
        ("no caBundle yet", none, good.clone(), 2, Some("webhook-chain")),
        ("another caBundle", other.pem(), good, 2, Some("webhook-chain")),
        ("it has ended", bundle, ended.certificate, 2, Some("webhook-chain")),
        (
            "another name",
            bundle,
            ours.server(&["webhook.kube-system.svc"]).unwrap().certificate,
            2,
            Some("webhook-chain"),
        ),
    ] {
        let said = in_the_cluster(bundle, &certificate, ready);
        let failed: Vec<_> = broken.into_iter().map(str::to_owned).collect();
        assert_eq!(said.failed(), failed, "{what}: {:#}\n{}", said.report, said.errors);
    }
}

fn in_the_cluster(bundle: &str, certificate: &str, ready: usize) -> Said {
    let folder = Scratch::new().unwrap();
    let put = |name: &str, value: Value| folder.write(name, value.to_string()).unwrap();
    let mut account = service_account("app", &[(ROLE_ARN, ROLE)]);
    account["metadata"]["namespace"] = "demo".into();
    put("service-account.json", account);
    put("namespace.json", json!({"metadata": {"labels": {"kubernetes.io/metadata.name": "demo"}}}));
    put(
        "webhooks.json",
        json!({"items": [{
            "metadata": {"name": "pod-identity-webhook"},
            "webhooks": [{
                "name": "pod-identity-webhook.amazonaws.com",
                "clientConfig": {
                    "caBundle": STANDARD.encode(bundle),
                    "service": {"namespace": "kube-system", "name": "pod-identity-webhook"},
                },
                "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"],
                    "resources": ["pods"]}],
            }],
        }]}),
    );
    put(
        "probes.json",
        json!({"pod-identity-webhook.amazonaws.com": {"service": {
            "ready_endpoints": {"known": ready}, "certificate": {"known": certificate},
        }}}),
    );
    program(&["doctor", "--from-dir", folder.path().to_str().unwrap(), "-o", "json"])()
}

/// kOps gives its webhook another audience, and a `ConfigMap`.
#[test]
fn goes_by_what_the_webhook_gave_the_pod_of_the_dry_run() {
    let folder = Scratch::new().unwrap();
    let put = |name: &str, value: Value| folder.write(name, value.to_string()).unwrap();
    let mut account = service_account("app", &[]);
    account["metadata"]["namespace"] = "demo".into();
    put("service-account.json", account);
    let mut pod = pod("doctor", "app");
    pod["spec"]["containers"][0]["env"] = json!([
        {"name": "AWS_ROLE_ARN", "value": ROLE}, {"name": "AWS_REGION", "value": "cn-north-1"},
    ]);
    pod["spec"]["volumes"] = json!([{"name": "aws-iam-token", "projected": {"sources": [
        {"serviceAccountToken": {"audience": "amazonaws.com", "path": "token"}},
    ]}}]);
    put("dry-run.json", pod);
    put("provider.json", json!({"Url": "oidc.example.com", "ClientIDList": ["amazonaws.com"]}));
    put(
        "token.json",
        json!({
            "issuer": "https://oidc.example.com", "subject": "system:serviceaccount:demo:app",
            "audiences": ["amazonaws.com"], "kid": "k", "algorithm": "RS256", "verified": null,
        }),
    );
    let said = program(&["doctor", "--from-dir", folder.path().to_str().unwrap(), "-o", "json"])();
    assert_eq!(said.failed(), ["partition"], "{:#}\n{}", said.report, said.errors);
    for id in ["role-annotation", "dry-run", "token", "provider", "audience"] {
        assert_eq!(said.check(id)["status"], "pass", "{:#}", said.report);
    }
}
