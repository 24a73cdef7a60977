//! One-line reasons for what is not served.

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{ALLOW, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;

const NOT_ALLOWED: &str = "method not allowed; the Allow header lists the methods of this path\n";

/// Adds them to a finished router; `paths` names what there is.
pub(super) fn with_fallbacks(router: Router, paths: &'static str) -> Router {
    let not_found = move || async move {
        let reason = format!("no such path; this port serves {paths}\n");
        (StatusCode::NOT_FOUND, reason)
    };
    router
        .fallback(not_found)
        .method_not_allowed_fallback(async || (StatusCode::METHOD_NOT_ALLOWED, NOT_ALLOWED))
}

/// For a path whose only method is served elsewhere.
pub(super) fn only(method: &'static str) -> impl IntoResponse {
    (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, method)], NOT_ALLOWED)
}

/// Liveness: the process answers, and nothing else is asked.
pub(super) async fn alive() -> impl IntoResponse {
    plain("ok")
}

/// What a probe gets: never from a cache.
pub(super) fn plain(text: impl Into<String>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-cache"), (X_CONTENT_TYPE_OPTIONS, "nosniff")], text.into())
}
