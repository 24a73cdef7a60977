//! What the program is called in texts and printed commands.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Its name in documents, and wherever it is no plugin. It is fixed: the image runs the program
/// as /webhook, and texts that named the file would differ from the documentation.
pub const NAME: &str = "pod-identity-webhook";

/// How the program was called, as it is typed: `kubectl podid` for a link named kubectl-podid.
#[must_use]
pub fn invoked() -> &'static str {
    static INVOKED: OnceLock<String> = OnceLock::new();
    INVOKED.get_or_init(|| plugin().unwrap_or_else(|| NAME.to_owned()))
}

fn plugin() -> Option<String> {
    plugin_of(&env::args_os().next().map(PathBuf::from)?)
}

/// The name of the file is kubectl's word for it, with `_` for `-`.
fn plugin_of(program: &Path) -> Option<String> {
    let name = program.file_name().and_then(OsStr::to_str)?;
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let name = name.strip_prefix("kubectl-").or_else(|| name.strip_prefix("kubectl_complete-"))?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_plain = !name.is_empty() && name.chars().all(is_plain);
    is_plain.then(|| format!("kubectl {}", name.replace('-', " ").replace('_', "-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_called_as_kubectl_calls_a_plugin_of_its_name() {
        for (program, called) in [
            ("/usr/local/bin/kubectl-podid", Some("kubectl podid")),
            ("kubectl-pod_identity", Some("kubectl pod-identity")),
            ("./kubectl-aws-podid", Some("kubectl aws podid")),
            ("/bin/kubectl_complete-podid", Some("kubectl podid")),
            ("kubectl-podid.exe", Some("kubectl podid")),
            ("/webhook", None),
            ("kubectl-.exe", None),
            ("kubectl", None),
            ("kubectl-", None),
            ("kubectl-a\nb", None),
        ] {
            assert_eq!(plugin_of(Path::new(program)).as_deref(), called, "{program}");
        }
    }
}
