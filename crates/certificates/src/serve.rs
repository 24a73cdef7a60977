//! The leaf to serve now.

use std::sync::Arc;

use super::decide::passed;
use super::{Crypto, Leaf, Memory, Params, PublishedBundles, SecretView, ServerTime};

/// The leaf in the Secret where the API servers take it, else the one served
/// until now where that has not expired.
pub(super) fn serve(
    now: ServerTime,
    secret: &SecretView,
    published: &PublishedBundles,
    memory: &Memory,
    params: &Params,
    crypto: Crypto,
) -> Option<Arc<Leaf>> {
    let served = memory.served.as_ref().filter(|leaf| !now.is_after(leaf.certificate()));
    let name = params.names.server_name();
    let verified =
        |leaf: &Leaf| published.verifies(leaf.certificate(), &name, now.earliest(), crypto);
    let is_ahead = |leaf: &Leaf| now.is_before(leaf.certificate());
    let works = |leaf: &Leaf| verified(leaf) && !is_ahead(leaf);
    let state = match secret {
        SecretView::Foreign(Ok(leaf)) if !now.is_after(leaf.certificate()) => {
            // One that works is not given up for one that the API server refuses.
            let kept = served.filter(|served| works(served) && !works(leaf));
            return Some(Arc::clone(kept.unwrap_or(leaf)));
        }
        SecretView::Ours(state) => state,
        _ => return served.cloned(),
    };
    if !state.certificates().all(|certificate| now.is_within(certificate)) || !verified(&state.leaf)
    {
        return served.cloned();
    }
    let has_begun = |leaf: &Leaf| now.has_reached(leaf.certificate());
    let take = match served {
        // Who has served nothing yet waits for every configuration: "ready"
        // means that the API server can call.
        None => published.is_complete(),
        // One of the future, or of a time not known: no API server refuses it
        // for sure, and the one that is served works.
        Some(served) if !has_begun(&state.leaf) && works(served) => false,
        Some(served) => {
            state.leaf.certificate().has_issuer_of(served.certificate())
                || !works(served)
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
