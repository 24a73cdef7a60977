//! Which volume of the pod holds the token, or what the new one is called.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::chunks::Chunks;
use super::items::items;
use super::pod::Pod;
use super::text::Text;

/// The pod's volumes: their names, the service-account tokens that they project,
/// and which of them nobody can write to. All else of them means nothing here.
#[derive(Clone, Debug, Default)]
pub(super) struct Volumes<'a> {
    names: Chunks<Text<'a>>,
    /// With the place of the volume's name, in the order of the volumes.
    tokens: Chunks<(u32, Token<'a>)>,
    /// The places of the names of volumes that no container can write to.
    read_only: Chunks<u32>,
}

/// A service-account token at a path of its volume.
#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    audience: Text<'a>,
    path: Text<'a>,
}

#[derive(Default)]
struct Volume<'a> {
    name: Text<'a>,
    projected: Option<Projected<'a>>,
    read_only: bool,
}

/// A source that is read-only where it says so.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Storage {
    #[serde(default)]
    read_only: Option<bool>,
}

#[derive(Deserialize)]
struct Projected<'a> {
    #[serde(borrow, default)]
    sources: Option<Sources<'a>>,
}

#[derive(Default)]
struct Sources<'a>(Chunks<Token<'a>>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    #[serde(borrow, default)]
    service_account_token: Option<ServiceAccountToken<'a>>,
}

#[derive(Deserialize)]
struct ServiceAccountToken<'a> {
    #[serde(borrow, default)]
    audience: Option<Text<'a>>,
    #[serde(borrow, default)]
    path: Text<'a>,
}

impl<'a> Volumes<'a> {
    /// An API server takes no volume without a name, and no token without a
    /// path.
    fn take(&mut self, volume: Volume<'a>) {
        if volume.name.is_empty() {
            return;
        }
        // No review has so many.
        let place = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(volume.name);
        if volume.read_only {
            self.read_only.push(place);
        }
        if let Some(Projected { sources: Some(Sources(tokens)) }) = volume.projected {
            tokens.into_iter().for_each(|token| self.tokens.push((place, token)));
        }
    }

    /// The tokens at that path, with the names of their volumes.
    fn tokens_at(&self, path: &str) -> impl Iterator<Item = (&str, &Token<'a>)> {
        let at = self.tokens.iter().filter(move |(_, token)| &*token.path == path);
        at.filter_map(|(place, token)| Some((&**self.names.get(*place as usize)?, token)))
    }
}

impl<'a> Volume<'a> {
    fn take<A: MapAccess<'a>>(&mut self, member: &str, map: &mut A) -> Result<(), A::Error> {
        match member {
            "name" => self.name = map.next_value()?,
            "projected" => {
                self.projected = map.next_value()?;
                self.read_only |= self.projected.is_some();
            }
            // kubelet mounts these read-only whatever the mount says.
            "secret" | "configMap" | "downwardAPI" | "image" => {
                self.read_only |= map.next_value::<Option<IgnoredAny>>()?.is_some();
            }
            "csi"
            | "persistentVolumeClaim"
            | "nfs"
            | "iscsi"
            | "fc"
            | "flexVolume"
            | "cephfs"
            | "rbd"
            | "glusterfs"
            | "cinder"
            | "quobyte"
            | "scaleIO"
            | "storageos"
            | "portworxVolume"
            | "azureDisk"
            | "azureFile"
            | "awsElasticBlockStore"
            | "gcePersistentDisk" => {
                let storage = map.next_value::<Option<Storage>>()?;
                self.read_only |= storage.is_some_and(|it| it.read_only == Some(true));
            }
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'a> Sources<'a> {
    fn take(&mut self, source: Source<'a>) {
        if let Some(ServiceAccountToken { audience, path }) = source.service_account_token
            && !path.is_empty()
        {
            self.0.push(Token { audience: audience.unwrap_or_default(), path });
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Volumes<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        items(deserializer, Volumes::<'de>::take)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Volume<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByMember;
        impl<'de> Visitor<'de> for ByMember {
            type Value = Volume<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a volume")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Volume<'de>, A::Error> {
                let mut volume = Volume::default();
                while let Some(member) = map.next_key::<Text<'de>>()? {
                    volume.take(&member, &mut map)?;
                }
                Ok(volume)
            }
        }
        deserializer.deserialize_map(ByMember)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Sources<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        items(deserializer, Sources::<'de>::take)
    }
}

/// The volume that the containers are to mount.
#[derive(Debug)]
pub(super) struct TokenVolume<'p> {
    pub(super) name: String,
    /// The audience of what the pod already has under that name.
    pub(super) present: Option<&'p str>,
    volumes: Option<&'p Volumes<'p>>,
    base: &'p str,
    token_path: &'p str,
    /// By name; made when the first container asks, which is rare.
    others: OnceCell<HashMap<&'p str, OtherVolume<'p>>>,
    /// Names; made when the first container asks, which is rare.
    read_only: OnceCell<HashSet<&'p str>>,
}

/// A volume of the pod that projects a token at the path.
#[derive(Clone, Copy, Debug)]
pub(super) struct OtherVolume<'p> {
    /// By its name it may be one of ours.
    pub(super) is_ours: bool,
    pub(super) audience: &'p str,
}

impl<'p> TokenVolume<'p> {
    /// The first of the pod's volumes that is ours, else the first free name.
    pub(super) fn choose(pod: &'p Pod<'p>, base: &'p str, token_path: &'p str) -> Self {
        let volumes = pod.spec.volumes.as_ref();
        let mut tokens = volumes.into_iter().flat_map(|volumes| volumes.tokens_at(token_path));
        let found = tokens.find(|(name, _)| number(name, base).is_some());
        let (name, present) = match (found, volumes) {
            (Some((name, token)), _) => (name.to_owned(), Some(&*token.audience)),
            (None, Some(volumes)) => (free_name(volumes, base), None),
            (None, None) => (base.to_owned(), None),
        };
        let (others, read_only) = (OnceCell::new(), OnceCell::new());
        Self { name, present, volumes, base, token_path, others, read_only }
    }

    /// Whether no container can write to the pod's volume of that name. The
    /// token's own is projected, whether the pod has it yet or not.
    pub(super) fn is_read_only(&self, name: &str) -> bool {
        let names = self.read_only.get_or_init(|| {
            let all = self.volumes.into_iter();
            let places = all.flat_map(|all| all.read_only.iter().map(move |place| (all, *place)));
            places.filter_map(|(all, place)| Some(&**all.names.get(place as usize)?)).collect()
        });
        name == self.name || names.contains(name)
    }

    /// What the pod's volume of that name has at the token's path.
    pub(super) fn other(&self, name: &str) -> Option<OtherVolume<'p>> {
        let others = self.others.get_or_init(|| {
            let mut others = HashMap::new();
            let volumes = self.volumes.into_iter();
            for (name, token) in volumes.flat_map(|all| all.tokens_at(self.token_path)) {
                let is_ours = number(name, self.base).is_some();
                let audience = &*token.audience;
                others.entry(name).or_insert(OtherVolume { is_ours, audience });
            }
            others
        });
        others.get(name).copied()
    }
}

/// The first of `base`, `base-1`, `base-2`, … that no volume has.
fn free_name(volumes: &Volumes<'_>, base: &str) -> String {
    let is_numbered = |name: &Text<'_>| number(name, base).is_some();
    let numbered = volumes.names.iter().filter(|name| is_numbered(name)).count();
    // Of one number more than there are names, one is free.
    let mut taken = vec![false; numbered + 1];
    for name in volumes.names.iter() {
        if let Some(Number::Of(number)) = number(name, base)
            && let Some(taken) = taken.get_mut(number)
        {
            *taken = true;
        }
    }
    match taken.iter().position(|taken| !taken) {
        None | Some(0) => base.to_owned(),
        Some(number) => format!("{base}-{number}"),
    }
}

/// What stands behind `base` in a volume's name that may be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    /// Zero for the mere `base`.
    Of(usize),
    /// Digits that this program would write otherwise.
    Other,
}

/// A volume is ours by what it is: the name, with or without a number, and a
/// service-account token at the path. Anything else of that name is foreign.
/// This is for the name.
fn number(name: &str, base: &str) -> Option<Number> {
    let rest = name.strip_prefix(base)?;
    if rest.is_empty() {
        return Some(Number::Of(0));
    }
    let digits = rest.strip_prefix('-')?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let is_usual = !digits.starts_with('0');
    let number = digits.parse().ok().filter(|_| is_usual);
    Some(number.map_or(Number::Other, Number::Of))
}
