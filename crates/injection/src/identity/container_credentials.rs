//! The file that lists who gets EKS Pod Identity's container credentials.

use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

use ContainerCredentialsError::{Document, Entry};

use super::Key;
use super::skipped::Skipped;
use super::value::{MAX_NAME_BYTES, MAX_NAMESPACE_BYTES};

/// The `ServiceAccount`s that get container credentials, from the JSON
/// `{"identities":[{"namespace":"..","serviceAccount":".."}]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerCredentialsKeys(HashMap<String, HashSet<String>>);

/// Why the container credentials file, or one entry of it, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ContainerCredentialsError {
    /// The whole file is not JSON, so none of it is used.
    #[error("failed to read the container credentials file as JSON: {0}; keeping the previous one")]
    Json(#[from] serde_json::Error),
    /// The whole file is JSON of another shape, so none of it is used. The
    /// value says in which way.
    #[error("failed to read the container credentials file: {0}; keeping the previous one")]
    Document(&'static str),
    /// One entry can't be used; the others are. The values are its place in the
    /// list, from 0, and what is wrong with it.
    #[error("entry {0}: {1}")]
    Entry(usize, &'static str),
}

impl ContainerCredentialsKeys {
    /// Reads the file. The second value says which entries were skipped. An empty file
    /// lists nobody; the case of member names does not matter, as in Go.
    ///
    /// # Errors
    /// Anything that is not the document above.
    pub fn parse(
        file: &[u8],
    ) -> Result<(Self, Skipped<ContainerCredentialsError>), ContainerCredentialsError> {
        let (mut keys, mut skipped) = (Self::default(), Skipped::default());
        if file.trim_ascii().is_empty() {
            return Ok((keys, skipped));
        }
        let file: Value = serde_json::from_slice(file)?;
        let file = file.as_object().ok_or(Document("not a JSON object"))?;
        let identities = match member(file, "identities") {
            None | Some(Value::Null) => return Ok((keys, skipped)),
            Some(identities) => {
                identities.as_array().ok_or(Document("identities is not a list"))?
            }
        };
        for (index, identity) in identities.iter().enumerate() {
            let text = |name| identity.as_object().and_then(|it| member(it, name)?.as_str());
            match (text("namespace"), text("serviceAccount")) {
                (Some(namespace), _) if namespace.len() > MAX_NAMESPACE_BYTES => {
                    skipped.push(|| Entry(index, "its namespace has more than 63 bytes"));
                }
                (_, Some(name)) if name.len() > MAX_NAME_BYTES => {
                    skipped.push(|| Entry(index, "its serviceAccount has more than 253 bytes"));
                }
                (Some(namespace), Some(name)) => {
                    keys.0.entry(namespace.to_owned()).or_default().insert(name.to_owned());
                }
                (None, _) => skipped.push(|| Entry(index, "it has no namespace")),
                (_, None) => skipped.push(|| Entry(index, "it has no serviceAccount")),
            }
        }
        Ok((keys, skipped))
    }

    /// Whether the file lists this `ServiceAccount`.
    #[must_use]
    pub fn contains(&self, key: Key<'_>) -> bool {
        self.0.get(key.namespace).is_some_and(|names| names.contains(key.name))
    }

    /// How many `ServiceAccount`s the file lists, each counted once.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(HashSet::len).sum()
    }

    /// Whether the file lists nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Key<'static> = Key { namespace: "a", name: "b" };

    fn parse(file: &str) -> (ContainerCredentialsKeys, Vec<String>) {
        let (keys, skipped) = ContainerCredentialsKeys::parse(file.as_bytes()).expect(file);
        (keys, skipped.kept().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn lists_keys_whatever_the_case_of_the_members() {
        for file in [
            r#"{"identities":[{"namespace":"a","serviceAccount":"b","more":1}]}"#,
            r#"{"Identities":[{"Namespace":"a","serviceaccount":"b"}]}"#,
        ] {
            let (keys, skipped) = parse(file);
            assert!(keys.contains(APP) && skipped.is_empty(), "{file}");
            assert!(!keys.contains(Key { namespace: "b", name: "a" }));
        }
    }

    #[test]
    fn skips_a_bad_entry_and_loads_the_others() {
        let (keys, skipped) = parse(
            r#"{"identities":[{"namespace":"x"},7,{"serviceAccount":"b"},{"namespace":"a","serviceAccount":"b"}]}"#,
        );
        assert!(keys.contains(APP));
        assert_eq!(skipped.len(), 3, "{skipped:?}");
        assert!(skipped[0].contains("entry 0") && skipped[0].contains("serviceAccount"));
    }

    #[test]
    fn skips_names_that_no_object_has() {
        let entry = |namespace: usize, name: usize| {
            let (namespace, name) = ("n".repeat(namespace), "a".repeat(name));
            format!(r#"{{"namespace":"{namespace}","serviceAccount":"{name}"}}"#)
        };
        let entries = [entry(63, 253), entry(64, 1), entry(1, 254)];
        let (keys, skipped) = parse(&format!(r#"{{"identities":[{}]}}"#, entries.join(",")));
        assert_eq!((keys.len(), skipped.len()), (1, 2), "{skipped:?}");
        let many = vec!["7"; 10_000].join(",");
        let file = format!(r#"{{"identities":[{many}]}}"#);
        let (_, skipped) = ContainerCredentialsKeys::parse(file.as_bytes()).expect("a document");
        assert_eq!((skipped.kept().len(), skipped.total()), (16, 10_000));
    }

    #[test]
    fn is_empty_for_an_empty_file_and_an_error_for_a_bad_one() {
        for empty in ["", "  \n", "{}", r#"{"identities":[]}"#, r#"{"identities":null}"#] {
            assert!(parse(empty).0.is_empty(), "{empty}");
        }
        for bad in ["{", "[]", r#"{"identities":{}}"#] {
            assert!(ContainerCredentialsKeys::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
