//! Reading a request's body within limits of size, time and memory.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use text::Line;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::limits::Limits;

/// What a body may hold without a share of the common memory: nearly every
/// review fits, so that large bodies never keep the usual ones waiting.
const FREE_BYTES: usize = 64 << 10;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error(
        "failed to read the request: it is larger than {limit} bytes; raise --max-request-bytes"
    )]
    FitLimit { limit: usize },
    #[error("failed to read the request: its body was not complete after {0:?}; send it again")]
    WaitForBody(Duration),
    #[error("failed to read the request: {0}; send it again")]
    ReadBody(axum::Error),
}

impl BodyError {
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::FitLimit { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WaitForBody(_) => StatusCode::REQUEST_TIMEOUT,
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
    timeout: Duration,
    memory: Arc<Semaphore>,
}

/// A body and its share of the memory, given back when it is dropped.
#[derive(Debug)]
pub struct RequestBody {
    bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

impl Deref for RequestBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl BodyReader {
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        // At least one body of the full size has to fit.
        let memory = limits.body_memory.max(limits.body_bytes).min(Semaphore::MAX_PERMITS);
        Self {
            limit: limits.body_bytes,
            timeout: limits.body,
            memory: Arc::new(Semaphore::new(memory)),
        }
    }

    /// A body that says that it is too large is refused before it is read.
    pub async fn read(&self, body: Body) -> Result<RequestBody, BodyError> {
        let said = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if said > self.limit {
            return Err(BodyError::FitLimit { limit: self.limit });
        }
        let read = timeout(self.timeout, self.collect(body)).await;
        read.unwrap_or(Err(BodyError::WaitForBody(self.timeout)))
    }

    async fn collect(&self, mut body: Body) -> Result<RequestBody, BodyError> {
        let first = next_data(&mut body).await?.unwrap_or_default();
        let mut share = None;
        self.account(0, first.len(), &mut share).await?;
        if body.is_end_stream() {
            // The usual review came in one piece: it is not copied.
            return Ok(RequestBody { bytes: first, _share: share });
        }
        // What a client announces and does not send takes no memory.
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or_default();
        let mut bytes = BytesMut::with_capacity((first.len() + announced).min(FREE_BYTES));
        bytes.extend_from_slice(&first);
        drop(first);
        while let Some(data) = next_data(&mut body).await? {
            self.account(bytes.len(), data.len(), &mut share).await?;
            bytes.extend_from_slice(&data);
        }
        Ok(RequestBody { bytes: bytes.freeze(), _share: share })
    }

    /// Takes the memory that `more` bytes need, waiting until there is some.
    async fn account(
        &self,
        before: usize,
        more: usize,
        share: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<(), BodyError> {
        let after = before + more;
        if after > self.limit {
            return Err(BodyError::FitLimit { limit: self.limit });
        }
        let needed = after.saturating_sub(FREE_BYTES) - before.saturating_sub(FREE_BYTES);
        let Some(needed) = u32::try_from(needed).ok().filter(|needed| *needed > 0) else {
            return Ok(());
        };
        // The semaphore is never closed.
        if let Ok(permit) = Arc::clone(&self.memory).acquire_many_owned(needed).await {
            match share {
                Some(share) => share.merge(permit),
                None => *share = Some(permit),
            }
        }
        Ok(())
    }
}

async fn next_data(body: &mut Body) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        // Trailers are none of ours.
        if let Ok(data) = frame.map_err(BodyError::ReadBody)?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// A review in another type than the one that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the request: its Content-Type is not application/json; send JSON")]
pub struct UnsupportedContentType;

impl IntoResponse for UnsupportedContentType {
    fn into_response(self) -> Response {
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, Line(self).to_string()).into_response()
    }
}

/// Parameters (`; charset=utf-8`) are allowed, and ignored.
pub fn require_json(headers: &HeaderMap) -> Result<(), UnsupportedContentType> {
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
