//! A connection's bytes before they are decrypted, and what they are counted with.
//!
//! Bytes that came in and were not used yet lie in the buffers of TLS and HTTP,
//! whose sizes are known: a client must have sent something to fill them. What
//! every connection may hold is part of [`CONNECTION_BYTES`](super::limits::CONNECTION_BYTES); a connection that
//! holds more takes it from the common memory, before it reads on.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;

use super::activity::{Activity, Phase};
use super::memory::Account;

/// From so many unused bytes on, buffers hold so much more. The last step is all
/// that they can hold: a record of TLS, its content, and the 16 KiB of a body
/// that [`body`](super::body) holds without asking.
const STEPS: [(usize, usize); 2] = [(12 << 10, BUFFERS_BYTES), (4 << 10, 16 << 10)];
pub(super) const BUFFERS_BYTES: usize = 64 << 10;

/// Read from the kernel at once where a request begins: the usual review is larger than the 4 KiB that rustls asks
/// for, and a call of the system costs more than to copy them.
const AHEAD: usize = 8 << 10;

/// What a handshake may take of a client: a hello and, where one is asked for, a
/// chain of certificates; and the first record behind it, which comes with it.
const HANDSHAKE_BYTES: usize = 40 << 10;

/// What a connection holds of the common memory for what it has read.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) account: Arc<Account>,
    /// The part that is for buffers.
    buffers: AtomicUsize,
}

impl Input {
    pub(super) fn new(account: Account) -> Arc<Self> {
        Arc::new(Self { account: Arc::new(account), buffers: AtomicUsize::new(0) })
    }

    /// Looked at first, since most connections never hold any.
    pub(super) fn holds(&self) -> bool {
        self.buffers.load(Ordering::Relaxed) > 0
    }
}

#[derive(Debug)]
pub(super) struct MeteredIo {
    io: TcpStream,
    activity: Arc<Activity>,
    input: Arc<Input>,
    /// What was read and not asked for yet. Nearly always rustls takes it all at once, so that it holds no memory.
    ahead: BytesMut,
    /// Bytes read since all buffers were empty.
    unused: usize,
    /// When the connection was last found idle.
    idle: Option<u64>,
    waiting: bool,
}

impl MeteredIo {
    pub(super) fn new(io: TcpStream, activity: Arc<Activity>, input: Arc<Input>) -> Self {
        let (ahead, unused) = (BytesMut::new(), 0);
        Self { io, activity, input, ahead, unused, idle: None, waiting: false }
    }

    pub(super) fn peer_addr(&self) -> Option<SocketAddr> {
        self.io.peer_addr().ok()
    }

    /// Nothing is read before what came earlier was used: where the connection
    /// is idle then, its buffers are empty.
    fn settle(&mut self) {
        let look = self.activity.look();
        if matches!(look.phase, Phase::Idle | Phase::FirstRequest) && self.idle != Some(look.word())
        {
            self.idle = Some(look.word());
            self.unused = self.ahead.len();
            // The end of a handshake stands in line for what comes behind it, and is through without that. Nobody
            // would look after the line in its place.
            if std::mem::take(&mut self.waiting) {
                self.input.account.leave_line();
            }
            let buffers = self.input.buffers.swap(0, Ordering::Relaxed);
            if buffers > 0 {
                self.input.account.give(buffers);
            }
        }
    }

    /// Notes what was read.
    fn take(&mut self, read: usize) -> io::Result<()> {
        self.unused = self.unused.saturating_add(read);
        if self.input.holds() {
            self.input.account.moved(read);
        }
        if self.unused > HANDSHAKE_BYTES && self.activity.look().phase == Phase::Handshake {
            return Err(io::Error::other("the handshake is too large"));
        }
        Ok(())
    }

    fn poll_share(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let held = self.input.buffers.load(Ordering::Relaxed);
        let step = STEPS.into_iter().find(|(unused, _)| self.unused >= *unused);
        let more = step.map_or(0, |(_, buffers)| buffers.saturating_sub(held));
        if more > 0 {
            ready!(self.input.account.poll_take(cx, more, &mut self.waiting))
                .map_err(io::Error::other)?;
            self.input.buffers.fetch_add(more, Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for MeteredIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.settle();
        if self.ahead.is_empty() {
            // Nothing is taken for what does not come.
            ready!(self.io.poll_read_ready(cx))?;
            ready!(self.poll_share(cx))?;
            if self.unused > 0 {
                let before = buffer.filled().len();
                ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
                return Poll::Ready(self.take(buffer.filled().len() - before));
            }
            let mut ahead = BytesMut::with_capacity(AHEAD);
            let read = ready!(poll_read_buf(Pin::new(&mut self.io), cx, &mut ahead))?;
            self.ahead = ahead;
            self.take(read)?;
        }
        let now = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(self.ahead.get(..now).unwrap_or_default());
        self.ahead.advance(now);
        if self.ahead.is_empty() {
            self.ahead = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MeteredIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
