//! Numbers, durations and times as people read them.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// With a comma between thousands.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things, whose plural ends in an s.
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" })
}

/// In its two largest units.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    let two = |large: u64, unit: &str, small: u64, part: &str| {
        let mut text = format!("{} {unit}", number(large));
        if small > 0 {
            // Writing to a string does not fail.
            let _ = write!(text, " {small} {part}");
        }
        text
    };
    match seconds {
        0 if duration.is_zero() => "0 s".to_owned(),
        0 if duration.as_millis() == 0 => format!("{} µs", duration.as_micros()),
        0 => format!("{} ms", duration.as_millis()),
        1..10 => format!("{}.{} s", rest, duration.subsec_millis() / 100).replace(".0", ""),
        10..60 => format!("{rest} s"),
        60..3_600 => two(minutes, "min", rest, "s"),
        3_600..86_400 => two(hours, "h", minutes, "min"),
        86_400..2_592_000 => two(days, "d", hours, "h"),
        _ => two(days, "d", 0, "h"),
    }
}

/// An upper bound of a time, in seconds.
pub(crate) fn bound(seconds: f64) -> String {
    if seconds < 1.0 {
        // Down to the tenth of a microsecond, which no bound is below.
        let text = format!("{:.4}", seconds * 1_000.0);
        let text = text.trim_end_matches('0').trim_end_matches('.');
        format!("{text} ms")
    } else {
        format!("{seconds} s")
    }
}

/// In UTC, to the second.
pub(crate) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// For the attribute `datetime`.
pub(crate) fn machine_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// So long before; the earliest time there is, where that is before it.
pub(crate) fn before(now: Timestamp, age: Duration) -> Timestamp {
    let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
    now.checked_sub(age).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_digits_by_three() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2_000].map(|it| counted(it, "pod")), ["0 pods", "1 pod", "2,000 pods"]);
    }

    #[test]
    fn says_durations_in_two_units_at_most() {
        for (value, text) in [
            (Duration::ZERO, "0 s"),
            (Duration::from_micros(850), "850 µs"),
            (Duration::from_millis(12), "12 ms"),
            (Duration::from_millis(59_900), "59 s"),
            (Duration::from_mins(1), "1 min"),
            (Duration::from_secs(754), "12 min 34 s"),
            (Duration::from_mins(192), "3 h 12 min"),
            (Duration::from_secs(86_399), "23 h 59 min"),
            (Duration::from_hours(90 * 24), "90 d"),
            (Duration::from_millis(1_850), "1.8 s"),
            (Duration::from_secs(2), "2 s"),
            (Duration::from_hours(29 * 24 + 5), "29 d 5 h"),
            (Duration::from_hours(3_650 * 24 + 5), "3,650 d"),
        ] {
            assert_eq!(duration(value), text);
        }
    }

    #[test]
    fn says_bounds_without_noise() {
        for (value, text) in [
            (0.0001, "0.1 ms"),
            (0.00025, "0.25 ms"),
            (0.01, "10 ms"),
            (1.0, "1 s"),
            (2.5, "2.5 s"),
        ] {
            assert_eq!(bound(value), text);
        }
    }

    #[test]
    fn no_age_is_too_old() {
        assert_eq!(before(Timestamp::UNIX_EPOCH, Duration::MAX), Timestamp::MIN);
        assert_eq!(
            time(before(Timestamp::UNIX_EPOCH, Duration::from_secs(1))),
            "1969-12-31 23:59:59 UTC"
        );
    }
}
