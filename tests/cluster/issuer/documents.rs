//! `issuer documents` beside what API servers publish.

use serde_json::{Value, json};

use super::{issuer, issuer_here, key};
use crate::support::{ControlPlane, Options, Scratch, control_plane};

const ISSUER: &str = "https://keys.s3.eu-west-1.amazonaws.com/cluster";

/// The documents in a folder: discovery, JWKS.
fn written(folder: &std::path::Path) -> (String, String) {
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap();
    (read(".well-known/openid-configuration"), read("openid/v1/jwks"))
}

async fn published(control_plane: &ControlPlane) -> (String, String) {
    let discovery = control_plane.get_text("/.well-known/openid-configuration").await.unwrap();
    (discovery, control_plane.get_text("/openid/v1/jwks").await.unwrap())
}

/// An API server with keys of each kind, one signing.
async fn with_keys(signing: &str) -> ControlPlane {
    let mut args = vec![
        format!("--service-account-signing-key-file={}", key(signing)),
        format!("--service-account-jwks-uri={ISSUER}/openid/v1/jwks"),
    ];
    // Without a key of the harness's own.
    let keys = ["rsa.certificate.pem", "p256.spki.pem", "p384.sec1.pem", "p521.sec1.pem"];
    args.extend(keys.map(|name| format!("--service-account-key-file={}", key(name))));
    ControlPlane::start(Options {
        issuer: ISSUER.to_owned(),
        api_server_args: args,
        ..Options::default()
    })
    .await
}

#[tokio::test]
async fn the_documents_are_those_of_the_api_server_byte_by_byte() {
    let control_plane = with_keys("p384.pkcs8.pem").await;
    let (discovery, jwks) = published(&control_plane).await;
    let all: Value = serde_json::from_str(&jwks).unwrap();
    assert_eq!(all["keys"].as_array().unwrap().len(), 4);

    // From files, each key in another form than the API server has it.
    let scratch = Scratch::new().unwrap();
    let out = scratch.path().join("from-files");
    let out = out.to_str().unwrap();
    let mut args = vec!["documents", "--issuer", ISSUER, "--out", out];
    let keys = ["rsa.pkcs1.pem", "p256.sec1.pem", "p384.spki.pem", "p521.pkcs8.pem"].map(key);
    args.extend(keys.iter().flat_map(|key| ["--key", key.as_str()]));
    issuer(&args).ended(0);
    assert_eq!(written(out.as_ref()), (discovery.clone(), jwks.clone()));

    // And from the API server itself.
    let out = scratch.path().join("from-cluster");
    let out = out.to_str().unwrap();
    let kubeconfig = control_plane.kubeconfig().to_str().unwrap();
    let args = ["documents", "--from-cluster", "--kubeconfig", kubeconfig, "--out", out];
    let told = issuer_here(&[&args[..], &["--output", "json"]].concat()).await.ended(0).json();
    assert_eq!(written(out.as_ref()), (discovery, jwks));
    assert_eq!(told["bucket"], "keys");
    assert_eq!(
        told["bucketPolicy"]["Statement"][0]["Resource"],
        json!([
            "arn:aws:s3:::keys/cluster/openid/v1/jwks",
            "arn:aws:s3:::keys/cluster/.well-known/openid-configuration",
        ])
    );
    let kids: Vec<_> = all["keys"].as_array().unwrap().iter().map(|key| &key["kid"]).collect();
    assert_eq!(told["keys"], json!(kids));
}

#[tokio::test]
async fn says_when_the_clusters_tokens_are_of_another_issuer() {
    let control_plane = control_plane().await;
    let scratch = Scratch::new().unwrap();
    let out = scratch.path().join("out");
    let kubeconfig = control_plane.kubeconfig().to_str().unwrap();
    let args = ["documents", "--from-cluster", "--kubeconfig", kubeconfig, "--issuer", ISSUER];
    let args = [&args[..], &["--out", out.to_str().unwrap()]].concat();
    let told = issuer_here(&args).await.ended(0).errors;
    assert!(told.contains(control_plane.issuer()), "{told}");
}

#[test]
fn a_published_key_is_never_dropped_in_silence() {
    let scratch = Scratch::new().unwrap();
    let out = scratch.path().join("out");
    let out = out.to_str().unwrap();
    let base = ["documents", "--issuer", ISSUER, "--out", out];
    let (rsa, p256) = (key("rsa.spki.pem"), key("p256.spki.pem"));
    let both = [&base[..], &["--key", &rsa, "--key", &p256]].concat();
    let one = [&base[..], &["--key", &p256]].concat();

    issuer(&one).ended(0);
    issuer(&both).ended(0);
    let before = written(out.as_ref());
    let again = issuer(&both).ended(0).errors;
    assert_eq!(again.matches("unchanged").count(), 2, "{again}");

    let refused = issuer(&one).ended(1).errors;
    assert!(refused.contains("l0z9E6mFE24CpC5h0TBpicSB1T9oxHWsLF2WeRQxFnI"), "{refused}");
    assert_eq!(written(out.as_ref()), before);
    let forced = issuer(&[&one[..], &["--force"]].concat()).ended(0).errors;
    assert!(forced.contains("warning: the key l0z9E6mFE24CpC5h0TBpicSB1T9oxHWsLF2WeRQxFnI"));
    assert_ne!(written(out.as_ref()), before);
}

#[test]
fn documents_of_another_issuer_are_not_replaced() {
    let scratch = Scratch::new().unwrap();
    let out = scratch.path().join("out");
    let key = key("rsa.spki.pem");
    let write = |issuer_url: &str, more: &[&str]| {
        let args = ["documents", "--issuer", issuer_url, "--key", &key, "--out"];
        issuer(&[&args[..], &[out.to_str().unwrap()], more].concat())
    };
    write(ISSUER, &[]).ended(0);
    let refused = write("https://other.example", &[]).ended(1).errors;
    assert!(refused.contains(ISSUER), "{refused}");
    write("https://other.example", &["--force"]).ended(0);
    std::fs::write(out.join("openid/v1/jwks"), "<html>").unwrap();
    let told = write("https://other.example", &[]).ended(2).errors;
    assert!(told.contains("can't be read") && told.contains("line 1 column 1"), "{told}");
}

#[test]
fn input_that_can_not_be_read_is_named_with_its_place() {
    let scratch = Scratch::new().unwrap();
    let out = scratch.path().join("out");
    let cut = std::fs::read_to_string(key("rsa.pkcs8.pem")).unwrap();
    let cut = format!("# the cluster's key\n\n{}", &cut[..cut.len() - 40]);
    let cut = scratch.write("cut.pem", cut).unwrap().display().to_string();
    let good = key("rsa.spki.pem");
    for (url, key, said) in [
        (ISSUER, cut.as_str(), "cut.pem: line 3: the block has no matching -----END"),
        (ISSUER, &super::key("rsa1024.spki.pem"), "line 1: the RSA key has 1024 bits"),
        (ISSUER, "nowhere.pem", "nowhere.pem"),
        ("http://keys.example", &good, "not an https URL"),
        ("https://keys.example/", &good, "ends with a slash"),
        ("https://keys.example?x", &good, "query"),
    ] {
        let args = ["documents", "--issuer", url, "--key", key, "--out", out.to_str().unwrap()];
        let code = if url == ISSUER { 2 } else { 64 };
        let told = issuer(&args).ended(code).errors;
        assert!(told.contains(said), "{told}");
        assert!(!out.exists());
    }
    for bad in ["/keys.json", "../keys", "a//b", "a b", ".well-known/openid-configuration"] {
        let args = ["documents", "--issuer", ISSUER, "--key", &good, "--jwks-path", bad];
        issuer(&[&args[..], &["--out", out.to_str().unwrap()]].concat()).ended(64);
    }
}

#[test]
fn prints_commands_for_each_way_of_hosting() {
    let scratch = Scratch::new().unwrap();
    let out = scratch.path().join("out");
    let key = key("rsa.pkcs1.pub.pem");
    let arn = "arn:aws:cloudfront::111122223333:distribution/E1";
    for (hosting, said, unsaid) in [
        ("s3", "BlockPublicPolicy=false", "SourceArn"),
        ("cloudfront", arn, "put-public-access-block"),
        ("static", "Content-Type: application/json", "aws "),
    ] {
        let args = ["documents", "--issuer", "https://d1.example/one", "--key", &key];
        let more = ["--hosting", hosting, "--distribution", arn, "--out", out.to_str().unwrap()];
        let ran = issuer(&[&args[..], &more].concat()).ended(0);
        assert!(ran.out.contains(said) && !ran.out.contains(unsaid), "{}", ran.out);
        assert!(ran.out.contains("issuer verify https://d1.example/one"), "{}", ran.out);
        assert!(!ran.out.to_lowercase().contains("acl ") && !ran.out.contains("--acl"));
        // The API server would skip a key in this form.
        assert!(
            ran.errors.contains("rsa.pkcs1.pub.pem:1: kube-apiserver does not read"),
            "{}",
            ran.errors
        );
    }
}
