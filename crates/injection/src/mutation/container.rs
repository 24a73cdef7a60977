//! What one container lacks.

use super::plan::{ContainerPlan, EnvSource, EnvVar, List, Mounted, Variables, Verdict};
use super::pod::{Container, Pod, Variable, VolumeMount};
use super::target::{Target, WEB_IDENTITY};
use super::volume::{TokenVolume, ours, projected_token};
use text::shortened;

use crate::identity::{Warning, WarningKind};

const ACCESS_KEY: &str = "AWS_ACCESS_KEY_ID";
const REGIONS: [&str; 2] = ["AWS_DEFAULT_REGION", "AWS_REGION"];
const REGIONAL_STS: &str = "AWS_STS_REGIONAL_ENDPOINTS";
const ROLE_SESSION_NAME: &str = "AWS_ROLE_SESSION_NAME";

/// Plans one container: `list` and `index` say where it stands in the pod.
pub(super) fn plan<'p>(
    (list, index): (List, usize),
    pod: &'p Pod<'p>,
    container: &'p Container<'p>,
    volume: &TokenVolume<'p>,
    target: &Target<'p>,
    warnings: &mut Vec<Warning>,
) -> ContainerPlan<'p> {
    let mounted = mounted(pod, container, volume, target);
    report(container, &mounted, target, warnings);
    let verdicts = Variables::ALL.map(|variables| verdict(variables, container, target));
    ContainerPlan {
        list,
        index,
        name: &container.name,
        env: missing_env(&verdicts, target),
        verdicts,
        has_env: container.env.is_some(),
        mount: matches!(mounted, Mounted::Nothing),
        has_mounts: container.volume_mounts.is_some(),
        covered: is_covered(container, &mounted, target),
        mounted,
    }
}

/// Whether these variables are to be added, and if not, why.
fn verdict(variables: Variables, container: &Container<'_>, target: &Target<'_>) -> Verdict {
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
    match names.iter().find(|name| container.has(name)) {
        _ if !asked => Verdict::NotAsked,
        Some(own) => Verdict::Own(own),
        None => Verdict::Added,
    }
}

/// The variables to append, in the order of the contract.
fn missing_env<'p>(verdicts: &[Verdict; 4], target: &Target<'p>) -> Vec<EnvVar<'p>> {
    let mut missing = Vec::new();
    for (variables, verdict) in Variables::ALL.into_iter().zip(verdicts) {
        if *verdict != Verdict::Added {
            continue;
        }
        match variables {
            Variables::RegionalSts => missing.push(EnvVar::value(REGIONAL_STS, "regional")),
            Variables::Region => {
                let region = target.shared.region.unwrap_or_default();
                missing.extend(REGIONS.map(|name| EnvVar::value(name, region)));
            }
            Variables::Credentials => missing.extend(target.credentials.clone()),
            Variables::SessionName => missing.push(EnvVar::pod_name(ROLE_SESSION_NAME)),
        }
    }
    missing
}

fn mounted<'p>(
    pod: &'p Pod<'p>,
    container: &'p Container<'p>,
    volume: &TokenVolume<'p>,
    target: &Target<'p>,
) -> Mounted<'p> {
    let path = target.mount_path.trim_end_matches('/');
    let mut mounts = container.volume_mounts.iter().flatten();
    let Some(mount) = mounts.find(|mount| mount.mount_path.trim_end_matches('/') == path) else {
        return Mounted::Nothing;
    };
    let mut volumes = pod.volumes().iter();
    let source = volumes.find(|volume| volume.name == mount.name);
    let is_ours = &*mount.name == volume.name.as_str()
        || source.is_some_and(|it| ours(it, target.volume_name, target.token_path).is_some());
    if is_ours && !mount.is_sub_path() {
        return Mounted::OurVolume;
    }
    let with_token = !mount.is_sub_path()
        && source
            .and_then(|it| projected_token(it, target.token_path))
            .is_some_and(|token| token.audience.as_deref().unwrap_or_default() == target.audience);
    Mounted::Taken { by: &mount.name, with_token }
}

/// Whether the container has credentials once the plan is carried out.
fn is_covered(container: &Container<'_>, mounted: &Mounted<'_>, target: &Target<'_>) -> bool {
    let [first, second] = &target.credentials;
    let has_token = !matches!(mounted, Mounted::Taken { with_token: false, .. });
    let by_identity = match (container.has(first.name), container.has(second.name)) {
        (false, false) => has_token,
        // A token file where ours would be counts with what is mounted there:
        // an earlier pass of this webhook leaves it so.
        (true, true) => {
            container.is_set(first.name)
                && container.is_set(second.name)
                && (has_token || !container.says(second))
        }
        (true, false) => target.is_first_enough() && container.is_set(first.name),
        (false, true) => false,
    };
    by_identity || container.is_set(ACCESS_KEY)
}

fn report(
    container: &Container<'_>,
    mounted: &Mounted<'_>,
    target: &Target<'_>,
    warnings: &mut Vec<Warning>,
) {
    let name = || shortened(&container.name, 28);
    if let Mounted::Taken { by, .. } = mounted {
        warnings.push(Warning::new(
            WarningKind::MountPathTaken,
            format!(
                "container {:?}: volume {:?} stays where the token belongs",
                name(),
                shortened(by, 28)
            ),
        ));
    }
    let stronger = [ACCESS_KEY, WEB_IDENTITY[0], WEB_IDENTITY[1]];
    // For web identity the last two are the container's own choice of role.
    let stronger = if target.is_web_identity() { &stronger[..1] } else { &stronger[..] };
    if let Some(own) = stronger.iter().find(|own| container.has(own)) {
        warnings.push(Warning::new(
            WarningKind::OwnCredentials,
            format!("container {:?}: its own {own} beats the injected identity", name()),
        ));
    }
}

impl Container<'_> {
    fn has(&self, name: &str) -> bool {
        self.env.iter().flatten().any(|variable| &*variable.name == name)
    }

    /// Whether it has a value, be it one that is only known later.
    fn is_set(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|it| {
            it.value_from.is_some() || it.value.as_deref().is_some_and(|value| !value.is_empty())
        })
    }

    /// Whether it has the very value that would be injected.
    fn says(&self, injected: &EnvVar<'_>) -> bool {
        let own = self.variable(injected.name).and_then(|it| it.value.as_deref());
        matches!(&injected.source, EnvSource::Value(value) if own == Some(&**value))
    }

    /// Of two with one name Kubernetes takes the last.
    fn variable(&self, name: &str) -> Option<&Variable<'_>> {
        self.env.iter().flatten().rev().find(|variable| &*variable.name == name)
    }

    /// Whether it refers to a volume of that name, whether there is one or not.
    pub(super) fn mounts(&self, volume: &str) -> bool {
        let mounts = self.volume_mounts.iter().flatten();
        mounts.map(|VolumeMount { name, .. }| name).any(|name| &**name == volume)
    }
}
