use std::time::Instant;

use super::*;

#[tokio::test]
async fn closes_a_stalled_handshake() {
    let rig = Rig::start(Limits { handshake: ms(50), ..generous() });
    let mut client = Client { stream: rig.tcp().await };
    let start = Instant::now();
    client.closed().await;
    assert!(start.elapsed() >= ms(40), "{:?}", start.elapsed());
    until(async || rig.stats.ended(Ending::TimedOut) == 1).await;
}

#[tokio::test]
async fn closes_a_connection_whose_first_request_does_not_come() {
    let rig = Rig::start(Limits { first_request: ms(1000), ..generous() });
    let mut client = rig.client().await;
    client.closed().await;
    until(async || rig.stats.ended(Ending::TimedOut) == 1).await;
}

#[tokio::test]
async fn closes_a_connection_whose_headers_come_too_slowly() {
    let rig = Rig::start(Limits { header: ms(50), ..generous() });
    let mut client = rig.client().await;
    client.write("POST /mutate HTTP/1.1\r\nHost: local").await;
    client.closed().await;
    let mut later = rig.client().await;
    assert_eq!(later.request().await.status, 200);
    later.write("POST /mutate HTTP/1.1\r\n").await;
    later.closed().await;
    until(async || rig.stats.ended(Ending::TimedOut) == 2).await;
}

#[tokio::test]
async fn answers_a_slow_body_with_request_timeout_and_closes() {
    let rig = Rig::start(Limits { answer: ms(50), ..generous() });
    let mut client = rig.client().await;
    client.write("POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{").await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!(answer.status, 408, "{answer:?}");
    assert!(answer.closes(), "{answer:?}");
    assert!(answer.body.starts_with("failed to "), "{answer:?}");
    client.closed().await;
}

#[tokio::test]
async fn tells_a_client_that_its_body_is_too_large_even_one_that_sends_it_all_first() {
    let rig = Rig::start(Limits { linger: LONG, ..generous() });
    let mut client = rig.client().await;
    within(client.post("/mutate", &" ".repeat(9 << 20))).await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!(answer.status, 413, "{answer:?}");
    assert!(answer.closes() && answer.body.contains("8388608"), "{answer:?}");
    client.closed().await;
}

#[tokio::test]
async fn waits_no_longer_for_a_client_to_close_than_it_may_linger() {
    let rig = Rig::start(Limits { linger: ms(50), ..generous() });
    let mut client = rig.client().await;
    client.write("POST /nothing HTTP/1.1\r\nConnection: close\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(client.answer().await.expect("an answer").status, 404);
    until(async || rig.stats.ended(Ending::Closed) == 1).await;
}

#[tokio::test]
async fn takes_a_body_of_several_megabytes() {
    let rig = Rig::start(generous());
    let mut client = rig.client().await;
    client.post("/mutate", &" ".repeat(7 << 20)).await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.body), (200, (7 << 20).to_string()));
}

#[tokio::test]
async fn refuses_headers_that_are_too_large() {
    let rig = Rig::start(Limits { header_bytes: 8 << 10, ..generous() });
    let mut client = rig.client().await;
    let filler = "x".repeat(10 << 10);
    client.write(&format!("POST /mutate HTTP/1.1\r\nFiller: {filler}\r\n\r\n")).await;
    assert_eq!(client.answer().await.expect("an answer").status, 431);
    client.closed().await;
}

#[tokio::test]
async fn keeps_an_idle_connection_beyond_the_header_timeout_up_to_the_idle_timeout() {
    let limits = Limits {
        header: ms(50),
        write: ms(50),
        first_request: ms(1000),
        idle: ms(1500),
        ..generous()
    };
    let rig = Rig::start(limits);
    let mut client = rig.client().await;
    assert_eq!(client.request().await.status, 200);
    let answered = Instant::now();
    client.closed().await;
    assert!(answered.elapsed() >= ms(1400), "{:?}", answered.elapsed());
    until(async || rig.stats.ended(Ending::Closed) == 1).await;
}

#[tokio::test]
async fn closes_a_connection_that_does_not_take_its_answer() {
    let rig = Rig::start(Limits { write: ms(50), ..generous() });
    let mut client = rig.client().await;
    client.write("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    until(async || rig.stats.ended(Ending::TimedOut) == 1).await;
}

#[tokio::test]
async fn answers_on_a_connection_that_sends_several_requests_at_once() {
    let rig = Rig::start(generous());
    let mut client = rig.client().await;
    client.write(&post_of("/mutate", "{}").repeat(5)).await;
    for _ in 0..5 {
        assert_eq!(client.answer().await.expect("an answer").status, 200);
    }
}

#[tokio::test]
async fn names_what_it_serves_where_a_path_or_a_method_is_not() {
    let rig = Rig::start(generous());
    let mut client = rig.client().await;
    for (request, status, said) in [
        ("GET /healthz", 200, "ok"),
        ("GET /nothing", 404, "/mutate/required"),
        ("GET /mutate", 405, "Allow"),
    ] {
        client.write(&format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        let answer = client.answer().await.expect("an answer");
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains(said), "{answer:?}");
        assert_eq!(status == 405, answer.head.contains("allow: POST"), "{answer:?}");
    }
}

#[tokio::test]
async fn says_that_it_closes_where_it_answers_before_the_body_was_read() {
    let rig = Rig::start(generous());
    let unsent = "Content-Length: 100000\r\n\r\n{";
    let chunked = "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n";
    let huge = "Content-Length: 900000000\r\n\r\n{";
    for (what, request, status) in [
        ("no such path", format!("POST /nothing HTTP/1.1\r\nHost: a\r\n{unsent}"), 404),
        ("no such path, chunked", format!("POST /nothing HTTP/1.1\r\nHost: a\r\n{chunked}"), 404),
        ("no such method", format!("PUT /mutate HTTP/1.1\r\nHost: a\r\n{unsent}"), 405),
        ("too large", format!("POST /mutate HTTP/1.1\r\nHost: a\r\n{huge}"), 413),
        (
            "an expectation",
            format!("POST /mutate HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n{huge}"),
            413,
        ),
        ("a request that is none", "POST\r\n\r\n".to_owned(), 400),
        ("too many headers", format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200)), 431),
    ] {
        let mut client = rig.client().await;
        client.write(&request).await;
        let answer = client.answer().await.expect("an answer");
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        assert!(answer.closes(), "{what}: {answer:?}");
        client.closed().await;
    }
    // A body that was read keeps the connection, whatever the answer.
    let mut client = rig.client().await;
    client.write("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let answer = client.answer().await.expect("an answer");
    assert!(answer.status == 404 && !answer.closes(), "{answer:?}");
    assert_eq!(client.request().await.status, 200);
}

#[tokio::test]
async fn asks_for_a_body_that_its_client_holds_back() {
    let rig = Rig::start(generous());
    let mut client = rig.client().await;
    let head =
        "POST /mutate HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    client.write(head).await;
    assert_eq!(client.answer().await.expect("an interim answer").status, 100);
    client.write("{}").await;
    assert_eq!(client.answer().await.expect("an answer").status, 200);
}
