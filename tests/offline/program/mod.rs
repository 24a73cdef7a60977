//! The program without a cluster: its command lines, its answers to what is not a review, and its files.

mod arguments;
mod completion;
mod exit_status;
mod help;
mod hostile_text;
mod input;
mod kubeconfig;
mod listing_api_server;
mod output;
mod recording_api_server;
mod role_names;
mod shell_lines;
mod silent_api_server;

use crate::support::{
    ACCOUNTS, Reply, SOON, Scratch, Webhook, eventually, from_file, pod, post, review,
};
use axum::body::Bytes;
use axum::http::Request;
use serde_json::{Value, json};

async fn answer(webhook: &Webhook, request: Request<Bytes>) -> Reply {
    let reply = webhook.send(request).await;
    reply.unwrap_or_else(|error| panic!("no answer: {error:#}"))
}

fn review_of(pod: &Value) -> String {
    review("demo", pod).to_string()
}

#[tokio::test]
async fn mutates_a_pod_of_a_service_account_in_a_file() {
    let (webhook, _folder) = from_file(&[]).await;
    let reply = answer(&webhook, post("/mutate", review_of(&pod("app", "app")))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let response = reply.json().unwrap()["response"].take();
    assert_eq!(response["auditAnnotations"]["outcome"], "mutated");
    let metrics = webhook.metrics().await;
    let counted = r#"pod_identity_admissions_total{endpoint="mutate",outcome="mutated"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert!(metrics.contains(r#"pod_identity_webhook_pod_count{method="sts_web_identity"} 1"#));
    let line = webhook.logged("the admission", |line| line["outcome"] == "mutated").await;
    assert_eq!(line["namespace"], "demo");
    assert_eq!(line["service_account"], "demo/app");
}

#[tokio::test]
async fn follows_the_file_of_service_accounts() {
    let (webhook, folder) = from_file(&[]).await;
    folder.write("accounts.yaml", ACCOUNTS.replace("role/app", "role/other")).unwrap();
    eventually("the other role", SOON, || async {
        let reply = webhook.send(post("/mutate", review_of(&pod("app", "app")))).await?;
        let patch = reply.json()?["response"]["patch"].as_str().unwrap_or_default().to_owned();
        let patch = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, patch)?;
        anyhow::ensure!(String::from_utf8(patch)?.contains("role/other"), "the old role");
        Ok(())
    })
    .await;
    // A bad file keeps the last good one, and is told.
    folder.write("accounts.yaml", "kind: [").unwrap();
    webhook.logged("a report", |line| line.to_string().contains("accounts.yaml")).await;
    let reply = answer(&webhook, post("/mutate", review_of(&pod("app", "app")))).await;
    assert_eq!(reply.json().unwrap()["response"]["auditAnnotations"]["outcome"], "mutated");
}

#[tokio::test]
async fn answers_bad_input_with_an_http_error_and_one_line() {
    let (webhook, _folder) = from_file(&["--max-request-bytes=100000"]).await;
    let json = |body: &str| post("/mutate", body.to_owned());
    let other = |method: &str, path: &str, content_type: &str| {
        let request = Request::builder().method(method).uri(path);
        request.header("content-type", content_type).body(Bytes::from("{}")).unwrap()
    };
    let unreadable = review_of(&json!({"metadata": {}, "spec": {"containers": "none"}}));
    let no_request = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#;
    for (request, status) in [
        (json(""), 400),
        (json("not JSON"), 400),
        (json("{"), 400),
        (json("[]"), 400),
        (json(&"[".repeat(50_000)), 400),
        (json("\u{0}"), 400),
        (json(no_request), 400),
        (json(&unreadable), 400),
        (other("POST", "/mutate", "text/plain"), 415),
        (other("POST", "/mutate", "application/yaml"), 415),
        (other("GET", "/mutate", "application/json"), 405),
        (other("PUT", "/mutate/required", "application/json"), 405),
        (other("POST", "/", "application/json"), 404),
        (other("POST", "/mutate/", "application/json"), 404),
        (other("GET", "/debug/alpha/deny", "application/json"), 404),
        (json(&" ".repeat(100_001)), 413),
    ] {
        let what = format!("{} {}", request.method(), request.uri());
        let reply = answer(&webhook, request).await;
        assert_eq!(reply.status.as_u16(), status, "{what}: {}", reply.text());
        assert_eq!(reply.text().trim_end().lines().count(), 1, "{what}: {}", reply.text());
        let allowed = reply.headers.get("allow").map(|value| value.to_str().unwrap());
        assert_eq!(allowed, (status == 405).then_some("POST"), "{what}");
    }
    // It lives, and answers.
    let reply = answer(&webhook, post("/mutate", review_of(&pod("app", "app")))).await;
    assert_eq!(reply.status, 200);
    let metrics = webhook.metrics().await;
    let counted = r#"pod_identity_admissions_total{endpoint="mutate",outcome="bad-request"} "#;
    let line = metrics.lines().find(|line| line.starts_with(counted)).expect(counted);
    assert!(!line.ends_with(" 0"), "{line}");
    assert!(webhook.log().iter().all(|line| !line.contains("panicked")));
}

#[tokio::test]
async fn answers_a_pod_that_would_need_too_large_a_patch_with_an_http_error() {
    let (webhook, _folder) = from_file(&[]).await;
    let containers: Vec<_> = (0..30_000).map(|n| json!({"name": n.to_string()})).collect();
    let mut large = pod("app", "app");
    large["spec"]["containers"] = containers.into();
    for (path, endpoint) in [("/mutate", "mutate"), ("/mutate/required", "required")] {
        let reply = answer(&webhook, post(path, review_of(&large))).await;
        assert_eq!(reply.status.as_u16(), 422, "{path}: {}", reply.text());
        assert!(reply.text().contains("2097152 bytes"), "{}", reply.text());
        let metrics = webhook.metrics().await;
        let counted = format!(
            r#"pod_identity_admissions_total{{endpoint="{endpoint}",outcome="patch-too-large"}} 1"#
        );
        assert!(metrics.contains(&counted), "{metrics}");
        let is_it =
            |line: &Value| line["outcome"] == "patch-too-large" && line["endpoint"] == endpoint;
        let line = webhook.logged("the admission", is_it).await;
        assert_eq!(
            (&line["level"], &line["service_account"]),
            (&json!("WARN"), &json!("demo/app"))
        );
    }
}

#[tokio::test]
async fn logs_a_little_of_a_pod_with_much_to_report() {
    let (webhook, _folder) = from_file(&[]).await;
    let own = json!([{"name": "AWS_ACCESS_KEY_ID", "value": "x"}]);
    let container = |n: usize| json!({"name": n.to_string(), "env": own});
    let mut large = pod("app", "app");
    large["metadata"] = json!({"name": "x".repeat(100_000)});
    large["spec"]["containers"] = (0..3_000).map(container).collect();
    let reply = answer(&webhook, post("/mutate", review_of(&large))).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let response = reply.json().unwrap()["response"].take();
    let warnings = response["warnings"].as_array().unwrap();
    assert!(warnings.len() == 5 && warnings[4].as_str().unwrap().starts_with("and 2996 more"));
    let line = webhook.logged("the admission", |line| line["outcome"] == "mutated").await;
    assert!(line.to_string().len() < 5_000, "{line}");
    let metrics = webhook.metrics().await;
    let counted = r#"kind="own-credentials"} 3000"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn logs_some_of_many_bad_requests_counts_all_and_keeps_the_line_of_every_admission() {
    const EACH: usize = 300;
    let begun = std::time::Instant::now();
    let (webhook, _folder) = from_file(&[]).await;
    for _ in 0..EACH {
        let reply = answer(&webhook, post("/mutate", "not JSON".to_owned())).await;
        assert_eq!(reply.status, 400);
        let reply = answer(&webhook, post("/mutate", review_of(&pod("app", "app")))).await;
        assert_eq!(reply.status, 200);
    }
    // Each second brings one more line, and with it the count of those without one.
    eventually("a line with a count", SOON, || async {
        answer(&webhook, post("/mutate", "[]".to_owned())).await;
        let counted = webhook.log().iter().any(|line| line.contains("\"unlogged\":"));
        anyhow::ensure!(counted, "no such line");
        Ok(())
    })
    .await;
    let log = webhook.log();
    let of = |outcome: &str| log.iter().filter(|line| line.contains(outcome)).count();
    assert_eq!(of("\"mutated\""), EACH);
    let most = 11 + usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!(of("\"bad-request\"") <= most, "{} lines", of("\"bad-request\""));
    let metrics = webhook.metrics().await;
    let value = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().parse::<usize>().unwrap()
    };
    let counted =
        value(r#"pod_identity_admissions_total{endpoint="mutate",outcome="bad-request"}"#);
    let unlogged = value("pod_identity_bad_requests_unlogged_total");
    assert!(counted > EACH);
    // A line is written before it is read here.
    eventually("every bad request logged or counted", SOON, || async {
        let log = webhook.log();
        let logged = log.iter().filter(|line| line.contains("\"bad-request\"")).count();
        anyhow::ensure!(unlogged + logged == counted, "{unlogged} + {logged} of {counted}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn takes_a_content_type_with_a_charset_and_a_large_body() {
    let (webhook, _folder) = from_file(&[]).await;
    let mut big = pod("app", "app");
    big["metadata"]["annotations"] = json!({"note": "x".repeat(4 << 20)});
    let mut request = post("/mutate", review_of(&big));
    let charset = "application/json; charset=utf-8".parse().unwrap();
    request.headers_mut().insert("content-type", charset);
    let reply = answer(&webhook, request).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
}

#[tokio::test]
async fn refuses_what_is_required_and_nothing_else() {
    let (webhook, _folder) = from_file(&[]).await;
    let mut mirror = pod("app", "default");
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    let mut binding = review("demo", &json!({}));
    binding["request"]["kind"] = json!({"group": "", "version": "v1", "kind": "Binding"});
    binding["request"]["subResource"] = "binding".into();
    for (body, allowed) in [
        (review_of(&pod("app", "app")), true),
        (review_of(&pod("app", "default")), false),
        (review_of(&mirror), true),
        (binding.to_string(), true),
    ] {
        let reply = answer(&webhook, post("/mutate/required", body.clone())).await;
        let response = reply.json().unwrap()["response"].take();
        assert_eq!(response["allowed"], allowed, "{body} got {response}");
        if !allowed {
            let is_it = |line: &Value| line["refused"] == true && line["level"] == "WARN";
            let line = webhook.logged("the refusal, as a warning", is_it).await;
            assert!(line["reason"].as_str().unwrap().contains("has no role"), "{line}");
        }
        // The other door never denies.
        let reply = answer(&webhook, post("/mutate", body)).await;
        assert_eq!(reply.json().unwrap()["response"]["allowed"], true);
    }
}

#[tokio::test]
async fn tells_of_an_admission_whose_client_left() {
    // In place of an API server that hangs, which a real one can't be made to do.
    let hung = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("--kube-api=http://{}", hung.local_addr().unwrap());
    let patience = "--service-account-lookup-timeout=1m";
    let webhook = Webhook::builder().args([url.as_str(), patience]).start().await;
    // The first connection is the watch's, the second shows that the lookup has begun.
    let _watch = hung.accept().await.unwrap();
    let asking = webhook.send(post("/mutate", review_of(&pod("app", "app"))));
    // It is kept: closed, it would answer the lookup before the client has left.
    let _lookup = tokio::select! {
        _ = asking => panic!("answered without an API server"),
        lookup = hung.accept() => lookup.unwrap(),
    };
    let line = webhook.logged("the admission", |line| line["outcome"] == "lookup-failed").await;
    assert!(line["reason"].as_str().unwrap().contains("the client left"), "{line}");
    assert_eq!(line["service_account"], "demo/app");
    let metrics = webhook.metrics().await;
    let counted = r#"pod_identity_admissions_total{endpoint="mutate",outcome="lookup-failed"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn takes_no_name_that_would_lead_elsewhere_at_the_api_server() {
    let (webhook, _folder) = from_file(&[]).await;
    for name in ["app?watch=1", "app/token", "../app", "App", "a\nb", &"a".repeat(254)] {
        let reply = answer(&webhook, post("/mutate", review_of(&pod("app", name)))).await;
        assert_eq!(reply.status, 400, "{name}: {}", reply.text());
        assert_eq!(reply.text().trim_end().lines().count(), 1, "{name}");
    }
}

#[tokio::test]
async fn is_alive_on_both_ports_and_ready_on_the_admin_port() {
    let (webhook, _folder) = from_file(&[]).await;
    let health = Request::get("/healthz").body(Bytes::new()).unwrap();
    assert_eq!(answer(&webhook, health).await.status, 200);
    for path in ["/healthz", "/livez", "/readyz", "/metrics"] {
        assert_eq!(webhook.get_admin(path).await.unwrap().status, 200, "{path}");
    }
    assert_eq!(webhook.get_admin("/debug/alpha/cache").await.unwrap().status, 404);
    assert!(webhook.stop().await.success());
}

#[tokio::test]
async fn shows_its_memory_where_debugging_handlers_are_asked_for() {
    let (webhook, _folder) = from_file(&["--enable-debugging-handlers"]).await;
    let cache = webhook.get_admin("/debug/alpha/cache").await.unwrap();
    assert!(cache.text().contains("arn:aws:iam::111122223333:role/app"), "{}", cache.text());
    for path in ["/debug/alpha/deny", "/debug/alpha/500", "/debug/alpha/cache/clear"] {
        assert_eq!(webhook.get_admin(path).await.unwrap().status, 404, "{path}");
    }
}

#[tokio::test]
async fn takes_a_flag_from_the_environment() {
    let folder = Scratch::new().unwrap();
    let file = folder.write("accounts.yaml", ACCOUNTS).unwrap();
    let builder = Webhook::builder().env("PODID_SERVICE_ACCOUNTS", file.as_os_str());
    let webhook = builder.env("PODID_AWS_DEFAULT_REGION", "eu-west-1").start().await;
    webhook.ready().await;
    let reply = answer(&webhook, post("/mutate", review_of(&pod("app", "app")))).await;
    let patch = reply.json().unwrap()["response"]["patch"].as_str().unwrap().to_owned();
    let patch = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, patch).unwrap();
    assert!(String::from_utf8(patch).unwrap().contains("eu-west-1"));
}

#[tokio::test]
async fn names_the_flag_where_it_cannot_start() {
    let folder = Scratch::new().unwrap();
    let bad = folder.write("bad.yaml", "kind: [").unwrap();
    let good = folder.write("good.yaml", ACCOUNTS).unwrap();
    let from = |file: &std::path::Path| format!("--service-accounts={}", file.display());
    for (args, says) in [
        (vec![from(&bad)], "bad.yaml"),
        (vec![from(&folder.path().join("missing.yaml"))], "missing.yaml"),
        (vec![from(&good), "--tls-cert=/nowhere/tls.crt".to_owned()], "/nowhere/tls.crt"),
        (vec![from(&good), "--token-expiration=soon".to_owned()], "--token-expiration"),
        (vec![from(&good), "--tls-cipher-suites=NONE".to_owned()], "--tls-cipher-suites"),
        (vec![from(&good), "--no-such-flag".to_owned()], "--no-such-flag"),
    ] {
        let error = Webhook::builder().args(args).try_start().await;
        let error = format!("{:#}", error.err().unwrap_or_else(|| panic!("{says}: it started")));
        assert!(error.contains(says), "{says}: {error}");
        assert!(!error.contains("panicked"), "{error}");
    }
}

#[tokio::test]
async fn loads_nothing_that_is_not_there() {
    let (webhook, _folder) = from_file(&["--watch-config-map"]).await;
    let log = webhook.log();
    assert!(log.iter().any(|line| line.contains("loaded ServiceAccounts")), "{log:?}");
    assert!(!log.iter().any(|line| line.contains("loaded ConfigMap")), "{log:?}");
}
