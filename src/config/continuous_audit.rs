//! The configuration of the continuous audit.

use std::fmt;
use std::time::Duration;

use super::checks::{label, optional, refuse};
use super::{ConfigError, ContinuousAudit, LeaseName};
use crate::cli::{ContinuousAuditArgs, SourceArgs};

/// A round reads all pods of the cluster from the API server.
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_hours(24);

impl ContinuousAudit {
    pub(super) fn from_args(
        args: ContinuousAuditArgs,
        namespace: &str,
        configurations: &[String],
        source: &SourceArgs,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Self>, ConfigError> {
        let flag = "--audit-interval";
        let ContinuousAuditArgs { audit_interval: interval, audit_lease_name } = args;
        let name = label("--audit-lease-name", audit_lease_name)?;
        if interval.is_zero() {
            return Ok(None);
        }
        if interval < SHORTEST {
            let reason = "it must be at least 10s, or 0 for no audit: each round reads all pods";
            return Err(refuse(flag, &format!("{interval:?}"), reason));
        }
        if interval > LONGEST {
            return Err(refuse(flag, &format!("{interval:?}"), "it must be at most 24h"));
        }
        if optional(source.service_accounts.clone()).is_some() {
            warnings.push(format!(
                "{flag} has no effect with --service-accounts: there is no cluster to check"
            ));
            return Ok(None);
        }
        let lease = LeaseName { namespace: namespace.to_owned(), name };
        Ok(Some(Self { interval, lease, configurations: configurations.to_vec() }))
    }
}

impl fmt::Display for LeaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::config::Config;

    fn read(args: &[&str]) -> Result<(Option<ContinuousAudit>, Vec<String>), String> {
        let cli = Cli::try_parse_from([&["/webhook", "serve"], args].concat());
        let Command::Serve(args) = cli.expect("clap takes them").into_command() else {
            panic!("not serve");
        };
        let config = Config::from_args(*args).map_err(|error| error.to_string())?;
        Ok((config.0.continuous_audit, config.1))
    }

    #[test]
    fn is_off_and_then_in_the_webhooks_own_namespace() {
        assert_eq!(read(&[]), Ok((None, Vec::new())));
        let (audit, _) = read(&["--audit-interval=10m", "--namespace=x"]).expect("good");
        let audit = audit.expect("it is on");
        assert_eq!(audit.interval, Duration::from_mins(10));
        assert_eq!(audit.lease.to_string(), "x/pod-identity-webhook-audit");
        assert_eq!(audit.configurations, ["pod-identity-webhook"]);
        let (audit, _) = read(&["--audit-interval=10m", "--audit-lease-name=mine"]).expect("good");
        assert_eq!(audit.expect("it is on").lease.name, "mine");
    }

    #[test]
    fn refuses_what_would_ask_all_the_time_or_never() {
        for (args, says) in [
            (["--audit-interval=9s"].as_slice(), "at least 10s"),
            (&["--audit-interval=25h"], "at most 24h"),
            (&["--audit-lease-name="], "--audit-lease-name"),
            (&["--audit-lease-name=a/../b"], "--audit-lease-name"),
        ] {
            let error = read(args).expect_err("it must be refused");
            assert!(error.contains(says), "{error}");
        }
        let (audit, warnings) =
            read(&["--service-accounts=x", "--audit-interval=1m"]).expect("good");
        assert_eq!(audit, None);
        assert!(warnings.iter().any(|it| it.contains("--audit-interval")), "{warnings:?}");
    }
}
