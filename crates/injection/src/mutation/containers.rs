//! The containers of a pod, in as little memory as they can be planned from.
//! An item of three bytes is a container, so that a review may have a million.

use serde::Deserialize;
use serde::de::Deserializer;

use super::chunks::Chunks;
use super::env::{Env, EnvFrom, EnvItems, file};
use super::folders::{is_odd, may_be_above};
use super::items::items;
use super::text::Text;

/// A list of containers. Those that have nothing in them are only counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Containers<'a> {
    count: u32,
    kept: Chunks<Kept<'a>>,
    mounts: Chunks<VolumeMount<'a>>,
    /// Values of variables that name the token's file, by container.
    files: Chunks<(u32, u32, Text<'a>)>,
}

#[derive(Clone, Debug)]
struct Kept<'a> {
    name: Text<'a>,
    index: u32,
    /// Where its mounts end, and those of the next one begin.
    mounts_end: u32,
    env: Env,
    has_env: bool,
    has_mounts: bool,
}

/// One container of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Container<'p> {
    pub(super) index: usize,
    pub(super) name: &'p str,
    pub(super) env: Env,
    pub(super) has_env: bool,
    pub(super) has_mounts: bool,
    mounts: (usize, usize),
    of: &'p Containers<'p>,
}

#[derive(Clone, Debug)]
pub(super) struct VolumeMount<'a> {
    pub(super) name: Text<'a>,
    pub(super) mount_path: Text<'a>,
    pub(super) is_sub_path: bool,
    pub(super) read_only: bool,
    is_odd: bool,
}

/// A container as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    env: Option<EnvItems<'a>>,
    #[serde(default)]
    env_from: Option<EnvFrom>,
    #[serde(borrow, default)]
    volume_mounts: Option<Mounts<'a>>,
}

#[derive(Default)]
struct Mounts<'a>(Chunks<VolumeMount<'a>>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenMount<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    mount_path: Text<'a>,
    #[serde(borrow, default)]
    sub_path: Option<Text<'a>>,
    #[serde(borrow, default)]
    sub_path_expr: Option<Text<'a>>,
    #[serde(default)]
    read_only: Option<bool>,
}

impl<'a> Containers<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = Container<'_>> {
        let mut kept = self.kept.iter().peekable();
        let mut mounts_begin = 0;
        (0..self.count).map(move |index| {
            let Some(kept) = kept.next_if(|kept| kept.index == index) else {
                return self.empty(index);
            };
            let mounts_end = kept.mounts_end as usize;
            let mounts = (mounts_begin, mounts_end);
            mounts_begin = mounts_end;
            Container {
                index: index as usize,
                name: &kept.name,
                env: kept.env,
                has_env: kept.has_env,
                has_mounts: kept.has_mounts,
                mounts,
                of: self,
            }
        })
    }

    /// How many have a name.
    pub(super) fn named(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().map(|kept| &*kept.name)
    }

    /// Whether any of them refers to a volume of that name, whether there is
    /// one or not.
    pub(super) fn mount(&self, volume: &str) -> bool {
        self.mounts.iter().any(|mount| &*mount.name == volume)
    }

    fn empty(&self, index: u32) -> Container<'_> {
        Container {
            index: index as usize,
            name: "",
            env: Env::default(),
            has_env: false,
            has_mounts: false,
            mounts: (0, 0),
            of: self,
        }
    }

    fn take(&mut self, container: Written<'a>) {
        let index = self.count;
        self.count += 1;
        let Written { name, env, env_from, volume_mounts } = container;
        let (has_env, has_mounts) = (env.is_some(), volume_mounts.is_some());
        if name.is_empty() && !has_env && !has_mounts && env_from.is_none() {
            return;
        }
        let EnvItems { mut env, files } = env.unwrap_or_default();
        if let Some(from) = &env_from {
            env.take_from(from);
        }
        for (place, value) in (0..).zip(files) {
            if !value.is_empty() {
                self.files.push((index, place, value));
            }
        }
        volume_mounts.unwrap_or_default().0.into_iter().for_each(|mount| self.mounts.push(mount));
        // No review has so many.
        let mounts_end = u32::try_from(self.mounts.len()).unwrap_or(u32::MAX);
        self.kept.push(Kept { name, index, mounts_end, env, has_env, has_mounts });
    }
}

impl<'p> Container<'p> {
    pub(super) fn mounts(&self) -> impl Iterator<Item = &'p VolumeMount<'p>> + use<'p> {
        let (of, (begin, end)) = (self.of, self.mounts);
        (begin..end).filter_map(move |place| of.mounts.get(place))
    }

    /// The value of a variable that names the token's file, where it is written
    /// down.
    pub(super) fn file(&self, name: &str) -> Option<&'p str> {
        let place = file(name)?;
        // Sorted by container: they came in that order.
        let (index, files) = (self.index, &self.of.files);
        let first = files.partition_point(|(of, ..)| (*of as usize) < index);
        (first..first + 2)
            .filter_map(|at| files.get(at))
            .find(|(of, at, _)| *of as usize == index && *at as usize == place)
            .map(|(_, _, own)| &**own)
    }
}

impl VolumeMount<'_> {
    /// Whether it is worth a look whether it is mounted above `path`.
    pub(super) fn may_be_above(&self, path: &str) -> bool {
        self.is_odd || may_be_above(&self.mount_path, path)
    }
}

impl<'a> Mounts<'a> {
    /// An API server takes no mount that has no volume or no path.
    fn take(&mut self, mount: WrittenMount<'a>) {
        let WrittenMount { name, mount_path, sub_path, sub_path_expr, read_only } = mount;
        if !name.is_empty() && !mount_path.is_empty() {
            let is_sub_path =
                [sub_path, sub_path_expr].iter().flatten().any(|path| !path.is_empty());
            let read_only = read_only == Some(true);
            let is_odd = is_odd(&mount_path);
            self.0.push(VolumeMount { name, mount_path, is_sub_path, read_only, is_odd });
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Containers<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        items(deserializer, Containers::<'de>::take)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Mounts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        items(deserializer, Mounts::<'de>::take)
    }
}

/// The ephemeral containers that a pod has before an update. Kubernetes does not let an
/// update change them.
/// <https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/>
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ExistingEphemeralContainers<'a> {
    #[serde(borrow, default)]
    spec: ExistingSpec<'a>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExistingSpec<'a> {
    #[serde(borrow, default)]
    ephemeral_containers: Option<Names<'a>>,
}

#[derive(Clone, Debug, Default)]
struct Names<'a>(Chunks<Text<'a>>);

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    name: Text<'a>,
}

impl ExistingEphemeralContainers<'_> {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.spec.ephemeral_containers.iter().flat_map(|names| names.0.iter().map(|name| &**name))
    }

    pub(super) fn count(&self) -> usize {
        self.spec.ephemeral_containers.as_ref().map_or(0, |names| names.0.len())
    }
}

impl<'a> Names<'a> {
    /// One that exists has a name.
    fn take(&mut self, container: Named<'a>) {
        if !container.name.is_empty() {
            self.0.push(container.name);
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Names<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        items(deserializer, Names::<'de>::take)
    }
}
