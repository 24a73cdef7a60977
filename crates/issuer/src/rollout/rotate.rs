//! A new signing key.

use super::{EXPIRED, Facts, Plan, Step, known};
use crate::{IssuerCheck, Jwks, PublicKey};

/// A change of the key that signs tokens.
#[derive(Clone, Debug)]
pub struct Rotation<'a> {
    /// The key that signs before the rotation.
    pub old: &'a PublicKey,
    /// The key that signs after it.
    pub new: &'a PublicKey,
    /// The JWK set that AWS reads; `None` if it is not known.
    pub published: Option<&'a Jwks>,
    /// The command that writes the documents with both keys.
    pub write_both: &'a str,
    /// The command that writes them with the new key alone.
    pub write_new: &'a str,
}

const ASK_PUBLISHED: &str = "the published keys are not known: pass --issuer or --documents";
const ASK_LIVE: &str =
    "the keys of the API server are not known: pass --from-cluster or --api-server-keys";

const PUBLISH: &str = "publish";
const ACCEPT: &str = "accept";
const SIGN: &str = "sign";
const RETIRE: &str = "retire";

/// Plans the change of the signing key without a refused token: publish both keys, verify
/// with both, sign with the new one, and drop the old one when none of its tokens is left.
#[must_use]
pub fn rotate(rotation: &Rotation<'_>, facts: &Facts<'_>) -> Plan {
    let Rotation { old, new, published, write_both, write_new } = *rotation;
    let signer = facts.token.and_then(|token| token.kid.as_deref());
    let signs_new = signer.map(|kid| kid == new.kid());
    let has = |keys: Option<&Jwks>, key: &PublicKey| keys.map(|keys| keys.contains(key.kid()));
    let gone = |keys: Option<&Jwks>| has(keys, old).map(|has| !has);
    // After the end of the old key nobody needs it.
    let retiring = signs_new == Some(true) && facts.old_tokens_expired;
    let need_old = |id, fact, yes: &str, no: &str, ask: &str| match fact {
        Some(false) if retiring => IssuerCheck::pass(id, "the old key is no longer needed"),
        fact => known(id, fact, yes, no, ask),
    };

    let ask_signer = ask_signer(facts);
    let published_both = vec![
        known(
            "published-new",
            has(published, new),
            "the new key is published",
            "the new key is not published: AWS would reject its tokens",
            ASK_PUBLISHED,
        ),
        need_old(
            "published-old",
            has(published, old),
            "the old key is published",
            "the old key is not published: AWS rejects its tokens",
            ASK_PUBLISHED,
        ),
    ];
    let accepted_both = vec![
        known(
            "accepted-new",
            has(facts.live, new),
            "the API server accepts tokens of the new key",
            "the API server does not accept tokens of the new key: it would reject those that other API servers sign",
            ASK_LIVE,
        ),
        need_old(
            "accepted-old",
            has(facts.live, old),
            "the API server accepts tokens of the old key",
            "the API server does not accept tokens of the old key",
            ASK_LIVE,
        ),
    ];
    let reached = vec![known(
        "signs-new",
        signs_new,
        "the API server signs with the new key",
        "the API server does not sign with the new key yet",
        ask_signer,
    )];
    let retired = vec![
        known(
            "api-server-old",
            gone(facts.live),
            "the API server no longer has the old key",
            "the API server still has the old key",
            ASK_LIVE,
        ),
        known(
            "jwks-old",
            gone(published),
            "the old key is no longer published",
            "the old key is still published",
            ASK_PUBLISHED,
        ),
    ];

    let before_signing = [published_both.as_slice(), &accepted_both].concat();
    let key_file = |name: &str| format!("--service-account-key-file={name}");
    let signing = |name: &str| format!("--service-account-signing-key-file={name}");
    let steps = vec![
        Step::new(PUBLISH, "publish both keys", published_both).todo([
            &format!("write the documents: {write_both}"),
            "upload that folder",
            "wait until caches have expired (Cache-Control: max-age)",
        ]),
        Step::new(ACCEPT, "accept tokens of both keys, sign with the old one", accepted_both)
            .set([key_file("OLD.pub"), key_file("NEW.pub"), signing("OLD.key")])
            .todo([
                "restart the API servers one by one, all of them before the next step: each must \
                 accept the tokens that the others will sign",
            ]),
        Step::new(SIGN, "sign with the new key, accept tokens of both", reached.clone())
            .set([key_file("OLD.pub"), key_file("NEW.pub"), signing("NEW.key")])
            .todo([
                "restart the API servers one by one",
                "set the new key on kube-controller-manager too: \
                 --service-account-private-key-file=NEW.key",
            ])
            .after(&before_signing),
        Step::new(RETIRE, "remove the old key", retired)
            .set([key_file("NEW.pub"), signing("NEW.key")])
            .todo([
                "restart the API servers one by one",
                &format!("write the documents: {write_new}"),
                "upload that folder",
            ])
            .after(&reached)
            .when(facts.old_tokens_expired, EXPIRED),
    ];
    Plan::new(steps, alarms(rotation, facts))
}

/// Why it is not known which key signs.
fn ask_signer(facts: &Facts<'_>) -> &'static str {
    match facts.token {
        None => "the key that signs new tokens is not known: pass --from-cluster or --token",
        Some(_) => "the key that signs new tokens is not known: the token names no key (kid)",
    }
}

/// What is refused right now.
fn alarms(rotation: &Rotation<'_>, facts: &Facts<'_>) -> Vec<IssuerCheck> {
    let Rotation { old, new, published, .. } = *rotation;
    let mut alarms = Vec::new();
    let Some(signer) = facts.token.and_then(|token| token.kid.as_deref()) else { return alarms };
    if signer != old.kid() && signer != new.kid() {
        alarms.push(IssuerCheck::fail(
            "signer",
            format!("the API server signs with {signer}, which is neither --old-key nor --new-key"),
            "pass the key that the API server signs with as --old-key",
        ));
    }
    let lacks = |keys: Option<&Jwks>, kid: &str| keys.is_some_and(|keys| !keys.contains(kid));
    if lacks(published, signer) {
        alarms.push(IssuerCheck::fail(
            "signer-published",
            format!("the signing key {signer} is not published: AWS rejects every new token"),
            "publish it now: issuer documents",
        ));
    }
    if lacks(facts.live, signer) {
        alarms.push(IssuerCheck::fail(
            "signer-accepted",
            format!("the signing key {signer} is not in --service-account-key-file: the API server rejects its own tokens"),
            "add it to --service-account-key-file now",
        ));
    }
    // Of the old key while it signs the two above tell.
    if signer != old.kid() && !facts.old_tokens_expired {
        let needed = [
            ("old-published", published, "AWS rejects", "publish it again: issuer documents"),
            (
                "old-accepted",
                facts.live,
                "the API server rejects",
                "add it to --service-account-key-file again",
            ),
        ];
        for (id, keys, who, next) in needed {
            if lacks(keys, old.kid()) {
                let found = format!(
                    "the old key {} is already removed: {who} the tokens that it signed, and \
                     --old-tokens-expired is not given",
                    old.kid()
                );
                alarms.push(IssuerCheck::fail(id, found, next));
            }
        }
    }
    alarms
}
