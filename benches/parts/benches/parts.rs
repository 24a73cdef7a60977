//! `cargo bench --manifest-path benches/Cargo.toml --bench parts`: the parts of an admission in one process.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use injection::admission::{decode, respond};
use injection::mutation::{Jitter, Scope, plan};
use pod_identity_parts::reviews::review;
use pod_identity_parts::scene::{Scene, candidate, decoded};
use std::hint::black_box;

const SIZES: [usize; 4] = [2_000, 6_000, 64_000, 200_000];

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for size in SIZES {
        let body = review(size, "app");
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
            bencher.iter(|| decode(black_box(&body)));
        });
    }
}

fn answer(criterion: &mut Criterion) {
    let body = review(6_000, "app");
    let review = decoded(&body);
    let candidate = candidate(&review);
    let pod = review.pod().expect("a review of a pod");
    let scene = Scene::new(true);
    let identity = scene.identity(&scene.policy.defaults).expect("a role");
    let settings = &scene.policy.settings;
    let planned = plan(pod, Scope::Creation, &identity, settings, Jitter(0));
    let admission = scene.admit(&candidate);
    criterion
        .bench_function("admit", |bencher| bencher.iter(|| scene.admit(black_box(&candidate))));
    criterion.bench_function("plan", |bencher| {
        bencher.iter(|| plan(black_box(pod), Scope::Creation, &identity, settings, Jitter(0)));
    });
    criterion.bench_function("patch", |bencher| bencher.iter(|| black_box(&planned).patch()));
    criterion.bench_function("respond", |bencher| {
        bencher.iter(|| respond(black_box(&review), &admission));
    });
}

criterion_group!(parts, read, answer);
criterion_main!(parts);
