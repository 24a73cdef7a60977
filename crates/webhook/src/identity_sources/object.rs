//! A `ServiceAccount` as far as it is read: the rest of it is skipped while
//! parsing. The API server is asked for the metadata alone.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ObjectReference, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::Resource;
use serde::{Deserialize, Deserializer};

use super::index::Uid;
use injection::identity::Key;

/// Its `metadata` has a namespace, a name, a uid, a version, a creation time
/// and annotations at most.
#[derive(Clone, Debug)]
pub(super) struct Object {
    metadata: ObjectMeta,
}

impl Object {
    /// Nothing for what no API server sends.
    pub(super) fn key(&self) -> Option<Key<'_>> {
        let namespace = self.metadata.namespace.as_deref()?;
        Some(Key { namespace, name: self.metadata.name.as_deref()? })
    }

    pub(super) fn annotations(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let annotations = self.metadata.annotations.iter().flatten();
        annotations.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    pub(super) fn uid(&self) -> Uid {
        self.metadata.uid.as_deref().map(Uid::new).unwrap_or_default()
    }

    /// At a time by the API server's clock; zero where that is before it.
    pub(super) fn age(&self, now: Timestamp) -> Option<Duration> {
        let Time(created) = self.metadata.creation_timestamp.as_ref()?;
        Some(now.duration_since(*created).try_into().unwrap_or_default())
    }

    pub(super) fn reference(&self) -> ObjectReference {
        self.object_ref(&())
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Slim {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Metadata {
            namespace: Option<String>,
            name: Option<String>,
            uid: Option<String>,
            resource_version: Option<String>,
            creation_timestamp: Option<Time>,
            annotations: Option<BTreeMap<String, String>>,
        }
        let Slim { metadata } = Slim::deserialize(deserializer)?;
        Ok(Self {
            metadata: ObjectMeta {
                namespace: metadata.namespace,
                name: metadata.name,
                uid: metadata.uid,
                resource_version: metadata.resource_version,
                creation_timestamp: metadata.creation_timestamp,
                annotations: metadata.annotations,
                ..ObjectMeta::default()
            },
        })
    }
}

impl Resource for Object {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        ServiceAccount::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        ServiceAccount::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        ServiceAccount::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        ServiceAccount::plural(&())
    }

    fn metadata_api() -> bool {
        true
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = r#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{
        "name":"app","namespace":"shop","uid":"u","resourceVersion":"7",
        "creationTimestamp":"2026-01-01T00:00:00Z","labels":{"a":"b"},"annotations":{"k":"v"},
        "managedFields":[{"manager":"x","operation":"Update","fieldsV1":{"f:metadata":{}}}]}}"#;

    #[test]
    fn reads_what_is_used_and_skips_the_rest() {
        let object: Object = serde_json::from_str(SENT).expect("as it is sent");
        assert_eq!(object.key(), Some(Key { namespace: "shop", name: "app" }));
        assert_eq!(object.annotations().collect::<Vec<_>>(), [("k", "v")]);
        assert!(object.meta().managed_fields.is_none() && object.meta().labels.is_none());
        let reference = object.reference();
        assert_eq!(reference.kind.as_deref(), Some("ServiceAccount"));
        assert_eq!(
            (reference.api_version.as_deref(), reference.uid.as_deref()),
            (Some("v1"), Some("u"))
        );
    }

    #[test]
    fn tells_its_age() {
        let object: Object = serde_json::from_str(SENT).expect("as it is sent");
        let at = |time: &str| object.age(time.parse().expect("a time"));
        assert_eq!(at("2026-01-01T00:00:05Z"), Some(Duration::from_secs(5)));
        assert_eq!(at("2025-12-31T23:00:00Z"), Some(Duration::ZERO), "our clock is behind");
    }
}
