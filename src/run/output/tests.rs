use std::path::Path;

use super::*;

fn said(say: impl FnOnce(&mut Lines<&mut Vec<u8>>) -> io::Result<()>) -> String {
    let mut said = Vec::new();
    say(&mut Lines { to: &mut said, look: Look::default() }).expect("a Vec takes all");
    String::from_utf8(said).expect("text")
}

#[test]
fn escapes_lines_and_documents_each_in_its_way() {
    let value = "a\u{9b}\n::b";
    assert_eq!(said(|out| out.line(value)), "a\\u{9b}\\n::b\n");
    assert_eq!(said(|out| out.lines(format_args!("{value}\n"))), "a\\u{9b}\n\\u{3a}:b\n");
    assert_eq!(said(|out| out.json_line(&value)), "\"a\\u009b\\n::b\"\n");
}

fn shown(look: Look, head: Head, text: &str) -> String {
    let mut said = Vec::new();
    Lines { to: &mut said, look }.prose(head, text).expect("a Vec takes all");
    String::from_utf8(said).expect("text")
}

#[test]
fn wraps_and_colours_on_a_terminal_alone() {
    let head = || Head::new().column(Some(Tone::Good), "pass", 7).column(None, "token", 8);
    let text = "one two three four five six";
    let look = |colour, width| Look { colour, width };
    assert_eq!(shown(Look::default(), head(), text), format!("pass     token     {text}\n"));
    assert_eq!(
        shown(look(false, Some(40)), head(), text),
        "pass     token     one two three four\n                   five six\n"
    );
    assert_eq!(shown(look(true, None), head(), "x"), "\u{1b}[32mpass\u{1b}[0m     token     x\n");
}

#[test]
fn escapes_what_a_head_and_its_text_are_only_together() {
    let look = Look { colour: true, width: Some(40) };
    assert_eq!(shown(look, Head::new().text("##"), "[error]x"), "\\u{23}#[error]x\n");
    assert_eq!(shown(look, Head::new().text(":"), ":error::x"), "\\u{3a}:error::x\n");
    let styled = shown(look, Head::new().tone(Tone::Bad, "a\u{1b}[2J"), " b\n");
    assert_eq!(styled, "\u{1b}[1m\u{1b}[31ma\\u{1b}[2J\u{1b}[0m b\\n\n");
}

/// Takes so many bytes and has gone then.
struct Head1(usize);

impl Write for Head1 {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn standard_error_without_a_reader_takes_all_and_standard_output_ends_the_command() {
    let mut errors = Lines { to: Errors(Head1(3)), look: Look::default() };
    for _ in 0..3 {
        errors.line("a note").expect("nobody minds");
    }
    assert!(errors.line("x").is_ok() && errors.flush().is_ok());
}

/// Files of the program, and what may stand in which.
#[test]
fn leaves_no_other_way_in_or_out() {
    let only = [
        ("io::stdout", vec!["src/run/output/mod.rs"]),
        (
            "io::stderr",
            vec![
                "src/run/output/mod.rs",
                "src/run/output/progress.rs",
                "crates/webhook/src/telemetry/logs.rs",
            ],
        ),
        (
            "io::stdin",
            vec![
                "crates/webhook/src/input/stream/mod.rs",
                "crates/webhook/src/input/stream/poll.rs",
                "crates/webhook/src/input/stream/thread.rs",
            ],
        ),
        ("fs::read(", vec![]),
        ("fs::read_to_string(", vec![]),
        ("File::open(", vec![]),
        ("read_to_end(", vec!["crates/webhook/src/input/mod.rs"]),
    ];
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut left = vec![package.join("src"), package.join("crates/webhook/src")];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(path.read_dir().expect("a folder").map(|it| it.expect("an entry").path()));
            continue;
        }
        let name = path.strip_prefix(package).expect("below it").display().to_string();
        let text = std::fs::read_to_string(&path).expect("a file");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (what, files) in &only {
            let may = files.contains(&name.as_str()) || name.ends_with("tests.rs");
            assert!(may || !code.contains(what), "{name} has {what}");
        }
    }
}
