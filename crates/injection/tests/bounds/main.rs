//! What an admission costs at most, of time and of memory, whatever the review.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "test code: a panic is how a test says what went wrong"
)]

mod reviews;

use std::time::Duration;

use injection::admission::{
    ANSWER_MEMORY, Admission, AdmissionSettings, Endpoint, MAX_ANSWER_BYTES, MEMORY_FACTOR,
    Outcome, Triage, decode, respond,
};
use injection::identity::{Lookup, Observed, ServiceAccountReader};
use injection::mutation::{Jitter, MAX_PATCH_BYTES};
use peak_alloc::PeakAlloc;
use rustix::time::{ClockId, clock_gettime};

use reviews::{DIMENSIONS, pod};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Of the larger of the two reviews that are compared. A debug build goes some
/// thirty times slower, so that less has to do.
const BYTES: usize = if cfg!(debug_assertions) { 512 << 10 } else { 3 << 20 };

/// What one of 3 MiB may take in a release build.
const LIMIT: Duration = Duration::from_millis(100);

fn annotated(role: &str, listed: bool) -> Lookup {
    let role = [("eks.amazonaws.com/role-arn", role)];
    let read = ServiceAccountReader::default().read(role.into_iter());
    Lookup {
        container_credentials: listed,
        service_account: read.map_or(Observed::Absent, |read| Observed::Known(read.into())),
        config_map_entry: Observed::Absent,
    }
}

/// One admission, as the server goes it; the bytes of the answer.
fn answer(
    body: &str,
    lookup: &Lookup,
    policy: &AdmissionSettings,
    endpoint: Endpoint,
) -> (Admission, usize) {
    let Ok(review) = decode(body.as_bytes()) else {
        return (Admission::of(Outcome::BadRequest), 0);
    };
    let admission = match review.triage() {
        Triage::Settled(outcome) => Admission::of(outcome),
        Triage::Lookup(candidate) => candidate.admit(lookup, policy, endpoint, Jitter(0)),
    };
    let answer = match admission.outcome {
        Outcome::PatchTooLarge => Vec::new(),
        _ => respond(&review, &admission),
    };
    (admission, answer.len())
}

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.try_into().unwrap(), now.tv_nsec.try_into().unwrap())
}

/// The least of some runs of each: what others do on the machine only adds to it. In turns, so that they add to all.
fn costs<const N: usize>(bodies: [&str; N], run: impl Fn(&str)) -> [Duration; N] {
    let once = |body| {
        let begun = cpu_time();
        run(body);
        cpu_time().saturating_sub(begun)
    };
    let mut least = [Duration::MAX; N];
    for _ in 0..8 {
        for (least, body) in least.iter_mut().zip(bodies) {
            *least = once(body).min(*least);
        }
    }
    least
}

/// One test, since the allocator counts for the whole process.
#[test]
fn takes_time_and_memory_in_proportion_to_the_review() {
    let policy = AdmissionSettings::default();
    let lookups = [annotated("arn:aws:iam::111122223333:role/app", false), annotated("x", true)];
    let mut failed = Vec::new();
    for dimension in &DIMENSIONS {
        let [half, whole] = [BYTES / 2, BYTES].map(|bytes| (dimension.review)(bytes));
        let run = |body: &str| {
            for (lookup, endpoint) in lookups.iter().zip([Endpoint::Required, Endpoint::Mutate]) {
                answer(body, lookup, &policy, endpoint);
            }
        };
        let [of_half, of_whole] = costs([&half, &whole], run).map(|cost| cost / 2);
        let ratio = of_whole.as_secs_f64() / of_half.as_secs_f64();
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        run(&whole);
        let memory = MEMORY.peak_usage().saturating_sub(before);
        let percent = memory * 100 / whole.len();
        eprintln!(
            "{:44} {:>8} bytes: {of_half:>9.1?}, {of_whole:>9.1?}: {ratio:.2} times; memory {percent} %",
            dimension.name,
            whole.len()
        );
        // A little cost is the same at any length.
        if ratio > 2.5 && of_whole > Duration::from_millis(1) {
            failed.push(format!("{}: twice the size costs {ratio:.2} times", dimension.name));
        }
        if !cfg!(debug_assertions) && of_whole > LIMIT {
            failed.push(format!("{}: {of_whole:?} for {} bytes", dimension.name, whole.len()));
        }
        if memory > whole.len() * MEMORY_FACTOR + ANSWER_MEMORY {
            failed.push(format!("{}: {memory} bytes for {}", dimension.name, whole.len()));
        }
    }
    bounds_the_patch();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// A role of the longest length in a pod of many containers: what is too large
/// is not built first.
fn bounds_the_patch() {
    let role = format!("arn:aws:iam::111122223333:role/{}", "\u{1}".repeat(2_000));
    let (lookup, policy) = (annotated(&role, false), AdmissionSettings::default());
    let mut largest = 0;
    for containers in [1, 10, 100, 150, 160, 165, 170, 200, 1_000, 30_000, 200_000] {
        let all: Vec<_> = (0..containers).map(|n| format!(r#"{{"name":"{n}"}}"#)).collect();
        let body = pod(&format!(r#""containers":[{}]"#, all.join(",")));
        for endpoint in Endpoint::ALL {
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let (admission, length) = answer(&body, &lookup, &policy, endpoint);
            let memory = MEMORY.peak_usage().saturating_sub(before);
            assert!(memory <= body.len() * MEMORY_FACTOR + ANSWER_MEMORY, "{containers}: {memory}");
            assert!(length <= MAX_ANSWER_BYTES, "{containers}: {length}");
            if containers <= 160 {
                assert_eq!(admission.outcome, Outcome::Mutated, "{containers}");
                largest = largest.max(admission.patch.as_str().len());
            } else if containers >= 200 {
                assert_eq!(admission.outcome, Outcome::PatchTooLarge, "{containers}");
                assert!(admission.patch.is_empty() && admission.refusal.is_none());
            }
        }
    }
    assert!(largest > MAX_PATCH_BYTES * 9 / 10 && largest <= MAX_PATCH_BYTES, "{largest}");
}
