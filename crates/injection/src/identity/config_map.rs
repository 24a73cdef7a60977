//! The `ConfigMap` `pod-identity-webhook`: identities without annotations.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use wildmatch::WildMatch;

use super::{Account, Expiration, Key, RoleArn};

/// What one entry says. An absent member means the flag's value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigMapEntry {
    pub role: Option<RoleArn>,
    pub audience: Option<String>,
    pub regional_sts: Option<bool>,
    pub token_expiration: Option<Expiration>,
}

/// The entries, by exact namespace and by glob.
#[derive(Debug, Default)]
pub struct ConfigMapIdentities {
    exact: HashMap<String, HashMap<String, Arc<ConfigMapEntry>>>,
    /// By name of the `ServiceAccount`, the globs that win first come first.
    globs: HashMap<String, Vec<(Glob, Arc<ConfigMapEntry>)>>,
}

#[derive(Debug)]
struct Glob {
    pattern: String,
    matcher: WildMatch,
}

/// Why a document, or one entry of it, could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum ConfigMapError {
    #[error("failed to read data.config as a JSON object: {0}; the last good one stays")]
    Document(#[source] serde_json::Error),
    #[error("entry {key:?} is skipped: {why}")]
    Entry { key: String, why: String },
}

impl ConfigMapIdentities {
    /// Reads `data.config`, and says which entries it skipped. A blank document
    /// is none: deleting the `ConfigMap` is what empties the map.
    ///
    /// # Errors
    /// [`ConfigMapError::Document`] where it is not a JSON object.
    pub fn parse(
        config: &str,
        account: Option<&Account>,
    ) -> Result<(Self, Vec<ConfigMapError>), ConfigMapError> {
        let mut read = Self::default();
        let mut skipped = Vec::new();
        let Members(members) = serde_json::from_str(config).map_err(ConfigMapError::Document)?;
        for (key, value) in members {
            if let Err(why) = read.insert(&key, &value, account) {
                skipped.push(ConfigMapError::Entry { key, why });
            }
        }
        for globs in read.globs.values_mut() {
            globs.sort_by(|(a, _), (b, _)| a.rank().cmp(&b.rank()));
        }
        Ok((read, skipped))
    }

    /// The exact name wins, then the glob with the longest literal prefix,
    /// then the longest pattern, then the lexically first.
    #[must_use]
    pub fn get(&self, key: Key<'_>) -> Option<&Arc<ConfigMapEntry>> {
        let exact = self.exact.get(key.namespace).and_then(|names| names.get(key.name));
        exact.or_else(|| {
            let globs = self.globs.get(key.name)?;
            let found = globs.iter().find(|(glob, _)| glob.matcher.matches(key.namespace));
            found.map(|(_, entry)| entry)
        })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        let exact: usize = self.exact.values().map(HashMap::len).sum();
        let globs: usize = self.globs.values().map(Vec::len).sum();
        exact + globs
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn insert(
        &mut self,
        key: &str,
        value: &Value,
        account: Option<&Account>,
    ) -> Result<(), String> {
        let (namespace, name) = key
            .split_once('/')
            .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
            .ok_or("its name is not NAMESPACE/SERVICEACCOUNT")?;
        if name.contains('/') {
            return Err("its name has more than one /".to_owned());
        }
        let entry = Arc::new(ConfigMapEntry::read(value, account)?);
        if namespace.contains(['*', '?']) {
            let globs = self.globs.entry(name.to_owned()).or_default();
            globs.retain(|(glob, _)| glob.pattern != namespace);
            globs.push((Glob::new(namespace), entry));
        } else {
            let names = self.exact.entry(namespace.to_owned()).or_default();
            names.insert(name.to_owned(), entry);
        }
        Ok(())
    }
}

impl ConfigMapEntry {
    fn read(value: &Value, account: Option<&Account>) -> Result<Self, String> {
        let members = value.as_object().ok_or("it is not a JSON object")?;
        let mut entry = Self::default();
        for (name, value) in members {
            if value.is_null() {
                continue;
            }
            let wrong = |wanted: &str| format!("{name} is not {wanted}");
            match name.to_ascii_lowercase().as_str() {
                "rolearn" => {
                    let text = value.as_str().ok_or_else(|| wrong("a string"))?;
                    entry.role = RoleArn::read(text, account);
                }
                "audience" => {
                    let text = value.as_str().ok_or_else(|| wrong("a string"))?;
                    entry.audience = (!text.trim().is_empty()).then(|| text.to_owned());
                }
                "useregionalsts" => {
                    entry.regional_sts = Some(value.as_bool().ok_or_else(|| wrong("a boolean"))?);
                }
                "tokenexpiration" => {
                    let seconds = value.as_i64().ok_or_else(|| wrong("a whole number"))?;
                    entry.token_expiration =
                        (seconds != 0).then(|| Expiration::from_seconds(seconds));
                }
                _ => {}
            }
        }
        Ok(entry)
    }
}

impl Glob {
    fn new(pattern: &str) -> Self {
        Self { pattern: pattern.to_owned(), matcher: WildMatch::new(pattern) }
    }

    /// Sorts the glob that wins to the front.
    fn rank(&self) -> impl Ord + '_ {
        let literal = self.pattern.find(['*', '?']).unwrap_or(self.pattern.len());
        (std::cmp::Reverse(literal), std::cmp::Reverse(self.pattern.len()), self.pattern.as_str())
    }
}

/// A JSON object's members in the order of the document.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of entries by NAMESPACE/SERVICEACCOUNT")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(config: &str) -> (ConfigMapIdentities, Vec<String>) {
        let (read, skipped) = ConfigMapIdentities::parse(config, None).expect("a JSON object");
        (read, skipped.iter().map(ToString::to_string).collect())
    }

    fn role_of<'a>(read: &'a ConfigMapIdentities, namespace: &str, name: &str) -> Option<&'a str> {
        let entry = read.get(Key { namespace, name })?;
        entry.role.as_ref().map(RoleArn::as_str)
    }

    #[test]
    fn prefers_the_exact_name_then_the_most_specific_glob() {
        let (read, _) = parse(
            r#"{"*/app":{"RoleARN":"any"},"test-*/app":{"RoleARN":"test"},"test-*x/app":{"RoleARN":"test-x"},
                "test-a*/app":{"RoleARN":"a"},"test-a/app":{"RoleARN":"exact"},"*b/app":{"RoleARN":"b"},"*a/app":{"RoleARN":"ends-in-a"}}"#,
        );
        for (namespace, role) in [
            ("test-a", "exact"),
            ("test-ab", "a"),
            ("test-cx", "test-x"),
            ("test-c", "test"),
            ("prod-b", "b"),
            ("prod", "any"),
        ] {
            assert_eq!(role_of(&read, namespace, "app"), Some(role), "{namespace}");
        }
        assert_eq!(role_of(&read, "test-a", "other"), None);
    }

    #[test]
    fn skips_a_bad_entry_and_loads_the_others() {
        let (read, skipped) = parse(
            r#"{"no-slash":{"RoleARN":"x"},"a/b":{"RoleARN":5},"a/c":[],"a/d/e":{},"a/f":{"RoleARN":"f"},"a/g":{"TokenExpiration":"1"}}"#,
        );
        assert_eq!(role_of(&read, "a", "f"), Some("f"));
        assert_eq!(read.len(), 1);
        assert_eq!(skipped.len(), 5, "{skipped:?}");
        assert!(skipped.iter().any(|s| s.contains("no-slash")), "{skipped:?}");
    }

    #[test]
    fn ignores_case_and_takes_absent_and_zero_for_unset() {
        let (read, _) = parse(
            r#"{"a/b":{"rolearn":"r","USEREGIONALSTS":false,"tokenExpiration":0,"audience":""},"a/c":{"TokenExpiration":60}}"#,
        );
        let entry = read.get(Key { namespace: "a", name: "b" }).expect("a/b");
        assert_eq!(entry.role.as_ref().map(RoleArn::as_str), Some("r"));
        assert_eq!((entry.regional_sts, entry.token_expiration), (Some(false), None));
        assert_eq!(entry.audience, None);
        let entry = read.get(Key { namespace: "a", name: "c" }).expect("a/c");
        assert_eq!(entry.token_expiration, Some(Expiration::MIN));
    }

    #[test]
    fn refuses_a_document_that_is_not_a_json_object() {
        assert!(parse("{}").0.is_empty());
        for bad in ["", " ", "{", "[]", "null", "\"x\""] {
            assert!(ConfigMapIdentities::parse(bad, None).is_err(), "{bad}");
        }
    }
}
