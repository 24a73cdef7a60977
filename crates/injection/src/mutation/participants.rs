//! The containers that take part.

use std::collections::{HashMap, HashSet};

use super::containers::{Container, Containers};
use super::plan::{List, Scope};
use super::pod::Pod;
use super::settings::MutationSettings;
use super::text::Text;
use crate::identity::{Warnings, each_container_name};

/// A container that a request may change, and whether it takes part.
pub(super) struct Candidate<'p> {
    pub(super) list: List,
    pub(super) container: Container<'p>,
    pub(super) takes_part: bool,
}

/// The containers that a request may change, in the order of the pod.
pub(super) fn candidates<'p>(
    pod: &'p Pod<'p>,
    scope: Scope<'p>,
    settings: &MutationSettings,
    warnings: &mut Warnings,
) -> impl Iterator<Item = Candidate<'p>> + use<'p> {
    let spec = &pod.spec;
    let (lists, existing) = match scope {
        Scope::Creation => (
            [
                spec.init_containers.as_ref().map(|all| (List::InitContainers, all)),
                spec.containers.as_ref().map(|all| (List::Containers, all)),
            ],
            None,
        ),
        Scope::EphemeralContainers(existing) => (
            [spec.ephemeral_containers.as_ref().map(|all| (List::EphemeralContainers, all)), None],
            Some(existing),
        ),
    };
    let fixed: HashSet<&str> = existing.map_or_else(HashSet::new, |existing| {
        let mut names = HashSet::with_capacity(existing.count());
        names.extend(existing.names());
        names
    });
    let choice = Choice::read(pod, lists, settings, warnings);
    let all = lists.into_iter().flatten();
    let all = all.flat_map(|(list, all)| all.iter().map(move |container| (list, container)));
    let changed = all.filter(move |(_, container)| !fixed.contains(container.name));
    changed.map(move |(list, container)| {
        let takes_part = choice.takes_part(container.name);
        Candidate { list, container, takes_part }
    })
}

/// What the pod's annotations say of its containers, by their names. There is
/// one look for each name in them, and one for each container: both may be many.
enum Choice<'p> {
    All,
    Some { names: HashMap<&'p str, Listed>, only_included: bool },
}

#[derive(Clone, Copy, Default)]
struct Listed {
    skipped: bool,
    included: bool,
}

impl<'p> Choice<'p> {
    fn read(
        pod: &'p Pod<'p>,
        lists: [Option<(List, &'p Containers<'p>)>; 2],
        settings: &MutationSettings,
        warnings: &mut Warnings,
    ) -> Self {
        let keys = [&settings.keys.skip_containers, &settings.keys.include_containers];
        let [skip, include] = keys.map(|key| Some((key, pod.annotation(key)?)));
        if skip.is_none() && include.is_none() {
            return Self::All;
        }
        let lists = lists.into_iter().flatten().map(|(_, all)| all);
        let mut names = HashMap::with_capacity(lists.clone().map(Containers::named).sum());
        names.extend(lists.flat_map(Containers::names).map(|name| (name, Listed::default())));
        let mut list = |annotation: Option<(&String, Text<'_>)>, mark: fn(&mut Listed)| {
            let Some((key, value)) = annotation else { return false };
            let read = each_container_name(key, &value, |name| {
                if let Some(listed) = names.get_mut(name) {
                    mark(listed);
                }
            });
            read.map_err(|warning| warnings.push(warning)).is_ok()
        };
        list(skip, |listed| listed.skipped = true);
        let only_included = list(include, |listed| listed.included = true);
        Self::Some { names, only_included }
    }

    fn takes_part(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some { names, only_included } => {
                let listed = names.get(name).copied().unwrap_or_default();
                !listed.skipped && (listed.included || !only_included)
            }
        }
    }
}
