//! No API server can hold a command for ever: each call has a deadline, its response included, and the error
//! says what was asked of whom, and for how long.

use std::process::{Command, Output};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::Scratch;
use crate::support::{Authority, Pair};

/// How a server fails to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The kernel completes TCP, and nobody takes the connection.
    NeverAccepts,
    /// It completes TLS, reads, and stays silent.
    Silent,
    HeadersAlone,
    /// A byte at a time, for ever.
    Dribbles,
    /// It asks to be tried again, after a day.
    RetryAfterADay,
    /// A body without end, as fast as it goes.
    Endless,
}

const HEADERS: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
const RETRY: &str =
    "HTTP/1.1 503 Service Unavailable\r\nretry-after: 86400\r\ncontent-length: 0\r\n\r\n";

async fn serve(listener: TcpListener, pair: Pair, way: Way) {
    if way == Way::NeverAccepts {
        return std::future::pending().await;
    }
    let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = acceptor.clone();
        connections.spawn(async move {
            let mut stream = acceptor.accept(stream).await?;
            let (head, chunk): (&str, Vec<u8>) = match way {
                Way::NeverAccepts | Way::Silent => ("", Vec::new()),
                Way::RetryAfterADay => (RETRY, Vec::new()),
                Way::HeadersAlone => (HEADERS, Vec::new()),
                Way::Dribbles => (HEADERS, b"1\r\n \r\n".to_vec()),
                Way::Endless => {
                    (HEADERS, [&b"10000\r\n"[..], &vec![b' '; 0x10000], b"\r\n"].concat())
                }
            };
            let mut request = [0; 8192];
            // Until the client goes.
            while stream.read(&mut request).await? > 0 {
                stream.write_all(head.as_bytes()).await?;
                stream.flush().await?;
                while !chunk.is_empty() {
                    stream.write_all(&chunk).await?;
                    stream.flush().await?;
                    if way == Way::Dribbles {
                        // Less than any deadline: each read gets something, so only the limit of the whole request ends it.
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                }
            }
            std::io::Result::Ok(())
        });
    }
}

/// All that ask an API server.
const COMMANDS: [&str; 7] = [
    "doctor serviceaccount/app -n shop",
    "audit -n shop",
    "inject -f deploy/examples/pod.yaml",
    "issuer documents --from-cluster --out OUT",
    "issuer verify https://issuer.example --from-cluster",
    "issuer rotate --old-key KEYS/rsa.pkcs8.pem --new-key KEYS/p256.pkcs8.pem --from-cluster",
    "issuer migrate --from https://a.example --to https://b.example --from-cluster",
];

struct Ran {
    output: Output,
    server: String,
}

impl Ran {
    fn text(&self) -> String {
        let Output { status, stdout, stderr } = &self.output;
        let (out, errors) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
        format!("{status}\n{out}{errors}")
    }
}

async fn run(command: &str, way: Way, limit: &str) -> Ran {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("https://{}", listener.local_addr().unwrap());
    let authority = Authority::new("silent").unwrap();
    let pair = authority.server(&["127.0.0.1"]).unwrap();
    let serving = tokio::spawn(serve(listener, pair, way));
    let folder = Scratch::new().unwrap();
    let kubeconfig = crate::support::kubeconfig_with_token(&server, authority.pem(), "none");
    let kubeconfig = folder.write("kubeconfig", kubeconfig).unwrap();
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/issuer/tests/keys");
    let out = folder.path().join("out").display().to_string();
    let args = command.replace("KEYS", keys).replace("OUT", &out);
    // Nobody waits longer for what hangs: 124 says that it did.
    let mut program = Command::new("timeout");
    program.args(["--kill-after=1", "60", env!("CARGO_BIN_EXE_pod-identity-webhook")]);
    program.args(args.split(' ')).arg("--kubeconfig").arg(kubeconfig);
    program.arg(format!("--request-timeout={limit}")).env_clear().env("HOME", "/nowhere");
    program.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let output = tokio::task::spawn_blocking(move || program.output()).await.unwrap().unwrap();
    serving.abort();
    Ran { output, server }
}

async fn no_command_hangs(way: Way) {
    let runs = COMMANDS.map(async |command| (command, run(command, way, "1s").await));
    for (command, ran) in futures::future::join_all(runs).await {
        let text = ran.text();
        assert_eq!(ran.output.status.code(), Some(2), "{command}: {text}");
        // A lookup has a limit of its own, which the flag sets.
        let looks_up = ["ServiceAccount demo/s3-reader", "no response within 1000 ms"];
        let asks = [&*ran.server, "GET /", "within 1s"];
        let says = if command.starts_with("inject") { &looks_up[..] } else { &asks };
        assert!(says.iter().all(|says| text.contains(says)), "{command}: {says:?}: {text}");
    }
}

#[tokio::test]
async fn no_command_waits_for_ever_for_a_handshake() {
    no_command_hangs(Way::NeverAccepts).await;
}

#[tokio::test]
async fn no_command_waits_for_ever_for_a_response() {
    no_command_hangs(Way::Silent).await;
}

#[tokio::test]
async fn no_command_waits_for_ever_for_a_body() {
    no_command_hangs(Way::HeadersAlone).await;
}

#[tokio::test]
async fn no_command_reads_a_body_that_dribbles_for_ever() {
    no_command_hangs(Way::Dribbles).await;
}

#[tokio::test]
async fn no_command_tries_again_after_its_deadline() {
    no_command_hangs(Way::RetryAfterADay).await;
}

#[tokio::test]
async fn reads_no_response_without_end() {
    let ran = run("issuer documents --from-cluster --out OUT", Way::Endless, "0").await;
    let text = ran.text();
    assert_eq!(ran.output.status.code(), Some(2), "{text}");
    assert!(text.contains("larger than 64 MiB") && text.contains(&ran.server), "{text}");
}

#[tokio::test]
async fn bounds_the_handshake_where_requests_have_no_deadline() {
    let ran = run("audit -n shop", Way::NeverAccepts, "0").await;
    let text = ran.text();
    assert_eq!(ran.output.status.code(), Some(2), "{text}");
    assert!(text.contains(&format!("no connection to {} within 10s", ran.server)), "{text}");
}
