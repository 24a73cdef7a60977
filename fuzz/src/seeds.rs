//! Writes the first corpus of each fuzz target, of what the tests have:
//! `seeds REPOSITORY CORPUS`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let (Some(repository), Some(corpus)) = (arguments.next(), arguments.next()) else {
        return Err("usage: seeds REPOSITORY CORPUS".into());
    };
    let repository = Path::new(&repository);
    let seeds = Seeds { corpus: PathBuf::from(corpus) };

    for (name, text) in files(&repository.join("crates/injection/tests/cases"))? {
        seeds.of_case(&name, &serde_saphyr::from_str(&text)?)?;
    }
    for folder in ["crates/issuer/tests/keys"] {
        for (name, text) in files(&repository.join(folder))? {
            seeds.write("keys", &name, text.as_bytes())?;
        }
    }
    for folder in ["tests/offline/iam/tutorials", "deploy/examples", "deploy/base"] {
        for (name, text) in files(&repository.join(folder))? {
            seeds.write("policy", &name, text.as_bytes())?;
            seeds.write("manifest", &name, text.as_bytes())?;
        }
    }
    for folder in ["crates/iam/tests/files/field", "crates/iam/tests/files/good"] {
        for (name, text) in files(&repository.join(folder))? {
            seeds.write("policy", &name, text.as_bytes())?;
        }
    }
    Ok(())
}

struct Seeds {
    corpus: PathBuf,
}

impl Seeds {
    /// A mutation case: its review, and what it says of the ServiceAccount.
    fn of_case(&self, name: &str, case: &Value) -> Result<()> {
        let before = &case["oldPod"];
        let (operation, sub_resource) =
            if before.is_null() { ("CREATE", "") } else { ("UPDATE", "ephemeralcontainers") };
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "u-1", "operation": operation, "namespace": "demo",
                "kind": {"group": "", "version": "v1", "kind": "Pod"},
                "resource": {"group": "", "version": "v1", "resource": "pods"},
                "subResource": sub_resource, "object": case["pod"], "oldObject": before,
            },
        });
        let review = serde_json::to_vec(&review)?;
        self.write("json", name, &review)?;
        let listed = !case["containerCredentials"].is_null();
        self.write("review", name, &[if listed { b"c" } else { b"w" }, &*review].concat())?;

        let pairs = |value: &Value| -> String {
            let pairs = value.as_object().into_iter().flatten();
            pairs.map(|(key, value)| format!("{key}={}\n", value.as_str().unwrap_or(""))).collect()
        };
        let annotations =
            pairs(&case["serviceAccount"]) + &pairs(&case["pod"]["metadata"]["annotations"]);
        self.write("annotations", name, annotations.as_bytes())?;
        for (target, member) in
            [("config_map", "configMap"), ("credentials_file", "containerCredentials")]
        {
            if !case[member].is_null() {
                self.write(target, name, case[member].to_string().as_bytes())?;
            }
        }
        Ok(())
    }

    fn write(&self, target: &str, name: &str, bytes: &[u8]) -> Result<()> {
        let folder = self.corpus.join(target);
        fs::create_dir_all(&folder)?;
        Ok(fs::write(folder.join(name), bytes)?)
    }
}

/// The names and texts of the files in a folder.
fn files(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push((name, fs::read_to_string(&path)?));
        }
    }
    Ok(found)
}
