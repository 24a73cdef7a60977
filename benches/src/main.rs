//! Measures whole servers, side by side; `make bench` calls it.

mod answer;
mod client;
mod cluster;
mod flame;
mod floor;
mod http;
mod load;
mod plots;
mod report;
mod results;
mod server;
#[path = "../../tests/support/mod.rs"]
mod support;
mod targets;
mod wrk;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use pod_identity_webhook::{cli, run};

use cluster::Candidate;
use results::{Effort, Results, progress};

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// The server that all are compared with.
    Floor(floor::Args),
    /// CPU time, throughput and latency of HTTPS servers.
    Http(Args),
    /// Memory, readiness and pod creation on a real API server.
    Cluster(Args),
    /// Samples the webhook's stacks under load.
    Flame(flame::Args),
    /// Writes the tables and plots.
    Report(report::Args),
    /// The webhook itself with its symbols, for profilers.
    #[command(hide = true)]
    Webhook {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Args {
    /// The webhook: the binary of the image, or a release build.
    #[arg(long)]
    program: PathBuf,
    /// The Go webhook, where you have one.
    #[arg(long, env = "PEER_WEBHOOK")]
    peer: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Effort::Standard)]
    effort: Effort,
    /// Where what was found is kept.
    #[arg(long)]
    results: PathBuf,
}

fn main() -> anyhow::Result<ExitCode> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match Cli::parse().command {
        Command::Floor(args) => floor::run(&args)?,
        Command::Flame(args) => flame::run(&args)?,
        Command::Report(args) => report::write(&args)?,
        Command::Webhook { args } => {
            let args = ["pod-identity-webhook".to_owned()].into_iter().chain(args);
            return Ok(run::run(Ok(cli::Cli::parse_from(args).into_command())));
        }
        Command::Http(args) => {
            let plan = http::Plan { program: args.program, peer: args.peer, effort: args.effort };
            progress(&format!("HTTP: about {} s", plan.expected().as_secs()));
            let runtime = tokio::runtime::Runtime::new()?;
            let measured = runtime.block_on(plan.run())?;
            Results(args.results).write("http", &measured)?;
        }
        Command::Cluster(args) => {
            let ours = Candidate { name: "ours", program: args.program };
            let peer = args.peer.map(|program| Candidate { name: "peer", program });
            let candidates = [ours].into_iter().chain(peer).collect();
            let plan = cluster::Plan { candidates, effort: args.effort };
            progress(&format!("API server: about {} s", plan.expected().as_secs()));
            let runtime = tokio::runtime::Runtime::new()?;
            let found = runtime.block_on(plan.run())?;
            Results(args.results).write("cluster", &found)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
