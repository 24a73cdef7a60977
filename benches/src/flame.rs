//! Where the time of a request goes: samples of the webhook's stacks under load, for a flame graph.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use pod_identity_parts::reviews::review;

use crate::client::request;
use crate::http::{self, HIT};
use crate::load::{Loop, Times, measure};
use crate::server::{Identity, stay_on_the_load_core};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where `perf` puts its samples.
    #[arg(long)]
    samples: PathBuf,
}

/// Seconds that are sampled, within a longer load.
const SECONDS: u64 = 4;

pub fn run(args: &Args) -> anyhow::Result<()> {
    let identity = Identity::new()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let server = runtime.block_on(async {
        let accounts = http::accounts(&identity, 100)?;
        let server = identity.webhook_with_symbols(&[accounts]).await?;
        server.ready().await?;
        anyhow::Ok(server)
    })?;
    // Stacks by what the compiler wrote down for unwinding: no other build is needed.
    let mut perf = Command::new("perf")
        .args(["record", "--quiet", "--freq=499", "--call-graph=dwarf,65528"])
        .arg(format!("--pid={}", server.process().id()))
        .arg(format!("--output={}", args.samples.display()))
        .args(["--", "sleep", &SECONDS.to_string()])
        .spawn()
        .context("failed to run perf; install it (linux-perf)")?;
    stay_on_the_load_core()?;
    let requests = vec![request(server.address, "/mutate", &review(6_000, HIT))];
    let window = Duration::from_secs(SECONDS + 1);
    let times = Times { warm_up: Duration::ZERO, window };
    let how = Loop::Closed { connections: 32 };
    measure(&server, &identity.target(&server)?, requests, how, times)?;
    let ended = perf.wait()?;
    ensure!(ended.success(), "perf record: {ended}");
    Ok(())
}
