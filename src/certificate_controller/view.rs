//! What the API server showed last, and what failed since.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use tokio::time::Instant;

use super::{AccessError, ManagedObject, Operation};
use certificates::{Configuration, PublishedBundles, SecretView};

/// The objects as they were read, and what they mean.
pub(super) struct View {
    pub(super) secret: SecretView,
    pub(super) secret_object: Option<Secret>,
    pub(super) published: PublishedBundles,
    configurations: Vec<Option<MutatingWebhookConfiguration>>,
}

/// Failures that last, each by itself.
#[derive(Default)]
pub(super) struct Failures(BTreeMap<(ManagedObject, Operation), Failure>);

struct Failure {
    message: String,
    /// A lost watch of something that is known is no problem yet.
    shown: bool,
    count: u32,
    retry: Instant,
}

/// Certificates that this replica replaced since they were of no use. Another
/// that sees another time replaces them in turn: not without end at full speed.
#[derive(Default)]
pub(super) struct Replacements(Option<(Instant, u32)>);

/// After this long without a replacement, the next one counts as the first.
const CALM: Duration = Duration::from_mins(5);

const SHORTEST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

impl View {
    pub(super) fn new(configurations: &[String]) -> Self {
        let unknown = configurations.iter().map(|name| (name.clone(), Configuration::Unknown));
        Self {
            secret: SecretView::Unknown,
            secret_object: None,
            published: PublishedBundles(unknown.collect()),
            configurations: vec![None; configurations.len()],
        }
    }

    /// `read` says what the object means.
    pub(super) fn set_secret(
        &mut self,
        object: Option<Secret>,
        read: impl FnOnce(Option<&Secret>) -> SecretView,
    ) {
        if !is_older(object.as_ref(), self.secret_object.as_ref()) {
            self.secret = read(object.as_ref());
            self.secret_object = object;
        }
    }

    pub(super) fn set_configuration(
        &mut self,
        index: usize,
        object: Option<MutatingWebhookConfiguration>,
        read: impl FnOnce(Option<&MutatingWebhookConfiguration>) -> Configuration,
    ) {
        let (Some(known), Some((_, meaning))) =
            (self.configurations.get_mut(index), self.published.0.get_mut(index))
        else {
            return;
        };
        if !is_older(object.as_ref(), known.as_ref()) {
            *meaning = read(object.as_ref());
            *known = object;
        }
    }

    /// The place of a configuration and the version of it that was read.
    pub(super) fn version_of(&self, name: &str) -> Option<(usize, String)> {
        let index = self.published.0.iter().position(|(found, _)| found == name)?;
        let object = self.configurations.get(index)?.as_ref()?;
        Some((index, object.resource_version()?))
    }
}

/// A watch may still bring what a write of our own has replaced. Versions are
/// compared as numbers where they are; where not, the worst is a conflict.
fn is_older<K: ResourceExt>(new: Option<&K>, known: Option<&K>) -> bool {
    let (Some(new), Some(known)) = (new, known) else { return false };
    let version = |object: &K| object.resource_version()?.parse::<u128>().ok();
    match (version(new), version(known)) {
        (Some(was), Some(is)) => new.uid() == known.uid() && was < is,
        _ => false,
    }
}

impl Failures {
    /// Logs it, unless the same failure was logged before.
    pub(super) fn record(
        &mut self,
        operation: Operation,
        target: &ManagedObject,
        error: &AccessError,
        shown: bool,
    ) {
        let message = error.to_string();
        let key = (target.clone(), operation);
        let former = self.0.remove(&key);
        if former.as_ref().is_none_or(|former| former.message != message) {
            tracing::warn!(error = %message, "certificate management failed");
        }
        let count = former.map_or(0, |former| former.count).saturating_add(1);
        let failure = Failure { message, shown, count, retry: Instant::now() + delay(count) };
        self.0.insert(key, failure);
    }

    pub(super) fn clear(&mut self, operation: Operation, target: &ManagedObject) {
        if self.0.remove(&(target.clone(), operation)).is_some() {
            tracing::info!(%operation, object = %target, "certificate management recovered");
        }
    }

    /// Whether it failed too lately to be tried again.
    pub(super) fn hold_back(&self, operation: Operation, target: &ManagedObject) -> bool {
        let failure = self.0.get(&(target.clone(), operation));
        failure.is_some_and(|failure| Instant::now() < failure.retry)
    }

    pub(super) fn shown(&self) -> impl Iterator<Item = &str> {
        self.0.values().filter(|failure| failure.shown).map(|failure| failure.message.as_str())
    }
}

impl Replacements {
    /// The first two are free: a leaf and its authority.
    pub(super) fn hold_back(&self) -> bool {
        let Some((last, count)) = self.0 else { return false };
        let wait = count.checked_sub(2).map_or(Duration::ZERO, delay_at_most);
        last.elapsed() < wait
    }

    pub(super) fn count(&mut self) {
        let former = self.0.filter(|(last, _)| last.elapsed() < CALM);
        let count = former.map_or(0, |(_, count)| count).saturating_add(1);
        self.0 = Some((Instant::now(), count));
    }
}

/// Doubled each time; between half and all of it, so that replicas part.
fn delay(count: u32) -> Duration {
    delay_at_most(count).mul_f64(0.5 + fastrand::f64() / 2.0)
}

fn delay_at_most(count: u32) -> Duration {
    let doubled = SHORTEST_RETRY.saturating_mul(1 << count.saturating_sub(1).min(5));
    doubled.min(LONGEST_RETRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn two_replicas_that_see_other_times_replace_in_turn_more_and_more_seldom() {
        let mut replacements = Replacements::default();
        let begun = Instant::now();
        let mut waits = Vec::new();
        // The other one has replaced ours by the next tick.
        for _ in 0..10 {
            let from = Instant::now();
            while replacements.hold_back() {
                tokio::time::advance(Duration::from_secs(1)).await;
            }
            waits.push(from.elapsed().as_secs());
            replacements.count();
        }
        assert_eq!(waits, [0, 0, 1, 1, 2, 4, 8, 16, 30, 30]);
        assert!(begun.elapsed() > Duration::from_secs(90));
        tokio::time::advance(CALM).await;
        replacements.count();
        assert!(!replacements.hold_back(), "after a calm one is the first again");
    }
}
