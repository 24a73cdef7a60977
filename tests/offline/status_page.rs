//! The status page of the running program, and every page there can be in a headless Chromium.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{Method, Request, StatusCode};
use axum::routing::get;
use serde_json::json;

use crate::support::{Scratch, Webhook, accounts, from_file, pod, post, review, send};

/// A text that acts on a page that takes it for HTML.
const HOSTILE: &str = "</td><script>alert(1)</script><img src=x onerror=alert(1)>&\"'\u{202e}";

/// A pod whose annotation has a value that nobody can read, which is a warning with its text.
fn hostile_pod() -> serde_json::Value {
    let mut pod = pod(HOSTILE, "app");
    pod["metadata"]["annotations"] = json!({ "eks.amazonaws.com/token-expiration": HOSTILE });
    pod
}

async fn with_warnings(args: &[&str]) -> (Webhook, Scratch) {
    let (webhook, folder) = from_file(args).await;
    for body in
        [review("demo", &hostile_pod()), review("demo", &pod("app", "app")), json!("no review")]
    {
        webhook.send(post("/mutate", body.to_string())).await.unwrap();
    }
    (webhook, folder)
}

#[tokio::test]
async fn shows_what_happened_with_names_only_where_they_are_asked_for() {
    for (args, names) in [(&[][..], false), (&["--enable-debugging-handlers"], true)] {
        let (webhook, _folder) = with_warnings(args).await;
        let page = webhook.get_admin("/").await.unwrap();
        assert_eq!(page.status, StatusCode::OK);
        let page = page.text();
        for shown in [
            "<title>Ready – ",
            "unreadable-value",
            "bad-request",
            "<strong>3 admissions</strong>, 1 failed",
            "not watched: they come from files",
            env!("CARGO_PKG_VERSION"),
        ] {
            assert!(page.contains(shown), "no {shown} in {page}");
        }
        assert_eq!(page.contains("&lt;script&gt;alert(1)"), names, "{page}");
        assert_eq!(page.contains("demo/app"), names, "{page}");
        assert!(!page.contains("<script"), "{page}");
    }
}

#[tokio::test]
async fn says_which_replica_it_is_by_the_name_of_its_pod_where_that_is_told() {
    let (folder, from) = accounts();
    let builder = Webhook::builder().arg(from);
    let webhook = builder.env("POD_NAME", "webhook-5d8c9b7f4d-x2x7q").start().await;
    webhook.ready().await;
    let page = webhook.get_admin("/").await.unwrap().text();
    for shown in ["Pod <code>webhook-5d8c9b7f4d-x2x7q</code>", "webhook-5d8c9b7f4d-x2x7q</title>"] {
        assert!(page.contains(shown), "no {shown} in {page}");
    }
    drop((webhook, folder));
    let (webhook, _folder) = from_file(&[]).await;
    assert!(webhook.get_admin("/").await.unwrap().text().contains("Host <code>"));
}

#[tokio::test]
async fn answers_head_and_nothing_that_changes_anything() {
    let (webhook, _folder) = from_file(&[]).await;
    let page = webhook.get_admin("/").await.unwrap();
    for (method, status) in [
        (Method::HEAD, StatusCode::OK),
        (Method::POST, StatusCode::METHOD_NOT_ALLOWED),
        (Method::DELETE, StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let request = Request::builder().method(&method).uri("/").body(Bytes::new()).unwrap();
        let reply = send(webhook.admin(), request).await.unwrap();
        assert_eq!(reply.status, status, "{method}");
        if status == StatusCode::OK {
            let policy = reply.headers.get(CONTENT_SECURITY_POLICY);
            assert_eq!(policy, page.headers.get(CONTENT_SECURITY_POLICY));
            assert!(reply.body.is_empty());
        }
    }
}

/// The Python that has Playwright; none where this machine has no Chromium, which
/// `scripts/setup test` installs.
#[allow(clippy::print_stderr, reason = "a test that is left out says so")]
fn python() -> Option<PathBuf> {
    let chromium = std::env::var_os("CHROMIUM").unwrap_or_else(|| "chromium".into());
    if Command::new(&chromium).arg("--version").output().is_err() {
        eprintln!("chromium is not installed: the status page is not looked at in a browser");
        return None;
    }
    let script = tools().join("install.sh");
    let output = Command::new(&script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{} failed: see above", script.display());
    Some(PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end()))
}

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/browser")
}

/// Serves the pages of the golden files of `crates/status_page`, whose style they leave out.
fn golden_pages() -> (Router, Vec<String>) {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/status_page");
    let style = fs::read_to_string(package.join("src/page/style.css")).unwrap();
    let (mut router, mut paths) = (Router::new(), Vec::new());
    for entry in fs::read_dir(package.join("tests/golden")).unwrap() {
        let file = entry.unwrap().path();
        let page = fs::read_to_string(&file).unwrap().replace("/* style.css */", &style);
        let path = format!("/{}", file.file_stem().unwrap().to_str().unwrap());
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
            (CONTENT_SECURITY_POLICY, status_page::content_security_policy()),
        ];
        router = router.route(&path, get(async move || (headers, page)));
        paths.push(path);
    }
    (router, paths)
}

/// In light and dark, on a desktop and a phone, with and without scripts: axe-core finds nothing,
/// all of it fits, the keyboard reaches every link, no text acts, nothing is asked of anybody, and
/// the policy keeps an intruder from acting.
#[tokio::test]
async fn people_can_use_it_and_no_text_in_it_acts() {
    let Some(python) = python() else { return };
    let (webhook, _folder) = with_warnings(&["--enable-debugging-handlers"]).await;
    let (router, paths) = golden_pages();
    assert!(paths.len() >= 5, "{paths:?}");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut urls = vec![format!("http://{}/", webhook.admin())];
    urls.extend(paths.iter().map(|path| format!("http://{address}{path}")));
    let mut check = tokio::process::Command::new(python);
    check.arg(tools().join("check.py")).args(&urls).kill_on_drop(true);
    let output = check.output().await.unwrap();
    serving.abort();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}
