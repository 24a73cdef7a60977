//! The decision: what to do now about the Secret, the caBundles and the leaf
//! that is served.

use std::sync::Arc;

use jiff::Timestamp;

use super::params::later;
use super::problem::problems;
use super::published::Spread;
use super::repair::{BundleRepair, repairs};
use super::serve::serve;
use super::{
    Authorities, Authority, Crypto, Leaf, Lifetimes, Params, Problem, PublishedBundles, SecretView,
    ServerTime, State,
};

/// What this process remembers.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The last whole state that it saw in our Secret, and that was valid.
    pub state: Option<State>,
    /// The leaf that it serves.
    pub served: Option<Arc<Leaf>>,
}

/// What to do. The parts don't depend on each other's success.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The change that the Secret needs, if any.
    pub secret: Option<SecretStep>,
    /// The caBundles to write.
    pub bundles: Vec<BundleRepair>,
    /// The certificate to serve from now on; `None` if there is none that may be served.
    pub serve: Option<Arc<Leaf>>,
    /// Whether the API server can call this replica.
    pub ready: bool,
    /// What an operator has to see to, the Secret first.
    pub problems: Vec<Problem>,
}

/// A change of the Secret, and what brought it about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretStep {
    /// Why the Secret has to change.
    pub cause: Cause,
    /// How it has to change.
    pub change: Change,
}

/// A change of the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new authority, and a leaf signed by it.
    Establish,
    /// This very state.
    Put(State),
    /// This state and a new next authority.
    AddNext(State),
    /// These authorities and a new leaf signed by the current one.
    IssueLeaf(Authorities),
}

/// What brought a change of the Secret about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// There is no Secret.
    Absent,
    /// The Secret has no authority that can be used.
    Broken,
    /// The Secret has an authority, and no leaf that can be used.
    LeafFlawed,
    /// Two thirds of the leaf's lifetime have passed.
    LeafDue,
    /// The leaf has expired.
    LeafExpired,
    /// The leaf is not valid yet: a clock that was ahead made it.
    LeafAhead,
    /// Two thirds of the current authority's lifetime have passed.
    AuthorityDue,
    /// A new authority has reached every caBundle: the time is recorded.
    AuthorityPublished,
    /// An authority that was recorded as published is missing from a caBundle.
    AuthorityNotPublished,
    /// The next authority has been published for the overlap: it becomes the current one.
    OverlapPassed,
    /// The current authority has expired.
    AuthorityExpired,
    /// An authority is not valid yet: a clock that was ahead made it.
    AuthorityAhead,
}

/// From what is known now to what to do now, at the time of those who verify:
/// the API servers.
#[must_use]
pub fn decide(
    now: ServerTime,
    secret: &SecretView,
    published: &PublishedBundles,
    memory: &Memory,
    params: &Params,
    crypto: Crypto,
) -> Decision {
    let serve = serve(now, secret, published, memory, params, crypto);
    let problems = problems(now, secret, published, params, crypto);
    let injected = problems.iter().any(|problem| matches!(problem, Problem::Injected { .. }));
    Decision {
        secret: secret_step(now, secret, published, memory, params),
        bundles: repairs(now, secret, published, params),
        ready: serve.as_ref().is_some_and(|leaf| now.is_within(leaf.certificate())) && !injected,
        serve,
        problems,
    }
}

impl Memory {
    /// Remembers the state that the Secret has. One of the future takes no
    /// other's place.
    pub fn see(&mut self, secret: &SecretView, now: ServerTime) {
        let SecretView::Ours(state) = secret else { return };
        let has_begun = state.certificates().all(|certificate| now.has_reached(certificate));
        if (has_begun || self.state.is_none()) && self.state.as_ref() != Some(state) {
            self.state = Some(state.clone());
        }
    }
}

impl Change {
    /// The state that the Secret gets, with what has to be made for it.
    pub fn carry_out<E>(
        self,
        make_authority: impl FnOnce() -> Result<Authority, E>,
        make_leaf: impl FnOnce(&Authority) -> Result<Leaf, E>,
    ) -> Result<State, E> {
        let authorities = match self {
            Self::Put(state) => return Ok(state),
            Self::AddNext(mut state) => {
                state.authorities.next = Some(make_authority()?);
                return Ok(state);
            }
            Self::Establish => Authorities::alone(make_authority()?),
            Self::IssueLeaf(authorities) => authorities,
        };
        let leaf = Arc::new(make_leaf(&authorities.current)?);
        Ok(State { authorities, leaf })
    }
}

impl Cause {
    /// Every cause, in the order of the declaration.
    pub const ALL: [Self; 12] = [
        Self::Absent,
        Self::Broken,
        Self::LeafFlawed,
        Self::LeafDue,
        Self::LeafExpired,
        Self::LeafAhead,
        Self::AuthorityDue,
        Self::AuthorityPublished,
        Self::AuthorityNotPublished,
        Self::OverlapPassed,
        Self::AuthorityExpired,
        Self::AuthorityAhead,
    ];

    /// The kebab-case name in log lines and metric labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "secret-absent",
            Self::Broken => "secret-broken",
            Self::LeafFlawed => "leaf-flawed",
            Self::LeafDue => "leaf-due",
            Self::LeafExpired => "leaf-expired",
            Self::LeafAhead => "leaf-ahead",
            Self::AuthorityDue => "ca-due",
            Self::AuthorityPublished => "ca-published",
            Self::AuthorityNotPublished => "ca-not-published",
            Self::OverlapPassed => "ca-overlap-passed",
            Self::AuthorityExpired => "ca-expired",
            Self::AuthorityAhead => "ca-ahead",
        }
    }

    /// Whether a certificate is replaced that is of no use at this time. Where
    /// two replicas see different times, each replaces what the other made.
    #[must_use]
    pub fn is_replacement(self) -> bool {
        matches!(
            self,
            Self::LeafExpired | Self::LeafAhead | Self::AuthorityExpired | Self::AuthorityAhead
        )
    }
}

impl SecretStep {
    fn new(cause: Cause, change: Change) -> Self {
        Self { cause, change }
    }
}

fn secret_step(
    now: ServerTime,
    secret: &SecretView,
    published: &PublishedBundles,
    memory: &Memory,
    params: &Params,
) -> Option<SecretStep> {
    let put_back = |cause| {
        let change = match remembered(now, memory, params) {
            Some(state) => Change::Put(state),
            None if now.known().is_none() => return None,
            None => Change::Establish,
        };
        Some(SecretStep::new(cause, change))
    };
    match secret {
        SecretView::Unknown | SecretView::Foreign(_) => None,
        SecretView::Absent => put_back(Cause::Absent),
        SecretView::OursBroken(_) => put_back(Cause::Broken),
        // Nothing is replaced while the time is not known.
        SecretView::OursWithoutLeaf { .. } | SecretView::Ours(_) if now.known().is_none() => None,
        SecretView::OursWithoutLeaf { authorities, .. } => {
            let issue =
                || SecretStep::new(Cause::LeafFlawed, Change::IssueLeaf(authorities.clone()));
            Some(succeed(now, authorities, memory, params).unwrap_or_else(issue))
        }
        SecretView::Ours(state) => succeed(now, &state.authorities, memory, params)
            .or_else(|| rotate(now, state, published, &params.lifetimes)),
    }
}

/// What was there, where it can still be served: nothing that is published or
/// served changes.
fn remembered(now: ServerTime, memory: &Memory, params: &Params) -> Option<State> {
    let usable = |state: &&State| {
        state.certificates().all(|certificate| now.is_within(certificate))
            && state.is_for(&params.names)
    };
    memory.state.as_ref().filter(usable).cloned()
}

/// The step where the current authority is of no use: nothing works, so there
/// is nothing to wait for.
fn succeed(
    now: ServerTime,
    authorities: &Authorities,
    memory: &Memory,
    params: &Params,
) -> Option<SecretStep> {
    let current = &authorities.current.certificate;
    if now.is_within(current) {
        return None;
    }
    if now.is_before(current)
        && let Some(state) = remembered(now, memory, params)
    {
        return Some(SecretStep::new(Cause::AuthorityAhead, Change::Put(state)));
    }
    let cause =
        if now.is_before(current) { Cause::AuthorityAhead } else { Cause::AuthorityExpired };
    let next = authorities.next.clone().filter(|next| now.is_within(&next.certificate));
    let change = match next {
        Some(next) => Change::IssueLeaf(authorities.promoted(next, now.earliest())),
        None => Change::Establish,
    };
    Some(SecretStep::new(cause, change))
}

/// The step that a whole state needs whose current authority is valid.
fn rotate(
    now: ServerTime,
    state: &State,
    published: &PublishedBundles,
    lifetimes: &Lifetimes,
) -> Option<SecretStep> {
    let Authorities { current, next, .. } = &state.authorities;
    let (authority, leaf) = (&current.certificate, state.leaf.certificate());
    let issue = || Change::IssueLeaf(state.authorities.clone());
    if now.is_after(leaf) {
        return Some(SecretStep::new(Cause::LeafExpired, issue()));
    }
    if now.is_before(leaf) {
        return Some(SecretStep::new(Cause::LeafAhead, issue()));
    }
    let time = now.earliest();
    match next.as_ref().filter(|next| !now.is_after(&next.certificate)) {
        Some(next) if now.is_before(&next.certificate) => {
            let mut state = state.clone();
            state.authorities.next = None;
            return Some(SecretStep::new(Cause::AuthorityAhead, Change::Put(state)));
        }
        Some(next) => {
            let step = take_over(now, state, next, published, lifetimes);
            if step.is_some() {
                return step;
            }
        }
        // A clock that jumped back asks for nothing that would end earlier.
        None if Lifetimes::is_due(authority, time)
            && lifetimes.authority_ends(time) > authority.not_after() =>
        {
            return Some(SecretStep::new(Cause::AuthorityDue, Change::AddNext(state.clone())));
        }
        None => {}
    }
    if Lifetimes::is_due(leaf, time) && lifetimes.leaf_ends(time, authority) > leaf.not_after() {
        return Some(SecretStep::new(Cause::LeafDue, issue()));
    }
    let is_recorded = current.published.is_some_and(|since| !is_ahead(now, since));
    if !is_recorded && published.spread(authority) == Spread::Everywhere {
        let mut state = state.clone();
        state.authorities.current.published = Some(time);
        return Some(SecretStep::new(Cause::AuthorityPublished, Change::Put(state)));
    }
    None
}

/// The way of the next authority: recorded as published, then current.
fn take_over(
    now: ServerTime,
    state: &State,
    next: &Authority,
    published: &PublishedBundles,
    lifetimes: &Lifetimes,
) -> Option<SecretStep> {
    let record = |cause, published| {
        let mut state = state.clone();
        state.authorities.next = Some(Authority { published, ..next.clone() });
        Some(SecretStep::new(cause, Change::Put(state)))
    };
    let time = now.earliest();
    let recorded = next.published.filter(|since| !is_ahead(now, *since));
    match (published.spread(&next.certificate), recorded) {
        (Spread::Everywhere, None) => record(Cause::AuthorityPublished, Some(time)),
        // Someone overwrote a caBundle: the overlap begins anew.
        (Spread::NotEverywhere, Some(_)) => record(Cause::AuthorityNotPublished, None),
        (Spread::Everywhere, Some(since)) => {
            let ends = state.authorities.current.certificate.not_after();
            let too_late = later(time, lifetimes.overlap()) >= ends;
            if !passed(now, since, lifetimes) && !too_late {
                return None;
            }
            let promoted = state.authorities.promoted(next.clone(), time);
            Some(SecretStep::new(Cause::OverlapPassed, Change::IssueLeaf(promoted)))
        }
        (Spread::NotEverywhere, None) | (Spread::Unknown, _) => None,
    }
}

/// Whether a clock that was ahead wrote this: by more than the API servers'
/// own may differ.
fn is_ahead(now: ServerTime, written: Timestamp) -> bool {
    written > later(now.latest(), Lifetimes::BACKDATE)
}

pub(super) fn passed(now: ServerTime, since: Timestamp, lifetimes: &Lifetimes) -> bool {
    later(since, lifetimes.overlap()) <= now.earliest()
}
