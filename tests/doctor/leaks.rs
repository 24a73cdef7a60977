//! What `--save` writes, and what it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::planted::{Planted, Schemas};
use crate::published::{DISCOVERY, Document, JWKS, Published};
use crate::scene::{ROLE, ROLE_ARN, program};
use crate::support::{Authority, Scratch, control_plane};

/// The places of texts that a check reads, and that are no secret. Whoever adds one says why the
/// check needs it (docs/diagnosis.md lists them).
const KEPT: [&str; 27] = [
    // Which pod, and when it came.
    "pod.metadata.creationTimestamp",
    // Which container mounts what, and where; what is a volume of the webhook's.
    "pod.spec.containers[].name",
    "pod.spec.containers[].volumeMounts[].mountPath",
    "pod.spec.containers[].volumeMounts[].name",
    "pod.spec.initContainers[].name",
    "pod.spec.initContainers[].volumeMounts[].mountPath",
    "pod.spec.initContainers[].volumeMounts[].name",
    "pod.spec.volumes[].name",
    "pod.spec.volumes[].projected.sources[].serviceAccountToken.audience",
    "pod.spec.volumes[].projected.sources[].serviceAccountToken.path",
    // Whether it runs on Windows, and whether it has ended.
    "pod.spec.os.name",
    "pod.status.phase",
    // The AWS variables that are no secret.
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    // Names of configurations, so that a named one is told from one that is not there.
    "foreign.metadata.name",
    // How our entry is called.
    "ours.webhooks[].failurePolicy",
    "ours.webhooks[].rules[].apiGroups[]",
    "ours.webhooks[].rules[].apiVersions[]",
    "ours.webhooks[].rules[].operations[]",
    "ours.webhooks[].rules[].resources[]",
    "ours.webhooks[].rules[].scope",
    // The token's claims that AWS compares.
    "token.aud",
    "token.kid",
    // The keys' public part.
    "jwks.n",
    // When the role was annotated.
    "account.metadata.managedFields[].time",
    "version.gitVersion",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saves_none_of_the_secrets_that_stand_in_every_field() {
    let published = Published::start().await;
    let mut planted = Planted::default();
    let schemas = Schemas::load().await;
    let answers = cluster(&schemas, &mut planted, &published);
    let server = serve(answers).await;
    let scratch = Scratch::new().unwrap();
    let kubeconfig = scratch.write("kubeconfig", kubeconfig(server).to_string()).unwrap();
    let ca = scratch.write("ca.pem", published.ca_pem()).unwrap();
    let role = json!({"Role": {
        "Arn": ROLE, "Description": planted.secret("role.Description"),
        "Tags": [{"Key": planted.secret("role.Tags"), "Value": planted.secret("role.Tags")}],
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
    }, "More": planted.secret("role.More")});
    let provider = json!({
        "Url": published.url().replace("https://", ""), "ClientIDList": ["sts.amazonaws.com"],
        "ThumbprintList": [planted.secret("provider.ThumbprintList")],
        "Tags": [{"Key": planted.secret("provider.Tags"), "Value": planted.secret("provider.Tags")}],
    });
    let role = scratch.write("role.json", role.to_string()).unwrap();
    let provider = scratch.write("provider.json", provider.to_string()).unwrap();
    assert!(planted.len() > 3_000, "{} secrets", planted.len());

    for target in ["pod/app", "deployment/app", "cronjob/app"] {
        let saved = scratch.path().join(target.replace('/', "-"));
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let args = [
            "doctor".to_owned(),
            target.to_owned(),
            "--namespace=demo".to_owned(),
            "--watch-config-map".to_owned(),
            "--output=json".to_owned(),
            format!("--kubeconfig={}", path(&kubeconfig)),
            format!("--ca-file={}", path(&ca)),
            format!("--role-json={}", path(&role)),
            format!("--provider-json={}", path(&provider)),
            format!("--save={}", path(&saved)),
        ];
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let live = tokio::task::spawn_blocking(program(&args)).await.unwrap();
        assert!(live.report.is_object(), "{target}: {}", live.errors);
        for check in ["api-server", "webhook-selectors", "webhook-reachable", "service-account"] {
            assert_eq!(live.check(check)["status"], "pass", "{target}: {:#}", live.report);
        }
        assert_ne!(live.check("running-pod")["seen"], "no pod of it runs", "{target}");

        let mut found = BTreeSet::new();
        for file in std::fs::read_dir(&saved).unwrap() {
            let file = file.unwrap();
            let text = std::fs::read_to_string(file.path()).unwrap();
            found.extend(planted.found_in(&text).into_iter().map(str::to_owned));
            assert!(!text.contains("PRIVATE KEY"), "{}", file.path().display());
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", file.path().display());
        }
        let kept: BTreeSet<_> = KEPT.iter().map(|it| (*it).to_owned()).collect();
        let leaked: Vec<_> = found.difference(&kept).collect();
        assert_eq!(leaked, Vec::<&String>::new(), "{target}");
        let idle: Vec<_> = kept.difference(&found).collect();
        assert_eq!(idle, Vec::<&String>::new(), "{target}: these are not kept");

        let from = saved.to_str().unwrap();
        let again = program(&["doctor", "--from-dir", from, "-o", "json", "--watch-config-map"]);
        let again = tokio::task::spawn_blocking(again).await.unwrap();
        assert_eq!(again.report, live.report, "{target}: {}", again.errors);
    }
}

impl Schemas {
    /// Those of all groups that are asked for, in one.
    async fn load() -> Self {
        let mut all = json!({"components": {"schemas": {}}});
        let groups = [
            "api/v1",
            "apis/apps/v1",
            "apis/batch/v1",
            "apis/admissionregistration.k8s.io/v1",
            "apis/discovery.k8s.io/v1",
        ];
        for group in groups {
            let text = control_plane().await.get_text(&format!("/openapi/v3/{group}")).await;
            let mut group: Value = serde_json::from_str(&text.unwrap()).unwrap();
            let schemas = group["components"]["schemas"].as_object_mut().unwrap();
            all["components"]["schemas"].as_object_mut().unwrap().append(schemas);
        }
        Self(all)
    }
}

/// What a cluster answers, by method and path.
type Answers = BTreeMap<String, Value>;

fn cluster(schemas: &Schemas, planted: &mut Planted, published: &Published) -> Answers {
    let mut answers = Answers::new();
    let home = "/api/v1/namespaces/demo";
    let mut put = |path: &str, value: Value| answers.insert(path.to_owned(), value);
    let mut version = json!({"gitVersion": planted.secret("version.gitVersion")});
    version["platform"] = planted.secret("version.platform").into();
    put("GET /version", version);
    let named = |mut object: Value, name: &str| {
        object["metadata"]["name"] = name.into();
        object["metadata"]["namespace"] = "demo".into();
        object["metadata"].as_object_mut().unwrap().remove("ownerReferences");
        object
    };

    let mut namespace = planted.object(schemas, "io.k8s.api.core.v1.Namespace", "namespace");
    namespace["metadata"]["name"] = "demo".into();
    namespace["metadata"]["labels"]["kubernetes.io/metadata.name"] = "demo".into();
    put(&format!("GET {home}"), namespace);

    let account = planted.object(schemas, "io.k8s.api.core.v1.ServiceAccount", "account");
    let mut account = named(account, "app");
    account["metadata"]["annotations"][ROLE_ARN] = ROLE.into();
    let fields = json!({"f:metadata": {"f:annotations": {
        (format!("f:{ROLE_ARN}")): {}, (planted.secret("account.fields")): {},
    }}});
    account["metadata"]["managedFields"][0]["fieldsV1"] = fields;
    put(&format!("GET {home}/serviceaccounts/app"), account);

    let pod = named(pod(schemas, planted, "pod"), "app");
    let list = json!({"metadata": {}, "items": [pod]});
    put(&format!("GET {home}/pods/app"), pod.clone());
    put(&format!("GET {home}/pods"), list);
    put(&format!("POST {home}/pods"), named(self::pod(schemas, planted, "pod"), "doctor"));

    for (group, kind, path) in [
        ("apps", "Deployment", "/apis/apps/v1/namespaces/demo/deployments/app"),
        ("batch", "CronJob", "/apis/batch/v1/namespaces/demo/cronjobs/app"),
    ] {
        let kind = format!("io.k8s.api.{group}.v1.{kind}");
        let mut workload = named(planted.object(schemas, &kind, "workload"), "app");
        let spec = &mut workload["spec"];
        spec["selector"] = json!({"matchLabels": {"app": "app"}});
        let template = if group == "apps" {
            &mut spec["template"]
        } else {
            &mut spec["jobTemplate"]["spec"]["template"]
        };
        template["spec"]["serviceAccountName"] = "app".into();
        put(&format!("GET {path}"), workload);
    }
    for (group, kind, path, owner) in [
        ("apps", "ReplicaSet", "/apis/apps/v1/namespaces/demo/replicasets", "Deployment"),
        ("batch", "Job", "/apis/batch/v1/namespaces/demo/jobs", "CronJob"),
    ] {
        let _ = owner;
        let kind = format!("io.k8s.api.{group}.v1.{kind}");
        let object = planted.object(schemas, &kind, "workload");
        put(&format!("GET {path}"), json!({"metadata": {}, "items": [object]}));
    }

    let mut map = planted.object(schemas, "io.k8s.api.core.v1.ConfigMap", "config-map");
    let (other, more) = (planted.secret("config-map.other"), planted.secret("config-map.more"));
    map["data"]["config"] = json!({
        "demo/app": {"RoleARN": ROLE, "More": more},
        "*/app": {"RoleARN": other}, "demo/other": {"RoleARN": other}, (other): {},
    })
    .to_string()
    .into();
    map["metadata"]["name"] = "pod-identity-webhook".into();
    map["metadata"]["namespace"] = "kube-system".into();
    let system = "/api/v1/namespaces/kube-system";
    put(&format!("GET {system}/configmaps/pod-identity-webhook"), map);

    let authority = Authority::new("ours").unwrap();
    let pair = authority.server(&["pod-identity-webhook.kube-system.svc"]).unwrap();
    let hidden = planted.secret("pem.comment");
    let key = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(planted.secret("pem.key"))
    );
    let pem =
        |certificate: &str| STANDARD.encode(format!("{hidden}\n{key}{certificate}{key}{hidden}"));
    let kind = "io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration";
    let mut ours = planted.object(schemas, kind, "ours");
    ours["metadata"]["name"] = "pod-identity-webhook".into();
    let path = planted.secret("ours.url");
    let entry = &mut ours["webhooks"][0];
    entry["name"] = "pod-identity-webhook.amazonaws.com".into();
    entry["clientConfig"]["service"]["name"] = "pod-identity-webhook".into();
    entry["clientConfig"]["service"]["namespace"] = "kube-system".into();
    entry["clientConfig"]["caBundle"] = pem(authority.pem()).into();
    entry["clientConfig"].as_object_mut().unwrap().remove("url");
    entry["namespaceSelector"] = json!({"matchLabels": {"kubernetes.io/metadata.name": "demo"}});
    entry["objectSelector"] = json!({});
    let rule = json!({"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"],
        "resources": ["pods"], "scope": "*"});
    entry["rules"].as_array_mut().unwrap().push(rule);
    let mut by_url = entry.clone();
    by_url["name"] = "by-url.pod-identity.example".into();
    by_url["rules"] = json!([]);
    by_url["clientConfig"] = json!({"url": format!("http://127.0.0.1:1/{path}")});
    ours["webhooks"].as_array_mut().unwrap().push(by_url);
    let foreign = planted.object(schemas, kind, "foreign");
    put(
        "GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        json!({"metadata": {}, "items": [ours, foreign]}),
    );
    let service = planted.object(schemas, "io.k8s.api.core.v1.Service", "service");
    put(&format!("GET {system}/services/pod-identity-webhook"), service);
    let slice = planted.object(schemas, "io.k8s.api.discovery.v1.EndpointSlice", "slice");
    put(
        "GET /apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
        json!({"metadata": {}, "items": [slice]}),
    );
    let mut secret = planted.object(schemas, "io.k8s.api.core.v1.Secret", "secret");
    secret["data"]["tls.crt"] = pem(&pair.certificate).into();
    put(&format!("GET {system}/secrets/pod-identity-webhook"), secret);

    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!(
        "{}.{}.{}",
        part(&json!({"alg": "RS256", "kid": planted.secret("token.kid")})),
        part(&json!({
            "iss": published.url(), "sub": "system:serviceaccount:demo:app",
            "aud": ["sts.amazonaws.com", planted.secret("token.aud")], "exp": 4_000_000_000_i64,
            "iat": 1, "jti": planted.secret("token.jti"), "more": planted.secret("token.more"),
        })),
        URL_SAFE_NO_PAD.encode(planted.secret("token.signature"))
    );
    put(&format!("POST {home}/serviceaccounts/app/token"), json!({"status": {"token": token}}));
    let keys = json!({"keys": [{"kty": "RSA", "kid": "a", "n": planted.secret("jwks.n"),
        "e": "AQAB", "d": planted.secret("jwks.d"), "more": planted.secret("jwks.more")}]});
    published.put(JWKS, Document::Text(keys.to_string()));
    let discovery = json!({"issuer": published.url(), "jwks_uri": format!("{}{JWKS}", published.url()),
        "more": planted.secret("discovery.more")});
    published.put(DISCOVERY, Document::Text(discovery.to_string()));
    answers
}

/// A pod with every field, and every AWS variable besides.
fn pod(schemas: &Schemas, planted: &mut Planted, place: &str) -> Value {
    let mut pod = planted.object(schemas, "io.k8s.api.core.v1.Pod", place);
    pod["spec"]["serviceAccountName"] = "app".into();
    pod["spec"]["serviceAccount"] = "app".into();
    let env = pod["spec"]["containers"][0]["env"].as_array_mut().unwrap();
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_STS_REGIONAL_ENDPOINTS",
        "AWS_ENDPOINT_URL_STS",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_PROFILE",
        "aws_role_arn",
    ] {
        env.push(json!({"name": name, "value": planted.secret(name)}));
    }
    let (user, query) = (planted.secret("uri.user"), planted.secret("uri.query"));
    let uri = format!("http://{user}@169.254.170.23/v1/credentials?{query}#{query}");
    env.push(json!({"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": uri}));
    pod
}

fn kubeconfig(server: SocketAddr) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": format!("http://{server}")}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    })
}

/// An API server of answers. It ends with the test's runtime.
async fn serve(answers: Answers) -> SocketAddr {
    let answers = Arc::new(answers);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answers = Arc::clone(&answers);
            tokio::spawn(async move {
                let answer = service_fn(move |request: Request<Incoming>| {
                    let asked = format!("{} {}", request.method(), request.uri().path());
                    let (status, body) = match answers.get(&asked) {
                        Some(answer) => (200, answer.to_string()),
                        None => (
                            404,
                            json!({"kind": "Status", "code": 404, "status": "Failure",
                            "message": format!("no {asked}"), "reason": "NotFound"})
                            .to_string(),
                        ),
                    };
                    let answer = Response::builder().status(status);
                    let answer = answer.header("content-type", "application/json");
                    std::future::ready(answer.body(Full::new(Bytes::from(body))))
                });
                http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await
            });
        }
    });
    address
}
