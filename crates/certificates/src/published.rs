//! What the webhook configurations have the API server trust.

use jiff::Timestamp;

use super::{Bundle, Certificate, Crypto, Names};

/// The configurations named by flag, in that order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedBundles(pub Vec<(String, Configuration)>);

/// A `MutatingWebhookConfiguration` as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// It has not been read yet.
    Unknown,
    /// The API server has no configuration of this name.
    Missing,
    /// None of its webhooks calls our Service.
    WithoutUs,
    /// cert-manager writes its caBundles; the annotation that says so.
    Injected(&'static str),
    /// The webhooks that call our Service: at least one.
    Entries(Vec<Entry>),
}

/// One webhook of ours in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place among all webhooks of the configuration.
    pub index: usize,
    /// Name of the webhook.
    pub name: String,
    /// Its caBundle.
    pub bundle: Bundle,
}

/// One webhook of a configuration, whoever's it is.
#[derive(Clone, Copy, Debug)]
pub struct Webhook<'a> {
    /// Name of the webhook.
    pub name: &'a str,
    /// Namespace and name of the Service that it calls.
    pub service: Option<(&'a str, &'a str)>,
    /// Its `clientConfig.caBundle`: PEM, decoded from base64.
    pub ca_bundle: Option<&'a [u8]>,
}

/// Where an authority is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    Everywhere,
    NotEverywhere,
    Unknown,
}

const INJECTED: [&str; 3] = [
    "cert-manager.io/inject-ca-from",
    "cert-manager.io/inject-ca-from-secret",
    "cert-manager.io/inject-apiserver-ca",
];

impl Configuration {
    /// Reads a configuration that the API server has: `has_annotation` tells of its annotations,
    /// `webhooks` are its webhooks in their order.
    pub fn read<'a>(
        names: &Names,
        has_annotation: impl Fn(&str) -> bool,
        webhooks: impl IntoIterator<Item = Webhook<'a>>,
    ) -> Self {
        let ours = Some((names.namespace.as_str(), names.service.as_str()));
        let entries: Vec<_> = webhooks
            .into_iter()
            .enumerate()
            .filter(|(_, webhook)| webhook.service == ours)
            .map(|(index, webhook)| Entry {
                index,
                name: webhook.name.to_owned(),
                bundle: Bundle::parse(webhook.ca_bundle.unwrap_or_default()),
            })
            .collect();
        if entries.is_empty() {
            return Self::WithoutUs;
        }
        match INJECTED.into_iter().find(|annotation| has_annotation(annotation)) {
            Some(annotation) => Self::Injected(annotation),
            None => Self::Entries(entries),
        }
    }

    /// The webhooks whose caBundle is ours to write; empty if there are none.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match self {
            Self::Entries(entries) => entries,
            Self::Unknown | Self::Missing | Self::WithoutUs | Self::Injected(_) => &[],
        }
    }
}

impl PublishedBundles {
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().flat_map(|(_, configuration)| configuration.entries())
    }

    fn has_unknown(&self) -> bool {
        self.0.iter().any(|(_, configuration)| *configuration == Configuration::Unknown)
    }

    /// Whether every configuration is there, for us, and ours to write.
    pub(super) fn is_complete(&self) -> bool {
        self.0.iter().all(|(_, found)| matches!(found, Configuration::Entries(_)))
    }

    /// A configuration that is not there, or not ours to write, has no say.
    pub(super) fn spread(&self, authority: &Certificate) -> Spread {
        if self.entries().any(|entry| !entry.bundle.contains(authority)) {
            Spread::NotEverywhere
        } else if self.has_unknown() {
            Spread::Unknown
        } else {
            Spread::Everywhere
        }
    }

    /// Whether every caBundle of ours has the API server take this leaf.
    #[must_use]
    pub fn verifies(&self, leaf: &Certificate, name: &str, now: Timestamp, crypto: Crypto) -> bool {
        !self.has_unknown()
            && self.entries().all(|entry| entry.bundle.verifies(leaf, name, now, crypto))
    }
}
