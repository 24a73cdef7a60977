//! All pods and `ServiceAccount`s, page by page, one looked at and forgotten
//! after the other.

use kube::Client;

use super::ask;
use diagnosis::{Auditor, Fact};

/// Why they are not known.
#[derive(Debug, thiserror::Error)]
#[error("failed to list {what}: {why}; it takes the right to list {what}")]
pub struct ListError {
    what: &'static str,
    why: String,
}

/// Shows the auditor the `ServiceAccount`s of a namespace, or of all, then the
/// pods.
pub async fn everything(
    client: &Client,
    namespace: Option<&str>,
    auditor: &mut Auditor<'_>,
) -> Result<(), ListError> {
    let folder = namespace.map_or_else(String::new, |name| format!("/namespaces/{name}"));
    let path = format!("/api/v1{folder}/serviceaccounts");
    let accounts = ask::list(client, &path, "", |account| {
        auditor.account(&account);
        Ok(())
    });
    listed("serviceaccounts", accounts.await)?;
    let path = format!("/api/v1{folder}/pods");
    let pods = ask::list(client, &path, "", |pod| {
        auditor.pod(&pod);
        Ok(())
    });
    listed("pods", pods.await)
}

fn listed(what: &'static str, fact: Fact<()>) -> Result<(), ListError> {
    match fact {
        Fact::Known(()) => Ok(()),
        Fact::Unknown(why) => Err(ListError { what, why }),
        Fact::Absent | Fact::NotAsked => {
            Err(ListError { what, why: "the API server has no such list".to_owned() })
        }
    }
}
