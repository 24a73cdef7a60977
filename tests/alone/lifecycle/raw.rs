//! Clients that write what they like.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::support::Dialer;

/// Longer than any limit of a connection.
const LONG: Duration = Duration::from_mins(1);

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(crate) struct Raw(Box<dyn Stream>);

impl Raw {
    pub(crate) async fn tcp(dialer: &Dialer) -> Self {
        Self(Box::new(dialer.tcp().await.unwrap()))
    }

    pub(crate) async fn tls(dialer: &Dialer) -> Self {
        Self(Box::new(dialer.tls().await.unwrap()))
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        assert!(self.try_write(bytes).await, "the connection has ended");
    }

    /// False where the other side has ended the connection.
    pub(crate) async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        let written = async {
            self.0.write_all(bytes.as_ref()).await?;
            self.0.flush().await
        };
        timeout(LONG, written).await.expect("it takes what is written").is_ok()
    }

    /// Up to an empty line.
    pub(crate) async fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        let read = async {
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.0.read_u8().await?);
            }
            anyhow::Ok(())
        };
        let read = timeout(LONG, read).await.expect("it comes");
        let head = String::from_utf8_lossy(&head).into_owned();
        read.unwrap_or_else(|error| panic!("{error} after {head:?}"));
        head
    }

    /// All that still comes, up to the end of the connection.
    pub(crate) async fn read_to_end(&mut self) -> String {
        String::from_utf8_lossy(&self.read_bytes_to_end().await).into_owned()
    }

    /// Says that nothing more comes, and waits for the other side to do so.
    pub(crate) async fn shut_and_read(&mut self) -> Vec<u8> {
        // It fails where the other side was first.
        let _ = self.0.shutdown().await;
        self.read_bytes_to_end().await
    }

    /// Waits until something comes, or the connection ends, and leaves the rest unread.
    pub(crate) async fn read_first_byte(&mut self) {
        let _ = timeout(LONG, self.0.read_u8()).await.expect("it comes or ends");
    }

    pub(crate) async fn read_bytes_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end as good as any other here.
        let _ = timeout(LONG, self.0.read_to_end(&mut bytes)).await.expect("it ends");
        bytes
    }
}
