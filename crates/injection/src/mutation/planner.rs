//! How a plan is made.

use text::shortened;

use super::container;
use super::participants::{Participants, participants};
use super::plan::{Jitter, LABEL, LABEL_VALUE, LabelPlan, Plan, Scope, Status, VolumePlan};
use super::pod::Pod;
use super::settings::Settings;
use super::target::Target;
use super::volume::TokenVolume;
use crate::identity::{Expiration, Identity, Warning, WarningKind, token_expiration};

/// Plans what `pod` needs to have `identity`.
#[must_use]
pub fn plan<'p>(
    pod: &'p Pod<'p>,
    scope: Scope<'p>,
    identity: &'p Identity<'p>,
    settings: &'p Settings,
    jitter: Jitter,
) -> Plan<'p> {
    let mut warnings = Vec::new();
    let mut target = Target::of(identity, settings, pod.is_windows());
    target.session_name = target.session_name && session_name_fits(pod, &mut warnings);
    let volume = TokenVolume::choose(pod, target.volume_name, target.token_path);
    report_other_audience(&volume, &target, &mut warnings);

    let mut containers = Vec::new();
    let Participants { containers: participants, left_out } =
        participants(pod, scope, settings, &mut warnings);
    let pod_has_volume = volume.present.is_some();
    if matches!(scope, Scope::Creation) || pod_has_volume {
        containers.extend(participants.iter().map(|&(list, index, container)| {
            container::plan((list, index), pod, container, &volume, &target, &mut warnings)
        }));
    } else if !participants.is_empty() {
        warnings.push(no_volume());
    }
    let creation = matches!(scope, Scope::Creation);
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
    let lacking = containers.iter().any(|it| it.mount || !it.env.is_empty());
    let status = match () {
        () if !creation && participants.is_empty() && left_out.is_empty() => Status::Complete,
        () if participants.is_empty() => Status::NoContainers,
        () if containers.is_empty() => Status::NoVolume,
        () if lacking || volume.add || label.is_some() => Status::Incomplete,
        () => Status::Complete,
    };
    let mount_path = target.mount_path;
    Plan { containers, volume, label, warnings, status, left_out, mount_path }
}

/// A container that refers to the volume before it is there counts on it.
fn mounts_what_is_not_there(pod: &Pod<'_>, volume: &TokenVolume<'_>) -> bool {
    let lists = [&pod.spec.init_containers, &pod.spec.containers];
    volume.present.is_none()
        && lists.into_iter().flatten().flatten().any(|container| container.mounts(&volume.name))
}

fn expiration(
    pod: &Pod<'_>,
    identity: &Identity<'_>,
    settings: &Settings,
    jitter: Jitter,
    warnings: &mut Vec<Warning>,
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

fn label(pod: &Pod<'_>, warnings: &mut Vec<Warning>) -> Option<LabelPlan> {
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
                "label {LABEL} stays {:?}, where {LABEL_VALUE:?} belongs",
                shortened(value, 32)
            ),
        ));
    }
    None
}

/// STS takes names of 2 to 64 characters; the API server keeps the names that
/// it makes to 63.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>
fn session_name_fits(pod: &Pod<'_>, warnings: &mut Vec<Warning>) -> bool {
    let Some(length) = pod.explicit_name().map(str::len) else { return true };
    let fits = (2..=64).contains(&length);
    if !fits {
        warnings.push(Warning::new(
            WarningKind::SessionNameLength,
            format!("no session name: the pod's name has {length} characters, STS takes 2 to 64"),
        ));
    }
    fits
}

fn report_other_audience(
    volume: &TokenVolume<'_>,
    target: &Target<'_>,
    warnings: &mut Vec<Warning>,
) {
    let Some(token) = volume.present else { return };
    let audience = token.audience.as_deref().unwrap_or_default();
    if audience != target.audience {
        warnings.push(Warning::new(
            WarningKind::OtherAudience,
            format!(
                "volume {} keeps its audience {:?}, where {:?} belongs",
                shortened(&volume.name, 28),
                shortened(audience, 24),
                shortened(target.audience, 24),
            ),
        ));
    }
}

fn no_volume() -> Warning {
    Warning::new(
        WarningKind::NoVolume,
        "the pod was admitted without a token volume: recreate it to give its containers the role",
    )
}
