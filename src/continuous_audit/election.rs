//! Who audits: what a replica does about the Lease, by what it has read of it and by its own monotonic clock.
//!
//! A holder takes itself for one until [`GIVE_UP`] after it *sent* the last write that succeeded. The others take the
//! Lease [`DURATION`] after they first *read* its last change. So the holder has given up before anybody else
//! begins, as long as no clock runs half as fast again as another. The times inside a Lease are for people: nothing
//! is decided by them.

use std::time::Duration;

/// How long a Lease has to stay as it is before another replica takes it.
pub(super) const DURATION: Duration = Duration::from_secs(30);
/// How long after its last renewal a replica takes itself for the holder.
pub(super) const GIVE_UP: Duration = Duration::from_secs(20);
/// How long after the last renewal the next one begins.
const RENEW: Duration = Duration::from_secs(7);
/// How often those who don't hold it read it.
const LOOK: Duration = Duration::from_secs(5);
/// How long after a failure the Lease is read again.
const RETRY: Duration = Duration::from_secs(2);
/// The same where it was forbidden: that lasts until somebody grants it.
const FORBIDDEN: Duration = Duration::from_secs(15);
/// A Lease that was written by hand may name any duration: others count up to this one.
const LONGEST: Duration = Duration::from_mins(2);

/// Since some moment before, by a clock that nobody sets.
pub(super) type Uptime = Duration;

/// What the API server showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Absent,
    Lease(Record),
}

impl Seen {
    fn has_holder(&self) -> bool {
        matches!(self, Self::Lease(Record { holder: Holder::Named { .. }, .. }))
    }
}

/// A Lease, as far as it decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The API server's version of the object.
    pub(super) version: String,
    pub(super) holder: Holder,
}

/// Whom a Lease names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    Named {
        identity: String,
        duration: Duration,
    },
    /// Its holder gave it back: nobody has to wait.
    Released,
    /// Nobody, for another reason. Whoever held it before may not know yet.
    Nobody,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Read the Lease.
    Look,
    /// Create it, for nobody: whoever held one that was deleted may not know yet.
    Create,
    /// Create it as its holder, who still is it.
    Recreate,
    /// Write this replica into the Lease as it was read, and into no other version of it.
    Claim,
    /// Nothing for so long.
    Wait(Duration),
}

/// One replica's part.
#[derive(Clone, Debug)]
pub(super) struct Election {
    identity: String,
    /// What was read or written last, and when it was first seen to be so.
    seen: Option<(Seen, Uptime)>,
    /// What was read last is a writing of this replica's own.
    own: bool,
    /// A claim of one version went out, and whether it arrived is not known.
    pending: bool,
    held_until: Option<Uptime>,
    /// When the Lease is read again; nothing is written before, where something failed.
    look_at: Uptime,
    must_look: bool,
    renew_at: Uptime,
}

impl Election {
    /// The identity is unique among all processes that ever were.
    pub(super) fn new(identity: String) -> Self {
        Self {
            identity,
            seen: None,
            own: false,
            pending: false,
            held_until: None,
            look_at: Duration::ZERO,
            must_look: true,
            renew_at: Duration::ZERO,
        }
    }

    pub(super) fn identity(&self) -> &str {
        &self.identity
    }

    /// Until when this replica is the holder, if it is.
    pub(super) fn held_until(&self, now: Uptime) -> Option<Uptime> {
        self.held_until.filter(|until| now < *until)
    }

    /// What to do now.
    pub(super) fn next(&self, now: Uptime) -> Step {
        let write = if self.must_look { None } else { self.write(now) };
        match write {
            Some((at, write)) if at <= now => write,
            _ if self.look_at <= now => Step::Look,
            Some((at, _)) => Step::Wait(at.min(self.look_at).saturating_sub(now)),
            None => Step::Wait(self.look_at.saturating_sub(now)),
        }
    }

    /// What is to be written by what is known, and when.
    fn write(&self, now: Uptime) -> Option<(Uptime, Step)> {
        let (seen, since) = self.seen.as_ref()?;
        let holds = self.held_until(now).is_some();
        Some(match seen {
            Seen::Absent if holds => (now, Step::Recreate),
            Seen::Absent => (now, Step::Create),
            Seen::Lease(_) if self.own && holds => (self.renew_at, Step::Claim),
            Seen::Lease(_) if self.own => (now, Step::Claim),
            Seen::Lease(Record { holder: Holder::Released, .. }) => (now, Step::Claim),
            Seen::Lease(Record { holder: Holder::Nobody, .. }) => (*since + DURATION, Step::Claim),
            Seen::Lease(Record { holder: Holder::Named { duration, .. }, .. }) => {
                (*since + (*duration).clamp(DURATION, LONGEST), Step::Claim)
            }
        })
    }

    /// Takes what was read, at the time at which the answer had come. `jitter` is from 0 to 1. Says whether it shows
    /// that another replica holds the Lease and renews it.
    pub(super) fn read(&mut self, seen: Seen, now: Uptime, jitter: f64) -> bool {
        let names_this = |identity: &String| self.pending && *identity == self.identity;
        let is_same = self.seen.as_ref().is_some_and(|(before, _)| *before == seen);
        self.own = match &seen {
            // One that names this replica, and that it did not write, is somebody's work by hand.
            Seen::Lease(Record { holder: Holder::Named { identity, .. }, .. }) => {
                (is_same && self.own) || names_this(identity)
            }
            Seen::Absent | Seen::Lease(_) => false,
        };
        let is_renewed = !is_same && self.seen.is_some() && !self.own && seen.has_holder();
        if !self.own && seen != Seen::Absent {
            self.held_until = None;
        }
        if !is_same {
            self.seen = Some((seen, now));
        }
        self.pending = false;
        self.must_look = false;
        self.look_at = now + LOOK.mul_f64(0.9 + 0.2 * jitter);
        is_renewed
    }

    /// The Lease is as this replica has written it: with itself as the holder, or nobody for [`Step::Create`]. The
    /// request went out at `sent`.
    pub(super) fn wrote(&mut self, step: Step, version: String, sent: Uptime, now: Uptime) {
        let holder = if step == Step::Create {
            Holder::Nobody
        } else {
            Holder::Named { identity: self.identity.clone(), duration: DURATION }
        };
        self.own = step != Step::Create;
        if self.own {
            self.held_until = Some(sent + GIVE_UP);
            self.renew_at = sent + RENEW;
        }
        self.seen = Some((Seen::Lease(Record { version, holder }), now));
        self.pending = false;
        self.must_look = false;
        // Its renewals tell a holder what it has to know.
        self.look_at = if self.own { sent + GIVE_UP } else { now + LOOK };
    }

    /// Somebody else has written meanwhile, or an earlier attempt of this replica's.
    pub(super) fn conflicted(&mut self, step: Step, now: Uptime) {
        self.pending |= step == Step::Claim;
        self.must_look = true;
        self.look_at = now;
    }

    /// A step failed; of a write it is not known whether it arrived. `jitter` is from 0 to 1.
    pub(super) fn failed(&mut self, step: Step, now: Uptime, jitter: f64) {
        self.pending |= step == Step::Claim;
        self.must_look = true;
        self.look_at = now + RETRY.mul_f64(0.5 + jitter);
    }

    /// The API server forbids a step. A holder tries again as after any failure, to stay it.
    pub(super) fn forbidden(&mut self, step: Step, now: Uptime, jitter: f64) {
        self.failed(step, now, jitter);
        if self.held_until(now).is_none() {
            self.look_at = now + FORBIDDEN.mul_f64(0.75 + 0.5 * jitter);
        }
    }

    /// Whether this replica holds the Lease as it was written last. From here on it does not.
    pub(super) fn give_back(&mut self, now: Uptime) -> bool {
        let held = self.held_until(now).is_some() && self.own;
        self.held_until = None;
        held
    }
}

#[cfg(test)]
#[path = "election_tests.rs"]
mod tests;
