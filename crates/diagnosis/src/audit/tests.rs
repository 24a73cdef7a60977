use super::*;
use crate::registration::SKIPPED_BY;
use serde_json::json;

/// Nobody knows what pods would get, or whether the webhook is called for them.
#[test]
fn is_not_complete_where_a_right_is_missing() {
    let settings = WebhookSettings::default();
    let forbidden = || {
        let kind = crate::ReasonKind::Forbidden;
        Reason { kind, message: "services is forbidden".to_owned() }
    };
    let flags = |why: Reason| {
        let mut auditor = Auditor::new(&Sources::default(), &settings);
        auditor.without_flags(&why);
        auditor.finish()
    };
    assert!(flags(forbidden()).is_incomplete());
    assert!(flags(forbidden()).notes[1].contains("services is forbidden"));
    // As always where the webhook is registered by URL.
    let kind = ReasonKind::ByUrl;
    let by_url = Reason { kind, message: "the webhook is registered by URL".to_owned() };
    assert!(!flags(by_url).is_incomplete());
    // Whatever else kept them from being read: a server error, a time-out, an odd workload.
    for kind in [ReasonKind::Unauthorized, ReasonKind::NoWorkload, ReasonKind::Other] {
        let message = "no answer".to_owned();
        assert!(flags(Reason { kind, message }).is_incomplete(), "{kind:?}");
    }
    let webhooks = Fact::Unknown(forbidden());
    let sources = Sources { webhooks, ..Sources::default() };
    let audit = Auditor::new(&sources, &settings).finish();
    assert!(audit.is_incomplete() && !audit.is_wrong());
}

#[test]
fn advises_no_restart_where_no_webhook_is_registered() {
    let settings = WebhookSettings::default();
    let account = json!({"metadata": {"namespace": "demo", "name": "app", "annotations":
        {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/app"}}});
    let pod = json!({"metadata": {"name": "bare", "namespace": "demo"},
        "spec": {"serviceAccountName": "app", "containers": [{"name": "c"}]}});
    let next = |pod: &Value, webhooks: Fact<Value>| {
        let sources = Sources { webhooks, ..Sources::default() };
        let mut auditor = Auditor::new(&sources, &settings);
        auditor.account(&account);
        auditor.pod(pod);
        auditor.finish().found.remove(0).next
    };
    let none = || Fact::Known(json!({"items": []}));
    assert_eq!(next(&pod, none()), NOT_REGISTERED);
    assert!(next(&pod, Fact::NotAsked).starts_with("make the pod anew"));
    let mut half = pod;
    half["spec"]["containers"][0]["env"] = json!([{"name": "AWS_ACCESS_KEY_ID", "value": "x"},
        {"name": "AWS_SECRET_ACCESS_KEY", "value": "x"}]);
    let manifest = next(&half, Fact::NotAsked);
    assert!(manifest.starts_with("in the manifest"), "{manifest}");
    assert_eq!(next(&half, none()), format!("{manifest}; first install or register the webhook"));
}

#[test]
fn finds_pods_that_lack_what_they_should_have_and_no_others() {
    let account = json!({"metadata": {"namespace": "demo", "name": "app", "annotations":
        {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/app"}}});
    let pod = |name: &str, namespace: &str, account: &str| {
        json!({
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"serviceAccountName": account, "containers": [{"name": "c"}]},
        })
    };
    let mut ended = pod("ended", "demo", "app");
    ended["status"]["phase"] = "Succeeded".into();
    let mut skipped = pod("skipped", "demo", "app");
    skipped["metadata"]["labels"] = json!({SKIPPED_BY: "true"});
    let mut mirror = pod("mirror", "demo", "app");
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    let mut deprecated = pod("deprecated", "demo", "");
    deprecated["spec"]["serviceAccount"] = "app".into();
    let pods = [
        pod("bare", "demo", "app"),
        deprecated,
        pod("other", "demo", "default"),
        pod("elsewhere", "shop", "app"),
        ended,
        skipped,
        mirror,
    ];
    let settings = WebhookSettings::default();
    let mut auditor = Auditor::new(&Sources::default(), &settings);
    auditor.account(&account);
    for pod in &pods {
        auditor.pod(pod);
    }
    let audit = auditor.finish();
    let found: Vec<_> = audit.found.iter().map(|it| it.pod.as_str()).collect();
    assert_eq!((audit.pods, found), (6, vec!["bare", "deprecated"]));
    assert_eq!(audit.states, [(PodState::Missing, 2)].into());
    assert!(audit.is_wrong() && !audit.is_incomplete());
}

#[test]
fn counts_without_keeping_anything_and_is_not_complete_without_labels_that_decide() {
    let settings = WebhookSettings::default();
    let rules = json!([{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]);
    let entry =
        json!({"name": "x", "rules": rules, "namespaceSelector": {"matchLabels": {"team": "a"}}});
    let item = json!({"metadata": {"name": "pod-identity-webhook"}, "webhooks": [entry]});
    let webhooks = Fact::Known(json!({"items": [item]}));
    let sources = Sources { webhooks, ..Sources::default() };
    let audit = |role: Option<&str>| {
        let mut auditor = Auditor::new(&sources, &settings).counting();
        assert!(auditor.needs_namespaces());
        auditor.without_namespaces("forbidden");
        let annotations = role.map(|role| json!({"eks.amazonaws.com/role-arn": role}));
        auditor.account(
            &json!({"metadata": {"namespace": "demo", "name": "app", "annotations": annotations}}),
        );
        let pod = json!({"metadata": {"name": "bare", "namespace": "demo"},
            "spec": {"serviceAccountName": "app", "containers": [{"name": "c"}]}});
        auditor.pod(&pod);
        auditor.finish()
    };
    let doubtful = audit(Some("arn:aws:iam::111122223333:role/app"));
    assert_eq!(doubtful.states, BTreeMap::from([(PodState::Unknown, 1)]));
    assert!(doubtful.incomplete && doubtful.found.is_empty(), "{doubtful:?}");
    let none = audit(None);
    assert!(!none.incomplete && !none.is_incomplete(), "{none:?}");
}
