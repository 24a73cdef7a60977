use std::convert::Infallible;

use axum::body::Body;
use axum::http::Uri;
use futures::stream;

use super::*;

fn reader(body_bytes: usize, body_memory: usize) -> BodyReader {
    BodyReader::new(&Limits { body_bytes, body_memory, ..Limits::default() })
}

async fn read(reader: &BodyReader, body: impl Into<Body>) -> Result<Contiguous, BodyError> {
    let deadline = Deadline::of(&Uri::default(), Duration::from_secs(10));
    let account = Arc::new(reader.memory().open());
    reader.read(body.into(), account, deadline).await.map(RequestBody::contiguous)
}

fn pieces(count: usize, size: usize) -> Body {
    let piece = Bytes::from(vec![b'x'; size]);
    Body::from_stream(stream::iter(vec![Ok::<_, Infallible>(piece); count]))
}

#[tokio::test]
async fn reads_a_body_in_one_piece_and_in_many() {
    let reader = reader(1 << 20, 0);
    assert_eq!(&*read(&reader, "review").await.expect("a body"), b"review");
    assert_eq!(read(&reader, pieces(10, 50_000)).await.expect("a body").len(), 500_000);
    assert!(read(&reader, Body::empty()).await.expect("a body").is_empty());
}

#[tokio::test]
async fn refuses_what_announces_itself_as_too_large_without_reading() {
    let error = read(&reader(5, 0), Body::from("review")).await.expect_err("too large");
    assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(error.to_string().contains("5 bytes"), "{error}");
}

#[tokio::test]
async fn refuses_what_turns_out_too_large() {
    let endless = stream::repeat(Ok::<_, Infallible>(Bytes::from_static(&[b'x'; 1000])));
    let error = read(&reader(10_000, 0), Body::from_stream(endless)).await.expect_err("too large");
    assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(start_paused = true)]
async fn gives_up_on_a_body_that_does_not_come() {
    let stalled = stream::pending::<Result<Bytes, Infallible>>();
    let error = read(&reader(10, 0), Body::from_stream(stalled)).await.expect_err("too late");
    assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn answers_a_broken_body_with_bad_request() {
    let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err("cut off")]);
    let error = read(&reader(10, 0), Body::from_stream(broken)).await.expect_err("broken");
    assert_eq!(error.status(), StatusCode::BAD_REQUEST);
    assert!(error.to_string().contains("cut off"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn keeps_large_bodies_within_the_common_memory_and_lets_small_ones_through() {
    let reader = reader(1 << 20, 0);
    let large = || pieces(10, 100_000);
    let held = read(&reader, large()).await.expect("a body");
    let error = read(&reader, large()).await.expect_err("no memory");
    assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    assert!(read(&reader, pieces(1, 10_000)).await.is_ok(), "the usual review goes through");
    drop(held);
    assert!(read(&reader, large()).await.is_ok(), "the memory was given back");
}

#[test]
fn takes_json_with_parameters_and_nothing_else() {
    for (value, good) in [
        (Some("application/json"), true),
        (Some("Application/JSON; charset=utf-8"), true),
        (Some("application/jsonp"), false),
        (Some("text/plain"), false),
        (Some(""), false),
        (None, false),
    ] {
        let value = value.map(|value| (CONTENT_TYPE, value.parse().expect("a value")));
        let headers: HeaderMap = value.into_iter().collect();
        assert_eq!(require_json(&headers).is_ok(), good, "{headers:?}");
    }
}
