//! Spans: one for each admission that is traced, and what it waits for beneath it.
//!
//! They name what the log line names, objects and outcomes. Neither annotations nor roles, tokens or anything
//! else of the review goes into a span.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::{HeaderMap, Method, StatusCode};
use opentelemetry::trace::{
    Span as _, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span};
use text::shortened;

use super::context;

/// Characters of a reason at most.
const MAX_REASON: usize = 500;

/// A request that is traced, from its head to its answer. Dropped before it is answered, its client has left.
#[derive(Debug)]
pub(crate) struct ServerSpan {
    tracer: SdkTracer,
    context: SpanContext,
    /// Ends with this value.
    span: Mutex<Span>,
    answered: bool,
}

/// What a span of its own is beneath; nothing where that is not traced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parent(Option<Arc<(SdkTracer, SpanContext)>>);

/// A request of our own. Dropped before it is answered, nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct ClientSpan {
    span: Span,
    answered: bool,
}

/// A time that a request waits. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct WaitSpan(#[allow(dead_code, reason = "for its drop")] Span);

impl ServerSpan {
    /// Of a request with these headers; nothing where it is not traced.
    pub(super) fn begin(
        tracer: &SdkTracer,
        route: &'static str,
        headers: &HeaderMap,
    ) -> Option<Self> {
        let parent = match context::remote(headers) {
            Some(remote) => Context::new().with_remote_span_context(remote),
            None => Context::new(),
        };
        let builder = tracer.span_builder(name_of(route)).with_kind(SpanKind::Server);
        let mut span = builder.start_with_context(tracer, &parent);
        if !span.is_recording() {
            return None;
        }
        span.set_attributes([
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("http.route", route),
            KeyValue::new("url.path", route),
            KeyValue::new("url.scheme", "https"),
            KeyValue::new("network.protocol.version", "1.1"),
        ]);
        let context = span.span_context().clone();
        Some(Self { tracer: tracer.clone(), context, span: Mutex::new(span), answered: false })
    }

    pub(crate) fn trace_id(&self) -> String {
        self.context.trace_id().to_string()
    }

    /// For spans beneath this one.
    pub(crate) fn parent(&self) -> Parent {
        Parent(Some(Arc::new((self.tracer.clone(), self.context.clone()))))
    }

    /// A wait of this request, from now on.
    pub(crate) fn waits_for(&self, what: &'static str) -> WaitSpan {
        let parent = Context::new().with_remote_span_context(self.context.clone());
        WaitSpan(self.tracer.span_builder(what).start_with_context(&self.tracer, &parent))
    }

    pub(crate) fn describe(&self, attributes: impl IntoIterator<Item = KeyValue>) {
        self.span().set_attributes(attributes);
    }

    /// Why it failed.
    pub(crate) fn fail(&self, reason: &str) {
        self.span().set_status(Status::error(shortened(reason, MAX_REASON)));
    }

    /// The end. What the client did wrong is no error of the server's.
    pub(crate) fn answer(mut self, status: StatusCode) {
        self.answered = true;
        let mut span = self.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        if status.is_server_error() {
            span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
        }
    }

    fn span(&self) -> MutexGuard<'_, Span> {
        self.span.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ServerSpan {
    fn drop(&mut self) {
        if !self.answered {
            let mut span = self.span();
            span.set_attribute(KeyValue::new("error.type", "client-left"));
            span.set_status(Status::error("the client left"));
        }
    }
}

impl Parent {
    /// A request to a server (`https://HOST:PORT`) whose path follows a template, from now on. Its headers
    /// say so to the server.
    pub(crate) fn request(
        &self,
        method: &Method,
        (server, path): (&str, &str),
        template: &'static str,
        headers: &mut HeaderMap,
    ) -> Option<ClientSpan> {
        let (tracer, parent) = self.0.as_deref()?;
        let parent = Context::new().with_remote_span_context(parent.clone());
        let builder = tracer.span_builder(format!("{method} {template}"));
        let mut span = builder.with_kind(SpanKind::Client).start_with_context(tracer, &parent);
        span.set_attributes([
            KeyValue::new("http.request.method", method.as_str().to_owned()),
            KeyValue::new("url.template", template),
            KeyValue::new("url.full", format!("{server}{path}")),
        ]);
        let uri: Option<hyper::Uri> = server.parse().ok();
        let authority = uri.as_ref().and_then(|uri| uri.authority());
        if let Some(authority) = authority {
            let port = authority.port_u16().unwrap_or(443);
            span.set_attributes([
                KeyValue::new("server.address", authority.host().to_owned()),
                KeyValue::new("server.port", i64::from(port)),
            ]);
        }
        context::inject(span.span_context(), headers);
        Some(ClientSpan { span, answered: false })
    }
}

impl ClientSpan {
    /// The end: the status of the response.
    pub(crate) fn answer(mut self, status: StatusCode) {
        self.answered = true;
        let code = i64::from(status.as_u16());
        self.span.set_attribute(KeyValue::new("http.response.status_code", code));
        if status.is_client_error() || status.is_server_error() {
            self.failed(status.as_str(), "");
        }
    }

    /// The end: there is no response.
    pub(crate) fn fail(mut self, reason: &str) {
        self.answered = true;
        self.failed("no-response", reason);
    }

    fn failed(&mut self, kind: &str, reason: &str) {
        self.span.set_attribute(KeyValue::new("error.type", kind.to_owned()));
        self.span.set_status(Status::error(shortened(reason, MAX_REASON)));
    }
}

impl Drop for ClientSpan {
    fn drop(&mut self) {
        if !self.answered {
            self.failed("timeout", "nobody waits for it any more");
        }
    }
}

fn name_of(route: &'static str) -> &'static str {
    match route {
        "/mutate" => "POST /mutate",
        "/mutate/required" => "POST /mutate/required",
        _ => "POST",
    }
}
