//! The test harness itself: is its control plane a real one, and does it leave nothing behind?

use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use crate::support::{
    ControlPlane, Injector, Options, Registration, SOON, control_plane, eventually, overlaid, pod,
    process_is_gone,
};
use anyhow::ensure;
use axum::http::Request;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Pod, Secret},
};
use kube::{Api, api::ListParams};
use serde_json::{Value, json};

/// Makes `helper_holds_a_control_plane` do its work.
const HELPER: &str = "POD_IDENTITY_TEST_HELPER";

#[tokio::test]
async fn the_version_served_is_stamped() {
    let version = control_plane().await.client().apiserver_version().await.unwrap();
    assert_eq!(version.major, "1");
    // Ready binaries come before the variable that chooses what to build.
    if let (Ok(asked), Err(_)) = (env::var("K8S_VERSION"), env::var("KUBEBUILDER_ASSETS")) {
        let asked = format!("v{}.", asked.trim_start_matches('v'));
        let served = format!("{}.", version.git_version);
        assert!(served.starts_with(&asked), "{asked} was asked for, {served} answers");
    }
    assert!(version.git_version.starts_with(&format!("v1.{}.", version.minor)), "{version:?}");
}

#[tokio::test]
async fn a_pod_is_stored_and_stays_pending() {
    let namespace = control_plane().await.namespace("pods").await;
    let stored = namespace.pod(&pod("plain", "default")).await;
    assert_eq!(stored.status.unwrap().phase.as_deref(), Some("Pending"));
    // The default admission plugins ran: the API server's own token is mounted.
    let spec = stored.spec.unwrap();
    assert_eq!(spec.containers[0].volume_mounts.as_ref().unwrap().len(), 1);
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let namespace = control_plane().await.namespace("dry").await;
    let answer = namespace.dry_run_pod(&pod("plain", "default")).await;
    assert!(answer.metadata.uid.is_some());
    assert_eq!(namespace.api::<Pod>().get_opt("plain").await.unwrap(), None);
}

#[tokio::test]
async fn a_pod_without_its_service_account_is_refused() {
    let namespace = control_plane().await.namespace("refused").await;
    let refusal = namespace.admit_pod(&pod("plain", "nobody"), false).await.unwrap_err();
    assert!(refusal.to_string().contains("nobody"), "{refusal:#}");
}

#[tokio::test]
async fn warnings_come_through() {
    let namespace = control_plane().await.namespace("warned").await;
    let odd = overlaid(
        pod("plain", "default"),
        &json!({ "metadata": {
        "annotations": { "seccomp.security.alpha.kubernetes.io/pod": "runtime/default" } } }),
    );
    let odd =
        overlaid(odd, &json!({ "spec": { "nodeSelector": { "beta.kubernetes.io/os": "linux" } } }));
    let admitted = namespace.admit_pod(&odd, true).await.unwrap();
    assert!(
        admitted.warnings.iter().any(|text| text.contains("beta.kubernetes.io/os")),
        "{admitted:?}"
    );
}

#[tokio::test]
async fn a_user_has_the_rights_that_rbac_gives_and_no_more() {
    let control_plane = control_plane().await;
    let namespace = control_plane.namespace("rbac").await;
    let user = format!("system:serviceaccount:{namespace}:default");
    let own_group = format!("system:serviceaccounts:{namespace}");
    let by_certificate =
        control_plane.kubeconfig_for(&user, &["system:serviceaccounts", &own_group]);
    let by_token = control_plane.kubeconfig_for_service_account(namespace.name(), "default").await;
    for kubeconfig in [&by_certificate, &by_token] {
        let client = control_plane.client_for(kubeconfig).await;
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace.name());
        let refusal = secrets.list(&ListParams::default()).await.unwrap_err();
        let kube::Error::Api(status) = &refusal else { panic!("{refusal}") };
        assert!(status.is_forbidden(), "{status:?}");
        // A right of the group system:serviceaccounts.
        let discovery = Request::get("/.well-known/openid-configuration").body(Vec::new()).unwrap();
        client.request_text(discovery).await.unwrap();
        // Who the API server takes it for.
        let review =
            json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
        let review = Request::post("/apis/authentication.k8s.io/v1/selfsubjectreviews")
            .header("content-type", "application/json")
            .body(serde_json::to_vec(&review).unwrap())
            .unwrap();
        let review: Value = client.request(review).await.unwrap();
        let info = &review["status"]["userInfo"];
        assert_eq!(info["username"], user.as_str());
        let groups = info["groups"].as_array().unwrap();
        for group in ["system:serviceaccounts", &own_group, "system:authenticated"] {
            assert!(groups.iter().any(|had| had == group), "{group} is not among {groups:?}");
        }
    }
}

#[tokio::test]
async fn tokens_name_the_issuer_and_the_audience() {
    let control_plane = control_plane().await;
    let namespace = control_plane.namespace("tokens").await;
    let token = control_plane.token(namespace.name(), "default", &["sts.amazonaws.com"]).await;
    let mut parts = token.split('.').map(|part| {
        serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap_or_default())
    });
    let header = parts.next().unwrap().unwrap();
    let claims = parts.next().unwrap().unwrap();
    assert_eq!(header["alg"], "RS256");
    assert_eq!(claims["iss"], control_plane.issuer());
    assert_eq!(claims["aud"], json!(["sts.amazonaws.com"]));
    assert_eq!(claims["sub"], format!("system:serviceaccount:{namespace}:default"));

    let discovery = control_plane.get_text("/.well-known/openid-configuration").await.unwrap();
    let discovery: Value = serde_json::from_str(&discovery).unwrap();
    assert_eq!(discovery["issuer"], control_plane.issuer());
    let keys = control_plane.get_text("/openid/v1/jwks").await.unwrap();
    let keys: Value = serde_json::from_str(&keys).unwrap();
    assert_eq!(keys["keys"][0]["kid"], header["kid"]);
}

#[tokio::test]
async fn a_registered_webhook_is_called_for_its_own_namespace_alone() {
    let control_plane = control_plane().await;
    let namespace = control_plane.namespace("registered").await;
    let other = control_plane.namespace("unregistered").await;
    let injector = Injector::start(|_| {
        json!([{ "op": "add", "path": "/spec/containers/-",
            "value": { "name": "sidecar", "image": "registry.example/sidecar:1" } }])
    })
    .await;
    let registration = Registration {
        failure_policy: "Fail",
        reinvocation_policy: "Never",
        review_versions: &["v1beta1"],
        ..Registration::default()
    };
    injector.register(control_plane, &namespace, registration).await;

    for (namespace, containers) in [(&namespace, 2), (&other, 1)] {
        let stored = namespace.pod(&pod("app", "default")).await;
        assert_eq!(stored.spec.unwrap().containers.len(), containers);
    }
    let last = injector.seen().pop().unwrap();
    assert_eq!(last["namespace"], namespace.name());
    assert_eq!(last["dryRun"], false);
}

#[tokio::test]
async fn what_was_stored_survives_the_death_of_each_part() {
    let control_plane = ControlPlane::start(Options {
        issuer: "https://issuer.example".to_owned(),
        ..Options::default()
    })
    .await;
    let url = control_plane.url();
    let namespace = control_plane.namespace("survivor").await;
    let keep = json!({ "metadata": { "name": "keep" }, "data": { "a": "b" } });
    namespace.create_object::<ConfigMap>(&keep).await.unwrap();

    control_plane.kill_api_server();
    assert!(control_plane.get_text("/readyz").await.is_err());
    control_plane.kill_etcd();
    control_plane.start_etcd().await;
    control_plane.start_api_server().await;

    assert_eq!(control_plane.url(), url);
    let kept = namespace.api::<ConfigMap>().get("keep").await.unwrap();
    assert_eq!(kept.data.unwrap()["a"], "b");
    assert_eq!(control_plane.issuer(), "https://issuer.example");
}

#[tokio::test]
async fn the_controller_manager_makes_the_pods_of_a_deployment() {
    let control_plane =
        ControlPlane::start(Options { controller_manager: true, ..Options::default() }).await;
    let namespace = control_plane.namespace("controlled").await;
    let labels = json!({ "app": "two" });
    let template = pod("", "default")["spec"].clone();
    let deployment = json!({
        "metadata": { "name": "two" },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": template },
        },
    });
    namespace.create_object::<Deployment>(&deployment).await.unwrap();
    eventually("two pods", SOON, || async {
        let pods = namespace.api::<Pod>().list(&ListParams::default()).await?;
        ensure!(pods.items.len() == 2, "there are {}", pods.items.len());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_panicking_test_leaves_no_process_behind() {
    let (report, reported) = std::sync::mpsc::channel();
    let outcome = tokio::spawn(async move {
        let control_plane = ControlPlane::start(Options::default()).await;
        report.send(control_plane.process_ids()).unwrap();
        panic!("on purpose: a test that fails");
    })
    .await;
    assert!(outcome.unwrap_err().is_panic());
    let ids = reported.recv().unwrap();
    assert_eq!(ids.len(), 2);
    assert!(ids.iter().all(|&id| process_is_gone(id)), "some of {ids:?} still run");
}

#[tokio::test]
async fn a_killed_test_process_leaves_no_process_behind() {
    let mut helper = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "control_plane::helper_holds_a_control_plane",
            "--ignored",
            "--nocapture",
        ])
        .env(HELPER, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(helper.stdout.take().unwrap());
    let ids: Vec<u32> = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, ids) = line.split_once("processes: ")?;
            ids.split(' ').map(|id| id.parse().ok()).collect()
        })
        .expect("the helper prints the ids of its control plane");
    assert_eq!(ids.len(), 2);
    assert!(ids.iter().all(|&id| !process_is_gone(id)), "some of {ids:?} do not run");

    helper.kill().unwrap();
    helper.wait().unwrap();
    eventually("the control plane of a killed process to go", SOON, || async {
        let left = ids.iter().find(|&&id| !process_is_gone(id));
        left.map_or(Ok(()), |id| Err(anyhow::anyhow!("process {id} still runs")))
    })
    .await;
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "its output is read by the test that runs it")]
#[ignore = "not a test: a_killed_test_process_leaves_no_process_behind runs it"]
async fn helper_holds_a_control_plane() {
    if env::var_os(HELPER).is_none() {
        return;
    }
    let control_plane = ControlPlane::start(Options::default()).await;
    let ids: Vec<String> = control_plane.process_ids().iter().map(u32::to_string).collect();
    println!("processes: {}", ids.join(" "));
    std::future::pending::<()>().await;
}
