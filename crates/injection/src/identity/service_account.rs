//! What the webhook reads of a `ServiceAccount`: its annotations, parsed once
//! when it arrives, so that an admission only copies a pointer.

use super::annotations::{boolean, set, token_expiration};
use super::value::{MAX_REGION_BYTES, MAX_VALUE_BYTES, is_region};
use super::warning::{Warning, Warnings};
use super::{
    Account, AllowedStsEndpoints, AnnotationKeys, Expiration, RoleArn, StsEndpoint, near_miss,
};

/// The webhook's annotations of one `ServiceAccount`, parsed. Where one is absent, the
/// flag's value counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAccount {
    /// `role-arn`: the role to assume; `None` if the annotation is absent,
    /// blank or too long.
    pub role: Option<RoleArn>,
    /// The role's annotation is too long to be read. It ends the search all the
    /// same: no entry of the `ConfigMap` takes its place.
    pub has_oversized_role: bool,
    /// `audience`: the token's audience.
    pub audience: Option<Box<str>>,
    /// `token-expiration`: the token's lifetime.
    pub token_expiration: Option<Expiration>,
    /// `sts-regional-endpoints`: whether SDKs call STS in their own region.
    pub regional_sts: Option<bool>,
    /// `region`: the value of `AWS_REGION`.
    pub region: Option<Box<str>>,
    /// The session is to carry the pod's name (`role-session-name: pod-name`).
    pub session_name: bool,
    /// `sts-endpoint-url`: the value of `AWS_ENDPOINT_URL_STS`, where it is allowed.
    pub sts_endpoint: Option<Box<StsEndpoint>>,
    /// What is wrong with the annotations, whatever pod uses them.
    pub warnings: Warnings,
}

/// Parses the annotations of `ServiceAccount`s, under one prefix.
#[derive(Clone, Debug, Default)]
pub struct ServiceAccountReader {
    keys: AnnotationKeys,
    account: Option<Account>,
    sts_endpoints: AllowedStsEndpoints,
}

impl ServiceAccountReader {
    /// A reader of the annotations `keys`. With an `account`, bare role names are completed
    /// to ARNs (`--compose-role-arn`).
    #[must_use]
    pub fn new(keys: AnnotationKeys, account: Option<Account>) -> Self {
        Self { keys, account, sts_endpoints: AllowedStsEndpoints::default() }
    }

    /// The same reader, which takes an STS of these origins from annotations, and
    /// reports every other.
    #[must_use]
    pub fn allowing(self, sts_endpoints: AllowedStsEndpoints) -> Self {
        Self { sts_endpoints, ..self }
    }

    /// The account that bare role names are completed with, if they are.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// Parses annotations, given as names and values. `None` if none of them is the
    /// webhook's, as for most `ServiceAccount`s of a cluster.
    #[must_use]
    pub fn read<'a>(
        &self,
        annotations: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Option<ServiceAccount> {
        let mut read = ServiceAccount::default();
        for (key, value) in annotations.clone() {
            if let Err(warning) = self.take(&mut read, key, value) {
                read.warnings.push(warning);
            }
        }
        if let Some(role) = &read.role {
            read.warnings.extend(Warning::odd_role(role));
        }
        near_miss::report(&self.keys.prefix, annotations, &mut read.warnings);
        (read != ServiceAccount::default()).then_some(read)
    }

    fn take(&self, to: &mut ServiceAccount, key: &str, value: &str) -> Result<(), Warning> {
        let keys = &self.keys;
        if !key.starts_with(&keys.prefix) {
            return Ok(());
        }
        let Some(value) = set(value) else {
            return Ok(());
        };
        if key == keys.role_arn {
            to.role = RoleArn::read(value, self.account.as_ref())
                .filter(|role| role.as_str().len() <= MAX_VALUE_BYTES);
            to.has_oversized_role = to.role.is_none();
            if to.has_oversized_role {
                return Err(Warning::oversized(key, value, MAX_VALUE_BYTES));
            }
        } else if key == keys.audience {
            to.audience = Some(within(MAX_VALUE_BYTES, key, value)?.into());
        } else if key == keys.token_expiration {
            to.token_expiration = Some(token_expiration(key, value)?);
        } else if key == keys.regional_sts {
            to.regional_sts = Some(boolean(key, value)?);
        } else if key == keys.region {
            to.region = Some(region(key, value.trim())?.into());
        } else if key == keys.role_session_name {
            to.session_name = session_name(key, value)?;
        } else if key == keys.sts_endpoint_url {
            let endpoint = self.sts_endpoint(key, value)?;
            if !endpoint.is_https() {
                to.warnings.push(Warning::plain_http(key, &endpoint));
            }
            to.sts_endpoint = Some(Box::new(endpoint));
        }
        Ok(())
    }

    /// The address is the administrator's to give: tokens are sent there.
    fn sts_endpoint(&self, key: &str, value: &str) -> Result<StsEndpoint, Warning> {
        let endpoint = StsEndpoint::read(value)
            .map_err(|error| Warning::unreadable(key, value, &error.to_string()))?;
        if self.sts_endpoints.contains(&endpoint) {
            Ok(endpoint)
        } else {
            Err(Warning::sts_endpoint_not_allowed(key, &endpoint))
        }
    }
}

fn within<'a>(max: usize, key: &str, value: &'a str) -> Result<&'a str, Warning> {
    if value.len() > max { Err(Warning::oversized(key, value, max)) } else { Ok(value) }
}

fn session_name(key: &str, value: &str) -> Result<bool, Warning> {
    if value.trim() == "pod-name" {
        return Ok(true);
    }
    Err(Warning::unreadable(key, value, "write pod-name, the only value it can have"))
}

fn region<'a>(key: &str, value: &'a str) -> Result<&'a str, Warning> {
    let value = within(MAX_REGION_BYTES, key, value)?;
    let unreadable = || Warning::unreadable(key, value, "write a region such as eu-west-1");
    is_region(value).then_some(value).ok_or_else(unreadable)
}

#[cfg(test)]
mod tests {
    use super::super::WarningKind;
    use super::*;

    fn read(annotations: &[(&str, &str)]) -> Option<ServiceAccount> {
        ServiceAccountReader::default().read(annotations.iter().copied())
    }

    #[test]
    fn is_nothing_without_an_annotation_of_ours() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[("example.com/role", "x"), ("eks.amazonaws.com/role-arn", " ")]), None);
    }

    #[test]
    fn falls_back_and_reports_where_a_value_cannot_be_read() {
        let sa = read(&[
            ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/x"),
            ("eks.amazonaws.com/token-expiration", "1h"),
            ("eks.amazonaws.com/sts-regional-endpoints", "yes"),
            ("eks.amazonaws.com/role-session-name", "mine"),
        ]);
        let sa = sa.expect("it has a role");
        assert_eq!((sa.token_expiration, sa.regional_sts, sa.session_name), (None, None, false));
        assert_eq!(sa.warnings.len(), 3, "{:?}", sa.warnings);
        assert!(sa.warnings.iter().all(|w| w.kind == WarningKind::UnreadableValue));
    }

    #[test]
    fn takes_an_empty_value_for_unset_without_a_report() {
        let sa = read(&[
            ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/x"),
            ("eks.amazonaws.com/audience", ""),
            ("eks.amazonaws.com/token-expiration", ""),
        ]);
        let sa = sa.expect("it has a role");
        assert_eq!((sa.audience, sa.token_expiration), (None, None));
        assert_eq!(sa.warnings, Warnings::default());
    }

    #[test]
    fn takes_no_region_that_could_be_no_part_of_a_host_name() {
        let read_region = |region: &str| {
            let role = ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/x");
            read(&[role, ("eks.amazonaws.com/region", region)]).expect("it has a role")
        };
        for region in ["eu-west-1", " us-gov-east-1\n", "aws-global", "Local1"] {
            let sa = read_region(region);
            assert_eq!(sa.region.as_deref(), Some(region.trim()));
            assert_eq!(sa.warnings, Warnings::default());
        }
        for region in ["eu\0west", "eu-west-1\nx", "a b", "a.b", "a/b", "\u{fc}", "eu_west_1"] {
            let sa = read_region(region);
            assert_eq!((&sa.region, sa.warnings.len()), (&None, 1), "{region:?}");
            assert_eq!(sa.warnings[0].kind, WarningKind::UnreadableValue);
        }
    }

    #[test]
    fn reports_a_role_that_does_not_look_like_one_and_keeps_it() {
        let sa = read(&[("eks.amazonaws.com/role-arn", "arn:minio:iam:::role/x")]);
        let sa = sa.expect("it has a role");
        assert_eq!(sa.role.as_ref().map(RoleArn::as_str), Some("arn:minio:iam:::role/x"));
        assert_eq!(sa.warnings[0].kind, WarningKind::OddRoleArn);
    }

    #[test]
    fn reports_a_near_miss_only_where_no_role_is_given() {
        let miss = ("eks.amazon.com/role-arn", "arn:aws:iam::111122223333:role/x");
        let sa = read(&[miss]).expect("a near miss is worth keeping");
        assert_eq!(sa.warnings[0].kind, WarningKind::NearMiss);
        let sa = read(&[miss, ("eks.amazonaws.com/role-arn", miss.1)]).expect("it has a role");
        assert_eq!(sa.warnings, Warnings::default());
    }

    #[test]
    fn reports_values_that_are_too_long_and_stores_none_of_them() {
        let long = |length| "x".repeat(length);
        let sa = read(&[
            ("eks.amazonaws.com/role-arn", "arn:aws:iam::111122223333:role/x"),
            ("eks.amazonaws.com/audience", &long(2_049)),
            ("eks.amazonaws.com/region", &long(64)),
            ("eks.amazonaws.com/token-expiration", &long(200_000)),
            ("eks.amazonaws.com/sts-regional-endpoints", &long(200_000)),
            ("eks.amazonaws.com/role-session-name", &long(200_000)),
        ]);
        let sa = sa.expect("it has a role");
        assert_eq!((&sa.audience, &sa.region), (&None, &None));
        assert_eq!(sa.warnings.len(), 5);
        assert!(sa.warnings.iter().all(|w| w.kind == WarningKind::UnreadableValue));
        assert!(format!("{sa:?}").len() < 2_000, "{sa:?}");
        let sa = read(&[
            ("eks.amazonaws.com/role-arn", &long(2_048)),
            ("eks.amazonaws.com/audience", &long(2_048)),
            ("eks.amazonaws.com/region", &long(63)),
        ]);
        let sa = sa.expect("it has a role");
        assert!(sa.role.is_some() && sa.audience.is_some() && sa.region.is_some());
    }

    #[test]
    fn reports_a_role_that_is_too_long_as_itself_or_once_it_is_completed() {
        let account = Account::new("aws", "111122223333").expect("a good account");
        let completing = ServiceAccountReader::new(AnnotationKeys::default(), Some(account));
        let long = "x".repeat(2_030);
        for (reader, role) in [
            (ServiceAccountReader::default(), "x".repeat(200_000)),
            (completing.clone(), long.clone()),
        ] {
            let miss = ("eks.amazon.com/role-arn", "x");
            let role = [("eks.amazonaws.com/role-arn", role.as_str()), miss];
            let sa = reader.read(role.into_iter()).expect("it is annotated");
            assert!(sa.role.is_none() && sa.has_oversized_role);
            let kinds: Vec<_> = sa.warnings.iter().map(|it| it.kind).collect();
            assert_eq!(kinds, [WarningKind::UnreadableValue]);
        }
        let sa = read(&[("eks.amazonaws.com/role-arn", long.as_str())]).expect("it has a role");
        assert!(sa.role.is_some() && !sa.has_oversized_role);
    }

    #[test]
    fn keeps_a_few_of_many_near_misses() {
        let keys: Vec<_> = (0..10_000).map(|n| format!("n{n}.example.com/role-arn")).collect();
        let role = "arn:aws:iam::111122223333:role/x";
        let annotations: Vec<_> = keys.iter().map(|key| (key.as_str(), role)).collect();
        let sa = read(&annotations).expect("near misses are worth keeping");
        assert_eq!(sa.warnings.total(), 10_000);
        assert!(format!("{sa:?}").len() < 10_000);
    }

    #[test]
    fn keeps_warnings_short() {
        let long = "x".repeat(500);
        let sa = read(&[
            ("eks.amazonaws.com/role-arn", long.as_str()),
            ("eks.amazonaws.com/token-expiration", long.as_str()),
        ]);
        for warning in &sa.expect("it has a role").warnings {
            assert!(warning.message().chars().count() < 120, "{warning}");
        }
    }
}
