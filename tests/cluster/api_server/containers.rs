//! Every kind of container, on pods however they come.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{ANNOTATED, ready, registered, with_identity};
use crate::support::{
    ControlPlane, Injector, Options, Registration, SOON, control_plane, eventually, overlaid, pod,
};

#[tokio::test]
async fn gives_the_role_to_plain_init_and_native_sidecar_containers() {
    let (_webhook, namespace) = registered(control_plane().await, &[]).await;
    namespace.service_account("app", ANNOTATED).await;
    let asked = overlaid(
        pod("app", "app"),
        &json!({"spec": {"initContainers": [
            {"name": "setup", "image": "registry.example/setup:1"},
            {"name": "proxy", "image": "registry.example/proxy:1", "restartPolicy": "Always"},
        ]}}),
    );
    let stored = namespace.admit_pod(&asked, false).await.unwrap().object;
    assert_eq!(with_identity(&stored, "initContainers"), ["setup", "proxy"]);
    assert_eq!(with_identity(&stored, "containers"), ["app"]);
    let token = &stored["spec"]["volumes"].as_array().unwrap().last().unwrap()["projected"];
    assert_eq!(token["sources"][0]["serviceAccountToken"]["audience"], "sts.amazonaws.com");
    assert_eq!(token["sources"][0]["serviceAccountToken"]["expirationSeconds"], 86400);
}

#[tokio::test]
async fn gives_the_role_to_an_ephemeral_container() {
    let (_webhook, namespace) = registered(control_plane().await, &[]).await;
    namespace.service_account("app", ANNOTATED).await;
    namespace.pod(&pod("app", "app")).await;
    for name in ["debug", "debug-again"] {
        let change = json!({"spec": {"ephemeralContainers": [
            {"name": name, "image": "registry.example/debug:1", "targetContainerName": "app"},
        ]}});
        let pods = namespace.api::<Pod>();
        let change = Patch::Strategic(change);
        pods.patch_ephemeral_containers("app", &PatchParams::default(), &change).await.unwrap();
    }
    let stored = serde_json::to_value(namespace.api::<Pod>().get("app").await.unwrap()).unwrap();
    let mut debugged = with_identity(&stored, "ephemeralContainers");
    debugged.sort();
    assert_eq!(debugged, ["debug", "debug-again"]);
}

#[tokio::test]
async fn gives_the_role_to_the_pods_of_a_deployment() {
    let control_plane =
        ControlPlane::start(Options { controller_manager: true, ..Options::default() }).await;
    let (_webhook, namespace) = registered(&control_plane, &[]).await;
    namespace.service_account("app", ANNOTATED).await;
    let labels = json!({"app": "app"});
    let mut template = pod("unused", "app");
    template["metadata"] = json!({"labels": labels});
    let deployment = json!({
        "metadata": {"name": "app"},
        "spec": {"replicas": 3, "selector": {"matchLabels": labels}, "template": template},
    });
    namespace.create_object::<Deployment>(&deployment).await.unwrap();
    let made = eventually("three pods", SOON, || async {
        let pods = namespace.api::<Pod>().list(&ListParams::default()).await?.items;
        anyhow::ensure!(pods.len() == 3, "{} pods", pods.len());
        Ok(pods)
    });
    for pod in made.await {
        let pod = serde_json::to_value(pod).unwrap();
        assert_eq!(with_identity(&pod, "containers"), ["app"]);
    }
}

#[tokio::test]
async fn gives_the_role_to_a_sidecar_that_another_webhook_injects_afterwards() {
    let control_plane = control_plane().await;
    let (_webhook, namespace) = registered(control_plane, &[]).await;
    let injector = Injector::start(|request: &Value| {
        let containers = request["object"]["spec"]["containers"].as_array().unwrap();
        if containers.iter().any(|it| it["name"] == "sidecar") {
            return json!([]);
        }
        json!([{"op": "add", "path": "/spec/containers/-",
                "value": {"name": "sidecar", "image": "registry.example/sidecar:1"}}])
    })
    .await;
    injector.register(control_plane, &namespace, Registration::default()).await;
    namespace.service_account("app", ANNOTATED).await;
    let stored = namespace.admit_pod(&pod("app", "app"), false).await.unwrap().object;
    assert_eq!(with_identity(&stored, "containers"), ["app", "sidecar"]);
    let volumes = stored["spec"]["volumes"].as_array().unwrap();
    let ours = volumes.iter().filter(|it| it["name"] == "aws-iam-token").count();
    assert_eq!(ours, 1, "{volumes:?}");
}

#[tokio::test]
async fn keeps_every_field_whether_it_knows_it_or_not() {
    let control_plane = control_plane().await;
    let webhook = ready(control_plane, &[]).await;
    let (with, without) =
        (control_plane.namespace("with").await, control_plane.namespace("without").await);
    webhook.register(control_plane, &with).await;
    let asked = overlaid(
        pod("app", "app"),
        &json!({
            "metadata": {"labels": {"a": "b"}, "finalizers": ["example.com/hold"]},
            "spec": {
                "hostUsers": false,
                "schedulingGates": [{"name": "example.com/gate"}],
                "resourceClaims": [{"name": "gpu", "resourceClaimTemplateName": "gpu"}],
                "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone",
                    "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"a": "b"}},
                    "matchLabelKeys": ["pod-template-hash"]}],
                "securityContext": {"supplementalGroupsPolicy": "Strict", "fsGroup": 7},
                "containers": [{
                    "name": "app", "image": "registry.example/app:1",
                    "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}],
                    "resources": {"claims": [{"name": "gpu"}], "limits": {"cpu": "100m"}},
                    "startupProbe": {"grpc": {"port": 9}, "terminationGracePeriodSeconds": 5},
                    "lifecycle": {"preStop": {"sleep": {"seconds": 2}}},
                    "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
                    "env": [{"name": "ORDER", "value": "first"}],
                }],
                "volumes": [{"name": "data", "ephemeral": {"volumeClaimTemplate": {"spec": {
                    "accessModes": ["ReadWriteOncePod"],
                    "resources": {"requests": {"storage": "1Gi"}}}}}}],
            },
        }),
    );
    let mut stored = Vec::new();
    for namespace in [&with, &without] {
        namespace.service_account("app", ANNOTATED).await;
        stored.push(namespace.admit_pod(&asked, true).await.unwrap().object["spec"].take());
    }
    let [mut with, mut without] = <[Value; 2]>::try_from(stored).unwrap();
    assert!(remove_named(&mut with["containers"][0]["env"], "AWS_"), "no variable: {with}");
    assert!(remove_named(&mut with["containers"][0]["volumeMounts"], "aws-iam"), "no mount");
    assert!(remove_named(&mut with["volumes"], "aws-iam"), "no volume");
    for spec in [&mut with, &mut without] {
        // The API server's own token volume has a random name.
        remove_named(&mut spec["volumes"], "kube-api-access-");
        remove_named(&mut spec["containers"][0]["volumeMounts"], "kube-api-access-");
    }
    assert_eq!(with, without);
}

/// Takes out the items whose name begins so, and says whether there were any.
fn remove_named(list: &mut Value, prefix: &str) -> bool {
    let Some(items) = list.as_array_mut() else { return false };
    let before = items.len();
    items.retain(|item| !item["name"].as_str().unwrap_or_default().starts_with(prefix));
    items.len() < before
}
