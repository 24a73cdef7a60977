//! An API server that answers what it was told.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Its answers, by method and path. All else is 404.
pub(crate) type Answers = BTreeMap<String, Value>;

pub(crate) fn kubeconfig(server: SocketAddr) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": format!("http://{server}")}}],
        "users": [{"name": "test", "user": {}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
    })
}

/// An API server of answers. It ends with the test's runtime.
pub(crate) async fn serve(answers: Answers) -> SocketAddr {
    let answers = Arc::new(answers);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answers = Arc::clone(&answers);
            tokio::spawn(async move {
                let answer = service_fn(move |request: Request<Incoming>| {
                    let asked = format!("{} {}", request.method(), request.uri().path());
                    let (status, body) = match answers.get(&asked) {
                        Some(answer) => (200, answer.to_string()),
                        None => (
                            404,
                            json!({"kind": "Status", "code": 404, "status": "Failure",
                            "message": format!("no {asked}"), "reason": "NotFound"})
                            .to_string(),
                        ),
                    };
                    let answer = Response::builder().status(status);
                    let answer = answer.header("content-type", "application/json");
                    std::future::ready(answer.body(Full::new(Bytes::from(body))))
                });
                http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await
            });
        }
    });
    address
}
