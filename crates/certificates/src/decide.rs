//! The decision: what to do now about the Secret, the caBundles and the leaf
//! that is served.

use std::sync::Arc;

use jiff::Timestamp;

use super::params::later;
use super::problem::problems;
use super::published::Spread;
use super::repair::{BundleRepair, repairs};
use super::{
    Authorities, Authority, Leaf, Lifetimes, Params, Problem, Published, SecretView, State,
};

/// What this process remembers.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The last whole state that it saw in our Secret.
    pub state: Option<State>,
    /// The leaf that it serves.
    pub served: Option<Arc<Leaf>>,
}

/// What to do. The parts don't depend on each other's success.
#[derive(Clone, Debug)]
pub struct Decision {
    pub secret: Option<SecretStep>,
    pub bundles: Vec<BundleRepair>,
    pub serve: Option<Arc<Leaf>>,
    pub ready: bool,
    pub problems: Vec<Problem>,
}

/// A change of the Secret, and what brought it about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretStep {
    pub cause: Cause,
    pub change: Change,
}

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
    Absent,
    Broken,
    LeafFlawed,
    LeafDue,
    LeafExpired,
    AuthorityDue,
    AuthorityPublished,
    AuthorityNotPublished,
    OverlapPassed,
    AuthorityExpired,
}

/// From what is known now to what to do now.
#[must_use]
pub fn decide(
    now: Timestamp,
    secret: &SecretView,
    published: &Published,
    memory: &Memory,
    params: &Params,
) -> Decision {
    let serve = serve(now, secret, published, memory, params);
    let problems = problems(now, secret, published, params);
    let injected = problems.iter().any(|problem| matches!(problem, Problem::Injected { .. }));
    Decision {
        secret: secret_step(now, secret, published, memory, params),
        bundles: repairs(now, secret, published, params),
        ready: serve.is_some() && !injected,
        serve,
        problems,
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
    pub const ALL: [Self; 10] = [
        Self::Absent,
        Self::Broken,
        Self::LeafFlawed,
        Self::LeafDue,
        Self::LeafExpired,
        Self::AuthorityDue,
        Self::AuthorityPublished,
        Self::AuthorityNotPublished,
        Self::OverlapPassed,
        Self::AuthorityExpired,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "secret_absent",
            Self::Broken => "secret_broken",
            Self::LeafFlawed => "leaf_flawed",
            Self::LeafDue => "leaf_due",
            Self::LeafExpired => "leaf_expired",
            Self::AuthorityDue => "ca_due",
            Self::AuthorityPublished => "ca_published",
            Self::AuthorityNotPublished => "ca_not_published",
            Self::OverlapPassed => "ca_overlap_passed",
            Self::AuthorityExpired => "ca_expired",
        }
    }
}

impl SecretStep {
    fn new(cause: Cause, change: Change) -> Self {
        Self { cause, change }
    }
}

fn secret_step(
    now: Timestamp,
    secret: &SecretView,
    published: &Published,
    memory: &Memory,
    params: &Params,
) -> Option<SecretStep> {
    match secret {
        SecretView::Unknown | SecretView::Foreign(_) => None,
        SecretView::Absent => Some(SecretStep::new(Cause::Absent, remembered(now, memory, params))),
        SecretView::OursBroken(_) => {
            Some(SecretStep::new(Cause::Broken, remembered(now, memory, params)))
        }
        SecretView::OursWithoutLeaf { authorities, .. } => {
            if authorities.current.certificate.expired(now) {
                return Some(succeed(now, authorities));
            }
            Some(SecretStep::new(Cause::LeafFlawed, Change::IssueLeaf(authorities.clone())))
        }
        SecretView::Ours(state) => rotate(now, state, published, &params.lifetimes),
    }
}

/// What was there, where it can still be served: nothing that is published or
/// served changes. Else new.
fn remembered(now: Timestamp, memory: &Memory, params: &Params) -> Change {
    let usable = |state: &&State| {
        !state.authorities.current.certificate.expired(now)
            && !state.leaf.certificate().expired(now)
            && state.is_for(&params.names)
    };
    match memory.state.as_ref().filter(usable) {
        Some(state) => Change::Put(state.clone()),
        None => Change::Establish,
    }
}

/// The step that a whole state needs.
fn rotate(
    now: Timestamp,
    state: &State,
    published: &Published,
    lifetimes: &Lifetimes,
) -> Option<SecretStep> {
    let Authorities { current, next, .. } = &state.authorities;
    let (authority, leaf) = (&current.certificate, state.leaf.certificate());
    if authority.expired(now) {
        return Some(succeed(now, &state.authorities));
    }
    let issue = || Change::IssueLeaf(state.authorities.clone());
    if leaf.expired(now) {
        return Some(SecretStep::new(Cause::LeafExpired, issue()));
    }
    match next.as_ref().filter(|next| !next.certificate.expired(now)) {
        Some(next) => {
            let step = take_over(now, state, next, published, lifetimes);
            if step.is_some() {
                return step;
            }
        }
        // A clock that jumped back asks for nothing that would end earlier.
        None if Lifetimes::is_due(authority, now)
            && lifetimes.authority_ends(now) > authority.not_after() =>
        {
            return Some(SecretStep::new(Cause::AuthorityDue, Change::AddNext(state.clone())));
        }
        None => {}
    }
    if Lifetimes::is_due(leaf, now) && lifetimes.leaf_ends(now, authority) > leaf.not_after() {
        return Some(SecretStep::new(Cause::LeafDue, issue()));
    }
    if current.published.is_none() && published.spread(authority) == Spread::Everywhere {
        let mut state = state.clone();
        state.authorities.current.published = Some(now);
        return Some(SecretStep::new(Cause::AuthorityPublished, Change::Put(state)));
    }
    None
}

/// The current authority has ended: nothing works, so there is nothing to wait
/// for.
fn succeed(now: Timestamp, authorities: &Authorities) -> SecretStep {
    let next = authorities.next.clone().filter(|next| !next.certificate.expired(now));
    let change = match next {
        Some(next) => Change::IssueLeaf(authorities.promoted(next, now)),
        None => Change::Establish,
    };
    SecretStep::new(Cause::AuthorityExpired, change)
}

/// The way of the next authority: recorded as published, then current.
fn take_over(
    now: Timestamp,
    state: &State,
    next: &Authority,
    published: &Published,
    lifetimes: &Lifetimes,
) -> Option<SecretStep> {
    let record = |cause, published| {
        let mut state = state.clone();
        state.authorities.next = Some(Authority { published, ..next.clone() });
        Some(SecretStep::new(cause, Change::Put(state)))
    };
    match (published.spread(&next.certificate), next.published) {
        (Spread::Everywhere, None) => record(Cause::AuthorityPublished, Some(now)),
        // Someone overwrote a caBundle: the overlap begins anew.
        (Spread::NotEverywhere, Some(_)) => record(Cause::AuthorityNotPublished, None),
        (Spread::Everywhere, Some(since)) => {
            let ends = state.authorities.current.certificate.not_after();
            let too_late = later(now, lifetimes.overlap()) >= ends;
            if !passed(now, since, lifetimes) && !too_late {
                return None;
            }
            let promoted = state.authorities.promoted(next.clone(), now);
            Some(SecretStep::new(Cause::OverlapPassed, Change::IssueLeaf(promoted)))
        }
        (Spread::NotEverywhere, None) | (Spread::Unknown, _) => None,
    }
}

fn passed(now: Timestamp, since: Timestamp, lifetimes: &Lifetimes) -> bool {
    later(since, lifetimes.overlap()) <= now
}

/// The leaf to serve now.
fn serve(
    now: Timestamp,
    secret: &SecretView,
    published: &Published,
    memory: &Memory,
    params: &Params,
) -> Option<Arc<Leaf>> {
    let served = memory.served.as_ref().filter(|leaf| !leaf.certificate().expired(now));
    let name = params.names.server_name();
    let verified = |leaf: &Leaf| published.verifies(leaf.certificate(), &name, now);
    let state = match secret {
        SecretView::Foreign(Ok(leaf)) if !leaf.certificate().expired(now) => {
            // One that works is not given up for one that the API server refuses.
            let works = served.filter(|served| verified(served) && !verified(leaf));
            return Some(Arc::clone(works.unwrap_or(leaf)));
        }
        SecretView::Ours(state) => state,
        _ => return served.cloned(),
    };
    let leaf = state.leaf.certificate();
    let begun = |leaf: &Leaf| leaf.certificate().not_before() <= now;
    if leaf.expired(now) || !verified(&state.leaf) {
        return served.cloned();
    }
    let take = match served {
        // Who has served nothing yet waits for every configuration: "ready"
        // means that the API server can call.
        None => published.is_complete(),
        // A replica whose clock is ahead made it: the API server refuses what is
        // still to begin.
        Some(served) if begun(served) && !begun(&state.leaf) && verified(served) => false,
        Some(served) => {
            leaf.has_issuer_of(served.certificate())
                || !verified(served)
                // Another authority: the API server has to know it already.
                || state
                    .authorities
                    .current
                    .published
                    .is_some_and(|since| passed(now, since, &params.lifetimes))
        }
    };
    if take { Some(Arc::clone(&state.leaf)) } else { served.cloned() }
}
