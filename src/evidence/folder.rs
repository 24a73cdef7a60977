//! Facts in a folder: one file each, JSON or YAML, as `doctor --save` writes
//! them or as kubectl and the AWS CLI print them.

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use diagnosis::{DryRun, Fact, Facts, Fetched, TokenFact};
use injection::workloads;
use issuer::{Jwks, Token};

/// Why a folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("failed to read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("failed to write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{}: {why}", path.display())]
    Parse { path: PathBuf, why: String },
}

/// Writes the facts, and gives the files. Nothing in them is secret: of the
/// token there are the claims alone.
pub fn save(folder: &Path, facts: &Facts) -> Result<Vec<PathBuf>, FolderError> {
    let failed = |path: &Path, source| FolderError::Write { path: path.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
    let files = [
        ("subject", Some(value(&facts.subject))),
        ("version", stored(&facts.version)),
        ("webhooks", stored(&facts.webhooks)),
        ("namespace", stored(&facts.namespace)),
        ("service-account", stored(&facts.service_account)),
        ("config-map", stored(&facts.config_map)),
        ("probes", stored(&facts.probes)),
        ("dry-run", stored(&facts.dry_run)),
        ("token", stored(&facts.token)),
        ("discovery", stored(&facts.discovery)),
        ("jwks", stored(&facts.jwks)),
        ("pods", stored(&facts.pods)),
        ("provider", stored(&facts.provider)),
        ("role", stored(&facts.role)),
    ];
    let mut written = Vec::new();
    for (name, value) in files {
        let Some(value) = value else { continue };
        let path = folder.join(format!("{name}.json"));
        let text = match value {
            // As the AWS CLI printed it.
            Value::String(text) => text,
            value => format!("{value:#}\n"),
        };
        std::fs::write(&path, text).map_err(|source| failed(&path, source))?;
        written.push(path);
    }
    Ok(written)
}

/// Reads what there is; what is missing was not asked.
pub fn load(folder: &Path) -> Result<Facts, FolderError> {
    let read = Folder(folder);
    let facts = Facts {
        subject: read.fact("subject")?.known().cloned().unwrap_or_default(),
        version: read.fact("version")?,
        webhooks: read.fact("webhooks")?,
        namespace: read.fact("namespace")?,
        service_account: read.fact("service-account")?,
        config_map: read.fact("config-map")?,
        probes: read.fact("probes")?,
        dry_run: read.dry_run()?,
        discovery: read.document("discovery")?,
        jwks: read.document("jwks")?,
        pods: read.pods()?,
        provider: read.fact("provider")?,
        role: read.text("role.json")?.map_or(Fact::NotAsked, Fact::Known),
        ..Facts::default()
    };
    let token = read.token(&facts)?;
    Ok(Facts { token, ..facts })
}

fn value(of: &impl Serialize) -> Value {
    // Maps with text for keys: it can't fail.
    serde_json::to_value(of).unwrap_or_default()
}

fn stored<T: Serialize>(fact: &Fact<T>) -> Option<Value> {
    match fact {
        Fact::Known(known) => Some(value(known)),
        Fact::Absent => Some(json!({"absent": true})),
        Fact::Unknown(why) => Some(json!({"unknown": why})),
        Fact::NotAsked => None,
    }
}

struct Folder<'a>(&'a Path);

impl Folder<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, FolderError> {
        let path = self.0.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.0.is_dir() => Ok(None),
            Err(source) => Err(FolderError::Read { path, source }),
        }
    }

    fn value(&self, name: &str) -> Result<Fact<Value>, FolderError> {
        for extension in ["json", "yaml", "yml"] {
            let file = format!("{name}.{extension}");
            let Some(text) = self.text(&file)? else { continue };
            let wrong = |why| FolderError::Parse { path: self.0.join(&file), why };
            let mut read = workloads::read(&text).map_err(|error| wrong(error.to_string()))?;
            let value = if read.is_empty() { Value::Null } else { read.swap_remove(0) };
            return Ok(match (value["absent"] == true, value["unknown"].as_str()) {
                (true, _) => Fact::Absent,
                (false, Some(why)) => Fact::Unknown(why.to_owned()),
                (false, None) => Fact::Known(value),
            });
        }
        Ok(Fact::NotAsked)
    }

    fn read<T: DeserializeOwned>(&self, name: &str, value: Value) -> Result<T, FolderError> {
        let path = || self.0.join(name);
        serde_json::from_value(value)
            .map_err(|error| FolderError::Parse { path: path(), why: error.to_string() })
    }

    fn fact<T: DeserializeOwned>(&self, name: &str) -> Result<Fact<T>, FolderError> {
        Ok(match self.value(name)? {
            Fact::Known(value) => Fact::Known(self.read(name, value)?),
            Fact::Absent => Fact::Absent,
            Fact::Unknown(why) => Fact::Unknown(why),
            Fact::NotAsked => Fact::NotAsked,
        })
    }

    /// As saved, or the pod that `kubectl create --dry-run=server -o yaml` printed.
    fn dry_run(&self) -> Result<Fact<DryRun>, FolderError> {
        match self.value("dry-run")? {
            Fact::Known(pod) if pod["kind"] == "Pod" => {
                Ok(Fact::Known(DryRun::Admitted { pod, warnings: Vec::new() }))
            }
            _ => self.fact("dry-run"),
        }
    }

    /// As saved, or a list that `kubectl get` printed, or one pod.
    fn pods(&self) -> Result<Fact<Vec<Value>>, FolderError> {
        match self.value("pods")? {
            Fact::Known(mut list) if list["items"].is_array() => {
                Ok(Fact::Known(self.read("pods", list["items"].take())?))
            }
            Fact::Known(pod) if pod["kind"] == "Pod" => Ok(Fact::Known(vec![pod])),
            _ => self.fact("pods"),
        }
    }

    /// As saved, or the document itself, as curl got it.
    fn document(&self, name: &str) -> Result<Fact<Fetched>, FolderError> {
        match self.value(name)? {
            Fact::Known(value) if value.get("url").is_none() => {
                let url = format!("{name}.json");
                Ok(Fact::Known(Fetched { url, answer: Ok(value.to_string()) }))
            }
            _ => self.fact(name),
        }
    }

    /// As saved, or `token.jwt`, which `kubectl create token` printed.
    fn token(&self, facts: &Facts) -> Result<Fact<TokenFact>, FolderError> {
        let Some(text) = self.text("token.jwt")? else { return self.fact("token") };
        let path = self.0.join("token.jwt");
        let token = Token::parse(&text)
            .map_err(|error| FolderError::Parse { path, why: error.to_string() })?;
        let keys = facts.jwks.known().and_then(|fetched| fetched.answer.as_deref().ok());
        let keys = keys.and_then(|text| Jwks::parse(text.as_bytes()).ok());
        Ok(Fact::Known(TokenFact::of(&token, keys.as_ref())))
    }
}
