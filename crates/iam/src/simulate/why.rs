//! Why a test failed, in words.

use crate::condition::{Operator, Test, Variables};
use crate::policy::{Condition, Text};
use crate::provider::{self, ProviderArn};
use crate::request::{Known, WebIdentityRequest, names_of};

pub(super) fn why_not_principal(names: &[Text], request: &WebIdentityRequest) -> String {
    if !request.has_https_issuer() {
        return format!(
            "the issuer {:?} does not begin with https://: STS accepts no such token",
            ::text::shortened(&request.issuer, 120)
        );
    }
    let wanted = request.provider_name();
    if !request.has_provider() {
        return format!("the given provider is not the issuer's: its name is not {wanted:?}");
    }
    let close = names.iter().filter_map(|name| ProviderArn::read(&name.value)).find(|arn| {
        let bare = arn.name.trim_start_matches("https://").trim_end_matches('/');
        bare.eq_ignore_ascii_case(wanted.trim_end_matches('/'))
    });
    match close {
        Some(arn) if arn.name == wanted => {
            "the provider's name is the same, but its partition or account differs".to_owned()
        }
        Some(arn) => format!(
            "{:?} and {wanted:?} must be identical: no https://, the same path and slashes",
            arn.name
        ),
        None => "it does not name the provider of the token's issuer".to_owned(),
    }
}

pub(super) fn why_not_condition(
    condition: &Condition,
    operator: Option<Operator>,
    known: &Known,
    request: &WebIdentityRequest,
    variables: Variables,
) -> String {
    let values = match known {
        Known::Absent => return why_not_absent(condition, request),
        Known::Present(_) | Known::Unknown(_) => {
            return "it holds of no value that the key may have".to_owned();
        }
        Known::Values(values) | Known::OneOf(values, _) => values,
    };
    // It fails where one value matches, whatever the others are.
    if operator.is_some_and(Operator::is_negated) {
        return "the policy rules out this value".to_owned();
    }
    if let Some(why) = operator.and_then(|operator| why_not_type(condition, operator, values)) {
        return why;
    }
    let lacks = |wanted| operator.is_some_and(|it| it.lacks_variable(wanted, variables));
    if condition.values.iter().any(lacks) {
        return "the request lacks the key of a policy variable, which matches nothing then"
            .to_owned();
    }
    let is_audience = condition.key.value.to_ascii_lowercase().ends_with(":aud");
    if is_audience
        && request.authorized_party.is_some()
        && condition.values.iter().any(|wanted| request.audiences.contains(&wanted.value))
    {
        return "the token has azp, which :aud holds then; its audience is under :oaud".to_owned();
    }
    let near = |test: &dyn Fn(&str, &str) -> bool| {
        condition.values.iter().any(|wanted| values.iter().any(|value| test(&wanted.value, value)))
    };
    let has_wildcard = condition.values.iter().any(|wanted| wanted.value.contains(['*', '?']));
    let test = operator.map(|operator| operator.test);
    if matches!(test, Some(Test::Number(_) | Test::Date(_))) {
        "the comparison fails".to_owned()
    } else if test == Some(Test::Address) {
        "the policy has no range with this address".to_owned()
    } else if test == Some(Test::Arn) && near(&|wanted, value| wanted == value) {
        "it is not an ARN, which has six parts between colons".to_owned()
    } else if near(&|wanted, value| wanted != value && wanted.trim() == value.trim()) {
        "they differ in white space".to_owned()
    } else if near(&|wanted, value| wanted.eq_ignore_ascii_case(value)) {
        "they differ in upper and lower case".to_owned()
    } else if has_wildcard && !operator.is_some_and(Operator::takes_wildcards) {
        format!(
            "{} compares * and ? literally; wildcards need StringLike",
            condition.operator.value
        )
    } else if near(&|wanted, _| {
        request.audiences.iter().any(|a| a == wanted) || request.subject == wanted
    }) {
        "another claim of the token has this value: aud and sub are swapped".to_owned()
    } else {
        "they differ".to_owned()
    }
}

fn why_not_absent(condition: &Condition, request: &WebIdentityRequest) -> String {
    let key = &condition.key.value;
    let provider = request.provider_name();
    let ours = key.get(..provider.len()).filter(|name| name.eq_ignore_ascii_case(provider));
    let claim = ours.and_then(|_| key[provider.len()..].strip_prefix(':'));
    let Some(claim) = claim else {
        return match provider::split_key(key) {
            Some(_) => format!(
                "the key is for another provider; for the token's issuer it is {provider}:..."
            ),
            None => "the request has no such key".to_owned(),
        };
    };
    let taken_over = ["sub", "aud", "oaud", "amr", "email"];
    let is_it = |known: &&str| known.eq_ignore_ascii_case(claim);
    if taken_over.iter().any(is_it) || names_of(provider).iter().any(is_it) {
        return format!("the request has no such key: the token has no {claim}");
    }
    if claim.eq_ignore_ascii_case("azp") {
        return "the request has no such key: a token's azp is under :aud".to_owned();
    }
    let mut used = vec!["sub", "aud", "azp (as aud)", "amr", "email"];
    used.extend(names_of(provider));
    let last = used.pop().unwrap_or_default();
    let used = used.join(", ");
    format!(
        "the request has no such key: STS uses only {used} and {last} of the token, not {claim}"
    )
}

/// A value that is no number, time, ... matches nothing.
fn why_not_type(condition: &Condition, operator: Operator, values: &[String]) -> Option<String> {
    let test = operator.test;
    let wants = test.wants();
    let is_no = |value: &&String| !test.takes(value);
    if let Some(wrong) = condition.values.iter().map(|wanted| &wanted.value).find(is_no) {
        let wrong = ::text::shortened(wrong, 120);
        return Some(format!("{wrong:?} of the policy is not {wants}, and matches nothing"));
    }
    if operator.is_null() {
        return Some("the request has this key".to_owned());
    }
    let wrong = ::text::shortened(values.iter().find(is_no)?, 120);
    Some(format!("{wrong:?} of the request is not {wants}, and matches nothing"))
}
