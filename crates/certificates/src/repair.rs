//! What the caBundles have to be.

use jiff::{SignedDuration, Timestamp};

use super::params::later;
use super::{
    Authorities, Bundle, Certificate, Configuration, Lifetimes, Params, Published, SecretView,
};

/// How far clocks may differ: by another replica's, an authority that ended
/// this recently has not.
const GRACE: SignedDuration = SignedDuration::from_mins(5);

/// The longest life of an authority that is kept in a caBundle though the
/// Secret does not know it; else one slipped in there could stay for ever.
const LONGEST_UNKNOWN: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The caBundle that webhooks of a configuration have to get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleRepair {
    pub configuration: String,
    /// Place and name of each webhook.
    pub webhooks: Vec<(usize, String)>,
    pub bundle: Bundle,
}

/// The webhooks whose caBundle is not as it should be.
pub(super) fn repairs(
    now: Timestamp,
    secret: &SecretView,
    published: &Published,
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
    now: Timestamp,
    authorities: &Authorities,
    published: &Published,
    lifetimes: &Lifetimes,
) -> Bundle {
    let longest = LONGEST_UNKNOWN.max(lifetimes.authority() + Lifetimes::BACKDATE);
    let mut unknown: Vec<&Certificate> = published
        .entries()
        .flat_map(|entry| entry.bundle.iter())
        .filter(|found| found.is_our_authority() && found.lifetime() <= longest)
        .collect();
    unknown.sort_by_key(|found| (found.not_before(), found.der()));
    let all = authorities.certificates().chain(unknown);
    all.filter(|certificate| !certificate.expired(later(now, -GRACE))).cloned().collect()
}

/// One that has ended is neither asked for nor, for a while, in the way: else
/// two replicas whose clocks differ would write in turn.
fn is_right(now: Timestamp, bundle: &Bundle, desired: &Bundle) -> bool {
    let ended_lately = |found: &Certificate| {
        found.is_our_authority() && !found.expired(later(now, -(GRACE + GRACE)))
    };
    bundle.is_clean()
        && desired.iter().all(|wanted| wanted.expired(now) || bundle.contains(wanted))
        && bundle
            .iter()
            .all(|found| desired.contains(found) || (found.expired(now) && ended_lately(found)))
}
