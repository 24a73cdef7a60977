//! How long and how much a client may ask for.

use std::time::Duration;

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
    /// From the end of the head to the end of the body: see
    /// [`BodyReader`](super::BodyReader).
    pub body: Duration,
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
    /// All bodies together that are being read or answered, beyond the first
    /// 64 KiB of each. Counted in length: buffers that grow may hold twice that.
    pub body_memory: usize,
    /// Connections, whatever they do. An API server opens one for each pod that it creates at that moment, and
    /// whom it does not queue may create thousands.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            first_request: Duration::from_secs(30),
            header: Duration::from_secs(10),
            body: Duration::from_secs(10),
            request: Duration::from_mins(1),
            write: Duration::from_secs(10),
            idle: Duration::from_mins(2),
            linger: Duration::from_secs(1),
            header_bytes: 64 << 10,
            body_bytes: 8 << 20,
            body_memory: 32 << 20,
            connections: 4096,
        }
    }
}

impl Limits {
    /// The metrics port has few clients: kubelets and a Prometheus or two.
    #[must_use]
    pub fn for_admin() -> Self {
        Self { connections: 64, ..Self::default() }
    }
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
    pub fn for_admin() -> Self {
        Self { delay: Duration::ZERO, timeout: Duration::from_secs(1), fresh: Duration::ZERO }
    }
}
