//! The same load by `wrk`, a tool that others know: what both find does not depend on how our own client works.
//! <https://github.com/wg/wrk>

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::load::Found;
use crate::server::{LOAD_CORE, Server};

/// Sends the body in the file that it is given, as an API server does.
pub const SCRIPT: &str = r#"
function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Accept"] = "application/json"
  wrk.headers["User-Agent"] = "kube-apiserver-admission"
  file:close()
end
"#;

/// What it sends where, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    pub script: &'a Path,
    pub body: &'a Path,
    pub path: &'a str,
    pub connections: usize,
    pub seconds: u32,
}

/// Puts it on a server. Handshakes are in the server's CPU time too: 32 of them in about 2 % of a run.
pub fn measure(server: &Server, load: Load<'_>) -> anyhow::Result<Found> {
    let before = server.cpu_time()?;
    let output = Command::new("taskset")
        .args(["-c", &LOAD_CORE.to_string(), "wrk", "--threads=1", "--latency"])
        .arg(format!("--connections={}", load.connections))
        .arg(format!("--duration={}s", load.seconds))
        .arg("--script")
        .arg(load.script)
        .arg(format!("https://{}{}", server.address, load.path))
        .arg("--")
        .arg(load.body)
        .output()
        .context("failed to run wrk")?;
    let cpu_seconds = server.cpu_time()?.saturating_sub(before).as_secs_f64();
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "wrk ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    found(&text, cpu_seconds).with_context(|| format!("wrk printed:\n{text}"))
}

/// Reads what it prints for people: it has no other output.
fn found(text: &str, cpu_seconds: f64) -> anyhow::Result<Found> {
    for trouble in ["Non-2xx or 3xx responses:", "Socket errors:"] {
        if let Some(line) = text.lines().find(|line| line.trim_start().starts_with(trouble)) {
            bail!("{}", line.trim());
        }
    }
    let total = text.lines().find_map(|line| {
        let (requests, rest) = line.trim().split_once(" requests in ")?;
        Some((requests.parse().ok()?, microseconds(rest.split(',').next()?)? / 1e6))
    });
    let (requests, seconds) = total.context("no number of requests")?;
    let quantile = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
        line.and_then(|time| microseconds(time.trim())).map(|time| time.round() as u64)
    };
    let (p50, p99) = quantile("50%").zip(quantile("99%")).context("no latencies")?;
    Ok(Found { requests, seconds, cpu_seconds, p50, p99, p999: p99, max: p99 })
}

/// `1.20ms`, `780.00us`, `2.01s`, `1.00m`.
fn microseconds(time: &str) -> Option<f64> {
    let number = time.trim_end_matches(|it: char| it.is_ascii_alphabetic());
    let unit = match &time[number.len()..] {
        "us" => 1.0,
        "ms" => 1e3,
        "s" => 1e6,
        "m" => 60e6,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
Running 2s test @ https://127.0.0.1:8443/mutate
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   657.12us  120.33us   4.26ms   88.51%
    Req/Sec    48.62k     1.77k   50.84k    80.00%
  Latency Distribution
     50%  641.00us
     75%  690.00us
     90%  760.00us
     99%    1.10ms
  97012 requests in 2.00s, 150.12MB read
Requests/sec:  48391.12
Transfer/sec:     74.91MB
";

    #[test]
    fn reads_what_wrk_prints() {
        let Found { requests, seconds, cpu_seconds, p50, p99, .. } =
            found(PRINTED, 1.9).expect("figures");
        assert_eq!((requests, p50, p99), (97012, 641, 1100));
        assert!((seconds - 2.0).abs() < 1e-9 && (cpu_seconds - 1.9).abs() < 1e-9);
    }

    #[test]
    fn counts_no_errors_as_requests() {
        for trouble in [
            "  Non-2xx or 3xx responses: 3\n",
            "  Socket errors: connect 0, read 4, write 0, timeout 0\n",
        ] {
            let text = PRINTED.replace("Requests/sec", &format!("{trouble}Requests/sec"));
            assert!(found(&text, 1.0).is_err(), "{trouble}");
        }
        assert!(found("", 1.0).is_err());
    }
}
