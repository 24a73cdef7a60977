//! The cluster, the `ServiceAccount`, and what its annotations say.

use std::fmt::Write as _;

use text::shell::Word;

use super::sts::may_be_role;
use super::{Case, Fact, Finding, ReasonKind};
use injection::identity::{Identity, Warning, WarningKind};

impl Case<'_> {
    pub(super) fn api_server(&self) -> Finding {
        match &self.facts.version {
            Fact::Known(version) => {
                let version = version["gitVersion"].as_str().unwrap_or("(unknown version)");
                Finding::pass(format!("Kubernetes {version} answers"))
            }
            Fact::Unknown(why) if why.kind == ReasonKind::Unauthorized => Finding::fail(
                format!("the API server rejects your credentials: {why}"),
                "log in again; if it rejects ServiceAccount tokens too, the issuer or its key was \
                 replaced in one step: start the API server with the old \
                 --service-account-issuer and --service-account-key-file in addition to the new",
            ),
            // It answers, and what was asked of it is not known.
            Fact::Unknown(why)
                if matches!(why.kind, ReasonKind::Forbidden | ReasonKind::Evidence) =>
            {
                Finding::Unknown(why.to_string())
            }
            Fact::Unknown(why) => Finding::Unreachable {
                seen: format!("the API server does not answer: {why}"),
                next: "check the kubeconfig and the network to the API server".to_owned(),
            },
            Fact::Absent | Fact::NotAsked => {
                Finding::Nothing("the API server's version is not given".to_owned())
            }
        }
    }

    pub(super) fn service_account(&self) -> Finding {
        let key = self.key();
        match &self.facts.service_account {
            Fact::Known(_) => Finding::pass(format!("ServiceAccount {key} exists")),
            Fact::Absent => Finding::fail(
                format!("ServiceAccount {key} does not exist"),
                format!(
                    "create it: {} create serviceaccount -n {} {}",
                    self.settings.commands.kubectl(),
                    Word(key.namespace),
                    Word(key.name)
                ),
            ),
            Fact::Unknown(why) => Finding::Unknown(why.to_string()),
            Fact::NotAsked => Finding::Unknown(format!("ServiceAccount {key} is not given")),
        }
    }

    pub(super) fn role_annotation(&self) -> Finding {
        let key = self.key();
        let wanted = &self.settings.policy.settings.keys.role_arn;
        // Known to have none; what is not known comes last, behind what is wrong anyway.
        let identity = self.lookup.identity(&self.settings.policy.defaults);
        if let (Ok(None), Some(role)) = (&identity, self.role_arn()) {
            let mut seen = format!(
                "no annotation {wanted}; the webhook injects {role} from a source that is not \
                 known here"
            );
            for warning in self.warnings().iter().take(1) {
                // Writing to a string can't fail.
                let _ = write!(seen, "; note: {warning}");
            }
            return Finding::Pass(seen);
        }
        let breaks = |it: &&Warning| match it.kind {
            // An STS without TLS that a flag allows works.
            WarningKind::PlainHttp => false,
            // A name that the webhook completes, or may complete.
            WarningKind::OddRoleArn => {
                self.sts_of_role().is_none() && !self.is_completed() && !self.may_be_completed()
            }
            WarningKind::StsEndpointNotAllowed => !self.gets_annotated_sts(),
            _ => true,
        };
        let warning = self.warnings().iter().find(breaks).cloned();
        let annotate = |what: &str| {
            let (namespace, name) = (Word(key.namespace), Word(key.name));
            let kubectl = self.settings.commands.kubectl();
            format!("{kubectl} annotate serviceaccount -n {namespace} {name} {what}")
        };
        if let Some(warning) = warning {
            let next = match warning.kind {
                WarningKind::NearMiss if self.identity().is_none() => {
                    format!("use the annotation {wanted}: {}", annotate(&format!("{wanted}=ARN")))
                }
                WarningKind::OddRoleArn => {
                    let complete = "use the complete ARN of a role, such as arn:aws:iam::111122223333:role/NAME";
                    if self.role_arn().is_some_and(may_be_role) {
                        format!(
                            "{complete}; if it is MinIO's or Ceph's, set their STS: docs/sts-endpoints.md"
                        )
                    } else {
                        complete.to_owned()
                    }
                }
                _ => "correct the annotation".to_owned(),
            };
            return Finding::fail(warning.message(), next);
        }
        match identity {
            Ok(Some(Identity::WebIdentity(web))) if self.may_be_completed() => {
                Finding::Unknown(format!(
                    "the webhook completes the role {} with an account that is not known here",
                    web.role_arn
                ))
            }
            Ok(Some(Identity::WebIdentity(web))) => {
                let mut seen = format!("the role is {}", self.role_arn().unwrap_or(web.role_arn));
                if let Some(sts) = self.sts_of_role() {
                    let _ =
                        write!(seen, "; note: not an ARN of AWS's, so the STS {sts} must know it");
                }
                Finding::Pass(seen)
            }
            Ok(Some(Identity::ContainerCredentials(_))) => {
                Finding::pass("the pods get container credentials")
            }
            Ok(None) => Finding::fail(
                format!("ServiceAccount {key} has no annotation {wanted}"),
                format!(
                    "add it: {}",
                    annotate(&format!("{wanted}=arn:aws:iam::111122223333:role/NAME"))
                ),
            ),
            Err(failed) => Finding::Unknown(failed.to_string()),
        }
    }

    /// Whether the role is the name that the `ServiceAccount` has, as the test pod shows it.
    fn is_completed(&self) -> bool {
        let named = self.name_of_role();
        named.is_some() && self.role_arn().is_some_and(|role| role.starts_with("arn:"))
    }

    /// Whether the webhook makes an ARN of the name, and which is not known.
    fn may_be_completed(&self) -> bool {
        self.name_of_role().is_some() && self.role_arn().is_none()
    }

    /// What the `ServiceAccount` has in place of an ARN.
    fn name_of_role(&self) -> Option<&str> {
        match self.identity() {
            Some(Identity::WebIdentity(web)) => {
                Some(web.role_arn).filter(|role| !role.starts_with("arn:"))
            }
            _ => None,
        }
    }
}
