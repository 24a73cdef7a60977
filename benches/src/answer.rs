//! An answer of HTTP/1.1, whichever way it says where it ends: with a length, in chunks, or with the connection.
//! <https://www.rfc-editor.org/rfc/rfc9112#section-6.3>

use anyhow::{Context as _, bail, ensure};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The most that an answer may have: more is a mistake of what is measured.
const MOST_BYTES: usize = 16 << 20;

/// What was read last, kept so that reading allocates nothing once it is large enough.
#[derive(Debug, Default)]
pub struct Answer {
    buffer: Vec<u8>,
    /// Where the body lies in the buffer, unless it came in chunks.
    body: std::ops::Range<usize>,
    /// The body that came in chunks, put together.
    joined: Option<Vec<u8>>,
    /// Whether the server takes no other request over this connection.
    closes: bool,
}

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClosed,
}

impl Answer {
    pub fn body(&self) -> &[u8] {
        self.joined.as_deref().unwrap_or(&self.buffer[self.body.clone()])
    }

    pub fn closes(&self) -> bool {
        self.closes
    }

    /// Reads one answer to its end, which must be a 200.
    pub async fn read(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<()> {
        self.buffer.clear();
        self.joined = None;
        let (head, framing) = loop {
            self.more(stream).await.context("no whole head of an answer")?;
            if let Some((head, framing, closes)) = head(&self.buffer)? {
                self.closes = closes;
                break (head, framing);
            }
        };
        match framing {
            Framing::Length(length) => {
                ensure!(length <= MOST_BYTES, "an answer of {length} bytes");
                self.body = head..head + length;
                while self.buffer.len() < self.body.end {
                    self.more(stream).await.context("no whole body of an answer")?;
                }
            }
            Framing::Chunked => self.joined = Some(self.chunks(head, stream).await?),
            Framing::UntilClosed => {
                while stream.read_buf(&mut self.buffer).await? > 0 {
                    ensure!(self.buffer.len() <= MOST_BYTES, "an answer without an end");
                }
                self.body = head..self.buffer.len();
                self.closes = true;
            }
        }
        Ok(())
    }

    async fn more(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<()> {
        let read = stream.read_buf(&mut self.buffer).await?;
        ensure!(read > 0, "the server closed the connection");
        ensure!(self.buffer.len() <= 2 * MOST_BYTES, "an answer without an end");
        Ok(())
    }

    /// The body whose first chunk begins at `at`.
    async fn chunks(
        &mut self,
        mut at: usize,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let (line, size) = loop {
                match httparse::parse_chunk_size(&self.buffer[at..]) {
                    Ok(httparse::Status::Complete((line, size))) => {
                        break (line, usize::try_from(size)?);
                    }
                    Ok(httparse::Status::Partial) => {
                        self.more(stream).await.context("no whole size of a chunk")?;
                    }
                    Err(_) => bail!("a chunk without a size"),
                }
            };
            ensure!(size <= MOST_BYTES, "a chunk of {size} bytes");
            if size == 0 {
                return self.trailer(at + line, stream).await.map(|()| body);
            }
            let (begin, end) = (at + line, at + line + size);
            while self.buffer.len() < end + b"\r\n".len() {
                self.more(stream).await.context("no whole chunk")?;
            }
            body.extend_from_slice(&self.buffer[begin..end]);
            at = end + b"\r\n".len();
        }
    }

    /// Reads what stands behind the last chunk: fields that nobody needs, and an empty line.
    async fn trailer(
        &mut self,
        at: usize,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> anyhow::Result<()> {
        loop {
            let mut fields = [httparse::EMPTY_HEADER; 16];
            if httparse::parse_headers(&self.buffer[at..], &mut fields)?.is_complete() {
                return Ok(());
            }
            self.more(stream).await.context("no end behind the last chunk")?;
        }
    }
}

/// The length of the head once it is whole, how the body ends, and whether the connection does then.
fn head(bytes: &[u8]) -> anyhow::Result<Option<(usize, Framing, bool)>> {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else { return Ok(None) };
    if response.code != Some(200) {
        bail!("answered {:?}: {}", response.code, String::from_utf8_lossy(&bytes[head..]));
    }
    let (mut framing, mut closes) = (Framing::UntilClosed, response.version != Some(1));
    for header in response.headers.iter() {
        let value = std::str::from_utf8(header.value)?.trim();
        let has = |word: &str| value.split(',').any(|it| it.trim().eq_ignore_ascii_case(word));
        match header.name.to_ascii_lowercase().as_str() {
            "content-length" if framing != Framing::Chunked => {
                framing = Framing::Length(value.parse().context("Content-Length")?);
            }
            "transfer-encoding" if has("chunked") => framing = Framing::Chunked,
            "connection" => closes |= has("close"),
            _ => {}
        }
    }
    Ok(Some((head, framing, closes)))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// What becomes of an answer that comes byte by byte, and of one that comes at once.
    async fn read(text: &str) -> [anyhow::Result<(String, bool)>; 2] {
        let mut results = Vec::new();
        for piece in [1, text.len()] {
            let (mut client, mut server) = tokio::io::duplex(piece);
            let text = text.to_owned();
            let writing = tokio::spawn(async move { server.write_all(text.as_bytes()).await });
            let mut answer = Answer::default();
            let read = answer.read(&mut client).await;
            results.push(
                read.map(|()| {
                    (String::from_utf8_lossy(answer.body()).into_owned(), answer.closes())
                }),
            );
            drop(client);
            // An error is the client's end, which may come first.
            let _ = writing.await.expect("the writing ends");
        }
        results.try_into().expect("two")
    }

    #[tokio::test]
    async fn finds_the_end_of_each_kind_of_answer() {
        for (text, body, closes) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", false),
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nConnection: close\r\n\r\nhi", "hi", true),
            ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi", true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\n\r\n",
                "hello!",
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n",
                "",
                true,
            ),
            ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "until the end", true),
        ] {
            for result in read(text).await {
                assert_eq!(result.expect(text), (body.to_owned(), closes), "{text:?}");
            }
        }
    }

    #[tokio::test]
    async fn refuses_answers_that_are_not_whole_or_not_200() {
        for text in [
            "",
            "HTTP/1.1 200 OK\r\nContent-Le",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nhi",
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno",
        ] {
            let text = if text.is_empty() { " " } else { text };
            for result in read(text).await {
                assert!(result.is_err(), "{text:?}");
            }
        }
    }
}
