//! What one container lacks.

use super::containers::Container;
use super::plan::{ContainerPlan, EnvSource, EnvVar, List, Mounted, Variables, Verdict};
use super::target::{ContainerIdentity, REGIONAL_STS, REGIONS, ROLE_SESSION_NAME, WEB_IDENTITY};
use super::volume::TokenVolume;
use text::shortened;

use crate::identity::{Warning, WarningKind, Warnings};

const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";

/// Plans one container of `list`.
pub(super) fn plan<'p>(
    list: List,
    container: Container<'p>,
    volume: &TokenVolume<'p>,
    target: &ContainerIdentity<'p>,
    warnings: &mut Warnings,
) -> ContainerPlan<'p> {
    let mounted = mounted(container, volume, target);
    report(container, &mounted, target, warnings);
    ContainerPlan {
        list,
        index: container.index,
        name: container.name,
        verdicts: Variables::ALL.map(|variables| verdict(variables, container, target)),
        has_env: container.has_env,
        mount: matches!(mounted, Mounted::Nothing),
        has_mounts: container.has_mounts,
        covered: is_covered(container, &mounted, target),
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
    };
    let names: &[&'static str] = match variables {
        Variables::RegionalSts => &[REGIONAL_STS],
        Variables::Region => &REGIONS,
        Variables::Credentials => &target.credentials.each_ref().map(|it| it.name),
        Variables::SessionName => &[ROLE_SESSION_NAME],
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

/// Whether the container has credentials once the plan is carried out.
fn is_covered(
    container: Container<'_>,
    mounted: &Mounted<'_>,
    target: &ContainerIdentity<'_>,
) -> bool {
    let env = container.env;
    let [first, second] = &target.credentials;
    let has_token = !matches!(mounted, Mounted::Taken { with_token: false, .. });
    let by_identity = match (env.has(first.name), env.has(second.name)) {
        (false, false) => has_token,
        // A token file where ours would be counts with what is mounted there:
        // an earlier pass of this webhook leaves it so.
        (true, true) => {
            env.is_set(first.name)
                && env.is_set(second.name)
                && (has_token || !says(container, second))
        }
        (true, false) => target.is_first_enough() && env.is_set(first.name),
        (false, true) => false,
    };
    by_identity || env.is_set(ACCESS_KEY)
}

/// Whether it has the very value that would be injected.
fn says(container: Container<'_>, injected: &EnvVar<'_>) -> bool {
    match &injected.source {
        EnvSource::Value(value) => container.says(injected.name, value),
        EnvSource::PodName => false,
    }
}

fn report(
    container: Container<'_>,
    mounted: &Mounted<'_>,
    target: &ContainerIdentity<'_>,
    warnings: &mut Warnings,
) {
    let name = || shortened(container.name, 24);
    if let Mounted::Taken { by, .. } = mounted {
        let kind = WarningKind::MountPathTaken;
        warnings.report(kind, || {
            let (name, by) = (name(), shortened(by, 24));
            let message =
                format!("container {name:?}: volume {by:?} takes the token's mountPath; move it");
            Warning::new(kind, message)
        });
    }
    let stronger = [ACCESS_KEY, WEB_IDENTITY[0], WEB_IDENTITY[1]];
    // For web identity the last two are the container's own choice of role.
    let stronger = if target.is_web_identity() { &stronger[..1] } else { &stronger[..] };
    if let Some(own) = stronger.iter().find(|own| container.env.has(own)) {
        let kind = WarningKind::OwnCredentials;
        warnings.report(kind, || {
            let name = name();
            let message =
                format!("container {name:?}: its {own} overrides the injected identity; remove it");
            Warning::new(kind, message)
        });
    }
}
