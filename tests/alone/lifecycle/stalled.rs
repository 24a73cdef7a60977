//! Clients that stall, a thousand of them, beside those that do not.

use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::Request;
use tokio::sync::oneshot::{self, error::RecvError};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::load::{latencies, p99, transport};
use super::raw::Raw;
use super::{dialer, from_file, is_well};
use crate::alone;
use crate::support::{Dialer, Webhook, eventually, raise_open_files};

const STALLED: usize = 1000;
/// As many as the webhook has room for.
const CAP: usize = 2048;
/// A handshake, a head and a body have this long each.
const DEADLINE: Duration = Duration::from_secs(10);
/// From the accept to the end of the first request.
const FIRST_REQUEST: Duration = Duration::from_secs(30);
/// For the machine: opening a thousand of them takes a while, and so does closing.
const SLACK: Duration = Duration::from_secs(10);

/// A request that had to wait for a stalled one would take its ten seconds; one beside it takes milliseconds, and
/// on a busy machine a second.
const P99_LIMIT: Duration = Duration::from_secs(5);

/// Two TLS buffers of 16 KiB, hyper's of 8 KiB and what goes with them.
const KIB_PER_CONNECTION: u64 = 64;

#[derive(Clone, Copy, Debug)]
enum Stall {
    /// Connected, and not a byte.
    Tcp,
    /// A part of a `ClientHello`.
    HalfHandshake,
    /// A handshake, and no request.
    Tls,
    HalfHead,
    HalfBody,
    /// A head of which a byte comes each second.
    Trickle,
}

impl Stall {
    const ALL: [Self; 6] =
        [Self::Tcp, Self::HalfHandshake, Self::Tls, Self::HalfHead, Self::HalfBody, Self::Trickle];

    async fn begin(self, dialer: &Dialer) -> Raw {
        let mut client = match self {
            Self::Tcp | Self::HalfHandshake => Raw::tcp(dialer).await,
            _ => Raw::tls(dialer).await,
        };
        let head = "POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
        match self {
            Self::Tcp | Self::Tls => {}
            // A handshake record of 512 bytes, of which some come.
            Self::HalfHandshake => client.write([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).await,
            Self::HalfHead => client.write(head).await,
            Self::HalfBody => client.write(format!("{head}Content-Length: 1000\r\n\r\n{{")).await,
            Self::Trickle => client.write("P").await,
        }
        client
    }

    /// Goes on as it began, until the other side ends it.
    async fn suffer(self, mut client: Raw) {
        if !matches!(self, Self::Trickle) {
            client.read_bytes_to_end().await;
            return;
        }
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if !client.try_write("x").await {
                return;
            }
        }
    }
}

/// Opens `count` of `stalls` in turn; each gives its kind and when it was closed.
async fn stall(
    webhook: &Webhook,
    stalls: &[Stall],
    count: usize,
) -> JoinSet<(Stall, Instant, Instant)> {
    let dialer = dialer(webhook);
    let (mut ended, mut opening) = (JoinSet::new(), JoinSet::new());
    for stall in stalls.iter().copied().cycle().take(count) {
        // Some at a time: handshakes take the processor, not patience.
        if opening.len() >= 16 {
            let opened: Result<(), RecvError> = opening.join_next().await.unwrap().unwrap();
            opened.unwrap();
        }
        let dialer = dialer.clone();
        let (opened, is_open) = oneshot::channel();
        ended.spawn(async move {
            let begun = Instant::now();
            let client = stall.begin(&dialer).await;
            let _ = opened.send(());
            stall.suffer(client).await;
            (stall, begun, Instant::now())
        });
        opening.spawn(is_open);
    }
    for opened in opening.join_all().await {
        opened.unwrap();
    }
    ended
}

pub(super) async fn open_connections(webhook: &Webhook) -> usize {
    let metrics = webhook.metrics().await;
    let line = metrics.lines().find_map(|line| line.strip_prefix("pod_identity_open_connections "));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serves_as_usual_beside_a_thousand_stalled_connections_and_closes_them() {
    let _alone = alone().await;
    raise_open_files();
    let (webhook, _folder) = from_file(&[]).await;
    let alone = latencies(&webhook, 4, 250).await;
    let (memory, files) = (webhook.process().resident_kib(), webhook.process().open_files());

    let stalls = Stall::ALL.into_iter().filter(|it| !matches!(it, Stall::Tls)).collect::<Vec<_>>();
    let begun = Instant::now();
    let ended = stall(&webhook, &stalls, STALLED).await;
    let opened = begun.elapsed();
    let beside = latencies(&webhook, 4, 250).await;
    let open = open_connections(&webhook).await;
    let grown = webhook.process().resident_kib().saturating_sub(memory);
    eprintln!(
        "{open} connections open {:?} after the first of {STALLED} (all sent in {opened:?}): p99 {:?}, \
         {:?} before; {grown} KiB more than {memory}",
        begun.elapsed(),
        p99(&beside),
        p99(&alone)
    );
    assert!(p99(&beside) < P99_LIMIT, "{:?}", p99(&beside));
    assert!(grown < KIB_PER_CONNECTION * STALLED as u64, "{grown} KiB");

    let mut longest = Duration::ZERO;
    for (stall, begun, end) in ended.join_all().await {
        let lasted = end - begun;
        assert!(lasted < DEADLINE + SLACK, "{stall:?} lasted {lasted:?}");
        assert!(lasted >= DEADLINE.mul_f32(0.9), "{stall:?} was closed early: {lasted:?}");
        longest = longest.max(lasted);
    }
    eprintln!("the last of them was closed after {longest:?}");
    eventually("its files to be closed", SLACK, || async {
        let now = webhook.process().open_files();
        anyhow::ensure!(now <= files, "{now} are open, {files} were");
        Ok(())
    })
    .await;
    is_well(&webhook).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lets_usual_clients_in_where_stalled_ones_take_all_connections() {
    let _alone = alone().await;
    raise_open_files();
    let (webhook, _folder) = from_file(&[]).await;
    let mut kept = transport(&webhook);
    // Nothing here reaches a deadline of its own within the test, TCP and half handshakes aside.
    let _stalled = stall(&webhook, &[Stall::Tls, Stall::Tls, Stall::Tcp], CAP + 100).await;
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let begun = Instant::now();
        is_well(&webhook).await;
        slowest = slowest.max(begun.elapsed());
        // One that is in use is not the longest idle.
        let request = Request::get("/healthz").body(Bytes::new()).unwrap();
        assert_eq!(kept.send(request).await.unwrap().status, 200);
    }
    let open = open_connections(&webhook).await;
    assert!(open <= CAP, "{open} connections are open");
    assert_eq!(kept.dialled(), 1);
    assert!(slowest < P99_LIMIT, "{slowest:?}");
    eprintln!(
        "{open} connections open at the cap: 50 new ones served in {:?}, the slowest in {slowest:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closes_a_thousand_connections_on_which_no_request_comes() {
    let _alone = alone().await;
    raise_open_files();
    let (webhook, _folder) = from_file(&[]).await;
    let ended = stall(&webhook, &[Stall::Tls], STALLED).await;
    for (_, begun, end) in ended.join_all().await {
        let lasted = end - begun;
        assert!(lasted >= FIRST_REQUEST.mul_f32(0.9), "it was closed early: {lasted:?}");
        assert!(lasted < FIRST_REQUEST + SLACK, "it lasted {lasted:?}");
    }
    is_well(&webhook).await;
}
