//! W3C's trace context in headers: read strictly, since anybody may send it, and written for the API server.
//! <https://www.w3.org/TR/trace-context/>

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// `00-TRACE-PARENT-FLAGS`.
const TRACEPARENT_BYTES: usize = 55;
/// A later version may append fields.
const MAX_TRACEPARENT_BYTES: usize = 256;
/// As many as W3C asks everybody to hand on. What is longer is left out, as it allows.
const MAX_TRACESTATE_BYTES: usize = 512;

/// Who called, if he says so in a way that everybody reads alike.
pub(super) fn remote(headers: &HeaderMap) -> Option<SpanContext> {
    let mut all = headers.get_all(TRACEPARENT).iter();
    let (parent, None) = (all.next()?, all.next()) else { return None };
    let (trace, span, flags) = traceparent(parent.to_str().ok()?.as_bytes())?;
    Some(SpanContext::new(trace, span, flags, true, tracestate(headers)))
}

/// For a request of our own.
pub(super) fn inject(context: &SpanContext, headers: &mut HeaderMap) {
    let (trace, span) = (context.trace_id(), context.span_id());
    let flags = u8::from(context.is_sampled());
    if let Ok(parent) = HeaderValue::from_str(&format!("00-{trace}-{span}-{flags:02x}")) {
        headers.insert(TRACEPARENT, parent);
    }
    let state = context.trace_state().header();
    if let (false, Ok(state)) = (state.is_empty(), HeaderValue::from_str(&state)) {
        headers.insert(TRACESTATE, state);
    }
}

fn traceparent(text: &[u8]) -> Option<(TraceId, SpanId, TraceFlags)> {
    let (head, rest) = text.split_at_checked(TRACEPARENT_BYTES)?;
    let (version, trace) = (head.get(..2)?, head.get(3..35)?);
    let (span, flags) = (head.get(36..52)?, head.get(53..)?);
    let separated = [2, 35, 52].iter().all(|at| head.get(*at) == Some(&b'-'));
    let known = match hex(version)? {
        0 => rest.is_empty(),
        // Not a version.
        0xff => false,
        _ => (rest.is_empty() || rest.starts_with(b"-")) && text.len() <= MAX_TRACEPARENT_BYTES,
    };
    let (trace, span, flags) = (hex(trace)?, u64::try_from(hex(span)?).ok()?, hex(flags)?);
    // Other flags are none of ours to hand on.
    let sampled = TraceFlags::default().with_sampled(flags & 1 == 1);
    (separated && known && trace != 0 && span != 0)
        .then(|| (TraceId::from(trace), SpanId::from(span), sampled))
}

/// Of 32 lower-case digits at most.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

/// Empty where it is not valid: that is no reason to lose the trace.
fn tracestate(headers: &HeaderMap) -> TraceState {
    let (mut members, mut bytes) = (Vec::new(), 0);
    for part in headers.get_all(TRACESTATE) {
        let Ok(part) = part.to_str() else { return TraceState::NONE };
        // With the comma between parts.
        bytes += part.len() + 1;
        if bytes > MAX_TRACESTATE_BYTES + 1 {
            return TraceState::NONE;
        }
        for member in part.split(',').map(str::trim).filter(|member| !member.is_empty()) {
            match member.split_once('=') {
                Some((key, value)) if !key.is_empty() => members.push((key, value)),
                _ => return TraceState::NONE,
            }
        }
    }
    TraceState::from_key_value(members).unwrap_or(TraceState::NONE)
}

#[cfg(test)]
mod tests {
    use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
    use opentelemetry::trace::TraceContextExt as _;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    fn headers(parents: &[&str], states: &[&str]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).expect("a value");
        let parents = parents.iter().map(|it| (TRACEPARENT, value(it)));
        let states = states.iter().map(|it| (TRACESTATE, value(it)));
        let mut headers = HeaderMap::new();
        parents.chain(states).for_each(|(name, value)| {
            headers.append(name, value);
        });
        headers
    }

    #[test]
    fn reads_what_an_api_server_sends_and_hands_it_on() {
        let sent = headers(&[&format!("00-{TRACE}-{SPAN}-01")], &["vendor=a:b, ", "other=1"]);
        let context = remote(&sent).expect("a context");
        assert_eq!(context.trace_id().to_string(), TRACE);
        assert_eq!(context.span_id().to_string(), SPAN);
        assert!(context.is_sampled() && context.is_remote());
        let mut own = HeaderMap::new();
        inject(&context, &mut own);
        assert_eq!(own[TRACEPARENT], format!("00-{TRACE}-{SPAN}-01"));
        assert_eq!(own[TRACESTATE], "vendor=a:b,other=1");
    }

    #[test]
    fn reads_later_versions_and_other_flags() {
        for (parent, sampled) in [
            (format!("00-{TRACE}-{SPAN}-00"), false),
            (format!("00-{TRACE}-{SPAN}-ff"), true),
            (format!("cc-{TRACE}-{SPAN}-01"), true),
            (format!("cc-{TRACE}-{SPAN}-02-what-comes-next"), false),
        ] {
            let context = remote(&headers(&[&parent], &[]));
            assert_eq!(context.map(|it| it.is_sampled()), Some(sampled), "{parent}");
        }
    }

    #[test]
    fn takes_nothing_that_two_could_read_in_two_ways() {
        let long = format!("cc-{TRACE}-{SPAN}-01-{}", "x".repeat(MAX_TRACEPARENT_BYTES));
        let valid = format!("00-{TRACE}-{SPAN}-01");
        for parent in [
            "",
            "00",
            &valid[..54],
            &format!("{valid}-"),
            &format!("{valid}0"),
            &format!(" {valid}"),
            &format!("ff-{TRACE}-{SPAN}-01"),
            &format!("+0-{TRACE}-{SPAN}-01"),
            &format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            &format!("00-{}-{SPAN}-01", "0".repeat(32)),
            &format!("00-{TRACE}-{}-01", "0".repeat(16)),
            &format!("00-{TRACE}-{SPAN}-+1"),
            &format!("00_{TRACE}_{SPAN}_01"),
            &format!("cc-{TRACE}-{SPAN}-01x"),
            &format!("00-{}é-{SPAN}-01", &TRACE[..30]),
            &long,
        ] {
            assert_eq!(remote(&headers(&[parent], &[])), None, "{parent}");
        }
        assert_eq!(remote(&headers(&[&valid, &valid], &[])), None);
    }

    #[test]
    fn leaves_out_a_tracestate_that_is_long_or_not_valid_and_keeps_the_trace() {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let (long, many) = (format!("a={}", "x".repeat(511)), ["a=1"; 200]);
        for states in [&[long.as_str()][..], &many, &["="], &["a"], &["A=1"], &["a=1,=2"], &["a=é"]]
        {
            let context = remote(&headers(&[&parent], states)).expect("a context");
            assert_eq!(context.trace_state().header(), "", "{states:?}");
        }
    }

    struct Sent(HeaderMap);

    impl Extractor for Sent {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.get(key)?.to_str().ok()
        }

        fn keys(&self) -> Vec<&str> {
            self.0.keys().map(HeaderName::as_str).collect()
        }
    }

    proptest! {
        /// OpenTelemetry's own reader takes more, and never something else.
        #[test]
        fn what_it_reads_everybody_reads_alike(
            parent in "([0-9a-f]{2}|00|\\PC{0,3})-([0-9a-f]{32}|[0-9a-fA-F+]{0,33})-([0-9a-f]{16}|\\PC{0,17})-([0-9a-f]{2}|\\PC{0,3})(-\\PC{0,9})?",
            state in "[ -~]{0,600}",
        ) {
            let Ok(value) = HeaderValue::from_bytes(parent.as_bytes()) else { return Ok(()) };
            let mut sent = headers(&[], &[&state]);
            sent.insert(TRACEPARENT, value);
            if let Some(ours) = remote(&sent) {
                let theirs = TraceContextPropagator::new().extract(&Sent(sent));
                let theirs = theirs.span().span_context().clone();
                prop_assert_eq!(ours.trace_id(), theirs.trace_id());
                prop_assert_eq!(ours.span_id(), theirs.span_id());
                prop_assert_eq!(ours.is_sampled(), theirs.is_sampled());
                prop_assert!(ours.trace_state().header().len() <= MAX_TRACESTATE_BYTES);
            }
        }
    }
}
