//! The flags of an API server, out of whatever file has them: a static pod, the
//! configuration of kubeadm, kind or k3s.

use serde::Serialize;
use serde_json::Value;

/// The flags of one kube-apiserver that say how it signs and verifies tokens.
/// <https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ApiServerFlags {
    /// Where the flags were read from, for messages: a file or a pod.
    pub source: String,
    /// `--service-account-issuer`, each occurrence in order. New tokens have the first as
    /// their `iss`; tokens of any of them are accepted.
    pub issuers: Vec<String>,
    /// `--service-account-key-file`, each occurrence: files with keys that
    /// tokens are verified with.
    pub key_files: Vec<String>,
    /// `--service-account-signing-key-file`: the file with the private key that
    /// signs tokens.
    pub signing_key_file: Option<String>,
    /// `--service-account-jwks-uri`: the URL of the JWK set that the discovery
    /// document names.
    pub jwks_uri: Option<String>,
    /// `--api-audiences`. If the flag is not set, the issuers are the audiences.
    pub api_audiences: Option<Vec<String>>,
}

/// Why no flags could be read from a text.
#[derive(Debug, thiserror::Error)]
pub enum FlagsError {
    /// The text is not YAML (JSON is YAML too).
    #[error("not YAML: {0}")]
    ParseYaml(Box<serde_saphyr::Error>),
    /// The text is YAML, but sets no `--service-account-issuer`.
    #[error(
        "no --service-account-issuer found; pass the manifest of kube-apiserver, or the \
         configuration of kubeadm, kind or k3s that sets it"
    )]
    FindIssuer,
}

impl ApiServerFlags {
    /// Finds the flags in YAML or JSON: a static pod, or the configuration of kubeadm, kind or
    /// k3s. `source` names the text in messages.
    ///
    /// # Errors
    /// [`FlagsError`] if the text is not YAML, or sets no issuer.
    pub fn parse(source: &str, text: &str) -> Result<Self, FlagsError> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text)
            .map_err(|error| FlagsError::ParseYaml(Box::new(error)))?;
        let mut flags = Self { source: source.to_owned(), ..Self::default() };
        for document in &documents {
            flags.collect(document);
        }
        if flags.issuers.is_empty() { Err(FlagsError::FindIssuer) } else { Ok(flags) }
    }

    /// Finds the flags in the arguments of a command line. `source` names it in messages.
    #[must_use]
    pub fn from_args<'a>(source: &str, args: impl IntoIterator<Item = &'a str>) -> Self {
        let mut flags = Self { source: source.to_owned(), ..Self::default() };
        for arg in args {
            flags.argument(arg);
        }
        flags
    }

    fn collect(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.argument(text),
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Object(members) => {
                // kubeadm's v1beta4 has a list of {name, value}, v1beta3 a map.
                let text = |name: &str| members.get(name).and_then(Value::as_str);
                if let (Some(name), Some(value)) = (text("name"), text("value")) {
                    self.flag(name, value);
                    return;
                }
                for (name, value) in members {
                    match value {
                        Value::String(value) if self.flag(name, value) => {}
                        value => self.collect(value),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// `--name=value`; k3s leaves the dashes out.
    fn argument(&mut self, text: &str) {
        let text = text.trim().trim_start_matches("--");
        if let Some((name, value)) = text.split_once('=') {
            self.flag(name, value);
        }
    }

    /// Whether it is one of those.
    fn flag(&mut self, name: &str, value: &str) -> bool {
        let value = value.to_owned();
        match name {
            "service-account-issuer" => self.issuers.push(value),
            "service-account-key-file" => self.key_files.push(value),
            "service-account-signing-key-file" => self.signing_key_file = Some(value),
            "service-account-jwks-uri" => self.jwks_uri = Some(value),
            "api-audiences" => {
                let audiences = value.split(',').map(|audience| audience.trim().to_owned());
                self.api_audiences.get_or_insert_default().extend(audiences);
            }
            _ => return false,
        }
        true
    }
}
