//! One broken link at a time.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Service, ServiceAccount};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use crate::published::{DISCOVERY, Document, JWKS};
use crate::scene::{Question, ROLE, ROLE_ARN, Scene, another_ca, silence};
use crate::support::{Registration, eventually, pod};

async fn names(scene: &Scene, what: &str, question: &Question, broken: &str) {
    let said = scene.ask(question).await;
    assert_eq!(said.failed(), [broken], "{what}: {:#}\n{}", said.report, said.errors);
    assert_eq!(said.exit, 1, "{what}");
    let check = said.check(broken);
    assert!(check["next"].as_str().is_some_and(|next| !next.is_empty()), "{what}: {check}");
}

// One test: its control plane, webhook and issuer are the same for all, and what is broken is mended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_exactly_the_broken_link() {
    let scene = Scene::set().await;
    let mut healthy = scene.healthy();
    healthy.target = "pod/app".to_owned();
    let said = scene.ask(&healthy).await;
    assert_eq!(said.with_status("pass").len(), 17, "{:#}\n{}", said.report, said.errors);
    assert_eq!(said.exit, 0);

    provider_and_audience(&scene).await;
    verification_key(&scene).await;
    trust_policy(&scene).await;
    annotation(&scene).await;
    webhook(&scene).await;
    cluster(&scene).await;
    running_pod(&scene).await;
}

/// "No `OpenIDConnect` provider found", "Incorrect token audience".
async fn provider_and_audience(scene: &Scene) {
    let mut question = scene.healthy();
    let elsewhere = "arn:aws:iam::111122223333:oidc-provider/oidc.example.com";
    question.provider = json!({"OpenIDConnectProviderList": [{"Arn": elsewhere}]});
    names(scene, "no provider", &question, "provider").await;

    let mut question = scene.healthy();
    let url = format!("{}/", question.provider["Url"].as_str().unwrap());
    question.provider["Url"] = url.into();
    names(scene, "a slash too many", &question, "provider").await;

    let china = "arn:aws-cn:iam::111122223333:role/app";
    scene.account(&scene.namespace, "china", &[(ROLE_ARN, china)]).await;
    let mut question = scene.question(&scene.namespace, "china");
    question.role["Role"]["Arn"] = china.into();
    names(scene, "another partition", &question, "partition").await;

    let typo = ("eks.amazonaws.com/audience", "sts.amazon.com");
    scene.account(&scene.namespace, "typo", &[(ROLE_ARN, ROLE), typo]).await;
    let question = scene.question(&scene.namespace, "typo");
    names(scene, "sts.amazon.com", &question, "audience").await;

    let mut question = scene.healthy();
    question.provider["ClientIDList"] = json!(["sts.amazonaws.com "]);
    names(scene, "a client ID with white space", &question, "audience").await;
}

/// "Couldn't retrieve verification key".
async fn verification_key(scene: &Scene) {
    let question = scene.healthy();
    let discovery = scene.control_plane.get_text(DISCOVERY).await.unwrap();
    let to = Document::Redirect(format!("{}/elsewhere", scene.published.url()));
    scene.published.put("/elsewhere", Document::Text(discovery.clone()));
    scene.published.put(DISCOVERY, to);
    names(scene, "a redirect", &question, "discovery").await;

    scene.published.put(DISCOVERY, Document::Status(403));
    names(scene, "a private bucket", &question, "discovery").await;

    let url = scene.published.url();
    let slash = discovery.replace(&format!("\"{url}\""), &format!("\"{url}/\""));
    assert_ne!(slash, discovery);
    scene.published.put(DISCOVERY, Document::Text(slash));
    names(scene, "another issuer", &question, "discovery").await;
    scene.publish().await;

    scene.published.put(JWKS, Document::Status(403));
    names(scene, "a private JWKS", &question, "jwks").await;
    let stale =
        scene.control_plane.get_text(JWKS).await.unwrap().replace("\"kid\":\"", "\"kid\":\"old");
    scene.published.put(JWKS, Document::Text(stale));
    names(scene, "a stale JWKS", &question, "jwks").await;
    scene.publish().await;
}

/// "Not authorized to perform sts:AssumeRoleWithWebIdentity".
async fn trust_policy(scene: &Scene) {
    let name = scene.published.url().replace("https://", "");
    let (sub, aud) = (format!("{name}:sub"), format!("{name}:aud"));
    let right = format!("system:serviceaccount:{}:app", scene.namespace);

    let mut question = scene.healthy();
    question.statement()["Condition"]["StringEquals"][&sub] = right.to_uppercase().into();
    names(scene, "another sub", &question, "trust-policy").await;

    let mut question = scene.healthy();
    question.statement()["Condition"] = json!({"StringEquals": {(aud): right}});
    names(scene, "aud where sub was meant", &question, "trust-policy").await;

    let mut question = scene.healthy();
    let glob = format!("system:serviceaccount:{}:*", scene.namespace);
    question.statement()["Condition"]["StringEquals"][&sub] = glob.into();
    names(scene, "a glob with StringEquals", &question, "trust-policy").await;

    let mut question = scene.healthy();
    question.statement()["Action"] = "sts:AssumeRole".into();
    names(scene, "another action", &question, "trust-policy").await;

    let mut question = scene.healthy();
    question.role["Role"]["Arn"] = "arn:aws:iam::111122223333:role/other".into();
    names(scene, "another role", &question, "role").await;
}

/// The annotation is ignored.
async fn annotation(scene: &Scene) {
    let miss = ("eks.amazon.com/role-arn", ROLE);
    scene.account(&scene.namespace, "miss", &[miss]).await;
    let question = scene.question(&scene.namespace, "miss");
    names(scene, "a near miss", &question, "role-annotation").await;
    scene.account(&scene.namespace, "none", &[]).await;
    let question = scene.question(&scene.namespace, "none");
    names(scene, "no annotation", &question, "role-annotation").await;
    let question = scene.question(&scene.namespace, "nobody");
    names(scene, "no ServiceAccount", &question, "service-account").await;
}

/// The webhook fails open.
async fn webhook(scene: &Scene) {
    let (_held, url) = silence().await;
    let soon = || Registration { timeout_seconds: 1, ..Registration::default() };
    let namespace = scene.other(&url, scene.webhook.ca_pem(), soon()).await;
    let question = scene.question(&namespace, "app");
    names(scene, "a deadline behind a proxy", &question, "webhook-reachable").await;

    let url = format!("https://{}", scene.webhook.https());
    let namespace = scene.other(&url, &another_ca(), soon()).await;
    names(scene, "an unknown CA", &scene.question(&namespace, "app"), "webhook-chain").await;

    // Nobody listens on a port that was just let go.
    let (listener, url) = silence().await;
    drop(listener);
    let namespace = scene.other(&url, scene.webhook.ca_pem(), soon()).await;
    names(scene, "nobody there", &scene.question(&namespace, "app"), "webhook-reachable").await;

    let labelled = json!({"objectSelector": {"matchLabels": {"wanted": "yes"}}});
    let registration = Registration { entry_overlay: labelled, ..Registration::default() };
    let namespace = scene.registered(registration).await;
    names(scene, "an objectSelector", &scene.question(&namespace, "app"), "webhook-selectors")
        .await;

    let condition = json!({"matchConditions": [{"name": "never", "expression": "false"}]});
    let registration = Registration { entry_overlay: condition, ..Registration::default() };
    let namespace = scene.registered(registration).await;
    names(scene, "a matchCondition", &scene.question(&namespace, "app"), "dry-run").await;

    let namespace = scene.control_plane.namespace("unregistered").await;
    scene.account(&namespace, "app", &[(ROLE_ARN, ROLE)]).await;
    let mut question = scene.question(&namespace, "app");
    names(scene, "a namespaceSelector", &question, "webhook-selectors").await;
    question.args = vec!["--webhook-config-name=pod-identity-webhook".to_owned()];
    names(scene, "nothing is registered", &question, "webhook-registered").await;

    let service = json!({"clientConfig": {"url": null, "service": {
        "namespace": scene.namespace.name(), "name": "pod-identity-webhook", "path": "/mutate",
    }}});
    let registration = Registration { entry_overlay: service, ..soon() };
    let namespace = scene.registered(registration).await;
    let question = scene.question(&namespace, "app");
    names(scene, "no Service", &question, "webhook-reachable").await;
    let service = json!({
        "metadata": {"name": "pod-identity-webhook"},
        "spec": {"ports": [{"port": 443}], "selector": {"app": "pod-identity-webhook"}},
    });
    scene.namespace.create_object::<Service>(&service).await.unwrap();
    names(scene, "no endpoints", &question, "webhook-reachable").await;
}

/// "Unauthorized", after the issuer or its key was replaced in one step.
async fn cluster(scene: &Scene) {
    let mut question = scene.healthy();
    let good = std::fs::read_to_string(scene.control_plane.kubeconfig()).unwrap();
    let mut kubeconfig: serde_json::Value = serde_json::from_str(&good).unwrap();
    kubeconfig["users"][0]["user"] = json!({"token": "a.b.c"});
    let folder = crate::support::Scratch::new().unwrap();
    question.kubeconfig = folder.write("kubeconfig", kubeconfig.to_string()).unwrap();
    names(scene, "Unauthorized", &question, "api-server").await;
}

/// Pods that were there before.
async fn running_pod(scene: &Scene) {
    scene.account(&scene.namespace, "late", &[]).await;
    scene.namespace.pod(&pod("late", "late")).await;
    annotate(scene, "late", ROLE).await;
    let mut question = scene.question(&scene.namespace, "late");
    "pod/late".clone_into(&mut question.target);
    names(scene, "started before the annotation", &question, "running-pod").await;

    scene
        .account(&scene.namespace, "moved", &[(ROLE_ARN, "arn:aws:iam::111122223333:role/old")])
        .await;
    scene.namespace.pod(&pod("moved", "moved")).await;
    annotate(scene, "moved", ROLE).await;
    let mut question = scene.question(&scene.namespace, "moved");
    "pod/moved".clone_into(&mut question.target);
    names(scene, "with the old role", &question, "running-pod").await;
}

/// Annotates, and waits until the webhook has seen it.
async fn annotate(scene: &Scene, name: &str, role: &str) {
    let change = json!({"metadata": {"annotations": {ROLE_ARN: role}}});
    let accounts = scene.namespace.api::<ServiceAccount>();
    accounts.patch(name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    eventually("the webhook to see it", Duration::from_secs(10), || async {
        let answer = scene.webhook.review(&scene.namespace, &pod("new", name)).await;
        anyhow::ensure!(answer.role().as_deref() == Some(role), "it has not");
        Ok(())
    })
    .await;
}
