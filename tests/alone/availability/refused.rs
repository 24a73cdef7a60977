//! What keeps the webhook from being ready, and what it says about it.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, ensure};
use axum::body::Bytes;
use axum::http::Request;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::scene::Scene;
use crate::alone;
use crate::support::{
    Connection, Launched, Reply, SOON, cluster_name, control_plane, eventually, free_port,
};

/// It has no certificate, so it listens for probes alone.
pub struct Unready {
    launched: Launched,
    admin: SocketAddr,
}

impl Unready {
    pub fn start(scene: &Scene<'_>) -> Self {
        let port = free_port().unwrap();
        let builder = scene.builder().arg(format!("--metrics-port={port}"));
        let admin = (Ipv4Addr::LOCALHOST, port).into();
        Self { launched: builder.launch().unwrap(), admin }
    }

    async fn get(&self, path: &str) -> anyhow::Result<Reply> {
        let stream = TcpStream::connect(self.admin).await?;
        let request = Request::get(path).body(Bytes::new())?;
        Connection::over(stream, self.admin).await?.send(request).await
    }

    pub fn log(&self) -> String {
        self.launched.log()
    }

    /// Waits for a line that `wanted` accepts.
    pub async fn logged(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually("a line of the log", SOON, || async {
            self.launched.process().check_running()?;
            let text = self.log();
            let mut lines = text.lines().filter_map(|line| serde_json::from_str(line).ok());
            lines.find(&wanted).with_context(|| format!("no such line:\n{text}"))
        })
        .await
    }

    /// Alive, not ready, and a line of the log as well as `/readyz` have all words.
    async fn assert_complains(&self, words: &[&str]) {
        let has_all = |text: &str| words.iter().all(|word| text.contains(word));
        self.logged(|line| has_all(&line.to_string())).await;
        eventually("an answer of /readyz with the words", SOON, || async {
            let ready = self.get("/readyz").await?;
            ensure!(ready.status.as_u16() == 503 && has_all(&ready.text()), "{}", ready.text());
            Ok(())
        })
        .await;
        assert_eq!(self.get("/livez").await.unwrap().status.as_u16(), 200);
    }
}

#[tokio::test]
async fn without_rights_on_secrets_the_missing_rule_is_named() {
    let _alone = alone().await;
    let scene = Scene::unregistered(control_plane().await, &["secrets"], &[]).await;
    scene.register(&json!({})).await;
    let replica = Unready::start(&scene);
    let namespace = format!("by a Role in namespace {}", scene.home);
    let rule = "resources [secrets], resourceNames [pod-identity-webhook]";
    replica.assert_complains(&[&namespace, rule, "--in-cluster=false"]).await;
}

#[tokio::test]
async fn without_rights_on_webhook_configurations_the_missing_rule_is_named() {
    let _alone = alone().await;
    let less = ["mutatingwebhookconfigurations"];
    let scene = Scene::unregistered(control_plane().await, &less, &[]).await;
    scene.register(&json!({})).await;
    let replica = Unready::start(&scene);
    let name = format!("resourceNames [{}]", cluster_name(&scene.home));
    let rule = "resources [mutatingwebhookconfigurations]";
    replica.assert_complains(&["by a ClusterRole", rule, &name, "--in-cluster=false"]).await;
}

#[tokio::test]
async fn a_configuration_of_cert_manager_is_left_to_it() {
    let _alone = alone().await;
    let scene = Scene::unregistered(control_plane().await, &[], &[]).await;
    scene.register(&json!({ "cert-manager.io/inject-ca-from": "home/webhook" })).await;
    let replica = Unready::start(&scene);
    let name = cluster_name(&scene.home);
    let words = [name.as_str(), "cert-manager.io/inject-ca-from", "--in-cluster=false"];
    replica.assert_complains(&words).await;
    assert!(scene.bundle().await.is_err(), "it wrote a caBundle");
}
