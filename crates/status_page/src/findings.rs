//! What somebody should look at, the worst first.

use injection::admission::Outcome;

use crate::units::{counted, duration};
use crate::{Audit, Clock, Held, Lifetime, Status, Watch};

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub about: &'static str,
    pub text: String,
    /// Admissions suffer from it, or will soon.
    pub is_bad: bool,
}

/// How a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    Valid,
    /// A tenth of its life is left: whoever renews it should have done so long ago.
    EndsSoon,
    NotYet,
    Expired,
}

impl Lifetime {
    pub(crate) fn validity(&self, now: jiff::Timestamp) -> Validity {
        let left = self.not_after.duration_since(now);
        if left.is_negative() {
            return Validity::Expired;
        }
        match self.not_before {
            Some(not_before) if now < not_before => Validity::NotYet,
            Some(not_before) if self.not_after.duration_since(not_before) / 10 > left => {
                Validity::EndsSoon
            }
            _ => Validity::Valid,
        }
    }
}

impl Audit {
    /// A round takes time, and a replica that takes the work over begins anew.
    pub(crate) fn is_overdue(&self) -> bool {
        self.is_holder
            && self.last.as_ref().is_some_and(|last| last.age > self.interval.saturating_mul(3))
    }

    /// Pods of which nobody knows what they should have.
    fn unknown_pods(&self) -> u64 {
        let states = self.last.iter().flat_map(|last| &last.states);
        let unknown = states.filter(|it| it.state == "unknown");
        unknown.fold(0, |sum, it| sum.saturating_add(it.pods))
    }

    /// Pods that somebody has to do something about, of the last round.
    fn wrong_pods(&self) -> u64 {
        let states = self.last.iter().flat_map(|last| &last.states);
        states.filter(|it| it.is_wrong).fold(0, |sum, it| sum.saturating_add(it.pods))
    }
}

impl Watch {
    pub(crate) fn is_silent(&self) -> bool {
        self.silent_for.is_some_and(|silent| silent > self.silence)
    }
}

pub(crate) fn of(status: &Status) -> Vec<Finding> {
    let mut all = Vec::new();
    let mut add = |is_bad: bool, about: &'static str, text: String| {
        all.push(Finding { about, text, is_bad });
    };
    for condition in &status.conditions {
        if let Some(reason) = &condition.reason {
            add(true, condition.name, reason.clone());
        }
    }
    let certificates = &status.certificates;
    for (about, held) in [
        ("serving certificate", &certificates.serving),
        ("certificate authority", &certificates.authority),
        ("client CA", &certificates.clients),
    ] {
        let Held::For(lifetime) = held else { continue };
        let span =
            |until: jiff::Timestamp| duration(until.duration_since(status.now).unsigned_abs());
        match lifetime.validity(status.now) {
            Validity::Valid => {}
            Validity::Expired => {
                add(true, about, format!("expired {} ago", span(lifetime.not_after)));
            }
            Validity::NotYet => {
                let begins = lifetime.not_before.unwrap_or(status.now);
                add(true, about, format!("is not valid for another {}", span(begins)));
            }
            Validity::EndsSoon => {
                let left = span(lifetime.not_after);
                add(false, about, format!("expires in {left}, and has not been renewed yet"));
            }
        }
    }
    match &status.clock {
        Clock::Offset { text, is_warning: true, .. } => add(false, "clock", text.clone()),
        Clock::NotKnown => {
            let so = match certificates.authority {
                Held::NotUsed => "certificates and ages are compared with this node's",
                Held::NotKnown | Held::For(_) => "no certificate is issued, replaced or removed",
            };
            add(false, "clock", format!("the API server's clock is not known: {so}"));
        }
        Clock::NoCluster | Clock::Offset { .. } => {}
    }
    if let Some(watch) = &status.sources.watch
        && let Some(silent) = watch.silent_for.filter(|_| watch.is_silent())
    {
        let silent = duration(silent);
        let text =
            format!("the API server has sent nothing for {silent}; answers come from memory");
        add(false, "ServiceAccounts", text);
    }
    let failed = status.hour.counts.of(Outcome::LookupFailed);
    if failed > 0 {
        let failed = counted(failed, "admission");
        let text = format!("ended {failed} in the last hour; the log says why");
        add(false, "lookup-failed", text);
    }
    if let Some(audit) = &status.audit {
        if audit.wrong_pods() > 0 {
            let pods = counted(audit.wrong_pods(), "pod");
            let text = format!(
                "{pods} without the identity that they should have now; pod-identity-webhook audit \
                 -A lists them"
            );
            add(false, "pods", text);
        }
        if audit.unknown_pods() > 0 {
            let pods = counted(audit.unknown_pods(), "pod");
            let text =
                format!("{pods} could not be checked; pod-identity-webhook audit -A says why");
            add(false, "pods", text);
        }
        if let Some((age, why)) = &audit.failure {
            // A round, or the Lease: it says which.
            add(false, "audit", format!("{} ago: {why}", duration(*age)));
        } else if audit.is_overdue() {
            let text = format!("no round has ended for three times {}", duration(audit.interval));
            add(false, "audit", text);
        }
    }
    all.sort_by_key(|finding| !finding.is_bad);
    all
}
