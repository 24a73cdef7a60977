//! A folder read: as it was saved, or as somebody filled it by hand.

use std::path::Path;

use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{FolderError, file};
use crate::crypto;
use crate::evidence::installed::flags_of;
use crate::evidence::items::Kept;
use diagnosis::{
    DryRun, Fact, Facts, FetchedDocument, Reason, TokenFact, WebhookFlags, WebhookSettings,
    redacted_pod,
};
use issuer::{Jwks, Token};

/// Reads what there is; what is missing was not asked.
///
/// # Errors
/// [`FolderError`] where there is no folder, or a file in it can't be used.
pub(crate) fn load(folder: &Path, settings: &WebhookSettings) -> Result<Facts, FolderError> {
    std::fs::read_dir(folder)
        .map_err(|source| FolderError::Read { path: folder.to_owned(), source })?;
    let read = Folder(folder);
    let facts = Facts {
        subject: read.fact("subject")?.known().cloned().unwrap_or_default(),
        version: read.fact("version")?,
        webhooks: read.fact("webhooks")?,
        namespace: read.fact("namespace")?,
        service_account: read.fact("service-account")?,
        webhook_flags: saved_flags(folder)?,
        config_map: read.fact("config-map")?,
        container_credentials: read.fact("container-credentials")?,
        probes: read.fact("probes")?,
        dry_run: read.dry_run()?,
        discovery: read.document("discovery")?,
        jwks: read.document("jwks")?,
        pods: read.pods(settings)?,
        provider: read.fact("provider")?,
        role: read.text("role.json")?.map_or(Fact::NotAsked, Fact::Known),
        ..Facts::default()
    };
    let token = read.token(&facts)?;
    Ok(Facts { token, ..facts })
}

/// The flags of the webhook, as saved, or its Deployment that `kubectl get -o json` printed: how the
/// rest is read may depend on them.
///
/// # Errors
/// [`FolderError`] where a file can't be used.
pub(crate) fn saved_flags(folder: &Path) -> Result<Fact<WebhookFlags>, FolderError> {
    let read = Folder(folder);
    match read.value("webhook-deployment")? {
        Fact::Known(workload) => {
            let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
            let kind = text(&workload["kind"]).to_ascii_lowercase();
            let [name, namespace] = ["name", "namespace"].map(|it| text(&workload["metadata"][it]));
            Ok(flags_of(format!("{kind}/{name} in namespace {namespace}"), &workload))
        }
        Fact::Absent => Ok(Fact::Absent),
        Fact::Unknown(why) => Ok(Fact::Unknown(why)),
        Fact::NotAsked => read.fact("webhook-flags"),
    }
}

struct Folder<'a>(&'a Path);

const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// A value, or why there is none.
fn stored(value: Value) -> Fact<Value> {
    if value["absent"] == true {
        return Fact::Absent;
    }
    match Reason::deserialize(&value["unknown"]) {
        Ok(reason) => Fact::Unknown(reason),
        Err(_) => Fact::Known(value),
    }
}

impl Folder<'_> {
    fn text(&self, name: &str) -> Result<Option<String>, FolderError> {
        file::text(&self.0.join(name))
    }

    fn value(&self, name: &str) -> Result<Fact<Value>, FolderError> {
        for extension in EXTENSIONS {
            let read = file::value(&self.0.join(format!("{name}.{extension}")))?;
            let Some(value) = read else { continue };
            return Ok(stored(value));
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

    /// As saved, or a list that `kubectl get` printed, or one pod. Of each pod
    /// what is looked at is kept.
    fn pods(&self, settings: &WebhookSettings) -> Result<Fact<Vec<Value>>, FolderError> {
        let keys = &settings.policy.settings.keys;
        for extension in EXTENSIONS {
            let path = self.0.join(format!("pods.{extension}"));
            let mut kept = Kept::default();
            let around = file::list(&path, &mut |pod| kept.push(redacted_pod(&pod, keys)))?;
            let Some(around) = around else { continue };
            if around.is_list {
                return Ok(Fact::Known(kept.into_items()));
            }
            return match stored(Value::Object(around.members)) {
                Fact::Known(pod) if pod["kind"] == "Pod" => {
                    Ok(Fact::Known(vec![redacted_pod(&pod, keys)]))
                }
                Fact::Known(_) => {
                    let why = "it is neither a list of pods nor a pod".to_owned();
                    Err(FolderError::Parse { path, why })
                }
                Fact::Absent => Ok(Fact::Absent),
                Fact::Unknown(why) => Ok(Fact::Unknown(why)),
                Fact::NotAsked => Ok(Fact::NotAsked),
            };
        }
        Ok(Fact::NotAsked)
    }

    /// As saved, or the document itself, as curl got it.
    fn document(&self, name: &str) -> Result<Fact<FetchedDocument>, FolderError> {
        match self.value(name)? {
            Fact::Known(value) if value.get("url").is_none() => {
                let url = format!("{name}.json");
                Ok(Fact::Known(FetchedDocument::saved(&url, value.to_string())))
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
        let keys = facts.jwks.known().and_then(FetchedDocument::text);
        let keys = keys.and_then(|text| Jwks::parse(text.as_bytes()).ok());
        Ok(Fact::Known(TokenFact::of(&token, keys.as_ref(), crypto::ISSUER.verify)))
    }
}
