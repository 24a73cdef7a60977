//! Plans in stages: a new signing key ([`rotate`]), a new issuer ([`migrate`]).
//!
//! A plan is made anew from what is known now, so that it needs no memory: each
//! step says by its checks whether it has been reached, and why it may not be
//! begun. What is not known counts as not reached.

mod flags;
mod migrate;
mod rotate;

use serde::Serialize;

use super::{IssuerCheck, Jwks, Outcome, Token};

pub use flags::{ApiServerFlags, FlagsError};
pub use migrate::{Migration, migrate};
pub use rotate::{Rotation, rotate};

/// What is known of the cluster and of what is published.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    /// The keys that the API server verifies with.
    pub live: Option<&'a Jwks>,
    /// A token that the API server signed just now.
    pub token: Option<&'a Token>,
    /// The flags of every API server, where they could be read.
    pub servers: &'a [ApiServerFlags],
    /// The user states that no token signed before the change is in use any longer.
    pub old_tokens_expired: bool,
}

/// The steps of a change, and what is wrong already.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// All steps, in the order in which to make them.
    pub steps: Vec<Step>,
    /// Failed checks of things that make AWS or the API server refuse tokens right now.
    pub alarms: Vec<IssuerCheck>,
}

/// One change, made everywhere before the next begins.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// A stable name for scripts, unique within the plan: `publish`.
    pub id: &'static str,
    /// What the step does, as a short phrase for people.
    pub title: String,
    /// Whether the step is done, is the next one, or comes later.
    pub state: State,
    /// The flags to set on every kube-apiserver, in this order. Other values of the same
    /// flags must go. Empty if the step changes no flags.
    pub flags: Vec<String>,
    /// What else to do, in this order, one sentence each.
    pub todo: Vec<String>,
    /// The step is done when all of these pass.
    pub checks: Vec<IssuerCheck>,
    /// Why the step must not be begun yet, one sentence each. Empty if it may be.
    pub blocked: Vec<String>,
}

/// How far a [`Step`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The checks of this step and of all before it pass.
    Done,
    /// The first step that is not done.
    Next,
    /// An earlier step is not done yet.
    Later,
}

impl Plan {
    /// `steps` with all but their states.
    fn new(mut steps: Vec<Step>, alarms: Vec<IssuerCheck>) -> Self {
        let mut state = State::Done;
        for step in &mut steps {
            let reached = step.checks.iter().all(|check| check.outcome == Outcome::Pass);
            state = match state {
                State::Done if reached => State::Done,
                State::Done => State::Next,
                State::Next | State::Later => State::Later,
            };
            step.state = state;
            if state == State::Done {
                step.blocked.clear();
            }
        }
        Self { steps, alarms }
    }

    /// The step with this id.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// The first step that is not done.
    #[must_use]
    pub fn next(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.state == State::Next)
    }
}

impl Step {
    fn new(id: &'static str, title: &str, checks: Vec<IssuerCheck>) -> Self {
        Self {
            id,
            title: title.to_owned(),
            state: State::Later,
            flags: Vec::new(),
            todo: Vec::new(),
            checks,
            blocked: Vec::new(),
        }
    }

    fn set<const N: usize>(mut self, flags: [String; N]) -> Self {
        self.flags.extend(flags);
        self
    }

    fn todo<const N: usize>(mut self, todo: [&str; N]) -> Self {
        self.todo.extend(todo.map(str::to_owned));
        self
    }

    /// Needs all of these to be reached.
    fn after(mut self, needed: &[IssuerCheck]) -> Self {
        for check in needed.iter().filter(|check| check.outcome != Outcome::Pass) {
            // One fact that is not known may be asked for twice.
            if !self.blocked.contains(&check.found) {
                self.blocked.push(check.found.clone());
            }
        }
        self
    }

    /// Needs the word of the user.
    fn when(mut self, stated: bool, otherwise: &str) -> Self {
        if !stated {
            self.blocked.push(otherwise.to_owned());
        }
        self
    }
}

/// Passes or fails by a fact; without it, nobody knows.
fn known(id: &'static str, fact: Option<bool>, yes: &str, no: &str, unknown: &str) -> IssuerCheck {
    match fact {
        Some(true) => IssuerCheck::pass(id, yes),
        Some(false) => IssuerCheck::fail(id, no, "do this step"),
        None => IssuerCheck::skip(id, unknown),
    }
}

const EXPIRED: &str = "old tokens may still be in use: wait until the longest-lived one has expired, \
                       restart pods that read their token only once, replace tokens in Secrets, then \
                       pass --old-tokens-expired";

#[cfg(test)]
mod tests;
