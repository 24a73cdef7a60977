//! Many `ServiceAccounts`, as a large cluster has them.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use axum::http::Request;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http_body_util::BodyExt as _;
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::client::Body;
use kube::{Api, Client};
use serde_json::{Value, json};

use super::HOME;
use crate::results::progress;
use crate::support::ControlPlane;

const AT_ONCE: usize = 24;

/// Of every five the first has a role.
pub fn annotated(number: usize) -> String {
    format!("sa-{number:06}")
}

/// About a kilobyte, most of it what `kubectl apply` leaves behind.
fn account(number: usize) -> ServiceAccount {
    let mut annotations = json!({
        "kubectl.kubernetes.io/last-applied-configuration": format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"ServiceAccount\",\"metadata\":{{\"annotations\":{{}},\"labels\":{{\"app.kubernetes.io/name\":\
             \"shop-{number}\",\"app.kubernetes.io/part-of\":\"shop\",\"app.kubernetes.io/managed-by\":\"gitops\"}},\"name\":\"{}\",\
             \"namespace\":\"{HOME}\"}}}}", annotated(number)),
    });
    if number.is_multiple_of(5) {
        annotations["eks.amazonaws.com/role-arn"] =
            format!("arn:aws:iam::111122223333:role/team-{}/app-{number}", number % 40).into();
    }
    let account = json!({"metadata": {"name": annotated(number), "annotations": annotations, "labels": {
        "app.kubernetes.io/name": format!("shop-{number}"), "app.kubernetes.io/part-of": "shop",
        "app.kubernetes.io/managed-by": "gitops"}}});
    serde_json::from_value(account).unwrap_or_default()
}

pub async fn fill(control_plane: &ControlPlane, count: usize) -> anyhow::Result<()> {
    let begun = Instant::now();
    control_plane.namespace_named(HOME).await;
    let client = control_plane.client();
    let api: Api<ServiceAccount> = Api::namespaced(client, HOME);
    let params = PostParams::default();
    let made = stream::iter(0..count).map(|number| {
        let (api, params) = (&api, &params);
        async move { api.create(params, &account(number)).await.map(drop) }
    });
    made.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    progress(&format!("{count} ServiceAccounts made in {:.0} s", begun.elapsed().as_secs_f64()));
    Ok(())
}

/// Reads them page by page, as bytes; seconds.
pub async fn list(control_plane: &ControlPlane, at_least: usize) -> anyhow::Result<f64> {
    let client = control_plane.client();
    let begun = Instant::now();
    let (mut seen, mut next) = (0, Some(String::new()));
    while let Some(at) = next {
        let page = page(&client, &at).await?;
        seen += page.matches(r#""uid":""#).count();
        next = continued(&page);
    }
    ensure!(seen >= at_least, "the list has {seen} ServiceAccounts");
    Ok(begun.elapsed().as_secs_f64())
}

async fn page(client: &Client, at: &str) -> anyhow::Result<String> {
    let request = Request::get(format!("/api/v1/serviceaccounts?limit=500&continue={at}"))
        .header("accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
        .body(Body::empty())?;
    let answer = client.send(request).await?;
    ensure!(answer.status().is_success(), "a page: {}", answer.status());
    Ok(String::from_utf8(answer.into_body().collect().await?.to_bytes().into())?)
}

/// The mark of the next page stands at the beginning.
fn continued(page: &str) -> Option<String> {
    let (_, rest) = page.split_once(r#""continue":""#)?;
    let (at, _) = rest.split_once('"')?;
    (!at.is_empty()).then(|| at.to_owned())
}

/// Changes, deletes and makes them anew: what happens to so many within hours.
pub async fn churn(control_plane: &ControlPlane, count: usize) -> anyhow::Result<()> {
    let api: Api<ServiceAccount> = Api::namespaced(control_plane.client(), HOME);
    let changed = stream::iter(0..count).map(|number| {
        let api = &api;
        async move {
            let name = annotated(number);
            let change: Value = json!({"metadata": {"annotations": {
                "eks.amazonaws.com/role-arn": format!("arn:aws:iam::111122223333:role/changed-{number}")}}});
            api.patch(&name, &PatchParams::default(), &Patch::Merge(&change)).await?;
            api.delete(&name, &DeleteParams::default()).await?;
            api.create(&PostParams::default(), &account(number)).await?;
            Ok::<_, kube::Error>(())
        }
    });
    let all = changed.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await;
    all.context("failed to change ServiceAccounts").map(drop)
}
