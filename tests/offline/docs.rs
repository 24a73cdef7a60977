//! The pages that people read: what they link to is there, and the commands that they show do what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::guide::{self, Block, Mark, Session};

/// Of a page: where its links go, and the names of its headings.
#[derive(Default)]
struct Page {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

/// The name that GitHub and mdBook give a heading: its letters and digits in lower case, a hyphen for each space.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let hyphenated = |c: char| if c == ' ' { '-' } else { c };
    heading.to_lowercase().chars().filter(kept).map(hyphenated).collect()
}

fn read(text: &str) -> Page {
    let mut page = Page::default();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.into_string());
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let name = anchor(&heading.take().unwrap_or_default());
                // The second heading of one name has a number.
                let mut unique = name.clone();
                for number in 1.. {
                    if page.anchors.insert(unique.clone()) {
                        break;
                    }
                    unique.clone_from(&name);
                    write!(unique, "-{number}").unwrap();
                }
            }
            _ => {}
        }
    }
    page
}

/// The repository's pages by path, without what builds and tools leave behind.
fn pages(root: &Path) -> BTreeMap<PathBuf, Page> {
    let mut pages = BTreeMap::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in root.join(&folder).read_dir().unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = folder.join(&name);
            // Inputs of tests are texts of others, with mistakes.
            let is_ours = name != "target" && !name.starts_with('.') && path != Path::new("crates");
            if entry.file_type().unwrap().is_dir() {
                let is_input = path.ends_with("tutorials") || path.ends_with("files");
                if is_ours && !is_input {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "md") {
                let text = std::fs::read_to_string(root.join(&path)).unwrap();
                pages.insert(path, read(&text));
            }
        }
    }
    pages
}

/// `a/b/../c` as `a/c`; none where it leaves the repository.
fn within(path: &Path) -> Option<PathBuf> {
    let mut within = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => within.push(name),
            Component::ParentDir => within.pop().then_some(())?,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(within)
}

/// Why a link of this page leads nowhere.
fn broken(
    link: &str,
    from: &Path,
    pages: &BTreeMap<PathBuf, Page>,
    root: &Path,
) -> Option<&'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => from.to_owned(),
        _ => match within(&from.parent().unwrap().join(path)) {
            Some(target) => target,
            None => return Some("is outside of the repository"),
        },
    };
    if !root.join(&target).exists() {
        return Some("names no file");
    }
    let anchors = pages.get(&target).map(|page| &page.anchors);
    let is_there = fragment.is_empty() || anchors.is_none_or(|it| it.contains(fragment));
    (!is_there).then_some("names no heading of that page")
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = pages(root);
    let links: usize = pages.values().map(|page| page.links.len()).sum();
    assert!(pages.len() > 15 && links > 50, "{links} links of {} pages", pages.len());

    let mut wrong = String::new();
    for (path, page) in &pages {
        for link in &page.links {
            if let Some(why) = broken(link, path, &pages, root) {
                writeln!(wrong, "{}: {link} {why}", path.display()).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn a_link_to_nothing_is_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = read("# One `two`, three\n# Same\n# Same\n[a](docs/x.md#y \"z\") ![b](c.png)\n");
    assert_eq!(page.links, ["docs/x.md#y", "c.png"]);
    let anchors: Vec<_> = page.anchors.iter().map(String::as_str).collect();
    assert_eq!(anchors, ["one-two-three", "same", "same-1"]);

    let from = Path::new("README.md");
    let pages = BTreeMap::from([(from.to_owned(), page)]);
    for (link, why) in [
        ("#same-1", None),
        ("README.md#one-two-three", None),
        ("https://example.com/#x", None),
        ("docs", None),
        ("#same-2", Some("names no heading of that page")),
        ("docs/none.md", Some("names no file")),
        ("../else.md", Some("is outside of the repository")),
        ("/README.md", Some("is outside of the repository")),
    ] {
        assert_eq!(broken(link, from, &pages, root), why, "{link}");
    }
}

/// The pages whose blocks `cluster/guides` runs.
const ON_A_CLUSTER: [&str; 8] = [
    "deploy/chart/README.md",
    "docs/certificates.md",
    "docs/client-certificates.md",
    "docs/diagnosis.md",
    "docs/inject.md",
    "docs/install.md",
    "docs/issuer.md",
    "docs/self-hosted.md",
];

/// What a test printed.
const GENERATED: [&str; 1] = ["docs/walkthrough.md"];

/// Whether somebody may take this line for a command to copy.
fn is_command(line: &str) -> bool {
    const PROGRAMS: [&str; 19] = [
        "aws",
        "cargo",
        "cat",
        "curl",
        "docker",
        "git",
        "helm",
        "kind",
        "kops",
        "kubectl",
        "ln",
        "make",
        "mkdir",
        "openssl",
        "pod-identity-webhook",
        "sed",
        "sh",
        "source",
        "tests",
    ];
    let is_assignment = |word: &&str| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        })
    };
    let line = line.strip_prefix("$ ").unwrap_or(line);
    let mut words = line.split(' ').skip_while(is_assignment);
    let program = words.next().unwrap_or_default();
    PROGRAMS.contains(&program.split('/').next().unwrap_or_default())
        && words.next().is_some_and(|argument| !argument.is_empty())
}

/// What is wrong with how a block says who runs it.
fn unmarked(block: &Block, page: &str, root: &Path) -> Option<String> {
    if !block.is_commands() {
        let mut lines = block.text.lines();
        return match &block.mark {
            None => lines
                .find(|line| is_command(line))
                .map(|line| format!("`{line}` is a command; write the block as ```sh")),
            Some(Mark::File(_)) => None,
            Some(_) => Some("only sh and console blocks are tested".to_owned()),
        };
    }
    match block.mark.as_ref() {
        None => {
            Some("a comment right above it has to say `tested: …` or `not tested: why`".to_owned())
        }
        Some(Mark::Unreadable(text)) => {
            Some(format!("`{text}` is none of the comments of tests/support/guide.rs"))
        }
        Some(Mark::File(_)) => Some("a file's block has another language".to_owned()),
        Some(Mark::NotTested { .. }) => None,
        Some(Mark::Tested { by, .. }) => by.split(" and ").find_map(|by| match by {
            "offline" => None,
            "cluster" => (!ON_A_CLUSTER.contains(&page))
                .then(|| "add the page to ON_A_CLUSTER, and to tests/cluster/guides".to_owned()),
            file => {
                let runs = std::fs::read_to_string(root.join(file)).unwrap_or_default();
                (!runs.contains(page)).then(|| format!("{file} does not name this page"))
            }
        }),
    }
}

/// Pages with blocks that this runs, and how each block is wrong that says nothing.
fn blocks_of_all_pages(by: &str) -> (Vec<String>, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut wrong) = (Vec::new(), String::new());
    for path in pages(root).keys() {
        let page = path.to_str().unwrap();
        if GENERATED.contains(&page) {
            continue;
        }
        let text = std::fs::read_to_string(root.join(path)).unwrap();
        for block in guide::blocks(&text) {
            if let Some(why) = unmarked(&block, page, root) {
                writeln!(wrong, "{page}:{}: {why}", block.line).unwrap();
            }
            if block.is_run(by) && found.last().is_none_or(|last| last != page) {
                found.push(page.to_owned());
            }
        }
    }
    (found, wrong)
}

#[test]
fn every_command_of_a_page_is_run_by_a_test_or_says_why_not() {
    let (on_a_cluster, wrong) = blocks_of_all_pages("cluster");
    assert!(wrong.is_empty(), "\n{wrong}");
    assert_eq!(on_a_cluster, ON_A_CLUSTER);
}

#[test]
fn commands_that_need_no_cluster_do_what_the_page_says() {
    let (found, _) = blocks_of_all_pages("offline");
    assert!(found.len() > 3, "{found:?}");
    for page in found {
        let session =
            Session { page: &page, by: "offline", environment: Vec::new(), programs: Vec::new() };
        session.run();
    }
}

#[test]
fn a_command_without_a_word_about_its_test_is_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (text, is_right) in [
        ("<!-- tested: offline -->\n```sh\nls\n```\n", true),
        ("<!-- tested: offline and offline -->\n```sh\nls\n```\n", true),
        ("<!-- tested: offline, exits 2 -->\n```console\n$ ls\n```\n", true),
        ("<!-- not tested: it needs AWS -->\n```sh\nls\n```\n", true),
        ("<!-- file: a.yaml -->\n```yaml\na: b\n```\n", true),
        ("    iam: as a tree\n    make: things\n", true),
        ("```text\ncreated: provider\n```\n", true),
        ("```text\nkubectl      in a column\n```\n", true),
        ("```sh\nls\n```\n", false),
        ("<!-- tested: offline -->\n\ntext\n\n```sh\nls\n```\n", false),
        ("<!-- tested: offline, exits x -->\n```sh\nls\n```\n", false),
        ("<!-- not tested: -->\n```sh\nls\n```\n", false),
        ("<!-- tested: tests/offline/main.rs -->\n```sh\nls\n```\n", false),
        ("<!-- tested: offline and cluster -->\n```sh\nls\n```\n", false),
        ("<!-- tested: cluster -->\n```sh\nls\n```\n", false),
        ("    make it so\n", false),
        ("```text\n$ kubectl get pods\n```\n", false),
        ("* one\n\n      PAGER=x A_B= git log\n", false),
    ] {
        let [block] = &guide::blocks(text)[..] else { panic!("one block: {text}") };
        let wrong = unmarked(block, "docs/none.md", root);
        assert_eq!(wrong.is_none(), is_right, "{text}{wrong:?}");
    }
}

#[test]
fn the_book_has_every_page_of_docs_and_what_they_link_to() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = pages(root);
    let page_of = |from: &Path, link: &str| {
        let path = Path::new(link.split('#').next()?);
        let is_page = path.extension().is_some_and(|it| it == "md") && !link.contains("://");
        if is_page { within(&from.parent()?.join(path)) } else { None }
    };
    let summary = Path::new("docs/SUMMARY.md");
    let book: BTreeSet<PathBuf> =
        pages[summary].links.iter().filter_map(|link| page_of(summary, link)).collect();
    for path in pages.keys().filter(|it| it.parent() == summary.parent() && *it != summary) {
        assert!(book.contains(path), "docs/SUMMARY.md lacks {}", path.display());
    }
    for path in &book {
        for link in &pages[path].links {
            let is_there = page_of(path, link).is_none_or(|it| book.contains(&it));
            assert!(is_there, "docs/SUMMARY.md lacks {link}, which {} has", path.display());
        }
    }
}
