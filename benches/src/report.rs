//! The tables of docs/performance.md, written between its marks, and the plots beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::cluster::{self, Webhook};
use crate::http::{Case, Measured, Shape, Tool, median};
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
        ("wrk", by_wrk(&http)),
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

fn of<'a>(all: &'a [Measured], server: &str, case: &Case) -> Option<&'a Measured> {
    all.iter().find(|it| it.server == server && it.case == *case)
}

/// A review of many containers, of our own client.
fn plain(bytes: usize, hit: bool, how: Loop) -> Case {
    Case { bytes, shape: Shape::Containers, hit, how, tool: Tool::Own }
}

/// The ratio of two servers in one case, the median of the rounds' ratios: neighbours in time are compared.
fn ratio(
    all: &[Measured],
    [above, below]: [&str; 2],
    case: &Case,
    figure: impl Fn(&Found) -> f64,
) -> Option<f64> {
    let (above, below) = of(all, above, case).zip(of(all, below, case))?;
    let rounds = above.rounds.iter().zip(&below.rounds);
    Some(median(rounds.map(|(above, below)| figure(above) / figure(below)).collect()))
}

const TO_FLOOR: [&str; 2] = ["ours", "floor"];
const PEER_TO_OURS: [&str; 2] = ["peer", "ours"];

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
    table
}

fn targets_of_requests(http: &[Measured]) -> Vec<Target> {
    use Bounds::{AtLeast, AtMost};
    const FLOOR: &str = " x floor";
    const OF_THE_FLOOR: &str = " of the floor";
    let closed = Loop::Closed { connections: 32 };
    let (hit, miss) = (plain(6_000, true, closed), plain(6_000, false, closed));
    let (medium, large) = (plain(64_000, true, closed), plain(200_000, true, closed));
    let annotation = Case { shape: Shape::Annotation, ..plain(56_000, true, closed) };
    let mut targets = Vec::new();
    for (tool, by) in [(Tool::Own, ""), (Tool::Wrk, ", by wrk")] {
        for (what, case, bounds) in [
            ("server CPU per request, 6 KB, hit", &hit, AtMost(1.7, 1.4)),
            ("server CPU per request, 6 KB, miss", &miss, AtMost(1.5, 1.25)),
            ("server CPU per request, 64 KB of containers", &medium, AtMost(2.0, 1.5)),
            ("server CPU per request, 200 KB of containers", &large, AtMost(2.5, 1.8)),
            ("server CPU per request, 56 KB, mostly one annotation", &annotation, AtMost(2.0, 1.5)),
        ] {
            let case = Case { tool, ..case.clone() };
            let value = ratio(http, TO_FLOOR, &case, cpu);
            targets.push(Target::new(&format!("{what}{by}"), value, 2, bounds, FLOOR));
        }
        for (what, case, bounds) in [
            ("requests/s, 6 KB, hit", &hit, AtLeast(0.60, 0.75)),
            ("requests/s, 6 KB, miss", &miss, AtLeast(0.70, 0.85)),
        ] {
            let case = Case { tool, ..case.clone() };
            let value = ratio(http, TO_FLOOR, &case, per_second);
            targets.push(Target::new(&format!("{what}{by}"), value, 2, bounds, OF_THE_FLOOR));
        }
        for (what, case, bounds) in [
            ("CPU of the Go webhook, against ours, 6 KB, hit", &hit, AtLeast(18.0, 22.0)),
            ("CPU of the Go webhook, against ours, 6 KB, miss", &miss, AtLeast(18.0, 21.0)),
        ] {
            let case = Case { tool, ..case.clone() };
            let value = ratio(http, PEER_TO_OURS, &case, cpu);
            targets.push(Target::new(&format!("{what}{by}"), value, 1, bounds, " x"));
        }
    }
    let open = plain(6_000, true, Loop::Open { per_second: 1000 });
    let p99 = ratio(http, TO_FLOOR, &open, |it| it.p99 as f64);
    targets.push(Target::new("p99 at 1,000/s, open loop", p99, 2, AtMost(2.0, 1.3), FLOOR));
    targets
}

fn targets_of_a_cluster(cluster: &cluster::Found) -> Vec<Target> {
    use Bounds::{AtLeast, AtMost};
    let with = |count: usize| cluster.few_and_many.iter().find(|it| it.server == count.to_string());
    let few_and_many = with(cluster.accounts).zip(with(cluster::FEW)).map(|(many, few)| {
        let rounds = many.rounds.iter().zip(&few.rounds);
        median(rounds.map(|(many, few)| per_second(many) / per_second(few)).collect())
    });
    let ours = cluster.webhooks.iter().find(|it| it.name == "ours");
    let of_ours = |figure: &dyn Fn(&Webhook) -> f64| ours.map(figure);
    let p50 = |name: &str| cluster.creation.iter().find(|it| it.name == name).map(|it| it.p50);
    let added = |name: &str| p50(name).zip(p50("none")).map(|(with, without)| with - without);
    let creation = |other: &str| added("ours").zip(added(other)).map(|(ours, other)| ours / other);
    let steady = of_ours(&|it| it.steady);
    let peak = of_ours(&|it| it.peak_of_list.max(it.peak_of_relist.unwrap_or_default()));
    let list = median(cluster.list.clone());
    let ready = of_ours(&|it| median(it.ready.clone())).map(|ready| ready / list);
    let accounts = cluster.accounts;
    let throughput = format!("requests/s with {accounts} ServiceAccounts, relative to 100");
    let rss = format!("RSS with {accounts} ServiceAccounts, steady");
    let peak_name = format!("RSS with {accounts} ServiceAccounts, peak of list and relist");
    vec![
        Target::new(&throughput, few_and_many, 3, AtLeast(0.97, 1.0), ""),
        Target::new(&rss, steady, 1, AtMost(25.0, 15.0), " MiB"),
        Target::new(&peak_name, peak, 1, AtMost(35.0, 20.0), " MiB"),
        Target::new("time until ready, relative to a bare list", ready, 2, AtMost(0.7, 0.6), " x"),
        Target::new(
            "added to pod creation, p50, relative to the Go webhook",
            creation("peer"),
            2,
            AtMost(1.0, 1.0),
            " x",
        ),
        Target::new(
            "added to pod creation, p50, relative to a bare webhook",
            creation(cluster::BARE),
            2,
            AtMost(1.0, 1.0),
            " x",
        ),
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
    let shape = match case.shape {
        Shape::Containers => "",
        Shape::Annotation => ", mostly one annotation",
    };
    format!("{} KB{shape}, {lookup}, {how}", case.bytes / 1000)
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
    let own = http.iter().filter(|it| it.case.tool == Tool::Own);
    for it in own.filter(|it| !matches!(it.case.how, Loop::Open { .. })) {
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {:.0} | {:.0} |",
            label(it),
            shown(&it.server),
            spread(it, cpu, 1),
            spread(it, per_second, 0),
            it.median(|found| found.p50 as f64),
            it.median(|found| found.p99 as f64),
        );
    }
    table
}

/// The name of a server in tables.
fn shown(server: &str) -> &str {
    if server == "peer" { "Go webhook" } else { server }
}

fn by_wrk(http: &[Measured]) -> String {
    let mut table = String::from(
        "| case | server | CPU, µs per request | x floor | requests/s | of the floor |\n|---|---|---|---|---|---|\n",
    );
    for it in http.iter().filter(|it| it.case.tool == Tool::Wrk) {
        let pair = [it.server.as_str(), "floor"];
        let to_floor = |figure: fn(&Found) -> f64| {
            ratio(http, pair, &it.case, figure).map_or_else(String::new, |it| format!("{it:.2}"))
        };
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} | {} | {} |",
            label(it),
            shown(&it.server),
            spread(it, cpu, 1),
            to_floor(cpu),
            spread(it, per_second, 0),
            to_floor(per_second),
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
            shown(&it.server),
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
            shown(&it.name),
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
        let _ = writeln!(
            table,
            "| {} | {} | {:.2} | {:.2} |",
            it.name.replace("peer", "Go webhook"),
            it.pods,
            it.p50,
            it.p99
        );
    }
    for it in &cluster.bursts {
        let _ = writeln!(
            table,
            "\nA burst of {} pods at once with {}: {} mutated, {} failed. It took {:.1} s in all; the slowest pod took {:.1} s.",
            it.pods,
            shown(&it.name),
            it.mutated,
            it.failed,
            it.seconds,
            it.slowest
        );
    }
    table
}

fn plots(http: &[Measured], cluster: &cluster::Found, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    let bars =
        |title: &str, unit, cases: &[(&str, Loop, usize)], figure: &dyn Fn(&Measured) -> f64| {
            let series = ["floor", "ours", "peer"].map(|server| {
                let values = cases
                    .iter()
                    .map(|&(_, how, bytes)| of(http, server, &plain(bytes, true, how)).map(figure));
                (shown(server).to_owned(), values.flatten().collect::<Vec<f64>>())
            });
            let series =
                series.into_iter().filter(|(_, values)| values.len() == cases.len()).collect();
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
            shown(&it.name).to_owned(),
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
