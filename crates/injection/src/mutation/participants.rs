//! The containers that take part.

use super::plan::{List, Scope};
use super::pod::{Container, Pod};
use super::settings::Settings;
use crate::identity::{Warning, container_names};

/// The containers that a request may change.
pub(super) struct Participants<'p> {
    /// Those that take part, with their places in the pod.
    pub(super) containers: Vec<(List, usize, &'p Container<'p>)>,
    /// Those that annotations leave out.
    pub(super) left_out: Vec<(List, &'p str)>,
}

pub(super) fn participants<'p>(
    pod: &'p Pod<'p>,
    scope: Scope<'_>,
    settings: &Settings,
    warnings: &mut Vec<Warning>,
) -> Participants<'p> {
    let mut names_in = |key: &str| {
        let value = pod.annotation(key)?;
        container_names(key, &value).map_err(|warning| warnings.push(warning)).ok()
    };
    let skipped = names_in(&settings.keys.skip_containers).unwrap_or_default();
    let included = names_in(&settings.keys.include_containers);
    let takes_part = |container: &Container<'_>| {
        let listed = |names: &[String]| names.iter().any(|name| name == &*container.name);
        !listed(&skipped) && included.as_deref().is_none_or(listed)
    };
    let spec = &pod.spec;
    let lists = match scope {
        Scope::Creation => vec![
            (List::InitContainers, &spec.init_containers),
            (List::Containers, &spec.containers),
        ],
        Scope::EphemeralContainers(_) => {
            vec![(List::EphemeralContainers, &spec.ephemeral_containers)]
        }
    };
    let mut participants = Participants { containers: Vec::new(), left_out: Vec::new() };
    for (list, containers) in lists {
        for (index, container) in containers.iter().flatten().enumerate() {
            let fixed = matches!(scope, Scope::EphemeralContainers(existing)
                if existing.contains(&container.name));
            if fixed {
                continue;
            }
            if takes_part(container) {
                participants.containers.push((list, index, container));
            } else {
                participants.left_out.push((list, &*container.name));
            }
        }
    }
    participants
}
