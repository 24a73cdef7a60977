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
            let request = String::from_utf8_lossy(&request);
            let path = request.split(' ').nth(1).unwrap_or_default();
            let path = path.split('?').next().unwrap_or_default();
            let kind = match path.rsplit('/').next() {
                Some("pods") => "Pod",
                Some("serviceaccounts") => "ServiceAccount",
                Some("mutatingwebhookconfigurations") => "MutatingWebhookConfiguration",
                _ => "",
            };
            let items: Vec<&Value> = items.iter().filter(|item| item["kind"] == kind).collect();
            let (status, body) = match path {
                "/version" => {
                    ("200 OK", json!({"gitVersion": "v1.37.1", "major": "1", "minor": "37"}))
                }
                "/api/v1/namespaces/demo" => (
                    "200 OK",
                    json!({"apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": "demo"}}),
                ),
                _ if kind.is_empty() => (
                    "404 Not Found",
                    json!({"kind": "Status", "apiVersion": "v1",
                    "status": "Failure", "reason": "NotFound", "code": 404, "message": "not found"}),
                ),
                _ => (
                    "200 OK",
                    json!({"apiVersion": "v1", "kind": format!("{kind}List"),
                    "metadata": {"resourceVersion": "1"}, "items": items}),
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
