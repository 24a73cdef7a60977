//! All disturbances mixed, for as long as one likes: `make soak`.
//!
//! In the suite it runs each of them once or twice, so that it stays alive.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::interference::{JUNK, overwrite_bundle};
use crate::load::{Gap, Load};
use crate::scene::{Scene, certificate_flags};
use crate::soak_table::Table;
use crate::support::{ControlPlane, Options, Webhook};

/// How long, in seconds.
const SECONDS: &str = "SOAK_SECONDS";
const IN_THE_SUITE: u64 = 20;

/// Left to itself between two disturbances.
const PAUSE: Duration = Duration::from_secs(1);

/// The last part is calm: what is wrong then is not going to mend itself.
const CALM: f64 = 0.2;

const REPLICAS: usize = 3;
const STALLED: usize = 60;

/// What is done, in this order and again.
const ROUND: [Disturbance; 8] = [
    Disturbance::DeleteSecret,
    Disturbance::OverwriteBundle(""),
    Disturbance::StallClients,
    Disturbance::RestartReplica,
    Disturbance::CorruptSecret,
    Disturbance::OverwriteBundle(JUNK),
    Disturbance::RestartReplica,
    Disturbance::RestartControlPlane,
];

#[derive(Clone, Copy, Debug)]
enum Disturbance {
    DeleteSecret,
    CorruptSecret,
    OverwriteBundle(&'static str),
    RestartReplica,
    RestartControlPlane,
    StallClients,
}

struct Soak<'a> {
    scene: Scene<'a>,
    replicas: Vec<Webhook>,
    load: Load,
    gaps: Vec<Gap>,
    stalled: Vec<TcpStream>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_whatever_is_disturbed() {
    let seconds = std::env::var(SECONDS).map_or(IN_THE_SUITE, |text| text.parse().expect(SECONDS));
    let control_plane = ControlPlane::start(Options::default()).await;
    // A leaf outlives an API server's restart most of the time, as a real one does always.
    let leaf = (seconds / 8).clamp(8, 60);
    let flags = certificate_flags(leaf * 3, leaf, leaf / 4);
    let scene = Scene::new(&control_plane, &flags.each_ref().map(String::as_str)).await;
    let replicas = scene.start(REPLICAS).await;
    let load = Load::start(&scene);
    let mut soak = Soak { scene, replicas, load, gaps: Vec::new(), stalled: Vec::new() };

    let began = Instant::now();
    let length = Duration::from_secs(seconds);
    let calm = began + length.mul_f64(1.0 - CALM);
    let mut table = Table::new(began, length);
    let mut done = 0;
    for disturbance in ROUND.iter().cycle() {
        if done >= ROUND.len() && Instant::now() >= calm {
            break;
        }
        soak.disturb(*disturbance).await;
        done += 1;
        sleep_until(Instant::now() + PAUSE).await;
        table.row(&soak.load.so_far(), &soak.gaps, &soak.replicas);
    }
    soak.stalled.clear();
    let calm = Instant::now();
    while calm.elapsed() < length.mul_f64(CALM) {
        sleep_until(Instant::now() + PAUSE).await;
        table.row(&soak.load.so_far(), &soak.gaps, &soak.replicas);
    }
    soak.end(&table, done).await;
}

impl Soak<'_> {
    async fn disturb(&mut self, disturbance: Disturbance) {
        match disturbance {
            Disturbance::DeleteSecret => self.scene.delete_secret().await,
            Disturbance::CorruptSecret => {
                self.scene.patch_secret(&serde_json::json!({ "ca.key": JUNK })).await;
            }
            Disturbance::OverwriteBundle(bundle) => {
                self.gaps.push(overwrite_bundle(&self.scene, &self.load, bundle).await);
            }
            Disturbance::RestartReplica => self.restart_replica().await,
            Disturbance::RestartControlPlane => self.restart_control_plane().await,
            Disturbance::StallClients => self.stall_clients().await,
        }
        self.load.flows().await;
    }

    async fn restart_replica(&mut self) {
        let replica = self.replicas.remove(0);
        let ended = replica.stop().await;
        assert!(ended.success(), "{ended}");
        self.scene.balancer.remove(&replica);
        let standing = self.replicas.len();
        self.replicas.extend(self.scene.start_beside(standing, 1).await);
    }

    async fn restart_control_plane(&mut self) {
        let from = Instant::now();
        self.scene.control_plane.kill_api_server();
        self.scene.control_plane.kill_etcd();
        self.scene.control_plane.start_etcd().await;
        self.scene.control_plane.start_api_server().await;
        self.load.flows().await;
        self.gaps.push(Gap { from, to: Instant::now() });
    }

    /// Clients that say nothing, and others that stop within their first message.
    async fn stall_clients(&mut self) {
        // The webhook closes them; here they would only add up.
        self.stalled.clear();
        for number in 0..STALLED {
            let mut client = TcpStream::connect(self.scene.balancer.address()).await.unwrap();
            if number % 2 == 0 {
                // The head of a TLS record with a ClientHello of 512 bytes.
                client.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
            }
            self.stalled.push(client);
        }
    }

    async fn end(self, table: &Table, done: usize) {
        for replica in &self.replicas {
            replica.ready().await;
            self.scene.reviewer(replica).await.expect("what is published verifies what is served");
        }
        let record = self.load.stop().await;
        table.end(&record, &self.gaps, done);
        record.assert_whole(&self.gaps);
        table.assert_bounded();
    }
}
