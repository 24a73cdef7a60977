//! Load from this process, on one thread: closed loops, which find what a server can do, and open ones at a fixed rate,
//! which find what a client waits.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

use crate::client::{Client, Target};
use crate::server::Server;

/// How clients go about it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Loop {
    /// Each of so many connections sends again when it has its answer.
    Closed { connections: usize },
    /// The same, with a new connection, and its handshake, for each request.
    Handshakes { connections: usize },
    /// So many requests a second, whether answers come or not.
    Open { per_second: u32 },
}

/// Time for caches, connections and clocks to settle, and time that counts.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub warm_up: Duration,
    pub window: Duration,
}

/// What one window of load found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Found {
    pub requests: u64,
    pub seconds: f64,
    /// Of the server, over all of its threads.
    pub cpu_seconds: f64,
    /// Microseconds from the intended moment of sending to the last byte of the answer.
    pub p50: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// Puts one kind of load on a server. The requests are sent in turn.
pub fn measure(
    server: &Server,
    target: &Target,
    requests: Vec<Vec<u8>>,
    how: Loop,
    times: Times,
) -> anyhow::Result<Found> {
    // Sockets are looked at between any two steps: the pacer below never sleeps.
    let runtime =
        tokio::runtime::Builder::new_current_thread().event_interval(1).enable_all().build()?;
    let load = async {
        let window = Window::from_now(times);
        let requests = Rc::new(requests);
        match how {
            Loop::Closed { connections } => {
                each(
                    connections,
                    |n| closed(target.clone(), Rc::clone(&requests), n, window),
                    server,
                    window,
                )
                .await
            }
            Loop::Handshakes { connections } => {
                each(
                    connections,
                    |n| handshakes(target.clone(), Rc::clone(&requests), n, window),
                    server,
                    window,
                )
                .await
            }
            Loop::Open { per_second } => open(target, &requests, per_second, server, window).await,
        }
    };
    LocalSet::new().block_on(&runtime, load)
}

#[derive(Clone, Copy)]
struct Window {
    begin: Instant,
    end: Instant,
}

impl Window {
    fn from_now(times: Times) -> Self {
        let begin = Instant::now() + times.warm_up;
        Self { begin, end: begin + times.window }
    }

    fn holds(&self, began: Instant, ended: Instant) -> bool {
        began >= self.begin && ended <= self.end
    }
}

/// Microseconds up to a minute, to three digits.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).unwrap_or_else(|_| unreachable!("valid bounds"))
}

fn record(latencies: &mut Histogram<u64>, from: Instant, to: Instant) {
    latencies.saturating_record(u64::try_from((to - from).as_micros()).unwrap_or(u64::MAX));
}

/// Runs workers to the end, and looks at the server's clock when the window begins and ends.
async fn each<F>(
    workers: usize,
    worker: impl Fn(usize) -> F,
    server: &Server,
    window: Window,
) -> anyhow::Result<Found>
where
    F: Future<Output = anyhow::Result<Histogram<u64>>> + 'static,
{
    let workers: Vec<_> = (0..workers).map(|n| tokio::task::spawn_local(worker(n))).collect();
    let awake = tokio::task::spawn_local(stay_awake(window.end));
    let watch = Watch::over(server, window).await?;
    awake.await?;
    let mut latencies = histogram();
    for worker in workers {
        latencies.add(worker.await??)?;
    }
    Ok(watch.found(&latencies))
}

/// A client that sleeps has the server pay for its waking, an interrupt to the other core: the faster server, which
/// keeps the client busy, would pay it less often than the slower one, and look better by that.
async fn stay_awake(end: Instant) {
    while Instant::now() < end {
        tokio::task::yield_now().await;
    }
}

/// The server's CPU time over the window, and the window's true length.
struct Watch {
    cpu_seconds: f64,
    seconds: f64,
}

impl Watch {
    async fn over(server: &Server, window: Window) -> anyhow::Result<Self> {
        sleep_until(window.begin).await;
        let (cpu, began) = (server.cpu_time()?, Instant::now());
        sleep_until(window.end).await;
        let cpu = server.cpu_time()?.saturating_sub(cpu);
        Ok(Self { cpu_seconds: cpu.as_secs_f64(), seconds: began.elapsed().as_secs_f64() })
    }

    fn found(&self, latencies: &Histogram<u64>) -> Found {
        Found {
            requests: latencies.len(),
            seconds: self.seconds,
            cpu_seconds: self.cpu_seconds,
            p50: latencies.value_at_quantile(0.5),
            p99: latencies.value_at_quantile(0.99),
            p999: latencies.value_at_quantile(0.999),
            max: latencies.max(),
        }
    }
}

async fn closed(
    target: Target,
    requests: Rc<Vec<Vec<u8>>>,
    number: usize,
    window: Window,
) -> anyhow::Result<Histogram<u64>> {
    let mut latencies = histogram();
    let mut client = Client::connect(&target).await.context("failed to connect")?;
    for request in requests.iter().cycle().skip(number % requests.len()) {
        let began = Instant::now();
        if began >= window.end {
            break;
        }
        client.exchange(request).await?;
        let ended = Instant::now();
        if window.holds(began, ended) {
            record(&mut latencies, began, ended);
        }
    }
    Ok(latencies)
}

async fn handshakes(
    target: Target,
    requests: Rc<Vec<Vec<u8>>>,
    number: usize,
    window: Window,
) -> anyhow::Result<Histogram<u64>> {
    let mut latencies = histogram();
    for request in requests.iter().cycle().skip(number % requests.len()) {
        let began = Instant::now();
        if began >= window.end {
            break;
        }
        let mut client = Client::connect(&target).await.context("failed to connect")?;
        client.exchange(request).await?;
        let ended = Instant::now();
        client.close().await?;
        if window.holds(began, ended) {
            record(&mut latencies, began, ended);
        }
    }
    Ok(latencies)
}

/// Connections that take the requests of an open loop: more than an API server keeps idle.
const OPEN_CONNECTIONS: usize = 32;

async fn open(
    target: &Target,
    requests: &Rc<Vec<Vec<u8>>>,
    per_second: u32,
    server: &Server,
    window: Window,
) -> anyhow::Result<Found> {
    let (hand_out, take) = mpsc::unbounded_channel::<Instant>();
    let take = Rc::new(tokio::sync::Mutex::new(take));
    let worker = |number: usize| {
        let (take, requests, target) = (Rc::clone(&take), Rc::clone(requests), target.clone());
        async move {
            let mut latencies = histogram();
            let mut client = Client::connect(&target).await.context("failed to connect")?;
            for request in requests.iter().cycle().skip(number % requests.len()) {
                let Some(intended) = take.lock().await.recv().await else { break };
                client.exchange(request).await?;
                let ended = Instant::now();
                // One that is late counts, however late it is.
                if intended >= window.begin && intended < window.end {
                    record(&mut latencies, intended, ended);
                }
            }
            Ok(latencies)
        }
    };
    let pacer = tokio::task::spawn_local(pace(hand_out, per_second, window.end));
    let found = each(OPEN_CONNECTIONS, worker, server, window).await?;
    pacer.await?;
    Ok(found)
}

/// Hands out each request at its moment. It never sleeps: timers here are as coarse as an answer takes.
async fn pace(hand_out: mpsc::UnboundedSender<Instant>, per_second: u32, end: Instant) {
    let interval = Duration::from_secs(1) / per_second;
    let mut next = Instant::now() + interval;
    while next < end {
        while Instant::now() < next {
            tokio::task::yield_now().await;
        }
        if hand_out.send(next).is_err() {
            return;
        }
        next += interval;
    }
}
