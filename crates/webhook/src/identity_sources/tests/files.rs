//! Over files.

use std::path::Path;

use super::*;

const ACCOUNT: &str = "kind: ServiceAccount
metadata: {name: app, namespace: shop, annotations: {eks.amazonaws.com/role-arn: from-annotation}}
---
kind: ServiceAccount
metadata: {name: plain, namespace: shop, annotations: {eks.amazonaws.com/region: eu-west-1}}
---
kind: ConfigMap
metadata: {name: pod-identity-webhook, namespace: eks}
data: {config: '{\"shop/app\":{\"RoleARN\":\"a\"},\"sh*/other\":{\"RoleARN\":\"from-config-map\"}}'}
";

async fn write(path: &Path, text: &str) {
    tokio::fs::write(path, text).await.expect("written");
}

#[tokio::test(start_paused = true)]
async fn answers_from_them_and_takes_their_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("accounts.yaml");
    write(&path, ACCOUNT).await;
    let started = ServiceAccounts::start(options(Source::Files(path.clone()))).await;
    let (accounts, tasks) = started.expect("good files");
    assert_eq!(accounts.not_ready(), Vec::<&str>::new());
    let running = tokio::spawn(tasks.run());

    let app = accounts.resolve(key("shop", "app"), Caller::default()).await;
    assert_eq!(role(&app), Some("from-annotation"));
    let plain = accounts.resolve(key("shop", "plain"), Caller::default()).await;
    assert!(matches!(&plain.service_account, Observed::Known(sa) if sa.region.is_some()));
    let other = accounts.resolve(key("shop", "other"), Caller::default()).await;
    assert_eq!(
        (&other.service_account, role(&other)),
        (&Observed::Absent, Some("from-config-map"))
    );
    let nobody = accounts.resolve(key("shop", "nobody"), Caller::default()).await;
    assert_eq!((&nobody.service_account, role(&nobody)), (&Observed::Absent, None));

    // The pace of the task is that of a paused clock, its reading is not:
    // what it has read shows in the numbers.
    write(&path, "kind: [").await;
    until(|| accounts.stats().files_errors == 1).await;
    assert_eq!(
        role(&accounts.resolve(key("shop", "app"), Caller::default()).await),
        Some("from-annotation")
    );
    write(&path, &ACCOUNT.replace("from-annotation", "changed").replace("plain", "new")).await;
    until(|| accounts.inner.lookups.index().annotated().any(|(key, _)| key == "shop/new")).await;
    assert_eq!(
        role(&accounts.resolve(key("shop", "app"), Caller::default()).await),
        Some("changed")
    );
    let plain = accounts.resolve(key("shop", "plain"), Caller::default()).await;
    assert_eq!(plain.service_account, Observed::Absent);
    running.abort();
}

#[tokio::test]
async fn refuses_to_start_with_a_bad_one_and_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("bad.yaml"), "kind: [").await;
    let started = ServiceAccounts::start(options(Source::Files(folder.path().into()))).await;
    let error = started.expect_err("a bad file").to_string();
    assert!(error.contains("bad.yaml"), "{error}");
}

#[tokio::test]
async fn asks_for_the_config_map_too_for_container_credentials() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("accounts.yaml");
    write(&path, ACCOUNT).await;
    let identities = folder.path().join("identities.json");
    write(&identities, r#"{"identities":[{"namespace":"shop","serviceAccount":"app"}]}"#).await;
    let options =
        Options { container_credentials: Some(identities), ..options(Source::Files(path)) };
    let (accounts, _tasks) = ServiceAccounts::start(options).await.expect("good files");
    let app = accounts.resolve(key("shop", "app"), Caller::default()).await;
    assert!(app.container_credentials);
    assert!(matches!(app.config_map_entry, Observed::Known(_)), "{app:?}");
    let snapshot = accounts.snapshot();
    assert_eq!(snapshot["containerCredentials"]["keys"], 1);
    let shown = &snapshot["serviceAccounts"]["annotated"]["shop/app"]["roleArn"];
    assert_eq!(shown, "from-annotation");
}

/// Polls the condition, letting the other tasks and threads go on.
async fn until(met: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if met() {
            return;
        }
        tokio::time::advance(SECOND / 10).await;
        tokio::task::spawn_blocking(std::thread::yield_now).await.expect("no panic");
    }
    panic!("it did not come about");
}
