//! The lines about certificates, for those who read them by a program.

use serde_json::{Value, json};

use super::refused::Unready;
use super::scene::Scene;
use crate::alone;
use crate::support::control_plane;

/// Most readers of JSON keep one of two, and drop the other.
fn assert_each_key_once(log: &str) {
    for line in log.lines() {
        let value: Value = serde_json::from_str(line).expect("a line of JSON");
        for key in value.as_object().expect("a flat object").keys() {
            let times = line.matches(&format!("\"{key}\":")).count();
            assert_eq!(times, 1, "{key} in {line}");
        }
    }
}

#[tokio::test]
async fn a_line_says_what_was_done_to_which_object() {
    let _alone = alone().await;
    let scene = Scene::new(control_plane().await, &[]).await;
    let replicas = scene.start(1).await;
    let secret = format!("Secret {}/pod-identity-webhook", scene.home);
    for message in ["updated certificate Secret", "updated caBundle"] {
        let said = replicas[0].logged(message, |line| line["message"] == message).await;
        let is_secret = message == "updated certificate Secret";
        assert!(!is_secret || said["object"] == secret.as_str(), "{said}");
    }
    assert_each_key_once(&replicas[0].log().join("\n"));
}

#[tokio::test]
async fn a_line_says_that_something_failed_and_why() {
    let _alone = alone().await;
    let scene = Scene::unregistered(control_plane().await, &["secrets"], &[]).await;
    scene.register(&json!({})).await;
    let replica = Unready::start(&scene);
    let message = "certificate management failed";
    let said = replica.logged(|line| line["message"] == message).await;
    let error = said["error"].as_str().unwrap_or_default();
    assert!(error.starts_with("not allowed to watch Secret"), "{said}");
    assert_each_key_once(&replica.log());
}
