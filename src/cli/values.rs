//! How the values of flags are written.
//!
//! The Go peer's flags are read by Go's `strconv` and `time` packages, so its
//! command lines hold what those accept.

use std::time::Duration;

use clap::ValueEnum;

use injection::identity::parse_bool;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line
    Json,
    /// Pairs name=value, which are logfmt
    Text,
}

/// How long one request to an API server may take; for ever where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTimeout(pub Option<Duration>);

/// How a command reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// Text for people
    Text,
    /// One JSON document
    Json,
    /// The same document in YAML
    Yaml,
}

/// How a command reports that can say more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WideFormat {
    /// Text for people
    Text,
    /// The same with more columns, and with nothing left out
    Wide,
    /// One JSON document
    Json,
    /// The same document in YAML
    Yaml,
}

/// A format for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFormat {
    /// JSON over many lines.
    Json,
    /// The same document in YAML.
    Yaml,
}

impl ReportFormat {
    /// The format for programs, if it is one.
    #[must_use]
    pub fn data(self) -> Option<DataFormat> {
        match self {
            Self::Text => None,
            Self::Json => Some(DataFormat::Json),
            Self::Yaml => Some(DataFormat::Yaml),
        }
    }
}

impl WideFormat {
    /// The format for programs, if it is one.
    #[must_use]
    pub fn data(self) -> Option<DataFormat> {
        match self {
            Self::Text | Self::Wide => None,
            Self::Json => Some(DataFormat::Json),
            Self::Yaml => Some(DataFormat::Yaml),
        }
    }
}

/// The words of Go's `strconv.ParseBool`.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    parse_bool(text).ok_or_else(|| "not a boolean: write true or false".to_owned())
}

const NO_DURATION: &str = "not a duration: write it as 100ms or 1m30s";

/// Reads a duration as Go's `time.ParseDuration` does, except that no flag takes
/// a negative one.
///
/// Written here since other parsers read something else: `kube::core::Duration`
/// accepts `""` and `1h0`, which Go refuses, and panics on `1h-1s`; `jiff` and
/// `humantime` accept days, spaces and spelled-out units.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if unsigned == "0" {
        return Ok(Duration::ZERO);
    }
    if unsigned.starts_with('-') {
        return Err("negative: write a duration such as 100ms or 1m30s".to_owned());
    }
    let mut rest = unsigned;
    let mut total: u128 = 0;
    loop {
        let (part, after) = duration_part(rest).ok_or(NO_DURATION)?;
        total = total.saturating_add(part);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    // Go counts nanoseconds in an i64: about 292 years.
    let nanoseconds = i64::try_from(total).map_err(|_| "longer than 292 years, the maximum")?;
    Ok(Duration::from_nanos(nanoseconds.unsigned_abs()))
}

/// The same for a wait that has to end, and not at once: 0, which is for ever in kubectl, is neither.
pub(super) fn wait(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("no time at all: write how long to wait, such as 10m".to_owned()),
        wait => Ok(wait),
    }
}

/// How long a request may take, as kubectl's flag of that name has it: a duration, or a number of seconds; 0 is
/// for ever.
pub(super) fn request_timeout(text: &str) -> Result<RequestTimeout, String> {
    let read = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => duration(text).map_err(|why| match why.as_str() {
            NO_DURATION => format!("{why}, or as a number of seconds"),
            _ => why,
        })?,
    };
    Ok(RequestTimeout(Some(read).filter(|read| !read.is_zero())))
}

/// The first number with its unit, in nanoseconds, and what follows it.
fn duration_part(text: &str) -> Option<(u128, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let unit: u128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3600 * 1_000_000_000,
        _ => return None,
    };
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let mut nanoseconds = u128::from(whole) * unit;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        nanoseconds += u128::from(digit - b'0') * place;
    }
    Some((nanoseconds, rest))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// A number of bytes, with Kubernetes' binary suffixes.
pub(super) fn bytes(text: &str) -> Result<usize, String> {
    let (number, suffix) = digits(text);
    let unit: usize = match suffix {
        "" => 1,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => return Err("not a number of bytes: write it as 8388608, 8192Ki or 8Mi".to_owned()),
    };
    let number: usize =
        number.parse().map_err(|_| "not a number of bytes: write it as 8388608, 8192Ki or 8Mi")?;
    number.checked_mul(unit).ok_or_else(|| "more bytes than this machine can address".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_words_of_parse_bool_and_no_others() {
        for word in ["1", "t", "T", "TRUE", "true", "True"] {
            assert_eq!(boolean(word), Ok(true), "{word}");
        }
        for word in ["0", "f", "F", "FALSE", "false", "False"] {
            assert_eq!(boolean(word), Ok(false), "{word}");
        }
        for word in ["", "yes", "no", "tRUE", "on", " true"] {
            assert!(boolean(word).is_err(), "{word}");
        }
    }

    #[test]
    fn reads_durations_as_go_does() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("+0", 0),
            ("0s", 0),
            ("100ms", 100_000_000),
            ("1m30s", 90_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("+5s", 5_000_000_000),
            ("3us", 3_000),
            ("3µs", 3_000),
            ("3μs", 3_000),
            ("7ns", 7),
            ("1h2m3.25s", 3_723_250_000_000),
            ("0.0000000001s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_nanos(nanoseconds)), "{text}");
        }
    }

    #[test]
    fn waits_for_some_time_and_not_for_ever() {
        assert_eq!(wait("1s"), Ok(Duration::from_secs(1)));
        for text in ["0", "0s", "0.0000000001s", ""] {
            assert!(wait(text).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in
            ["", "5", "1d", "s", ".s", "1m30", "-5s", "1 s", "1e3s", "99999999999h", "1s ", "+"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_request_timeouts_as_kubectl_does() {
        for (text, seconds) in [("10s", 10), ("1m", 60), ("15", 15), ("1m30s", 90)] {
            let read = Duration::from_secs(seconds);
            assert_eq!(request_timeout(text), Ok(RequestTimeout(Some(read))), "{text}");
        }
        for text in ["0", "0s", "00"] {
            assert_eq!(request_timeout(text), Ok(RequestTimeout(None)), "{text}");
        }
        for text in ["", "-1", "-1s", "1d", "1.5", "soon", "99999999999999999999"] {
            assert!(request_timeout(text).is_err(), "{text}");
        }
        for (text, says_more) in [("soon", true), ("-1s", false), ("99999999999h", false)] {
            let error = request_timeout(text).expect_err(text);
            assert_eq!(error.ends_with(", or as a number of seconds"), says_more, "{error}");
        }
    }

    #[test]
    fn reads_bytes_with_binary_suffixes() {
        for (text, read) in [("1", 1), ("8388608", 8 << 20), ("8Mi", 8 << 20), ("16Ki", 16 << 10)] {
            assert_eq!(bytes(text), Ok(read), "{text}");
        }
        for text in ["", "Mi", "8M", "8 Mi", "-1", "1.5Mi", "99999999999999999999", "99999999999Gi"]
        {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
