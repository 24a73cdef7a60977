//! The pages that people read: what they link to is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

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
