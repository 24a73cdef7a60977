//! The webhook configurations at the API server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use json_patch::Patch;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::Api;
use kube::api::PatchParams;
use serde_json::json;

use super::access::{Failed, ManagedObject, Operation, call};
use certificates::{BundleRepair, Configuration, MANAGER, Names, Webhook};

pub(super) type WebhooksApi = Api<MutatingWebhookConfiguration>;

pub(super) fn read(
    configuration: Option<&MutatingWebhookConfiguration>,
    names: &Names,
) -> Configuration {
    let Some(configuration) = configuration else { return Configuration::Missing };
    let annotations = configuration.metadata.annotations.as_ref();
    let webhooks = configuration.webhooks.iter().flatten().map(|webhook| {
        let client = &webhook.client_config;
        let service = client.service.as_ref();
        Webhook {
            name: &webhook.name,
            service: service.map(|service| (service.namespace.as_str(), service.name.as_str())),
            ca_bundle: client.ca_bundle.as_ref().map(|bundle| bundle.0.as_slice()),
        }
    });
    let has = |key: &str| annotations.is_some_and(|all| all.contains_key(key));
    Configuration::read(names, has, webhooks)
}

pub(super) async fn get(
    api: &WebhooksApi,
    name: &str,
) -> Result<Option<MutatingWebhookConfiguration>, Failed> {
    let target = ManagedObject::Configuration(name.to_owned());
    call(Operation::Get, &target, api.get_opt(name)).await
}

/// Writes the caBundles into the version that was read; whoever else was faster
/// makes it fail.
pub(super) async fn repair(
    api: &WebhooksApi,
    repair: &BundleRepair,
    resource_version: &str,
) -> Result<MutatingWebhookConfiguration, Failed> {
    let target = ManagedObject::Configuration(repair.configuration.clone());
    let patch = kube::api::Patch::Json::<()>(patch(repair, resource_version));
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let request = api.patch(&repair.configuration, &params, &patch);
    call(Operation::Patch, &target, request).await
}

fn patch(repair: &BundleRepair, resource_version: &str) -> Patch {
    let bundle = STANDARD.encode(repair.bundle.pem());
    // A patch that sets the version is refused with 409 where another is stored.
    let mut operations = vec![
        json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": resource_version }),
    ];
    for (index, name) in &repair.webhooks {
        let webhook = format!("/webhooks/{index}");
        operations.extend([
            json!({ "op": "test", "path": format!("{webhook}/name"), "value": name }),
            // As well where there is one already.
            json!({ "op": "add", "path": format!("{webhook}/clientConfig/caBundle"), "value": bundle }),
        ]);
    }
    // Each operation above is one of RFC 6902.
    serde_json::from_value(operations.into()).unwrap_or_default()
}
