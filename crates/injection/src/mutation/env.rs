//! The environment of a container, as far as it decides about credentials.

use memchr::{memchr, memmem};
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::items::items;
use super::text::Text;
use crate::json::Raw;

/// The variables that are looked at, in the order of their bits. The first
/// [`CREDENTIALS`] of them decide whose credentials a container uses.
const NAMES: [&str; 10] = [
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
];
const CREDENTIALS: usize = 5;
/// All of them begin with it.
const PREFIX: &str = "AWS_";

/// Those whose value is looked at: where the token is.
const FILES: [&str; 2] = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];

/// What a container's variables say. Of two with one name Kubernetes takes the
/// last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Env {
    present: u16,
    set: u16,
    /// Of the variables of credentials: those from a reference that may be absent.
    optional: u8,
    /// Of the variables of credentials: those that `envFrom` may set.
    from: u8,
}

/// The value that a variable has once the container runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing sets the variable.
    Absent,
    /// It is there, and empty.
    Empty,
    /// Nobody knows before the container runs whether it has one.
    NotKnown,
    /// It has one, be it one that is only known later.
    Set,
}

/// The same while it is read, with the values that are looked at.
#[derive(Debug, Default)]
pub(super) struct EnvItems<'a> {
    pub(super) env: Env,
    pub(super) files: [Text<'a>; 2],
}

/// The variables that a container's `envFrom` may set.
#[derive(Debug, Default)]
pub(super) struct EnvFrom(u8);

/// An environment variable: its name decides what is added, its value only
/// whether the container has credentials.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Variable<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    value: Option<Text<'a>>,
    #[serde(default)]
    value_from: Option<ValueFrom>,
}

/// Where a value comes from. A field of the pod is always there.
#[derive(Deserialize)]
struct ValueFrom {
    #[serde(default, rename = "secretKeyRef")]
    secret: Option<Reference>,
    #[serde(default, rename = "configMapKeyRef")]
    config_map: Option<Reference>,
    #[serde(default, rename = "fileKeyRef")]
    file: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    optional: Option<bool>,
}

/// All keys of a `ConfigMap` or a Secret, each with the prefix before it.
#[derive(Deserialize)]
struct Source<'a> {
    #[serde(borrow, default)]
    prefix: Option<Text<'a>>,
}

impl Env {
    pub(super) fn has(self, name: &str) -> bool {
        // Of nearly every container it has none.
        self.present != 0 && self.present & bit(name) != 0
    }

    /// Whether nothing sets a variable of credentials.
    pub(super) fn is_bare(self) -> bool {
        self.present & CREDENTIALS_MASK == 0 && self.from == 0
    }

    /// What a variable of credentials has. What the container sets itself wins
    /// over `envFrom`.
    pub(super) fn value(self, name: &str) -> Value {
        let bit = bit(name);
        let of_credentials = |mask: u8| u16::from(mask) & bit != 0;
        match () {
            () if self.set & bit != 0 => Value::Set,
            () if of_credentials(self.optional) => Value::NotKnown,
            () if self.present & bit != 0 => Value::Empty,
            () if of_credentials(self.from) => Value::NotKnown,
            () => Value::Absent,
        }
    }

    pub(super) fn take_from(&mut self, from: &EnvFrom) {
        self.from = from.0;
    }
}

const CREDENTIALS_MASK: u16 = (1 << CREDENTIALS) - 1;

impl ValueFrom {
    fn is_optional(&self) -> bool {
        let references = [&self.secret, &self.config_map, &self.file];
        references.into_iter().flatten().any(|reference| reference.optional == Some(true))
    }
}

impl<'a> EnvItems<'a> {
    fn take(&mut self, variable: Variable<'a>) {
        let bit = bit(&variable.name);
        if bit == 0 {
            return;
        }
        let Self { env, files } = self;
        let value = variable.value.unwrap_or_default();
        env.present |= bit;
        // The bits of credentials fit, the others are not asked for.
        let of_credentials = u8::try_from(bit).unwrap_or_default();
        match &variable.value_from {
            // Where it is absent, what was set before stays.
            Some(from) if from.is_optional() => env.optional |= of_credentials,
            Some(_) => env.set |= bit,
            None if !value.is_empty() => env.set |= bit,
            None => {
                env.set &= !bit;
                env.optional &= !of_credentials;
            }
        }
        if let Some(file) = file(&variable.name).and_then(|place| files.get_mut(place)) {
            *file = value;
        }
    }
}

impl EnvFrom {
    fn take(&mut self, source: &Source<'_>) {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        for (place, name) in NAMES.iter().take(CREDENTIALS).enumerate() {
            if name.len() > prefix.len() && name.starts_with(prefix) {
                self.0 |= 1 << place;
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for EnvItems<'a> {
    /// Nearly no container sets a variable of AWS itself, and some have hundreds of others: those lists are not
    /// taken apart.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Raw::deserialize(deserializer)?;
        if list.get().starts_with('[') && !may_name(list.get()) {
            return Ok(Self::default());
        }
        list.read::<Taken<'de>>().map(|Taken(items)| items).map_err(D::Error::custom)
    }
}

/// A list of variables that is taken apart.
struct Taken<'a>(EnvItems<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Taken<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        items(deserializer, EnvItems::<'de>::take).map(Taken)
    }
}

/// Whether a text may have one of the names: as it stands, or with escapes.
fn may_name(text: &str) -> bool {
    let text = text.as_bytes();
    memmem::find(text, PREFIX.as_bytes()).is_some() || memchr(b'\\', text).is_some()
}

impl<'de> Deserialize<'de> for EnvFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        items::<_, Source<'de>, Self>(deserializer, |made, item| made.take(&item))
    }
}

/// The place of its value among those that are looked at.
pub(super) fn file(name: &str) -> Option<usize> {
    FILES.iter().position(|file| *file == name)
}

fn bit(name: &str) -> u16 {
    if !name.starts_with(PREFIX) {
        return 0;
    }
    NAMES.iter().position(|known| *known == name).map_or(0, |place| 1 << place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> Result<EnvItems<'_>, String> {
        let fast = crate::json::from_slice::<EnvItems<'_>>(list.as_bytes());
        let judged = serde_json::from_str::<EnvItems<'_>>(list).map_err(|error| error.to_string());
        if let (Ok(fast), Ok(judged)) = (&fast, &judged) {
            assert_eq!((fast.env, fast.files.each_ref()), (judged.env, judged.files.each_ref()));
        }
        assert!(fast.is_err() || judged.is_ok(), "{list}");
        judged
    }

    #[test]
    fn finds_a_name_however_it_is_written() {
        for list in [
            r#"[{"name":"AWS_ROLE_ARN","value":"x"}]"#,
            r#"[{"name":"A","value":"b"},{"value":"x","name":"AWS_ROLE_ARN"}]"#,
            r#"[{"name":"\u0041WS_ROLE_ARN","value":"x"}]"#,
            r#"[{"name":"AWS\u005fROLE_ARN","value":"x"}]"#,
            r#"[{"n\u0061me":"AWS_ROLE_ARN","value":"x"}]"#,
            r#"[ {"name" : "AWS_ROLE_ARN", "value": "x"} ]"#,
        ] {
            let found = read(list).expect("a list of variables").env;
            assert_eq!(found.value("AWS_ROLE_ARN"), Value::Set, "{list}");
        }
    }

    #[test]
    fn finds_none_where_a_value_alone_mentions_it() {
        for list in [r#"[{"name":"A","value":"$(AWS_ROLE_ARN)"}]"#, r#"[{"name":"A"}]"#, "[]"] {
            assert!(read(list).expect("a list of variables").env.is_bare(), "{list}");
        }
    }

    #[test]
    fn takes_nothing_that_is_no_list() {
        for other in [r#""AWS_ROLE_ARN""#, r#"{"name":"A"}"#, "5", "true", "[", r#"[{"name":"A"}"#]
        {
            assert!(read(other).is_err(), "{other}");
        }
        let error = read(r#"[{"name":"AWS_ROLE_ARN","value":5}]"#).expect_err("no string");
        assert_eq!(error, "invalid type: integer `5`, expected a string");
    }
}
