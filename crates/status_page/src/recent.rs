//! The last warnings: each once, with how often it was seen.

use std::collections::VecDeque;
use std::time::Duration;

use text::shortened;

/// Characters of a message at most.
const MAX_MESSAGE: usize = 300;

/// Characters of a name at most: no API server takes a longer one.
const MAX_NAME: usize = 253;

/// The last warnings, in a bounded memory. Names of objects, and messages, which have
/// them, are not even kept where they may not be shown.
#[derive(Debug)]
pub struct Recent {
    names: bool,
    /// The newest first.
    kept: VecDeque<Kept>,
}

#[derive(Debug)]
struct Kept {
    kind: &'static str,
    subject: Subject,
    message: String,
    count: u64,
    last: Duration,
}

/// What a warning is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Of the pod.
    pub namespace: String,
    /// The `ServiceAccount`, as NAMESPACE/NAME; empty where there is none.
    pub service_account: String,
    /// The pod, or the name that its name is made of; empty where there is none.
    pub pod: String,
}

/// A warning that was seen, once or often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its word in metrics and logs.
    pub kind: &'static str,
    /// What it was about the last time. None where names may not be shown.
    pub subject: Option<Subject>,
    /// The last message. None where names may not be shown.
    pub message: Option<String>,
    /// How often it was seen since it was first kept.
    pub count: u64,
    /// How long ago it was last seen.
    pub age: Duration,
}

impl Recent {
    /// How many are kept.
    pub const KEPT: usize = 20;

    /// Of none so far.
    #[must_use]
    pub fn new(names: bool) -> Self {
        Self { names, kept: VecDeque::new() }
    }

    /// Whether names of objects are kept.
    #[must_use]
    pub fn names(&self) -> bool {
        self.names
    }

    /// Takes one, at this time since the start. Those of one kind are one, by `ServiceAccount` where
    /// names are kept: a wrong annotation warns with each pod.
    pub fn take(&mut self, at: Duration, kind: &'static str, subject: &Subject, message: &str) {
        let of_same = |kept: &Kept| {
            kept.kind == kind
                && (!self.names
                    || (is_short_of(
                        &kept.subject.service_account,
                        &subject.service_account,
                        2 * MAX_NAME + 1,
                    ) && is_short_of(&kept.subject.namespace, &subject.namespace, MAX_NAME)))
        };
        let known = self.kept.iter().position(of_same);
        let mut kept = known.and_then(|place| self.kept.remove(place)).unwrap_or_else(|| Kept {
            kind,
            subject: Subject::default(),
            message: String::new(),
            count: 0,
            last: at,
        });
        kept.count = kept.count.saturating_add(1);
        kept.last = at;
        if self.names {
            kept.subject = Subject {
                namespace: shortened(&subject.namespace, MAX_NAME),
                service_account: shortened(&subject.service_account, 2 * MAX_NAME + 1),
                pod: shortened(&subject.pod, MAX_NAME),
            };
            kept.message = shortened(message, MAX_MESSAGE);
        }
        self.kept.push_front(kept);
        self.kept.truncate(Self::KEPT);
    }

    /// The newest first, at this time since the start.
    #[must_use]
    pub fn seen(&self, at: Duration) -> Vec<Seen> {
        let seen = self.kept.iter().map(|kept| Seen {
            kind: kept.kind,
            subject: self.names.then(|| kept.subject.clone()),
            message: self.names.then(|| kept.message.clone()),
            count: kept.count,
            age: at.saturating_sub(kept.last),
        });
        seen.collect()
    }
}

/// Whether this is what was kept of `text`.
fn is_short_of(kept: &str, text: &str, max: usize) -> bool {
    if text.len() <= max { kept == text } else { kept == shortened(text, max) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(service_account: &str) -> Subject {
        let [namespace, service_account, pod] =
            ["shop", service_account, "cart-"].map(str::to_owned);
        Subject { namespace, service_account, pod }
    }

    fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn shows_a_warning_of_one_service_account_once_with_its_count() {
        let mut recent = Recent::new(true);
        recent.take(second(1), "near-miss", &of("shop/cart"), "first");
        recent.take(second(2), "near-miss", &of("shop/till"), "other");
        recent.take(second(3), "near-miss", &of("shop/cart"), "last");
        let seen = recent.seen(second(10));
        let shown: Vec<_> = seen
            .iter()
            .map(|it| (it.message.as_deref().unwrap(), it.count, it.age.as_secs()))
            .collect();
        assert_eq!(shown, [("last", 2, 7), ("other", 1, 8)]);
    }

    #[test]
    fn keeps_no_name_where_none_may_be_shown() {
        let mut recent = Recent::new(false);
        recent.take(second(1), "near-miss", &of("shop/cart"), "SECRET");
        recent.take(second(2), "near-miss", &of("shop/till"), "SECRET");
        let seen = recent.seen(second(2));
        assert_eq!((seen.len(), seen[0].count), (1, 2));
        assert_eq!((&seen[0].subject, &seen[0].message), (&None, &None));
        let kept = format!("{recent:?}");
        assert!(!kept.contains("SECRET") && !kept.contains("cart"), "{kept}");
    }

    #[test]
    fn keeps_a_bounded_number_of_bounded_texts() {
        let mut recent = Recent::new(true);
        let long = "ä".repeat(100_000);
        for number in 0..1_000 {
            let subject = Subject {
                namespace: long.clone(),
                service_account: format!("{number}{long}"),
                pod: long.clone(),
            };
            recent.take(second(number), "near-miss", &subject, &long);
            recent.take(second(number), "near-miss", &subject, &long);
        }
        let seen = recent.seen(second(1_000));
        assert_eq!(seen.len(), Recent::KEPT);
        assert!(seen.iter().all(|seen| seen.count == 2), "{seen:?}");
        assert!(format!("{seen:?}").len() < 100_000);
    }
}
