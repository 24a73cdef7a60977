//! Reading a request's body within limits of size, time and memory.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::BoxError;
use axum::body::HttpBody;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use text::Line;
use tokio::time::timeout_at;

use super::deadline::{Deadline, rounded};
use super::limits::Limits;
use super::memory::{Account, Memory};

/// What a body may hold without a share of the common memory: nearly every
/// review fits, so that large bodies never keep the usual ones waiting. It is a
/// part of what each connection is counted with, see
/// [`metered_io`](super::metered_io).
pub(super) const FREE_BYTES: usize = 16 << 10;

/// A larger body is kept in blocks of this size until it is complete.
const BLOCK_BYTES: usize = 64 << 10;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error(
        "failed to read the request: the body is larger than {limit} bytes; raise --max-request-bytes"
    )]
    FitLimit { limit: usize },
    #[error("failed to read the request: the body was not complete after {0:?}; send it again")]
    WaitForBody(Duration),
    #[error(
        "failed to read the request: the body did not arrive while other requests waited for \
         memory; send it again"
    )]
    MakeRoom,
    #[error("failed to read the request: {0}; send it again")]
    ReadBody(axum::Error),
}

impl BodyError {
    #[must_use]
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::FitLimit { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WaitForBody(_) | Self::MakeRoom => StatusCode::REQUEST_TIMEOUT,
            Self::ReadBody(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        (self.status(), Line(self).to_string()).into_response()
    }
}

/// Reads bodies: one for all requests, since they share its memory.
#[derive(Clone, Debug)]
pub struct BodyReader {
    limit: usize,
    memory: Arc<Memory>,
}

impl BodyReader {
    /// With a memory of its own, which all its copies share.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { limit: limits.body_bytes, memory: limits.request_memory() }
    }

    pub(super) fn memory(&self) -> Arc<Memory> {
        Arc::clone(&self.memory)
    }

    /// A body that says that it is too large is refused before it is read.
    /// `account` is the connection's, which holds its buffers already.
    pub(super) async fn read<B>(
        &self,
        body: B,
        account: Arc<Account>,
        Deadline { begun, at }: Deadline,
    ) -> Result<RequestBody, BodyError>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > self.limit {
            return Err(BodyError::FitLimit { limit: self.limit });
        }
        let read = timeout_at(at, self.collect(body, account)).await;
        read.unwrap_or_else(|_| Err(BodyError::WaitForBody(rounded(at - begun))))
    }

    async fn collect<B>(&self, mut body: B, account: Arc<Account>) -> Result<RequestBody, BodyError>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
    {
        let mut share = Share { account, bytes: 0 };
        let first = next_data(&mut body, &share).await?.unwrap_or_default();
        if first.len() > self.limit {
            return Err(BodyError::FitLimit { limit: self.limit });
        }
        if first.len() <= FREE_BYTES && body.is_end_stream() {
            // The usual review came in one piece: it is not copied.
            return Ok(RequestBody { pieces: Pieces::Whole(first), share });
        }
        let mut blocks = Blocks::default();
        let mut next = Some(first);
        while let Some(data) = next {
            if blocks.len + data.len() > self.limit {
                return Err(BodyError::FitLimit { limit: self.limit });
            }
            let mut rest = &data[..];
            while !rest.is_empty() {
                if blocks.room() == 0 {
                    let announced = usize::try_from(body.size_hint().lower()).unwrap_or_default();
                    let expected = rest.len() + announced;
                    self.add_block(&mut blocks, &mut share, expected).await?;
                }
                rest = blocks.fill(rest);
            }
            drop(data);
            next = next_data(&mut body, &share).await?;
        }
        share.complete();
        Ok(RequestBody { pieces: Pieces::Blocks(blocks), share })
    }

    async fn add_block(
        &self,
        blocks: &mut Blocks,
        share: &mut Share,
        expected: usize,
    ) -> Result<(), BodyError> {
        if blocks.blocks.is_empty() {
            blocks.blocks.push(Vec::with_capacity(FREE_BYTES));
            return Ok(());
        }
        // What is announced is not taken before a part of it is here.
        let size = expected.clamp(BLOCK_BYTES / 8, BLOCK_BYTES);
        share.account.take(size).await.map_err(|_| BodyError::MakeRoom)?;
        share.bytes += size;
        blocks.blocks.push(Vec::with_capacity(size));
        Ok(())
    }
}

/// What a body holds of the common memory, given back when this is dropped.
#[derive(Debug)]
struct Share {
    account: Arc<Account>,
    bytes: usize,
}

impl Share {
    /// All is here: nobody waits for the client any more.
    fn complete(&self) {
        if self.bytes > 0 {
            self.account.waits_for_client(false);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.account.give(self.bytes);
        }
    }
}

/// A body and its share of the memory.
#[derive(Debug)]
pub(crate) struct RequestBody {
    pieces: Pieces,
    share: Share,
}

#[derive(Debug)]
enum Pieces {
    Whole(Bytes),
    Blocks(Blocks),
}

#[derive(Debug, Default)]
struct Blocks {
    blocks: Vec<Vec<u8>>,
    len: usize,
}

impl Blocks {
    fn room(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.capacity() - block.len())
    }

    /// What does not fit into the last block.
    fn fill<'d>(&mut self, data: &'d [u8]) -> &'d [u8] {
        let (now, later) = data.split_at(data.len().min(self.room()));
        if let Some(block) = self.blocks.last_mut() {
            block.extend_from_slice(now);
        }
        self.len += now.len();
        later
    }
}

impl RequestBody {
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub(crate) fn len(&self) -> usize {
        match &self.pieces {
            Pieces::Whole(bytes) => bytes.len(),
            Pieces::Blocks(blocks) => blocks.len,
        }
    }

    /// In one piece. Each block is freed when it has been copied.
    #[must_use]
    pub(crate) fn contiguous(self) -> Contiguous {
        let Self { pieces, share } = self;
        let bytes = match pieces {
            Pieces::Whole(bytes) => bytes,
            Pieces::Blocks(Blocks { mut blocks, .. }) if blocks.len() == 1 => {
                blocks.pop().unwrap_or_default().into()
            }
            Pieces::Blocks(Blocks { blocks, len }) => {
                let mut bytes = Vec::with_capacity(len);
                for block in blocks {
                    bytes.extend_from_slice(&block);
                }
                bytes.into()
            }
        };
        Contiguous { bytes, _share: share }
    }
}

/// A whole body in one piece, and its share of the memory.
#[derive(Debug)]
pub(crate) struct Contiguous {
    bytes: Bytes,
    _share: Share,
}

impl std::ops::Deref for Contiguous {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

async fn next_data<B>(body: &mut B, share: &Share) -> Result<Option<Bytes>, BodyError>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    loop {
        // Trailers are none of ours.
        match poll_fn(|cx| poll_frame(body, share, cx)).await? {
            None => return Ok(None),
            Some(frame) => {
                if let Ok(data) = frame.into_data() {
                    share.account.moved(data.len());
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// The next frame, or that the body has to make room while it waits for one.
fn poll_frame<B>(
    body: &mut B,
    share: &Share,
    cx: &mut Context<'_>,
) -> Poll<Result<Option<hyper::body::Frame<Bytes>>, BodyError>>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin,
{
    let frame = Pin::new(body).poll_frame(cx);
    if frame.is_pending() && share.account.watch(cx).is_err() {
        return Poll::Ready(Err(BodyError::MakeRoom));
    }
    let failed = |error| BodyError::ReadBody(axum::Error::new(error));
    Poll::Ready(ready!(frame).transpose().map_err(failed))
}

/// A review in another type than the one that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the request: the Content-Type is not application/json; send JSON")]
pub(crate) struct UnsupportedContentType;

impl IntoResponse for UnsupportedContentType {
    fn into_response(self) -> Response {
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, Line(self).to_string()).into_response()
    }
}

/// Parameters (`; charset=utf-8`) are allowed, and ignored.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), UnsupportedContentType> {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(UnsupportedContentType)
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
