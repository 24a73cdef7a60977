//! What people see on a terminal of 80 columns, side by side in `tests/golden/terminal.txt`.

use std::fmt::Write as _;
use std::path::Path;

use super::scene::{Scene, program};
use crate::support::on_terminal;

/// The commands whose output is the same each time, by what they begin with.
const SHOWN: [&str; 5] =
    ["audit --kubeconfig", "doctor", "iam lint", "iam simulate", "issuer verify"];

#[test]
fn golden_terminal() {
    let scene = Scene::new();
    let folder = scene.folder.path().display().to_string();
    let anonymous = |text: &str| text.replace(&folder, "DIR").replace(&scene.server, "SERVER");
    let mut all = String::new();
    for args in &scene.commands {
        let line = args.join(" ");
        let is_data = ["json", "sarif", "github", "terraform", "cloudformation", "cli"];
        let is_data = args.last().is_some_and(|arg| is_data.contains(&arg.as_str()));
        let is_explained = line.ends_with("-o explain");
        if is_data || !is_explained && !SHOWN.iter().any(|begin| line.starts_with(begin)) {
            continue;
        }
        // From the folder, so that the length of its path changes no line.
        let short = args.iter().map(|arg| arg.replace(&format!("{folder}/"), ""));
        let short: Vec<String> = short.collect();
        let mut command = program(&short);
        command.current_dir(scene.folder.path()).env("TERM", "dumb");
        let (code, shown) = on_terminal(&mut command, 80);
        let title = anonymous(&format!("$ pod-identity-webhook {}", short.join(" ")));
        write!(all, "{title}\n{}exit {code}\n\n", anonymous(&shown)).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/terminal.txt");
    golden::check(&path, &all, "cargo test --test offline golden");
}
