//! EKS Pod Identity's container credentials, from a file that changes.

use super::{ANNOTATED, registered, role};
use crate::support::{SOON, Scratch, control_plane, eventually, pod};

#[tokio::test]
async fn follows_the_container_credentials_file_while_it_runs() {
    let folder = Scratch::new().unwrap();
    let file = folder.path().join("identities.json");
    let flag = format!("--watch-container-credentials-config={}", file.display());
    let (_webhook, namespace) = registered(control_plane().await, &[&flag]).await;
    namespace.service_account("app", ANNOTATED).await;

    // A missing file lists nobody.
    let stored = namespace.admit_pod(&pod("app", "app"), true).await.unwrap().object;
    assert!(role(&stored).is_some(), "{stored}");

    let listed =
        format!(r#"{{"identities":[{{"namespace":"{namespace}","serviceAccount":"app"}}]}}"#);
    folder.write("identities.json", &listed).unwrap();
    let stored = eventually("container credentials", SOON, || async {
        let stored = namespace.admit_pod(&pod("app", "app"), true).await?.object;
        anyhow::ensure!(role(&stored).is_none(), "it has a role still");
        Ok(stored)
    })
    .await;
    assert_eq!(stored["metadata"]["labels"]["eks.amazonaws.com/pod-identity"], "enabled");
    let env = &stored["spec"]["containers"][0]["env"];
    assert_eq!(env[0]["name"], "AWS_CONTAINER_CREDENTIALS_FULL_URI");
    let token = &stored["spec"]["volumes"].as_array().unwrap().last().unwrap()["projected"];
    let seconds = token["sources"][0]["serviceAccountToken"]["expirationSeconds"].as_i64();
    assert!((79_200..=86_400).contains(&seconds.unwrap()), "{seconds:?}");
}
