//! `ServiceAccount`s and the `ConfigMap` from manifests, for use without a
//! cluster: YAML or JSON, many documents, `List`s taken apart.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

use super::Key;

/// The `ServiceAccount`s and `ConfigMap`s of a manifest file. Other kinds are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifests {
    /// The `ServiceAccount`s, in the order of the text.
    pub service_accounts: Vec<ServiceAccountManifest>,
    /// The `ConfigMap`s, in the order of the text.
    pub config_maps: Vec<ConfigMapManifest>,
}

/// A `ServiceAccount` of a manifest. Without a namespace of its own it has `default`, or
/// the one given to [`Manifests::parse_in`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAccountManifest {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
}

/// A `ConfigMap` of a manifest. Its namespace is found as for [`ServiceAccountManifest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigMapManifest {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `data.config`: the text that
    /// [`ConfigMapIdentities::parse`](super::ConfigMapIdentities::parse) reads.
    pub config: Option<String>,
}

/// Values in all documents of a text: lists and objects count as one, keys as
/// well, and what an alias stands for each time. A Pod that the API server gives has some 300.
const MAX_VALUES: usize = 1_000_000;

const MAX_DOCUMENTS: usize = 10_000;

/// Why a manifest file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The text is neither YAML nor JSON. The value says where it stops being
    /// so.
    #[error("not valid YAML or JSON: {0}")]
    Syntax(String),
    /// The text has more than 1,000,000 values or 10,000 documents. Aliases are
    /// counted as what they stand for.
    #[error(
        "failed to read it as YAML or JSON: it has more than {MAX_VALUES} values, or \
         {MAX_DOCUMENTS} documents; split it into smaller files"
    )]
    TooMuch,
    /// An object is not what Kubernetes accepts for its kind.
    #[error("failed to read document {document}, a {kind}: {reason}")]
    Document {
        /// The document's place in the text, from 1.
        document: usize,
        /// The object's kind.
        kind: String,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    namespace: Option<String>,
    name: String,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    config: Option<String>,
}

/// The documents of a text in YAML or JSON, the empty ones as null.
///
/// They are read as kubectl reads them, by YAML 1.1: `defaultMode: 0644` is
/// octal, and `y`, `no` and `on` are booleans.
///
/// # Errors
/// Text that is neither YAML nor JSON, or that is too large to be read.
pub fn documents(text: &str) -> Result<Vec<Value>, ManifestError> {
    let budget = serde_saphyr::budget! {
        max_nodes: MAX_VALUES,
        max_events: 4 * MAX_VALUES,
        max_documents: MAX_DOCUMENTS,
    };
    let options = serde_saphyr::options! {
        budget: budget,
        strict_booleans: false,
        legacy_octal_numbers: true,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let line = in_a_line(&error.to_string());
        if ["Nodes {", "Events {", "Documents {"].iter().any(|breach| line.contains(breach)) {
            return ManifestError::TooMuch;
        }
        ManifestError::Syntax(line)
    })
}

impl Manifests {
    /// # Errors
    /// Text that is neither YAML nor JSON, or too large; a `ServiceAccount` or `ConfigMap`
    /// that lacks a name or has members of another type than Kubernetes takes.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        Self::parse_in("default", text)
    }

    /// As [`parse`](Self::parse), but objects without a namespace get `namespace`.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_in(namespace: &str, text: &str) -> Result<Self, ManifestError> {
        let mut read = Self::default();
        for (index, document) in documents(text)?.into_iter().enumerate() {
            read.take(namespace, index + 1, document)?;
        }
        Ok(read)
    }

    /// The `ServiceAccount` with this key. If there are several, the last one counts.
    #[must_use]
    pub fn service_account(&self, key: Key<'_>) -> Option<&ServiceAccountManifest> {
        let is_it =
            |it: &&ServiceAccountManifest| it.namespace == key.namespace && it.name == key.name;
        self.service_accounts.iter().rev().find(is_it)
    }

    /// Adds the objects of another file after these, so that they count where
    /// names are equal.
    pub fn extend(&mut self, other: Self) {
        self.service_accounts.extend(other.service_accounts);
        self.config_maps.extend(other.config_maps);
    }

    fn take(
        &mut self,
        namespace: &str,
        document: usize,
        mut value: Value,
    ) -> Result<(), ManifestError> {
        let kind = value["kind"].as_str().unwrap_or_default().to_owned();
        let object = |value: Value| {
            Object::deserialize(value).map_err(|error| ManifestError::Document {
                document,
                kind: kind.clone(),
                reason: error.to_string(),
            })
        };
        match kind.as_str() {
            "ServiceAccount" => {
                let Object { metadata, .. } = object(value)?;
                self.service_accounts.push(ServiceAccountManifest {
                    namespace: metadata.namespace.unwrap_or_else(|| namespace.to_owned()),
                    name: metadata.name,
                    annotations: metadata.annotations.unwrap_or_default(),
                });
            }
            "ConfigMap" => {
                let Object { metadata, data } = object(value)?;
                self.config_maps.push(ConfigMapManifest {
                    namespace: metadata.namespace.unwrap_or_else(|| namespace.to_owned()),
                    name: metadata.name,
                    config: data.and_then(|data| data.config),
                });
            }
            "List" | "ServiceAccountList" | "ConfigMapList" => {
                let item_kind = kind.trim_end_matches("List");
                if let Value::Array(items) = value["items"].take() {
                    for mut item in items {
                        // The items of a typed list carry no kind of their own.
                        if item["kind"].is_null() && item.is_object() && !item_kind.is_empty() {
                            item["kind"] = item_kind.into();
                        }
                        self.take(namespace, document, item)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The parser's first line, less what it says to programmers.
fn in_a_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let ends = [", set DuplicateKeyPolicy", " rejected by the configured policy"];
    let end = ends.iter().filter_map(|end| line.find(end)).min().unwrap_or(line.len());
    line[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_many_documents_and_lists_and_passes_over_other_kinds() {
        let read = Manifests::parse(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a, namespace: x, annotations: {k: v}}\n\
             ---\n---\nkind: Secret\ndata: [not, a, map]\n---\nkind: List\nitems:\n\
             - {kind: ServiceAccount, metadata: {name: b}}\n\
             - {kind: ConfigMap, metadata: {name: c, namespace: z}, data: {config: '{}'}}\n\
             ---\nkind: ServiceAccountList\nitems: [{metadata: {name: d}}]\n",
        )
        .expect("good YAML");
        let names: Vec<_> = read
            .service_accounts
            .iter()
            .map(|sa| format!("{}/{}", sa.namespace, sa.name))
            .collect();
        assert_eq!(names, ["x/a", "default/b", "default/d"]);
        assert_eq!(read.service_accounts[0].annotations["k"], "v");
        assert_eq!(read.config_maps[0].config.as_deref(), Some("{}"));
    }

    #[test]
    fn reads_json_as_well() {
        let read = Manifests::parse(r#"{"kind":"ServiceAccount","metadata":{"name":"a"}}"#);
        assert_eq!(read.expect("good JSON").service_accounts[0].name, "a");
    }

    #[test]
    fn reads_numbers_and_booleans_as_kubectl_does() {
        let read =
            documents("[0644, -0644, 0o644, 0x1f, 089, 1e3, 9007199254740993]").expect("YAML");
        assert_eq!(read[0], json!([420, -420, 420, 31, 89.0, 1000.0, 9_007_199_254_740_993_u64]));
        let read = documents("[y, No, on, OFF, true, 'y', \"0644\", 1:30]").expect("YAML");
        assert_eq!(read[0], json!([true, false, true, false, true, "y", "0644", "1:30"]));
    }

    #[test]
    fn says_what_is_no_yaml_in_a_line_for_people() {
        for (text, said) in [
            ("a: [", "line 1 column 4: unclosed bracket '['"),
            ("a: 1\na: 2\n", "line 2 column 1: duplicate mapping key: a"),
            ("a: 1e400", "line 1 column 4: non-finite float `1e400`"),
        ] {
            let error = documents(text).expect_err("no YAML").to_string();
            assert_eq!(error, format!("not valid YAML or JSON: {said}"));
        }
    }

    #[test]
    fn reads_what_kubectl_gives_of_a_large_cluster_and_bounds_the_rest() {
        let values = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        let aliases = format!("a: &a {}\nb: [{}]", values(1_000), vec!["*a"; 1_000].join(","));
        for (text, documents_read) in [
            (values(300_000), Some(1)),
            ("---\na: 1\n".repeat(2_000), Some(2_000)),
            (aliases, None),
            ("---\na: 1\n".repeat(10_001), None),
        ] {
            let read = documents(&text);
            assert_eq!(read.as_ref().ok().map(Vec::len), documents_read, "{text:.20}");
            if let Err(error) = read {
                assert!(error.to_string().ends_with("split it into smaller files"), "{error}");
            }
        }
    }

    #[test]
    fn names_the_document_that_is_wrong() {
        let error = Manifests::parse("kind: Pod\n---\nkind: ServiceAccount\nmetadata: {}\n");
        let error = error.expect_err("no name").to_string();
        assert!(error.contains("document 2") && error.contains("name"), "{error}");
        assert!(Manifests::parse("kind: [").is_err());
    }
}
