//! Commands that take long show how far they are: on a terminal, which takes it back, and nowhere else.

use super::scene::{Scene, program};
use crate::support::on_terminal;

/// What clears the line on which it stands.
const TAKEN_BACK: &str = "\r\u{1b}[2K";

/// The commands, and what each shows on its way.
fn commands(scene: &Scene) -> [(Vec<String>, &'static [&'static str]); 4] {
    let of = |start: &[&str]| -> Vec<String> {
        let is_it = |args: &&Vec<String>| {
            args.len() >= start.len() && args.iter().zip(start).all(|(arg, word)| arg == word)
        };
        scene.commands.iter().find(is_it).unwrap_or_else(|| panic!("no {start:?}")).clone()
    };
    let kubeconfig = of(&["audit"]).into_iter().skip(1).filter(|it| it != "-A");
    let kubeconfig: Vec<String> = kubeconfig.take_while(|it| !it.starts_with("-o")).collect();
    let everywhere =
        |command: &str| [vec![command.to_owned(), "-A".to_owned()], kubeconfig.clone()].concat();
    let verify = ["issuer", "verify", "https://127.0.0.1:1"].map(str::to_owned).to_vec();
    [
        (everywhere("audit"), &["ServiceAccounts: 1 ...", "pods: 1 ..."]),
        (everywhere("doctor"), &["ServiceAccounts: 1 ...", "pods: 1 ..."]),
        (verify, &["fetching https://127.0.0.1:1/.well-known/openid-configuration ..."]),
        (
            [everywhere("audit"), vec!["-o".to_owned(), "json".to_owned()]].concat(),
            &["pods: 1 ..."],
        ),
    ]
}

#[test]
fn long_commands_show_their_progress_on_a_terminal_and_take_it_back() {
    let scene = Scene::new();
    for (args, steps) in commands(&scene) {
        let (_, shown) = on_terminal(program(&args).env("TERM", "xterm"), 100);
        for step in steps {
            assert!(shown.contains(&format!("{TAKEN_BACK}{step}")), "{args:?}: {shown:?}");
        }
        // What is left on the screen: nothing stands after the last clearing but what is said.
        let left = shown.rsplit(TAKEN_BACK).next().unwrap_or_default();
        assert!(!left.contains(" ..."), "{args:?}: {left:?}");
    }
}

#[test]
fn long_commands_show_no_progress_where_nobody_could_take_it_back() {
    let scene = Scene::new();
    for (args, steps) in commands(&scene) {
        let piped = program(&args).env("TERM", "xterm").output().unwrap();
        let piped = String::from_utf8([piped.stdout, piped.stderr].concat()).unwrap();
        let (_, dumb) = on_terminal(program(&args).env("TERM", "dumb"), 100);
        for text in [piped, dumb] {
            let is_shown = steps.iter().any(|step| text.contains(*step));
            assert!(!is_shown && !text.contains(TAKEN_BACK), "{args:?}: {text:?}");
        }
    }
}
