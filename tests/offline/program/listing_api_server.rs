//! An API server of plain HTTP that lists what it is given.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};

/// An API server that lists these, and knows nothing else.
pub(super) fn api_server(items: Vec<Value>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap_or(0) > 0 {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).into_owned();
            // What is not read would break the connection.
            let length = request.to_ascii_lowercase();
            let length = length.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length = length.and_then(|it| it.trim().parse().ok()).unwrap_or_default();
            std::io::copy(&mut (&connection).take(length), &mut std::io::sink()).unwrap();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let path = path.split('?').next().unwrap_or_default();
            let kind = match path.rsplit('/').next() {
                Some("pods") => "Pod",
                Some("serviceaccounts") => "ServiceAccount",
                Some("mutatingwebhookconfigurations") => "MutatingWebhookConfiguration",
                Some("poddisruptionbudgets") => "PodDisruptionBudget",
                _ => "",
            };
            let listed: Vec<&Value> = items.iter().filter(|item| item["kind"] == kind).collect();
            let (status, body) = match path {
                "/version" => {
                    ("200 OK", json!({"gitVersion": "v1.37.1", "major": "1", "minor": "37"}))
                }
                "/api/v1/namespaces/demo" => (
                    "200 OK",
                    json!({"apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": "demo"}}),
                ),
                "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
                    ("201 Created", json!({"status": {"allowed": true}}))
                }
                _ if kind.is_empty() && by_name(&items, path).is_some() => {
                    ("200 OK", by_name(&items, path).cloned().unwrap_or_default())
                }
                _ if kind.is_empty() => (
                    "404 Not Found",
                    json!({"kind": "Status", "apiVersion": "v1",
                    "status": "Failure", "reason": "NotFound", "code": 404, "message": "not found"}),
                ),
                _ => (
                    "200 OK",
                    json!({"apiVersion": "v1", "kind": format!("{kind}List"),
                    "metadata": {"resourceVersion": "1"}, "items": listed}),
                ),
            };
            let body = body.to_string();
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close");
            // A client that has left wants no answer.
            let _ = write!(connection, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    format!("http://{address}")
}

/// One that makes pods, by its path.
fn by_name<'a>(items: &'a [Value], path: &str) -> Option<&'a Value> {
    let (folder, name) = path.rsplit_once('/')?;
    let kind = match folder.rsplit('/').next()? {
        "replicasets" => "ReplicaSet",
        "deployments" => "Deployment",
        _ => return None,
    };
    items.iter().find(|item| item["kind"] == kind && item["metadata"]["name"] == name)
}
