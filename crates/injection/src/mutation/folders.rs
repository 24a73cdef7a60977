//! Which folders of a container lie above a path in it.

use std::borrow::Cow;

/// The longest path in bytes that Linux opens.
const MAX_PATH: usize = 4_096;

/// A path of a container, from its root down, without what means nothing in it.
pub(super) struct Place<'p> {
    text: Cow<'p, str>,
    windows: bool,
}

impl<'p> Place<'p> {
    /// Of a path as its container writes it.
    pub(super) fn of(path: &'p str, windows: bool) -> Self {
        let text = if windows { Cow::Owned(of_windows(path)) } else { Cow::Borrowed(path) };
        Self { text, windows }
    }

    /// The names on the way to it; none of a path that depends on the working
    /// directory, or that is too long to be opened.
    pub(super) fn parts(&self) -> Option<Vec<&str>> {
        let path = &*self.text;
        if !path.starts_with('/') || path.len() > MAX_PATH {
            return None;
        }
        let mut parts = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => _ = parts.pop(),
                part => parts.push(part),
            }
        }
        Some(parts)
    }

    /// How many names of the place `folder`, itself a path, takes: it lies at
    /// them or above.
    pub(super) fn depth_of(&self, folder: &str, parts: &[&str]) -> Option<usize> {
        let folder = Place::of(folder, self.windows);
        let folder = folder.parts()?;
        if parts.starts_with(&folder) {
            return Some(folder.len());
        }
        match (parts, &*folder) {
            _ if self.windows => None,
            (["var", below @ ..], ["run", ..]) if below.starts_with(&folder) => {
                Some(folder.len() + 1)
            }
            (["run", ..], ["var", folder @ ..])
                if parts.starts_with(folder) && !folder.is_empty() =>
            {
                Some(folder.len())
            }
            _ => None,
        }
    }
}

/// Whether a path is written otherwise than it could be, ends aside.
pub(super) fn is_odd(path: &str) -> bool {
    path.as_bytes().windows(2).any(|two| matches!(two, b"//" | b"/."))
}

/// Whether it is worth a look whether `folder`, which is not odd, is above `path`:
/// quick, as nearly no mount is. `/var/run` leads to `/run` in nearly every image.
pub(super) fn may_be_above(folder: &str, path: &str) -> bool {
    let is_shorter = folder.len() < path.len();
    is_shorter && path.starts_with(folder)
        || folder.starts_with("/run") && path.starts_with("/var/run")
        || folder.starts_with("/var/run") && path.starts_with("/run")
}

/// As Windows takes a path: either slash, any case, and of its drives the first
/// where none is named.
fn of_windows(path: &str) -> String {
    let path = path.replace('\\', "/").to_ascii_lowercase();
    let mut letters = path.chars();
    match (letters.next(), letters.next()) {
        (Some('c'), Some(':')) => path.get(2..).unwrap_or_default().to_owned(),
        (Some('a'..='z'), Some(':')) => format!("/{path}"),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(folder: &str, path: &str, windows: bool) -> Option<usize> {
        let place = Place::of(path, windows);
        place.depth_of(folder, &place.parts()?)
    }

    const TOKEN: &str = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token";

    #[test]
    fn finds_the_folders_above_a_path_however_they_are_written() {
        for (folder, expected) in [
            ("/", Some(0)),
            ("/var", Some(1)),
            ("/var/run", Some(2)),
            ("/run", Some(2)),
            ("/run/secrets/", Some(3)),
            ("//var/./run//secrets", Some(3)),
            ("/var/lib/../run/secrets", Some(3)),
            ("/var/run/secrets/eks.amazonaws.com/serviceaccount", Some(5)),
            (TOKEN, Some(6)),
            ("/var/run/secret", None),
            ("/var/run/secrets/kubernetes.io/serviceaccount", None),
            ("/run/var", None),
            ("/data", None),
            ("var", None),
            ("", None),
        ] {
            assert_eq!(depth(folder, TOKEN, false), expected, "{folder}");
            let worth_a_look = is_odd(folder) || may_be_above(folder, TOKEN);
            assert!(worth_a_look || expected.is_none_or(|depth| depth == 6), "{folder}");
        }
        assert_eq!(depth("/var/run/secrets", "/run/secrets/x", false), Some(2));
        assert_eq!(depth("/var", "/run/secrets/x", false), None);
        assert_eq!(depth("/run", "/var/lib/x", false), None);
    }

    #[test]
    fn knows_drives_slashes_and_the_lack_of_case_on_windows() {
        let token = r"C:\var\run\secrets\eks.amazonaws.com\serviceaccount\token";
        for (folder, expected) in [
            ("/var/run/secrets/eks.amazonaws.com/serviceaccount", Some(5)),
            (r"c:\VAR\run", Some(2)),
            ("C:/var", Some(1)),
            ("/run", None),
            (r"D:\var", None),
        ] {
            assert_eq!(depth(folder, token, true), expected, "{folder}");
        }
        assert_eq!(depth(r"D:\keys", r"d:\keys\token", true), Some(2));
    }

    #[test]
    fn does_not_know_where_a_path_leads_that_is_relative_or_too_long() {
        assert_eq!(depth("/", "token", false), None);
        assert_eq!(depth("/", r"C:\var\run\token", false), None);
        assert_eq!(depth("/", &format!("/{}", "a/".repeat(4_096)), false), None);
    }
}
