//! `issuer verify`: a real token through documents over HTTPS, and each link broken once.

use serde_json::Value;

use super::host::Host;
use super::{Ran, issuer_here, key};
use crate::support::{Authority, ControlPlane, Options, Pair};

const DISCOVERY: &str = "/cluster/.well-known/openid-configuration";
const JWKS: &str = "/cluster/openid/v1/jwks";

/// A host with the documents of a real API server, whose issuer it is.
struct Scene {
    host: Host,
    control_plane: ControlPlane,
    token: String,
    account: String,
}

impl Scene {
    async fn start(signing: Option<&str>) -> Self {
        let host = Host::start().await;
        let args = signing.into_iter().flat_map(|name| {
            let public = key(&name.replace("sec1", "spki").replace("pkcs8", "spki"));
            [("key-file", public), ("signing-key-file", key(name))]
                .map(|(flag, file)| format!("--service-account-{flag}={file}"))
        });
        let control_plane = ControlPlane::start(Options {
            issuer: host.issuer(),
            api_server_args: args.collect(),
            ..Options::default()
        })
        .await;
        let namespace = control_plane.namespace("issuer").await;
        let token = control_plane.token(namespace.name(), "default", &["sts.amazonaws.com"]).await;
        let account = format!("{namespace}/default");
        let token = host.write("token", token);
        let scene = Self { host, control_plane, token, account };
        scene.publish().await;
        scene
    }

    fn kubeconfig(&self) -> &str {
        self.control_plane.kubeconfig().to_str().unwrap()
    }

    async fn publish(&self) {
        let out = self.host.folder();
        let args = ["documents", "--from-cluster", "--kubeconfig", self.kubeconfig(), "--out"];
        issuer_here(&[&args[..], &[out.to_str().unwrap()]].concat()).await.ended(0);
    }

    async fn verify(&self, more: &[&str]) -> Ran {
        let url = self.host.issuer();
        let args = ["verify", url.as_str(), "--ca-file", self.host.ca_file()];
        let args = [&args[..], &["--service-account", &self.account]].concat();
        issuer_here(&[&args[..], more, &["--output", "json"]].concat()).await
    }

    /// Asserts that this check alone fails, and gives what it says.
    async fn broken(&self, check: &str) -> String {
        the_failure(&self.verify(&["--token", &self.token]).await, check)
    }
}

fn the_failure(ran: &Ran, check: &str) -> String {
    assert_eq!(ran.code, 1, "{}\n{}", ran.out, ran.errors);
    let report = ran.json();
    let checks = report["checks"].as_array().unwrap();
    let failed: Vec<&Value> = checks.iter().filter(|check| check["status"] == "fail").collect();
    assert_eq!(failed.len(), 1, "{}", ran.out);
    assert_eq!(failed[0]["id"], check);
    assert!(failed[0]["next"].is_string());
    failed[0]["message"].as_str().unwrap().to_owned()
}

fn outcomes(report: &Value) -> Vec<&str> {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().map(|check| check["status"].as_str().unwrap()).collect()
}

/// One control plane for all of it: each break is undone.
#[tokio::test(flavor = "multi_thread")]
async fn verifies_a_live_token_and_names_each_broken_link() {
    let scene = Scene::start(None).await;
    let host = &scene.host;

    let good = scene.verify(&["--kubeconfig", scene.kubeconfig()]).await.ended(0).json();
    assert!(outcomes(&good).iter().all(|outcome| *outcome == "pass"), "{good:#}");
    let by_file = scene.verify(&["--token", &scene.token]).await.ended(0).json();
    assert_eq!(outcomes(&by_file).iter().filter(|outcome| **outcome == "skipped").count(), 1);
    // The server alone is in the chain, so it is the server's.
    assert_eq!(good["thumbprint"]["subject"], "CN=server");

    let elsewhere = [("location", "https://www.example/openid-configuration")];
    host.answer(DISCOVERY, 301, &elsewhere, "");
    let told = scene.broken("discovery-fetch").await;
    assert!(told.contains("redirect (301 to https://www.example/openid-configuration)"), "{told}");
    host.answer(DISCOVERY, 403, &[], "<Error><Code>AccessDenied</Code></Error>");
    assert!(scene.broken("discovery-fetch").await.contains("403: it is not public"));
    host.answer(DISCOVERY, 404, &[], "");
    assert!(scene.broken("discovery-fetch").await.contains("404"));
    let long = "x".repeat((1 << 20) + 1);
    host.answer(DISCOVERY, 200, &[], &long);
    assert!(scene.broken("discovery-fetch").await.contains("longer than 1048576 bytes"));
    host.answer(DISCOVERY, 200, &[("content-type", "text/html")], "<!DOCTYPE html><p>Welcome");
    let told = scene.broken("discovery-document").await;
    assert!(told.contains("<!DOCTYPE html>") && told.contains("text/html"), "{told}");

    host.restore();
    let document = std::fs::read_to_string(host.folder().join(&DISCOVERY[9..])).unwrap();
    let changed = |from: &str, to: &str| {
        assert!(document.contains(from));
        host.answer(
            DISCOVERY,
            200,
            &[("content-type", "application/json")],
            &document.replace(from, to),
        );
    };
    let own = format!("\"issuer\":\"{}\"", host.issuer());
    changed(&own, &own.replace("/cluster", "/cluster/"));
    let told = scene.broken("issuer-equal").await;
    assert!(told.contains("only the second of them ends with a slash"), "{told}");
    changed(&own, "\"issuer\":\"https://kubernetes.default.svc\"");
    assert!(scene.broken("issuer-equal").await.contains("https://kubernetes.default.svc"));
    changed("\"jwks_uri\":\"https", "\"jwks_uri\":\"http");
    // What can't be fetched is one failure: the address.
    let ran = scene.verify(&["--token", &scene.token]).await;
    assert!(ran.out.contains("not an https URL"), "{}", ran.out);
    changed("[\"RS256\"]", "[\"ES256\"]");
    assert!(scene.broken("algorithms").await.contains("a key is for RS256"));

    host.restore();
    host.answer(JWKS, 404, &[], "");
    assert!(scene.broken("jwks-fetch").await.contains("404"));
    host.answer(JWKS, 200, &[], "{}");
    assert!(scene.broken("jwks-document").await.contains("\"keys\""));
    let stale = std::fs::read_to_string(key("expected.jwks.json")).unwrap();
    let rsa_only = stale.split(",{\"use\"").next().unwrap().to_owned() + "]}";
    host.answer(JWKS, 200, &[("content-type", "application/json")], &rsa_only);
    let told = scene.broken("token-key").await;
    assert!(told.contains("not among the published keys: l0z9E6mFE24"), "{told}");
    // With the cluster at hand the keys that lack are named as well.
    let ran = scene.verify(&["--kubeconfig", scene.kubeconfig()]).await.ended(1);
    assert!(ran.out.contains("keys that are not published"), "{}", ran.out);

    host.restore();
    let url = host.issuer();
    let untrusted = issuer_here(&["verify", &url, "--token", &scene.token, "-o", "json"]).await;
    let told = the_failure(&untrusted, "discovery-fetch");
    assert!(told.contains("an authority that is not trusted"), "{told}");
    let slash = format!("{url}/");
    let args = ["verify", &slash, "--ca-file", host.ca_file(), "--token", &scene.token];
    let ran = issuer_here(&args).await.ended(1);
    assert!(ran.out.contains("only the first of them ends with a slash"), "{}", ran.out);
    let plain = url.replace("https", "http");
    let args = ["verify", &plain, "--ca-file", host.ca_file()];
    let ran = issuer_here(&args).await.ended(1);
    assert!(ran.out.contains("not an https URL"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn verifies_tokens_that_an_ecdsa_key_signed() {
    for signing in ["p256.sec1.pem", "p521.pkcs8.pem"] {
        let scene = Scene::start(Some(signing)).await;
        let good = scene.verify(&["--kubeconfig", scene.kubeconfig()]).await.ended(0).json();
        assert!(outcomes(&good).iter().all(|outcome| *outcome == "pass"), "{signing}: {good:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_what_is_wrong_with_a_server() {
    let authority = crate::support::Authority::new("issuer-host-tests").unwrap();
    let pair = authority.server(&["elsewhere.example"]).unwrap();
    let host = Host::serving_as(&authority, &pair).await;
    let url = host.issuer();
    let ran = issuer_here(&["verify", &url, "--ca-file", host.ca_file(), "-o", "json"]).await;
    let told = the_failure(&ran, "discovery-fetch");
    assert!(told.contains("is not valid") && told.contains("elsewhere.example"), "{told}");

    let port = crate::support::free_port().unwrap();
    let ran = issuer_here(&["verify", &format!("https://localhost:{port}"), "-o", "json"]).await;
    assert!(the_failure(&ran, "discovery-fetch").contains("no connection to localhost"));
    let ran = issuer_here(&["verify", "https://nowhere.invalid", "-o", "json"]).await;
    assert!(the_failure(&ran, "discovery-fetch").contains("nowhere.invalid does not resolve"));

    // Neither a length nor an end of TLS, as simple servers have it.
    let rude = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", rude.local_addr().unwrap().port());
    let tls = super::host::acceptor(&authority.server(&["localhost"]).unwrap());
    let answer = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tls.accept(rude.accept().await.unwrap().0).await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let moved = b"HTTP/1.0 302 Found\r\nLocation: https://elsewhere.example/x\r\n\r\n";
        stream.write_all(moved).await.unwrap();
        stream.flush().await.unwrap();
    });
    let ran = issuer_here(&["verify", &url, "--ca-file", host.ca_file(), "-o", "json"]).await;
    let told = the_failure(&ran, "discovery-fetch");
    assert!(told.contains("https://elsewhere.example/x"), "{told}");
    answer.await.unwrap();

    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", plain.local_addr().unwrap().port());
    let answer = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    });
    let ran = issuer_here(&["verify", &url, "-o", "json"]).await;
    assert!(the_failure(&ran, "discovery-fetch").contains("the TLS handshake with"));
    answer.await.unwrap();
}

/// Real servers with chains of each shape, and with each version of TLS.
#[tokio::test]
async fn names_the_certificate_that_iam_knows_the_server_by_and_tries_tls_1_2() {
    use rustls::version::{TLS12, TLS13};
    let root = Authority::new("root").unwrap();
    let top = root.intermediate("top").unwrap();
    let low = top.intermediate("low").unwrap();
    let by_low = low.server(&["localhost"]).unwrap();
    let by_root = root.server(&["localhost"]).unwrap();
    let both = [&TLS12, &TLS13];
    for (pair, sent, versions, thumbprint, also, tls12) in [
        (&by_low, vec![&low, &top], &both[..], "CN=top", None, "accepted"),
        (&by_low, vec![&low, &top, &root], &both[..], "CN=top", Some("CN=root"), "accepted"),
        (&by_root, vec![&root], &both[..], "CN=root", None, "accepted"),
        (&by_root, vec![], &both[..1], "CN=server", None, "accepted"),
        (&by_low, vec![&low, &top], &both[1..], "CN=top", None, "refused"),
    ] {
        let sent = sent.into_iter().map(Authority::pem);
        let certificate = [&*pair.certificate].into_iter().chain(sent).collect::<String>();
        let pair = Pair { certificate, key: pair.key.clone() };
        let host = Host::speaking(versions, &root, &pair).await;
        let (url, folder) = (host.issuer(), host.folder());
        let key = key("p256.spki.pem");
        let written = ["documents", "--issuer", &url, "--key", &key, "--out"];
        issuer_here(&[&written[..], &[folder.to_str().unwrap()]].concat()).await.ended(0);
        let args = ["verify", &url, "--ca-file", host.ca_file()];
        let told = issuer_here(&[&args[..], &["-o", "json"]].concat()).await.ended(0).json();
        assert_eq!(told["thumbprint"]["subject"], thumbprint, "{told:#}");
        assert_eq!(told["rootThumbprint"]["subject"].as_str(), also, "{told:#}");
        assert_eq!(told["tls12"]["outcome"], tls12, "{told:#}");
        assert_eq!(told["tls12"]["reason"].is_string(), tls12 == "refused", "{told:#}");
        let text = issuer_here(&args).await.ended(0).out;
        assert!(
            text.contains("IAM needs it, because the certificate is from your own CA"),
            "{text}"
        );
        assert!(also.is_none_or(|root| text.contains(&format!("{root}, the root"))), "{text}");
    }
}

#[tokio::test]
async fn what_can_not_be_said_is_no_failed_check() {
    let host = Host::start().await;
    let url = host.issuer();
    let token = host.write("token", "not.a.token");
    for (args, said, code) in [
        (vec!["verify", &url, "--token", &token], "token", 2),
        (vec!["verify", &url, "--token", "/nowhere/token"], "/nowhere/token", 2),
        (vec!["verify", &url, "--ca-file", &token], "token", 2),
        (vec!["verify", &url, "--kubeconfig", "/nowhere/kubeconfig"], "/nowhere/kubeconfig", 2),
        (vec!["verify"], "URL", 64),
    ] {
        let told = issuer_here(&args).await.ended(code).errors;
        assert!(told.contains(said), "{told}");
    }
}
