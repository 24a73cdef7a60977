//! The annotations that are read, and how their values are read.

use std::num::{IntErrorKind, NonZero};

use arn::annotation;
use csv_core::ReadFieldResult;

use super::{MAX_VALUE_BYTES, Warning};

/// The lifetime of a projected service-account token, in whole seconds.
///
/// Kubernetes accepts 600 (ten minutes) to 2^32; anything outside is brought to
/// the nearest bound, as the API server would otherwise refuse the pod.
/// <https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume/>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expiration(
    /// Never zero, so that none takes no more room than one.
    NonZero<i64>,
);

impl Expiration {
    /// One day, as the Go webhook has it.
    pub const DEFAULT: Self = Self::of(86_400);
    /// Ten minutes, the shortest that Kubernetes accepts.
    pub const MIN: Self = Self::of(600);
    /// 2^32 seconds, the longest that Kubernetes accepts.
    pub const MAX: Self = Self::of(1 << 32);

    /// Of no bounds. Zero is as far below them as any other number.
    const fn of(seconds: i64) -> Self {
        match NonZero::new(seconds) {
            Some(seconds) => Self(seconds),
            None => Self(NonZero::<i64>::MIN),
        }
    }

    /// The nearest lifetime from [`MIN`](Self::MIN) to [`MAX`](Self::MAX).
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Self::of(seconds).clamp(Self::MIN, Self::MAX)
    }

    /// The lifetime in seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0.get()
    }
}

/// The full names of the annotations under one prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnotationKeys {
    /// The prefix itself, without the slash: `eks.amazonaws.com`.
    pub prefix: String,
    /// `PREFIX/role-arn` of a `ServiceAccount`: the role to assume.
    pub role_arn: String,
    /// `PREFIX/audience` of a `ServiceAccount`: the token's audience.
    pub audience: String,
    /// `PREFIX/sts-regional-endpoints` of a `ServiceAccount`: whether SDKs call
    /// STS in their own region.
    pub regional_sts: String,
    /// `PREFIX/token-expiration` of a `ServiceAccount` or a pod: the token's
    /// lifetime in seconds.
    pub token_expiration: String,
    /// `PREFIX/region` of a `ServiceAccount`: the value of `AWS_REGION`.
    pub region: String,
    /// `PREFIX/role-session-name` of a `ServiceAccount`: where the session's
    /// name comes from.
    pub role_session_name: String,
    /// `PREFIX/sts-endpoint-url` of a `ServiceAccount`: the STS that its pods send
    /// their tokens to.
    pub sts_endpoint_url: String,
    /// `PREFIX/skip-containers` of a pod: names of containers to leave out,
    /// separated by commas.
    pub skip_containers: String,
    /// `PREFIX/include-containers` of a pod: names of the only containers to
    /// mutate, separated by commas.
    pub include_containers: String,
}

impl AnnotationKeys {
    /// The annotations under this prefix, which is given without a slash at its
    /// end.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        let key = |name: &str| format!("{prefix}/{name}");
        Self {
            prefix: prefix.to_owned(),
            role_arn: key(annotation::ROLE_ARN),
            audience: key(annotation::AUDIENCE),
            regional_sts: key(annotation::STS_REGIONAL_ENDPOINTS),
            token_expiration: key(annotation::TOKEN_EXPIRATION),
            region: key(annotation::REGION),
            role_session_name: key(annotation::ROLE_SESSION_NAME),
            sts_endpoint_url: key(annotation::STS_ENDPOINT_URL),
            skip_containers: key(annotation::SKIP_CONTAINERS),
            include_containers: key(annotation::INCLUDE_CONTAINERS),
        }
    }
}

impl Default for AnnotationKeys {
    fn default() -> Self {
        Self::new(annotation::DEFAULT_PREFIX)
    }
}

/// An annotation's value, unless it is blank: a blank one counts as unset.
pub(super) fn set(value: &str) -> Option<&str> {
    (!value.trim().is_empty()).then_some(value)
}

/// Reads the value of a token-expiration annotation: whole seconds, as Go's
/// `strconv.ParseInt` reads them. `key` is the annotation's name, for the warning.
///
/// # Errors
/// The warning to report where the value is not a whole number of seconds.
pub fn token_expiration(key: &str, value: &str) -> Result<Expiration, Warning> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(Warning::oversized(key, value, MAX_VALUE_BYTES));
    }
    // Rust reports an overflow before it has seen what follows.
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Warning::unreadable(key, value, "write a whole number of seconds"));
    }
    match value.parse::<i64>() {
        Ok(seconds) => Ok(Expiration::from_seconds(seconds)),
        Err(error) => match error.kind() {
            IntErrorKind::PosOverflow => Ok(Expiration::MAX),
            IntErrorKind::NegOverflow => Ok(Expiration::MIN),
            _ => Err(Warning::unreadable(key, value, "write a whole number of seconds")),
        },
    }
}

/// Reads a boolean as Go's `strconv.ParseBool` does: `1`, `t`, `true`, `0`, `f`, `false` and
/// their spellings with capitals. `None` for any other text.
#[must_use]
pub fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

pub(super) fn boolean(key: &str, value: &str) -> Result<bool, Warning> {
    parse_bool(value).ok_or_else(|| Warning::unreadable(key, value, "write true or false"))
}

/// Calls `take` for each container name in a line of CSV, without the spaces around it.
/// The names are not collected: a value may have a million of them.
///
/// # Errors
/// The warning to report where a quote is opened and never closed. Nothing has
/// been handed over then.
pub fn each_container_name(
    key: &str,
    value: &str,
    mut take: impl FnMut(&str),
) -> Result<(), Warning> {
    let names = value.split(',').map(str::trim);
    if !value.contains(['"', '\n', '\r']) {
        names.filter(|name| !name.is_empty()).for_each(take);
        return Ok(());
    }
    let unreadable = |why| Warning::unreadable(key, value, why);
    if value.matches('"').count() % 2 == 1 {
        return Err(unreadable("close the quote"));
    }
    // CSV knows a quote only right after a comma.
    let mut trimmed = String::with_capacity(value.len());
    for (index, name) in names.enumerate() {
        trimmed.push_str(if index == 0 { "" } else { "," });
        trimmed.push_str(name);
    }
    each_field(&trimmed, |name| {
        let name = name.trim();
        if !name.is_empty() {
            take(name);
        }
    });
    Ok(())
}

/// Hands each field of the first line to `take`. One field at a time is in memory:
/// a record of a million would keep the length of each.
fn each_field(line: &str, mut take: impl FnMut(&str)) {
    let mut reader = csv_core::Reader::new();
    let mut rest = line.as_bytes();
    // No field is longer than the line, so that it never is full.
    let mut field = vec![0; line.len() + 1];
    let mut length = 0;
    loop {
        let (result, read, written) = reader.read_field(rest, &mut field[length..]);
        rest = &rest[read..];
        length += written;
        match result {
            // The reader is to be asked once more, with nothing, for the last field.
            ReadFieldResult::InputEmpty => {}
            ReadFieldResult::Field { record_end } => {
                // Quotes alone have been taken out of what was text.
                take(str::from_utf8(&field[..length]).unwrap_or_default());
                length = 0;
                if record_end {
                    return;
                }
            }
            ReadFieldResult::OutputFull | ReadFieldResult::End => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brings_an_expiration_within_the_bounds_of_the_api_server() {
        for (given, kept) in [
            ("599", 600),
            ("-5", 600),
            ("600", 600),
            ("4294967297", 1 << 32),
            ("99999999999999999999", 1 << 32),
        ] {
            assert_eq!(token_expiration("k", given).map(Expiration::seconds), Ok(kept), "{given}");
        }
    }

    #[test]
    fn reports_an_expiration_that_is_not_a_number() {
        for (given, why) in [
            ("1h", "write a whole number of seconds"),
            ("600.0", "write a whole number of seconds"),
            ("99999999999999999999h", "write a whole number of seconds"),
            (" 600", "write a whole number of seconds"),
            (&"9".repeat(2_049), "more than 2048 bytes"),
        ] {
            let warning = token_expiration("eks.amazonaws.com/token-expiration", given);
            let warning = warning.expect_err(given).to_string();
            assert!(warning.contains(why), "{warning}");
        }
    }

    #[test]
    fn reads_container_names_as_csv_with_quotes_and_spaces() {
        for (given, names) in [
            ("a,b", vec!["a", "b"]),
            (" a , b ", vec!["a", "b"]),
            (r#""a", "b" "#, vec!["a", "b"]),
            ("a,,b,", vec!["a", "b"]),
            ("web app", vec!["web app"]),
            (r#""a,b",c"#, vec!["a,b", "c"]),
            ("a,b\nc", vec!["a", "b"]),
            ("a,b\r\n", vec!["a", "b"]),
            (r#""""#, vec![]),
            ("", vec![]),
        ] {
            assert_eq!(container_names(given), Ok(names_of(&names)), "{given}");
        }
    }

    fn names_of(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn container_names(value: &str) -> Result<Vec<String>, Warning> {
        let mut names = Vec::new();
        each_container_name("k", value, |name| names.push(name.to_owned()))?;
        Ok(names)
    }

    #[test]
    fn reports_container_names_with_an_open_quote() {
        assert!(container_names(r#""a,b"#).is_err());
    }
}
