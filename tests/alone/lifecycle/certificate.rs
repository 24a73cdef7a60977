//! Ready only with a certificate that clients can accept.

use std::time::{Duration, SystemTime};

use super::{accounts, from_file, is_well};
use crate::alone;
use crate::support::{Authority, Pair, SOON, Webhook, eventually};

const NAMES: &[&str] = &["127.0.0.1", "localhost"];
const HOUR: Duration = Duration::from_hours(1);

fn write(webhook: &Webhook, pair: &Pair) {
    std::fs::write(webhook.folder().join("tls.key"), &pair.key).unwrap();
    std::fs::write(webhook.folder().join("tls.crt"), &pair.certificate).unwrap();
}

async fn unready_because(webhook: &Webhook, reason: &str) {
    eventually("/readyz to say why", SOON, || async {
        let reply = webhook.get_admin("/readyz").await?;
        anyhow::ensure!(reply.status == 503, "{}", reply.status);
        let text = reply.text();
        anyhow::ensure!(text.contains(&format!("[-]certificate failed: {reason}")), "{text}");
        anyhow::ensure!(text.contains("--tls-cert"), "it does not say what to do: {text}");
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn is_unready_from_the_moment_its_certificate_expires_until_there_is_another() {
    let _alone = alone().await;
    let (webhook, _folder) = from_file(&[]).await;
    let now = SystemTime::now();
    let end = now + Duration::from_secs(4);
    write(&webhook, &webhook.authority().server_within(NAMES, now - HOUR..end).unwrap());
    webhook.logged("the reload", |line| line["not_after"].is_number()).await;
    is_well(&webhook).await;
    unready_because(&webhook, "the certificate expired").await;
    assert!(SystemTime::now() > end, "not before its end");
    // Kubelet starts no process anew for that.
    assert_eq!(webhook.get_admin("/livez").await.unwrap().status, 200);
    write(&webhook, &webhook.authority().server(NAMES).unwrap());
    webhook.ready().await;
    is_well(&webhook).await;
}

#[tokio::test]
async fn is_never_ready_where_it_starts_with_a_certificate_out_of_its_time() {
    let _alone = alone().await;
    let now = SystemTime::now();
    for (valid, reason) in [
        (now - 2 * HOUR..now - HOUR, "the certificate expired"),
        (now + HOUR..now + 2 * HOUR, "the certificate is not valid"),
    ] {
        let (folder, from) = accounts();
        let pair = Authority::new("elsewhere").unwrap().server_within(NAMES, valid).unwrap();
        let certificate = folder.write("out-of-time.crt", &pair.certificate).unwrap();
        let key = folder.write("out-of-time.key", &pair.key).unwrap();
        let webhook = Webhook::builder()
            .arg(from)
            .arg(format!("--tls-cert={}", certificate.display()))
            .arg(format!("--tls-key={}", key.display()))
            .start()
            .await;
        unready_because(&webhook, reason).await;
    }
}
