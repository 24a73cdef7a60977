//! Over a stand-in API server, where the real one can't be made to behave like
//! that, or not quickly.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use futures::StreamExt as _;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

/// What the stand-in answers: the status, the lines, and whether more
/// could follow, as in a watch.
struct Answer(u16, Vec<Value>, bool);

type Asked = Arc<Mutex<Vec<String>>>;
type Counter = Arc<std::sync::atomic::AtomicUsize>;

/// A client whose requests `answer` answers by path and query, and the
/// requests that were sent. Without an answer, they hang.
fn client(answer: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static) -> (Client, Asked) {
    let asked = Asked::default();
    let (answer, asking) = (Arc::new(answer), Arc::clone(&asked));
    let service = tower::service_fn(move |request: Request<Body>| {
        let uri = request.uri().to_string();
        let answer = answer(&uri);
        asking.lock().expect("no panic").push(uri);
        async move {
            match answer {
                Some(answer) => Ok::<_, Infallible>(answer.response()),
                None => std::future::pending().await,
            }
        }
    });
    (Client::new(service, "default"), asked)
}

impl Answer {
    fn response(self) -> Response<BoxBody<Bytes, Infallible>> {
        let Self(status, lines, stays) = self;
        let frames = lines.into_iter().map(|line| Ok(Frame::data(format!("{line}\n").into())));
        let open = futures::stream::iter(0..i32::from(stays)).then(|_| std::future::pending());
        let body = StreamBody::new(futures::stream::iter(frames).chain(open));
        let response = Response::builder().status(status);
        response.body(BoxBody::new(body.map_err(|never: Infallible| never))).expect("valid")
    }
}

fn failure(code: u16, reason: &str) -> Value {
    json!({"kind":"Status","apiVersion":"v1","status":"Failure","code":code,"reason":reason,
        "message":format!("it is {reason}")})
}

fn sa(name: &str, version: &str, role: &str) -> Value {
    json!({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{
        "namespace":"shop","name":name,"resourceVersion":version,"uid":name,
        "creationTimestamp":"2020-01-01T00:00:00Z",
        "annotations":{"eks.amazonaws.com/role-arn":role}}})
}

fn list(version: &str, items: &[Value]) -> Value {
    json!({"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1",
        "metadata":{"resourceVersion":version},"items":items})
}

#[allow(clippy::unnecessary_wraps, reason = "it is what the stand-in gives")]
fn watch(lines: Vec<Value>) -> Option<Answer> {
    Some(Answer(200, lines, true))
}

fn is_streaming(uri: &str) -> bool {
    uri.contains("sendInitialEvents=true")
}

pub(super) async fn started(options: Options) -> (ServiceAccounts, tokio::task::JoinHandle<()>) {
    let (accounts, tasks) = ServiceAccounts::start(options).await.expect("no files");
    let running = tokio::spawn(async { panic!("{}", tasks.run().await.unwrap_err()) });
    (accounts, running)
}

// The gate is there on 1.30 and 1.31; this keeps the test runs short.
#[tokio::test(start_paused = true)]
async fn lists_by_pages_where_streaming_is_refused() {
    let (client, asked) = client(|uri| {
        if is_streaming(uri) {
            return Some(Answer(422, vec![failure(422, "Invalid")], false));
        }
        if uri.contains("watch=true") {
            return watch(vec![]);
        }
        Some(Answer(200, vec![list("5", &[sa("app", "5", "r")])], false))
    });
    let (accounts, running) = started(options(Source::Cluster(client))).await;
    accounts.listed().await;
    accounts.config_map_answered().await;
    assert_eq!(role(&accounts.resolve(key("shop", "app"), Caller::default()).await), Some("r"));
    let watch = accounts.watch();
    assert_eq!((watch.failures(), watch.relists(), accounts.stats().hits), (0, 0, 1));
    assert!(watch.is_connected());
    let metadata_only = asked.lock().expect("no panic").len();
    assert!(metadata_only >= 2);
    running.abort();
}

// The real one forgets versions after minutes only.
#[tokio::test(start_paused = true)]
async fn lists_again_where_the_version_has_expired() {
    let expired = json!({"type":"ERROR","object":failure(410, "Expired")});
    let end = json!({"type":"BOOKMARK","object":{"kind":"ServiceAccount","apiVersion":"v1",
        "metadata":{"resourceVersion":"7","annotations":{"k8s.io/initial-events-end":"true"}}}});
    let added = |name, role| json!({"type":"ADDED","object":sa(name, "6", role)});
    let answers = Mutex::new(VecDeque::from([
        vec![added("app", "old"), added("gone", "gone"), end.clone(), expired],
        vec![added("app", "new"), end],
    ]));
    let (client, _) = client(move |uri| {
        if is_streaming(uri) {
            return watch(answers.lock().expect("no panic").pop_front().unwrap_or_default());
        }
        Some(Answer(404, vec![failure(404, "NotFound")], false))
    });
    let (accounts, running) = started(options(Source::Cluster(client))).await;
    accounts.listed().await;
    accounts.config_map_answered().await;
    while accounts.watch().relists() == 0 || !accounts.watch().is_connected() {
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!(role(&accounts.resolve(key("shop", "app"), Caller::default()).await), Some("new"));
    let gone = accounts.resolve(key("shop", "gone"), Caller::default()).await;
    assert_eq!(gone.service_account, Observed::Absent);
    assert_eq!(accounts.stats().live_gets.not_found, 1);
    assert_eq!(accounts.watch().last_failure().as_deref(), Some("it is Expired"));
    running.abort();
}

// The real one answers such a version with an event as above.
#[tokio::test(start_paused = true)]
async fn lists_again_where_the_expired_version_is_refused_at_once() {
    let (client, asked) = client(move |uri| {
        if is_streaming(uri) {
            return Some(Answer(400, vec![failure(400, "BadRequest")], false));
        }
        if uri.contains("watch=true") {
            return Some(Answer(410, vec![failure(410, "Gone")], false));
        }
        Some(Answer(200, vec![list("5", &[])], false))
    });
    let (accounts, running) = started(options(Source::Cluster(client))).await;
    while accounts.watch().relists() < 2 {
        tokio::time::sleep(SECOND).await;
    }
    assert!(asked.lock().expect("no panic").len() < 20, "with pauses in between");
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn does_not_wait_for_ever_for_a_connection_or_a_list_that_hangs() {
    let lists = std::sync::atomic::AtomicU64::new(0);
    let (client, _) = client(move |uri| {
        if is_streaming(uri) {
            let streams = lists.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return if streams == 0 { None } else { watch(vec![]) };
        }
        if uri.contains("watch=true") {
            return watch(vec![]);
        }
        Some(Answer(200, vec![list("5", &[])], false))
    });
    let begin = tokio::time::Instant::now();
    let (accounts, running) = started(options(Source::Cluster(client))).await;
    accounts.listed().await;
    accounts.config_map_answered().await;
    assert_eq!(accounts.watch().failures(), 2);
    assert!(begin.elapsed() < 150 * SECOND, "{:?}", begin.elapsed());
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_a_get_that_hangs_and_on_none_of_the_others() {
    let (client, asked) = client(|uri| {
        let found = || Some(Answer(200, vec![sa("app", "5", "r")], false));
        uri.contains("serviceaccounts/app").then(found).flatten()
    });
    let (accounts, running) = started(options(Source::Cluster(client))).await;
    let (app, hangs, again) = tokio::join!(
        accounts.resolve(key("shop", "app"), Caller::default()),
        accounts.resolve(key("shop", "hangs"), Caller::default()),
        accounts.resolve(key("shop", "hangs"), Caller::default()),
    );
    assert_eq!(role(&app), Some("r"));
    for hangs in [&hangs.service_account, &again.service_account] {
        assert!(why(hangs).contains("ServiceAccount shop/hangs"), "{}", why(hangs));
    }
    let asked = asked.lock().expect("no panic");
    assert_eq!(asked.iter().filter(|uri| uri.contains("/hangs")).count(), 1, "{asked:?}");
    assert_eq!(accounts.not_ready(), ["the first list of ServiceAccounts"]);
    running.abort();
}

// Whoever reaches the webhook may name anything.
#[tokio::test(start_paused = true)]
async fn asks_for_no_other_path() {
    let (client, asked) = client(|_| Some(Answer(404, vec![failure(404, "NotFound")], false)));
    let (accounts, running) = started(options(Source::Cluster(client))).await;
    for key in [key("../../nodes?x=", "app"), key("shop", "../pods/app"), key("shop", "a%2fb")] {
        let lookup = accounts.resolve(key, Caller::default()).await;
        assert_eq!(lookup.service_account, Observed::Absent);
    }
    let asked = asked.lock().expect("no panic");
    assert!(asked.iter().all(|uri| uri.starts_with("/api/v1/serviceaccounts?")), "{asked:?}");
    running.abort();
}

// Over sockets, as a connection is what a GET takes.
#[tokio::test]
async fn takes_few_connections_for_many_lookups() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let (connections, out, most) = (Counter::default(), Counter::default(), Counter::default());
    let (accepted, most_out) = (Arc::clone(&connections), Arc::clone(&most));
    let serving = tokio::spawn(async move {
        let mut serving = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            accepted.fetch_add(1, Ordering::SeqCst);
            let (out, most) = (Arc::clone(&out), Arc::clone(&most_out));
            let service = hyper::service::service_fn(move |request: Request<_>| {
                let is_get = !request.uri().path().ends_with("serviceaccounts");
                let (out, most) = (Arc::clone(&out), Arc::clone(&most));
                async move {
                    if !is_get {
                        return std::future::pending().await;
                    }
                    most.fetch_max(out.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    out.fetch_sub(1, Ordering::SeqCst);
                    let _: hyper::body::Incoming = request.into_body();
                    Ok::<_, Infallible>(Answer(200, vec![sa("app", "5", "r")], false).response())
                }
            });
            let io = hyper_util::rt::TokioIo::new(stream);
            serving.spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
        }
    });
    let mut config = kube::Config::new(url.parse().expect("a URL"));
    config.root_cert = Some(Vec::new());
    let client = Client::try_from(config).expect("a client");
    let options = Options { lookup_timeout: 60 * SECOND, ..options(Source::Cluster(client)) };
    let (accounts, running) = started(options).await;
    let names: Vec<_> = (0..2000).map(|number| format!("app-{number}")).collect();
    let lookups = names.iter().map(|name| accounts.resolve(key("shop", name), Caller::default()));
    for lookup in futures::future::join_all(lookups).await {
        assert_eq!(role(&lookup), Some("r"));
    }
    let (connections, most) = (connections.load(Ordering::SeqCst), most.load(Ordering::SeqCst));
    // One namespace of one caller takes half of 32 slots. A pool may connect once more for a
    // request that then finds another one's connection.
    assert!(most <= 16 && connections <= 40, "{most} at once over {connections} connections");
    let stats = accounts.stats();
    assert_eq!(
        (stats.live_gets.with_role, stats.queue.slots_taken, stats.queue.waiting),
        (2000, 0, 0)
    );
    assert!(stats.queue.waited >= 1900 && stats.queue.full == 0, "{:?}", stats.queue);
    running.abort();
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn names_the_right_that_is_missing() {
    let (client, _) = client(|_| Some(Answer(403, vec![failure(403, "Forbidden")], false)));
    let options = Options { watch_config_map: true, ..options(Source::Cluster(client)) };
    let (accounts, running) = started(options).await;
    let lookup = accounts.resolve(key("shop", "app"), Caller::default()).await;
    let why = why(&lookup.service_account);
    assert!(why.contains("grant the webhook get, list and watch on serviceaccounts"), "{why}");
    assert_eq!(lookup.config_map_entry, Observed::Absent, "off where it is forbidden");
    while accounts.not_ready().len() > 1 {
        tokio::time::sleep(SECOND).await;
    }
    assert_eq!(accounts.not_ready(), ["the first list of ServiceAccounts"]);
    assert_eq!(accounts.snapshot()["configMap"]["state"], "forbidden");
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn asks_for_the_config_map_until_its_watch_has_answered() {
    let (client, asked) = client(|uri| {
        let config_map = json!({"kind":"ConfigMap","apiVersion":"v1",
            "metadata":{"name":"pod-identity-webhook","namespace":"eks","resourceVersion":"1"},
            "data":{"config":r#"{"shop/app":{"RoleARN":"r"}}"#}});
        if uri.contains("configmaps/") {
            return Some(Answer(200, vec![config_map], false));
        }
        let not_found = || Some(Answer(404, vec![failure(404, "NotFound")], false));
        uri.contains("serviceaccounts/").then(not_found).flatten()
    });
    let options = Options { watch_config_map: true, ..options(Source::Cluster(client)) };
    let (accounts, running) = started(options).await;
    assert_eq!(role(&accounts.resolve(key("shop", "app"), Caller::default()).await), Some("r"));
    assert_eq!(accounts.not_ready().len(), 2);
    tokio::time::sleep(SECOND).await;
    let selector = "fieldSelector=metadata.name%3Dpod-identity-webhook";
    assert!(asked.lock().expect("no panic").iter().any(|uri| uri.contains(selector)));
    running.abort();
}

/// The end of a streaming list, and a bookmark after each of these pauses; then silence.
fn bookmarks(
    every: Duration,
    count: u32,
) -> impl Fn(Request<Body>) -> Response<BoxBody<Bytes, Infallible>> {
    let end = json!({"type":"BOOKMARK","object":{"kind":"ServiceAccount","apiVersion":"v1",
        "metadata":{"resourceVersion":"7","annotations":{"k8s.io/initial-events-end":"true"}}}});
    move |request| {
        let first = is_streaming(&request.uri().to_string()).then(|| format!("{end}\n"));
        let later = futures::stream::iter(0..count).then(move |version| async move {
            tokio::time::sleep(every).await;
            let bookmark = json!({"type":"BOOKMARK","object":{"kind":"ServiceAccount",
                "apiVersion":"v1","metadata":{"resourceVersion":(8 + version).to_string()}}});
            format!("{bookmark}\n")
        });
        let lines = futures::stream::iter(first).chain(later);
        let silence = futures::stream::once(std::future::pending::<String>());
        let frames = lines.chain(silence).map(|line| Ok(Frame::data(Bytes::from(line))));
        Response::new(BoxBody::new(StreamBody::new(frames)))
    }
}

/// What a watch came to after so long: how many requests there were, and how often it was made anew.
async fn watched(every: Duration, count: u32, time: Duration) -> (usize, Arc<WatchState>) {
    let (answer, requests) = (bookmarks(every, count), Arc::new(Mutex::new(0)));
    let counted = Arc::clone(&requests);
    let service = tower::service_fn(move |request: Request<Body>| {
        *counted.lock().expect("no panic") += 1;
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer) }
    });
    let client = Client::new(service, "default");
    let (accounts, running) = started(options(Source::Cluster(client))).await;
    accounts.listed().await;
    tokio::time::sleep(time).await;
    running.abort();
    let requests = *requests.lock().expect("no panic");
    (requests, Arc::clone(&accounts.inner.watch))
}

#[tokio::test(start_paused = true)]
async fn makes_a_silent_watch_anew_and_counts_it() {
    let (requests, watch) = watched(SECOND, 0, 149 * SECOND).await;
    assert_eq!((requests, watch.silences()), (1, 0));
    assert!(watch.last_event_age().expect("it is watched") >= 148 * SECOND);

    let (requests, watch) = watched(SECOND, 0, 160 * SECOND).await;
    assert_eq!((requests, watch.silences(), watch.relists(), watch.failures()), (2, 1, 0, 0));
    assert!(watch.is_connected());
    assert!(watch.last_event_age().expect("it is watched") <= 11 * SECOND, "since it was answered");

    // Three times in ten minutes, not in a loop.
    let (requests, watch) = watched(SECOND, 0, 600 * SECOND).await;
    assert_eq!((requests, watch.silences()), (4, 3));
}

#[tokio::test(start_paused = true)]
async fn leaves_a_watch_alone_that_has_bookmarks() {
    let (requests, watch) = watched(60 * SECOND, 4, 280 * SECOND).await;
    assert_eq!((requests, watch.silences()), (1, 0));
    assert!(watch.last_event_age().expect("it is watched") <= 41 * SECOND);
}
