//! How a plan is made.

use text::shortened;

use super::chunks::Chunks;
use super::container;
use super::participants::{Candidate, candidates};
use super::patch::MAX_PATCH_BYTES;
use super::plan::{Jitter, LABEL, LABEL_VALUE, LabelPlan, Plan, Scope, Status, VolumePlan};
use super::pod::Pod;
use super::settings::MutationSettings;
use super::target::ContainerIdentity;
use super::volume::TokenVolume;
use crate::identity::{Expiration, Identity, Warning, WarningKind, Warnings, token_expiration};

/// Plans what to add to the containers of `pod` in `scope` to give it `identity`. What is
/// there already stays, so that a plan for the mutated pod adds nothing.
#[must_use]
pub fn plan<'p>(
    pod: &'p Pod<'p>,
    scope: Scope<'p>,
    identity: &'p Identity<'p>,
    settings: &'p MutationSettings,
    jitter: Jitter,
) -> Plan<'p> {
    let mut warnings = Warnings::default();
    let mut target = ContainerIdentity::of(identity, settings, pod.is_windows());
    target.session_name = target.session_name && session_name_fits(pod, &mut warnings);
    let volume = TokenVolume::choose(pod, target.volume_name, target.token_path);
    report_other_audience(&volume, &target, &mut warnings);

    let creation = matches!(scope, Scope::Creation);
    let pod_has_volume = volume.present.is_some();
    let variables = target.variables();
    let mount = LEAST_MOUNT + target.mount_path.len() + volume.name.len();
    let mut containers = Chunks::default();
    let mut left_out = Vec::new();
    let (mut taking_part, mut all, mut incomplete) = (0_usize, 0_usize, 0_usize);
    let mut patch_bytes = 0;
    for candidate in candidates(pod, scope, settings, &mut warnings) {
        let Candidate { list, container, takes_part } = candidate;
        all += 1;
        if !takes_part {
            if left_out.len() < Plan::LEFT_OUT_KEPT {
                left_out.push((list, container.name));
            }
            continue;
        }
        taking_part += 1;
        if creation || pod_has_volume {
            let planned = container::plan(list, container, &volume, &target, &mut warnings);
            incomplete += usize::from(planned.is_incomplete());
            patch_bytes += planned.least_bytes(&variables, mount);
            containers.push(planned);
            if patch_bytes > MAX_PATCH_BYTES {
                break;
            }
        }
    }
    if taking_part > 0 && containers.is_empty() {
        warnings.push(no_volume());
    }
    let mounted = containers.iter().any(|it| it.mount) || mounts_what_is_not_there(pod, &volume);
    let volume = VolumePlan {
        add: creation && !pod_has_volume && !containers.is_empty() && mounted,
        present: pod_has_volume,
        name: volume.name,
        audience: target.audience,
        expiration: expiration(pod, identity, settings, jitter, &mut warnings),
        token_path: target.token_path,
        has_volumes: pod.spec.volumes.is_some(),
    };
    let label = if creation && !target.is_web_identity() && !containers.is_empty() {
        label(pod, &mut warnings)
    } else {
        None
    };
    let status = match () {
        () if patch_bytes > MAX_PATCH_BYTES => Status::TooLarge,
        () if !creation && all == 0 => Status::Complete,
        () if taking_part == 0 => Status::NoContainers,
        () if containers.is_empty() => Status::NoVolume,
        () if incomplete > 0 || volume.add || label.is_some() => Status::Incomplete,
        () => Status::Complete,
    };
    let mount_path = target.mount_path;
    Plan { containers, volume, label, warnings, status, left_out, variables, mount_path }
}

/// Bytes of a mount's operation around its path and name, at least. A patch that
/// is too large anyway is not planned to its end: of a pod with a million
/// containers the plan would be larger than the pod.
const LEAST_MOUNT: usize = r#"{"mountPath":"","name":"","readOnly":true}"#.len();

/// A container that refers to the volume before it is there counts on it.
fn mounts_what_is_not_there(pod: &Pod<'_>, volume: &TokenVolume<'_>) -> bool {
    let lists = [&pod.spec.init_containers, &pod.spec.containers];
    volume.present.is_none()
        && lists.into_iter().flatten().any(|containers| containers.mount(&volume.name))
}

fn expiration(
    pod: &Pod<'_>,
    identity: &Identity<'_>,
    settings: &MutationSettings,
    jitter: Jitter,
    warnings: &mut Warnings,
) -> Expiration {
    let key = &settings.keys.token_expiration;
    let own = pod.annotation(key).and_then(|value| {
        token_expiration(key, &value).map_err(|warning| warnings.push(warning)).ok()
    });
    let expiration = own.unwrap_or(identity.shared().token_expiration);
    match identity {
        Identity::ContainerCredentials(_) if expiration == Expiration::DEFAULT => {
            let less = jitter.0.clamp(0, Jitter::MAX);
            Expiration::from_seconds(expiration.seconds() - less)
        }
        _ => expiration,
    }
}

fn label(pod: &Pod<'_>, warnings: &mut Warnings) -> Option<LabelPlan> {
    let Some(metadata) = &pod.metadata else { return Some(LabelPlan::Metadata) };
    let Some(labels) = &metadata.labels else { return Some(LabelPlan::Labels) };
    if !labels.contains(LABEL) {
        return Some(LabelPlan::Entry);
    }
    let value = labels.get(LABEL);
    if value.as_deref() != Some(LABEL_VALUE) {
        let value = value.as_deref().unwrap_or_default();
        warnings.push(Warning::new(
            WarningKind::OtherLabel,
            format!(
                "label {LABEL} is {:?} and stays; set it to {LABEL_VALUE:?}, or remove it",
                shortened(value, 32)
            ),
        ));
    }
    None
}

/// STS takes names of 2 to 64 characters; the API server keeps the names that
/// it makes to 63.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
fn session_name_fits(pod: &Pod<'_>, warnings: &mut Warnings) -> bool {
    let Some(length) = pod.explicit_name().map(str::len) else { return true };
    let fits = (2..=64).contains(&length);
    if !fits {
        warnings.push(Warning::new(
            WarningKind::SessionNameLength,
            format!(
                "the length of the pod's name is {length}, so AWS_ROLE_SESSION_NAME is not set; use 2 to 64"
            ),
        ));
    }
    fits
}

fn report_other_audience(
    volume: &TokenVolume<'_>,
    target: &ContainerIdentity<'_>,
    warnings: &mut Warnings,
) {
    let Some(audience) = volume.present else { return };
    if audience != target.audience {
        warnings.push(Warning::new(
            WarningKind::OtherAudience,
            format!(
                "volume {}: its token's audience is {:?}, not {:?}; change it",
                shortened(&volume.name, 20),
                shortened(audience, 22),
                shortened(target.audience, 22),
            ),
        ));
    }
}

fn no_volume() -> Warning {
    Warning::new(
        WarningKind::NoVolume,
        "the pod has no token volume, so the new container gets no role; create the pod again",
    )
}
