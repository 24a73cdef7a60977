//! The token of each request, and another one where the server refuses it.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use hyper::body::Body as HttpBody;
use hyper::header::AUTHORIZATION;
use hyper::{Request, Response, StatusCode};
use kube::client::Body;
use tower::{BoxError, Service, ServiceExt as _};

use super::credentials::{CredentialsError, TokenSource};
use super::request::{Asked, Bounded, BoundedBody, Problem};

/// Gets the token before the time of a request begins: a credential plugin may take longer, and has a limit of its own.
#[derive(Clone, Debug)]
pub(super) struct Authorized<S> {
    pub(super) bounded: Bounded<S>,
    pub(super) tokens: Option<Arc<TokenSource>>,
}

impl<S, B> Service<Request<Body>> for Authorized<S>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<BoundedBody<B>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.bounded.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Some(tokens) = self.tokens.clone() else { return self.bounded.call(request) };
        let mut bounded = self.bounded.clone();
        async move {
            let asked = Arc::new(Asked::of(&bounded.server, &request));
            let failed = |error: CredentialsError| asked.failed(Problem::Broken(error.into()));
            let header = tokens.header().await.map_err(failed)?;
            let again = copy(&request);
            request.headers_mut().insert(AUTHORIZATION, header.clone());
            let answer = bounded.ready().await?.call(request).await?;
            let Some(mut again) = again.filter(|_| answer.status() == StatusCode::UNAUTHORIZED)
            else {
                return Ok(answer);
            };
            // client-go makes a new token too, and leaves it to the next request.
            let Some(header) = tokens.renewed(&header).await.map_err(failed)? else {
                return Ok(answer);
            };
            again.headers_mut().insert(AUTHORIZATION, header);
            bounded.ready().await?.call(again).await
        }
        .boxed()
    }
}

/// Nothing where the body can be sent only once.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    copy.extensions_mut().clone_from(request.extensions());
    Some(copy)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::path::Path;
    use std::sync::Mutex;
    use std::time::Duration;

    use http_body_util::Full;
    use serde_json::json;

    use super::super::credentials::Plugin;
    use super::*;

    /// A plugin that prints another token each time, after so many seconds, and counts that in a file.
    async fn plugin(count: &Path, seconds: u32) -> Arc<TokenSource> {
        std::fs::write(count, "").expect("a file");
        let script = format!(
            r#"printf x >>'{0}'; n=$(wc -c <'{0}' | tr -d ' '); [ "$n" = 1 ] || sleep {seconds}; printf %s '{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{{"token":"'"$n"'"}}}}'"#,
            count.display()
        );
        let exec = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script],
            "interactiveMode": "Never",
        });
        let plugin = Plugin::new(serde_json::from_value(exec).expect("an exec")).expect("a plugin");
        let obtained = plugin.run().await.expect("a token");
        Arc::new(TokenSource::of_plugin(plugin, &obtained).expect("good").expect("a token"))
    }

    /// What comes of requests, one after the other, to a server that takes this token alone, and what it was sent.
    async fn sent(
        tokens: Arc<TokenSource>,
        takes: &'static str,
        requests: usize,
    ) -> (Vec<u16>, Vec<String>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        let service = tower::service_fn(move |request: Request<Body>| {
            let token = request.headers()[AUTHORIZATION].to_str().expect("a token").to_owned();
            let status = if token == takes { 200 } else { 401 };
            record.lock().expect("whole").push(token);
            let mut answer = Response::new(Full::new(Bytes::new()));
            *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
            async move { Ok::<_, Infallible>(answer) }
        });
        let service = service.map_err(BoxError::from);
        let limit = Some(Duration::from_millis(500));
        let bounded = Bounded { service, server: "x".into(), limit, max_response: 64 };
        let mut authorized = Authorized { bounded, tokens: Some(tokens) };
        let mut statuses = Vec::new();
        for _ in 0..requests {
            let request = Request::get("/x").body(Body::from(Vec::new())).expect("a request");
            let answer = authorized.ready().await.expect("ready").call(request).await;
            statuses.push(answer.expect("an answer").status().as_u16());
        }
        let seen = seen.lock().expect("whole").clone();
        (statuses, seen)
    }

    #[tokio::test]
    async fn a_token_that_is_refused_is_made_anew_once_however_long_that_takes() {
        let folder = tempfile::tempdir().expect("a folder");
        let count = folder.path().join("count");
        // Longer than a request may take.
        let (statuses, seen) = sent(plugin(&count, 1).await, "Bearer 2", 2).await;
        assert_eq!(statuses, [200, 200]);
        assert_eq!(seen, ["Bearer 1", "Bearer 2", "Bearer 2"]);
        // A server that takes none does not have it run for each request.
        let (statuses, seen) = sent(plugin(&count, 0).await, "none", 3).await;
        assert_eq!(statuses, [401, 401, 401]);
        assert_eq!(seen, ["Bearer 1", "Bearer 2", "Bearer 2", "Bearer 2"]);
    }

    #[tokio::test]
    async fn a_token_file_that_was_just_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("token");
        std::fs::write(&file, "old").expect("a file");
        let tokens = Arc::new(TokenSource::of_file(file.clone()).await.expect("a token"));
        std::fs::write(&file, "new").expect("a file");
        let (statuses, seen) = sent(tokens, "Bearer new", 2).await;
        assert_eq!((statuses, seen.len()), (vec![200, 200], 3));
        let given = Arc::new(TokenSource::given("x").expect("a token"));
        assert_eq!(sent(given, "none", 1).await.1, ["Bearer x"]);
    }
}
