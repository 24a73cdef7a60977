use super::*;
use crate::tls::settings::MinVersion;

#[tokio::test]
async fn offers_http_1_1_alone() {
    let rig = Rig::start(generous());
    let client = rig.connect(&[b"h2", b"http/1.1"], ALL_VERSIONS).await.expect("a handshake");
    assert_eq!(client.stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let refused = rig.connect(&[b"h2"], ALL_VERSIONS).await;
    assert!(refused.is_err(), "HTTP/2 alone finds nothing to agree on");
}

#[tokio::test]
async fn serves_tls_1_2_and_1_3_and_clients_without_alpn() {
    let rig = Rig::start(generous());
    for version in ALL_VERSIONS {
        let mut client = rig.connect(&[], &[version]).await.expect("a handshake");
        assert_eq!(client.request().await.status, 200, "{version:?}");
    }
}

#[tokio::test]
async fn refuses_tls_1_2_where_1_3_is_the_minimum() {
    let settings = TlsSettings { min_version: MinVersion::Tls13, ..TlsSettings::default() };
    let rig = Rig::start_with(generous(), no_delay(), &settings);
    assert!(rig.connect(&[], &[&version::TLS12]).await.is_err());
    assert!(rig.connect(&[], &[&version::TLS13]).await.is_ok());
}

#[tokio::test]
async fn refuses_tls_1_1() {
    let rig = Rig::start(generous());
    // A record with a ClientHello of version 3.2: one suite, and the signature
    // algorithms that rustls asks for before it looks at the version.
    let mut hello = vec![0x16, 3, 1, 0, 55, 1, 0, 0, 51, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    hello.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 3]);
    let mut stream = rig.tcp().await;
    stream.write_all(&hello).await.expect("written");
    let mut alert = [0; 7];
    within(stream.read_exact(&mut alert)).await.expect("an alert");
    // https://www.rfc-editor.org/rfc/rfc8446#section-6: fatal, protocol_version
    assert_eq!((alert[0], alert[5], alert[6]), (21, 2, 70));
}

#[tokio::test]
async fn shows_new_connections_a_swapped_certificate_and_keeps_the_old_ones() {
    let rig = Rig::start(generous());
    let mut old = rig.client().await;
    assert_eq!(old.request().await.status, 200);
    let next = Pair::new();
    let (certificate, key) = (next.certificate.as_bytes(), next.key.as_bytes());
    let loaded = files::parse(&paths("certs".as_ref()), certificate, key);
    rig.resolver.swap(loaded.expect("a pair"));
    assert!(rig.connect(&[], ALL_VERSIONS).await.is_err(), "the old root knows it not");
    let root = CertificateDer::from_pem_slice(certificate).expect("a certificate");
    let mut new = connect(rig.address, &root, &[], ALL_VERSIONS).await.expect("a handshake");
    assert_eq!(new.request().await.status, 200);
    assert_eq!(old.request().await.status, 200);
}

#[tokio::test]
async fn refuses_handshakes_while_no_certificate_is_held() {
    let rig = Rig::start(generous());
    rig.resolver.clear();
    assert!(rig.connect(&[], ALL_VERSIONS).await.is_err());
    until(async || rig.stats.ended(Ending::Handshake) == 1).await;
}
