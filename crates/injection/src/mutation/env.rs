//! The environment of a container, as far as it decides about credentials.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use super::items::items;
use super::text::Text;

/// The variables that are looked at, in the order of their bits.
const NAMES: [&str; 10] = [
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL_STS",
];

/// Those whose value is looked at: where the token is.
const FILES: [&str; 2] = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];

/// What a container's variables say. Of two with one name Kubernetes takes the
/// last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Env {
    present: u16,
    set: u16,
}

/// The same while it is read, with the values that are looked at.
#[derive(Debug, Default)]
pub(super) struct EnvItems<'a> {
    pub(super) env: Env,
    pub(super) files: [Text<'a>; 2],
}

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
    value_from: Option<IgnoredAny>,
}

impl Env {
    pub(super) fn has(self, name: &str) -> bool {
        self.present & bit(name) != 0
    }

    /// Whether it has a value, be it one that is only known later.
    pub(super) fn is_set(self, name: &str) -> bool {
        self.set & bit(name) != 0
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
        if variable.value_from.is_some() || !value.is_empty() {
            env.set |= bit;
        } else {
            env.set &= !bit;
        }
        if let Some(file) = file(&variable.name).and_then(|place| files.get_mut(place)) {
            *file = value;
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for EnvItems<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        items(deserializer, EnvItems::<'de>::take)
    }
}

/// The place of its value among those that are looked at.
pub(super) fn file(name: &str) -> Option<usize> {
    FILES.iter().position(|file| *file == name)
}

fn bit(name: &str) -> u16 {
    if !name.starts_with("AWS_") {
        return 0;
    }
    NAMES.iter().position(|known| *known == name).map_or(0, |place| 1 << place)
}
