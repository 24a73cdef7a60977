//! Our Secret at the API server.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

use super::access::{Failed, ManagedObject, Operation, call};
use crate::crypto;
use certificates::{MANAGED_BY, MANAGER, Names, Params, SecretView, State};

/// The one Secret, and how to reach it.
pub(super) struct SecretStore {
    pub(super) api: Api<Secret>,
    pub(super) target: ManagedObject,
    name: String,
    names: Names,
}

impl SecretStore {
    pub(super) fn new(client: Client, params: &Params) -> Self {
        let (namespace, name) = (params.names.namespace.clone(), params.secret.clone());
        Self {
            api: Api::namespaced(client, &namespace),
            target: ManagedObject::Secret { namespace, name: name.clone() },
            name,
            names: params.names.clone(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn read(&self, secret: Option<&Secret>) -> SecretView {
        let Some(secret) = secret else { return SecretView::Absent };
        let annotations = secret.metadata.annotations.as_ref();
        let manager = annotations.and_then(|all| all.get(MANAGED_BY)).map(String::as_str);
        let data = secret.data.as_ref();
        SecretView::read(manager, &self.names, crypto::CERTIFICATES, |key| {
            Some(data?.get(key)?.0.as_slice())
        })
    }

    pub(super) async fn get(&self) -> Result<Option<Secret>, Failed> {
        call(Operation::Get, &self.target, self.api.get_opt(&self.name)).await
    }

    /// Creates it, or replaces the version that was read: whoever else was
    /// faster makes it fail.
    pub(super) async fn put(&self, read: Option<&Secret>, state: &State) -> Result<Secret, Failed> {
        let params =
            PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let Some(read) = read else {
            let secret = self.new_secret(state);
            return call(Operation::Create, &self.target, self.api.create(&params, &secret)).await;
        };
        let mut secret = read.clone();
        let data = secret.data.get_or_insert_default();
        for key in State::KEYS {
            data.remove(key);
        }
        data.extend(encoded(state));
        let replace = self.api.replace(&self.name, &params, &secret);
        call(Operation::Update, &self.target, replace).await
    }

    fn new_secret(&self, state: &State) -> Secret {
        let annotations = BTreeMap::from([(MANAGED_BY.to_owned(), MANAGER.to_owned())]);
        let labels =
            BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), MANAGER.to_owned())]);
        Secret {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                annotations: Some(annotations),
                labels: Some(labels),
                ..ObjectMeta::default()
            },
            // What tools that look for certificates look for.
            type_: Some("kubernetes.io/tls".to_owned()),
            data: Some(encoded(state).collect()),
            ..Secret::default()
        }
    }
}

fn encoded(state: &State) -> impl Iterator<Item = (String, ByteString)> {
    state.write().into_iter().map(|(key, value)| (key.to_owned(), ByteString(value)))
}
