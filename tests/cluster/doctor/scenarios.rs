//! One broken link at a time.

use std::process::Command;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Secret, Service, ServiceAccount};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::published::{DISCOVERY, Document, JWKS};
use super::scene::{Question, ROLE, ROLE_ARN, Scene, another_ca, program, silence};
use crate::support::{Authority, Registration, SOON, eventually, pod};

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

    // The pods of a workload are found by its selector; nothing here makes them, so one is made by hand.
    let labels = json!({"app": "web"});
    let mut web = pod("web", "app");
    web["metadata"]["labels"] = labels.clone();
    scene.namespace.pod(&web).await;
    let deployment = json!({
        "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": labels}, "template": web},
    });
    scene.namespace.create_object::<Deployment>(&deployment).await.unwrap();
    "deployment/web".clone_into(&mut healthy.target);
    let said = scene.ask(&healthy).await;
    assert_eq!(said.with_status("pass").len(), 17, "{:#}\n{}", said.report, said.errors);

    other_teams(&scene).await;
    provider_and_audience(&scene).await;
    verification_key(&scene).await;
    trust_policy(&scene).await;
    annotation(&scene).await;
    webhook(&scene).await;
    cluster(&scene).await;
    without_rights(&scene).await;
    by_kubectl(&scene).await;
    running_pod(&scene).await;
    summary(&scene).await;
}

/// Pods that a selector's labels find, and that are not the workload's: they lack the role, and rightly.
async fn other_teams(scene: &Scene) {
    scene.account(&scene.namespace, "plain", &[]).await;
    let owner = |kind: &str, name: &str, uid: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": uid, "controller": true}]);
    let labelled = |name: &str, account: &str, tier: &str| {
        let mut pod = pod(name, account);
        pod["metadata"]["labels"] = json!({"app": "shop", "tier": tier, "pod-template-hash": "a1"});
        pod
    };
    let selector = json!({"matchLabels": {"app": "shop"}, "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["front"]},
    ]});
    let spec = json!({"selector": selector, "template": labelled("front", "app", "front")});
    let deployment = json!({"metadata": {"name": "front"}, "spec": spec});
    let stored = scene.namespace.create_object::<Deployment>(&deployment).await.unwrap();
    let mut replica_set = json!({"metadata": {"name": "front-a1"}, "spec": spec});
    replica_set["metadata"]["labels"] = spec["template"]["metadata"]["labels"].clone();
    replica_set["metadata"]["ownerReferences"] =
        owner("Deployment", "front", &stored.metadata.uid.unwrap());
    let stored = scene.namespace.create_object::<ReplicaSet>(&replica_set).await.unwrap();

    let mut own = labelled("front-a1-x", "app", "front");
    own["metadata"]["ownerReferences"] =
        owner("ReplicaSet", "front-a1", &stored.metadata.uid.unwrap());
    scene.namespace.pod(&own).await;
    scene.namespace.pod(&labelled("by-expression", "plain", "back")).await;
    let mut taken = labelled("by-owner", "plain", "front");
    taken["metadata"]["ownerReferences"] = owner("ReplicaSet", "other-a1", "other");
    scene.namespace.pod(&taken).await;

    let mut question = scene.healthy();
    "deployment/front".clone_into(&mut question.target);
    let said = scene.ask(&question).await;
    assert_eq!(said.exit, 0, "{:#}\n{}", said.report, said.errors);
    let seen = said.check("running-pod")["message"].as_str().unwrap_or_default();
    assert!(seen.starts_with("its pod has"), "{seen}");

    // Who may not list ReplicaSets knows them by their names.
    let rules = json!([
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        // What they are to have.
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get"]},
    ]);
    let role = json!({"metadata": {"name": "reader"}, "rules": rules});
    scene.namespace.create_object::<Role>(&role).await.unwrap();
    let api_group = "rbac.authorization.k8s.io";
    let binding = json!({
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": api_group, "kind": "Role", "name": "reader"},
        "subjects": [{"apiGroup": api_group, "kind": "User", "name": "reader"}],
    });
    scene.namespace.create_object::<RoleBinding>(&binding).await.unwrap();
    question.kubeconfig = scene.control_plane.kubeconfig_for("reader", &[]);
    eventually("the rights to be in force", SOON, || async {
        let said = scene.ask(&question).await;
        let seen = said.check("running-pod")["message"].as_str().unwrap_or_default();
        anyhow::ensure!(seen.starts_with("its pod has"), "{:#}\n{}", said.report, said.errors);
        Ok(())
    })
    .await;
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

    let slice = json!({
        "metadata": {"name": "a", "labels": {"kubernetes.io/service-name": "pod-identity-webhook"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["192.0.2.1"], "conditions": {"ready": true}}],
        "ports": [{"port": 8443}],
    });
    scene.namespace.create_object::<EndpointSlice>(&slice).await.unwrap();
    let another = Authority::new("another").unwrap();
    let pair = another.server(&[&format!("pod-identity-webhook.{}.svc", scene.namespace)]).unwrap();
    let secret = json!({
        "metadata": {"name": "pod-identity-webhook"},
        "stringData": {"tls.crt": pair.certificate, "tls.key": pair.key},
    });
    scene.namespace.create_object::<Secret>(&secret).await.unwrap();
    names(scene, "a Secret of another CA", &question, "webhook-chain").await;
}

/// What somebody may not see is no fault.
async fn without_rights(scene: &Scene) {
    let mut question = scene.healthy();
    question.kubeconfig = scene.control_plane.kubeconfig_for("somebody", &[]);
    let said = scene.ask(&question).await;
    assert_eq!((said.failed(), said.exit), (vec![], 2), "{:#}\n{}", said.report, said.errors);
    let seen = said.check("service-account")["message"].as_str().unwrap_or_default();
    assert!(seen.contains("forbidden"), "{:#}", said.report);
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

/// The folder that the guide has people fill with kubectl and curl.
async fn by_kubectl(scene: &Scene) {
    let guide = include_str!("../../../docs/diagnosis.md");
    let mut blocks = guide.split("```sh\n").skip(1).filter_map(|it| it.split_once("```"));
    let (lines, _) = blocks.find(|(lines, _)| lines.contains("curl")).unwrap();
    let binaries = Command::new("tests/control-plane/build.sh").arg("kubectl").output().unwrap();
    let binaries = String::from_utf8(binaries.stdout).unwrap();
    let folder = crate::support::Scratch::new().unwrap();
    let authority = folder.write("ca.pem", scene.published.ca_pem()).unwrap();
    let path = format!("{}:{}", binaries.trim_end(), std::env::var("PATH").unwrap());
    let fill = async |issuer: &str, account: &str| {
        let mut shell = Command::new("bash");
        shell.args(["-euc", lines]).current_dir(folder.path()).env("PATH", &path);
        shell.env("KUBECONFIG", scene.control_plane.kubeconfig()).env("CURL_CA_BUNDLE", &authority);
        shell.env("NAMESPACE", scene.namespace.name()).env("ACCOUNT", account);
        shell.env("ISSUER", issuer);
        let filled = tokio::task::spawn_blocking(move || shell.output()).await.unwrap().unwrap();
        assert!(filled.status.success(), "{}", String::from_utf8_lossy(&filled.stderr));
    };
    let holds = |file: &str| folder.path().join(file).exists();
    let issuer = scene.published.url();
    fill(&issuer, "app").await;
    let question = scene.healthy();
    folder.write("role.json", question.role.to_string()).unwrap();
    folder.write("provider.json", question.provider.to_string()).unwrap();
    let args = ["doctor", "--from-dir", folder.path().to_str().unwrap(), "-o", "json"];
    let said = tokio::task::spawn_blocking(program(&args)).await.unwrap();
    assert_eq!(said.exit, 0, "{:#}\n{}", said.report, said.errors);
    // Nobody called the webhook for itself.
    assert_eq!(said.with_status("skipped"), ["webhook-reachable", "webhook-chain"]);

    // What fails the second time leaves nothing of the first: it would be taken for what is so now.
    fill(&format!("{issuer}/gone"), "gone").await;
    for failed in ["service-account.json", "token.jwt", "discovery.json", "jwks.json"] {
        assert!(!holds(failed), "{failed} is of the run before");
        assert!(!holds(&format!("{failed}.new")), "{failed}.new is left behind");
    }
    assert!(holds("version.json") && holds("namespace.json"), "what succeeded is there");
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

    // Half a pair in its own manifest: named with its container and variable.
    let mut half = pod("half", "app");
    half["spec"]["containers"][0]["env"] = json!([{"name": "AWS_ROLE_ARN", "value": ROLE}]);
    let container = half["spec"]["containers"][0]["name"].as_str().unwrap().to_owned();
    scene.namespace.pod(&half).await;
    let mut question = scene.question(&scene.namespace, "app");
    "pod/half".clone_into(&mut question.target);
    names(scene, "half a pair", &question, "running-pod").await;
    let said = scene.ask(&question).await;
    let seen = said.check("running-pod")["message"].as_str().unwrap_or_default().to_owned();
    let wanted =
        format!("container {container}: AWS_ROLE_ARN is set without AWS_WEB_IDENTITY_TOKEN_FILE");
    assert!(seen.contains("no-usable-identity") && seen.contains(&wanted), "{seen}");

    // And all at once: those three, the worst first, and none of the others.
    let kubeconfig = format!("--kubeconfig={}", scene.control_plane.kubeconfig().display());
    let args = ["audit", "-n", scene.namespace.name(), "-o", "json", &kubeconfig];
    let said = tokio::task::spawn_blocking(program(&args)).await.unwrap();
    let found = said.report["findings"].as_array().into_iter().flatten();
    let found = found.map(|it| [&it["pod"], &it["id"]].map(|it| it.as_str().unwrap()));
    let wanted = [["half", "no-usable-identity"], ["late", "missing"], ["moved", "stale-role"]];
    assert_eq!(
        (said.exit, found.collect::<Vec<_>>()),
        (1, wanted.to_vec()),
        "{:#}\n{}",
        said.report,
        said.errors
    );
}

/// All `ServiceAccount`s with a role, the worst first; what only a dry run or a token shows where it
/// is asked for.
async fn summary(scene: &Scene) {
    let kubeconfig = format!("--kubeconfig={}", scene.control_plane.kubeconfig().display());
    let authority = crate::support::Scratch::new().unwrap();
    let authority_file = authority.write("ca.pem", scene.published.ca_pem()).unwrap();
    let authority_file = format!("--ca-file={}", authority_file.display());
    let namespace = scene.namespace.name();
    for scope in [&["-n", namespace][..], &["-A"], &["-n", namespace, "--deep"]] {
        let args = [&["doctor", "-o", "json", &kubeconfig, &authority_file], scope].concat();
        let said = tokio::task::spawn_blocking(program(&args)).await.unwrap();
        let accounts = said.report["serviceAccounts"].as_array().into_iter().flatten();
        let accounts: Vec<_> = accounts.filter(|it| it["namespace"] == namespace).collect();
        let of = |name: &str| accounts.iter().position(|it| it["name"] == name);
        let text = format!("{scope:?}: {:#}\n{}", said.report, said.errors);
        assert_eq!((said.exit, of("plain")), (1, None), "without a role; {text}");
        let checks = |name: &str| &accounts[of(name).unwrap()]["checks"];
        assert_eq!(checks("late")[0]["id"], "running-pod", "{text}");
        assert_eq!(checks("china")[0]["id"], "partition", "{text}");
        assert_eq!(accounts[of("app").unwrap()]["pods"]["no-usable-identity"], 1, "{text}");
        let results: Vec<_> = accounts.iter().map(|it| it["status"].as_str().unwrap()).collect();
        let fails = results.iter().take_while(|it| **it == "fail").count();
        assert!(results[fails..].iter().all(|it| *it != "fail"), "{text}");
    }
}

/// Annotates, and waits until the webhook has seen it.
async fn annotate(scene: &Scene, name: &str, role: &str) {
    let change = json!({"metadata": {"annotations": {ROLE_ARN: role}}});
    let accounts = scene.namespace.api::<ServiceAccount>();
    accounts.patch(name, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();
    eventually("the webhook to see it", SOON, || async {
        let answer = scene.webhook.review(&scene.namespace, &pod("new", name)).await;
        anyhow::ensure!(answer.role().as_deref() == Some(role), "it has not");
        Ok(())
    })
    .await;
}
