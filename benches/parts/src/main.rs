//! Instructions that the parts of an admission take: the same at each run, on a busy machine too. Callgrind counts.
//!
//! What is counted is the program's own code. The C library's is left out: how it allocates and copies differs from
//! one machine to the next. So a further allocation shows only by what the program's own code does for it.
//!
//!     instructions check|agree BASELINE
//!     instructions part NAME ROUNDS

use std::collections::BTreeMap;
use std::process::Command;
use std::{env, fs, hint};

use anyhow::{Context as _, bail, ensure};
use injection::admission::respond;
use pod_identity_parts::reviews::{review, review_with_annotation};
use pod_identity_parts::scene::{Scene, candidate, decoded};
use serde::{Deserialize, Serialize};

const ROUNDS: u32 = 100;
/// In percent.
const TOLERANCE: f64 = 3.0;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Baseline {
    /// The compiler, the architecture and the vectors that they are of.
    built_by: String,
    instructions: BTreeMap<String, u64>,
}

/// Each of the names is one that [`run_part`] knows.
const PARTS: [&str; 7] = [
    "decode-2k",
    "decode-6k",
    "decode-64k",
    "decode-annotation",
    "admit-hit",
    "admit-miss",
    "respond",
];

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check", baseline] => check(baseline),
        ["agree", baseline] => agree(baseline),
        ["part", name, rounds] => run_part(name, rounds.parse()?),
        _ => bail!("instructions check|agree BASELINE, or instructions part NAME ROUNDS"),
    }
}

/// Fails where a part takes more than was agreed on.
fn check(baseline: &str) -> anyhow::Result<()> {
    let read = fs::read(baseline).with_context(|| format!("failed to read {baseline}"))?;
    let agreed: Baseline = serde_json::from_slice(&read)?;
    let built_by = built_by()?;
    if agreed.built_by != built_by {
        progress(&format!(
            "not compared: the baseline is of {}, this is {built_by}; make bench-baseline writes another",
            agreed.built_by
        ));
        return Ok(());
    }
    let mut slower = Vec::new();
    for (part, now) in count_all()? {
        let agreed =
            *agreed.instructions.get(&part).with_context(|| format!("no baseline of {part}"))?;
        let change = (now as f64 / agreed as f64 - 1.0) * 100.0;
        progress(&format!(
            "{part:12} {now:>9} instructions, {agreed:>9} in the baseline: {change:+.1} %"
        ));
        if change > TOLERANCE {
            slower.push(part);
        }
    }
    ensure!(
        slower.is_empty(),
        "over {TOLERANCE} % more instructions than agreed: {}; where that is worth it, make bench-baseline and give the \
         reason in the commit",
        slower.join(", ")
    );
    Ok(())
}

fn agree(baseline: &str) -> anyhow::Result<()> {
    let now = Baseline { built_by: built_by()?, instructions: count_all()? };
    fs::write(baseline, serde_json::to_string_pretty(&now)? + "\n")
        .with_context(|| format!("failed to write {baseline}"))
}

/// simdutf8 and base64 choose by the CPU, and callgrind shows one with AVX2 at most.
fn built_by() -> anyhow::Result<String> {
    #[cfg(target_arch = "x86_64")]
    let vectors = if std::arch::is_x86_feature_detected!("avx2") { " avx2" } else { "" };
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = "";
    let output = Command::new("rustc").arg("--version").output().context("failed to run rustc")?;
    let version = String::from_utf8(output.stdout)?;
    let version = version.split(' ').nth(1).context("rustc tells no version")?;
    Ok(format!("rustc {version} {}{vectors}", env::consts::ARCH))
}

fn count_all() -> anyhow::Result<BTreeMap<String, u64>> {
    let one = |part: &&str| {
        let once_per_run = count(part, 0)?;
        let rounds = count(part, ROUNDS)?.saturating_sub(once_per_run);
        Ok(((*part).to_owned(), rounds / u64::from(ROUNDS)))
    };
    PARTS.iter().map(one).collect()
}

/// The instructions of this program's own code in a run of so many rounds.
fn count(part: &str, rounds: u32) -> anyhow::Result<u64> {
    let own = env::current_exe()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--compress-strings=no"])
        .arg("--callgrind-out-file=/dev/stdout")
        .arg(&own)
        .args(["part", part, &rounds.to_string()])
        .output()
        .context("failed to run valgrind; install it")?;
    ensure!(output.status.success(), "callgrind: {}", String::from_utf8_lossy(&output.stderr));
    let cost = own_cost(&String::from_utf8_lossy(&output.stdout), &own.display().to_string())?;
    ensure!(cost > 0, "callgrind counted nothing in {}", own.display());
    Ok(cost)
}

/// Sums what stands under the program's own `ob=`, without the calls' inclusive costs.
/// <https://valgrind.org/docs/manual/cl-format.html>
fn own_cost(counted: &str, own: &str) -> anyhow::Result<u64> {
    let (mut cost, mut counts, mut of_a_call) = (0, false, false);
    for line in counted.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            counts = object == own;
        } else if line.starts_with("calls=") {
            of_a_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            if counts && !of_a_call {
                let own = line.split(' ').nth(1).context("a line without a cost")?;
                cost += own.parse::<u64>()?;
            }
            of_a_call = false;
        }
    }
    Ok(cost)
}

/// For callgrind: one part, so often.
fn run_part(name: &str, rounds: u32) -> anyhow::Result<()> {
    let size = match name {
        "decode-2k" => 2_000,
        "decode-64k" => 64_000,
        _ => 6_000,
    };
    let body = match name {
        "decode-annotation" => review_with_annotation(56_000, "app"),
        _ => review(size, "app"),
    };
    let scene = Scene::new(name != "admit-miss");
    let read = decoded(&body);
    let candidate = candidate(&read);
    let admission = scene.admit(&candidate);
    for _ in 0..rounds {
        match name {
            _ if name.starts_with("decode-") => drop(hint::black_box(decoded(&body))),
            "admit-hit" | "admit-miss" => drop(hint::black_box(scene.admit(&candidate))),
            "respond" => drop(hint::black_box(respond(&read, &admission))),
            other => bail!("no part is named {other}"),
        }
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "what it found, for whoever waits")]
fn progress(text: &str) {
    eprintln!("{text}");
}
