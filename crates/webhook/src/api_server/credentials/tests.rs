//! What plugins and files give, and what is said where they give nothing.

use serde_json::{Value, json};

use super::*;

fn plugin(script: &str) -> Value {
    json!({
        "apiVersion": VERSIONS[0], "command": "sh", "args": ["-c", script],
        "interactiveMode": "Never",
    })
}

async fn ran(exec: Value) -> Result<Obtained, String> {
    let exec = serde_json::from_value(exec).expect("an exec");
    let plugin = Plugin::new(exec).map_err(|error| error.to_string())?;
    plugin.run().await.map_err(|error| error.to_string())
}

async fn error_of(exec: Value) -> String {
    ran(exec).await.err().expect("an error")
}

fn printing(status: &Value) -> Value {
    let answer = json!({"kind": "ExecCredential", "apiVersion": VERSIONS[0], "status": status});
    plugin(&format!("printf %s '{answer}'; echo advice >&2"))
}

#[tokio::test]
async fn takes_what_a_plugin_prints() {
    let expires = "2030-01-01T00:00:00Z";
    let got = ran(printing(&json!({"token": "t\n", "expirationTimestamp": expires}))).await;
    let got = got.expect("a token");
    assert_eq!((got.token.as_deref(), got.certificate), (Some("t\n"), None));
    assert_eq!(got.expires.map(|at| at.to_string()).as_deref(), Some(expires));
    let pair = json!({"clientCertificateData": "c", "clientKeyData": "k"});
    let got = ran(printing(&pair)).await.expect("a certificate");
    assert_eq!(got.certificate, Some(("c".to_owned(), "k".to_owned())));
    // It is told what it is for, and what the kubeconfig sets.
    let answer = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"'$A'"}}"#;
    let mut exec = plugin(&format!(
        "case \"$KUBERNETES_EXEC_INFO\" in *interactive*false*) echo '{answer}';; esac"
    ));
    exec["env"] = json!([{"name": "A", "value": "of-env"}]);
    assert_eq!(ran(exec).await.expect("a token").token.as_deref(), Some("of-env"));
}

#[tokio::test]
async fn says_why_a_plugin_gave_nothing() {
    let mut missing = plugin("");
    missing["command"] = json!("no-such-plugin");
    assert_eq!(
        error_of(missing.clone()).await,
        "failed to run the credential plugin no-such-plugin: No such file or directory (os error 2); install it, or correct the PATH"
    );
    missing["installHint"] = json!("run:\n  brew install it\u{1b}[2J");
    let error = error_of(missing).await;
    assert!(error.ends_with("; run: brew install it\\u{1b}[2J"), "{error}");
    assert_eq!(
        error_of(plugin("printf 'first\\n\\033[2Jlast\\n' >&2; exit 3")).await,
        "the credential plugin sh ended with exit code 3: first \\u{1b}[2Jlast; run it in a shell, or log in again"
    );
    let error = error_of(plugin("kill -9 $$")).await;
    assert!(error.contains("sh was ended by signal 9;"), "{error}");
    // All that it prints is read, and the end of it shown.
    let error =
        error_of(plugin("yes | head -c 3000000 >&2; yes | head -c 3000000; echo LAST >&2; exit 1"))
            .await;
    assert!(error.len() < 700 && error.contains(": ... ") && error.contains("y LAST;"), "{error}");
    for (printed, says) in [
        ("", "it printed nothing"),
        ("SECRET {", "not an ExecCredential"),
        (r#"{"kind":"Other"}"#, "kind"),
        (
            r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1"}"#,
            "its apiVersion is v1beta1, and the kubeconfig has v1",
        ),
        (
            r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1"}"#,
            "no status",
        ),
    ] {
        let error = error_of(plugin(&format!("printf %s '{printed}'"))).await;
        assert!(error.contains(says) && !error.contains("SECRET"), "{error}");
    }
    for (status, says) in [
        (json!({}), "no token and no certificate"),
        (json!({"clientKeyData": "SECRET"}), "not both"),
        (json!({"token": "SECRET", "expirationTimestamp": "soon"}), "not a time"),
    ] {
        let error = error_of(printing(&status)).await;
        assert!(error.contains(says) && !error.contains("SECRET"), "{error}");
    }
    for (member, value, says) in [
        ("apiVersion", json!("client.authentication.k8s.io/v1alpha1"), "v1alpha1"),
        ("apiVersion", json!(null), "apiVersion \"\""),
        ("command", json!(""), "without command"),
    ] {
        let mut exec = plugin("");
        exec[member] = value;
        let error = error_of(exec).await;
        assert!(error.contains(says), "{error}");
    }
}

/// The clock stands still, and jumps to the deadline as soon as all wait.
#[tokio::test(start_paused = true)]
async fn gives_up_on_a_plugin_that_hangs_and_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (begun, ended) = (folder.path().join("begun"), folder.path().join("ended"));
    let script = format!(": > {}; sleep 60; : > {}", begun.display(), ended.display());
    let error = error_of(plugin(&script)).await;
    assert_eq!(
        error,
        "the credential plugin sh did not end within 60s; run it in a shell to see what it waits for"
    );
    assert!(!ended.exists());
}

#[tokio::test]
async fn asks_a_plugin_again_before_its_token_expires() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = folder.path().join("count");
    std::fs::write(&count, "").expect("a file");
    let answer = |in_seconds: i64| {
        let at = Timestamp::now() + SignedDuration::from_secs(in_seconds);
        format!(
            r#"{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{{"token":"'$(wc -c <{0} | tr -d " ")'","expirationTimestamp":"{at}"}}}}"#,
            count.display()
        )
    };
    for (in_seconds, wanted) in [(30, "Bearer 2"), (3_600, "Bearer 1")] {
        std::fs::write(&count, "").expect("a file");
        let script = format!("printf x >>{}; printf %s '{}'", count.display(), answer(in_seconds));
        let exec = serde_json::from_value(plugin(&script)).expect("an exec");
        let plugin = Plugin::new(exec).expect("a plugin");
        let obtained = plugin.run().await.expect("a token");
        let source = TokenSource::of_plugin(plugin, &obtained).expect("good").expect("a token");
        assert_eq!(source.header().await.expect("a token"), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn reads_a_token_file_again_and_keeps_the_last_where_it_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    for bad in ["", " \n", "a\nb"] {
        std::fs::write(&path, bad).expect("a file");
        let error = TokenSource::of_file(path.clone()).await.expect_err("no token");
        assert!(error.to_string().contains("token"), "{error}");
    }
    // As `echo` writes it.
    std::fs::write(&path, "first\n").expect("a file");
    let source = TokenSource::of_file(path.clone()).await.expect("a token");
    std::fs::write(&path, "second\n").expect("a file");
    assert_eq!(source.header().await.expect("a token"), "Bearer first");
    tokio::time::advance(FILE_AGE).await;
    assert_eq!(source.header().await.expect("a token"), "Bearer second");
    std::fs::remove_file(&path).expect("gone");
    tokio::time::advance(FILE_AGE).await;
    assert_eq!(source.header().await.expect("a token"), "Bearer second");
    let error = TokenSource::of_file(path).await.expect_err("no token").to_string();
    assert!(error.contains("failed to read tokenFile"), "{error}");
}

#[test]
fn takes_no_token_that_is_no_header() {
    assert!(TokenSource::given("a\nb").is_err());
    assert!(TokenSource::given("a\n").is_ok());
}
