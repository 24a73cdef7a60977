//! A folder read: as it was saved, or as somebody filled it by hand.

use std::path::Path;

use kube::core::Status;
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{FolderError, file};
use crate::crypto;
use crate::evidence::installed::flags_of;
use crate::evidence::items::Kept;
use crate::evidence::refused_pod;
use diagnosis::{
    DryRun, Fact, Facts, FetchedDocument, Reason, ReasonKind, Subject, TokenFact, WebhookFlags,
    WebhookSettings, bounded, redacted_pod, role_arn, saved,
};
use issuer::{Jwks, Token};

/// Reads what there is. What is missing was not asked; what is of no use is not known.
///
/// # Errors
/// [`FolderError`] where there is no folder, a file in it can't be read, or it is not
/// known what the folder is about.
pub(crate) fn load(folder: &Path, settings: &WebhookSettings) -> Result<Facts, FolderError> {
    std::fs::read_dir(folder)
        .map_err(|source| FolderError::Read { path: folder.to_owned(), source })?;
    let read = Folder(folder);
    let subject = read.subject()?;
    let dry_run = read.dry_run()?;
    let jwks = read.document("jwks", "keys")?;
    let token = read.token(&jwks)?;
    let account = service_account(&subject, &dry_run, &token);
    let namespace = Some(subject.namespace.as_str()).filter(|name| !name.is_empty());
    let service_account = read.object("service-account", "ServiceAccount", account.as_deref())?;
    let mut facts = Facts {
        version: read.shaped("version", saved::version)?,
        webhooks: read.shaped("webhooks", |name, value| {
            saved::list(name, value, "MutatingWebhookConfiguration")
        })?,
        namespace: read.object("namespace", "Namespace", namespace)?,
        webhook_flags: saved_flags(folder)?,
        container_credentials: read.shaped("container-credentials", deserialized)?,
        config_map: read.object("config-map", "ConfigMap", Some("pod-identity-webhook"))?,
        probes: read.shaped("probes", deserialized)?,
        discovery: read.document("discovery", "issuer")?,
        pods: read.pods(settings)?,
        provider: read.provider(&token)?,
        role: Fact::NotAsked,
        service_account,
        subject: Subject { service_account: account.unwrap_or_default(), ..subject.clone() },
        dry_run,
        jwks,
        token,
    };
    let role_arn = role_arn(&facts, settings);
    facts.role =
        read.text_fact("role", |name, text| saved::role(name, text, role_arn.as_deref()))?;
    // Who filled the folder may name the ServiceAccount yet.
    facts.subject = subject;
    Ok(facts)
}

/// The flags of the webhook, as saved, or its Deployment that `kubectl get -o json` printed: how the
/// rest is read may depend on them.
///
/// # Errors
/// [`FolderError`] where a file can't be used.
pub(crate) fn saved_flags(folder: &Path) -> Result<Fact<WebhookFlags>, FolderError> {
    let read = Folder(folder);
    let (name, workload) = read.value("webhook-deployment")?;
    Ok(match workload {
        Fact::Known(value) => {
            let object = |kind| saved::object(&name, value.clone(), kind, None);
            match object("Deployment").or_else(|why| object("DaemonSet").map_err(|_| why)) {
                Ok(workload) => flags_of(format!("the workload in {name}"), &workload),
                Err(why) => Fact::Unknown(why),
            }
        }
        Fact::Absent => Fact::Absent,
        Fact::Unknown(why) => Fact::Unknown(why),
        Fact::NotAsked => read.shaped("webhook-flags", deserialized)?,
    })
}

struct Folder<'a>(&'a Path);

/// The most names of files that are looked at.
const MOST_NAMES: usize = 1_000;

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

fn deserialized<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, Reason> {
    serde_json::from_value(value).map_err(|error| saved::misshapen(name, &error))
}

/// A fact of what was found, or of why that is of no use.
fn fact<T>(read: Result<T, Reason>) -> Fact<T> {
    read.map_or_else(Fact::Unknown, Fact::Known)
}

/// The name that what is at hand agrees on, for a list with other objects.
fn service_account(
    subject: &Subject,
    dry_run: &Fact<DryRun>,
    token: &Fact<TokenFact>,
) -> Option<String> {
    let of_pod = match dry_run {
        Fact::Known(DryRun::Admitted { pod, .. }) => pod["spec"]["serviceAccountName"].as_str(),
        _ => None,
    };
    let of_token = token.known().and_then(|token| token.subject.rsplit_once(':'));
    let named = Some(subject.service_account.as_str()).filter(|name| !name.is_empty());
    named.or(of_pod).or(of_token.map(|(_, name)| name)).map(str::to_owned)
}

impl Folder<'_> {
    /// The name and the content of the first file that is there.
    fn first<T>(
        &self,
        name: &str,
        read: impl Fn(&Path) -> Result<Option<T>, FolderError>,
    ) -> Result<Option<(String, T)>, FolderError> {
        for extension in EXTENSIONS {
            let path = self.0.join(format!("{name}.{extension}"));
            if let Some(content) = read(&path)? {
                return Ok(Some((file::name(&path), content)));
            }
        }
        Ok(None)
    }

    fn value(&self, name: &str) -> Result<(String, Fact<Value>), FolderError> {
        Ok(match self.first(name, file::value)? {
            None => (name.to_owned(), Fact::NotAsked),
            Some((name, Ok(value))) => (name, stored(value)),
            Some((name, Err(reason))) => (name, Fact::Unknown(reason)),
        })
    }

    /// A value that has to have some shape.
    fn shaped<T>(
        &self,
        name: &str,
        shape: impl FnOnce(&str, Value) -> Result<T, Reason>,
    ) -> Result<Fact<T>, FolderError> {
        let (name, value) = self.value(name)?;
        Ok(match value {
            Fact::Known(value) => fact(shape(&name, value)),
            Fact::Absent => Fact::Absent,
            Fact::Unknown(why) => Fact::Unknown(why),
            Fact::NotAsked => Fact::NotAsked,
        })
    }

    fn object(
        &self,
        name: &str,
        kind: &str,
        wanted: Option<&str>,
    ) -> Result<Fact<Value>, FolderError> {
        self.shaped(name, |name, value| saved::object(name, value, kind, wanted))
    }

    /// What somebody printed, of which the text counts; or a fact as saved.
    fn text_fact<T>(
        &self,
        name: &str,
        read: impl FnOnce(&str, &str) -> Result<T, Reason>,
    ) -> Result<Fact<T>, FolderError> {
        let Some((name, text)) = self.first(name, file::text)? else {
            return Ok(self.misnamed(name)?.map_or(Fact::NotAsked, Fact::Unknown));
        };
        let text = match text {
            Ok(text) => text,
            Err(reason) => return Ok(Fact::Unknown(reason)),
        };
        Ok(match serde_json::from_str(&text).map(stored) {
            Ok(Fact::Absent) => Fact::Absent,
            Ok(Fact::Unknown(why)) => Fact::Unknown(why),
            _ => fact(read(&name, &text)),
        })
    }

    /// Why a file that is likely meant for `name` does not count: whoever gave it wants it checked.
    fn misnamed(&self, name: &str) -> Result<Option<Reason>, FolderError> {
        let failed = |source| FolderError::Read { path: self.0.to_owned(), source };
        let mut alike = Vec::new();
        for entry in std::fs::read_dir(self.0).map_err(failed)?.take(MOST_NAMES) {
            let found = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            if found.to_ascii_lowercase().contains(name) {
                alike.push(found);
            }
        }
        let Some(found) = alike.iter().min() else { return Ok(None) };
        let message = bounded(&format!(
            "{name}.json is missing, and {found:?} is not read; rename it to {name}.json, or pass it with \
             --{name}-json"
        ));
        Ok(Some(Reason { kind: ReasonKind::Evidence, message }))
    }

    /// Only ever saved. Without it the other files tell, but not against it.
    fn subject(&self) -> Result<Subject, FolderError> {
        match self.shaped("subject", deserialized)? {
            Fact::Known(subject) => Ok(subject),
            Fact::Absent | Fact::NotAsked => Ok(Subject::default()),
            Fact::Unknown(why) => {
                Err(FolderError::Parse { path: self.0.to_owned(), why: why.to_string() })
            }
        }
    }

    /// As saved, or the pod that `kubectl create --dry-run=server` printed, or why it was
    /// refused.
    fn dry_run(&self) -> Result<Fact<DryRun>, FolderError> {
        let Some((name, text)) = self.first("dry-run", file::text)? else {
            return Ok(Fact::NotAsked);
        };
        let text = match text {
            Ok(text) => text,
            Err(reason) => return Ok(Fact::Unknown(reason)),
        };
        if let Some((reason, message)) = saved::refusal(&text) {
            return Ok(refused_pod::of_message(reason, message));
        }
        if let Ok(status) = serde_json::from_str::<Value>(&text)
            && status["kind"] == "Status"
            && let Ok(status) = serde_json::from_value::<Status>(status)
        {
            return Ok(refused_pod::of_status(&status));
        }
        let value = match saved::value(&name, &text) {
            Ok(value) => stored(value),
            Err(reason) => return Ok(Fact::Unknown(reason)),
        };
        Ok(match value {
            Fact::Known(value) if value.get("refused").or(value.get("admitted")).is_some() => {
                fact(deserialized(&name, value))
            }
            Fact::Known(value) => fact(
                saved::object(&name, value, "Pod", None)
                    .map(|pod| DryRun::Admitted { pod, warnings: Vec::new() }),
            ),
            Fact::Absent => Fact::Absent,
            Fact::Unknown(why) => Fact::Unknown(why),
            Fact::NotAsked => Fact::NotAsked,
        })
    }

    /// As saved, or a list that `kubectl get` printed, or one pod. Of each pod
    /// what is looked at is kept.
    fn pods(&self, settings: &WebhookSettings) -> Result<Fact<Vec<Value>>, FolderError> {
        let keys = &settings.policy.settings.keys;
        for extension in EXTENSIONS {
            let path = self.0.join(format!("pods.{extension}"));
            let name = file::name(&path);
            let mut kept = Kept::default();
            let around = file::list(&path, &mut |pod| {
                saved::pod(&pod)?;
                kept.push(redacted_pod(&pod, keys))
            })?;
            let Some(around) = around else { continue };
            let around = match around {
                Ok(around) if around.is_list => return Ok(Fact::Known(kept.into_items())),
                Ok(around) => saved::usable(&name, Value::Object(around.members)),
                Err(reason) => Err(reason),
            };
            return Ok(match around.map(stored) {
                Ok(Fact::Known(pod)) if pod["kind"] == "Pod" => {
                    Fact::Known(vec![redacted_pod(&pod, keys)])
                }
                Ok(Fact::Known(other)) => {
                    Fact::Unknown(saved::other(&name, &other, "Pod or a list of Pods"))
                }
                Ok(Fact::Absent) => Fact::Absent,
                Ok(Fact::NotAsked) => Fact::NotAsked,
                Ok(Fact::Unknown(why)) | Err(why) => Fact::Unknown(why),
            });
        }
        Ok(Fact::NotAsked)
    }

    /// As saved, or the document itself, as curl got it.
    fn document(&self, name: &str, member: &str) -> Result<Fact<FetchedDocument>, FolderError> {
        self.shaped(name, |name, value| {
            if value.get("url").is_some() && value.get("answer").is_some() {
                return deserialized(name, value);
            }
            let text = saved::document(name, &value, member)?;
            Ok(FetchedDocument::saved(name, text))
        })
    }

    /// Of several the one of the token's issuer.
    fn provider(&self, token: &Fact<TokenFact>) -> Result<Fact<Value>, FolderError> {
        let issuer = token.known().map(|token| token.issuer.as_str());
        self.text_fact("provider", |name, text| saved::provider(name, text, issuer))
    }

    /// As saved, or what `kubectl create token` printed: the token, or its request.
    fn token(&self, jwks: &Fact<FetchedDocument>) -> Result<Fact<TokenFact>, FolderError> {
        let keys = jwks.known().and_then(FetchedDocument::text);
        let keys = keys.and_then(|text| Jwks::parse(text.as_bytes()).ok());
        let of = |token: &Token| TokenFact::of(token, keys.as_ref(), crypto::ISSUER.verify);
        let name = "token.jwt";
        match file::text(&self.0.join(name))? {
            Some(Ok(text)) => Ok(fact(saved::token(name, &text).map(|token| of(&token)))),
            Some(Err(reason)) => Ok(Fact::Unknown(reason)),
            None => self.shaped("token", |name, value| match value["kind"].as_str() {
                Some(_) => saved::token(name, &value.to_string()).map(|token| of(&token)),
                None => deserialized(name, value),
            }),
        }
    }
}
