//! Whether a container has a usable identity once the patch is applied: the one
//! answer that warnings, `/mutate/required`, `inject`, `doctor` and `audit` give.

use text::shortened;

use super::containers::Container;
use super::env::{Env, Value};
use super::folders::Place;
use super::plan::{EnvSource, EnvVar, Mounted};
use super::target::{ContainerIdentity, WEB_IDENTITY};
use super::volume::TokenVolume;
use crate::identity::{Warning, WarningKind};

const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";

/// What a container can do with its identity once the patch is applied. Of nearly
/// every container there is nothing to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usability<'p>(Option<Box<Found<'p>>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found<'p> {
    /// What its variables come to.
    variables: Option<Problem<'p>>,
    /// A mount path that something else has taken.
    taken: Option<Problem<'p>>,
    /// Credentials that SDKs prefer.
    own: Option<Problem<'p>>,
    obstructed: Option<Problem<'p>>,
    not_known: [Option<&'static str>; 4],
    has_keys: bool,
}

/// Why a container runs as somebody else than its `ServiceAccount`'s identity, or
/// as nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem<'p> {
    /// Half a pair: it has one of two variables that SDKs need both.
    HalfPair {
        /// The one that it has.
        has: &'static str,
        /// The one that is absent or empty.
        lacks: &'static str,
    },
    /// The variable is there, so that nothing is added, and empty.
    EmptyValue {
        /// The variable.
        name: &'static str,
        /// The other one of the pair, if that is empty too.
        other: Option<&'static str>,
    },
    /// Another volume, or a sub-path of the token's, is mounted at the token's
    /// mount path.
    MountPathTaken {
        /// The name of that volume.
        by: &'p str,
        /// Whether the container has a token nevertheless.
        has_token: bool,
    },
    /// The token's file lies under none of the container's mounts.
    TokenFileNotMounted {
        /// The variable that names the file.
        variable: &'static str,
        /// The file.
        path: &'p str,
    },
    /// SDKs prefer the credentials that this variable of the container gives.
    OwnCredentials(&'static str),
    /// A volume that the container can't write to is mounted above the token's
    /// mount path: the runtime can't make the mount point, and the container does
    /// not start.
    ObstructedMount {
        /// The name of that volume.
        volume: &'p str,
        /// Where it is mounted.
        at: &'p str,
    },
}

impl<'p> Usability<'p> {
    /// What is wrong; nothing where it is all right, or where that is not known.
    /// Of those that [prevent](Problem::prevents_identity) it, the container runs
    /// as somebody else or as nobody.
    pub fn problems(&self) -> impl Iterator<Item = Problem<'p>> + use<'_, 'p> {
        let found = self.0.iter();
        found.flat_map(|it| [it.variables, it.taken, it.own, it.obstructed].into_iter().flatten())
    }

    /// The variables on which it depends and that nobody knows before the
    /// container runs: `envFrom`, optional references, a file's name that is
    /// looked up.
    pub fn not_known(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|found| found.not_known.into_iter().flatten())
    }

    /// Why the container has no credentials at all, be they its own keys: what
    /// `/mutate/required` refuses a pod for.
    #[must_use]
    pub(crate) fn lacks_credentials(&self) -> Option<Problem<'p>> {
        let found = self.0.as_ref().filter(|found| !found.has_keys);
        found.and_then(|_| self.problems().find(Problem::lacks_credentials))
    }
}

/// Looks at a container as it is once the patch is applied.
pub(super) fn usability<'p>(
    container: Container<'p>,
    mounted: &Mounted<'p>,
    volume: &TokenVolume<'p>,
    target: &ContainerIdentity<'p>,
) -> Usability<'p> {
    let env = container.env;
    let path = target.mount_path.trim_end_matches('/');
    let plain = env.is_bare()
        && !matches!(mounted, Mounted::Taken { .. })
        && !container.mounts().any(|mount| mount.may_be_above(path));
    if plain {
        return Usability::default();
    }
    let mut not_known = [None; 4];
    Usability(Some(Box::new(Found {
        variables: pair(container, mounted, target, &mut not_known),
        taken: taken(container, mounted, target),
        own: own(env, target, &mut not_known),
        obstructed: obstructed(container, mounted, volume, target),
        has_keys: env.value(ACCESS_KEY) == Value::Set,
        not_known,
    })))
}

/// What the two variables come to that name the role, or the agent, and the
/// token's file.
fn pair<'p>(
    container: Container<'p>,
    mounted: &Mounted<'p>,
    target: &ContainerIdentity<'p>,
    not_known: &mut [Option<&'static str>; 4],
) -> Option<Problem<'p>> {
    let env = container.env;
    let [first, second] = target.credentials.each_ref().map(|it| it.name);
    if !env.has(first) && !env.has(second) {
        return None;
    }
    let is_lacking = |value| matches!(value, Value::Absent | Value::Empty);
    let [of_first, of_second] = [first, second].map(|name| env.value(name));
    match (is_lacking(of_first), is_lacking(of_second)) {
        (true, true) => {
            let empty = [(first, of_first), (second, of_second)].into_iter();
            let mut empty = empty.filter(|(_, value)| *value == Value::Empty).map(|(name, _)| name);
            let name = empty.next()?;
            return Some(Problem::EmptyValue { name, other: empty.next() });
        }
        (true, false) => return Some(Problem::HalfPair { has: second, lacks: first }),
        (false, true) if !target.is_first_enough() => {
            return Some(Problem::HalfPair { has: first, lacks: second });
        }
        _ => {}
    }
    let unsure = [(first, of_first), (second, of_second)];
    let unsure = unsure.map(|(name, value)| (value == Value::NotKnown).then_some(name));
    [not_known[0], not_known[1]] = unsure;
    if of_second != Value::Set {
        return None;
    }
    match container.file(second).filter(|path| !path.contains("$(")) {
        // A reference, or the value of another variable.
        None => not_known[1] = Some(second),
        Some(path) => match is_mounted(container, path, mounted, target) {
            Some(true) => {}
            Some(false) => {
                return Some(Problem::TokenFileNotMounted { variable: second, path });
            }
            None => not_known[1] = Some(second),
        },
    }
    None
}

/// Whether a file lies under a mount, the token's own among them; nothing where
/// that depends on the working directory.
fn is_mounted(
    container: Container<'_>,
    file: &str,
    mounted: &Mounted<'_>,
    target: &ContainerIdentity<'_>,
) -> Option<bool> {
    let place = Place::of(file, target.windows);
    let parts = place.parts()?;
    let injected = matches!(mounted, Mounted::Nothing).then_some(target.mount_path);
    let mut folders = container.mounts().map(|mount| &*mount.mount_path).chain(injected);
    Some(folders.any(|folder| place.depth_of(folder, &parts).is_some()))
}

/// Credentials that SDKs prefer to the identity's.
fn own<'p>(
    env: Env,
    target: &ContainerIdentity<'_>,
    not_known: &mut [Option<&'static str>; 4],
) -> Option<Problem<'p>> {
    // For web identity the other two are the container's own choice of role.
    // SDKs look at the file first: without a role they fail.
    let stronger = [(2, ACCESS_KEY), (3, WEB_IDENTITY[1])];
    let stronger = if target.is_web_identity() { &stronger[..1] } else { &stronger[..] };
    let mut found = None;
    for (place, name) in stronger {
        match env.value(name) {
            Value::Set => found = found.or(Some(Problem::OwnCredentials(name))),
            Value::NotKnown => not_known[*place] = Some(name),
            Value::Absent | Value::Empty => {}
        }
    }
    found
}

fn taken<'p>(
    container: Container<'p>,
    mounted: &Mounted<'p>,
    target: &ContainerIdentity<'p>,
) -> Option<Problem<'p>> {
    let Mounted::Taken { by, with_token } = *mounted else { return None };
    let [first, second] = &target.credentials;
    let env = container.env;
    let is_added = !env.has(first.name) && !env.has(second.name);
    // A token file where ours would be counts with what is mounted there: an
    // earlier pass of this webhook leaves it so.
    let counts_on_it = is_added || says(container, second);
    Some(Problem::MountPathTaken { by, has_token: with_token || !counts_on_it })
}

/// Whether it has the very value that would be injected.
fn says(container: Container<'_>, injected: &EnvVar<'_>) -> bool {
    match &injected.source {
        EnvSource::Value(value) => container.file(injected.name) == Some(value),
        EnvSource::PodName => false,
    }
}

/// The nearest mount above the token's decides: the mount point is made in it.
fn obstructed<'p>(
    container: Container<'p>,
    mounted: &Mounted<'p>,
    volume: &TokenVolume<'p>,
    target: &ContainerIdentity<'p>,
) -> Option<Problem<'p>> {
    // Windows maps a folder without making one to map it to.
    if target.windows || matches!(mounted, Mounted::Taken { .. }) {
        return None;
    }
    let place = Place::of(target.mount_path, false);
    let parts = place.parts()?;
    let depth = |folder: &str| place.depth_of(folder, &parts).filter(|depth| *depth < parts.len());
    let above = container.mounts().filter(|mount| mount.may_be_above(target.mount_path));
    let above = above.filter_map(|mount| Some((depth(&mount.mount_path)?, mount)));
    let (_, nearest) = above.max_by_key(|(depth, _)| *depth)?;
    let read_only = nearest.read_only || volume.is_read_only(&nearest.name);
    read_only.then_some(Problem::ObstructedMount { volume: &nearest.name, at: &nearest.mount_path })
}

impl Problem<'_> {
    /// The kind, under which metrics count it.
    #[must_use]
    pub fn kind(&self) -> WarningKind {
        match self {
            Self::HalfPair { .. } => WarningKind::HalfPair,
            Self::EmptyValue { .. } => WarningKind::EmptyValue,
            Self::MountPathTaken { .. } => WarningKind::MountPathTaken,
            Self::TokenFileNotMounted { .. } => WarningKind::TokenFileNotMounted,
            Self::OwnCredentials(_) => WarningKind::OwnCredentials,
            Self::ObstructedMount { .. } => WarningKind::ObstructedMount,
        }
    }

    /// Whether it keeps the container from running with the identity that its
    /// variables name. What takes the mount path of a container that has a token
    /// nevertheless only deserves a warning.
    #[must_use]
    pub fn prevents_identity(&self) -> bool {
        !matches!(self, Self::MountPathTaken { has_token: true, .. })
    }

    /// Whether the container has no credentials for this reason. With keys of its
    /// own it has some, and one that does not start fails visibly by itself.
    #[must_use]
    pub(crate) fn lacks_credentials(&self) -> bool {
        match self {
            Self::HalfPair { .. } | Self::EmptyValue { .. } | Self::TokenFileNotMounted { .. } => {
                true
            }
            Self::MountPathTaken { has_token, .. } => !has_token,
            Self::OwnCredentials(_) | Self::ObstructedMount { .. } => false,
        }
    }

    /// What is wrong, in a few words that name the variable or the volume.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::HalfPair { has, lacks } => format!("{has} is set without {lacks}"),
            Self::EmptyValue { name, other: None } => {
                format!("{name} is empty, so the webhook adds no credentials")
            }
            Self::EmptyValue { name, other: Some(other) } => {
                format!("{name} and {other} are empty, so the webhook adds no credentials")
            }
            Self::MountPathTaken { by, .. } => {
                format!("volume {:?} takes the token's mountPath", shortened(by, 24))
            }
            Self::TokenFileNotMounted { variable, path } => {
                format!("{variable} {:?} is in no mount", shortened(path, 18))
            }
            Self::OwnCredentials(name) => format!("its {name} overrides the injected identity"),
            Self::ObstructedMount { volume, at } => format!(
                "read-only volume {:?} at {} blocks the token's mount",
                shortened(volume, 16),
                shortened(at, 20)
            ),
        }
    }

    /// What to do about it, in a few words.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::HalfPair { .. } => "set both or neither",
            Self::EmptyValue { other: Some(_), .. } => "remove both",
            Self::EmptyValue { .. } | Self::OwnCredentials(_) => "remove it",
            Self::MountPathTaken { .. } | Self::ObstructedMount { .. } => "move it",
            Self::TokenFileNotMounted { .. } => "correct or remove it",
        }
    }

    /// What fits into a warning of the two longest names.
    fn in_short(&self) -> String {
        match self {
            Self::EmptyValue { name, other: Some(other) } => {
                format!("remove the empty {name} and {other}")
            }
            _ => self.what(),
        }
    }

    pub(super) fn warning(&self, container: &str) -> Warning {
        // `kubectl` prints 120 characters.
        let room = |text: &str| 119_usize.saturating_sub(FRAME.len() + text.chars().count());
        let mut text = format!("{}; {}", self.what(), self.advice());
        if room(&text) < container.chars().take(8).count() {
            text = self.in_short();
        }
        let container = shortened(container, room(&text).min(24));
        Warning::new(self.kind(), format!("container {container:?}: {text}"))
    }
}

/// What a warning has beside the container's name and the text.
const FRAME: &str = "container \"\": ";
