//! Which requests are traced: what the environment asks for, and no more of them than so many a second. Whoever
//! calls can ask for a trace, and must not make the webhook send without end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

use super::settings::{Choice, Sampling};
use super::stats::{Dropped, Stats};

/// Requests that are traced at once, after a while without any.
const BURST: u32 = 200;
/// How long it takes until one more may be traced: 100 a second.
const REFILL: Duration = Duration::from_millis(10);

/// The sampler of the settings, with a limit for requests. What belongs to a request that is traced is
/// traced as well.
#[derive(Clone, Debug)]
pub(super) struct Limited {
    sampler: Sampler,
    bucket: Arc<Mutex<Bucket>>,
    stats: Arc<Stats>,
}

impl Limited {
    pub(super) fn new(sampling: Sampling, stats: Arc<Stats>) -> Self {
        let choice = match sampling.choice {
            Choice::All => Sampler::AlwaysOn,
            Choice::None => Sampler::AlwaysOff,
            Choice::Ratio(ratio) => Sampler::TraceIdRatioBased(ratio),
        };
        let sampler =
            if sampling.parent_based { Sampler::ParentBased(Box::new(choice)) } else { choice };
        Self { sampler, bucket: Arc::new(Mutex::new(Bucket::new(Instant::now()))), stats }
    }
}

impl ShouldSample for Limited {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let mut result = self.sampler.should_sample(parent, trace, name, kind, attributes, links);
        let is_within = parent.is_some_and(|parent| {
            let span = parent.span();
            let context = span.span_context();
            context.is_valid() && !context.is_remote()
        });
        if result.decision == SamplingDecision::RecordAndSample && !is_within {
            let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
            if !bucket.take(Instant::now()) {
                drop(bucket);
                result.decision = SamplingDecision::Drop;
                self.stats.dropped(Dropped::RateLimit, 1);
            }
        }
        result
    }
}

/// So many tokens, one more with each refill.
#[derive(Debug)]
struct Bucket {
    tokens: u32,
    /// Up to when it was refilled.
    since: Instant,
}

impl Bucket {
    fn new(now: Instant) -> Self {
        Self { tokens: BURST, since: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since);
        let refills = passed.as_nanos() / REFILL.as_nanos();
        let refills = u32::try_from(refills).unwrap_or(u32::MAX);
        self.tokens = self.tokens.saturating_add(refills).min(BURST);
        // What is left of an interval counts for the next.
        self.since = match self.tokens {
            BURST => now,
            _ => self.since + REFILL * refills,
        };
        let taken = self.tokens.checked_sub(1);
        self.tokens = taken.unwrap_or_default();
        taken.is_some()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};

    use super::*;

    #[test]
    fn gives_a_burst_and_then_so_many_a_second() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(begin);
        let burst = (0..1_000).filter(|_| bucket.take(begin)).count();
        assert_eq!(burst, 200);
        let asked = (1..=100_000).map(|tick| begin + Duration::from_micros(100) * tick);
        assert_eq!(asked.filter(|now| bucket.take(*now)).count(), 1_000, "in ten seconds");
        let later = begin + Duration::from_hours(1_000_000);
        assert_eq!((0..1_000).filter(|_| bucket.take(later)).count(), 200);
    }

    /// Who asks: nobody, a stranger, the span around it.
    fn parent(sampled: bool, remote: bool) -> Context {
        let flags = TraceFlags::default().with_sampled(sampled);
        let ids = (TraceId::from(1), SpanId::from(1));
        let context = SpanContext::new(ids.0, ids.1, flags, remote, TraceState::NONE);
        Context::new().with_remote_span_context(context)
    }

    fn sampled(limited: &Limited, parent: &Context, times: usize) -> usize {
        let asked = (0..times).map(|_| {
            let trace = TraceId::from(u128::from(fastrand::u64(..)) | 1 << 100);
            let kind = SpanKind::Server;
            limited.should_sample(Some(parent), trace, "POST /mutate", &kind, &[], &[]).decision
        });
        asked.filter(|decision| *decision == SamplingDecision::RecordAndSample).count()
    }

    #[test]
    fn strangers_who_ask_for_every_trace_get_no_more_than_the_limit() {
        for (parent_based, choice) in
            [(true, Choice::None), (true, Choice::All), (false, Choice::All)]
        {
            let stats = Arc::new(Stats::default());
            let limited = Limited::new(Sampling { parent_based, choice }, Arc::clone(&stats));
            let traced = sampled(&limited, &parent(true, true), 10_000);
            // More than the burst where the machine is slow.
            assert!((200..5_000).contains(&traced), "{traced}");
            let dropped = usize::try_from(stats.count(Dropped::RateLimit)).expect("a count");
            assert_eq!(traced + dropped, 10_000);
            // The spans of a request that is traced go on.
            assert_eq!(sampled(&limited, &parent(true, false), 1_000), 1_000);
        }
    }

    #[test]
    fn a_trace_that_is_not_wanted_takes_nothing_of_the_limit() {
        let stats = Arc::new(Stats::default());
        let sampling = Sampling { parent_based: true, choice: Choice::All };
        let limited = Limited::new(sampling, Arc::clone(&stats));
        assert_eq!(sampled(&limited, &parent(false, true), 10_000), 0);
        assert_eq!(stats.count(Dropped::RateLimit), 0);
        assert_eq!(sampled(&limited, &Context::new(), 100), 100);
    }
}
