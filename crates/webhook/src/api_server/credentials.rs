//! Credentials that come from outside: of a file that is written again, or of a program that is run (client-go's
//! credential plugins). kube would wait for a plugin without end, run it twice, take the line break at the end of a
//! token for a part of it, and show what a plugin said as Rust's debug form.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use hyper::header::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use kube::config::{ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::input::{self, InputError, Limit, Problem};
use crate::platform;
use text::{escaped, shortened};

/// How long a credential plugin may take that asks nobody.
pub(super) const PLUGIN_TIMEOUT: Duration = Duration::from_mins(1);
/// And one that may ask the person at the terminal: to log in by a browser, say.
const INTERACTIVE_PLUGIN_TIMEOUT: Duration = Duration::from_mins(5);
/// The most that is kept of what a plugin prints.
const MOST_BYTES: usize = 1 << 20;
/// Characters of its standard error that an error shows: the last ones say what happened.
const SHOWN: usize = 400;
/// A token is replaced so long before it expires.
const EARLY: SignedDuration = SignedDuration::from_secs(60);
/// A plugin is not asked more often because of tokens that are refused: some servers refuse all.
const REFUSED_AGE: Duration = Duration::from_mins(1);
/// How old the token of a file may be, as with client-go.
const FILE_AGE: Duration = Duration::from_mins(1);

const GROUP: &str = "client.authentication.k8s.io/";
const VERSIONS: [&str; 2] =
    ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// Why there are no credentials; each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    #[error("failed to read tokenFile of the kubeconfig: {0}; write a new token to it")]
    TokenFile(InputError),
    #[error(
        "the token of {0} has characters that no token has, such as a line break; write it again"
    )]
    NotAHeader(String),
    #[error(
        "the kubeconfig's user has exec without command; add the command of the credential plugin"
    )]
    NoCommand,
    #[error(
        "the credential plugin {plugin} is configured for apiVersion {version:?}, which is not \
         supported; set {v1}, or have the kubeconfig written again", v1 = VERSIONS[0]
    )]
    Version { plugin: String, version: String },
    #[error("the credential plugin {plugin} needs a terminal to ask at; run this in a terminal")]
    NoTerminal { plugin: String },
    #[error("failed to run the credential plugin {plugin}: {why}; {next}")]
    Start { plugin: String, why: io::Error, next: String },
    #[error("the credential plugin {plugin} {ended}{said}; run it in a shell, or log in again")]
    Failed { plugin: String, ended: Ended, said: Said },
    #[error(
        "the credential plugin {plugin} did not end within {limit:?}; run it in a shell to see \
         what it waits for"
    )]
    Slow { plugin: String, limit: Duration },
    #[error(
        "failed to use what the credential plugin {plugin} printed: {why}; run it in a shell to see it"
    )]
    Answer { plugin: String, why: String },
}

/// How a plugin ended, in words.
#[derive(Debug)]
pub struct Ended(ExitStatus);

/// What a plugin printed to standard error, made fit for one line.
#[derive(Debug)]
pub struct Said(String);

/// Where the token of each request comes from.
#[derive(Debug)]
pub(super) enum TokenSource {
    Given(HeaderValue),
    File { path: PathBuf, last: Mutex<Option<(HeaderValue, Instant)>> },
    Plugin { plugin: Box<Plugin>, last: Mutex<Last> },
}

/// What a plugin gave last.
#[derive(Debug)]
pub(super) struct Last {
    header: HeaderValue,
    expires: Option<Timestamp>,
    /// When it was asked because a server refused what it gave before.
    refused: Option<Instant>,
}

/// A program that prints credentials.
#[derive(Clone, Debug)]
pub(super) struct Plugin {
    exec: ExecConfig,
    name: String,
}

/// What a plugin gives.
pub(super) struct Obtained {
    token: Option<String>,
    /// The certificate and its key, in PEM.
    pub(super) certificate: Option<(String, String)>,
    expires: Option<Timestamp>,
}

impl TokenSource {
    pub(super) fn given(token: &str) -> Result<Self, CredentialsError> {
        Ok(Self::Given(bearer(token, "the kubeconfig")?))
    }

    pub(super) async fn of_file(path: PathBuf) -> Result<Self, CredentialsError> {
        let source = Self::File { path, last: Mutex::default() };
        source.header().await?;
        Ok(source)
    }

    /// Nothing where the plugin gave no token.
    pub(super) fn of_plugin(
        plugin: Plugin,
        obtained: &Obtained,
    ) -> Result<Option<Self>, CredentialsError> {
        let Some(token) = &obtained.token else { return Ok(None) };
        let header = bearer(token, &format!("the credential plugin {}", plugin.name))?;
        let last = Last { header, expires: obtained.expires, refused: None };
        Ok(Some(Self::Plugin { plugin: Box::new(plugin), last: Mutex::new(last) }))
    }

    /// The value of `Authorization`. All who come while it is made anew wait for it.
    pub(super) async fn header(&self) -> Result<HeaderValue, CredentialsError> {
        match self {
            Self::Given(header) => Ok(header.clone()),
            Self::File { path, last } => {
                let mut last = last.lock().await;
                let old = last.as_ref().map(|(header, _)| header.clone());
                if let Some((header, at)) = &*last
                    && at.elapsed() < FILE_AGE
                {
                    return Ok(header.clone());
                }
                // A file that is gone since leaves the last token, as with client-go.
                let header = match (token_of(path), old) {
                    (Ok(header), _) | (Err(_), Some(header)) => header,
                    (Err(error), None) => return Err(error),
                };
                *last = Some((header.clone(), Instant::now()));
                Ok(header)
            }
            Self::Plugin { plugin, last } => {
                let mut last = last.lock().await;
                let soon = Timestamp::now().saturating_add(EARLY).ok();
                if last.expires.zip(soon).is_some_and(|(expires, soon)| soon >= expires) {
                    (last.header, last.expires) = plugin.another_token().await?;
                }
                Ok(last.header.clone())
            }
        }
    }

    /// Another value than this one, which a server refused; nothing where there is none.
    pub(super) async fn renewed(
        &self,
        refused: &HeaderValue,
    ) -> Result<Option<HeaderValue>, CredentialsError> {
        let header = match self {
            Self::Given(_) => return Ok(None),
            Self::File { path, last } => {
                let mut last = last.lock().await;
                let known = last.as_ref().map(|(header, _)| header.clone());
                if let Some(header) = known.filter(|header| header != refused) {
                    header
                } else {
                    // It may just have been written.
                    let Ok(header) = token_of(path) else { return Ok(None) };
                    *last = Some((header.clone(), Instant::now()));
                    header
                }
            }
            Self::Plugin { plugin, last } => {
                let mut last = last.lock().await;
                let is_recent = last.refused.is_some_and(|at| at.elapsed() < REFUSED_AGE);
                // Of many whose token is refused, the first has it made anew.
                if last.header == *refused && !is_recent {
                    last.refused = Some(Instant::now());
                    (last.header, last.expires) = plugin.another_token().await?;
                }
                last.header.clone()
            }
        };
        Ok(Some(header).filter(|header| header != refused))
    }
}

fn token_of(path: &Path) -> Result<HeaderValue, CredentialsError> {
    let failed = |problem| CredentialsError::TokenFile(InputError::of(path, problem));
    let text = input::read_file(path, Limit::KEYS).map_err(|error| failed(Problem::Io(error)))?;
    let text = String::from_utf8_lossy(&text);
    if text.trim().is_empty() {
        return Err(failed(Problem::Io(io::Error::other("it is empty"))));
    }
    bearer(&text, &path.display().to_string())
}

fn bearer(token: &str, of: &str) -> Result<HeaderValue, CredentialsError> {
    let header = HeaderValue::try_from(format!("Bearer {}", token.trim()));
    let mut header = header.map_err(|_| CredentialsError::NotAHeader(of.to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

impl Plugin {
    pub(super) fn new(exec: ExecConfig) -> Result<Self, CredentialsError> {
        let command = exec.command.as_deref().filter(|it| !it.is_empty());
        // Its arguments may be secrets.
        let name = command.map(|it| escaped(&shortened(it, 200)).into_owned());
        let name = name.ok_or(CredentialsError::NoCommand)?;
        let version = exec.api_version.clone().unwrap_or_default();
        if !VERSIONS.contains(&version.as_str()) {
            let version = shortened(&version, 100);
            return Err(CredentialsError::Version { plugin: name, version });
        }
        Ok(Self { exec, name })
    }

    /// From a plugin that gave one before.
    async fn another_token(&self) -> Result<(HeaderValue, Option<Timestamp>), CredentialsError> {
        let obtained = self.run().await?;
        let Some(token) = &obtained.token else {
            let why = "it has no token, where it had one before".to_owned();
            return Err(CredentialsError::Answer { plugin: self.name.clone(), why });
        };
        Ok((bearer(token, &format!("the credential plugin {}", self.name))?, obtained.expires))
    }

    pub(super) async fn run(&self) -> Result<Obtained, CredentialsError> {
        let plugin = || self.name.clone();
        let is_interactive = match self.exec.interactive_mode {
            Some(ExecInteractiveMode::Never) => false,
            Some(ExecInteractiveMode::Always) if !input::is_interactive() => {
                return Err(CredentialsError::NoTerminal { plugin: plugin() });
            }
            _ => input::is_interactive(),
        };
        let mut command = self.command(is_interactive);
        let mut child = command.spawn().map_err(|why| self.not_started(why))?;
        let limit = if is_interactive { INTERACTIVE_PLUGIN_TIMEOUT } else { PLUGIN_TIMEOUT };
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = timeout(limit, async {
            // Each pipe is read while the other may be full.
            let (printed, said) = tokio::join!(all_of(stdout), all_of(stderr));
            Ok::<_, io::Error>((child.wait().await?, printed?, said?))
        });
        // Dropped, it is killed.
        let ended = ended.await.map_err(|_| CredentialsError::Slow { plugin: plugin(), limit })?;
        let (status, printed, said) = ended.map_err(|why| self.not_started(why))?;
        if !status.success() {
            let (ended, said) = (Ended(status), Said::of(&said));
            return Err(CredentialsError::Failed { plugin: plugin(), ended, said });
        }
        self.read(&printed).map_err(|why| CredentialsError::Answer { plugin: plugin(), why })
    }

    fn command(&self, is_interactive: bool) -> Command {
        let mut command = Command::new(self.exec.command.as_deref().unwrap_or_default());
        command.args(self.exec.args.iter().flatten()).kill_on_drop(true).stdout(Stdio::piped());
        let set = |variable: &std::collections::HashMap<String, String>| {
            Some((variable.get("name")?.clone(), variable.get("value")?.clone()))
        };
        command.envs(self.exec.env.iter().flatten().filter_map(set));
        let mut spec = json!({ "interactive": is_interactive });
        if let Some(cluster) = self.exec.cluster.as_ref().filter(|_| self.exec.provide_cluster_info)
        {
            spec["cluster"] = json!(cluster);
        }
        let info = json!({
            "kind": "ExecCredential", "apiVersion": self.exec.api_version, "spec": spec,
        });
        command.env("KUBERNETES_EXEC_INFO", info.to_string());
        if is_interactive {
            // It speaks with the person at the terminal.
            command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
        } else {
            command.stdin(Stdio::null()).stderr(Stdio::piped());
        }
        command
    }

    fn not_started(&self, why: io::Error) -> CredentialsError {
        let next = match self.exec.install_hint.as_deref().map(str::trim) {
            Some(hint) if !hint.is_empty() => {
                escaped(&one_line(&shortened(hint, SHOWN))).into_owned()
            }
            _ if why.kind() == io::ErrorKind::NotFound => {
                "install it, or correct the PATH".to_owned()
            }
            _ => "check its permissions".to_owned(),
        };
        CredentialsError::Start { plugin: self.name.clone(), why, next }
    }

    fn read(&self, printed: &[u8]) -> Result<Obtained, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            kind: Option<String>,
            api_version: Option<String>,
            status: Option<Credential>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Credential {
            expiration_timestamp: Option<String>,
            token: Option<String>,
            client_certificate_data: Option<String>,
            client_key_data: Option<String>,
        }
        let text = std::str::from_utf8(printed).map_err(|_| "it is not text".to_owned())?;
        if text.trim().is_empty() {
            return Err("it printed nothing".to_owned());
        }
        // An error of the parser may show a part of a secret.
        let answer: Answer = serde_saphyr::from_str(text)
            .map_err(|_| "it is not an ExecCredential in JSON".to_owned())?;
        if answer.kind.is_some_and(|it| it != "ExecCredential") {
            return Err("its kind is not ExecCredential".to_owned());
        }
        if answer.api_version != self.exec.api_version {
            let version = |it: &Option<String>| {
                let it = it.as_deref().unwrap_or("none");
                shortened(it.strip_prefix(GROUP).unwrap_or(it), 100)
            };
            return Err(format!(
                "its apiVersion is {}, and the kubeconfig has {}",
                version(&answer.api_version),
                version(&self.exec.api_version)
            ));
        }
        let status = answer.status.ok_or_else(|| "it has no status".to_owned())?;
        let given = |it: Option<String>| it.filter(|it| !it.is_empty());
        let token = given(status.token);
        let certificate =
            match (given(status.client_certificate_data), given(status.client_key_data)) {
                (Some(certificate), Some(key)) => Some((certificate, key)),
                (None, None) => None,
                _ => return Err("it has a certificate or a key, not both".to_owned()),
            };
        if token.is_none() && certificate.is_none() {
            return Err("it has no token and no certificate".to_owned());
        }
        let expires = given(status.expiration_timestamp).map(|at| at.parse()).transpose();
        let expires = expires.map_err(|_| "its expirationTimestamp is not a time".to_owned())?;
        Ok(Obtained { token, certificate, expires })
    }
}

/// The last of what comes. All of it is read, so that nobody waits for a full pipe.
async fn all_of(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let Some(mut pipe) = pipe else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    while pipe.read_buf(&mut kept).await? > 0 {
        if kept.len() > 2 * MOST_BYTES {
            kept.drain(..kept.len() - MOST_BYTES);
        }
    }
    Ok(kept)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Said {
    fn of(bytes: &[u8]) -> Self {
        let text = one_line(&String::from_utf8_lossy(bytes));
        let start = text.char_indices().rev().nth(SHOWN - 1).map_or(0, |(at, _)| at);
        let cut = if start > 0 { "... " } else { "" };
        Self(format!("{cut}{}", escaped(&text[start..])))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), platform::signal(self.0)) {
            (Some(code), _) => write!(f, "ended with exit code {code}"),
            (None, Some(signal)) => write!(f, "was ended by signal {signal}"),
            (None, None) => f.write_str("failed"),
        }
    }
}

#[cfg(test)]
mod tests;
