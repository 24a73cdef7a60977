//! The claims of a token that trust policies test, read without verifying it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::request::WebIdentityRequest;

/// Why a text is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error(
        "failed to read the token: it is no JWT of three parts; is it the file that AWS_WEB_IDENTITY_TOKEN_FILE names?"
    )]
    Parts,
    #[error("failed to read the token's claims as base64url: {0}")]
    Base64(#[from] base64::DecodeError),
    #[error("failed to read the token's claims: {0}")]
    Claims(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audiences,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    amr: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Many(Vec<String>),
}

/// The request that a client with this token makes.
///
/// # Errors
/// A text that is no JWT, claims without `iss`, `sub` or `aud`.
pub fn request_from_token(token: &str) -> Result<WebIdentityRequest, TokenError> {
    let mut parts = token.trim().split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Parts);
    };
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    let audiences = match &claims.aud {
        Audiences::One(audience) => vec![audience.as_str()],
        Audiences::Many(audiences) => audiences.iter().map(String::as_str).collect(),
    };
    let mut request = WebIdentityRequest::new(&claims.iss, &claims.sub, &audiences);
    request.authorized_party = claims.azp;
    request.methods = claims.amr;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("{}.{}.sig\n", URL_SAFE_NO_PAD.encode("{}"), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn reads_the_claims() {
        for (aud, wanted) in [(r#""a""#, vec!["a"]), (r#"["a","b"]"#, vec!["a", "b"])] {
            let claims = format!(r#"{{"iss":"https://i","sub":"s","aud":{aud},"exp":1}}"#);
            let request = request_from_token(&token(&claims)).expect("a token");
            assert_eq!(request, WebIdentityRequest::new("https://i", "s", &wanted));
        }
    }

    #[test]
    fn says_what_a_text_lacks_to_be_a_token() {
        for (text, wanted) in [
            ("eyJ", "no JWT"),
            ("a.b.c.d", "no JWT"),
            ("a.%.c", "base64url"),
            (&token(r#"{"sub":"s"}"#), "iss"),
        ] {
            let error = request_from_token(text).expect_err(text).to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
