//! The API server and etcd killed, and started again.

use tokio::time::Instant;

use super::load::{Gap, Load};
use super::scene::{APP, ROLE, Scene};
use crate::alone;
use crate::support::{ControlPlane, Options, SOON, pod};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_killed_under_load_finds_the_webhook_as_it_was() {
    let _alone = alone().await;
    let control_plane = ControlPlane::start(Options::default()).await;
    let scene = Scene::new(&control_plane, &[]).await;
    let replicas = scene.start(2).await;
    let authority = scene.secret("ca.crt").await.unwrap();
    let mut reviewers = Vec::new();
    for replica in &replicas {
        reviewers.push((replica, scene.reviewer(replica).await.unwrap()));
    }
    let load = Load::start(&scene);
    let mut gaps = Vec::new();
    for _ in 0..2 {
        load.flows().await;
        let from = Instant::now();
        control_plane.kill_api_server();
        control_plane.kill_etcd();
        // Whatever answers now, answers from memory.
        for _ in 0..20 {
            for (replica, reviewer) in &mut reviewers {
                let answer = reviewer.review(&scene.apps, &pod("meanwhile", APP)).await;
                assert_eq!(answer.role().as_deref(), Some(ROLE));
                let ready = replica.get_admin("/readyz").await.unwrap();
                assert!(ready.status.is_success(), "{}", ready.text());
            }
        }
        control_plane.start_etcd().await;
        control_plane.start_api_server().await;
        let back = Instant::now();
        load.flows().await;
        eprintln!("measured: away for {:?}, pods flow {:?} later", back - from, back.elapsed());
        gaps.push(Gap { from, to: Instant::now() });
        assert_eq!(scene.secret("ca.crt").await.unwrap(), authority);
        assert_eq!(scene.bundle().await.unwrap(), authority);
    }
    // Watched again: what is done now is undone.
    scene.delete_secret().await;
    crate::support::eventually("the Secret again", SOON, || async {
        anyhow::ensure!(scene.secret("ca.crt").await? == authority, "another CA");
        Ok(())
    })
    .await;
    load.stop().await.assert_whole(&gaps);
}
