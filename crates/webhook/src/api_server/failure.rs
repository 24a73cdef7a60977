//! Why the API server did not do what it was asked to do: one classification, by status code and reason, and
//! one text.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use hyper::StatusCode;
use kube::core::Status;
use kube::runtime::watcher;

use super::credentials::CredentialsError;
use super::request::{Problem, RequestError};
use super::transport::ConnectTimeout;

/// What kind of failure it was. It follows from the status code and the reason of the API server's answer, never from
/// the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// 401: the API server does not know these credentials.
    Unauthorized,
    /// 403: a right is missing, or admission refused.
    Forbidden,
    /// 403, since nothing can be created in a namespace that is being deleted.
    NamespaceTerminating,
    /// 404.
    NotFound,
    /// 409: somebody else has changed the object meanwhile.
    Conflict,
    /// 409: somebody else has created the object meanwhile.
    AlreadyExists,
    /// 410: the version or the page is too old; list again.
    Gone,
    /// 400, 405, 415 and 422: the request itself is refused.
    Invalid,
    /// 429.
    TooManyRequests,
    /// Any other status.
    Server,
    /// Nothing, or not everything, came within the time that the request may take.
    Timeout,
    /// The response is larger than what is read.
    TooLarge,
    /// The API server's certificate is not one to trust, or the handshake failed otherwise.
    Tls,
    /// Nobody listens there.
    Refused,
    /// The server's name has no address.
    Unresolved,
    /// There is no connection, or it broke.
    Unreachable,
    /// The credentials could not be had: of a file, or of a plugin.
    Credentials,
    /// The response is not what Kubernetes answers.
    Unreadable,
}

/// One failed call, in words for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub kind: FailureKind,
    /// One line: the API server's own words where it had some, else what was asked of which server, and what
    /// happened to the request.
    pub message: String,
    /// The HTTP status, where there was a response.
    pub status: Option<u16>,
    /// Who answered, where that is known and not in the message.
    pub server: Option<Arc<str>>,
}

/// The message with the server and the status that it answered.
#[derive(Clone, Copy, Debug)]
pub struct Explained<'a>(&'a Failure);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { message, status, server, .. } = self.0;
        let (Some(status), Some(server)) = (status, server) else { return f.write_str(message) };
        write!(f, "{server} answered {status}")?;
        let phrase = StatusCode::from_u16(*status).ok().and_then(|it| it.canonical_reason());
        if let Some(phrase) = phrase {
            write!(f, " {phrase}")?;
        }
        if phrase.is_some_and(|it| it == message) { Ok(()) } else { write!(f, ": {message}") }
    }
}

impl FailureKind {
    fn of_status(code: u16, reason: &str, terminating: bool) -> Self {
        match (code, reason) {
            (401, _) | (0, "Unauthorized") => Self::Unauthorized,
            (403, _) | (0, "Forbidden") if terminating => Self::NamespaceTerminating,
            (403, _) | (0, "Forbidden") => Self::Forbidden,
            (404, _) | (0, "NotFound") => Self::NotFound,
            (409 | 0, "AlreadyExists") => Self::AlreadyExists,
            (409, _) | (0, "Conflict") => Self::Conflict,
            (410, _) | (0, "Gone" | "Expired") => Self::Gone,
            (429, _) | (0, "TooManyRequests") => Self::TooManyRequests,
            (408 | 504, _) | (_, "Timeout" | "ServerTimeout") => Self::Timeout,
            (400 | 405 | 406 | 413 | 415 | 422, _) | (0, "Invalid" | "BadRequest") => Self::Invalid,
            _ => Self::Server,
        }
    }

    /// The next step, where there is a general one. Who knows which right is missing says so instead.
    #[must_use]
    pub fn advice(self) -> Option<&'static str> {
        match self {
            Self::Unauthorized => {
                Some("log in again, or check the credentials of the kubeconfig's user")
            }
            Self::Credentials => Some("check the credentials"),
            Self::Timeout | Self::Unreachable => Some("check the API server and the network to it"),
            Self::Refused => {
                Some("check that the API server runs, and the server in the kubeconfig")
            }
            Self::Unresolved => Some("check the server in the kubeconfig, the DNS and the VPN"),
            Self::Tls => Some("check certificate-authority and the server in the kubeconfig"),
            Self::Unreadable => Some("check that the address is that of an API server"),
            Self::TooManyRequests => Some("try again later"),
            Self::Server => Some("try again, and look at the API server's log"),
            Self::Gone => Some("try again"),
            Self::Forbidden
            | Self::NamespaceTerminating
            | Self::NotFound
            | Self::Conflict
            | Self::AlreadyExists
            | Self::Invalid
            | Self::TooLarge => None,
        }
    }
}

impl Failure {
    /// What kube says of a request, classified.
    #[must_use]
    pub fn of(error: &kube::Error) -> Self {
        let (kind, message) = match error {
            kube::Error::Api(status) => return Self::of_status(status),
            kube::Error::Auth(_) | kube::Error::InferKubeconfig(_) => {
                (FailureKind::Credentials, chain(error))
            }
            kube::Error::SerdeError(_)
            | kube::Error::FromUtf8(_)
            | kube::Error::LinesCodecMaxLineLengthExceeded => {
                (FailureKind::Unreadable, error.to_string())
            }
            _ => (kind_of(error), inner(error)),
        };
        Self { kind, ..Self::unreadable(message) }
    }

    /// What is not what Kubernetes answers.
    #[must_use]
    pub(crate) fn unreadable(message: impl AsRef<str>) -> Self {
        let message = one_line(message.as_ref());
        Self { kind: FailureKind::Unreadable, message, status: None, server: None }
    }

    /// Of a response that is no success: a `Status`, or whatever something on the way wrote.
    #[must_use]
    pub(super) fn of_answer(code: StatusCode, body: &str) -> Self {
        let status = serde_json::from_str::<Status>(body).ok();
        let status = status.filter(|it| it.code != 0 || !it.message.is_empty());
        let status = status.unwrap_or_else(|| {
            // The page of a proxy says nothing that its status does not.
            let is_page = body.trim_start().starts_with('<');
            let message = if is_page { "" } else { body.trim() };
            Status::failure(message, code.canonical_reason().unwrap_or_default())
        });
        Self { status: Some(code.as_u16()), ..Self::of_status(&status.with_code(code.as_u16())) }
    }

    #[must_use]
    pub(super) fn answered_by(self, server: Option<Arc<str>>) -> Self {
        Self { server, ..self }
    }

    /// The message with the server and its status.
    #[must_use]
    pub fn explained(&self) -> Explained<'_> {
        Explained(self)
    }

    /// What an API server answered, classified.
    #[must_use]
    pub fn of_status(status: &Status) -> Self {
        let causes = status.details.iter().flat_map(|details| &details.causes);
        let terminating = causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating");
        let message = if status.message.is_empty() {
            format!("{} {}", status.code, status.reason)
        } else {
            status.message.clone()
        };
        let kind = FailureKind::of_status(status.code, &status.reason, terminating);
        let code = Some(status.code).filter(|code| *code != 0);
        Self { kind, status: code, ..Self::unreadable(message) }
    }

    /// What kube says of a watch, classified.
    #[must_use]
    pub fn of_watch(error: &watcher::Error) -> Self {
        match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => Self::of(error),
            watcher::Error::WatchError(status) => Self::of_status(status),
            watcher::Error::NoResourceVersion => Self::unreadable(error.to_string()),
        }
    }
}

impl From<&kube::Error> for Failure {
    fn from(error: &kube::Error) -> Self {
        Self::of(error)
    }
}

/// What broke the request on its way.
fn kind_of(error: &(dyn Error + 'static)) -> FailureKind {
    let mut kind = FailureKind::Unreachable;
    for cause in causes(error) {
        if let Some(error) = cause.downcast_ref::<RequestError>() {
            match error.problem {
                Problem::NoResponse { .. } | Problem::Unfinished { .. } => {
                    return FailureKind::Timeout;
                }
                Problem::TooLarge { .. } => return FailureKind::TooLarge,
                Problem::Broken(_) => {}
            }
        } else if cause.is::<ConnectTimeout>() {
            return FailureKind::Timeout;
        } else if cause.is::<rustls::Error>() {
            return FailureKind::Tls;
        } else if cause.is::<kube::client::AuthError>() || cause.is::<CredentialsError>() {
            return FailureKind::Credentials;
        } else if cause.to_string().starts_with("dns error") {
            // hyper's type for it is private; these words are its own.
            kind = FailureKind::Unresolved;
        } else if let Some(error) = cause.downcast_ref::<io::Error>() {
            match error.kind() {
                io::ErrorKind::TimedOut => kind = FailureKind::Timeout,
                io::ErrorKind::ConnectionRefused => kind = FailureKind::Refused,
                _ => {}
            }
        }
    }
    kind
}

/// The error and what caused it. An [`io::Error`] does not name what is in it as its source.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    /// More than any chain has; a source that leads back to itself ends here.
    const DEPTH: usize = 32;
    std::iter::successors(Some(error), cause).take(DEPTH)
}

fn cause<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let error = *error;
    match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}

/// The innermost causes say most, and kube repeats them in the outer ones.
fn inner(error: &kube::Error) -> String {
    match error.source() {
        Some(source) => chain(source),
        None => error.to_string(),
    }
}

/// The error and its causes, each said once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        // "client error (Connect)" and "ServiceError: …" say nothing that their causes do not.
        let wraps = cause.is::<hyper_util::client::legacy::Error>() || cause.is::<kube::Error>();
        if wraps && cause.source().is_some() {
            continue;
        }
        let said = cause.to_string();
        if text.is_empty() {
            text = said;
        } else if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
    }
    text
}

/// Bytes of a message, so that the next step behind it is always seen. The longest names fit.
const MESSAGE_BYTES: usize = 1_000;

/// One line, cut where it is longer than a message may be.
fn one_line(text: &str) -> String {
    const CUT: &str = " ...";
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MESSAGE_BYTES {
            line.truncate(line.floor_char_boundary(MESSAGE_BYTES - CUT.len()));
            line.push_str(CUT);
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_by_the_code_and_by_the_reason_where_there_is_no_code() {
        for (code, reason, kind) in [
            (401, "Unauthorized", FailureKind::Unauthorized),
            // Where something on the way refuses, there is no reason.
            (403, "", FailureKind::Forbidden),
            (404, "NotFound", FailureKind::NotFound),
            (409, "Conflict", FailureKind::Conflict),
            (409, "AlreadyExists", FailureKind::AlreadyExists),
            (410, "Expired", FailureKind::Gone),
            (0, "Expired", FailureKind::Gone),
            (422, "Invalid", FailureKind::Invalid),
            (400, "BadRequest", FailureKind::Invalid),
            (429, "TooManyRequests", FailureKind::TooManyRequests),
            (500, "ServerTimeout", FailureKind::Timeout),
            (504, "Timeout", FailureKind::Timeout),
            (500, "InternalError", FailureKind::Server),
            (503, "", FailureKind::Server),
        ] {
            let status = Status::failure("401 cannot webhook", reason).with_code(code);
            assert_eq!(Failure::of_status(&status).kind, kind, "{code} {reason}");
        }
    }

    #[test]
    fn names_the_server_and_its_status() {
        let explained = |code: u16, body: &str, server: Option<&str>| {
            let failure = Failure::of_answer(StatusCode::from_u16(code).expect("a status"), body);
            failure.answered_by(server.map(Into::into)).explained().to_string()
        };
        let at = Some("https://a.example");
        let forbidden = r#"{"kind":"Status","code":403,"reason":"Forbidden","message":"no"}"#;
        for (code, body, says) in [
            (403, forbidden, "https://a.example answered 403 Forbidden: no"),
            (
                401,
                r#"{"code":401,"message":"Unauthorized"}"#,
                "https://a.example answered 401 Unauthorized",
            ),
            (
                404,
                "404 page not found\n",
                "https://a.example answered 404 Not Found: 404 page not found",
            ),
            (
                502,
                "<html>long</html>",
                "https://a.example answered 502 Bad Gateway: 502 Bad Gateway",
            ),
            (
                503,
                "",
                "https://a.example answered 503 Service Unavailable: 503 Service Unavailable",
            ),
            (400, "{}", "https://a.example answered 400 Bad Request: {}"),
        ] {
            assert_eq!(explained(code, body, at), says);
        }
        assert_eq!(explained(403, forbidden, None), "no");
    }

    #[test]
    fn tells_a_namespace_that_goes_away_from_a_missing_right() {
        let kind = |causes: &str| {
            let status =
                format!(r#"{{"code":403,"reason":"Forbidden","details":{{"causes":[{causes}]}}}}"#);
            Failure::of_status(&serde_json::from_str(&status).expect("a status")).kind
        };
        assert_eq!(kind(""), FailureKind::Forbidden);
        assert_eq!(kind(r#"{"reason":"FieldValueInvalid"}"#), FailureKind::Forbidden);
        let terminating = r#"{"reason":"NamespaceTerminating","message":"it is going away"}"#;
        assert_eq!(kind(terminating), FailureKind::NamespaceTerminating);
    }

    #[test]
    fn says_it_in_one_line_and_each_cause_once() {
        let status = |message: &str| Status::failure(message, "Odd").with_code(500);
        assert_eq!(Failure::of_status(&status("a\n b")).message, "a b");
        assert_eq!(Failure::of_status(&status("")).message, "500 Odd");
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "refused");
        let failure = Failure::of(&kube::Error::Service(Box::new(refused)));
        assert_eq!((failure.kind, &*failure.message), (FailureKind::Refused, "refused"));
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "refused");
        let nested = kube::Error::Service(Box::new(kube::Error::Service(Box::new(refused))));
        assert_eq!(Failure::of(&nested).message, "refused");
        assert!(failure.kind.advice().is_some_and(|it| it.contains("the API server runs")));
    }

    #[test]
    fn cuts_a_message_without_end_and_has_advice_all_the_same() {
        for long in ["word ".repeat(10_000), "\u{20ac}".repeat(10_000)] {
            let failure =
                Failure::of_status(&Status::failure(&long, "Unauthorized").with_code(401));
            assert!(failure.message.len() <= MESSAGE_BYTES, "{}", failure.message.len());
            assert!(failure.message.ends_with(" ..."), "{failure:?}");
            assert!(failure.kind.advice().is_some_and(|it| it.contains("log in again")));
        }
        let fits = "x".repeat(MESSAGE_BYTES);
        assert_eq!(Failure::of_status(&Status::failure(&fits, "")).message, fits);
    }

    #[test]
    fn looks_into_io_errors_for_what_broke_the_connection() {
        let tls = io::Error::other(rustls::Error::HandshakeNotComplete);
        let failure = Failure::of(&kube::Error::Service(Box::new(tls)));
        assert_eq!(failure.kind, FailureKind::Tls);
        let late = io::Error::other(io::Error::new(io::ErrorKind::TimedOut, "late"));
        let failure = Failure::of(&kube::Error::Service(Box::new(late)));
        assert_eq!(failure.kind, FailureKind::Timeout);
    }
}
