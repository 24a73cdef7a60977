//! Instructions that the parts of an admission take: the same at each run, on a busy machine too. Callgrind counts.
//!
//! What is counted is the program's own code. The C library's is left out: how it allocates and copies differs from
//! one machine to the next. So a further allocation shows only by what the program's own code does for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use pod_identity_benches::parts::{Scene, candidate, decoded};
use pod_identity_benches::reviews::review;
use pod_identity_webhook::admission::respond;
use serde::{Deserialize, Serialize};

use crate::results::progress;

const ROUNDS: u32 = 100;
/// In percent.
const TOLERANCE: f64 = 3.0;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file with what they took when it was last agreed on.
    #[arg(long)]
    baseline: PathBuf,
    /// Writes the file anew.
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Baseline {
    /// The compiler and the architecture that they are of.
    built_by: String,
    instructions: BTreeMap<String, u64>,
}

/// Each of the names is one that [`run_part`] knows.
const PARTS: [&str; 6] =
    ["decode-2k", "decode-6k", "decode-64k", "admit-hit", "admit-miss", "respond"];

/// For callgrind: one part, so often.
pub fn run_part(name: &str, rounds: u32) -> anyhow::Result<()> {
    let size = match name {
        "decode-2k" => 2_000,
        "decode-64k" => 64_000,
        _ => 6_000,
    };
    let body = review(size, "app");
    let scene = Scene::new(name != "admit-miss");
    let read = decoded(&body);
    let candidate = candidate(&read);
    let admission = scene.admit(&candidate);
    for _ in 0..rounds {
        match name {
            "decode-2k" | "decode-6k" | "decode-64k" => drop(std::hint::black_box(decoded(&body))),
            "admit-hit" | "admit-miss" => drop(std::hint::black_box(scene.admit(&candidate))),
            "respond" => drop(std::hint::black_box(respond(&read, &admission))),
            other => bail!("no part is named {other}"),
        }
    }
    Ok(())
}

pub fn check(args: &Args) -> anyhow::Result<()> {
    let built_by = format!("rustc {} {}", rustc_version()?, std::env::consts::ARCH);
    let mut now = Baseline { built_by, instructions: BTreeMap::new() };
    for part in PARTS {
        let none = count(part, 0)?;
        let all = count(part, ROUNDS)?;
        now.instructions.insert(part.to_owned(), (all - none) / u64::from(ROUNDS));
    }
    if args.write {
        return Ok(fs::write(&args.baseline, serde_json::to_string_pretty(&now)? + "\n")?);
    }
    let agreed = fs::read(&args.baseline)
        .with_context(|| format!("failed to read {}", args.baseline.display()))?;
    let agreed: Baseline = serde_json::from_slice(&agreed)?;
    if agreed.built_by != now.built_by {
        progress(&format!(
            "not compared: the baseline is of {}, this is {}; make bench-baseline writes another",
            agreed.built_by, now.built_by
        ));
        return Ok(());
    }
    let mut slower = 0;
    for (part, now) in &now.instructions {
        let agreed =
            agreed.instructions.get(part).with_context(|| format!("no baseline of {part}"))?;
        let change = (*now as f64 / *agreed as f64 - 1.0) * 100.0;
        progress(&format!(
            "{part:12} {now:>9} instructions, {agreed:>9} in the baseline: {change:+.1} %"
        ));
        slower += usize::from(change > TOLERANCE);
    }
    ensure!(
        slower == 0,
        "{slower} parts take over {TOLERANCE} % more instructions than agreed; where that is worth it, make \
         bench-baseline and give the reason in the commit"
    );
    Ok(())
}

fn rustc_version() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("--version").output().context("failed to run rustc")?;
    let version = String::from_utf8(output.stdout)?;
    version.split(' ').nth(1).map(str::to_owned).context("rustc tells no version")
}

/// The instructions of this program's own code in a run of so many rounds.
fn count(part: &str, rounds: u32) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("out");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--compress-strings=no"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe()?)
        .args(["part", part, &rounds.to_string()])
        .output()
        .context("failed to run valgrind; install it")?;
    ensure!(output.status.success(), "callgrind: {}", String::from_utf8_lossy(&output.stderr));
    own_cost(&file, &std::env::current_exe()?)
}

/// Sums what stands under the program's own `ob=`, without the calls' inclusive costs.
/// <https://valgrind.org/docs/manual/cl-format.html>
fn own_cost(file: &Path, program: &Path) -> anyhow::Result<u64> {
    let own = program.display().to_string();
    let (mut cost, mut counts, mut of_a_call) = (0, false, false);
    for line in fs::read_to_string(file)?.lines() {
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
