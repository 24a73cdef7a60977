//! What the caBundles have to be.

use jiff::SignedDuration;

use super::params::later;
use super::{
    Authorities, Bundle, Certificate, Configuration, Lifetimes, Params, PublishedBundles,
    SecretView, ServerTime,
};

/// How far replicas may differ about the time: by another's, an authority that
/// ended this recently has not.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// The longest life of an authority that is kept in a caBundle though the
/// Secret does not know it, and how far its beginning may be ahead; else one
/// slipped in there could stay for ever.
const LONGEST_UNKNOWN: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The caBundle that webhooks of a configuration have to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRepair {
    /// Name of the `MutatingWebhookConfiguration`.
    pub configuration: String,
    /// Place and name of each webhook.
    pub webhooks: Vec<(usize, String)>,
    /// The caBundle to write.
    pub bundle: Bundle,
}

/// The webhooks whose caBundle is not as it should be.
pub(super) fn repairs(
    now: ServerTime,
    secret: &SecretView,
    published: &PublishedBundles,
    params: &Params,
) -> Vec<BundleRepair> {
    let Some(authorities) = secret.authorities() else { return Vec::new() };
    let bundle = desired(now, authorities, published, &params.lifetimes);
    if bundle.iter().next().is_none() {
        return Vec::new();
    }
    let mut repairs = Vec::new();
    for (name, configuration) in &published.0 {
        let Configuration::Entries(entries) = configuration else { continue };
        let wrong = entries.iter().filter(|entry| !is_right(now, &entry.bundle, &bundle));
        let webhooks: Vec<_> = wrong.map(|entry| (entry.index, entry.name.clone())).collect();
        if !webhooks.is_empty() {
            let (configuration, bundle) = (name.clone(), bundle.clone());
            repairs.push(BundleRepair { configuration, webhooks, bundle });
        }
    }
    repairs
}

/// The Secret's authorities, then those made here that are published already:
/// another replica, or this one before the Secret was lost, may serve a leaf
/// of theirs.
fn desired(
    now: ServerTime,
    authorities: &Authorities,
    published: &PublishedBundles,
    lifetimes: &Lifetimes,
) -> Bundle {
    let longest = LONGEST_UNKNOWN.max(lifetimes.authority() + Lifetimes::BACKDATE);
    let begins_in_time = |found: &Certificate| later(found.not_before(), -longest) <= now.latest();
    let mut unknown: Vec<&Certificate> = published
        .entries()
        .flat_map(|entry| entry.bundle.iter())
        .filter(|found| found.is_our_authority() && found.lifetime() <= longest)
        .filter(|found| begins_in_time(found))
        .collect();
    unknown.sort_by_key(|found| (found.not_before(), found.der()));
    let all = authorities.certificates().chain(unknown);
    all.filter(|found| !found.expired(later(now.earliest(), -GRACE))).cloned().collect()
}

/// One that has ended is neither asked for nor, for a while, in the way: else
/// two replicas that differ about the time would write in turn. While the time
/// is not known, nothing is dropped.
fn is_right(now: ServerTime, bundle: &Bundle, desired: &Bundle) -> bool {
    let drops = !bundle.is_clean() || bundle.iter().any(|found| !desired.contains(found));
    if drops && now.known().is_none() {
        return true;
    }
    let ended_lately = |found: &Certificate| {
        found.is_our_authority() && !found.expired(later(now.earliest(), -(GRACE + GRACE)))
    };
    bundle.is_clean()
        && desired.iter().all(|wanted| now.is_after(wanted) || bundle.contains(wanted))
        && bundle
            .iter()
            .all(|found| desired.contains(found) || (now.is_after(found) && ended_lately(found)))
}
