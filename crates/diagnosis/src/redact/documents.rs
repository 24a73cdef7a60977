//! Text of others: certificates, published documents, a role.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use certificates::Certificate;
use issuer::PRIVATE_MEMBERS;

/// The most certificates of one text that are kept: a caBundle has a few.
const MOST_CERTIFICATES: usize = 100;

/// The most characters of a message of others that are kept.
const LONGEST_MESSAGE: usize = 1_000;

/// The member of a saved role whose text was not JSON.
pub(crate) const UNREADABLE: &str = "unreadable";

/// Stands for a page that is no JSON object: an error page, say.
pub(super) const NOT_JSON: &str = "(not a JSON object)";

/// Stands in for a value that is not kept, as an empty one means something.
pub(super) const LEFT_OUT: &str = "(left out)";

/// Stands for the value of a private member.
const PRIVATE: &str = "(private)";

/// The certificates of a PEM text; private keys and all else stay out.
#[must_use]
pub fn certificates(pem: &[u8]) -> String {
    let text = String::from_utf8_lossy(pem);
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1).take(MOST_CERTIFICATES);
    // Each by itself: one that is broken does not hide the others.
    let read = blocks.filter_map(|block| {
        let (body, _) = block.split_once("-----END CERTIFICATE-----")?;
        let der = STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()?;
        Certificate::from_der(&der).ok()
    });
    read.map(|certificate| certificate.pem()).collect()
}

/// The same of a caBundle, which is PEM in base64.
pub(super) fn ca_bundle(bundle: &str) -> String {
    STANDARD.encode(certificates(&STANDARD.decode(bundle).unwrap_or_default()))
}

/// A message in one line of bounded length.
#[must_use]
pub fn bounded(message: &str) -> String {
    text::shortened(&message.split_whitespace().collect::<Vec<_>>().join(" "), LONGEST_MESSAGE)
}

/// Scheme, host and port of a URL.
pub(super) fn origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// A URL without user, query and fragment.
pub(super) fn address(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    format!("{}{path}", origin(&format!("{scheme}://{rest}")))
}

/// The same of a variable's value, which may be anything.
pub(crate) fn endpoint(value: &str) -> String {
    let is_url = ["http://", "https://"].iter().any(|scheme| value.starts_with(scheme));
    match value {
        "" => String::new(),
        value if is_url => address(value),
        _ => LEFT_OUT.to_owned(),
    }
}

/// The members of a discovery document that are compared.
pub(super) fn discovery(body: &str) -> String {
    let compared = ["issuer", "jwks_uri", "id_token_signing_alg_values_supported"];
    match serde_json::from_str(body) {
        Ok(Value::Object(members)) => json!(only(&members, &compared)).to_string(),
        _ => NOT_JSON.to_owned(),
    }
}

/// The public members of the keys of a JWK set: some publish private keys. Of private members it is
/// kept that they are there.
pub(super) fn jwks(body: &str) -> String {
    let Ok(Value::Object(set)) = serde_json::from_str(body) else { return NOT_JSON.to_owned() };
    let keys = match set.get("keys") {
        Some(Value::Array(keys)) => keys,
        Some(other) => return json!({"keys": kind(other)}).to_string(),
        None => return "{}".to_owned(),
    };
    let public = ["kty", "use", "alg", "kid", "crv", "n", "e", "x", "y"];
    let keys = keys.iter().map(|key| {
        let Some(key) = key.as_object() else { return kind(key) };
        let mut kept = only(key, &public);
        let private = PRIVATE_MEMBERS.iter().filter(|member| key.contains_key(**member));
        kept.extend(private.map(|member| ((*member).to_owned(), PRIVATE.into())));
        Value::Object(kept)
    });
    json!({"keys": keys.collect::<Vec<_>>()}).to_string()
}

/// These members: texts, lists of texts, and of other values their kind.
fn only(members: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    let wanted = members.iter().filter(|(name, _)| names.contains(&name.as_str()));
    let kept = wanted.map(|(name, value)| {
        let kept = match value {
            Value::String(_) => value.clone(),
            Value::Array(items) => items
                .iter()
                .map(|item| if item.is_string() { item.clone() } else { kind(item) })
                .collect(),
            other => kind(other),
        };
        (name.clone(), kept)
    });
    kept.collect()
}

/// Another value of the same kind, which says nothing else.
fn kind(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => Value::Bool(false),
        Value::Number(_) => Value::from(0),
        Value::String(_) => Value::from(""),
        Value::Array(_) => json!([]),
        Value::Object(_) => json!({}),
    }
}

/// What the AWS CLI printed of a role: its ARN and its trust policy. The policy
/// stays where it was, by line and column, as mistakes in it are named by them.
/// A document by itself is a trust policy, which is kept whole.
pub(super) fn role(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}');
    let members: BTreeMap<String, &RawValue> = match serde_json::from_str(text) {
        Ok(members) => members,
        Err(error) => {
            let why = format!("not a JSON object: {error}");
            return json!({(UNREADABLE): why}).to_string();
        }
    };
    if let Some(why) = members.get(UNREADABLE) {
        let why: String = serde_json::from_str(why.get()).unwrap_or_default();
        return json!({(UNREADABLE): bounded(&why)}).to_string();
    }
    let role = members.get("Role").and_then(|role| serde_json::from_str(role.get()).ok());
    let is_policy = role.is_none() && members.contains_key("Statement");
    let role: BTreeMap<String, &RawValue> = role.unwrap_or(members);
    let arn = role.get("Arn").and_then(|arn| serde_json::from_str::<String>(arn.get()).ok());
    let arn = arn.map_or(String::new(), |arn| format!("\"Arn\":{}", Value::from(arn)));
    let Some(policy) = role.get("AssumeRolePolicyDocument") else {
        return if is_policy { text.to_owned() } else { format!("{{\"Role\":{{{arn}}}}}") };
    };
    let comma = if arn.is_empty() { "" } else { "," };
    let before = format!("{{\"Role\":{{{arn}{comma}\"AssumeRolePolicyDocument\":");
    let start = (policy.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let head = text.get(..start).unwrap_or_default();
    let lines = head.matches('\n').count();
    let column = head.rsplit('\n').next().map_or(0, |line| line.chars().count());
    let spaces = if lines == 0 { column.saturating_sub(before.chars().count()) } else { column };
    format!("{before}{}{}{policy}}}}}", "\n".repeat(lines), " ".repeat(spaces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_of_a_role_its_arn_and_where_its_policy_stands() {
        let policy = r#"{"Version": "2012-10-17",
            "Statement": []}"#;
        let printed = format!(
            "{{\n  \"Role\": {{\n    \"Arn\": \"arn\", \"Description\": \"hush\",\n    \
             \"AssumeRolePolicyDocument\": {policy},\n    \"Tags\": [\"hush\"]\n  }}\n}}\n"
        );
        let kept = role(&printed);
        assert!(!kept.contains("hush"), "{kept}");
        let at = |text: &str| {
            let head = text.split(policy).next().unwrap();
            (head.matches('\n').count(), head.rsplit('\n').next().map(str::len))
        };
        assert_eq!(at(&kept), at(&printed));
        assert_eq!(role(&kept), kept);
        let read: Value = serde_json::from_str(&kept).unwrap();
        assert_eq!(read["Role"]["Arn"], "arn");
        assert_eq!(role(policy), policy);
        let broken = role("{\"Role\": hush}");
        assert!(broken.contains("line 1 column 10") && !broken.contains("hush"), "{broken}");
        assert_eq!(role(&broken), broken);
    }

    #[test]
    fn keeps_certificates_and_nothing_else_of_pem() {
        let broken = "-----BEGIN CERTIFICATE-----\naHVzaA==\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN PRIVATE KEY-----\naHVzaA==\n-----END PRIVATE KEY-----\n";
        assert_eq!(certificates(format!("hush{broken}{key}").as_bytes()), "");
    }

    #[test]
    fn keeps_the_place_of_an_address_and_no_token_in_it() {
        for (url, wanted) in [
            ("https://a.example:8443/mutate/hush?hush#hush", "https://a.example:8443"),
            ("https://hush:hush@a.example", "https://a.example"),
            ("hush", "://hush"),
        ] {
            assert_eq!(origin(url), wanted);
        }
        let uri = "http://me:hush@169.254.170.23/v1/credentials?hush";
        assert_eq!(address(uri), "http://169.254.170.23/v1/credentials");
    }

    #[test]
    fn keeps_the_public_members_of_published_documents() {
        let set =
            r#"{"keys": [{"kty": "RSA", "kid": "a", "n": "x", "e": "AQAB", "d": "hush"}, 5]}"#;
        let kept = r#"{"keys":[{"d":"(private)","e":"AQAB","kid":"a","kty":"RSA","n":"x"},0]}"#;
        assert_eq!(jwks(set), kept);
        assert_eq!(jwks(kept), kept);
        // That it is no list is told by its kind.
        assert_eq!(jwks(r#"{"keys": {"hush": 1}}"#), r#"{"keys":{}}"#);
        let document = r#"{"issuer": "https://a", "jwks_uri": "https://a/k", "more": "hush"}"#;
        assert_eq!(discovery(document), r#"{"issuer":"https://a","jwks_uri":"https://a/k"}"#);
        assert!(!discovery("<html>hush").contains("hush"));
    }
}
