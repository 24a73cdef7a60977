//! What keeps the certificates from being as they should, in words.

use jiff::Timestamp;

use super::{
    Certificate, Configuration, Crypto, Flaw, Params, PublishedBundles, SecretView, ServerTime,
};

/// Something that a person has to see to, or that is on its way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The Secret, given by namespace and name, has not been read yet.
    #[error("Secret {0} has not been read yet")]
    SecretUnknown(String),
    /// Somebody else's Secret can't be served.
    #[error(
        "Secret {secret} is not managed by pod-identity-webhook and cannot be served: {flaw}; \
         delete it to get a new one, or set --tls-secret to another name"
    )]
    ForeignFlawed {
        /// Namespace and name of the Secret.
        secret: String,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The certificate in somebody else's Secret has expired.
    #[error(
        "Secret {secret} is not managed by pod-identity-webhook and its certificate expired at \
         {at}; delete it to get a new one, or set --tls-secret to another name"
    )]
    ForeignExpired {
        /// Namespace and name of the Secret.
        secret: String,
        /// When it expired.
        at: Timestamp,
    },
    /// The `MutatingWebhookConfiguration` of this name has not been read yet.
    #[error("MutatingWebhookConfiguration {0} has not been read yet")]
    ConfigurationUnknown(String),
    /// There is no `MutatingWebhookConfiguration` of this name.
    #[error(
        "MutatingWebhookConfiguration {0} does not exist; apply it, or set --webhook-config-name"
    )]
    ConfigurationMissing(String),
    /// No webhook of the configuration calls the Service.
    #[error(
        "no webhook in MutatingWebhookConfiguration {name} has the clientConfig.service \
         {namespace}/{service}; correct the configuration, or set --service-name, --namespace or \
         --webhook-config-name"
    )]
    ConfigurationWithoutUs {
        /// Name of the `MutatingWebhookConfiguration`.
        name: String,
        /// Namespace of the Service.
        namespace: String,
        /// Name of the Service.
        service: String,
    },
    /// cert-manager writes the caBundle.
    #[error(
        "MutatingWebhookConfiguration {name} has the annotation {annotation}, so cert-manager writes \
         its caBundle; remove the annotation, or set --in-cluster=false and mount cert-manager's \
         certificate"
    )]
    Injected {
        /// Name of the `MutatingWebhookConfiguration`.
        name: String,
        /// The annotation that says so.
        annotation: &'static str,
    },
    /// A caBundle does not verify the Secret's leaf.
    #[error(
        "webhook {webhook} of MutatingWebhookConfiguration {name} has a caBundle that does not \
         verify the serving certificate; updating it"
    )]
    NotVerified {
        /// Name of the `MutatingWebhookConfiguration`.
        name: String,
        /// Name of the webhook in it.
        webhook: String,
    },
    /// A certificate in the Secret is not valid yet.
    #[error(
        "the certificate in Secret {secret} is not valid before {begins} by the API server's \
         clock; replacing it; if this message stays, delete the Secret"
    )]
    NotYetValid {
        /// Namespace and name of the Secret.
        secret: String,
        /// When it becomes valid.
        begins: Timestamp,
    },
    /// The certificate in somebody else's Secret is not valid yet.
    #[error(
        "Secret {secret} is not managed by pod-identity-webhook and its certificate is not valid \
         before {begins} by the API server's clock; delete it to get a new one, or set \
         --tls-secret to another name"
    )]
    ForeignNotYetValid {
        /// Namespace and name of the Secret.
        secret: String,
        /// When it becomes valid.
        begins: Timestamp,
    },
    /// The API servers' time is not known.
    #[error(
        "the API server's clock is unknown, so no certificate is issued, replaced or removed; \
         check that proxies keep the Date header of the API server's responses"
    )]
    ClockUnknown,
}

/// All that there is to say, the Secret first.
pub(super) fn problems(
    now: ServerTime,
    secret: &SecretView,
    published: &PublishedBundles,
    params: &Params,
    crypto: Crypto,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    // Before the Secret was read, there was no answer that could tell.
    if now.known().is_none() && *secret != SecretView::Unknown {
        problems.push(Problem::ClockUnknown);
    }
    let name = || format!("{}/{}", params.names.namespace, params.secret);
    match secret {
        SecretView::Unknown => problems.push(Problem::SecretUnknown(name())),
        SecretView::Foreign(Err(flaw)) => {
            problems.push(Problem::ForeignFlawed { secret: name(), flaw: flaw.clone() });
        }
        SecretView::Foreign(Ok(leaf)) if now.is_after(leaf.certificate()) => {
            let at = leaf.certificate().not_after();
            problems.push(Problem::ForeignExpired { secret: name(), at });
        }
        SecretView::Foreign(Ok(leaf)) if now.is_before(leaf.certificate()) => {
            let begins = leaf.certificate().not_before();
            problems.push(Problem::ForeignNotYetValid { secret: name(), begins });
        }
        SecretView::Ours(state) => {
            let begins = state.certificates().map(Certificate::not_before).max();
            if let Some(begins) = begins.filter(|begins| *begins > now.latest()) {
                problems.push(Problem::NotYetValid { secret: name(), begins });
            }
        }
        SecretView::Absent
        | SecretView::OursBroken(_)
        | SecretView::OursWithoutLeaf { .. }
        | SecretView::Foreign(Ok(_)) => {}
    }
    // Who serves somebody else's certificate leaves its caBundle to them.
    if !matches!(secret, SecretView::Foreign(_)) {
        for (name, configuration) in &published.0 {
            of_configuration(now, name, configuration, secret, (params, crypto), &mut problems);
        }
    }
    problems
}

fn of_configuration(
    now: ServerTime,
    name: &str,
    configuration: &Configuration,
    secret: &SecretView,
    (params, crypto): (&Params, Crypto),
    problems: &mut Vec<Problem>,
) {
    let name = name.to_owned();
    match configuration {
        Configuration::Unknown => problems.push(Problem::ConfigurationUnknown(name)),
        Configuration::Missing => problems.push(Problem::ConfigurationMissing(name)),
        Configuration::WithoutUs => problems.push(Problem::ConfigurationWithoutUs {
            name,
            namespace: params.names.namespace.clone(),
            service: params.names.service.clone(),
        }),
        Configuration::Injected(annotation) => {
            problems.push(Problem::Injected { name, annotation });
        }
        Configuration::Entries(entries) => {
            let SecretView::Ours(state) = secret else { return };
            let (leaf, server) = (state.leaf.certificate(), params.names.server_name());
            let unverified = entries
                .iter()
                .filter(|entry| !entry.bundle.verifies(leaf, &server, now.earliest(), crypto));
            problems.extend(unverified.map(|entry| Problem::NotVerified {
                name: name.clone(),
                webhook: entry.name.clone(),
            }));
        }
    }
}
