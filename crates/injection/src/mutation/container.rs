//! What one container lacks.

use super::containers::Container;
use super::plan::{ContainerPlan, List, Mounted, Variables, Verdict};
use super::target::{ContainerIdentity, REGIONAL_STS, REGIONS, ROLE_SESSION_NAME, STS_ENDPOINT};
use super::usable::usability;
use super::volume::TokenVolume;
use crate::identity::Warnings;

/// Plans one container of `list`.
pub(super) fn plan<'p>(
    list: List,
    container: Container<'p>,
    volume: &TokenVolume<'p>,
    target: &ContainerIdentity<'p>,
    warnings: &mut Warnings,
) -> ContainerPlan<'p> {
    let mounted = mounted(container, volume, target);
    let usability = usability(container, &mounted, volume, target);
    for problem in usability.problems() {
        warnings.report(problem.kind(), || problem.warning(container.name));
    }
    ContainerPlan {
        list,
        index: container.index,
        name: container.name,
        verdicts: Variables::ALL.map(|variables| verdict(variables, container, target)),
        has_env: container.has_env,
        mount: matches!(mounted, Mounted::Nothing),
        has_mounts: container.has_mounts,
        usability,
        mounted,
    }
}

/// Whether these variables are to be added, and if not, why.
fn verdict(
    variables: Variables,
    container: Container<'_>,
    target: &ContainerIdentity<'_>,
) -> Verdict {
    let asked = match variables {
        Variables::RegionalSts => target.shared.regional_sts,
        Variables::Region => target.shared.region.is_some(),
        Variables::Credentials => true,
        Variables::SessionName => target.session_name,
        Variables::StsEndpoint => target.sts_endpoint_url.is_some(),
    };
    let names: &[&'static str] = match variables {
        Variables::RegionalSts => &[REGIONAL_STS],
        Variables::Region => &REGIONS,
        Variables::Credentials => &target.credentials.each_ref().map(|it| it.name),
        Variables::SessionName => &[ROLE_SESSION_NAME],
        Variables::StsEndpoint => &[STS_ENDPOINT],
    };
    match names.iter().find(|name| container.env.has(name)) {
        _ if !asked => Verdict::NotAsked,
        Some(own) => Verdict::Own(own),
        None => Verdict::Added,
    }
}

fn mounted<'p>(
    container: Container<'p>,
    volume: &TokenVolume<'p>,
    target: &ContainerIdentity<'p>,
) -> Mounted<'p> {
    let path = target.mount_path.trim_end_matches('/');
    let mut mounts = container.mounts();
    let Some(mount) = mounts.find(|mount| mount.mount_path.trim_end_matches('/') == path) else {
        return Mounted::Nothing;
    };
    let source = volume.other(&mount.name);
    let is_ours =
        &*mount.name == volume.name.as_str() || source.is_some_and(|source| source.is_ours);
    if is_ours && !mount.is_sub_path {
        return Mounted::OurVolume;
    }
    let with_token =
        !mount.is_sub_path && source.is_some_and(|source| source.audience == target.audience);
    Mounted::Taken { by: &mount.name, with_token }
}
