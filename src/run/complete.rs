//! Completions for shells: what a word can be, within a time that a person waits for it. Whatever
//! fails, it fails in silence: somebody is typing.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::FromArgMatches as _;
use serde::Deserialize;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};

use super::exit::Exit;
use super::{cluster, completed, output};
use crate::api_server::pages;
use crate::cli::ClusterArgs;
use crate::cli::complete::{self, Completion, Lookup, Wanted};
use crate::config::{UserCluster, list_path, user_cluster};

/// How long a cluster is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many names a shell is given.
const MOST: usize = 1_000;

/// An object of any kind.
#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: String,
}

pub(super) fn run(words: &[OsString]) -> anyhow::Result<Exit> {
    let typed = Arc::new(Typed::of(words));
    let lookup: Lookup = Arc::new(move |wanted| {
        let looked_up = look_up(Arc::clone(&typed), wanted.clone());
        let mut names = completed(async { Ok(looked_up.await) }).unwrap_or_default();
        names.sort_unstable();
        names.dedup();
        names
    });
    print(&complete::at_the_end(words, &lookup)).context("failed to print completions")?;
    Ok(Exit::Fine)
}

/// A line for each, and how to take them: the protocol of cobra.
fn print(completion: &Completion) -> io::Result<()> {
    let mut text = String::new();
    for (value, help) in &completion.candidates {
        text.push_str(value);
        if !help.is_empty() {
            text.extend(["\t", help]);
        }
        text.push('\n');
    }
    // Nothing in it is unprintable.
    output::out().document(&format!("{text}:{}\n", completion.directive as u8))
}

/// What is typed of the cluster so far.
struct Typed {
    cluster: Option<UserCluster>,
}

impl Typed {
    fn of(words: &[OsString]) -> Self {
        let Some(matches) = complete::read(words) else { return Self { cluster: None } };
        // Commands that ask no cluster have none of these flags, which clap takes for a bug.
        let asks = ["kubeconfig", "context"].iter().all(|id| matches.try_contains_id(id).is_ok());
        let args = asks.then(|| ClusterArgs::from_arg_matches(&matches).ok()).flatten();
        let mut cluster = args.and_then(|args| user_cluster(args).ok());
        if let Some(cluster) = &mut cluster {
            cluster.request_timeout = Some(PATIENCE);
        }
        Self { cluster }
    }

    /// A kubeconfig that is a terminal or a pipe would be waited for.
    fn is_readable(&self) -> bool {
        let file = self.cluster.as_ref().and_then(|cluster| cluster.kubeconfig.as_deref());
        file.is_none_or(Path::is_file)
    }
}

async fn look_up(typed: Arc<Typed>, wanted: Wanted) -> Vec<String> {
    let ends = Instant::now() + PATIENCE;
    let Some(cluster) = typed.cluster.clone().filter(|_| typed.is_readable()) else {
        return Vec::new();
    };
    if matches!(wanted, Wanted::Contexts | Wanted::Clusters | Wanted::Users) {
        let names = spawn_blocking(move || cluster.names());
        let names = timeout_at(ends, names).await;
        let Ok(Ok(names)) = names else { return Vec::new() };
        return match wanted {
            Wanted::Contexts => names.contexts,
            Wanted::Clusters => names.clusters,
            _ => names.users,
        };
    }
    let Ok(Ok((client, namespace))) = timeout_at(ends, cluster::user_client(&cluster)).await else {
        return Vec::new();
    };
    let Some(path) = path(&wanted, &namespace) else { return Vec::new() };
    let mut names = Vec::new();
    let listed = pages::for_each(&client, &path, |object: Object| {
        let Metadata { name, namespace } = object.metadata;
        if names.len() < MOST {
            names.push(match wanted {
                Wanted::QualifiedServiceAccounts => format!("{namespace}/{name}"),
                _ => name,
            });
        }
    });
    // What came until then is what there is.
    let _ = timeout_at(ends, listed).await;
    names
}

/// Where the API server has them.
fn path(wanted: &Wanted, namespace: &str) -> Option<String> {
    let all = match wanted {
        Wanted::Namespaces => "/api/v1/namespaces",
        Wanted::QualifiedServiceAccounts => "/api/v1/serviceaccounts",
        Wanted::WebhookConfigurations => {
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        }
        Wanted::ServiceAccounts => return list_path("serviceaccount", namespace),
        Wanted::Objects(kind) => return list_path(kind, namespace),
        Wanted::Contexts | Wanted::Clusters | Wanted::Users => return None,
    };
    Some(all.to_owned())
}
