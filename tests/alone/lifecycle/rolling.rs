//! Two replicas, restarted one after the other behind a balancer, while the API server calls them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use tokio::task::JoinSet;

use crate::alone;
use crate::balancer::Balancer;
use crate::support::{
    Authority, ControlPlane, Namespace, Pair, Registration, SOON, Scratch, Webhook, control_plane,
    eventually, overlaid, pod, register,
};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";
const WORKERS: usize = 4;
const ROUNDS: usize = 3;

/// Replicas with one certificate between them, as a Deployment has.
struct Replicas<'a> {
    control_plane: &'a ControlPlane,
    balancer: Balancer,
    folder: Scratch,
}

impl Replicas<'_> {
    /// Another one, in turn with the others once the balancer knows that it is ready.
    async fn start(&self) -> Webhook {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let webhook = Webhook::builder()
            .kubeconfig(self.control_plane.kubeconfig())
            .arg(format!("--tls-cert={}", file("tls.crt")))
            .arg(format!("--tls-key={}", file("tls.key")))
            .arg("--shutdown-delay=1s")
            .start()
            .await;
        let before = self.balancer.ready();
        self.balancer.add(&webhook);
        eventually("the balancer to see the replica", SOON, || async {
            webhook.process().check_running()?;
            anyhow::ensure!(self.balancer.ready() > before, "it is not ready");
            Ok(())
        })
        .await;
        webhook
    }

    /// Ends one as a kubelet does, and gives how many pods it has mutated.
    async fn stop(&self, webhook: Webhook) -> usize {
        assert_eq!(webhook.stop().await.code(), Some(0));
        self.balancer.remove(&webhook);
        let summary = webhook.logged("the summary", |line| line["message"] == "drained").await;
        assert_eq!(summary["cut"], 0);
        webhook.log().iter().filter(|line| line.contains(r#""outcome":"mutated""#)).count()
    }
}

/// Creates pods until told to stop. Each is admitted and has its role, or the test fails.
async fn create_pods(namespace: Arc<Namespace>, stop: Arc<AtomicBool>, made: Arc<AtomicUsize>) {
    let unnamed = serde_json::json!({ "metadata": { "name": null, "generateName": "app-" } });
    let pod = overlaid(pod("app", "app"), &unnamed);
    while !stop.load(Ordering::Relaxed) {
        let admitted = namespace.admit_pod(&pod, false).await;
        let stored = admitted.unwrap_or_else(|error| panic!("no pod: {error:#}")).object;
        let env = &stored["spec"]["containers"][0]["env"];
        let env = env.as_array().unwrap_or_else(|| panic!("an unmutated pod: {stored}"));
        assert!(env.iter().any(|it| it["value"] == ROLE), "an unmutated pod: {stored}");
        made.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loses_no_admission_when_both_replicas_are_restarted_in_turn() {
    let _alone = alone().await;
    let control_plane = control_plane().await;
    let namespace = Arc::new(control_plane.namespace("rolling").await);
    namespace.service_account("app", &[("eks.amazonaws.com/role-arn", ROLE)]).await;
    let authority = Authority::new("rolling").unwrap();
    let Pair { certificate, key } = authority.server(&["127.0.0.1"]).unwrap();
    let folder = Scratch::new().unwrap();
    folder.write("tls.crt", certificate).unwrap();
    folder.write("tls.key", key).unwrap();
    let replicas = Replicas { control_plane, balancer: Balancer::start().await, folder };
    let mut running = vec![replicas.start().await, replicas.start().await];
    let url = format!("https://{}", replicas.balancer.address());
    let registration = Registration { failure_policy: "Fail", ..Registration::default() };
    register(control_plane, &namespace, &url, authority.pem(), registration).await;

    let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let namespace = Arc::clone(&namespace);
        workers.spawn(create_pods(namespace, Arc::clone(&stop), Arc::clone(&made)));
    }
    let begun = Instant::now();
    let mut by_replica = Vec::new();
    for _ in 0..2 * ROUNDS {
        // The newest has been called before it is the only one.
        let before = made.load(Ordering::Relaxed);
        eventually("pods to be created", SOON, || async {
            let since = made.load(Ordering::Relaxed) - before;
            anyhow::ensure!(since >= 5 * WORKERS, "{since} were");
            Ok(())
        })
        .await;
        by_replica.push(replicas.stop(running.remove(0)).await);
        running.push(replicas.start().await);
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
    // The first may have been left out of the API server's few connections; all later ones took over.
    assert!(by_replica.iter().skip(1).all(|mutated| *mutated > 0), "{by_replica:?}");
    eprintln!(
        "rolling restart: {} pods created in {:?} over {} restarts, none failed or unmutated; \
         by replica {by_replica:?}",
        made.load(Ordering::Relaxed),
        begun.elapsed(),
        2 * ROUNDS
    );
}
