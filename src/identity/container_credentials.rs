//! The file that lists who gets EKS Pod Identity's container credentials.

use serde::Deserialize;
use serde::de::Error as _;
use std::collections::{HashMap, HashSet};

use super::Key;

/// The keys of `{"identities":[{"namespace":"..","serviceAccount":".."}]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerCredentialsKeys(HashMap<String, HashSet<String>>);

#[derive(Debug, thiserror::Error)]
#[error("failed to read the container credentials file as JSON: {0}; the last good one stays")]
pub struct ContainerCredentialsError(#[from] serde_json::Error);

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    identities: Option<Vec<Listed>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    namespace: String,
    service_account: String,
}

impl ContainerCredentialsKeys {
    /// An empty file lists nobody.
    ///
    /// # Errors
    /// Anything else that is not the document above.
    pub fn parse(file: &[u8]) -> Result<Self, ContainerCredentialsError> {
        let mut keys = Self::default();
        match file.trim_ascii().first() {
            None => return Ok(keys),
            Some(b'{') => {}
            // serde would take an array for a struct's members in order.
            Some(_) => return Err(serde_json::Error::custom("it is not a JSON object").into()),
        }
        let file: File = serde_json::from_slice(file)?;
        for Listed { namespace, service_account } in file.identities.unwrap_or_default() {
            keys.0.entry(namespace).or_default().insert(service_account);
        }
        Ok(keys)
    }

    #[must_use]
    pub fn contains(&self, key: Key<'_>) -> bool {
        self.0.get(key.namespace).is_some_and(|names| names.contains(key.name))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(HashSet::len).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keys() {
        let file = br#"{"identities":[{"namespace":"a","serviceAccount":"b","more":1}]}"#;
        let keys = ContainerCredentialsKeys::parse(file).expect("a good file");
        assert!(keys.contains(Key { namespace: "a", name: "b" }));
        assert!(!keys.contains(Key { namespace: "b", name: "a" }));
    }

    #[test]
    fn is_empty_for_an_empty_file_and_an_error_for_a_bad_one() {
        for empty in ["", "  \n", "{}", r#"{"identities":[]}"#, r#"{"identities":null}"#] {
            let keys = ContainerCredentialsKeys::parse(empty.as_bytes());
            assert!(keys.expect(empty).is_empty(), "{empty}");
        }
        for bad in ["{", "[]", r#"{"identities":[{"namespace":"a"}]}"#] {
            assert!(ContainerCredentialsKeys::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
