//! Every way in which a check ends, by the smallest change that leads to it.

use diagnosis::{
    DryRun, Fact, Facts, FetchedDocument, Probe, Reason, ReasonKind, Refusal, RefusedBy, Response,
    WebhookSettings,
};
use injection::identity::{AllowedStsEndpoints, StsEndpoint};
use issuer::FetchFailure;
use serde_json::{Value, json};

use super::pods::{env, of_account, with_agent};
use super::scene::{
    ISSUER, LEAF, ROLE, account, bare_pod, discovery, document, entry, key, pod, probed, role,
    token,
};

/// The check, what was changed, and the change.
pub(crate) type Case = (&'static str, &'static str, fn(&mut Facts, &mut WebhookSettings));

pub(crate) const OTHER_ROLE: &str = "arn:aws:iam::111122223333:role/other";

fn why<T>() -> Fact<T> {
    Fact::Unknown("REASON".into())
}

fn denied<T>(kind: ReasonKind) -> Fact<T> {
    Fact::Unknown(Reason { kind, message: "REASON".to_owned() })
}

fn answer(fact: &mut Fact<FetchedDocument>, change: impl FnOnce(&mut Response)) {
    let Fact::Known(FetchedDocument { answer: Ok(response), .. }) = fact else {
        panic!("no document")
    };
    change(response);
}

fn not_resolved(fact: &mut Fact<FetchedDocument>) {
    let Fact::Known(fetched) = fact else { panic!("no document") };
    let (host, reason) = ("oidc.example.com".to_owned(), "REASON".to_owned());
    fetched.answer = Err(FetchFailure::Resolve { host, reason });
}

fn keys(facts: &mut Facts, keys: &Value) {
    facts.jwks = document("/openid/v1/jwks", &json!({"keys": keys}).to_string());
}

/// What the API server notes of a change of the role's annotation.
pub(crate) fn changed(time: &str) -> Value {
    json!({"time": time, "fieldsV1": {"f:metadata": {"f:annotations": {
        "f:eks.amazonaws.com/role-arn": {},
    }}}})
}

pub(crate) fn with_role(mut pod: Value, role: &str) -> Value {
    for variable in pod["spec"]["containers"][0]["env"].as_array_mut().unwrap() {
        if variable["name"] == "AWS_ROLE_ARN" {
            variable["value"] = role.into();
        }
    }
    pod
}

fn admitted(facts: &mut Facts, pod: Value) {
    facts.dry_run = Fact::Known(DryRun::Admitted { pod, warnings: Vec::new() });
}

fn refused(facts: &mut Facts, why: &str) {
    facts.dry_run = Fact::Known(DryRun::Refused(Refusal {
        by: RefusedBy::of_message(why),
        message: why.to_owned(),
    }));
}

/// The name of the webhook's entry.
const THIS: &str = "pod-identity-webhook.amazonaws.com";

fn denial(webhook: &str) -> String {
    format!("admission webhook \"{webhook}\" denied the request: REASON")
}

fn call(why: &str) -> String {
    format!(
        "Internal error occurred: failed calling webhook \"{THIS}\": failed to call webhook: {why}"
    )
}

fn service(facts: &mut Facts, ready_endpoints: Fact<usize>, certificate: Fact<String>) {
    facts.probes = probed(Probe::Service { ready_endpoints, certificate });
}

fn annotated(facts: &mut Facts, annotations: &Value) {
    facts.service_account = Fact::Known(account(annotations));
    facts.dry_run = Fact::NotAsked;
}

fn selecting(facts: &mut Facts, selector: Value) {
    entry(facts)["objectSelector"] = selector;
}

#[rustfmt::skip]
pub(crate) const CASES: &[Case] = &[
    ("api-server", "it answers", |_, _| {}),
    ("api-server", "its version is not given", |f, _| f.version = Fact::NotAsked),
    ("api-server", "the credentials are rejected", |f, _| f.version = denied(ReasonKind::Unauthorized)),
    ("api-server", "a right is missing", |f, _| f.version = denied(ReasonKind::Forbidden)),
    ("api-server", "what was saved can't be used", |f, _| f.version = denied(ReasonKind::Evidence)),
    ("api-server", "the request fails", |f, _| f.version = why()),

    ("webhook-registered", "an entry has the rule", |_, _| {}),
    ("webhook-registered", "the list is absent", |f, _| f.webhooks = Fact::Absent),
    ("webhook-registered", "the list is not known", |f, _| f.webhooks = why()),
    ("webhook-registered", "the list is not given", |f, _| f.webhooks = Fact::NotAsked),
    ("webhook-registered", "the entries were not saved", |f, s| {
        s.configurations.push("other".to_owned());
        f.webhooks = Fact::Known(json!({"items": [{"metadata": {"name": "other"}, "leftOut": true}]}));
    }),
    ("webhook-registered", "the list has none", |f, _| f.webhooks = Fact::Known(json!({"items": []}))),
    ("webhook-registered", "the rule is another", |f, _| entry(f)["rules"][0]["operations"] = json!(["UPDATE"])),
    ("webhook-registered", "the API server does not answer", |f, _| f.version = why()),

    ("webhook-selectors", "all pods are selected", |_, _| {}),
    ("webhook-selectors", "it fails open", |f, _| entry(f)["failurePolicy"] = "Ignore".into()),
    ("webhook-selectors", "it has matchConditions", |f, _| entry(f)["matchConditions"] = json!([{"name": "x"}])),
    ("webhook-selectors", "the namespace is not known", |f, _| f.namespace = why()),
    ("webhook-selectors", "the namespace is not given", |f, _| f.namespace = Fact::NotAsked),
    ("webhook-selectors", "the list is not known", |f, _| f.webhooks = why()),
    ("webhook-selectors", "an unknown operator", |f, _| {
        selecting(f, json!({"matchExpressions": [{"key": "a", "operator": "Gt"}]}));
    }),
    ("webhook-selectors", "a label with another value", |f, _| selecting(f, json!({"matchLabels": {"app": "api"}}))),
    ("webhook-selectors", "a label that is missing", |f, _| {
        entry(f)["namespaceSelector"] = json!({"matchLabels": {"inject": "yes"}});
    }),
    ("webhook-selectors", "a value that is not listed", |f, _| {
        selecting(f, json!({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "b"]}]}));
    }),
    ("webhook-selectors", "a value that is ruled out", |f, _| {
        selecting(f, json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}));
    }),
    ("webhook-selectors", "a label that must be there", |f, _| {
        selecting(f, json!({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}));
    }),
    ("webhook-selectors", "a label that must not be there", |f, _| {
        selecting(f, json!({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}));
    }),

    ("webhook-reachable", "ready pods", |_, _| {}),
    ("webhook-reachable", "no ready pod", |f, _| service(f, Fact::Known(0), Fact::NotAsked)),
    ("webhook-reachable", "no Service", |f, _| service(f, Fact::Absent, Fact::NotAsked)),
    ("webhook-reachable", "endpoints are not known", |f, _| service(f, why(), Fact::NotAsked)),
    ("webhook-reachable", "endpoints are not given", |f, _| service(f, Fact::NotAsked, Fact::NotAsked)),
    ("webhook-reachable", "no probe is given", |f, _| f.probes = Fact::NotAsked),
    ("webhook-reachable", "probes are not known", |f, _| f.probes = why()),
    ("webhook-reachable", "by URL: an answer", |f, _| f.probes = probed(Probe::Answered { milliseconds: 51 })),
    ("webhook-reachable", "by URL: another certificate", |f, _| f.probes = probed(Probe::Untrusted("REASON".to_owned()))),
    ("webhook-reachable", "by URL: no review, but pods are mutated", |f, _| f.probes = probed(Probe::Unfit("REASON".to_owned()))),
    ("webhook-reachable", "by URL: no review", |f, _| {
        f.probes = probed(Probe::Unfit("REASON".to_owned()));
        f.dry_run = Fact::NotAsked;
    }),
    ("webhook-reachable", "by URL: no answer in time", |f, _| f.probes = probed(Probe::Silent { milliseconds: 10_000 })),
    ("webhook-reachable", "by URL: no connection, but pods are mutated", |f, _| f.probes = probed(Probe::Unreachable("REASON".to_owned()))),
    ("webhook-reachable", "by URL: no connection", |f, _| {
        f.probes = probed(Probe::Unreachable("REASON".to_owned()));
        f.dry_run = Fact::NotAsked;
    }),

    ("webhook-chain", "the Secret's certificate verifies", |_, _| {}),
    ("webhook-chain", "by URL: it verifies", |f, _| f.probes = probed(Probe::Answered { milliseconds: 51 })),
    ("webhook-chain", "by URL: it does not", |f, _| f.probes = probed(Probe::Untrusted("REASON".to_owned()))),
    ("webhook-chain", "by URL: no connection", |f, _| f.probes = probed(Probe::Unreachable("REASON".to_owned()))),
    ("webhook-chain", "no caBundle", |f, _| entry(f)["clientConfig"]["caBundle"] = Value::Null),
    ("webhook-chain", "the Secret is not known, but pods are mutated", |f, _| service(f, Fact::Known(1), why())),
    ("webhook-chain", "the Secret is not known", |f, _| {
        service(f, Fact::Known(1), why());
        f.dry_run = Fact::NotAsked;
    }),
    ("webhook-chain", "the Secret is empty", |f, _| service(f, Fact::Known(1), Fact::Known(String::new()))),
    ("webhook-chain", "the certificate has expired", |f, _| f.subject.at = 4_102_444_800),
    ("webhook-chain", "the time is out of range", |f, _| f.subject.at = i64::MAX),
    ("webhook-chain", "another CA", |f, _| {
        use base64::Engine as _;
        let bundle = base64::engine::general_purpose::STANDARD.encode(LEAF);
        entry(f)["clientConfig"]["caBundle"] = bundle.into();
    }),

    ("service-account", "it exists", |_, _| {}),
    ("service-account", "it does not", |f, _| f.service_account = Fact::Absent),
    ("service-account", "it is not known", |f, _| f.service_account = why()),
    ("service-account", "it is not given", |f, _| f.service_account = Fact::NotAsked),

    ("role-annotation", "a role", |_, _| {}),
    ("role-annotation", "none, but the webhook injects one", |f, _| f.service_account = Fact::Known(account(&json!({})))),
    ("role-annotation", "a similar key, but the webhook injects a role", |f, _| {
        f.service_account = Fact::Known(account(&json!({"eks.amazon.com/role-arn": ROLE})));
    }),
    ("role-annotation", "a role of MinIO, by the flag", |f, s| {
        annotated(f, &json!({"eks.amazonaws.com/role-arn": MINIO_ROLE}));
        s.policy.defaults.sts_endpoint = StsEndpoint::read("https://minio.minio.svc:9000").ok();
    }),
    ("role-annotation", "a role of MinIO, by the annotation", |f, s| of_minio(f, s)),
    ("role-annotation", "a role of MinIO, by the test pod alone", |f, _| of_minio(f, &mut WebhookSettings::default())),
    ("role-annotation", "a role of MinIO at AWS's STS", |f, s| {
        annotated(f, &json!({"eks.amazonaws.com/role-arn": MINIO_ROLE}));
        s.policy.defaults.sts_endpoint = StsEndpoint::read("https://sts.eu-west-1.amazonaws.com").ok();
    }),
    ("role-annotation", "a bare name at MinIO", |f, s| {
        annotated(f, &json!({"eks.amazonaws.com/role-arn": "app"}));
        s.policy.defaults.sts_endpoint = StsEndpoint::read("https://minio.minio.svc:9000").ok();
    }),
    ("role-annotation", "none", |f, _| annotated(f, &json!({}))),
    ("role-annotation", "a similar key", |f, _| annotated(f, &json!({"eks.amazon.com/role-arn": ROLE}))),
    ("role-annotation", "not the ARN of a role", |f, _| annotated(f, &json!({"eks.amazonaws.com/role-arn": "role/app"}))),
    ("role-annotation", "a name that the webhook completes", |f, _| named(f)),
    ("role-annotation", "a name that the webhook does not complete, though the test pod got its role", |f, s| {
        named(f);
        s.completes_names = Some(false);
    }),
    ("role-annotation", "a name that the webhook may complete", |f, s| {
        named(f);
        (f.dry_run, s.completes_names) = (Fact::NotAsked, Some(true));
    }),
    ("role-annotation", "another value is wrong", |f, _| {
        annotated(f, &json!({"eks.amazonaws.com/role-arn": ROLE, "eks.amazonaws.com/token-expiration": "soon"}));
    }),
    ("role-annotation", "the ServiceAccount is not known", |f, _| {
        (f.service_account, f.dry_run) = (why(), Fact::NotAsked);
    }),
    ("role-annotation", "the ServiceAccount is not known, but the webhook injects a role", |f, _| f.service_account = why()),
    ("role-annotation", "none, and the ConfigMap is not known", |f, _| {
        annotated(f, &json!({}));
        f.config_map = why();
    }),
    ("role-annotation", "none, and the ConfigMap can't be read", |f, _| {
        annotated(f, &json!({}));
        f.config_map = Fact::Known(json!({"data": {"config": "demo/app: x"}}));
    }),
    ("role-annotation", "none, and who gets container credentials is not known", |f, _| {
        annotated(f, &json!({}));
        f.container_credentials = why();
    }),
    ("role-annotation", "the ServiceAccount is not given", |f, _| {
        (f.service_account, f.dry_run) = (Fact::NotAsked, Fact::NotAsked);
    }),

    ("dry-run", "the role comes back", |_, _| {}),
    ("dry-run", "a role of MinIO", |f, s| of_minio(f, s)),
    ("dry-run", "no credentials", |f, _| admitted(f, bare_pod())),
    ("dry-run", "another role", |f, _| admitted(f, with_role(pod("test"), OTHER_ROLE))),
    ("dry-run", "a role, though listed for container credentials", |f, _| f.container_credentials = Fact::Known(true)),
    ("dry-run", "container credentials", |f, _| {
        f.container_credentials = Fact::Known(true);
        admitted(f, with_agent(bare_pod()));
    }),
    ("dry-run", "container credentials, and it is not known who gets them", |f, _| {
        f.container_credentials = why();
        admitted(f, with_agent(bare_pod()));
    }),
    ("dry-run", "a name that the webhook completes", |f, _| named(f)),
    ("dry-run", "a name that another role has not", |f, s| {
        s.completes_names = Some(true);
        named(f);
        admitted(f, with_role(pod("test"), OTHER_ROLE));
    }),
    ("dry-run", "rejected by a webhook", |f, _| refused(f, "admission webhook \"x\" denied the request: REASON")),
    ("dry-run", "denied by this webhook", |f, _| refused(f, &denial(THIS))),
    ("dry-run", "denied by a webhook, of which it is not known whose it is", |f, _| {
        f.webhooks = why();
        refused(f, &denial("x"));
    }),
    ("dry-run", "no answer in time", |f, _| refused(f, &call("context deadline exceeded"))),
    ("dry-run", "no pod listens", |f, _| refused(f, &call("connect: connection refused"))),
    ("dry-run", "no Service", |f, _| refused(f, &call("service \"pod-identity-webhook\" not found"))),
    ("dry-run", "another certificate", |f, _| refused(f, &call("x509: certificate signed by unknown authority"))),
    ("dry-run", "an odd answer", |f, _| refused(f, &call("expected webhook response of AdmissionReview"))),
    ("dry-run", "side effects", |f, _| refused(f, &format!("admission webhook \"{THIS}\" does not support dry run"))),
    ("dry-run", "a quota", |f, _| refused(f, "pods \"a\" is forbidden: exceeded quota: all")),
    ("dry-run", "a Pod Security level", |f, _| refused(f, "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\"")),
    ("dry-run", "rejected by a policy", |f, _| refused(f, "REASON")),
    ("dry-run", "no pod", |f, _| f.dry_run = Fact::Absent),
    ("dry-run", "it is not known", |f, _| f.dry_run = why()),
    ("dry-run", "it is not given", |f, _| f.dry_run = Fact::NotAsked),

    ("token", "a good one", |_, _| {}),
    ("token", "none issued", |f, _| f.token = Fact::Absent),
    ("token", "it is not known", |f, _| f.token = why()),
    ("token", "it is not given", |f, _| f.token = Fact::NotAsked),
    ("token", "an issuer without https", |f, _| "http://oidc.example.com".clone_into(&mut token(f).issuer)),
    ("token", "an issuer without https, and pods that call MinIO", |f, s| {
        of_minio(f, s);
        "http://oidc.example.com".clone_into(&mut token(f).issuer);
    }),
    ("token", "another subject", |f, _| "system:serviceaccount:demo:other".clone_into(&mut token(f).subject)),
    ("token", "another audience", |f, _| token(f).audiences = vec!["vault".to_owned()]),

    ("discovery", "of this issuer", |_, _| {}),
    ("discovery", "of this issuer, without a token", |f, _| f.token = Fact::NotAsked),
    ("discovery", "another issuer", |f, _| {
        f.discovery = document("/.well-known/openid-configuration", &discovery(&format!("{ISSUER}/")));
    }),
    ("discovery", "not a document", |f, _| answer(&mut f.discovery, |it| "<html>".clone_into(&mut it.body))),
    ("discovery", "a redirect", |f, _| answer(&mut f.discovery, |it| {
        (it.status, it.location) = (301, Some("https://www.example.com/?hush".to_owned()));
    })),
    ("discovery", "not public", |f, _| answer(&mut f.discovery, |it| it.status = 403)),
    ("discovery", "it can't be fetched", |f, _| not_resolved(&mut f.discovery)),
    ("discovery", "the keys are at a private address", |f, _| {
        let private = discovery(ISSUER).replace("https://oidc.example.com/cluster/openid", "https://10.0.0.5:6443/openid");
        f.discovery = document("/.well-known/openid-configuration", &private);
    }),
    ("discovery", "it can't be fetched, and pods call MinIO", |f, s| {
        of_minio(f, s);
        not_resolved(&mut f.discovery);
    }),
    ("discovery", "another issuer, which MinIO refuses too", |f, s| {
        of_minio(f, s);
        f.discovery = document("/.well-known/openid-configuration", &discovery(&format!("{ISSUER}/")));
    }),
    ("discovery", "it is not known", |f, _| f.discovery = why()),
    ("discovery", "it is not given", |f, _| f.discovery = Fact::NotAsked),
    ("discovery", "neither it nor a token is given", |f, _| {
        (f.token, f.discovery) = (Fact::NotAsked, Fact::NotAsked);
    }),

    ("jwks", "the token verifies", |_, _| {}),
    ("jwks", "it does not", |f, _| token(f).verified = Some(Err("REASON".to_owned()))),
    ("jwks", "it is not known whether it does", |f, _| token(f).verified = None),
    ("jwks", "another key", |f, _| token(f).kid = Some("key-2".to_owned())),
    ("jwks", "a key twice", |f, _| keys(f, &json!([key(), key()]))),
    ("jwks", "a private key", |f, _| {
        let mut private = key();
        private["d"] = "hush".into();
        keys(f, &json!([private]));
    }),
    ("jwks", "an empty kid", |f, _| {
        let mut unnamed = key();
        unnamed["kid"] = "".into();
        keys(f, &json!([unnamed]));
    }),
    ("jwks", "another algorithm", |f, _| {
        let mut other = key();
        other["alg"] = "RS256".into();
        keys(f, &json!([other]));
    }),
    ("jwks", "not a JWK set", |f, _| answer(&mut f.jwks, |it| "<html>".clone_into(&mut it.body))),
    ("jwks", "no token", |f, _| f.token = Fact::NotAsked),
    ("jwks", "it can't be fetched", |f, _| not_resolved(&mut f.jwks)),
    ("jwks", "it can't be fetched, and pods call MinIO", |f, s| {
        of_minio(f, s);
        not_resolved(&mut f.jwks);
    }),
    ("jwks", "it is not known", |f, _| f.jwks = why()),
    ("jwks", "it is not given", |f, _| f.jwks = Fact::NotAsked),
    ("jwks", "neither it nor a token is given", |f, _| {
        (f.token, f.jwks) = (Fact::NotAsked, Fact::NotAsked);
    }),

    ("partition", "the same", |_, _| {}),
    ("partition", "the region is in another", |f, _| {
        let mut china = pod("test");
        china["spec"]["containers"][0]["env"][0]["value"] = "cn-north-1".into();
        admitted(f, china);
    }),
    ("partition", "a role of MinIO", |f, s| of_minio(f, s)),
    ("partition", "no region", |f, _| f.dry_run = Fact::NotAsked),
    ("partition", "no role", |f, _| (f.service_account, f.dry_run) = (why(), Fact::NotAsked)),

    ("provider", "of this issuer", |_, _| {}),
    ("provider", "of another", |f, _| f.provider = Fact::Known(json!({"Url": "oidc.example.com/other"}))),
    ("provider", "no Url", |f, _| f.provider = Fact::Known(json!({}))),
    ("provider", "the account has none", |f, _| f.provider = Fact::Known(json!({"OpenIDConnectProviderList": []}))),
    ("provider", "it is not given", |f, _| f.provider = Fact::NotAsked),
    ("provider", "no token", |f, _| f.token = Fact::NotAsked),
    ("provider", "listed", |f, _| providers(f, "111122223333", "oidc.example.com/cluster")),
    ("provider", "listed in another account", |f, _| providers(f, "444455556666", "oidc.example.com/cluster")),
    ("provider", "not listed", |f, _| providers(f, "111122223333", "oidc.example.com/other")),

    ("audience", "a client ID", |_, _| {}),
    ("audience", "not a client ID", |f, _| clients(f, &["vault"])),
    ("audience", "a client ID with white space", |f, _| clients(f, &[" sts.amazonaws.com"])),
    ("audience", "a provider without client IDs", |f, _| clients(f, &[])),
    ("audience", "no client IDs", |f, _| f.provider = Fact::NotAsked),
    ("audience", "the provider is not known", |f, _| f.provider = why()),
    ("audience", "no client IDs, and misspelt", |f, _| {
        f.provider = Fact::NotAsked;
        let mut misspelt = pod("test");
        let source = &mut misspelt["spec"]["volumes"][0]["projected"]["sources"][0];
        source["serviceAccountToken"]["audience"] = "sts.amazon.com".into();
        token(f).audiences = vec!["sts.amazon.com".to_owned()];
        admitted(f, misspelt);
    }),

    ("role", "the same", |_, _| {}),
    ("role", "another", |f, _| f.role = Fact::Known(role(OTHER_ROLE, super::scene::SUBJECT))),
    ("role", "no ARN", |f, _| f.role = Fact::Known("{}".to_owned())),
    ("role", "it is not given", |f, _| f.role = Fact::NotAsked),
    ("role", "it is not known", |f, _| f.role = why()),

    ("trust-policy", "allows", |_, _| {}),
    ("trust-policy", "another subject", |f, _| {
        f.role = Fact::Known(role(ROLE, "system:serviceaccount:demo:other"));
    }),
    ("trust-policy", "denies", |f, _| statement(f, &json!({"Effect": "Deny"}))),
    ("trust-policy", "depends on AWS", |f, _| {
        statement(f, &json!({"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}));
    }),
    ("trust-policy", "not a policy", |f, _| statement(f, &json!({"Effect": "Maybe"}))),
    ("trust-policy", "the file has none", |f, _| f.role = Fact::Known(json!({"Role": {"Arn": ROLE}}).to_string())),
    ("trust-policy", "not JSON", |f, _| f.role = Fact::Known("{\"Role\": x}".to_owned())),
    ("trust-policy", "no statement", |f, _| {
        statement(f, &json!({"Effect": "Deny", "Condition": {"StringEquals": {"a.example:sub": "x"}}}));
    }),
    ("trust-policy", "it is not given", |f, _| f.role = Fact::NotAsked),
    ("trust-policy", "no token", |f, _| f.token = Fact::NotAsked),
    ("trust-policy", "the role is another", |f, _| f.role = Fact::Known(role(OTHER_ROLE, super::scene::SUBJECT))),

    ("running-pod", "as if created now", |_, _| {}),
    ("running-pod", "several", |f, _| f.pods = Fact::Known(vec![pod("app-1"), pod("app-2")])),
    ("running-pod", "without credentials", |f, _| f.pods = Fact::Known(vec![bare_pod()])),
    ("running-pod", "an old role", |f, _| {
        let mut account = account(&json!({"eks.amazonaws.com/role-arn": ROLE}));
        account["metadata"]["managedFields"] = json!([changed("2026-12-25T00:00:00Z")]);
        f.service_account = Fact::Known(account);
        f.pods = Fact::Known(vec![with_role(pod("app-1"), OTHER_ROLE)]);
    }),
    ("running-pod", "the ServiceAccount is not known", |f, _| f.service_account = why()),
    ("running-pod", "the ConfigMap is not known", |f, _| {
        (f.service_account, f.config_map) = (Fact::Known(account(&json!({}))), why());
    }),
    ("running-pod", "none", |f, _| f.pods = Fact::Known(Vec::new())),
    ("running-pod", "of another ServiceAccount as well", |f, _| {
        f.pods = Fact::Known(vec![pod("app-1"), of_account("other", "demo"), of_account("app", "elsewhere")]);
    }),
    ("running-pod", "of another ServiceAccount alone", |f, _| {
        "serviceaccount/app".clone_into(&mut f.subject.object);
        f.pods = Fact::Known(vec![of_account("other", "demo")]);
    }),
    ("running-pod", "a workload's, of another ServiceAccount alone", |f, _| {
        f.pods = Fact::Known(vec![of_account("other", "demo")]);
    }),
    ("running-pod", "of MinIO", |f, s| {
        of_minio(f, s);
        f.pods = Fact::Known(vec![minio_pod("app-1")]);
    }),
    ("running-pod", "it does not exist", |f, _| f.pods = Fact::Absent),
    ("running-pod", "they are not known", |f, _| f.pods = why()),
    ("running-pod", "they are not given", |f, _| f.pods = Fact::NotAsked),
];

/// A ServiceAccount with a name that is no ARN, which the webhook completes.
fn named(facts: &mut Facts) {
    facts.service_account = Fact::Known(account(&json!({"eks.amazonaws.com/role-arn": "app"})));
}

const MINIO: &str = "https://minio.minio.svc:9000";
const MINIO_ROLE: &str = "arn:minio:iam:::role/idmp-app";

pub(crate) fn minio_pod(name: &str) -> Value {
    let mut pod = with_role(pod(name), MINIO_ROLE);
    env(&mut pod).push(json!({"name": "AWS_ENDPOINT_URL_STS", "value": MINIO}));
    pod
}

/// A ServiceAccount that names a role of `MinIO`'s and its STS.
pub(crate) fn of_minio(facts: &mut Facts, settings: &mut WebhookSettings) {
    facts.service_account = Fact::Known(account(&json!({
        "eks.amazonaws.com/role-arn": MINIO_ROLE,
        "eks.amazonaws.com/sts-endpoint-url": MINIO,
    })));
    let mut allowed = AllowedStsEndpoints::default();
    allowed.allow(&StsEndpoint::read(MINIO).unwrap());
    settings.reader = settings.reader.clone().allowing(allowed);
    (facts.role, facts.provider) = (Fact::NotAsked, Fact::NotAsked);
    admitted(facts, minio_pod("test"));
}

fn providers(facts: &mut Facts, account: &str, name: &str) {
    let arn = format!("arn:aws:iam::{account}:oidc-provider/{name}");
    facts.provider = Fact::Known(json!({"OpenIDConnectProviderList": [{"Arn": arn}]}));
}

fn clients(facts: &mut Facts, ids: &[&str]) {
    facts.provider = Fact::Known(json!({"Url": "oidc.example.com/cluster", "ClientIDList": ids}));
}

/// The trust policy's statement with other members.
fn statement(facts: &mut Facts, members: &Value) {
    let mut role: Value = serde_json::from_str(&role(ROLE, super::scene::SUBJECT)).unwrap();
    let statement = &mut role["Role"]["AssumeRolePolicyDocument"]["Statement"][0];
    for (name, value) in members.as_object().unwrap() {
        statement[name] = value.clone();
    }
    facts.role = Fact::Known(role.to_string());
}
