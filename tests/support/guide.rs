//! The commands that pages show, as tests run them: `sh` blocks, and `console` blocks with what they print.
//!
//! A comment above a block, which no reader sees, says what runs it:
//!
//! - `<!-- tested: offline -->`, `<!-- tested: cluster -->` or `<!-- tested: offline and cluster -->`: `offline/docs` or
//!   `cluster/guides`, all blocks of a page one after the other in one shell and one folder, as a reader would;
//! - `<!-- tested: tests/cluster/doctor/scenarios.rs -->`: that file;
//! - `<!-- not tested: why -->`.
//!
//! `, exits 1` at the end is the status that its last command has. `<!-- file: pod.yaml -->` above a block of another
//! language writes that file. What else a page's commands read is in `tests/guides/PAGE/`; `before.sh` and `after.sh` there are run in the
//! same shell, with `offline` or `cluster` in `$BY`.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::support::Scratch;

/// A block of code, and the comment right above it.
pub struct Block {
    pub line: usize,
    /// Nothing where it is an indented one.
    pub language: String,
    pub text: String,
    pub mark: Option<Mark>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    Tested {
        by: String,
        exits: i32,
    },
    NotTested {
        why: String,
    },
    File(String),
    /// A comment of this form that means none of these.
    Unreadable(String),
}

impl Mark {
    fn read(comment: &str) -> Option<Self> {
        let text = comment.trim().strip_prefix("<!--")?.strip_suffix("-->")?.trim();
        let (word, rest) = text.split_once(':')?;
        let rest = rest.trim();
        Some(match word {
            _ if rest.is_empty() => Self::Unreadable(text.to_owned()),
            "tested" => match rest.split_once(", exits ") {
                None => Self::Tested { by: rest.to_owned(), exits: 0 },
                Some((by, status)) => match status.parse() {
                    Ok(exits) => Self::Tested { by: by.to_owned(), exits },
                    Err(_) => Self::Unreadable(text.to_owned()),
                },
            },
            "not tested" => Self::NotTested { why: rest.to_owned() },
            "file" => Self::File(rest.to_owned()),
            _ => Self::Unreadable(text.to_owned()),
        })
    }
}

impl Block {
    pub fn is_commands(&self) -> bool {
        matches!(self.language.as_str(), "sh" | "console")
    }

    /// Whether a test of this name is to run it.
    pub fn is_run(&self, by: &str) -> bool {
        matches!(&self.mark, Some(Mark::Tested { by: all, .. }) if all.split(" and ").any(|it| it == by))
    }
}

/// The blocks of a page, in their order.
pub fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut within: Option<Block> = None;
    let mut comment = String::new();
    for (event, range) in Parser::new_ext(page, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Html(text) => comment.push_str(&text),
            // What follows is right below.
            Event::End(TagEnd::HtmlBlock) => {}
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                let line = page[..range.start].matches('\n').count() + 1;
                let mark = Mark::read(&comment);
                comment.clear();
                within = Some(Block { line, language, text: String::new(), mark });
            }
            Event::Text(text) if within.is_some() => {
                within.as_mut().unwrap().text.push_str(&text);
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(within.take()),
            _ => comment.clear(),
        }
    }
    blocks
}

/// What a run of a page's blocks has to be given.
pub struct Session<'a> {
    /// From the repository's root, such as `docs/iam.md`.
    pub page: &'a str,
    /// Which blocks: `offline` or `cluster`.
    pub by: &'a str,
    pub environment: Vec<(&'a str, PathBuf)>,
    /// Programs by the names that the page calls them.
    pub programs: Vec<(&'a str, PathBuf)>,
}

/// What the blocks printed, all in one.
pub struct Told {
    pub out: String,
    pub err: String,
}

impl Session<'_> {
    /// Runs the blocks, and holds what they print to what the page shows. Panics where the page is wrong.
    pub fn run(&self) -> Told {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(root.join(self.page)).unwrap();
        let folder = Scratch::new().unwrap();
        let here = folder.path().join("here");
        fs::create_dir_all(here.join("../home")).unwrap();
        copy(&root.join("deploy"), &here.join("deploy"));
        let own = root.join("tests/guides").join(name(self.page));
        if own.is_dir() {
            copy(&own, &here);
        }
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for (name, program) in &self.programs {
            symlink(program, bin.join(name)).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_pod-identity-webhook"), bin.join("pod-identity-webhook"))
            .unwrap();

        let (script, shown) = self.script(&text, folder.path());
        let home = folder.path().join("home");
        let path = format!("{}:{}/.local/bin:/usr/bin:/bin", bin.display(), home.display());
        let mut shell = Command::new("sh");
        shell.args(["-eu", "-c", &script]).current_dir(&here).env_clear();
        shell
            .env("PATH", path)
            .env("HOME", &home)
            .env("BY", self.by)
            .envs(self.environment.iter().map(|(k, v)| (k, v)));
        let output = shell.output().expect("there is a shell");
        let told = Told {
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        };
        assert!(output.status.success(), "{}\n{}\n{}\n{script}", self.page, told.out, told.err);
        for (number, (line, expected)) in shown.iter().enumerate() {
            let printed = fs::read_to_string(folder.path().join(format!("{number}.out"))).unwrap();
            let (page, is_same) = (self.page, fits(expected, &printed));
            assert!(is_same, "{page}:{line} shows\n{expected}\nbut it prints\n{printed}");
        }
        told
    }

    /// All blocks as one script, and for each command of a `console` block its line and what is to come of it.
    fn script(&self, text: &str, folder: &Path) -> (String, Vec<(usize, String)>) {
        let mut script = "if [ -e before.sh ]; then . ./before.sh; fi\n".to_owned();
        let mut shown: Vec<(usize, String)> = Vec::new();
        for block in blocks(text) {
            let (page, line) = (self.page, block.line);
            match &block.mark {
                Some(Mark::File(name)) => {
                    // It has no such line, or the shell says so.
                    let text = &block.text;
                    writeln!(script, "cat >{name} <<'END OF THE FILE'\n{text}END OF THE FILE")
                        .unwrap();
                }
                Some(Mark::Tested { exits, .. }) if block.is_run(self.by) => {
                    if block.language == "console" {
                        for (line, command, output) in commands(&block) {
                            let file = folder.join(format!("{}.out", shown.len()));
                            shown.push((line, output));
                            writeln!(
                                script,
                                "status=0; {{ {command}\n}} >{} 2>&1 || status=$?",
                                file.display()
                            )
                            .unwrap();
                        }
                    } else if *exits == 0 {
                        writeln!(script, "status=0\n{}", block.text).unwrap();
                    } else {
                        writeln!(script, "status=0; ( {} ) || status=$?", block.text).unwrap();
                    }
                    writeln!(
                        script,
                        "[ $status = {exits} ] || {{ echo '{page}:{line}: exit status '$status >&2; exit 1; }}"
                    )
                    .unwrap();
                }
                _ => {}
            }
        }
        script.push_str("if [ -e after.sh ]; then . ./after.sh; fi\n");
        (script, shown)
    }
}

/// Of a `console` block, each command with its line and what it prints.
fn commands(block: &Block) -> Vec<(usize, String, String)> {
    let mut commands: Vec<(usize, String, String)> = Vec::new();
    for (number, line) in block.text.lines().enumerate() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((block.line + 1 + number, command.to_owned(), String::new()));
        } else {
            let (_, _, output) = commands.last_mut().expect("a console block begins with $");
            writeln!(output, "{line}").unwrap();
        }
    }
    commands
}

/// Whether this is what the page shows, which has `…` for lines that it leaves out.
fn fits(shown: &str, printed: &str) -> bool {
    let mut printed = printed.trim_end().lines();
    let mut shown = shown.trim_end().lines().peekable();
    while let Some(line) = shown.next() {
        let is_there = if line.trim() == "…" {
            match shown.next() {
                None => return true,
                Some(next) => printed.any(|it| it == next),
            }
        } else {
            printed.next() == Some(line)
        };
        if !is_there {
            return false;
        }
    }
    printed.next().is_none()
}

/// The folder of a page's files below `tests/guides`.
pub fn name(page: &str) -> String {
    let page = page.trim_start_matches("docs/").trim_end_matches(".md");
    page.to_ascii_lowercase().replace('/', "-")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
