//! Which volume of the pod holds the token, or what the new one is called.

use super::pod::{Pod, ServiceAccountToken, Volume};

/// The volume that the containers are to mount.
#[derive(Debug)]
pub(super) struct TokenVolume<'p> {
    pub(super) name: String,
    /// What the pod already has under that name.
    pub(super) present: Option<&'p ServiceAccountToken<'p>>,
}

impl<'p> TokenVolume<'p> {
    /// The first of the pod's volumes that is ours, else the first free name.
    pub(super) fn choose(pod: &'p Pod<'p>, base: &str, token_path: &str) -> Self {
        for volume in pod.volumes() {
            if let Some(token) = ours(volume, base, token_path) {
                return Self { name: volume.name.to_string(), present: Some(token) };
            }
        }
        let taken = |name: &str| pod.volumes().iter().any(|volume| &*volume.name == name);
        let mut name = base.to_owned();
        let mut number = 0_usize;
        while taken(&name) {
            number += 1;
            name = format!("{base}-{number}");
        }
        Self { name, present: None }
    }
}

/// A volume is ours by what it is: the name, with or without a number, and a
/// service-account token at the path. Anything else of that name is foreign.
pub(super) fn ours<'p>(
    volume: &'p Volume<'p>,
    base: &str,
    token_path: &str,
) -> Option<&'p ServiceAccountToken<'p>> {
    let rest = volume.name.strip_prefix(base)?;
    let number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if rest.is_empty() || rest.strip_prefix('-').is_some_and(number) {
        projected_token(volume, token_path)
    } else {
        None
    }
}

/// The service-account token that a volume projects at `token_path`.
pub(super) fn projected_token<'p>(
    volume: &'p Volume<'p>,
    token_path: &str,
) -> Option<&'p ServiceAccountToken<'p>> {
    let sources = volume.projected.as_ref()?.sources.as_deref()?;
    let mut tokens = sources.iter().filter_map(|source| source.service_account_token.as_ref());
    tokens.find(|token| &*token.path == token_path)
}
