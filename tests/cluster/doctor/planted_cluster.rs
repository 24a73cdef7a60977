//! A cluster, its issuer and its webhook with a secret in each text.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::answers::Answers;
use super::planted::{Planted, Schemas};
use super::published::{DISCOVERY, Document, JWKS, Published};
use super::scene::{ROLE, ROLE_ARN};
use crate::support::Authority;

const HOME: &str = "/api/v1/namespaces/demo";
const SYSTEM: &str = "/api/v1/namespaces/kube-system";
const CONFIGURATION: &str = "io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration";

/// What the cluster answers, by method and path; the issuer's documents are published.
pub(crate) fn cluster(schemas: &Schemas, planted: &mut Planted, published: &Published) -> Answers {
    let mut cluster = Cluster { schemas, planted, answers: BTreeMap::new() };
    cluster.objects();
    cluster.workloads();
    cluster.config_map();
    cluster.webhook();
    cluster.deployment();
    cluster.issuer(published);
    cluster.answers
}

struct Cluster<'a> {
    schemas: &'a Schemas,
    planted: &'a mut Planted,
    answers: Answers,
}

impl Cluster<'_> {
    fn put(&mut self, asked: &str, answer: Value) {
        self.answers.insert(asked.to_owned(), answer);
    }

    fn object(&mut self, kind: &str, place: &str) -> Value {
        self.planted.object(self.schemas, kind, place)
    }

    fn objects(&mut self) {
        let mut version = json!({"gitVersion": self.planted.secret("version.gitVersion")});
        version["platform"] = self.planted.secret("version.platform").into();
        self.put("GET /version", version);

        let mut namespace = self.object("io.k8s.api.core.v1.Namespace", "namespace");
        namespace["metadata"]["name"] = "demo".into();
        namespace["metadata"]["labels"]["kubernetes.io/metadata.name"] = "demo".into();
        self.put(&format!("GET {HOME}"), namespace);

        let account = self.object("io.k8s.api.core.v1.ServiceAccount", "account");
        let mut account = named(account, "app");
        account["metadata"]["annotations"][ROLE_ARN] = ROLE.into();
        let fields = json!({"f:metadata": {"f:annotations": {
            (format!("f:{ROLE_ARN}")): {}, (self.planted.secret("account.fields")): {},
        }}});
        account["metadata"]["managedFields"][0]["fieldsV1"] = fields;
        self.put(&format!("GET {HOME}/serviceaccounts/app"), account);

        let pod = self.pod("pod");
        let mut maker = pod["metadata"]["ownerReferences"][0].clone();
        maker["controller"] = true.into();
        let mut pod = named(pod, "app");
        pod["metadata"]["ownerReferences"] = json!([maker]);
        let owned = ["apps", "batch"].map(|group| owned(pod.clone(), &format!("{group}-owned")));
        let list = json!({"metadata": {}, "items": owned});
        self.put(&format!("GET {HOME}/pods/app"), pod);
        self.put(&format!("GET {HOME}/pods"), list);
        let dry_run = named(self.pod("pod"), "doctor");
        self.put(&format!("POST {HOME}/pods"), dry_run);
    }

    fn workloads(&mut self) {
        for (group, kind, path) in [
            ("apps", "Deployment", "/apis/apps/v1/namespaces/demo/deployments/app"),
            ("batch", "CronJob", "/apis/batch/v1/namespaces/demo/cronjobs/app"),
        ] {
            let kind = format!("io.k8s.api.{group}.v1.{kind}");
            let mut workload = named(self.object(&kind, "workload"), "app");
            workload["metadata"]["uid"] = group.into();
            let spec = &mut workload["spec"];
            spec["selector"] = json!({"matchLabels": {"app": "app"}});
            let template = if group == "apps" {
                &mut spec["template"]
            } else {
                &mut spec["jobTemplate"]["spec"]["template"]
            };
            template["spec"]["serviceAccountName"] = "app".into();
            self.put(&format!("GET {path}"), workload);
        }
        for (group, kind, path) in [
            ("apps", "ReplicaSet", "/apis/apps/v1/namespaces/demo/replicasets"),
            ("batch", "Job", "/apis/batch/v1/namespaces/demo/jobs"),
        ] {
            let kind = format!("io.k8s.api.{group}.v1.{kind}");
            let mut object = owned(self.object(&kind, "workload"), group);
            object["metadata"]["uid"] = format!("{group}-owned").into();
            self.put(&format!("GET {path}"), json!({"metadata": {}, "items": [object]}));
        }
    }

    fn config_map(&mut self) {
        let mut map = self.object("io.k8s.api.core.v1.ConfigMap", "config-map");
        let (other, more) =
            (self.planted.secret("config-map.other"), self.planted.secret("config-map.more"));
        map["data"]["config"] = json!({
            "demo/app": {"RoleARN": ROLE, "More": more},
            "*/app": {"RoleARN": other}, "demo/other": {"RoleARN": other}, (other): {},
        })
        .to_string()
        .into();
        map["metadata"]["name"] = "pod-identity-webhook".into();
        map["metadata"]["namespace"] = "kube-system".into();
        self.put(&format!("GET {SYSTEM}/configmaps/pod-identity-webhook"), map);
    }

    fn webhook(&mut self) {
        let authority = Authority::new("ours").unwrap();
        let pair = authority.server(&["pod-identity-webhook.kube-system.svc"]).unwrap();
        let hidden = self.planted.secret("pem.comment");
        let key = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(self.planted.secret("pem.key"))
        );
        let pem = |certificate: &str| {
            STANDARD.encode(format!("{hidden}\n{key}{certificate}{key}{hidden}"))
        };
        let mut ours = self.object(CONFIGURATION, "ours");
        ours["metadata"]["name"] = "pod-identity-webhook".into();
        let path = self.planted.secret("ours.url");
        let entry = &mut ours["webhooks"][0];
        entry["name"] = "pod-identity-webhook.amazonaws.com".into();
        entry["clientConfig"]["service"]["name"] = "pod-identity-webhook".into();
        entry["clientConfig"]["service"]["namespace"] = "kube-system".into();
        entry["clientConfig"]["caBundle"] = pem(authority.pem()).into();
        entry["clientConfig"].as_object_mut().unwrap().remove("url");
        entry["namespaceSelector"] =
            json!({"matchLabels": {"kubernetes.io/metadata.name": "demo"}});
        entry["objectSelector"] = json!({});
        let rule = json!({"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"],
            "resources": ["pods"], "scope": "*"});
        entry["rules"].as_array_mut().unwrap().push(rule);
        let mut by_url = entry.clone();
        by_url["name"] = "by-url.pod-identity.example".into();
        by_url["rules"] = json!([]);
        by_url["clientConfig"] = json!({"url": format!("http://127.0.0.1:1/{path}")});
        ours["webhooks"].as_array_mut().unwrap().push(by_url);
        let foreign = self.object(CONFIGURATION, "foreign");
        self.put(
            "GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
            json!({"metadata": {}, "items": [ours, foreign]}),
        );
        let mut service = self.object("io.k8s.api.core.v1.Service", "service");
        service["spec"]["selector"] = json!({"app": "webhook"});
        self.put(&format!("GET {SYSTEM}/services/pod-identity-webhook"), service);
        let slice = self.object("io.k8s.api.discovery.v1.EndpointSlice", "slice");
        self.put(
            "GET /apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
            json!({"metadata": {}, "items": [slice]}),
        );
        let mut secret = self.object("io.k8s.api.core.v1.Secret", "secret");
        secret["data"]["tls.crt"] = pem(&pair.certificate).into();
        self.put(&format!("GET {SYSTEM}/secrets/pod-identity-webhook"), secret);
    }

    /// The webhook's own Deployment, and the list of who gets container credentials.
    fn deployment(&mut self) {
        let deployment = self.object("io.k8s.api.apps.v1.Deployment", "webhook");
        let mut deployment = named(deployment, "webhook");
        deployment["metadata"]["namespace"] = "kube-system".into();
        let template = &mut deployment["spec"]["template"];
        template["metadata"]["labels"]["app"] = "webhook".into();
        template["spec"]["volumes"] = json!([{"name": "list", "configMap": {"name": "list"}}]);
        let secret = self.planted.secret("webhook.args");
        let container = &mut template["spec"]["containers"][0];
        container["command"] = json!(["/webhook", "serve"]);
        container["args"] = json!([
            format!("--tls-key=/{secret}"),
            format!("--kubeconfig=/{secret}"),
            "--port=8443",
            format!("--client-allowed-names={secret}"),
            "--token-expiration=7200",
            "--watch-config-map",
            "--watch-container-credentials-config=/list/list.json",
            format!("--container-credentials-full-uri=http://169.254.170.23/v1?{secret}"),
        ]);
        let variable =
            json!({"name": "PODID_TLS_CERT", "value": self.planted.secret("webhook.env")});
        container["env"].as_array_mut().unwrap().push(variable);
        container["volumeMounts"] = json!([{"name": "list", "mountPath": "/list"}]);
        self.put(
            "GET /apis/apps/v1/namespaces/kube-system/deployments",
            json!({"metadata": {}, "items": [deployment]}),
        );
        let other = self.planted.secret("list.other");
        let mut list = self.object("io.k8s.api.core.v1.ConfigMap", "list");
        list["data"]["list.json"] =
            json!({"identities": [{"namespace": "demo", "serviceAccount": other}]})
                .to_string()
                .into();
        self.put(&format!("GET {SYSTEM}/configmaps/list"), list);
    }

    fn issuer(&mut self, published: &Published) {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!(
            "{}.{}.{}",
            part(&json!({"alg": "RS256", "kid": self.planted.secret("token.kid")})),
            part(&json!({
                "iss": published.url(), "sub": "system:serviceaccount:demo:app",
                "aud": ["sts.amazonaws.com", self.planted.secret("token.aud")], "exp": 4_000_000_000_i64,
                "iat": 1, "jti": self.planted.secret("token.jti"), "more": self.planted.secret("token.more"),
            })),
            URL_SAFE_NO_PAD.encode(self.planted.secret("token.signature"))
        );
        self.put(
            &format!("POST {HOME}/serviceaccounts/app/token"),
            json!({"status": {"token": token}}),
        );
        let keys = json!({"keys": [{"kty": "RSA", "kid": "a", "n": self.planted.secret("jwks.n"),
            "e": "AQAB", "d": self.planted.secret("jwks.d"), "more": self.planted.secret("jwks.more")}]});
        published.put(JWKS, Document::Text(keys.to_string()));
        let discovery = json!({"issuer": published.url(), "jwks_uri": format!("{}{JWKS}", published.url()),
            "more": self.planted.secret("discovery.more")});
        published.put(DISCOVERY, Document::Text(discovery.to_string()));
    }

    /// A pod with every field, and every AWS variable besides.
    fn pod(&mut self, place: &str) -> Value {
        let mut pod = self.object("io.k8s.api.core.v1.Pod", place);
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
            env.push(json!({"name": name, "value": self.planted.secret(name)}));
        }
        let (user, query) = (self.planted.secret("uri.user"), self.planted.secret("uri.query"));
        let uri = format!("http://{user}@169.254.170.23/v1/credentials?{query}#{query}");
        env.push(json!({"name": "AWS_CONTAINER_CREDENTIALS_FULL_URI", "value": uri}));
        pod
    }
}

/// By a name of ours, and owned by nobody.
fn named(mut object: Value, name: &str) -> Value {
    object["metadata"]["name"] = name.into();
    object["metadata"]["namespace"] = "demo".into();
    object["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    object
}

/// By the object of this uid.
fn owned(mut object: Value, uid: &str) -> Value {
    let mut owner = object["metadata"]["ownerReferences"][0].clone();
    if owner.is_null() {
        owner = json!({});
    }
    owner["uid"] = uid.into();
    owner["controller"] = true.into();
    object["metadata"]["ownerReferences"] = json!([owner]);
    object
}
