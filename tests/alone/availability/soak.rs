//! All disturbances mixed, for as long as one likes: `make soak`.
//!
//! In the suite it runs each of them once or twice, so that it stays alive.

use std::time::Duration;

use anyhow::ensure;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::client::TlsStream;

use super::interference::{JUNK, overwrite_bundle};
use super::large;
use super::load::{Gap, Load};
use super::scene::{Scene, certificate_flags};
use super::silence::Silence;
use super::soak_table::{Counts, Table};
use crate::alone;
use crate::support::{ControlPlane, Options, Relay, SOON, Webhook, eventually};

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
const ROUND: [Disturbance; 11] = [
    Disturbance::DeleteSecret,
    Disturbance::OverwriteBundle(""),
    Disturbance::StallClients,
    Disturbance::LargeReviews,
    Disturbance::RestartReplica,
    Disturbance::SkewReplica,
    Disturbance::CorruptSecret,
    Disturbance::OverwriteBundle(JUNK),
    Disturbance::RestartReplica,
    Disturbance::Silence,
    Disturbance::RestartControlPlane,
];

/// Further than a certificate lasts that nobody asks to be short.
const SKEW: &str = "+370d";
/// The other replicas renew their certificate in this time.
const RENEWED: Duration = Duration::from_mins(3);

#[derive(Clone, Copy, Debug)]
enum Disturbance {
    DeleteSecret,
    CorruptSecret,
    OverwriteBundle(&'static str),
    RestartReplica,
    RestartControlPlane,
    StallClients,
    /// As large as they come, some slow and some never sent.
    LargeReviews,
    /// An API server that completes TLS and says nothing more.
    Silence,
    /// One with a clock far ahead joins, sees certificates renewed, and leaves.
    SkewReplica,
}

struct Soak<'a> {
    scene: Scene<'a>,
    replicas: Vec<Webhook>,
    load: Load,
    gaps: Vec<Gap>,
    stalled: Vec<TcpStream>,
    announced: Vec<TlsStream<TcpStream>>,
    silence: Silence,
    /// How long it is silent.
    spell: Duration,
    counts: Counts,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_whatever_is_disturbed() {
    let _alone = alone().await;
    let seconds = std::env::var(SECONDS).map_or(IN_THE_SUITE, |text| text.parse().expect(SECONDS));
    let control_plane = ControlPlane::start(Options::default()).await;
    // A leaf outlives an API server's restart, as a real one does, also on a machine that takes half a minute for it.
    let leaf = 60;
    let flags = certificate_flags(leaf * 3, leaf, leaf / 4);
    let silence = Silence::of(Relay::before(&control_plane).await);
    let mut args: Vec<_> = flags.iter().map(String::as_str).collect();
    let relayed = silence.flag();
    args.push(&relayed);
    let scene = Scene::new(&control_plane, &args).await;
    silence.prepare(&scene).await;
    let replicas = scene.start(REPLICAS).await;
    let load = Load::start(&scene);
    let mut soak = Soak {
        scene,
        replicas,
        load,
        gaps: Vec::new(),
        stalled: Vec::new(),
        announced: Vec::new(),
        silence,
        // A leaf that is due to be renewed in the silence outlives it.
        spell: Duration::from_secs(leaf) / 8,
        counts: Counts::default(),
    };

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
        table.row(&soak.load.so_far(), &soak.gaps, &soak.counts, &soak.replicas);
    }
    soak.stalled.clear();
    soak.announced.clear();
    let calm = Instant::now();
    while calm.elapsed() < length.mul_f64(CALM) {
        sleep_until(Instant::now() + PAUSE).await;
        table.row(&soak.load.so_far(), &soak.gaps, &soak.counts, &soak.replicas);
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
            Disturbance::LargeReviews => self.large_reviews().await,
            Disturbance::Silence => self.silence().await,
            Disturbance::SkewReplica => self.skew_replica().await,
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

    async fn large_reviews(&mut self) {
        self.announced.clear();
        let round = large::round(&self.scene, &self.load).await;
        self.counts.large += round.answered;
        self.counts.never_sent += round.announced.len() as u64;
        self.counts.slowest_beside = self.counts.slowest_beside.max(round.slowest);
        self.announced = round.announced;
    }

    async fn silence(&mut self) {
        self.silence.fall(&self.scene, &self.replicas, &self.load, self.spell).await;
        self.silence.relay.come_back();
        self.silence.is_made_up_for(&self.scene, &self.replicas, SOON).await;
        self.counts.silences += 1;
    }

    async fn skew_replica(&mut self) {
        let skewed = self.scene.builder().clock(SKEW);
        let skewed = self.scene.start_each(self.replicas.len(), [skewed]).await.remove(0);
        let leaf = self.scene.secret("tls.crt").await.unwrap();
        eventually("another leaf", RENEWED, || async {
            ensure!(self.scene.secret("tls.crt").await? != leaf, "the same");
            Ok(())
        })
        .await;
        self.load.flows().await;
        self.scene.reviewer(&skewed).await.expect("it serves what the others do");
        let ended = skewed.stop().await;
        assert!(ended.success(), "{ended}");
        self.scene.balancer.remove(&skewed);
        self.counts.skewed += 1;
    }

    async fn end(self, table: &Table, done: usize) {
        for replica in &self.replicas {
            replica.ready().await;
            self.scene.reviewer(replica).await.expect("what is published verifies what is served");
        }
        let record = self.load.stop().await;
        table.end(&record, &self.gaps, &self.counts, done);
        record.assert_whole(&self.gaps);
        table.assert_bounded();
    }
}
