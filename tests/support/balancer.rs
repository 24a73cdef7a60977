//! What a Service is to its replicas: one port, and behind it whoever is ready.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{body::Bytes, http::Request};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{interval, timeout},
};

use super::{http, webhook::Webhook};

/// Far shorter than a kubelet's, as the drains of the tests are.
const PROBE_INTERVAL: Duration = Duration::from_millis(100);
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// A TCP balancer on loopback. As with a Service's endpoints, a new connection goes to a replica
/// whose `/readyz` answered 200 a moment ago, in turn, and one that is open is left alone. It ends
/// with this value; open connections end with the test's runtime.
pub struct Balancer {
    address: SocketAddr,
    backends: Backends,
    tasks: [JoinHandle<()>; 2],
}

#[derive(Clone, Default)]
struct Backends(Arc<Mutex<Turn>>);

#[derive(Default)]
struct Turn {
    list: Vec<Backend>,
    next: usize,
}

struct Backend {
    https: SocketAddr,
    admin: SocketAddr,
    ready: bool,
}

impl Balancer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let backends = Backends::default();
        let tasks = [
            tokio::spawn(accept(listener, backends.clone())),
            tokio::spawn(probe(backends.clone())),
        ];
        Self { address, backends, tasks }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// It gets connections from when it is found ready.
    pub fn add(&self, webhook: &Webhook) {
        let backend = Backend { https: webhook.https(), admin: webhook.admin(), ready: false };
        self.backends.lock().list.push(backend);
    }

    pub fn remove(&self, webhook: &Webhook) {
        self.backends.lock().list.retain(|it| it.https != webhook.https());
    }

    /// How many get no connections now.
    pub fn waiting(&self) -> usize {
        self.backends.lock().list.iter().filter(|it| !it.ready).count()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Backends {
    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose turn it is.
    fn take(&self) -> Option<SocketAddr> {
        let mut turn = self.lock();
        turn.next = turn.next.wrapping_add(1);
        let ready: Vec<_> = turn.list.iter().filter(|it| it.ready).map(|it| it.https).collect();
        let index = turn.next.checked_rem(ready.len())?;
        ready.get(index).copied()
    }
}

async fn accept(listener: TcpListener, backends: Backends) {
    while let Ok((mut client, _)) = listener.accept().await {
        // Nobody ready: the client finds its connection closed.
        let Some(https) = backends.take() else { continue };
        tokio::spawn(async move {
            // What fails here, the client sees as well.
            if let Ok(mut server) = TcpStream::connect(https).await {
                let _ = copy_bidirectional(&mut client, &mut server).await;
            }
        });
    }
}

async fn probe(backends: Backends) {
    let mut ticks = interval(PROBE_INTERVAL);
    loop {
        ticks.tick().await;
        let admins: Vec<_> = backends.lock().list.iter().map(|it| it.admin).collect();
        for admin in admins {
            let ready = is_ready(admin).await;
            for backend in &mut backends.lock().list {
                if backend.admin == admin {
                    backend.ready = ready;
                }
            }
        }
    }
}

async fn is_ready(admin: SocketAddr) -> bool {
    let request = Request::get("/readyz").body(Bytes::new()).expect("a valid request");
    let answer = timeout(PROBE_TIMEOUT, http::send(admin, request)).await;
    matches!(answer, Ok(Ok(reply)) if reply.status.is_success())
}
