//! The page as HTML. Everything that is put into it is escaped by its type.

mod sections;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, Render, html};
use sha2::{Digest as _, Sha256};
use text::escaped;

use crate::findings::{self, Finding};
use crate::units::{duration, machine_time, time};
use crate::{Condition, Replica, Status};

const STYLE: &str = include_str!("style.css");

/// For the header of that name: nothing but the page's own style, and nobody may frame it.
#[must_use]
pub fn content_security_policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

/// The whole page. Its size is bounded, as what is kept of names and messages is.
#[must_use]
pub fn html(status: &Status) -> String {
    let findings = findings::of(status);
    let waiting = waiting(status);
    let is_ready = waiting.is_empty();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title(status, &waiting, &findings)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    p.product { "pod-identity-webhook" }
                    h1.(if is_ready { "ok" } else { "bad" }) {
                        @if is_ready { "Ready" } @else { "Not ready" }
                    }
                    p { (of_whom(status)) }
                    p {
                        "As of " (moment(status.now)) ". "
                        a href="." { "Reload" }
                    }
                }
                main {
                    @if !findings.is_empty() { (to_look_at(&findings)) }
                    div.sections {
                        (sections::readiness(status))
                        (sections::certificates(status))
                        (sections::sources(&status.sources))
                        (sections::audit(status))
                        (sections::hour(&status.hour))
                        (sections::warnings(status))
                    }
                }
                footer {
                    nav aria-label="Other pages of this port" {
                        a href="metrics" { "Metrics" } " "
                        a href="readyz?verbose" { "Readiness" } " "
                        a href="livez" { "Liveness" }
                    }
                    p { "Each replica has a page of its own." }
                }
            }
        }
    };
    page.into_string()
}

/// The conditions that do not hold.
fn waiting(status: &Status) -> Vec<&'static str> {
    let waiting = status.conditions.iter().filter(|condition| condition.reason.is_some());
    waiting.map(|Condition { name, .. }| *name).collect()
}

/// The state first: a tab shows little of it.
fn title(status: &Status, waiting: &[&str], findings: &[Finding]) -> String {
    let state = match (waiting, findings.len()) {
        ([], 0) => "Ready".to_owned(),
        ([], count) => format!("Ready, {count} to look at"),
        (waiting, _) => format!("Not ready: {}", waiting.join(", ")),
    };
    let whose = match &status.replica {
        Replica::Pod(name) | Replica::Host(name) => name.as_str(),
        Replica::NotKnown => "pod-identity-webhook",
    };
    format!("{state} – {}", escaped(whose))
}

fn of_whom(status: &Status) -> Markup {
    html! {
        @match &status.replica {
            Replica::Pod(name) => { "Pod " code { (Shown(name)) } },
            Replica::Host(name) => { "Host " code { (Shown(name)) } },
            Replica::NotKnown => "Pod not known",
        }
        ", version " (status.version) ", up for " (duration(status.uptime))
    }
}

fn to_look_at(findings: &[Finding]) -> Markup {
    html! {
        section.findings aria-labelledby="findings" {
            h2 #findings { "To look at" }
            ul {
                @for Finding { about, text, is_bad } in findings {
                    li.(if *is_bad { "bad" } else { "warn" }) {
                        strong { (about) } ": " (Shown(text))
                    }
                }
            }
        }
    }
}

/// Text from outside: nothing in it acts on the page, and nothing of it is invisible.
struct Shown<'a>(&'a str);

impl Render for Shown<'_> {
    fn render_to(&self, buffer: &mut String) {
        escaped(self.0).render_to(buffer);
    }
}

/// A time with its form for machines.
fn moment(at: jiff::Timestamp) -> Markup {
    html! { time datetime=(machine_time(at)) { (time(at)) } }
}
