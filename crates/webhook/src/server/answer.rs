//! Large answers, handed over in small pieces.
//!
//! What a client does not read stays in memory. An answer that is larger than
//! what any connection may hold takes a share of a memory that all answers have
//! in common, and gives way when others need it and its client does not read.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::{Buf, Bytes};
use hyper::body::{Body as _, Frame, SizeHint};

use super::activity::Activity;
use super::limits::ANSWER_BUFFERS;
use super::memory::{Account, Memory};

/// Answers up to this size are a part of what each connection is counted with.
const SMALL: u64 = 2 << 10;

/// Written at a time.
const PIECE: usize = 8 << 10;

/// An answer's body, in pieces where it is large.
pub(super) struct Paced {
    body: Body,
    rest: Bytes,
    /// The size of all of it, as far as that is counted; nothing for a small one.
    share: Option<(Arc<Account>, usize)>,
    activity: Arc<Activity>,
}

impl Paced {
    /// Waits for the share of a large answer: `most` is what there is for one.
    pub(super) async fn of(
        body: Body,
        memory: &Arc<Memory>,
        most: usize,
        activity: &Arc<Activity>,
    ) -> Self {
        let size = body.size_hint().lower();
        let mut share = None;
        if size > SMALL {
            let size =
                usize::try_from(size).unwrap_or(most).min(most.saturating_sub(ANSWER_BUFFERS));
            let account = Arc::new(memory.open());
            // It holds nothing yet, so it need not make room.
            let _ = account.take(size + size.min(ANSWER_BUFFERS)).await;
            activity.hold_answer(Arc::clone(&account));
            share = Some((account, size));
        }
        Self { body, rest: Bytes::new(), share, activity: Arc::clone(activity) }
    }

    fn next_piece(&mut self) -> Bytes {
        let piece = Bytes::copy_from_slice(self.rest.get(..PIECE).unwrap_or(&self.rest));
        self.rest.advance(piece.len());
        let account = self.share.as_ref().map(|(account, _)| account);
        if let Some(account) = account {
            account.moved(piece.len());
        }
        if self.rest.is_empty() {
            // Freed, but for what is on its way.
            self.rest = Bytes::new();
            self.activity.set_more(false);
            if let Some((account, size)) = self.share.take() {
                account.give(size);
            }
        }
        piece
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.activity.set_more(false);
    }
}

impl hyper::body::Body for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.next_piece()))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let Some(Ok(frame)) = frame else { return Poll::Ready(frame) };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(data) if data.len() > PIECE => {
                self.rest = data;
                self.activity.set_more(true);
                Frame::data(self.next_piece())
            }
            Ok(data) => Frame::data(data),
            Err(trailers) => trailers,
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, body) = (self.rest.len() as u64, self.body.size_hint());
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
