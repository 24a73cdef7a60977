//! The tables of docs/performance.md, written between its marks, and the plots beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::cluster::{self, Webhook};
use crate::http::{Measured, median};
use crate::load::{Found, Loop};
use crate::plots::Bars;
use crate::results::Results;
use crate::targets::{Bounds, Target};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(long)]
    results: PathBuf,
    /// The page that has the marks.
    #[arg(long)]
    page: PathBuf,
}

pub fn write(args: &Args) -> anyhow::Result<()> {
    let results = Results(args.results.clone());
    let http: Vec<Measured> = results.read("http")?;
    let cluster: cluster::Found = results.read("cluster")?;
    let mut page = fs::read_to_string(&args.page)?;
    for (name, table) in [
        ("setting", setting()),
        ("targets", targets(&http, &cluster)),
        ("closed", closed(&http)),
        ("open", open(&http)),
        ("cluster", of_cluster(&cluster)),
        ("accounts", by_accounts(&cluster)),
        ("creation", creation(&cluster)),
    ] {
        page = between_marks(&page, name, &table)?;
    }
    fs::write(&args.page, page)?;
    plots(&http, &cluster, &args.page.with_extension(""))
}

/// `<!-- NAME -->` and `<!-- /NAME -->` stay, and what stands between them goes.
fn between_marks(page: &str, name: &str, table: &str) -> anyhow::Result<String> {
    let (begin, end) = (format!("<!-- {name} -->"), format!("<!-- /{name} -->"));
    let split = page.split_once(&begin).and_then(|(before, rest)| {
        let (_, after) = rest.split_once(&end)?;
        Some((before, after))
    });
    let (before, after) = split.with_context(|| format!("the page has no {begin} … {end}"))?;
    Ok(format!("{before}{begin}\n{}\n{end}{after}", table.trim_end()))
}

fn setting() -> String {
    let output = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).output().ok();
        output.map(|it| String::from_utf8_lossy(&it.stdout).trim().to_owned()).unwrap_or_default()
    };
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    format!(
        "Measured on {} with {cores} cores ({}), Linux {}, {}, at commit {}.",
        output("date", &["-u", "+%F"]),
        model.trim_start_matches([' ', '\t', ':']).trim(),
        // What a vendor adds to the version is none of the measurement's business.
        output("uname", &["-r"]).split('.').take(2).collect::<Vec<_>>().join("."),
        output("rustc", &["--version"]).split(" (").next().unwrap_or_default(),
        output("git", &["rev-parse", "--short", "HEAD"]),
    )
}

fn of<'a>(
    all: &'a [Measured],
    server: &str,
    bytes: usize,
    hit: bool,
    how: Loop,
) -> Option<&'a Measured> {
    all.iter().find(|it| {
        it.server == server && it.case.bytes == bytes && it.case.hit == hit && it.case.how == how
    })
}

/// The ratio of two servers in one case, the median of the rounds' ratios: neighbours in time are compared.
fn ratio(all: &[Measured], hit: bool, how: Loop, figure: impl Fn(&Found) -> f64) -> f64 {
    let pair = of(all, "ours", 6_000, hit, how).zip(of(all, "floor", 6_000, hit, how));
    pair.map_or(f64::NAN, |(ours, floor)| {
        let rounds = ours.rounds.iter().zip(&floor.rounds);
        median(rounds.map(|(ours, floor)| figure(ours) / figure(floor)).collect())
    })
}

fn cpu(found: &Found) -> f64 {
    found.cpu_seconds * 1e6 / found.requests as f64
}

fn per_second(found: &Found) -> f64 {
    found.requests as f64 / found.seconds
}

fn targets(http: &[Measured], cluster: &cluster::Found) -> String {
    let mut table = String::from("| | measured | required | goal |\n|---|---|---|---|\n");
    table.extend(
        targets_of_requests(http).iter().chain(&targets_of_a_cluster(cluster)).map(Target::row),
    );
    let how = Loop::Closed { connections: 32 };
    let peer = of(http, "peer", 6_000, true, how).zip(of(http, "ours", 6_000, true, how));
    table += &peer.map_or_else(
        || "| admissions per CPU-second, against the Go webhook | not measured here | ≥ 5 x | ≥ 10 x |\n".to_owned(),
        |(peer, ours)| {
            let rounds = peer.rounds.iter().zip(&ours.rounds);
            let ratio = median(rounds.map(|(peer, ours)| cpu(peer) / cpu(ours)).collect());
            let name = "admissions per CPU-second, against the Go webhook";
            Target::new(name, ratio, 1, Bounds::AtLeast(5.0, 10.0), " x").row()
        },
    );
    table
}

fn targets_of_requests(http: &[Measured]) -> Vec<Target> {
    use Bounds::{AtLeast, AtMost};
    const FLOOR: &str = " x floor";
    const OF_THE_FLOOR: &str = " of the floor";
    let closed = Loop::Closed { connections: 32 };
    let p99 = ratio(http, true, Loop::Open { per_second: 1000 }, |it| it.p99 as f64);
    let (cpu_of_a_hit, cpu_of_a_miss) =
        (ratio(http, true, closed, cpu), ratio(http, false, closed, cpu));
    let (hits, misses) =
        (ratio(http, true, closed, per_second), ratio(http, false, closed, per_second));
    vec![
        Target::new("server CPU per request, 6 KB, hit", cpu_of_a_hit, 2, AtMost(2.0, 1.4), FLOOR),
        Target::new(
            "server CPU per request, 6 KB, miss",
            cpu_of_a_miss,
            2,
            AtMost(1.6, 1.25),
            FLOOR,
        ),
        Target::new("requests/s, 6 KB, hit", hits, 2, AtLeast(0.55, 0.75), OF_THE_FLOOR),
        Target::new("requests/s, 6 KB, miss", misses, 2, AtLeast(0.65, 0.85), OF_THE_FLOOR),
        Target::new("p99 at 1,000/s, open loop", p99, 2, AtMost(2.0, 1.3), FLOOR),
    ]
}

fn targets_of_a_cluster(cluster: &cluster::Found) -> Vec<Target> {
    use Bounds::{AtLeast, AtMost};
    let with = |count: usize| cluster.few_and_many.iter().find(|it| it.server == count.to_string());
    let few_and_many =
        with(cluster.accounts).zip(with(cluster::FEW)).map_or(f64::NAN, |(many, few)| {
            let rounds = many.rounds.iter().zip(&few.rounds);
            median(rounds.map(|(many, few)| per_second(many) / per_second(few)).collect())
        });
    let ours = cluster.webhooks.iter().find(|it| it.name == "ours");
    let of_ours = |figure: &dyn Fn(&Webhook) -> f64| ours.map_or(f64::NAN, figure);
    let p50 = |name: &str| {
        let creation = cluster.creation.iter().find(|it| it.name == name);
        creation.map_or(f64::NAN, |it| it.p50)
    };
    let steady = of_ours(&|it| it.steady);
    let peak = of_ours(&|it| it.peak_of_list.max(it.peak_of_relist.unwrap_or_default()));
    let ready = of_ours(&|it| median(it.ready.clone())) / median(cluster.list.clone());
    let added = p50("ours") - p50("none");
    let accounts = cluster.accounts;
    let throughput = format!("requests/s with {accounts} ServiceAccounts, relative to 100");
    let rss = format!("RSS with {accounts} ServiceAccounts, steady");
    let peak_name = format!("RSS with {accounts} ServiceAccounts, peak of list and relist");
    vec![
        Target::new(&throughput, few_and_many, 3, AtLeast(0.97, 1.0), ""),
        Target::new(&rss, steady, 1, AtMost(35.0, 20.0), " MiB"),
        Target::new(&peak_name, peak, 1, AtMost(80.0, 40.0), " MiB"),
        Target::new("time until ready, relative to a bare list", ready, 2, AtMost(1.5, 1.1), " x"),
        Target::new("added to pod creation, p50", added, 2, AtMost(1.0, 0.3), " ms"),
    ]
}

fn label(measured: &Measured) -> String {
    let case = &measured.case;
    let lookup = if case.hit { "hit" } else { "miss" };
    let how = match case.how {
        Loop::Closed { connections } => format!("{connections} connections"),
        Loop::Handshakes { connections } => {
            format!("{connections} clients, a handshake for each request")
        }
        Loop::Open { per_second } => format!("{per_second}/s"),
    };
    format!("{} KB, {lookup}, {how}", case.bytes / 1000)
}

fn spread(measured: &Measured, figure: impl Fn(&Found) -> f64, digits: usize) -> String {
    let values: Vec<f64> = measured.rounds.iter().map(figure).collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    format!("{:.digits$} ({low:.digits$}–{high:.digits$})", median(values))
}

fn closed(http: &[Measured]) -> String {
    let mut table = String::from(
        "| case | server | CPU, µs per request | requests/s | p50, µs | p99, µs |\n|---|---|---|---|---|---|\n",
    );
    for it in http.iter().filter(|it| !matches!(it.case.how, Loop::Open { .. })) {
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {:.0} | {:.0} |",
            label(it),
            it.server,
            spread(it, cpu, 1),
            spread(it, per_second, 0),
            it.median(|found| found.p50 as f64),
            it.median(|found| found.p99 as f64),
        );
    }
    table
}

fn open(http: &[Measured]) -> String {
    let mut table = String::from(
        "| case | server | p50, µs | p99, µs | p99.9, µs | max, µs |\n|---|---|---|---|---|---|\n",
    );
    for it in http.iter().filter(|it| matches!(it.case.how, Loop::Open { .. })) {
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} |",
            label(it),
            it.server,
            spread(it, |found| found.p50 as f64, 0),
            spread(it, |found| found.p99 as f64, 0),
            spread(it, |found| found.p999 as f64, 0),
            spread(it, |found| found.max as f64, 0),
        );
    }
    table
}

fn of_cluster(cluster: &cluster::Found) -> String {
    let mut table = format!(
        "{} ServiceAccounts. A bare list of them, page by page, takes {:.2} s.\n\n| | Ready, s | RSS idle, MiB | with all | \
         peak of the list | peak of a relist | after the relist | after churn |\n|---|---|---|---|---|---|---|---|\n",
        cluster.accounts,
        median(cluster.list.clone())
    );
    let maybe = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |it| format!("{it:.1}"));
    for it in &cluster.webhooks {
        let _ = writeln!(
            table,
            "| {} | {:.2} | {:.1} | {:.1} | {:.1} | {} | {} | {:.1} |",
            it.name,
            median(it.ready.clone()),
            it.idle,
            it.steady,
            it.peak_of_list,
            maybe(it.peak_of_relist),
            maybe(it.after_relist),
            it.after_churn
        );
    }
    table
}

fn by_accounts(cluster: &cluster::Found) -> String {
    let mut table =
        String::from("| ServiceAccounts | CPU, µs per request | requests/s |\n|---|---|---|\n");
    for it in &cluster.few_and_many {
        let (cpu, rate) = (spread(it, cpu, 1), spread(it, per_second, 0));
        let _ = writeln!(table, "| {} | {cpu} | {rate} |", it.server);
    }
    table
}

fn creation(cluster: &cluster::Found) -> String {
    let mut table = String::from("| webhook | pods | p50, ms | p99, ms |\n|---|---|---|---|\n");
    for it in &cluster.creation {
        let _ = writeln!(table, "| {} | {} | {:.2} | {:.2} |", it.name, it.pods, it.p50, it.p99);
    }
    for it in &cluster.bursts {
        let _ = writeln!(
            table,
            "\nA burst of {} pods at once with {}: {} mutated, {} failed. It took {:.1} s in all; the slowest pod took {:.1} s.",
            it.pods, it.name, it.mutated, it.failed, it.seconds, it.slowest
        );
    }
    table
}

fn plots(http: &[Measured], cluster: &cluster::Found, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let bars = |title: &str,
                unit,
                cases: &[(&str, Loop, usize)],
                figure: &dyn Fn(&Measured) -> f64| {
        let series = ["floor", "ours", "peer"].map(|server| {
            let values =
                cases.iter().map(|&(_, how, bytes)| of(http, server, bytes, true, how).map(figure));
            (server.to_owned(), values.flatten().collect::<Vec<f64>>())
        });
        let series = series.into_iter().filter(|(_, values)| values.len() == cases.len()).collect();
        let labels = cases.iter().map(|(label, ..)| (*label).to_owned()).collect();
        Bars { title: title.to_owned(), unit, labels, series }
    };
    let closed = |connections| Loop::Closed { connections };
    let sizes = [
        ("2 KB", closed(8), 2_000),
        ("6 KB", closed(8), 6_000),
        ("64 KB", closed(8), 64_000),
        ("200 KB", closed(8), 200_000),
    ];
    let title = "Server CPU per request, by the review's size (hit, 8 connections)";
    bars(title, "µs", &sizes, &Measured::cpu_microseconds).draw(&folder.join("cpu.svg"))?;
    let rates = [200, 1000, 5000].map(|per_second| Loop::Open { per_second });
    let rates =
        [("200/s", rates[0], 6_000), ("1,000/s", rates[1], 6_000), ("5,000/s", rates[2], 6_000)];
    let title = "p99 in the open loop, from the intended moment of sending (6 KB, hit)";
    bars(title, "µs", &rates, &|it| it.median(|found| found.p99 as f64))
        .draw(&folder.join("latency.svg"))?;
    let memory = |it: &Webhook| {
        (
            it.name.clone(),
            vec![
                it.idle,
                it.steady,
                it.peak_of_list,
                it.peak_of_relist.unwrap_or_default(),
                it.after_churn,
            ],
        )
    };
    Bars {
        title: format!("Memory with {} ServiceAccounts", cluster.accounts),
        unit: "MiB",
        labels: ["idle", "steady", "peak, list", "peak, relist", "after churn"]
            .map(str::to_owned)
            .into(),
        series: cluster.webhooks.iter().map(memory).collect(),
    }
    .draw(&folder.join("memory.svg"))
}
