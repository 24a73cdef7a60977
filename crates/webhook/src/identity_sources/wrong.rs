//! The `ServiceAccounts` that are wrong now, for a replica that begins to tell of them.

use std::time::Duration;

use kube::Client;
use tokio::time::timeout;

use super::events::Report;
use super::lookup::Lookups;
use super::object::Object;
use super::watch::read;
use crate::api_server::Failure;
use crate::api_server::client::get_opt;
use injection::identity::ServiceAccountReader;

/// Where they are found.
#[derive(Clone, Copy)]
pub(super) struct Wrong<'a> {
    pub(super) client: &'a Client,
    pub(super) reader: &'a ServiceAccountReader,
    pub(super) lookups: &'a Lookups,
    /// How long one lookup may take.
    pub(super) limit: Duration,
}

impl Wrong<'_> {
    /// The keys of those that are wrong whatever pod uses them.
    pub(super) fn keys(self) -> Vec<Box<str>> {
        self.lookups.index().warned()
    }

    /// What is wrong with one of them now; nothing where it can't be had in time. The memory does
    /// not have all that an Event says of it.
    pub(super) async fn reports(self, key: &str) -> Vec<Report> {
        let Some((namespace, name)) = key.split_once('/') else { return Vec::new() };
        let asked =
            timeout(self.limit, get_opt::<Object>(self.client, (namespace, name), None)).await;
        let error = match asked {
            Ok(Ok(object)) => {
                let object = object.as_ref();
                let read = object.and_then(|object| Some((object, read(object, self.reader)?)));
                let reports = read.into_iter().flat_map(|(object, read)| {
                    let report = |it| Report::new(object.reference(), it);
                    read.warnings.iter().cloned().map(report).collect::<Vec<_>>()
                });
                return reports.collect();
            }
            Ok(Err(error)) => Failure::of(&error).to_string(),
            Err(_) => format!("no response within {:?}", self.limit),
        };
        tracing::debug!(namespace, name, error, "failed to look up ServiceAccount");
        Vec::new()
    }
}
