//! The page in each of its states, held to the files in `golden/`.
#![allow(clippy::expect_used, reason = "test code: a panic is how a test says what went wrong")]

use std::path::Path;
use std::time::Duration;

use injection::admission::Outcome;
use jiff::{SignedDuration, Timestamp};
use status_page::{
    Audit, Certificates, Clock, Condition, Counts, Held, Hour, Lifetime, PodsOfState, Recent,
    Replica, Round, Sources, Status, Subject, Watch, content_security_policy, html,
};

const BOUNDS: &[f64] = &[0.0001, 0.001, 0.01, 0.1, 1.0, 10.0];

const CONDITIONS: [&str; 4] =
    ["certificate", "service-accounts", "config-map", "not-shutting-down"];

const STATES: [(&str, bool); 8] = [
    ("fine", false),
    ("missing", true),
    ("stale-role", true),
    ("stale-token", true),
    ("stale-endpoint", true),
    ("no-usable-identity", true),
    ("foreign", false),
    ("unknown", false),
];

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn lifetime(not_before: &str, not_after: &str) -> Held {
    Held::For(Lifetime { not_before: Some(time(not_before)), not_after: time(not_after) })
}

fn counts(mutated: u64, failed: u64) -> Counts {
    let mut counts = Counts::default();
    counts.outcomes[Outcome::Mutated as usize] = mutated;
    counts.outcomes[Outcome::NotConfigured as usize] = 4 * mutated;
    counts.outcomes[Outcome::LookupFailed as usize] = failed;
    (counts.refused, counts.warnings) = (failed / 2, failed);
    let answered = 5 * mutated;
    counts.within = vec![
        answered / 2,
        answered,
        answered,
        answered,
        answered + failed,
        answered + failed,
        answered + failed,
    ];
    counts
}

/// A replica that is well, an hour and a half after its start.
fn well() -> Status {
    let now = Duration::from_mins(90);
    let mut hour = Hour::new(BOUNDS);
    for minute in 0..=90 {
        hour.sample(Duration::from_mins(minute), counts(minute * minute, 0));
    }
    Status {
        version: "1.2.3",
        replica: Replica::Pod("pod-identity-webhook-5d8c9b7f4d-x2x7q".to_owned()),
        now: time("2026-11-26T08:00:00Z"),
        uptime: now,
        conditions: CONDITIONS.map(|name| Condition { name, reason: None }).to_vec(),
        certificates: Certificates {
            serving: lifetime("2026-11-01T08:00:00Z", "2027-01-30T08:00:00Z"),
            authority: lifetime("2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z"),
            clients: Held::NotUsed,
        },
        clock: Clock::Offset {
            offset: SignedDuration::from_millis(-420),
            text: "within 60 s of the API server's".to_owned(),
            is_warning: false,
        },
        sources: Sources {
            listed: true,
            known: 12_345,
            with_role: 678,
            watch: Some(Watch {
                connected: true,
                silent_for: Some(Duration::from_secs(12)),
                silence: Duration::from_secs(150),
                last_failure: None,
            }),
            config_map: "in force",
            config_map_entries: 3,
            container_credentials: None,
            from_memory: 40_500,
            live: 12,
            failed: 0,
            waiting: 0,
        },
        hour: hour.last(now, &counts(90 * 90, 0)),
        audit: Some(Audit {
            interval: Duration::from_mins(10),
            is_holder: true,
            last: Some(Round {
                age: Duration::from_secs(95),
                took: Duration::from_millis(1_800),
                states: STATES
                    .map(|(state, is_wrong)| PodsOfState {
                        state,
                        is_wrong,
                        pods: if state == "fine" { 2_345 } else { 0 },
                    })
                    .to_vec(),
            }),
            failure: None,
        }),
        warnings: Vec::new(),
        names: false,
    }
}

/// Just started: hardly anything is known.
fn starting() -> Status {
    let start = Duration::from_secs(2);
    Status {
        replica: Replica::NotKnown,
        uptime: start,
        conditions: vec![
            Condition {
                name: "certificate",
                reason: Some("no certificate has been loaded yet".to_owned()),
            },
            Condition {
                name: "service-accounts",
                reason: Some("the first list of ServiceAccounts is not complete yet".to_owned()),
            },
        ],
        certificates: Certificates {
            serving: Held::NotKnown,
            authority: Held::NotKnown,
            clients: Held::NotKnown,
        },
        clock: Clock::NotKnown,
        sources: Sources {
            listed: false,
            known: 0,
            with_role: 0,
            watch: Some(Watch {
                connected: false,
                silent_for: None,
                silence: Duration::from_secs(150),
                last_failure: None,
            }),
            config_map: "not answered yet",
            config_map_entries: 0,
            container_credentials: Some(0),
            from_memory: 0,
            live: 0,
            failed: 0,
            waiting: 2,
        },
        hour: Hour::new(BOUNDS).last(start, &Counts { within: vec![0; 7], ..Counts::default() }),
        audit: Some(Audit {
            interval: Duration::from_mins(10),
            is_holder: false,
            last: None,
            failure: None,
        }),
        ..well()
    }
}

/// Files instead of a cluster.
fn from_files() -> Status {
    let mut status = well();
    status.certificates = Certificates {
        serving: lifetime("2026-11-01T08:00:00Z", "2027-11-01T08:00:00Z"),
        authority: Held::NotUsed,
        clients: lifetime("2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z"),
    };
    status.clock = Clock::NoCluster;
    status.sources = Sources {
        watch: None,
        config_map: "off",
        config_map_entries: 0,
        container_credentials: Some(7),
        ..status.sources
    };
    status.audit = None;
    status
}

/// Everything that can be wrong.
fn broken() -> Status {
    let mut status = well();
    let at = Duration::from_mins(90);
    let reason = "the certificate expired 3600 s ago by the API server's clock; renew --tls-cert";
    status.conditions[0].reason = Some(reason.to_owned());
    status.certificates = Certificates {
        serving: lifetime("2026-08-01T08:00:00Z", "2026-11-26T07:00:00Z"),
        authority: lifetime("2025-11-27T08:00:00Z", "2026-12-27T08:00:00Z"),
        clients: lifetime("2026-11-27T08:00:00Z", "2027-11-27T08:00:00Z"),
    };
    status.clock = Clock::Offset {
        offset: SignedDuration::from_millis(3_600_250),
        text: "this node's clock is 3600 s behind the API server's, which decides about \
               certificates; correct the wrong clock"
            .to_owned(),
        is_warning: true,
    };
    status.sources.watch = Some(Watch {
        connected: false,
        silent_for: Some(Duration::from_secs(754)),
        silence: Duration::from_secs(150),
        last_failure: Some("failed to connect to 10.0.0.1:443: connection refused".to_owned()),
    });
    (status.sources.failed, status.sources.waiting) = (40, 3);
    let mut hour = Hour::new(BOUNDS);
    for minute in 0..=90 {
        hour.sample(Duration::from_mins(minute), counts(minute * 7, minute / 3));
    }
    status.hour = hour.last(at, &counts(630, 40));
    status.audit = Some(Audit {
        interval: Duration::from_mins(10),
        is_holder: true,
        last: Some(Round {
            age: Duration::from_mins(45),
            took: Duration::from_secs(95),
            states: STATES
                .map(|(state, is_wrong)| PodsOfState { state, is_wrong, pods: 3 })
                .to_vec(),
        }),
        failure: Some((
            Duration::from_secs(30),
            "failed to list pods: forbidden; grant the webhook list on pods".to_owned(),
        )),
    });
    let mut recent = Recent::new(false);
    recent.take(Duration::from_mins(3), "near-miss", &Subject::default(), "");
    recent.take(Duration::from_hours(1), "lookup-failed", &Subject::default(), "");
    recent.take(Duration::from_mins(89), "lookup-failed", &Subject::default(), "");
    status.warnings = recent.seen(at);
    status
}

/// What somebody might put wherever a text comes from outside.
const HOSTILE: &str = "</style></title><script>alert(1)</script><img src=x onerror=alert(1)>\
    \"'&amp;\u{202e}\u{0}\n\u{1b}[2J javascript:alert(1)";

fn hostile() -> Status {
    let text = || HOSTILE.to_owned();
    let mut status = broken();
    status.replica = Replica::Host(text());
    status.conditions[1].reason = Some(text());
    status.clock = Clock::Offset { offset: SignedDuration::ZERO, text: text(), is_warning: true };
    if let Some(watch) = &mut status.sources.watch {
        watch.last_failure = Some(text());
    }
    if let Some(audit) = &mut status.audit {
        audit.failure = Some((Duration::ZERO, text()));
    }
    let mut recent = Recent::new(true);
    let subject = Subject { namespace: text(), service_account: text(), pod: text() };
    recent.take(Duration::from_mins(89), "near-miss", &subject, HOSTILE);
    (status.warnings, status.names) = (recent.seen(Duration::from_mins(90)), true);
    status
}

/// No replica may use the Lease.
fn forbidden_everywhere() -> Status {
    let failure = "failed to use Lease w/audit: forbidden; grant the webhook create on leases";
    Status {
        audit: Some(Audit {
            interval: Duration::from_mins(10),
            is_holder: false,
            last: None,
            failure: Some((Duration::from_secs(30), failure.to_owned())),
        }),
        ..well()
    }
}

fn pages() -> [(&'static str, Status); 6] {
    [
        ("well", well()),
        ("starting", starting()),
        ("from-files", from_files()),
        ("broken", broken()),
        ("forbidden-everywhere", forbidden_everywhere()),
        ("hostile", hostile()),
    ]
}

/// Without its style, which is the same in all, and with a line for each element.
fn lines(page: &str) -> String {
    let (head, rest) = page.split_once("<style>").expect("a style");
    let (_, rest) = rest.split_once("</style>").expect("its end");
    format!("{head}<style>/* style.css */</style>{rest}\n").replace("><", ">\n<")
}

#[test]
fn golden_pages() {
    for (name, status) in pages() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        let path = path.with_extension("html");
        golden::check(&path, &lines(&html(&status)), "cargo test -p status_page golden");
    }
}

/// The names of elements and attributes, without any text or value: they are of our own choice.
fn skeleton(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        // Values are in quotes, all of them.
        let names: String = tag.split('"').step_by(2).collect();
        tags.push(names);
    }
    tags
}

#[test]
fn no_text_from_outside_makes_an_element_or_an_attribute() {
    let page = html(&hostile());
    let mut tame = hostile();
    let plain = |text: &mut String| {
        if text.contains("script") {
            *text = "plain".to_owned();
        }
    };
    if let Replica::Host(name) = &mut tame.replica {
        plain(name);
    }
    tame.conditions.iter_mut().filter_map(|it| it.reason.as_mut()).for_each(plain);
    if let Clock::Offset { text, .. } = &mut tame.clock {
        plain(text);
    }
    tame.sources.watch.iter_mut().filter_map(|it| it.last_failure.as_mut()).for_each(plain);
    tame.audit.iter_mut().filter_map(|it| it.failure.as_mut()).for_each(|it| plain(&mut it.1));
    for seen in &mut tame.warnings {
        seen.message.iter_mut().for_each(plain);
        let Subject { namespace, service_account, pod } = seen.subject.as_mut().expect("names");
        [namespace, service_account, pod].into_iter().for_each(plain);
    }
    assert_eq!(skeleton(&page), skeleton(&html(&tame)));
    assert!(!page.contains(|c: char| c != '\n' && text::is_unprintable(c)), "{page:?}");
}

#[test]
fn names_of_objects_are_shown_only_where_they_were_kept() {
    let names = Subject {
        namespace: "shop".to_owned(),
        service_account: "shop/cart".to_owned(),
        pod: "cart-7".to_owned(),
    };
    for (shows, count) in [(true, 1), (false, 0)] {
        let mut recent = Recent::new(shows);
        recent.take(Duration::ZERO, "near-miss", &names, "cart-7 of shop");
        let warnings = recent.seen(Duration::ZERO);
        let page = html(&Status { warnings, names: shows, ..well() });
        assert_eq!(page.matches("shop/cart-7").count(), count, "{page}");
        assert_eq!(page.matches("cart-7 of shop").count(), count, "{page}");
        assert!(page.contains("near-miss"), "{page}");
    }
}

#[test]
fn the_title_begins_with_the_state() {
    for (status, title) in [
        (well(), "<title>Ready – pod-identity-webhook-5d8c9b7f4d-x2x7q</title>"),
        (
            starting(),
            "<title>Not ready: certificate, service-accounts – pod-identity-webhook</title>",
        ),
        (broken(), "<title>Not ready: certificate – "),
    ] {
        let page = html(&status);
        assert!(page.contains(title), "no {title} in {page}");
    }
}

/// A page that is as large as it can be.
#[test]
fn has_a_bounded_size() {
    let long = "\u{202e}&".repeat(100_000);
    let mut recent = Recent::new(true);
    for number in 0..100 {
        let service_account = format!("{number}{long}");
        let subject = Subject { namespace: long.clone(), service_account, pod: long.clone() };
        recent.take(Duration::ZERO, "near-miss", &subject, &long);
    }
    let warnings = recent.seen(Duration::ZERO);
    let page = html(&Status { warnings, names: true, ..broken() });
    assert!(page.len() < 256 << 10, "{} bytes", page.len());
    assert!(html(&well()).len() < 24 << 10, "{} bytes", html(&well()).len());
}

#[test]
fn the_policy_allows_the_style_alone() {
    let policy = content_security_policy();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    for word in ["unsafe", "*", "http", "self", "data"] {
        assert!(!policy.contains(word), "{policy}");
    }
    for (_, status) in pages() {
        let page = html(&status);
        for word in [" style=", "<script", " src=", "<link", "url(", "@import"] {
            assert!(!page.replace(&escaped(HOSTILE), "").contains(word), "{word} in {page}");
        }
    }
}

fn escaped(text: &str) -> String {
    let text = text::escaped(text);
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[test]
fn says_what_an_unknown_clock_means_for_the_certificates_that_there_are() {
    let mut status = well();
    status.clock = Clock::NotKnown;
    assert!(html(&status).contains("no certificate is issued, replaced or removed"));
    status.certificates.authority = Held::NotUsed;
    let page = html(&status);
    assert!(!page.contains("is issued") && page.contains("compared with this node"), "{page}");
}
