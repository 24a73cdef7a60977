//! The claims of a token as condition keys.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif>

use serde_json::{Map, Value};

use super::{Known, WebIdentityRequest, ask};

/// Tells a provider by its name.
type IsProvider = fn(&str) -> bool;

/// The claims that STS takes over from the tokens of some issuers alone.
const FURTHER: [(IsProvider, &[&str]); 6] = [
    (
        is_github,
        &[
            "actor",
            "actor_id",
            "enterprise_id",
            "environment",
            "job_workflow_ref",
            "ref",
            "repository",
            "repository_id",
            "repository_owner_id",
            "workflow",
        ],
    ),
    (
        |name| name == "gitlab.com",
        &[
            "namespace_id",
            "pipeline_source",
            "project_id",
            "ref_protected",
            "runner_environment",
            "user_access_level",
            "user_email",
            "user_id",
            "user_login",
        ],
    ),
    (
        is_buildkite,
        &[
            "build_branch",
            "cluster_id",
            "cluster_name",
            "organization_id",
            "organization_slug",
            "pipeline_id",
            "pipeline_slug",
        ],
    ),
    (|name| name.starts_with("oidc.circleci.com/org/"), &["oidc.circleci.com/project-id"]),
    (|name| name.ends_with(".identity.oraclecloud.com"), &["rpst_id"]),
    (|name| name == "accounts.google.com", &["google/organization_number"]),
];

fn is_github(name: &str) -> bool {
    name == "token.actions.githubusercontent.com"
        || name.starts_with("token.actions.githubusercontent.com/")
        || name.starts_with("github.com/enterprises/")
        || (name.starts_with("token.actions.") && name.ends_with(".ghe.com"))
}

fn is_buildkite(name: &str) -> bool {
    let is_own = name.ends_with(".buildkite.dev") || name.ends_with(".buildkite.site");
    name == "agent.buildkite.com" || (name.starts_with("agent.") && is_own)
}

/// Where a token has session tags, as one object.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_adding-assume-role-idp>
const TAGS: &str = "https://aws.amazon.com/tags";

/// And the source identity.
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

impl WebIdentityRequest {
    /// The request that brings this token, by its claims. What has another type than STS takes
    /// counts as absent, but for session tags, which it refuses.
    #[must_use]
    pub fn of_claims(claims: &Map<String, Value>) -> Self {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str).map(str::to_owned);
        let audiences = texts(claims.get("aud"));
        let audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
        let issuer = text("iss").unwrap_or_default();
        let mut request = Self::new(&issuer, &text("sub").unwrap_or_default(), &audiences);
        request.authorized_party = text("azp");
        request.methods = texts(claims.get("amr"));
        request.email = text("email");
        request.source_identity = text(SOURCE_IDENTITY);
        if let Err(why) = request.session_tags(claims) {
            request.refused = Some(why);
        }
        let further = names_of(request.provider_name()).iter().filter_map(|name| {
            let claim = claims.get(&name.replace("google/", "google:"))?;
            Some((name.to_ascii_lowercase(), plain(claim)?))
        });
        request.further_claims = Some(further.collect());
        request
    }

    /// # Errors
    /// Why STS refuses the token.
    fn session_tags(&mut self, claims: &Map<String, Value>) -> Result<(), String> {
        let wrong = |claim: &str| format!("the token's claim {claim} is not as STS takes it");
        if let Some(nested) = claims.get(TAGS) {
            let nested = nested.as_object().ok_or_else(|| wrong(TAGS))?;
            if let Some(tags) = nested.get("principal_tags") {
                let tags = tags.as_object().ok_or_else(|| wrong(TAGS))?;
                for (key, value) in tags {
                    let [Value::String(value)] = value.as_array().map_or(&[][..], Vec::as_slice)
                    else {
                        return Err(format!(
                            "the token's session tag {:?} is no list of one text: STS refuses it",
                            ::text::shortened(key, 120)
                        ));
                    };
                    self.session_tags.insert(key.clone(), value.clone());
                }
            }
            self.transitive_tag_keys = texts(nested.get("transitive_tag_keys"));
        }
        // The same, one claim for each tag.
        let prefix = format!("{TAGS}/principal_tags/");
        for (claim, value) in claims {
            let Some(key) = claim.strip_prefix(&prefix) else { continue };
            let value = value.as_str().ok_or_else(|| wrong(&::text::shortened(claim, 200)))?;
            self.session_tags.insert(key.to_owned(), value.to_owned());
        }
        let flat = texts(claims.get(&format!("{TAGS}/transitive_tag_keys")));
        self.transitive_tag_keys.extend(flat);
        Ok(())
    }

    /// Those of the documented claims that the token has; all others are no keys.
    pub(super) fn claim(&self, claim: &str, key: &str) -> Known {
        let value = |value: &Option<String>| match value {
            Some(value) => Known::Values(vec![value.clone()]),
            None => Known::Absent,
        };
        let name = self.provider_name();
        let is_of_access_tokens = match name {
            "graph.facebook.com" => matches!(claim, "app_id" | "id"),
            "www.amazon.com" => matches!(claim, "app_id" | "user_id"),
            _ => false,
        };
        match claim {
            "sub" if self.subject.is_empty() => Known::Absent,
            "sub" => Known::Values(vec![self.subject.clone()]),
            // With azp, :aud tests azp and :oaud tests aud.
            "aud" if self.authorized_party.is_some() => value(&self.authorized_party),
            "aud" | "oaud" => self.audience(key),
            "amr" if self.methods.is_empty() => Known::Absent,
            "amr" => Known::Values(self.methods.clone()),
            "email" => value(&self.email),
            _ if is_of_access_tokens => Known::Unknown(ask(key)),
            _ if names_of(name).iter().any(|it| it.eq_ignore_ascii_case(claim)) => {
                match &self.further_claims {
                    Some(claims) => value(&claims.get(claim).cloned()),
                    None => Known::Unknown(ask(key)),
                }
            }
            _ => Known::Absent,
        }
    }

    fn audience(&self, key: &str) -> Known {
        match self.audiences.as_slice() {
            [] => Known::Absent,
            [one] => Known::Values(vec![one.clone()]),
            several => Known::OneOf(
                several.to_vec(),
                format!(
                    "the token has {} audiences, and IAM does not document which of them {key} holds; give it with --condition-key {key}=VALUE",
                    several.len()
                ),
            ),
        }
    }
}

/// The claims that STS takes over for this provider beside those of all.
pub(crate) fn names_of(provider: &str) -> &'static [&'static str] {
    let provider = provider.to_ascii_lowercase();
    FURTHER.iter().find(|(is_it, _)| is_it(&provider)).map_or(&[], |(_, names)| names)
}

/// A text, or a list of texts.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(all)) => {
            all.iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(it) => Some(it.to_string()),
        _ => None,
    }
}
