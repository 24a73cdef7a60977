use super::*;
use crate::server::admin::{Admin, router};

fn start(limits: Limits) -> (SocketAddr, Arc<Readiness>, CancellationToken, JoinHandle<Drained>) {
    let listener = bind(Ipv4Addr::LOCALHOST.into(), 0, "--metrics-port").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let readiness = Arc::new(Readiness::waiting_for(&[Condition::Certificate]));
    let router = router(String::new, || "up 1\n".to_owned(), Arc::clone(&readiness), Router::new());
    let admin = Admin { listener, router, limits, stats: Arc::default() };
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(admin.serve(shutdown.clone().cancelled_owned()));
    (address, readiness, shutdown, served)
}

async fn get(client: &mut Client<TcpStream>, path: &str) -> Answer {
    client.write(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
    client.answer().await.expect("an answer")
}

#[tokio::test]
async fn serves_probes_and_metrics_over_plain_http_until_its_end() {
    let (address, readiness, shutdown, served) = start(Limits::for_admin());
    let mut client = Client { stream: TcpStream::connect(address).await.expect("connected") };
    assert_eq!(get(&mut client, "/readyz").await.status, 503);
    readiness.meet(Condition::Certificate);
    assert_eq!(get(&mut client, "/readyz").await.status, 200);
    let metrics = get(&mut client, "/metrics").await;
    assert!(metrics.head.contains("text/plain; version=0.0.4"), "{metrics:?}");
    assert_eq!(metrics.body, "up 1\n");
    shutdown.cancel();
    client.closed().await;
    drop(client);
    assert_eq!(within(served).await.expect("served"), Drained::default());
}

#[tokio::test]
async fn closes_a_connection_whose_headers_come_too_slowly() {
    let (address, ..) = start(Limits { header: ms(50), ..generous() });
    let mut client = Client { stream: TcpStream::connect(address).await.expect("connected") };
    client.write("GET /metr").await;
    client.closed().await;
}
