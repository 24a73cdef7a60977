//! What AWS has of it: the provider, the role, its trust policy.

use text::shell::Opt;

use serde_json::Value;

use super::redact::UNREADABLE;
use super::{Case, Fact, Finding};
use iam::{Policy, ProviderArn, Verdict, WebIdentityRequest, simulate};
use injection::identity::Account;

/// What the STS endpoints take, and what is written for it by mistake.
const STS: &str = "sts.amazonaws.com";

impl Case<'_> {
    /// Partition of the role against that of the region.
    pub(super) fn partition(&self) -> Finding {
        let Some(role) = self.role_arn() else {
            return Finding::Nothing("the role is not known".to_owned());
        };
        if let Some(sts) = self.sts_of_role() {
            return Finding::Nothing(format!("the role is of the STS {sts}, not of AWS"));
        }
        let Some(region) = self.region() else {
            return Finding::Nothing("no region is set for the pods".to_owned());
        };
        let (partition, of_region) = (partition(role), Account::partition_of_region(region));
        if partition == of_region {
            return Finding::pass(format!(
                "the role and the region {region} are in the partition {partition}"
            ));
        }
        Finding::fail(
            format!(
                "the role is in the partition {partition}, but the region {region} is in {of_region}"
            ),
            "use a role in the region's partition, or another region",
        )
    }

    pub(super) fn provider(&self) -> Finding {
        let provider = match asked(&self.facts.provider, "--provider-json") {
            Ok(provider) => provider,
            Err(finding) => return finding,
        };
        let Some(token) = self.facts.token.known() else {
            return Finding::Unknown("without a token the issuer is not known".to_owned());
        };
        let wanted = token.issuer.strip_prefix("https://").unwrap_or(&token.issuer);
        if let Some(list) = provider["OpenIDConnectProviderList"].as_array() {
            return self.in_list(list, wanted);
        }
        let Some(url) = provider["Url"].as_str() else {
            return Finding::Unknown("the file of --provider-json has no Url".to_owned());
        };
        if url.strip_prefix("https://").unwrap_or(url) == wanted {
            return Finding::pass(format!("the provider is for {wanted}"));
        }
        Finding::fail(
            format!("the provider is for {url:?}, but the tokens' issuer is {wanted:?}"),
            format!("create a provider for this issuer: {}", create_provider(&token.issuer)),
        )
    }

    fn in_list(&self, list: &[Value], wanted: &str) -> Finding {
        let arns = list.iter().filter_map(|it| it["Arn"].as_str());
        let same_name =
            arns.filter_map(ProviderArn::read).filter(|arn| arn.name == wanted).collect::<Vec<_>>();
        let role = self.role_arn().map(|role| (partition(role), account(role)));
        let fits =
            |arn: &&ProviderArn<'_>| role.is_none_or(|it| it == (arn.partition, arn.account));
        match (same_name.iter().find(fits), same_name.first()) {
            (Some(_), _) => Finding::pass(format!("the account has the provider {wanted}")),
            (None, Some(other)) => Finding::fail(
                format!(
                    "the provider {wanted} is in partition {} and account {}, but the role is not",
                    other.partition, other.account
                ),
                "create the provider in the role's account",
            ),
            (None, None) => Finding::fail(
                format!("the account has no provider {wanted}"),
                format!("create it: {}", create_provider(&format!("https://{wanted}"))),
            ),
        }
    }

    pub(super) fn audience(&self) -> Finding {
        let audience = self.wanted_audience();
        let clients = self.facts.provider.known().and_then(|it| it["ClientIDList"].as_array());
        let Some(clients) = clients else {
            if let Fact::Unknown(why) = &self.facts.provider {
                return Finding::Unknown(why.to_string());
            }
            if audience != STS && is_near(&audience) {
                return Finding::fail(
                    format!(
                        "the tokens' audience {audience:?} looks like a misspelling of {STS:?}"
                    ),
                    "correct the audience in the annotation, or in --token-audience",
                );
            }
            let why = "client IDs are not known; pass get-open-id-connect-provider's output as --provider-json";
            return Finding::Nothing(why.to_owned());
        };
        let clients: Vec<&str> = clients.iter().filter_map(Value::as_str).collect();
        if clients.contains(&&*audience) {
            return Finding::pass(format!("the provider accepts tokens for {audience}"));
        }
        let near = clients.iter().any(|it| it.trim() == audience.trim());
        let near = if near { "; they differ in white space" } else { "" };
        Finding::fail(
            format!(
                "the tokens' audience is {audience:?}, but the provider accepts {clients:?}{near}"
            ),
            format!(
                "correct the ServiceAccount's audience, or add it to the provider: aws iam \
                 add-client-id-to-open-id-connect-provider {}",
                Opt("--client-id", &audience)
            ),
        )
    }

    pub(super) fn role(&self) -> Finding {
        let role = match asked(&self.facts.role, "--role-json") {
            Ok(role) => role,
            Err(finding) => return finding,
        };
        let role: Value = serde_json::from_str(role).unwrap_or_default();
        let arn = role["Role"]["Arn"].as_str().or_else(|| role["Arn"].as_str());
        match (arn, self.role_arn()) {
            (Some(arn), Some(wanted)) if arn != wanted => Finding::fail(
                format!("the ServiceAccount names {wanted:?}, but the role's ARN is {arn:?}"),
                "annotate the ServiceAccount with the role's ARN",
            ),
            (Some(arn), _) => Finding::pass(format!("the role's ARN is {arn}")),
            (None, _) => Finding::Unknown(
                "the role's file has no Arn, so it is not known whether it is the ServiceAccount's role"
                    .to_owned(),
            ),
        }
    }

    pub(super) fn trust_policy(&self) -> Finding {
        let text = match asked(&self.facts.role, "--role-json") {
            Ok(text) => text,
            Err(finding) => return finding,
        };
        let Some(token) = self.facts.token.known() else {
            return Finding::Unknown("there is no token to test it with".to_owned());
        };
        let mend = "correct it; iam lint lists every mistake";
        let saved: Value = serde_json::from_str(text).unwrap_or_default();
        // IAM has no policy that is not JSON: this is not what it has.
        if let Some(why) = saved[UNREADABLE].as_str() {
            return Finding::Unknown(format!("the role can't be read: {why}"));
        }
        let role = saved.get("Role").unwrap_or(&saved);
        let (arn, policy) = (&role["Arn"], &role["AssumeRolePolicyDocument"]);
        if policy.is_null() && (arn.is_string() || saved.get("Role").is_some()) {
            return Finding::Unknown(
                "the role's file has no AssumeRolePolicyDocument; get it again with aws iam get-role"
                    .to_owned(),
            );
        }
        let policy = match Policy::trust_policy(text) {
            Ok(policy) => policy,
            Err(error) => {
                return Finding::fail(error.to_string(), mend);
            }
        };
        let audiences: Vec<_> = token.audiences.iter().map(String::as_str).collect();
        let mut request = WebIdentityRequest::new(&token.issuer, &token.subject, &audiences);
        request.provider_arn = self.role_arn().map(|role| {
            let name = request.provider_name();
            format!("arn:{}:iam::{}:oidc-provider/{name}", partition(role), account(role))
        });
        match simulate(&policy, &request) {
            Verdict::Allowed { by } => Finding::pass(format!("{by} allows the token")),
            Verdict::Denied { explicitly: Some(by), .. } => Finding::fail(
                format!("{by} denies the token"),
                "change that statement of the role's trust policy",
            ),
            Verdict::Denied { explicitly: None, reasons } => Finding::fail(
                reasons.first().map_or_else(
                    || "no statement allows the token".to_owned(),
                    ToString::to_string,
                ),
                "correct the role's trust policy, and test it with iam simulate",
            ),
            Verdict::Unknown { reasons } => {
                let reason = reasons.first().map_or_else(String::new, ToString::to_string);
                // Who evaluates by hand can say what only AWS knows.
                let flags =
                    if reason.contains("--condition-key") { ", to iam simulate" } else { "" };
                Finding::Unknown(format!("{reason}{flags}"))
            }
        }
    }
}

fn asked<'a, T>(fact: &'a Fact<T>, flag: &str) -> Result<&'a T, Finding> {
    match fact {
        Fact::Known(known) => Ok(known),
        Fact::Unknown(why) => Err(Finding::Unknown(why.to_string())),
        Fact::Absent | Fact::NotAsked => Err(Finding::Nothing(format!("{flag} is not given"))),
    }
}

fn create_provider(issuer: &str) -> String {
    let url = Opt("--url", issuer);
    format!("aws iam create-open-id-connect-provider {url} --client-id-list {STS}")
}

fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).unwrap_or_default()
}

fn account(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// `sts.amazon.com`, white space around it, capitals: STS' name by mistake.
fn is_near(audience: &str) -> bool {
    let bare = audience.trim().to_ascii_lowercase();
    bare == STS
        || (bare.starts_with("sts.") && bare.contains("amazon") && bare != "sts.amazonaws.com.cn")
}
