//! The `ConfigMap` `pod-identity-webhook`: identities without annotations.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::sync::Arc;
use text::shortened;
use wildmatch::WildMatch;

use super::skipped::Skipped;
use super::value::{MAX_NAME_BYTES, MAX_NAMESPACE_BYTES, MAX_VALUE_BYTES};
use super::warning::{Warning, Warnings};
use super::{Account, Expiration, Key, RoleArn};

/// Longest document in bytes: what Kubernetes takes of a `ConfigMap`.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;
/// Longest glob in bytes: a namespace with a star before and behind each
/// character.
const MAX_GLOB_BYTES: usize = 2 * MAX_NAMESPACE_BYTES + 1;
/// Globs for one name of `ServiceAccount`s: an admission tries each of them.
const MAX_GLOBS: usize = 1_000;

/// One entry of the `ConfigMap`: the identity of a `ServiceAccount`. Where a member is
/// `None`, the flag's value counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigMapEntry {
    /// `RoleARN`: the role to assume. Without it the entry gives no identity.
    pub role: Option<RoleArn>,
    /// `Audience`: the token's audience.
    pub audience: Option<String>,
    /// `UseRegionalSTS`: whether SDKs call STS in their own region.
    pub regional_sts: Option<bool>,
    /// `TokenExpiration`: the token's lifetime.
    pub token_expiration: Option<Expiration>,
    /// Which values of the entry are too long, and so ignored.
    pub warnings: Warnings,
}

/// The entries of `data.config`. Their keys are `NAMESPACE/SERVICEACCOUNT`; the namespace
/// may be a glob with `*` and `?`.
#[derive(Debug, Default)]
pub struct ConfigMapIdentities {
    exact: HashMap<String, HashMap<String, Arc<ConfigMapEntry>>>,
    /// By name of the `ServiceAccount`, the globs that win first come first.
    globs: HashMap<String, Globs>,
}

/// The globs for one name.
#[derive(Debug, Default)]
struct Globs {
    all: Vec<(Glob, Arc<ConfigMapEntry>)>,
    /// Where each pattern stands, as long as the document is read.
    places: HashMap<String, usize>,
}

#[derive(Debug)]
struct Glob {
    pattern: String,
    matcher: WildMatch,
}

/// Why `data.config`, or one entry of it, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigMapError {
    /// The whole document is not a JSON object, so none of it is used.
    #[error("failed to read data.config as a JSON object: {0}; keeping the previous entries")]
    Document(#[source] serde_json::Error),
    /// The whole document is longer than 1 MiB, so none of it is used. The
    /// value is its length in bytes.
    #[error(
        "failed to read data.config: {0} bytes is more than 1 MiB; keeping the previous entries"
    )]
    TooLong(usize),
    /// One entry can't be used; the others are.
    #[error("entry {key:?}: {why}")]
    Entry {
        /// The entry's key, `NAMESPACE/SERVICEACCOUNT`, shortened.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// One value of an entry can't be used; the rest of the entry is.
    #[error("entry {key:?}: {warning}")]
    Value {
        /// The entry's key, `NAMESPACE/SERVICEACCOUNT`, shortened.
        key: String,
        /// Which value, and what is wrong with it.
        warning: Warning,
    },
}

impl ConfigMapIdentities {
    /// Reads `data.config`. The second value says which entries were skipped. With an
    /// `account`, bare role names are completed. A blank text is an error, so that only the
    /// deletion of the `ConfigMap` removes all entries.
    ///
    /// # Errors
    /// [`ConfigMapError::Document`] where it is not a JSON object,
    /// [`ConfigMapError::TooLong`] where it is longer than a `ConfigMap` can be.
    pub fn parse(
        config: &str,
        account: Option<&Account>,
    ) -> Result<(Self, Skipped<ConfigMapError>), ConfigMapError> {
        if config.len() > MAX_DOCUMENT_BYTES {
            return Err(ConfigMapError::TooLong(config.len()));
        }
        let reading = Reading { account, read: Self::default(), skipped: Skipped::default() };
        let mut json = serde_json::Deserializer::from_str(config);
        let read = json.deserialize_map(reading).and_then(|read| json.end().map(|()| read));
        let (mut read, skipped) = read.map_err(ConfigMapError::Document)?;
        for globs in read.globs.values_mut() {
            globs.all.sort_by(|(a, _), (b, _)| a.rank().cmp(&b.rank()));
            globs.places = HashMap::new();
        }
        Ok((read, skipped))
    }

    /// The entry for this key. The exact namespace wins, then the glob with the longest
    /// literal prefix, then the longest glob, then the lexically first.
    #[must_use]
    pub fn get(&self, key: Key<'_>) -> Option<&Arc<ConfigMapEntry>> {
        let exact = self.exact.get(key.namespace).and_then(|names| names.get(key.name));
        exact.or_else(|| {
            let globs = self.globs.get(key.name)?;
            let found = globs.all.iter().find(|(glob, _)| glob.matcher.matches(key.namespace));
            found.map(|(_, entry)| entry)
        })
    }

    /// How many entries there are, by exact namespace and by glob.
    #[must_use]
    pub fn len(&self) -> usize {
        let exact: usize = self.exact.values().map(HashMap::len).sum();
        let globs: usize = self.globs.values().map(|globs| globs.all.len()).sum();
        exact + globs
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is wrong with values of the entry, which counts all the same.
    fn insert(
        &mut self,
        key: &str,
        value: &RawValue,
        account: Option<&Account>,
    ) -> Result<Warnings, String> {
        let (namespace, name) = key
            .split_once('/')
            .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty())
            .ok_or("its name is not NAMESPACE/SERVICEACCOUNT")?;
        if name.contains('/') {
            return Err("its name has more than one /".to_owned());
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(format!("its ServiceAccount's name has more than {MAX_NAME_BYTES} bytes"));
        }
        let is_glob = namespace.contains(['*', '?']);
        let max = if is_glob { MAX_GLOB_BYTES } else { MAX_NAMESPACE_BYTES };
        if namespace.len() > max {
            return Err(format!("its namespace has more than {max} bytes"));
        }
        let entry = Arc::new(ConfigMapEntry::read(value, account)?);
        let warnings = entry.warnings.clone();
        if is_glob {
            self.globs.entry(name.to_owned()).or_default().insert(namespace, entry)?;
        } else {
            let names = self.exact.entry(namespace.to_owned()).or_default();
            names.insert(name.to_owned(), entry);
        }
        Ok(warnings)
    }
}

impl Globs {
    /// Of two entries with one pattern the last one counts.
    fn insert(&mut self, pattern: &str, entry: Arc<ConfigMapEntry>) -> Result<(), String> {
        if let Some(&place) = self.places.get(pattern) {
            if let Some((_, known)) = self.all.get_mut(place) {
                *known = entry;
            }
            return Ok(());
        }
        if self.all.len() == MAX_GLOBS {
            return Err(format!("its ServiceAccount has {MAX_GLOBS} namespace globs already"));
        }
        self.places.insert(pattern.to_owned(), self.all.len());
        self.all.push((Glob::new(pattern), entry));
        Ok(())
    }
}

impl ConfigMapEntry {
    fn read(value: &RawValue, account: Option<&Account>) -> Result<Self, String> {
        let value: Value = serde_json::from_str(value.get()).map_err(|error| error.to_string())?;
        let members = value.as_object().ok_or("not a JSON object")?;
        let mut entry = Self::default();
        for (name, value) in members {
            if value.is_null() {
                continue;
            }
            let wrong = |wanted: &str| format!("{name} is not {wanted}");
            match name.to_ascii_lowercase().as_str() {
                "rolearn" => {
                    let text = value.as_str().ok_or_else(|| wrong("a string"))?;
                    let role = RoleArn::read(text, account);
                    let length = role.as_ref().map_or(0, |role| role.as_str().len());
                    entry.role = role.filter(|_| entry.fits(name, text, length));
                }
                "audience" => {
                    let text = value.as_str().ok_or_else(|| wrong("a string"))?;
                    let is_set = !text.trim().is_empty() && entry.fits(name, text, text.len());
                    entry.audience = is_set.then(|| text.to_owned());
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

    /// Notes a value that is too long to go into a patch.
    fn fits(&mut self, name: &str, value: &str, length: usize) -> bool {
        if length > MAX_VALUE_BYTES {
            let member = format!("the ConfigMap's {name}");
            self.warnings.push(Warning::oversized(&member, value, MAX_VALUE_BYTES));
        }
        length <= MAX_VALUE_BYTES
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

/// Takes the members of the document one by one, in their order.
struct Reading<'a> {
    account: Option<&'a Account>,
    read: ConfigMapIdentities,
    skipped: Skipped<ConfigMapError>,
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = (ConfigMapIdentities, Skipped<ConfigMapError>);

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object of entries by NAMESPACE/SERVICEACCOUNT")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
            let shown = || shortened(&key, 64);
            match self.read.insert(&key, value, self.account) {
                Ok(warnings) => warnings.iter().for_each(|warning| {
                    let warning = warning.clone();
                    self.skipped.push(|| ConfigMapError::Value { key: shown(), warning });
                }),
                Err(why) => self.skipped.push(|| ConfigMapError::Entry { key: shown(), why }),
            }
        }
        Ok((self.read, self.skipped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(config: &str) -> (ConfigMapIdentities, Vec<String>) {
        let (read, skipped) = ConfigMapIdentities::parse(config, None).expect("a JSON object");
        (read, skipped.kept().iter().map(ToString::to_string).collect())
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
    fn leaves_a_role_that_is_too_long_out_and_lets_no_glob_take_its_place() {
        let long = "x".repeat(2_049);
        let (read, skipped) = parse(&format!(
            r#"{{"*/app":{{"RoleARN":"any"}},"a/app":{{"RoleARN":"{long}"}},"b/app":{{"RoleARN":"b","Audience":"{long}"}}}}"#
        ));
        assert_eq!(role_of(&read, "a", "app"), None);
        assert_eq!(role_of(&read, "b", "app"), Some("b"));
        assert_eq!(role_of(&read, "c", "app"), Some("any"));
        let entry = read.get(Key { namespace: "b", name: "app" }).expect("b/app");
        assert_eq!((&entry.audience, entry.warnings.len()), (&None, 1));
        assert_eq!(skipped.len(), 2, "{skipped:?}");
        assert!(skipped.iter().all(|it| it.contains("more than 2048 bytes")), "{skipped:?}");
    }

    #[test]
    fn bounds_the_names_the_globs_and_the_document() {
        let skips = |key: &str| parse(&format!(r#"{{"{key}":{{}}}}"#)).1.len();
        for (key, skipped) in [
            (format!("{}/app", "n".repeat(63)), 0),
            (format!("{}/app", "n".repeat(64)), 1),
            (format!("{}*/app", "n*".repeat(63)), 0),
            (format!("{}**/app", "n*".repeat(63)), 1),
            (format!("n/{}", "a".repeat(253)), 0),
            (format!("n/{}", "a".repeat(254)), 1),
        ] {
            assert_eq!(skips(&key), skipped, "{key}");
        }
        let globs: Vec<_> = (0..1_010).map(|n| format!(r#""{n}-*/app":{{}}"#)).collect();
        let config = format!("{{{}}}", globs.join(","));
        let (read, skipped) = ConfigMapIdentities::parse(&config, None).expect("a JSON object");
        assert_eq!((read.len(), skipped.total()), (1_000, 10));
        let long = format!("{{}}{}", " ".repeat(1 << 20));
        let error = ConfigMapIdentities::parse(&long, None).expect_err("too long").to_string();
        assert!(error.contains("more than 1 MiB"), "{error}");
    }

    #[test]
    fn quotes_a_little_of_a_few_entries_and_counts_all() {
        let bad: Vec<_> = (0..10_000).map(|n| format!(r#""{n}{}":1"#, "x".repeat(60))).collect();
        let config = format!("{{{}}}", bad.join(","));
        let (_, skipped) = ConfigMapIdentities::parse(&config, None).expect("a JSON object");
        assert_eq!(skipped.total(), 10_000);
        assert!(format!("{skipped:?}").len() < 10_000);
        let (_, skipped) = parse(&format!(r#"{{"{}":1}}"#, "x".repeat(100_000)));
        assert!(skipped[0].len() < 200, "{skipped:?}");
    }

    #[test]
    fn takes_the_last_of_two_entries_with_one_name() {
        let (read, _) = parse(
            r#"{"a/b":{"RoleARN":"1"},"c*/b":{"RoleARN":"1"},"a/b":{"RoleARN":"2"},"c*/b":{"RoleARN":"2"}}"#,
        );
        assert_eq!((role_of(&read, "a", "b"), role_of(&read, "cd", "b")), (Some("2"), Some("2")));
        assert_eq!(read.len(), 2);
    }

    #[test]
    fn refuses_a_document_that_is_not_a_json_object() {
        assert!(parse("{}").0.is_empty());
        for bad in ["", " ", "{", "[]", "null", "\"x\""] {
            assert!(ConfigMapIdentities::parse(bad, None).is_err(), "{bad}");
        }
    }
}
