use std::time::Duration;

use clap::Parser as _;
use tokio::time::timeout;

use super::*;
use crate::cli::{Cli, Command};

#[path = "serve_tests/catalogue.rs"]
mod catalogue;

const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
current-context: nobody
contexts: [{name: nobody, context: {cluster: nobody, user: nobody}}]
clusters: [{name: nobody, cluster: {server: 'http://127.0.0.1:1'}}]
users: [{name: nobody, user: {}}]
";

/// What `/metrics` shows before the first request, when so many watches have
/// begun, which nobody answers.
async fn page(arguments: &[&str], watches: usize) -> String {
    // As `main` does; another test may have done so.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = Cli::try_parse_from([&["webhook", "serve"], arguments].concat());
    let Command::Serve(args) = cli.expect("known flags").into_command() else {
        panic!("not serve");
    };
    let (config, _) = Config::from_args(*args).expect("a configuration");
    let registry = Registry::new().expect("a registry");
    let readiness = Arc::new(Readiness::waiting_for(&[]));
    let opened = open(&config, &readiness, &registry).await.expect("all that is needed");
    if let Some((audit, _)) = &opened.audit {
        audit.pretend();
    }
    let begun = async {
        while registry.render().matches("pod_identity_watch_last_event_age_seconds{").count()
            != watches
        {
            tokio::task::yield_now().await;
        }
    };
    let begun = timeout(Duration::from_secs(30), begun);
    tokio::select! {
        _ = opened.tasks.run() => panic!("a task ended"),
        never = opened.certificate.keep() => match never {},
        begun = begun => {
            let page = registry.render();
            assert!(begun.is_ok(), "not {watches} watches within 30 s:\n{page}");
            page
        }
    }
}

/// Names, types, help texts and labels of all metrics, and which values labels
/// have: what dashboards and alerts are made of. Only the values are left out.
#[tokio::test]
async fn golden_metrics() {
    let folder = tempfile::tempdir().expect("a folder");
    let kubeconfig = folder.path().join("kubeconfig");
    std::fs::write(&kubeconfig, KUBECONFIG).expect("written");
    let kubeconfig = kubeconfig.to_str().expect("UTF-8");
    let all = ["--kubeconfig", kubeconfig, "--watch-config-map", "--audit-interval=10m"];
    let page = Box::pin(page(&all, 4)).await;
    let version = concat!("version=\"", env!("CARGO_PKG_VERSION"), "\"");
    let page = page.replace(version, "version=\"VERSION\"");
    let mut golden = String::new();
    for line in page.lines() {
        let series =
            if line.starts_with('#') { line } else { line.rsplit_once(' ').expect("a value").0 };
        golden.extend([series, "\n"]);
    }
    crate::golden_tests::check("metrics.txt", &golden);
    crate::golden_tests::check("../../docs/metrics.md", &catalogue::catalogue(&page));
}

#[tokio::test]
async fn metrics_keep_to_the_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
    let written = |name, pem: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).expect("written");
        path.into_os_string().into_string().expect("UTF-8")
    };
    let certificate = written("tls.crt", pair.cert.pem());
    let key = written("tls.key", pair.signing_key.serialize_pem());
    let files =
        ["--service-accounts=deploy/examples", "--tls-cert", &certificate, "--tls-key", &key];
    let page = Box::pin(page(&files, 0)).await;
    let ours = |line: &str| line.contains("pod_identity_") && !line.contains("_webhook_");
    for line in page.lines().filter(|line| ours(line)) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..2] {
            ["#", "TYPE"] => {
                assert_eq!(words[2].ends_with("_total"), words[3] == "counter", "{line}");
            }
            ["#", "HELP"] => {
                assert!(line.ends_with('.') && words.len() > 5, "not a sentence: {line}");
                assert!(words[3].starts_with(char::is_uppercase) || words[3] == "1", "{line}");
            }
            _ => {
                let labels = line.split_once('{').map_or("", |(_, labels)| labels);
                for (label, value) in labels.split(',').filter_map(|pair| pair.split_once("=\"")) {
                    let value = value.split('"').next().expect("a value");
                    let is_kebab = |c: char| c.is_ascii_lowercase() || c == '-';
                    let is_number = ["le", "version"].contains(&label);
                    assert!(is_number || value.chars().all(is_kebab), "{value:?} in {line}");
                }
            }
        }
    }
}
