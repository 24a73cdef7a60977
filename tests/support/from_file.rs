//! The webhook without a cluster: `ServiceAccount`s from a file.

use super::{scratch::Scratch, webhook::Webhook};

/// `demo/app` has a role, `demo/default` has none.
pub const ACCOUNTS: &str = "\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: app
  namespace: demo
  annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::111122223333:role/app'}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: demo}
";

/// A folder with `accounts.yaml`, and the argument that has the webhook read it.
pub fn accounts() -> (Scratch, String) {
    let folder = Scratch::new().expect("a folder");
    let file = folder.write("accounts.yaml", ACCOUNTS).expect("a file");
    let arg = format!("--service-accounts={}", file.display());
    (folder, arg)
}

/// A webhook that reads `accounts.yaml` in the folder given with it, ready.
pub async fn from_file(args: &[&str]) -> (Webhook, Scratch) {
    let (folder, from) = accounts();
    let webhook = Webhook::builder().arg(from).args(args.iter().copied()).start().await;
    webhook.ready().await;
    (webhook, folder)
}
