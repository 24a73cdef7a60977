//! `audit` and `doctor` go by the arguments and variables that the webhook's own workload has in the cluster.

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use super::scene::{ROLE, Said, program};
use crate::support::{Namespace, SOON, Scratch, control_plane, eventually, pod};

const GROUP: &str = "rbac.authorization.k8s.io";

/// A webhook as it is installed, and a namespace with pods that it was not called for.
struct Installed {
    home: Namespace,
    namespace: Namespace,
    configuration: String,
    /// Who may read all but the webhook's own namespace.
    outsider: std::path::PathBuf,
}

impl Installed {
    /// With this workload: its kind, and what its container is started with.
    async fn with(kind: &str, container: Value) -> Self {
        let control_plane = control_plane().await;
        let home = control_plane.namespace("home").await;
        let namespace = control_plane.namespace("team").await;
        let labels = json!({"app": "webhook"});
        let service = json!({
            "metadata": {"name": "webhook"},
            "spec": {"selector": labels, "ports": [{"port": 443, "targetPort": 8443}]},
        });
        home.create_object::<Service>(&service).await.unwrap();
        let list =
            json!({"identities": [{"namespace": namespace.name(), "serviceAccount": "listed"}]});
        let map =
            json!({"metadata": {"name": "identities"}, "data": {"list.json": list.to_string()}});
        home.create_object::<ConfigMap>(&map).await.unwrap();
        let mut container = container;
        container["name"] = "webhook".into();
        container["image"] = "registry.example/pod-identity-webhook:1".into();
        container["volumeMounts"] = json!([{"name": "identities", "mountPath": "/etc/identities"}]);
        let template = json!({
            "metadata": {"labels": labels},
            "spec": {
                "containers": [container],
                "volumes": [{"name": "identities", "configMap": {"name": "identities"}}],
            },
        });
        let workload = json!({
            "metadata": {"name": "webhook"},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        });
        match kind {
            "deployment" => drop(home.create_object::<Deployment>(&workload).await.unwrap()),
            _ => drop(home.create_object::<DaemonSet>(&workload).await.unwrap()),
        }
        let configuration = format!("installed-{home}");
        let entry = json!({
            "name": format!("{configuration}.pod-identity.test"),
            // Nobody listens there.
            "clientConfig": {"service": {"namespace": home.name(), "name": "webhook", "path": "/mutate"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name()}},
            "sideEffects": "None",
            "failurePolicy": "Ignore",
            "timeoutSeconds": 1,
            "admissionReviewVersions": ["v1"],
        });
        let webhook = json!({"metadata": {"name": configuration}, "webhooks": [entry]});
        create_in_cluster::<MutatingWebhookConfiguration>(&webhook).await;
        let outsider = outsider(&configuration, &namespace).await;
        for (name, annotations) in [
            ("app", &[("x.io/role-arn", ROLE)][..]),
            ("usual", &[("eks.amazonaws.com/role-arn", ROLE)]),
            ("listed", &[]),
        ] {
            namespace.service_account(name, annotations).await;
            namespace.pod(&pod(name, name)).await;
        }
        Self { home, namespace, configuration, outsider }
    }

    async fn run(&self, kubeconfig: &std::path::Path, args: &[&str]) -> Said {
        let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
        let configuration = format!("--webhook-config-name={}", self.configuration);
        let here = ["-n", self.namespace.name(), "-o", "json", &kubeconfig, &configuration];
        let run = program(&[args, &here].concat());
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// As one with all rights.
    async fn ask(&self, args: &[&str]) -> Said {
        self.run(control_plane().await.kubeconfig(), args).await
    }
}

async fn create_in_cluster<K>(object: &Value)
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::ClusterResourceScope>
        + Clone
        + serde::de::DeserializeOwned
        + serde::Serialize
        + std::fmt::Debug,
{
    let api: Api<K> = Api::all(control_plane().await.client());
    let object = serde_json::from_value(object.clone()).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

/// May read what concerns the pods, and nothing of the webhook's namespace.
async fn outsider(name: &str, namespace: &Namespace) -> std::path::PathBuf {
    let to = |kind: &str| {
        json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name},
            "subjects": [{"apiGroup": GROUP, "kind": "User", "name": name}],
        })
    };
    let rules = json!([
        {"apiGroups": ["admissionregistration.k8s.io"], "resources": ["mutatingwebhookconfigurations"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    ]);
    let role = json!({"metadata": {"name": name}, "rules": rules});
    create_in_cluster::<ClusterRole>(&role).await;
    create_in_cluster::<ClusterRoleBinding>(&to("ClusterRole")).await;
    let rules = json!([{"apiGroups": [""], "resources": ["pods", "serviceaccounts"], "verbs": ["list", "get"]}]);
    let role = json!({"metadata": {"name": name}, "rules": rules});
    namespace.create_object::<Role>(&role).await.unwrap();
    namespace.create_object::<RoleBinding>(&to("Role")).await.unwrap();
    control_plane().await.kubeconfig_for(name, &[])
}

/// The pods that lack something, with what they lack.
fn found(said: &Said) -> Vec<(String, String)> {
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let found = said.report["findings"].as_array().into_iter().flatten();
    found
        .map(|it| (text(&it["pod"]), format!("{}: {}", text(&it["id"]), text(&it["message"]))))
        .collect()
}

fn pods(said: &Said) -> Vec<String> {
    found(said).into_iter().map(|(pod, _)| pod).collect()
}

fn notes(said: &Said) -> Vec<&str> {
    let notes = said.report["notes"].as_array().into_iter().flatten();
    notes.map(|it| it.as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_workloads_own_arguments_and_variables_count() {
    let arguments = json!({
        "args": [
            "--in-cluster=false",
            "--annotation-prefix=$(PREFIX)",
            "--watch-container-credentials-config=/etc/identities/list.json",
        ],
        "env": [
            {"name": "PREFIX", "value": "x.io"},
            {"name": "PODID_AWS_DEFAULT_REGION", "value": "eu-west-1"},
        ],
    });
    for kind in ["deployment", "daemonset"] {
        let installed = Installed::with(kind, arguments.clone()).await;
        let said = installed.ask(&["audit"]).await;
        let text = format!("{kind}: {:#}\n{}", said.report, said.errors);
        assert_eq!((said.exit, notes(&said)), (1, vec![]), "{text}");
        assert_eq!(pods(&said), ["app", "listed"], "{text}");
        for (pod, why) in found(&said) {
            let wanted = match pod.as_str() {
                "app" => ["missing", "AWS_ROLE_ARN", "AWS_REGION"],
                _ => ["missing", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_REGION"],
            };
            assert!(wanted.iter().all(|it| why.contains(it)), "{pod}: {why}");
        }

        // A flag of the command line that says otherwise does not count, and this is said.
        let said = installed
            .ask(&["audit", "--annotation-prefix=y.io", "--aws-default-region=us-east-1"])
            .await;
        let text = format!("{kind}: {:#}\n{}", said.report, said.errors);
        assert_eq!(
            (said.exit, pods(&said)),
            (1, vec!["app".to_owned(), "listed".to_owned()]),
            "{text}"
        );
        let region =
            notes(&said).into_iter().find(|it| it.contains("--aws-default-region")).unwrap();
        let own = format!("({kind}/webhook in namespace {})", installed.home);
        for part in ["\"eu-west-1\", which counts", "not \"us-east-1\" of the command line", &own] {
            assert!(region.contains(part), "{region}");
        }

        // The same of one ServiceAccount: its role is found by the webhook's own prefix.
        for (account, status) in [("app", "pass"), ("usual", "fail")] {
            let target = format!("serviceaccount/{account}");
            let said = installed.ask(&["doctor", &target]).await;
            let check = said.check("role-annotation");
            assert_eq!(check["status"], status, "{kind}: {:#}\n{}", said.report, said.errors);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_lines_flags_count_where_the_workload_can_not_be_read() {
    let installed =
        Installed::with("deployment", json!({"args": ["--annotation-prefix=x.io"]})).await;
    let outsider = &installed.outsider;
    let not_known = |said: &Said| {
        let notes = notes(said);
        notes.iter().any(|it| it.contains("forbidden") && it.contains("command line"))
    };
    eventually("the rights to be in force", SOON, || async {
        let said = installed.run(outsider, &["audit"]).await;
        anyhow::ensure!(!pods(&said).is_empty(), "{:#}\n{}", said.report, said.errors);
        Ok(())
    })
    .await;
    // Nobody knows whether the flags name a list of container credentials.
    let said = installed.run(outsider, &["audit"]).await;
    assert_eq!((said.exit, pods(&said)), (2, vec!["usual".to_owned()]), "{:#}", said.report);
    assert!(found(&said)[0].1.starts_with("unknown: "), "{:#}", said.report);
    assert!(not_known(&said), "{:#}", said.report);
    let scratch = Scratch::new().unwrap();
    let nobody = scratch.write("nobody.json", "{}").unwrap();
    let nobody = format!("--watch-container-credentials-config={}", nobody.display());
    let said = installed.run(outsider, &["audit", &nobody]).await;
    assert_eq!((said.exit, pods(&said)), (1, vec!["usual".to_owned()]), "{:#}", said.report);
    let said = installed.run(outsider, &["audit", "--annotation-prefix=x.io", &nobody]).await;
    assert_eq!(pods(&said), ["app"], "{:#}\n{}", said.report, said.errors);
    assert!(not_known(&said), "{:#}", said.report);
    let said = installed
        .run(outsider, &["doctor", "serviceaccount/app", "--annotation-prefix=x.io"])
        .await;
    assert_eq!(
        said.check("role-annotation")["status"],
        "pass",
        "{:#}\n{}",
        said.report,
        said.errors
    );
    assert!(not_known(&said), "{:#}", said.report);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_from_a_secret_is_not_known_and_the_command_line_fills_it() {
    let secret = json!({"secretKeyRef": {"name": "webhook", "key": "prefix"}});
    let container = json!({"env": [{"name": "PODID_ANNOTATION_PREFIX", "valueFrom": secret}]});
    let installed = Installed::with("deployment", container).await;
    for (prefix, wanted) in [("x.io", "app"), ("eks.amazonaws.com", "usual")] {
        let said = installed.ask(&["audit", &format!("--annotation-prefix={prefix}")]).await;
        let text = format!("{:#}\n{}", said.report, said.errors);
        assert_eq!((said.exit, pods(&said)), (1, vec![wanted.to_owned()]), "{text}");
        assert!(notes(&said).iter().any(|it| it.contains("PODID_ANNOTATION_PREFIX")), "{text}");
    }
}
