//! Plans by what is known, and above all what they refuse.

use super::*;
use crate::test_keys::{P256, P384_FORMS, RSA, good_token, public};
use crate::{Algorithm, IssuerUrl, PublicKey};

mod messages;

const OLD: &str = "https://old.example";
const NEW: &str = "https://new.example";

const WRITE: &str = "pod-identity-webhook issuer documents";

/// Where nobody knows which keys are published.
fn of<'a>(old: &'a PublicKey, new: &'a PublicKey) -> Rotation<'a> {
    Rotation { old, new, published: None, write_both: WRITE, write_new: WRITE }
}

/// Which keys are where: o(ld), n(ew), both, or none.
fn jwks(keys: &str) -> Jwks {
    let keys: Vec<_> = keys
        .chars()
        .map(|key| match key {
            'o' => public(RSA),
            'n' => public(P256),
            _ => public(P384_FORMS[0]),
        })
        .collect();
    Jwks::from_keys(&keys)
}

fn signed_by(key: char) -> Token {
    good_token(
        OLD,
        match key {
            'o' => Algorithm::Rs256,
            'n' => Algorithm::Es256,
            _ => Algorithm::Es384,
        },
    )
}

/// published, live, signer, expired -> the next step, the steps that may be
/// begun, the alarms.
fn rotation(published: &str, live: &str, signer: char, expired: bool) -> (String, String, String) {
    let (old, new, published, live) = (public(RSA), public(P256), jwks(published), jwks(live));
    let token = signed_by(signer);
    let rotation = Rotation { published: Some(&published), ..of(&old, &new) };
    let facts = Facts {
        live: Some(&live),
        token: Some(&token),
        old_tokens_expired: expired,
        ..Facts::default()
    };
    told(&rotate(&rotation, &facts))
}

fn told(plan: &Plan) -> (String, String, String) {
    let next = plan.next().map_or("none", |step| step.id).to_owned();
    let may = plan.steps.iter().filter(|step| step.blocked.is_empty()).map(|step| step.id);
    let alarms = plan.alarms.iter().map(|check| check.id);
    (next, may.collect::<Vec<_>>().join(" "), alarms.collect::<Vec<_>>().join(" "))
}

#[test]
fn a_rotation_goes_by_what_is_there() {
    let start = "publish accept";
    for (published, live, signer, expired, next, may, alarms) in [
        // The way itself.
        ("o", "o", 'o', false, "publish", start, ""),
        ("on", "o", 'o', false, "accept", start, ""),
        ("on", "on", 'o', false, "sign", "publish accept sign", ""),
        ("on", "on", 'n', false, "retire", "publish accept sign", ""),
        ("on", "on", 'n', true, "retire", "publish accept sign retire", ""),
        ("on", "n", 'n', true, "retire", "publish accept sign retire", ""),
        ("n", "n", 'n', true, "none", "publish accept sign retire", ""),
        // The order of the first two is free, both are needed.
        ("o", "on", 'o', false, "publish", start, ""),
        // To state it too early opens nothing.
        ("o", "o", 'o', true, "publish", start, ""),
        ("on", "on", 'o', true, "sign", "publish accept sign", ""),
        // Done in the wrong order.
        ("o", "on", 'n', false, "publish", start, "signer-published"),
        ("on", "n", 'n', false, "accept", start, "old-accepted"),
        ("n", "on", 'n', false, "publish", start, "old-published"),
        ("n", "n", 'n', false, "publish", start, "old-published old-accepted"),
        ("on", "o", 'n', false, "accept", start, "signer-accepted"),
        ("o", "o", 'n', false, "publish", start, "signer-published signer-accepted"),
        ("x", "o", 'o', false, "publish", start, "signer-published"),
        // Neither key.
        ("onx", "onx", 'x', false, "sign", "publish accept sign", "signer"),
    ] {
        let case =
            format!("published {published}, live {live}, signer {signer}, expired {expired}");
        let (got_next, got_may, got_alarms) = rotation(published, live, signer, expired);
        // A step that is done blocks nothing; what counts is what is still to come.
        assert_eq!(got_next, next, "{case}");
        assert_eq!(got_alarms, alarms, "{case}");
        assert_eq!(got_may, may, "{case}");
    }
}

#[test]
fn a_step_that_is_begun_gives_its_reasons() {
    let (old, new) = (public(RSA), public(P256));
    let rotation = Rotation { published: None, ..of(&old, &new) };
    let plan = rotate(&rotation, &Facts::default());
    let sign = plan.step("sign").expect("a step");
    assert!(sign.blocked.iter().any(|why| why.contains("--issuer or --documents")), "{sign:?}");
    assert!(sign.blocked.iter().any(|why| why.contains("--from-cluster")), "{sign:?}");
    let retire = plan.step("retire").expect("a step");
    assert!(retire.blocked.iter().any(|why| why.contains("--old-tokens-expired")), "{retire:?}");
    assert!(plan.alarms.is_empty(), "what is not known is no alarm");
}

fn server(issuers: &[&str]) -> ApiServerFlags {
    let args = issuers.iter().map(|issuer| format!("--service-account-issuer={issuer}"));
    let args: Vec<String> = args.collect();
    ApiServerFlags::from_args("one", args.iter().map(String::as_str))
}

struct Known<'a> {
    documents: bool,
    trusted: bool,
    servers: &'a [&'a [&'a str]],
    signer: &'a str,
    expired: bool,
}

fn migration(known: &Known<'_>) -> (String, String, String) {
    let new = IssuerUrl::parse(NEW).expect("a URL");
    let good = [IssuerCheck::pass("jwks-document", "good")];
    let bad = [IssuerCheck::fail("jwks-fetch", "404", "upload it")];
    let servers: Vec<_> = known.servers.iter().map(|issuers| server(issuers)).collect();
    let token = good_token(known.signer, Algorithm::Rs256);
    let migration = Migration {
        old: OLD,
        new: &new,
        new_documents: if known.documents { &good } else { &bad },
        old_documents: &good,
        trusted: known.trusted,
        accepted_everywhere: false,
        write: WRITE,
    };
    let facts = Facts {
        token: Some(&token),
        servers: &servers,
        old_tokens_expired: known.expired,
        ..Facts::default()
    };
    told(&migrate(&migration, &facts))
}

#[test]
fn a_migration_goes_by_what_is_there() {
    let (first, all) = ("publish trust accept", "publish trust accept sign retire");
    let signing = "publish trust accept sign";
    let (old, both, new): (&[&str], &[&str], &[&str]) = (&[OLD], &[OLD, NEW], &[NEW, OLD]);
    let only: &[&str] = &[NEW];
    for (documents, trusted, servers, signer, expired, next, may, alarms) in [
        (false, false, &[old, old][..], OLD, false, "publish", first, ""),
        (true, false, &[old, old], OLD, false, "trust", first, ""),
        (true, true, &[old, old], OLD, false, "accept", first, ""),
        // One of two is not enough.
        (true, true, &[both, old], OLD, false, "accept", first, ""),
        (true, true, &[both, both], OLD, false, "sign", signing, ""),
        (true, true, &[new, both], NEW, false, "retire", signing, ""),
        (true, true, &[new, new], NEW, true, "retire", all, ""),
        (true, true, &[only, new], NEW, true, "retire", all, ""),
        (true, true, &[only, only], NEW, true, "none", all, ""),
        // In one step, as tutorials do it: the cluster is unauthorized.
        (true, true, &[only, only], NEW, false, "accept", first, "old-accepted"),
        // Before the documents are there.
        (false, true, &[new, new], NEW, false, "publish", first, "new-documents"),
        // Another one.
        (true, true, &[both], "https://x.example", false, "sign", signing, "token-issuer"),
        // Flags that nobody has read are no flags.
        (true, true, &[], OLD, false, "accept", first, ""),
    ] {
        let known = Known { documents, trusted, servers, signer, expired };
        let case = format!("{documents} {trusted} {servers:?} {signer} {expired}");
        let (got_next, got_may, got_alarms) = migration(&known);
        assert_eq!(got_next, next, "{case}");
        assert_eq!(got_may, may, "{case}");
        assert_eq!(got_alarms, alarms, "{case}");
    }
}

#[test]
fn old_documents_are_needed_until_the_tokens_have_expired() {
    let new = IssuerUrl::parse(NEW).expect("a URL");
    let (good, bad) =
        ([IssuerCheck::pass("a", "b")], [IssuerCheck::fail("discovery-fetch", "404", "upload it")]);
    let token = good_token(NEW, Algorithm::Rs256);
    let migration = Migration {
        old: OLD,
        new: &new,
        new_documents: &good,
        old_documents: &bad,
        trusted: true,
        accepted_everywhere: true,
        write: WRITE,
    };
    for (expired, alarms) in [(false, "old-documents"), (true, "")] {
        let facts = Facts { token: Some(&token), old_tokens_expired: expired, ..Facts::default() };
        assert_eq!(told(&migrate(&migration, &facts)).2, alarms);
    }
}

#[test]
fn the_first_issuer_signs_and_the_flags_say_so() {
    let new = IssuerUrl::parse(NEW).expect("a URL");
    let migration = Migration {
        old: OLD,
        new: &new,
        new_documents: &[],
        old_documents: &[],
        trusted: false,
        accepted_everywhere: false,
        write: WRITE,
    };
    let plan = migrate(&migration, &Facts::default());
    let issuers = |id: &str| {
        let flags = &plan.step(id).expect("a step").flags;
        ApiServerFlags::from_args("", flags.iter().map(String::as_str))
    };
    assert_eq!(issuers("accept").issuers, [OLD, NEW]);
    assert_eq!(issuers("sign").issuers, [NEW, OLD]);
    assert_eq!(issuers("sign").jwks_uri.as_deref(), Some("https://new.example/openid/v1/jwks"));
    assert_eq!(issuers("retire").issuers, [NEW]);
}

#[test]
fn reads_flags_wherever_they_are_written() {
    let static_pod = "
kind: Pod
spec:
  containers:
  - command: [kube-apiserver, --service-account-issuer=https://a, --service-account-issuer=https://b,
      '--api-audiences=https://a,sts', --service-account-key-file=/a.pub, --secure-port=6443]
";
    let kubeadm_v1beta4 = "
kind: InitConfiguration
---
apiServer:
  extraArgs:
  - {name: service-account-issuer, value: https://a}
  - {name: service-account-issuer, value: https://b}
  - {name: api-audiences, value: 'https://a,sts'}
  - {name: service-account-key-file, value: /a.pub}
";
    let k3s = "
kube-apiserver-arg:
- service-account-issuer=https://a
- service-account-issuer=https://b
- api-audiences=https://a,sts
- service-account-key-file=/a.pub
";
    for text in [static_pod, kubeadm_v1beta4, k3s] {
        let flags = ApiServerFlags::parse("f", text).expect(text);
        assert_eq!(flags.issuers, ["https://a", "https://b"], "{text}");
        assert_eq!(flags.key_files, ["/a.pub"], "{text}");
        assert_eq!(flags.api_audiences.as_deref(), Some(&["https://a".into(), "sts".into()][..]));
    }
    let v1beta3 = "apiServer: {extraArgs: {service-account-issuer: https://a}}";
    assert_eq!(ApiServerFlags::parse("f", v1beta3).expect("flags").issuers, ["https://a"]);
    assert!(ApiServerFlags::parse("f", "kind: Pod").is_err());
    assert!(ApiServerFlags::parse("f", "a: [").is_err());
}
