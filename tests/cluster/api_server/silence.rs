//! A watch whose connection has died without a word: something on the way forgot it, and nobody says so.

use std::time::Duration;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Patch, PatchParams};
use pod_identity_webhook::api_server::client;
use pod_identity_webhook::identity_sources::{
    Caller, EventSending, Options, ServiceAccounts, Source,
};
use serde_json::json;

use super::{ANNOTATED, ROLE_ARN};
use crate::support::{Relay, SOON, control_plane, eventually};

/// Far shorter than bookmarks take, so that the watch is made anew on a quiet cluster too.
const SILENCE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn makes_a_watch_anew_whose_connection_died_and_misses_nothing() {
    let control_plane = control_plane().await;
    let namespace = control_plane.namespace("silence").await;
    namespace.service_account("app", ANNOTATED).await;
    let relay = Relay::before(control_plane).await;
    let url = relay.url();
    let limit = Some(Duration::from_secs(10));
    let client = client::of_service(Some(control_plane.kubeconfig()), Some(&url), limit);
    let options = Options {
        source: Source::Cluster(client.await.unwrap()),
        reader: injection::identity::ServiceAccountReader::default(),
        namespace: "eks".to_owned(),
        watch_config_map: false,
        container_credentials: None,
        lookup_timeout: Duration::from_secs(1),
        fresh_window: Duration::ZERO,
        poll_interval: Duration::from_secs(1),
        watch_silence: SILENCE,
        events: EventSending::Never,
        clock: None,
    };
    let (accounts, tasks) = ServiceAccounts::start(options).await.unwrap();
    let running = tokio::spawn(tasks.run());
    accounts.listed().await;
    relay.fall_silent();
    relay.serve_new();
    let before = accounts.watch().silences();

    let other = "arn:aws:iam::111122223333:role/other";
    let annotation = json!({"metadata": {"annotations": {ROLE_ARN: other}}});
    let api = namespace.api::<ServiceAccount>();
    api.patch("app", &PatchParams::default(), &Patch::Merge(&annotation)).await.unwrap();
    let key = injection::identity::Key { namespace: namespace.name(), name: "app" };
    eventually("the change, by a new watch", SOON, || async {
        let lookup = format!("{:?}", accounts.resolve(key, Caller::default()).await);
        anyhow::ensure!(lookup.contains(other), "{lookup}");
        Ok(())
    })
    .await;
    let watch = accounts.watch();
    assert!(watch.silences() > before, "{watch:?}");
    assert_eq!((watch.failures(), watch.relists()), (0, 0), "{watch:?}");
    running.abort();
}
