//! What keeps the certificates from being as they should, in words.

use jiff::Timestamp;

use super::{
    Certificate, Configuration, Crypto, Flaw, Params, PublishedBundles, SecretView, ServerTime,
};

/// Something that a person has to see to, or that is on its way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("Secret {0} has not been read yet")]
    SecretUnknown(String),
    #[error(
        "Secret {secret} is not managed by pod-identity-webhook and can't be served: {flaw}; \
         delete it to have one made, or set --tls-secret to another name"
    )]
    ForeignFlawed { secret: String, flaw: Flaw },
    #[error(
        "Secret {secret} is not managed by pod-identity-webhook and its certificate expired at \
         {at}; delete it to have one made, or set --tls-secret to another name"
    )]
    ForeignExpired { secret: String, at: Timestamp },
    #[error("MutatingWebhookConfiguration {0} has not been read yet")]
    ConfigurationUnknown(String),
    #[error(
        "MutatingWebhookConfiguration {0} does not exist; apply it, or set --webhook-config-name"
    )]
    ConfigurationMissing(String),
    #[error(
        "no webhook in MutatingWebhookConfiguration {name} has the clientConfig.service \
         {namespace}/{service}; correct it, or set --service-name, --namespace or \
         --webhook-config-name"
    )]
    ConfigurationWithoutUs { name: String, namespace: String, service: String },
    #[error(
        "MutatingWebhookConfiguration {name} has the annotation {annotation}: cert-manager writes \
         its caBundle; remove the annotation, or set --in-cluster=false and mount cert-manager's \
         certificate"
    )]
    Injected { name: String, annotation: &'static str },
    #[error(
        "webhook {webhook} of MutatingWebhookConfiguration {name} has a caBundle that does not \
         verify the certificate; it is being repaired"
    )]
    NotVerified { name: String, webhook: String },
    #[error(
        "the certificate in Secret {secret} is not valid before {begins} by the API server's \
         clock: it is being replaced; if this stays, delete the Secret"
    )]
    NotYetValid { secret: String, begins: Timestamp },
    #[error(
        "Secret {secret} is not managed by pod-identity-webhook and its certificate is not valid \
         before {begins} by the API server's clock; delete it to have one made, or set \
         --tls-secret to another name"
    )]
    ForeignNotYetValid { secret: String, begins: Timestamp },
    #[error(
        "the API server's clock is not known: no certificate is issued, replaced or dropped; \
         check that responses of the API server keep their Date header on the way"
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
