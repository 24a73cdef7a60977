//! The page's tables, one for each question.

use std::time::Duration;

use injection::admission::Outcome;
use jiff::Timestamp;
use maud::{Markup, html};

use super::{Shown, moment};
use crate::findings::Validity;
use crate::hour::{FAILURES, Within};
use crate::units::{before, bound, counted, duration, number};
use crate::{Audit, Clock, Held, LastHour, Minute, Round, Seen, Sources, Status, Subject, Watch};

/// What a cell says at one glance. The word says it too, for those who see no colour.
#[derive(Clone, Copy)]
enum Mark {
    Ok,
    Warn,
    Bad,
}

fn mark(mark: Mark, word: &str) -> Markup {
    let class = match mark {
        Mark::Ok => "ok",
        Mark::Warn => "warn",
        Mark::Bad => "bad",
    };
    html! { span.mark.(class) { (word) } }
}

fn section(id: &str, title: &str, content: &Markup) -> Markup {
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (title) }
            (content)
        }
    }
}

/// A table of names and values.
fn table(caption: &str, rows: &[(&str, Markup)]) -> Markup {
    html! {
        table {
            caption { (caption) }
            tbody {
                @for (name, value) in rows {
                    tr { th scope="row" { (name) } td { (value) } }
                }
            }
        }
    }
}

fn number_cell(count: u64) -> Markup {
    html! { (number(count)) }
}

/// When something was, and how long ago that is.
fn ago(now: Timestamp, age: Duration) -> Markup {
    html! { (duration(age)) " ago" " " span.more { (moment(before(now, age))) } }
}

pub(super) fn readiness(status: &Status) -> Markup {
    let rows: Vec<_> = status
        .conditions
        .iter()
        .map(|condition| {
            let value = match &condition.reason {
                None => mark(Mark::Ok, "ok"),
                Some(reason) => html! { (mark(Mark::Bad, "failed")) " " (Shown(reason)) },
            };
            (condition.name, value)
        })
        .collect();
    section(
        "readiness",
        "Readiness",
        &table("What must hold for this replica to get requests", &rows),
    )
}

pub(super) fn certificates(status: &Status) -> Markup {
    let held = |held: &Held, not_used: &'static str, not_known: &'static str| match held {
        Held::NotUsed => html! { (not_used) },
        Held::NotKnown => html! { (not_known) },
        Held::For(lifetime) => {
            let (word, shown) = match lifetime.validity(status.now) {
                Validity::Valid => ("valid", Mark::Ok),
                Validity::EndsSoon => ("ends soon", Mark::Warn),
                Validity::NotYet => ("not valid yet", Mark::Bad),
                Validity::Expired => ("expired", Mark::Bad),
            };
            let left = lifetime.not_after.duration_since(status.now);
            html! {
                (mark(shown, word)) " until " (moment(lifetime.not_after))
                @if !left.is_negative() { " (" (duration(left.unsigned_abs())) " left)" }
                @if let Some(not_before) = lifetime.not_before {
                    " " span.more { "since " (moment(not_before)) }
                }
            }
        }
    };
    let certificates = &status.certificates;
    let rows = [
        ("Serving certificate", held(&certificates.serving, "none", "none is served yet")),
        (
            "Certificate authority",
            held(
                &certificates.authority,
                "not managed: the certificate comes from files",
                "not known yet",
            ),
        ),
        (
            "Client CA",
            held(
                &certificates.clients,
                "not used: any client may connect",
                "not known: the certificates can't be read",
            ),
        ),
        ("Clock", clock(&status.clock)),
    ];
    section("certificates", "Certificates and clock", &table("How long certificates last", &rows))
}

fn clock(clock: &Clock) -> Markup {
    match clock {
        Clock::NoCluster => html! { "not compared: there is no API server" },
        Clock::NotKnown => {
            html! { (mark(Mark::Warn, "not known")) " the API server has not told the time" }
        }
        Clock::Offset { offset, text, is_warning } => {
            let shown = if *is_warning { mark(Mark::Warn, "check") } else { mark(Mark::Ok, "ok") };
            let seconds = offset.as_millis();
            let sign = if seconds < 0 { "−" } else { "+" };
            let (whole, tenths) =
                (seconds.unsigned_abs() / 1_000, seconds.unsigned_abs() % 1_000 / 100);
            html! {
                (shown) " " (Shown(text))
                " " span.more { "API server − this node: " (sign) (whole) "." (tenths) " s" }
            }
        }
    }
}

pub(super) fn sources(sources: &Sources) -> Markup {
    let list = if sources.listed {
        mark(Mark::Ok, "complete")
    } else {
        mark(Mark::Bad, "not complete yet")
    };
    let entries = sources.config_map_entries;
    let counted_entries =
        if entries == 1 { "1 entry".to_owned() } else { format!("{} entries", number(entries)) };
    let config_map = html! {
        (sources.config_map)
        @if sources.config_map_entries > 0 { ", " (counted_entries) }
    };
    let lookups = html! {
        (number(sources.from_memory)) " from memory, " (number(sources.live)) " live, "
        (number(sources.failed)) " failed, " (number(sources.waiting)) " waiting now"
    };
    let credentials = html! {
        @if let Some(count) = sources.container_credentials {
            (counted(count, "ServiceAccount"))
        } @else {
            "off"
        }
    };
    let rows = [
        ("First list", list),
        ("ServiceAccounts", number_cell(sources.known)),
        ("With a role", number_cell(sources.with_role)),
        ("Last heard", watch(sources.watch.as_ref())),
        ("ConfigMap", config_map),
        ("Container credentials", credentials),
        ("Lookups", lookups),
    ];
    section("sources", "ServiceAccounts", &table("What is in memory, and how old it is", &rows))
}

fn watch(watch: Option<&Watch>) -> Markup {
    let Some(watch) = watch else { return html! { "not watched: they come from files" } };
    let heard = match watch.silent_for {
        None => html! { (mark(Mark::Warn, "never")) },
        Some(silent) if watch.is_silent() => {
            html! { (mark(Mark::Bad, "silent")) " " (duration(silent)) " ago" }
        }
        Some(silent) => html! { (duration(silent)) " ago" },
    };
    html! {
        (heard)
        @if !watch.connected {
            ", not connected"
            @if let Some(failure) = &watch.last_failure { ": " (Shown(failure)) }
        }
    }
}

pub(super) fn hour(hour: &LastHour) -> Markup {
    let counts = &hour.counts;
    let within = |per_mille: u64| match hour.within(per_mille) {
        None => html! { "no admissions" },
        Some(Within::Seconds(seconds)) => html! { "within " (bound(seconds)) },
        Some(Within::Longer) => {
            html! { "longer than " (bound(hour.bounds.last().copied().unwrap_or_default())) }
        }
    };
    let times = [("Half of them", within(500)), ("90 %", within(900)), ("99 %", within(990))];
    let outcomes = Outcome::ALL.into_iter().filter(|outcome| counts.of(*outcome) > 0);
    let content = html! {
        p {
            strong { (counted(counts.ended(), "admission")) } ", " (number(counts.failed()))
            " failed, " (number(counts.refused)) " refused, " (counted(counts.warnings, "warning"))
            ", in " (duration(hour.covered))
        }
        (chart(&hour.minutes))
        (table("Time to an answer", &times))
        table.counts {
            caption { "Admissions by outcome" }
            thead { tr { th scope="col" { "Outcome" } th scope="col" { "Admissions" } } }
            tbody {
                @for outcome in outcomes {
                    tr {
                        th scope="row" {
                            (outcome.as_str())
                            @if FAILURES.contains(&outcome) { " " (mark(Mark::Warn, "failed")) }
                        }
                        td { (number(counts.of(outcome))) }
                    }
                }
                @if counts.ended() == 0 { tr { td colspan="2" { "none" } } }
            }
        }
    };
    section("hour", "The last hour", &content)
}

/// A bar for each minute; what failed stands at its foot.
fn chart(minutes: &[Minute]) -> Markup {
    let most = minutes.iter().map(|minute| minute.ended).max().unwrap_or_default();
    let label = format!(
        "Admissions in each of the last {} minutes; at most {} in one.",
        minutes.len(),
        number(most)
    );
    // In hundredths: the least is seen, and none is higher than all.
    let height = |count: u64| {
        let of_most = u128::from(count) * 100 / u128::from(most.max(1));
        if count == 0 { 0 } else { of_most.clamp(2, 100) }
    };
    html! {
        figure {
            svg viewBox=(format!("0 0 {} 100", minutes.len() * 10)) preserveAspectRatio="none" role="img" aria-label=(label) {
                @for (place, minute) in minutes.iter().enumerate().filter(|(_, minute)| minute.ended > 0) {
                    @let (all, failed) = (height(minute.ended), height(minute.failed));
                    rect x=(place * 10 + 1) y=(100 - all) width="8" height=(all) {}
                    @if failed > 0 {
                        rect.failed x=(place * 10 + 1) y=(100 - failed) width="8" height=(failed) {}
                    }
                }
            }
            figcaption { "Admissions per minute, at most " (number(most)) "; what failed is red, at the foot" }
        }
    }
}

pub(super) fn audit(status: &Status) -> Markup {
    let content = match &status.audit {
        None => {
            html! { p { "Off. " code { "serve --audit-interval" } " looks at all pods regularly." } }
        }
        Some(audit) => audited(status.now, audit),
    };
    section("audit", "Pods, by the continuous audit", &content)
}

fn audited(now: Timestamp, audit: &Audit) -> Markup {
    let whose = if audit.is_holder {
        html! { "this replica, every " (duration(audit.interval)) }
    } else if audit.failure.is_some() {
        html! { "not by this replica, which could not use the Lease" }
    } else {
        html! { "another replica, whose page and metrics have the result" }
    };
    let last = match &audit.last {
        Some(Round { age, took, .. }) => html! {
            @if audit.is_overdue() { (mark(Mark::Warn, "overdue")) " " }
            "took " (duration(*took)) ", ended " (ago(now, *age))
        },
        None if audit.is_holder => html! { "none yet" },
        None => html! { "not by this replica" },
    };
    let mut rows = vec![("Done by", whose), ("Last complete round", last)];
    if let Some((age, why)) = &audit.failure {
        rows.push((
            "Last failure",
            html! { (mark(Mark::Warn, "failed")) " " (duration(*age)) " ago: " (Shown(why)) },
        ));
    }
    html! {
        (table("How the audit fares", &rows))
        @if let Some(round) = &audit.last {
            table.counts {
                caption { "Pods by what they have, against what they would get now" }
                thead { tr { th scope="col" { "State" } th scope="col" { "Pods" } } }
                tbody {
                    @for of_state in &round.states {
                        tr {
                            th scope="row" {
                                (of_state.state)
                                @if of_state.is_wrong && of_state.pods > 0 {
                                    " " (mark(Mark::Warn, "look at them"))
                                }
                            }
                            td { (number(of_state.pods)) }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn warnings(status: &Status) -> Markup {
    let hint = html! {
        @if !status.names {
            p { "Names and messages are in the log, and here with " code { "--enable-debugging-handlers" } "." }
        }
    };
    let content = if status.warnings.is_empty() {
        html! { p { "None since the start." } }
    } else {
        html! {
            (hint)
            table.counts {
                caption { "The last kinds of warnings and failures, the newest first" }
                thead {
                    tr { th scope="col" { "Warning" } th scope="col" { "Last" } th scope="col" { "Times" } }
                }
                tbody {
                    @for seen in &status.warnings { (warning(status.now, seen)) }
                }
            }
        }
    };
    section("warnings", "Last warnings of admissions", &content)
}

fn warning(now: Timestamp, seen: &Seen) -> Markup {
    html! {
        tr {
            th scope="row" {
                (seen.kind)
                @if let Some(subject) = &seen.subject { (about(subject)) }
                @if let Some(message) = seen.message.as_deref().filter(|text| !text.is_empty()) {
                    " " span.more { (Shown(message)) }
                }
            }
            td { (ago(now, seen.age)) }
            td { (number(seen.count)) }
        }
    }
}

fn about(subject: &Subject) -> Markup {
    html! {
        @if !subject.pod.is_empty() {
            " " span.more { "Pod " code { (Shown(&subject.namespace)) "/" (Shown(&subject.pod)) } }
        }
        @if !subject.service_account.is_empty() {
            " " span.more { "ServiceAccount " code { (Shown(&subject.service_account)) } }
        }
    }
}
