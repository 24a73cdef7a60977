//! How long and how much a client may ask for.

use std::sync::Arc;
use std::time::Duration;

use injection::admission::{ANSWER_MEMORY, MAX_ANSWER_BYTES, MEMORY_FACTOR};

use super::memory::Memory;
use super::memory::ledger::Sizes;

/// What one connection, and all together, may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From the accept to the end of the TLS handshake.
    pub handshake: Duration,
    /// From the accept to the first request's answer, whatever the client does
    /// meanwhile.
    pub first_request: Duration,
    /// From a request's first byte to the end of its head.
    pub header: Duration,
    /// From the end of the head to the answer, where the request does not say
    /// how long its client waits: body, waiting for memory, and lookup.
    pub answer: Duration,
    /// From the end of the head to the answer. A backstop: the handler has
    /// limits of its own.
    pub request: Duration,
    /// Until the client has taken an answer.
    pub write: Duration,
    /// Between requests. The API server closes its own idle connections after
    /// 90 s; a server that is first to close can meet a request on its way.
    /// <https://pkg.go.dev/k8s.io/apimachinery/pkg/util/net#SetTransportDefaults>
    pub idle: Duration,
    /// From the server's closing to the client's. To drop a socket with unread
    /// bytes resets it, and with that the client may lose the answer.
    pub linger: Duration,
    /// A request's head. At least 8 KiB, which is hyper's minimum.
    pub header_bytes: usize,
    /// A request's body. An UPDATE review carries a pod of up to etcd's 1.5 MiB
    /// twice, and JSON may be larger than what etcd stores.
    pub body_bytes: usize,
    /// What all requests together hold, beyond what each connection is counted
    /// with. One request has room beside it, however many others there are.
    pub body_memory: usize,
    /// What parsed reviews hold while they are worked on, and answers while they
    /// are written: at least what the largest review takes.
    pub work_memory: usize,
    /// How long a request or an answer whose client does not move keeps memory
    /// that others wait for.
    pub patience: Duration,
    /// Connections, whatever they do. An API server opens one for each pod that it creates at that moment, and
    /// whom it does not queue may create thousands.
    pub connections: usize,
}

/// What clients can make the process hold, all together. The program itself, 100,000
/// `ServiceAccount`s and what the allocator does not give back take less than
/// 42 MiB, so that it stays below 192 MiB.
const MEMORY: usize = 150 << 20;

/// What a connection holds that has sent nothing, or has sent what is usual:
/// its task, its TLS session, what was read ahead (4 KiB), a buffer for TLS (4 KiB) and one for HTTP (8 KiB).
/// Measured: see `tests/alone/lifecycle/memory.rs`.
pub(super) const CONNECTION_BYTES: usize = 30 << 10;

/// What HTTP and TLS hold of an answer on its way.
pub(super) const ANSWER_BUFFERS: usize = 48 << 10;

/// A body ends within a block, and the connection's buffers come with it.
const BESIDE_BODY: usize = 192 << 10;

/// The largest answer that is counted whole, and what it holds on its way.
pub(super) const ANSWER_BYTES: usize = MAX_ANSWER_BYTES + ANSWER_BUFFERS;

const CONNECTIONS: std::ops::RangeInclusive<usize> = 256..=2048;

impl Default for Limits {
    fn default() -> Self {
        Self::for_requests_of(8 << 20)
    }
}

impl Limits {
    /// The largest request is what the other limits follow from: the more memory
    /// it takes to answer one, the fewer connections there is room for.
    #[must_use]
    pub fn for_requests_of(body_bytes: usize) -> Self {
        let body_memory = if body_bytes > 8 << 20 { 8 << 20 } else { 16 << 20 };
        let work_memory = work_bytes(body_bytes);
        let mut limits = Self {
            handshake: Duration::from_secs(10),
            first_request: Duration::from_secs(30),
            header: Duration::from_secs(10),
            answer: Duration::from_secs(10),
            request: Duration::from_mins(1),
            write: Duration::from_secs(10),
            idle: Duration::from_mins(2),
            linger: Duration::from_secs(1),
            header_bytes: 8 << 10,
            body_bytes,
            body_memory,
            work_memory,
            patience: Duration::from_millis(500),
            connections: *CONNECTIONS.end(),
        };
        let (requests, answers) = (limits.request_sizes(), limits.answer_sizes());
        let others = [requests.common, requests.reserve, answers.common, answers.reserve];
        let others = others.iter().fold(work_memory, |sum, size| sum.saturating_add(*size));
        let connections = MEMORY.saturating_sub(others) / CONNECTION_BYTES;
        limits.connections = connections.clamp(*CONNECTIONS.start(), *CONNECTIONS.end());
        limits
    }

    /// The metrics port has few clients: kubelets and a Prometheus or two.
    #[must_use]
    pub fn for_admin() -> Self {
        let body_memory = 1 << 20;
        Self { connections: 64, body_memory, ..Self::for_requests_of(body_memory) }
    }

    pub(super) fn request_memory(&self) -> Arc<Memory> {
        Memory::new(self.request_sizes())
    }

    pub(super) fn answer_memory(&self) -> Arc<Memory> {
        Memory::new(self.answer_sizes())
    }

    fn request_sizes(&self) -> Sizes {
        let reserve = self.body_bytes.saturating_add(BESIDE_BODY);
        Sizes { common: self.body_memory, reserve, patience: self.patience }
    }

    fn answer_sizes(&self) -> Sizes {
        let reserve = ANSWER_BYTES;
        Sizes { common: 2 * reserve, reserve, patience: self.patience }
    }
}

/// What it takes to work on a review of so many bytes, and to write its answer.
pub(super) fn work_bytes(review: usize) -> usize {
    review.saturating_mul(MEMORY_FACTOR).saturating_add(ANSWER_MEMORY)
}

/// How a server ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainLimits {
    /// How long requests are still served as before, while the cluster takes
    /// note that this endpoint goes.
    pub delay: Duration,
    /// How long requests in flight have after that.
    pub timeout: Duration,
    /// How long a connection may be on its way to its first request when the
    /// delay ends: the API server opens one only to send something.
    pub fresh: Duration,
}

impl Default for DrainLimits {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(5),
            timeout: Duration::from_secs(20),
            fresh: Duration::from_secs(1),
        }
    }
}

impl DrainLimits {
    /// The metrics port is closed last, and nobody waits for it.
    #[must_use]
    pub(crate) fn for_admin() -> Self {
        Self { delay: Duration::ZERO, timeout: Duration::from_secs(1), fresh: Duration::ZERO }
    }
}
