use super::*;

#[tokio::test]
async fn closes_the_longest_idle_connection_at_the_cap() {
    let rig = Rig::start(Limits { connections: 3, ..generous() });
    let mut clients = [rig.client().await, rig.client().await, rig.client().await];
    for index in [1, 0, 2] {
        assert_eq!(clients[index].request().await.status, 200);
    }
    let mut next = rig.client().await;
    let [first, second, third] = &mut clients;
    second.closed().await;
    for client in [first, third, &mut next] {
        assert_eq!(client.request().await.status, 200);
    }
    assert_eq!(rig.stats.ended(Ending::Evicted), 1);
    assert_eq!(rig.stats.open(), 3);
}

#[tokio::test]
async fn takes_a_connection_stalled_before_its_first_request_for_an_idle_one() {
    let rig = Rig::start(Limits { connections: 2, ..generous() });
    let mut stalled = rig.client().await;
    stalled.write("POST /mut").await;
    let mut used = rig.client().await;
    assert_eq!(used.request().await.status, 200);
    // Drops make it no younger.
    stalled.write("ate HTTP/1.1\r\n").await;
    let mut next = rig.client().await;
    stalled.closed().await;
    assert_eq!(used.request().await.status, 200);
    assert_eq!(next.request().await.status, 200);
}

#[tokio::test]
async fn evicts_no_request_that_is_being_served() {
    let rig = Rig::start(Limits { connections: 2, ..generous() });
    let mut served = rig.client().await;
    served.post("/hold", "").await;
    rig.hold.has_begun().await;
    let mut idle = rig.client().await;
    assert_eq!(idle.request().await.status, 200);
    let mut next = rig.client().await;
    idle.closed().await;
    assert_eq!(next.request().await.status, 200);
    rig.hold.release.add_permits(1);
    assert_eq!(served.answer().await.expect("an answer").body, "released");
}

#[tokio::test]
async fn keeps_a_connection_waiting_while_all_others_are_being_served() {
    let rig = Rig::start(Limits { connections: 1, ..generous() });
    let mut served = rig.client().await;
    served.post("/hold", "").await;
    rig.hold.has_begun().await;
    let next = async {
        let mut next = rig.client().await;
        next.request().await.status
    };
    let answered = async {
        rig.hold.release.add_permits(1);
        served.answer().await.expect("an answer").body
    };
    // The one that comes is first in line, and is polled first.
    let (status, body) = tokio::join!(next, answered);
    assert_eq!((status, body.as_str()), (200, "released"));
}

#[tokio::test]
async fn serves_as_usual_beside_stalled_connections() {
    let rig = Rig::start(generous());
    let mut silent = Vec::new();
    let mut halfway = Vec::new();
    for _ in 0..100 {
        silent.push(rig.tcp().await);
        let mut client = rig.client().await;
        client.write("POST /mutate HTTP/1.1\r\nContent-Length: 100\r\n\r\n{").await;
        halfway.push(client);
    }
    let mut client = rig.client().await;
    let start = std::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(client.request().await.status, 200);
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(rig.stats.open(), 201);
}

#[tokio::test]
async fn lets_a_client_in_however_many_stall() {
    let rig = Rig::start(Limits { connections: 20, ..generous() });
    let mut stalled = Vec::new();
    for _ in 0..60 {
        stalled.push(rig.tcp().await);
    }
    let mut client = rig.client().await;
    for _ in 0..60 {
        assert_eq!(client.request().await.status, 200);
        stalled.push(rig.tcp().await);
    }
    until(async || rig.stats.accepted() == 121).await;
    assert_eq!(rig.stats.open(), 20);
}
