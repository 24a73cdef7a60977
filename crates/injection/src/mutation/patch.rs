//! The plan as a JSON patch (RFC 6902) of `add` operations by path.
//!
//! Written as text at once: as a tree of values it costs as much as reading
//! the whole review.

use crate::json::push_string;

use super::plan::{
    ContainerPlan, EnvSource, EnvVar, LABEL, LABEL_VALUE, LabelPlan, Plan, Status, VolumePlan,
};

/// The longest patch in bytes. An API server accepts an answer of 3 MiB, in which the
/// patch is in base64.
pub const MAX_PATCH_BYTES: usize = 2 << 20;

/// What is missing makes a patch of more than [`MAX_PATCH_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the patch would have more than {MAX_PATCH_BYTES} bytes")]
pub struct PatchTooLarge;

/// Enough for the patch of a pod with two containers.
const USUAL: usize = 3 << 9;

/// A JSON patch as text; empty where there is nothing to add.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatchText(String);

impl PatchText {
    /// Whether there is nothing to add.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON text of the patch (RFC 6902), or the empty string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The patch as operations, for callers that apply it.
    #[must_use]
    pub fn operations(&self) -> json_patch::Patch {
        // The text is of one form, and a property test holds it to be a patch.
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// One operation; `value` writes the JSON of what is added. One is small, so
    /// that the length is looked at behind each.
    fn add(&mut self, path: &[&str], value: impl FnOnce(&mut String)) -> Result<(), PatchTooLarge> {
        let Self(text) = self;
        // The bracket that ended the list goes on as a comma.
        let is_first = text.pop().is_none();
        text.push(if is_first { '[' } else { ',' });
        text.push_str(r#"{"op":"add","path":""#);
        for token in path {
            text.push('/');
            text.push_str(token);
        }
        text.push_str(r#"","value":"#);
        value(text);
        text.push_str("}]");
        if text.len() > MAX_PATCH_BYTES { Err(PatchTooLarge) } else { Ok(()) }
    }

    /// Adds the items to the end of the list at `path`, made where it is not
    /// there.
    fn append<T>(
        &mut self,
        path: [&str; 4],
        exists: bool,
        items: impl Iterator<Item = T>,
        write: impl Fn(T, &mut String),
    ) -> Result<(), PatchTooLarge> {
        if exists {
            let [a, b, c, d] = path;
            for item in items {
                self.add(&[a, b, c, d, "-"], |text| write(item, text))?;
            }
            return Ok(());
        }
        self.add(&path, |text| {
            for (index, item) in items.enumerate() {
                text.push(if index == 0 { '[' } else { ',' });
                write(item, text);
            }
            text.push(']');
        })
    }
}

impl Plan<'_> {
    /// Adds what is missing, the lists that it goes into where there are none,
    /// and touches nothing else.
    ///
    /// # Errors
    /// [`PatchTooLarge`] as soon as it is: the rest is not written.
    pub fn patch(&self) -> Result<PatchText, PatchTooLarge> {
        if self.status == Status::TooLarge {
            return Err(PatchTooLarge);
        }
        let mut patch = PatchText(String::with_capacity(USUAL));
        for container in self.containers.iter() {
            self.add_to_container(container, &mut patch)?;
        }
        if self.volume.add && self.volume.has_volumes {
            patch.add(&["spec", "volumes", "-"], |text| self.volume.write(text))?;
        } else if self.volume.add {
            patch.add(&["spec", "volumes"], |text| {
                text.push('[');
                self.volume.write(text);
                text.push(']');
            })?;
        }
        if let Some(label) = self.label {
            label.add_to(&mut patch)?;
        }
        Ok(patch)
    }

    fn add_to_container(
        &self,
        container: &ContainerPlan<'_>,
        patch: &mut PatchText,
    ) -> Result<(), PatchTooLarge> {
        if !container.is_incomplete() {
            return Ok(());
        }
        let index = container.index.to_string();
        let at = |list| ["spec", container.list.as_str(), &index, list];
        let mut env = self.env(container).peekable();
        if env.peek().is_some() {
            patch.append(at("env"), container.has_env, env, EnvVar::write)?;
        }
        if !container.mount {
            return Ok(());
        }
        patch.append(at("volumeMounts"), container.has_mounts, [()].into_iter(), |(), text| {
            text.push_str(r#"{"mountPath":"#);
            push_string(text, self.mount_path);
            text.push_str(r#","name":"#);
            push_string(text, &self.volume.name);
            text.push_str(r#","readOnly":true}"#);
        })
    }
}

impl EnvVar<'_> {
    fn write(&self, text: &mut String) {
        text.push_str(r#"{"name":"#);
        push_string(text, self.name);
        match &self.source {
            EnvSource::Value(value) => {
                text.push_str(r#","value":"#);
                push_string(text, value);
            }
            EnvSource::PodName => {
                text.push_str(r#","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}"#);
            }
        }
        text.push('}');
    }
}

impl VolumePlan<'_> {
    fn write(&self, text: &mut String) {
        text.push_str(r#"{"name":"#);
        push_string(text, &self.name);
        text.push_str(r#","projected":{"sources":[{"serviceAccountToken":{"audience":"#);
        push_string(text, self.audience);
        text.push_str(r#","expirationSeconds":"#);
        text.push_str(&self.expiration.seconds().to_string());
        text.push_str(r#","path":"#);
        push_string(text, self.token_path);
        text.push_str("}}]}}");
    }
}

impl LabelPlan {
    fn add_to(self, patch: &mut PatchText) -> Result<(), PatchTooLarge> {
        let object = |text: &mut String| {
            text.push('{');
            push_string(text, LABEL);
            text.push(':');
            push_string(text, LABEL_VALUE);
            text.push('}');
        };
        match self {
            // A slash in a path's token is written as ~1.
            Self::Entry => patch.add(&["metadata", "labels", &LABEL.replace('/', "~1")], |text| {
                push_string(text, LABEL_VALUE);
            }),
            Self::Labels => patch.add(&["metadata", "labels"], object),
            Self::Metadata => patch.add(&["metadata"], |text| {
                text.push_str(r#"{"labels":"#);
                object(text);
                text.push('}');
            }),
        }
    }
}
