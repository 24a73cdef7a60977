//! A TCP balancer on loopback, as a Service with readiness probes would be: new connections go in turn to
//! the backends that are ready, and those that stand stay where they are.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval, timeout},
};

use crate::support::{Webhook, get};

/// Well below any `--shutdown-delay` of a test: a backend that goes is left in time.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// It ends with this value, and with it the connections through it.
pub struct Balancer {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Default)]
struct Shared {
    backends: Mutex<Vec<Backend>>,
    turn: AtomicUsize,
}

#[derive(Clone, Copy)]
struct Backend {
    https: SocketAddr,
    admin: SocketAddr,
    ready: bool,
}

impl Balancer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let tasks = [
            tokio::spawn(accept(listener, Arc::clone(&shared))),
            tokio::spawn(probe(Arc::clone(&shared))),
        ];
        Self { address, shared, tasks }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends connections to it once its probe says so.
    pub fn add(&self, webhook: &Webhook) {
        let backend = Backend { https: webhook.https(), admin: webhook.admin(), ready: false };
        self.shared.backends().push(backend);
    }

    /// Forgets one that has ended.
    pub fn remove(&self, webhook: &Webhook) {
        self.shared.backends().retain(|backend| backend.https != webhook.https());
    }

    /// How many backends it sends connections to.
    pub fn ready(&self) -> usize {
        self.shared.ready().len()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Shared {
    fn backends(&self) -> MutexGuard<'_, Vec<Backend>> {
        self.backends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> Vec<SocketAddr> {
        self.backends().iter().filter(|it| it.ready).map(|it| it.https).collect()
    }

    /// The backend whose turn it is, then the others.
    fn in_turn(&self) -> Vec<SocketAddr> {
        let mut ready = self.ready();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        if !ready.is_empty() {
            let first = turn % ready.len();
            ready.rotate_left(first);
        }
        ready
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with the task, and the connections with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(forward(stream, shared.in_turn()));
        while connections.try_join_next().is_some() {}
    }
}

async fn forward(mut client: TcpStream, backends: Vec<SocketAddr>) {
    for address in backends {
        if let Ok(mut backend) = TcpStream::connect(address).await {
            let _ = (client.set_nodelay(true), backend.set_nodelay(true));
            // An end in the middle is for the two sides to judge.
            let _ = copy_bidirectional(&mut client, &mut backend).await;
            return;
        }
    }
}

async fn probe(shared: Arc<Shared>) {
    let mut ticks = interval(PROBE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let backends = shared.backends().clone();
        for backend in backends {
            let ready = is_ready(backend.admin).await;
            let mut backends = shared.backends();
            if let Some(known) = backends.iter_mut().find(|it| it.https == backend.https) {
                known.ready = ready;
            }
        }
    }
}

async fn is_ready(admin: SocketAddr) -> bool {
    let reply = timeout(PROBE_TIMEOUT, get(admin, "/readyz")).await;
    reply.is_ok_and(|reply| reply.is_ok_and(|reply| reply.status.is_success()))
}
