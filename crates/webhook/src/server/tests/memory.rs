//! Requests that share the memory: none that is sent waits for one that is not.

use std::time::Instant;

use tokio::task::JoinSet;

use super::*;

const MIB: usize = 1 << 20;

/// Room for one large request, and for little more.
fn scarce() -> Limits {
    let limits = Limits { body_memory: 2 * MIB, patience: ms(300), ..generous() };
    Limits { body_bytes: 3 * MIB, ..limits }
}

fn head(length: usize) -> String {
    format!("POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Sends so many bytes, at most so many in a second.
    async fn send_at(&mut self, bytes: usize, rate: usize) {
        let piece = vec![b' '; rate / 20];
        let mut ticks = tokio::time::interval(ms(50));
        let mut left = bytes;
        while left > 0 {
            ticks.tick().await;
            let now = left.min(piece.len());
            self.stream.write_all(&piece[..now]).await.expect("written");
            self.stream.flush().await.expect("flushed");
            left -= now;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_all_of_many_large_reviews_that_come_at_once() {
    let rig = Arc::new(Rig::start(scarce()));
    let mut clients = JoinSet::new();
    for index in 0..16 {
        let rig = Arc::clone(&rig);
        clients.spawn(async move {
            let mut client = rig.client().await;
            if index % 2 == 0 {
                client.write(&head(3 * MIB)).await;
                client.send_at(3 * MIB, 3 * MIB).await;
            } else {
                // Without a length.
                let head = "POST /mutate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
                client.write(&format!("{head}{:x}\r\n", 3 * MIB)).await;
                client.send_at(3 * MIB, 3 * MIB).await;
                client.write("\r\n0\r\n\r\n").await;
            }
            let answer = tokio::time::timeout(3 * LONG, client.answer()).await;
            answer.expect("in time").expect("an answer")
        });
    }
    for answer in clients.join_all().await {
        assert_eq!((answer.status, answer.body), (200, (3 * MIB).to_string()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lets_no_review_wait_for_clients_that_stall() {
    let rig = Rig::start(scarce());
    let mut stalled = Vec::new();
    for _ in 0..5 {
        let mut client = rig.client().await;
        client.write(&head(3 * MIB)).await;
        // Nearly all of it: more than there is room for. What is not read stays where it is.
        let most = vec![b' '; 29 * MIB / 10];
        let _ = tokio::time::timeout(ms(200), client.stream.write_all(&most)).await;
        stalled.push(client);
    }
    let mut client = rig.client().await;
    let begun = Instant::now();
    client.post("/mutate", &" ".repeat(100 << 10)).await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.body), (200, (100 << 10).to_string()));
    // Each may stand still for its patience, one after the other at worst.
    let took = begun.elapsed();
    assert!(took < 6 * scarce().patience + ms(3_000), "{took:?}");
}

#[tokio::test]
async fn tells_a_client_that_stalls_that_others_needed_the_memory() {
    let rig = Rig::start(Limits { body_memory: 256 << 10, ..scarce() });
    let mut stalled = rig.client().await;
    stalled.write(&head(MIB)).await;
    stalled.write(&" ".repeat(200 << 10)).await;
    let mut client = rig.client().await;
    client.post("/mutate", &" ".repeat(2 * MIB)).await;
    let mut third = rig.client().await;
    third.post("/mutate", &" ".repeat(MIB)).await;
    for client in [&mut client, &mut third] {
        assert_eq!(client.answer().await.expect("an answer").status, 200);
    }
    // It goes on if it was not in the way after all.
    let answer = match stalled.stream.write_all(&vec![b' '; MIB - (200 << 10)]).await {
        Ok(()) => stalled.answer().await,
        Err(_) => None,
    };
    assert!(answer.is_none_or(|answer| [200, 408].contains(&answer.status)));
}

#[tokio::test]
async fn gives_a_slow_client_its_time_where_nobody_waits() {
    let rig = Rig::start(Limits { patience: ms(20), ..scarce() });
    let mut client = rig.client().await;
    client.write(&head(300 << 10)).await;
    client.write(&" ".repeat(200 << 10)).await;
    // Others come and go meanwhile, many times its patience.
    let begun = Instant::now();
    while begun.elapsed() < ms(200) {
        assert_eq!(rig.client().await.request().await.status, 200);
    }
    client.write(&" ".repeat(100 << 10)).await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.body), (200, (300 << 10).to_string()));
}

#[tokio::test]
async fn answers_within_the_time_that_the_client_says_it_waits() {
    let rig = Rig::start(generous());
    let mut client = rig.client().await;
    client
        .write("POST /mutate?timeout=100ms HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        .await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.closes()), (408, true), "{answer:?}");
}

#[tokio::test]
async fn lets_no_answer_wait_for_clients_that_do_not_read_theirs() {
    let rig = Rig::start(Limits { patience: ms(200), ..generous() });
    let mut stalled = Vec::new();
    for _ in 0..8 {
        let mut client = rig.client().await;
        client.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
        stalled.push(client);
    }
    let mut client = rig.client().await;
    client.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.body.len()), (200, 32 << 20));
    until(async || rig.stats.ended(Ending::Evicted) > 0).await;
}

#[tokio::test]
async fn makes_room_of_heads_and_records_that_are_not_completed() {
    // Room for the buffers of a few connections.
    let rig = Rig::start(Limits { body_memory: 256 << 10, patience: ms(200), ..generous() });
    let mut stalled = Vec::new();
    for _ in 0..30 {
        let mut client = rig.client().await;
        let head = format!("POST /mutate HTTP/1.1\r\nFiller: {}", "x".repeat(7_000));
        // In many records, so that it is more than any connection may hold; some have made room before they have sent it.
        for record in head.as_bytes().chunks(20) {
            let _ = client.stream.write_all(record).await;
            let _ = client.stream.flush().await;
        }
        stalled.push(client);
    }
    let mut client = rig.client().await;
    client.post("/mutate", &" ".repeat(20 << 10)).await;
    assert_eq!(client.answer().await.expect("an answer").status, 200);
    until(async || rig.stats.ended(Ending::Evicted) > 0).await;
}

/// A client of TLS 1.3 may send its first request with the last message of its handshake, and both may be read at once.
#[tokio::test]
async fn keeps_nobody_waiting_for_one_whose_request_came_with_its_handshake() {
    let rig = Rig::start(Limits { body_memory: 256 << 10, patience: ms(2_000), ..generous() });
    let head = format!("POST /mutate HTTP/1.1\r\nFiller: {}", "x".repeat(7_000));
    let mut stalled = Vec::new();
    // All that there is: the common part and the reserve.
    for _ in 0..17 {
        let mut client = rig.client().await;
        // Its handshake is over.
        client.request().await;
        client.write(&head).await;
        stalled.push(client);
    }
    let mut at_once = Vec::new();
    for _ in 0..3 {
        at_once.push(rig.with_handshake(head.as_bytes()).await);
    }
    let mut client = rig.client().await;
    client.post("/mutate", &" ".repeat(20 << 10)).await;
    assert_eq!(client.answer().await.expect("an answer").status, 200);
}

impl Rig {
    /// Sends the end of a handshake and `data` in one piece.
    async fn with_handshake(&self, data: &[u8]) -> TcpStream {
        let mut stream = self.tcp().await;
        let config = Arc::new(client_config(&self.certificate, &[b"http/1.1"], &[&version::TLS13]));
        let name = ServerName::try_from("localhost").expect("a name");
        let mut tls = rustls::ClientConnection::new(config, name).expect("a connection");
        while tls.is_handshaking() {
            let mut sent = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut sent).expect("written");
            }
            stream.write_all(&sent).await.expect("sent");
            let mut read = [0; 4096];
            let length = within(stream.read(&mut read)).await.expect("read");
            let mut read = &read[..length];
            while !read.is_empty() {
                tls.read_tls(&mut read).expect("read");
            }
            tls.process_new_packets().expect("a handshake");
        }
        let mut last = Vec::new();
        std::io::Write::write_all(&mut tls.writer(), data).expect("written");
        while tls.wants_write() {
            tls.write_tls(&mut last).expect("written");
        }
        stream.write_all(&last).await.expect("sent");
        stream
    }
}

#[tokio::test]
async fn refuses_a_handshake_that_is_too_large() {
    let rig = Rig::start(generous());
    let mut stream = rig.tcp().await;
    // A hello of 60,000 bytes, in records of 16,000.
    let mut hello = vec![1, 0, 0xea, 0x60];
    hello.resize(60_000, 0);
    for part in hello.chunks(16_000) {
        let length = u16::try_from(part.len()).expect("short").to_be_bytes();
        let _ = stream.write_all(&[&[0x16, 3, 1][..], &length, part].concat()).await;
    }
    Client { stream }.closed().await;
    until(async || rig.stats.ended(Ending::Handshake) == 1).await;
}
