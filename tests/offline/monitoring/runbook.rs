//! The commands of docs/operate.md that read the log: they find what the alert is about in the log of a real program.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::guide;
use crate::support::{Scratch, dashboard, from_file, pod};

fn text(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What the page's command prints for a word, where kubectl prints this log.
fn found(command: &str, word: &str, log: &[String]) -> Vec<String> {
    let folder = Scratch::new().unwrap();
    let log = folder.write("log", log.join("\n") + "\n").unwrap();
    let script = format!("kubectl() {{ cat \"$LOG\"; }}; {}", command.replace("WORD", word));
    let output = Command::new("sh").arg("-c").arg(script).env("LOG", log).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// The command, once, which each alert then gives a word.
fn command(page: &str) -> String {
    let blocks = guide::blocks(page);
    let mut logs = blocks.iter().filter(|block| block.text.contains(" logs "));
    let command = logs.next().expect("a command that reads the log").text.clone();
    assert!(logs.next().is_none());
    command
}

/// What is to be found, as `(`grep WORD`)`.
fn words(page: &str) -> BTreeSet<&str> {
    let commands = page.split("(`grep ").skip(1);
    commands.map(|rest| rest.split('`').next().unwrap().trim_matches('\'')).collect()
}

#[tokio::test]
async fn the_kind_that_an_alert_names_finds_the_pods_in_the_log() {
    let page = text("docs/operate.md");
    let command = command(&page);
    assert!(words(&page).contains("KIND"));
    let (webhook, _folder) = from_file(&[]).await;
    let container = |env: serde_json::Value| json!([{"name": "main", "env": env}]);
    let half = container(json!([{"name": "AWS_ROLE_ARN", "value": "arn:aws:iam::1:role/x"}]));
    let own = container(json!([{"name": "AWS_ACCESS_KEY_ID", "value": "x"}]));
    let wrong = [("half-pair", half), ("own-credentials", own)];
    for (kind, containers) in &wrong {
        let mut wrong = pod(&format!("the-{kind}"), "app");
        wrong["spec"]["containers"] = containers.clone();
        webhook.review_in("demo", &wrong).await;
    }
    let mut near = pod("the-near-miss", "app");
    near["metadata"]["annotations"] = json!({"eks.amazonaws.com/skip-container": "main"});
    webhook.review_in("demo", &near).await;
    webhook.review_in("demo", &pod("good", "app")).await;
    webhook.logged("the last one", |line| line["pod"] == "good").await;
    let log = webhook.log();
    for kind in wrong.iter().map(|(kind, _)| *kind).chain(["near-miss"]) {
        let mut lines = found(&command, kind, &log);
        // The name of the pod has it too.
        lines.retain(|line| line.contains("\"kinds\""));
        let [line] = lines.as_slice() else { panic!("{kind}: {lines:?} of {log:?}") };
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["kinds"], &line["pod"]), (&json!(kind), &json!(format!("the-{kind}"))));
    }
}

#[test]
fn every_word_that_the_page_looks_for_is_one_that_the_log_says() {
    let page = text("docs/operate.md");
    let words = words(&page);
    assert!(words.len() >= 5, "{words:?}");
    let said = text("tests/golden/log-messages.txt") + &text("tests/golden/metrics.txt");
    for word in words.iter().filter(|word| **word != "KIND") {
        assert!(said.contains(word), "no log line says {word}");
    }
}

#[test]
fn every_panel_that_the_page_names_is_on_the_dashboard() {
    let page = text("docs/operate.md");
    let quoted = page.split('"').skip(1).step_by(2);
    // No sentences, such as that of a picture.
    let is_name = |it: &&str| it.starts_with(|c: char| c.is_uppercase()) && !it.contains('.');
    let named: Vec<_> = quoted.filter(is_name).collect();
    assert!(named.len() >= 5, "{named:?}");
    let dashboard = dashboard();
    let titles: Vec<_> = dashboard["panels"].as_array().unwrap().iter().collect();
    for name in named {
        assert!(titles.iter().any(|panel| panel["title"] == name), "no panel {name}");
    }
}
