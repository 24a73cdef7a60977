//! The plan as a JSON patch (RFC 6902) of `add` operations by path.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::{Value, json};

use super::plan::{
    ContainerPlan, EnvSource, EnvVar, LABEL, LABEL_VALUE, LabelPlan, Plan, VolumePlan,
};

impl Plan<'_> {
    /// Adds what is missing, the lists that it goes into where there are none,
    /// and touches nothing else.
    #[must_use]
    pub fn patch(&self) -> Patch {
        let mut operations = Vec::new();
        for container in &self.containers {
            container.add_to(&mut operations, &self.volume.name, self.mount_path);
        }
        if self.volume.add {
            let volume = self.volume.to_json();
            operations.push(append(&["spec", "volumes"], self.volume.has_volumes, vec![volume]));
        }
        if let Some(label) = self.label {
            operations.push(label.operation());
        }
        Patch(operations.into_iter().flatten().collect())
    }
}

impl ContainerPlan<'_> {
    fn add_to(&self, operations: &mut Vec<Vec<PatchOperation>>, volume: &str, mount_path: &str) {
        let index = self.index.to_string();
        let at = |list: &'static str| ["spec", self.list.as_str(), &index, list];
        if !self.env.is_empty() {
            let env = self.env.iter().map(EnvVar::to_json).collect();
            operations.push(append(&at("env"), self.has_env, env));
        }
        if self.mount {
            let mount = json!({"name": volume, "readOnly": true, "mountPath": mount_path});
            operations.push(append(&at("volumeMounts"), self.has_mounts, vec![mount]));
        }
    }
}

impl EnvVar<'_> {
    fn to_json(&self) -> Value {
        match &self.source {
            EnvSource::Value(value) => json!({"name": self.name, "value": value}),
            EnvSource::PodName => json!({
                "name": self.name,
                "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
            }),
        }
    }
}

impl VolumePlan<'_> {
    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "projected": {"sources": [{"serviceAccountToken": {
                "audience": self.audience,
                "expirationSeconds": self.expiration.seconds(),
                "path": self.token_path,
            }}]},
        })
    }
}

impl LabelPlan {
    fn operation(self) -> Vec<PatchOperation> {
        vec![match self {
            Self::Entry => add(&["metadata", "labels", LABEL], LABEL_VALUE.into()),
            Self::Labels => add(&["metadata", "labels"], json!({LABEL: LABEL_VALUE})),
            Self::Metadata => add(&["metadata"], json!({"labels": {LABEL: LABEL_VALUE}})),
        }]
    }
}

/// The values to the end of the list at `path`, made where it is not there.
fn append(path: &[&str], exists: bool, values: Vec<Value>) -> Vec<PatchOperation> {
    if exists {
        let mut end = path.to_vec();
        end.push("-");
        values.into_iter().map(|value| add(&end, value)).collect()
    } else {
        vec![add(path, Value::Array(values))]
    }
}

fn add(path: &[&str], value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation { path: PointerBuf::from_tokens(path.iter().copied()), value })
}
