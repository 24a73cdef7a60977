use std::time::Instant;

use super::*;

fn start(drain: DrainLimits) -> Rig {
    Rig::start_with(generous(), drain, &TlsSettings::default())
}

#[tokio::test]
async fn serves_during_the_delay_and_asks_each_client_to_leave() {
    let rig = start(DrainLimits { delay: ms(1000), ..no_delay() });
    let (mut used, mut idle) = (rig.client().await, rig.client().await);
    assert!(!used.request().await.closes());
    assert_eq!(idle.request().await.status, 200);
    let begun = Instant::now();
    rig.shutdown.cancel();
    until(async || !rig.readiness.is_ready()).await;
    assert!(rig.readiness.reason(Condition::NotShuttingDown).is_some());
    let answer = used.request().await;
    assert_eq!((answer.status, answer.closes()), (200, true), "{answer:?}");
    used.closed().await;
    let mut new = rig.client().await;
    let answer = new.request().await;
    assert_eq!((answer.status, answer.closes()), (200, true), "{answer:?}");
    idle.closed().await;
    assert!(begun.elapsed() >= ms(1000), "{:?}", begun.elapsed());
    assert_eq!(rig.drained().await, Drained { finished: 0, cut: 0 });
}

#[tokio::test]
async fn answers_requests_in_flight_after_it_has_stopped_listening() {
    let rig = start(no_delay());
    let mut client = rig.client().await;
    client.post("/hold", "").await;
    rig.hold.has_begun().await;
    rig.shutdown.cancel();
    rig.no_longer_listens().await;
    rig.hold.release.add_permits(1);
    let answer = client.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.closes()), (200, true), "{answer:?}");
    client.closed().await;
}

#[tokio::test]
async fn finishes_a_request_whose_body_is_still_coming() {
    let rig = start(DrainLimits { fresh: LONG, ..no_delay() });
    let mut client = rig.client().await;
    client.write("POST /mutate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{").await;
    rig.shutdown.cancel();
    rig.no_longer_listens().await;
    client.write("}").await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.closes()), (200, true), "{answer:?}");
}

#[tokio::test]
async fn cuts_what_takes_longer_than_the_timeout_and_says_so() {
    let rig = start(DrainLimits { timeout: ms(100), ..no_delay() });
    let (mut cut, mut idle) = (rig.client().await, rig.client().await);
    assert_eq!(idle.request().await.status, 200);
    cut.post("/hold", "").await;
    rig.hold.has_begun().await;
    rig.shutdown.cancel();
    idle.closed().await;
    assert!(cut.answer().await.is_none());
    assert_eq!(rig.drained().await, Drained { finished: 0, cut: 1 });
}

#[tokio::test]
async fn counts_what_was_in_flight_and_finished() {
    let rig = start(no_delay());
    let mut clients = [rig.client().await, rig.client().await];
    for client in &mut clients {
        client.post("/hold", "").await;
        rig.hold.has_begun().await;
    }
    rig.shutdown.cancel();
    rig.no_longer_listens().await;
    rig.hold.release.add_permits(2);
    for mut client in clients {
        assert_eq!(client.answer().await.expect("an answer").body, "released");
    }
    assert_eq!(rig.drained().await, Drained { finished: 2, cut: 0 });
}

#[tokio::test]
async fn serves_a_connection_that_was_on_its_way_to_its_first_request() {
    let rig = start(DrainLimits { fresh: LONG, ..no_delay() });
    let mut fresh = rig.client().await;
    rig.shutdown.cancel();
    rig.no_longer_listens().await;
    let answer = fresh.request().await;
    assert_eq!((answer.status, answer.closes()), (200, true), "{answer:?}");
}

#[tokio::test]
async fn serves_connections_that_the_kernel_had_completed_when_it_stopped_listening() {
    let rig = start(DrainLimits { fresh: LONG, ..no_delay() });
    // Blocking, on the server's only thread: it has no chance to accept them.
    let connect = |_| std::net::TcpStream::connect(rig.address).expect("connected");
    let streams: Vec<_> = (0..50).map(connect).collect();
    rig.shutdown.cancel();
    for stream in streams {
        stream.set_nonblocking(true).expect("set");
        let stream = TcpStream::from_std(stream).expect("a stream");
        let client = handshake(stream, &rig.certificate, &[], ALL_VERSIONS).await;
        let answer = client.expect("a handshake").request().await;
        assert_eq!((answer.status, answer.closes()), (200, true), "{answer:?}");
    }
}

#[tokio::test]
async fn waits_no_longer_for_a_first_request_than_it_may_take() {
    let rig = start(DrainLimits { fresh: ms(50), ..no_delay() });
    let (mut silent, mut stalled) = (rig.client().await, Client { stream: rig.tcp().await });
    rig.shutdown.cancel();
    silent.closed().await;
    stalled.closed().await;
    drop((silent, stalled));
    assert_eq!(rig.drained().await, Drained::default());
}

#[tokio::test]
async fn ends_at_once_when_it_is_dropped() {
    let rig = start(no_delay());
    let mut client = rig.client().await;
    client.post("/hold", "").await;
    rig.hold.has_begun().await;
    rig.served.abort();
    assert!(client.answer().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_every_request_that_kept_connections_send_under_load() {
    let rig = Arc::new(start(DrainLimits { delay: ms(300), fresh: LONG, ..no_delay() }));
    let loads: Vec<_> = (0..8)
        .map(|_| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move {
                let mut answered = 0;
                // Until nobody listens; a connection that stands is answered.
                while let Ok(mut client) = rig.connect(&[], ALL_VERSIONS).await {
                    loop {
                        let answer = client.request().await;
                        assert_eq!(answer.status, 200, "{answer:?}");
                        answered += 1;
                        if answer.closes() {
                            break;
                        }
                    }
                }
                answered
            })
        })
        .collect();
    until(async || rig.stats.accepted() == 8).await;
    rig.shutdown.cancel();
    for load in loads {
        assert!(within(load).await.expect("all answered") > 0);
    }
}
