//! The pod that was created by dry run, or why it was not.

use super::refusal::{CallFailure, Cause};
use super::state::is_same_role;
use super::{Case, DryRun, Fact, Finding, Refusal, RefusedBy, pod};
use injection::identity::Identity;

const OTHER_SETTINGS: &str =
    "the webhook has other settings or has not seen the change: check its flags and its log";

impl Case<'_> {
    pub(super) fn dry_run(&self) -> Finding {
        let pod = match &self.facts.dry_run {
            Fact::Known(DryRun::Admitted { pod, .. }) => pod,
            Fact::Known(DryRun::Refused(refusal)) => return self.refused(refusal),
            Fact::Absent => return Finding::Unknown("the dry run returned no pod".to_owned()),
            Fact::Unknown(why) => return Finding::Unknown(why.to_string()),
            Fact::NotAsked => {
                return Finding::Unknown("the result of a dry run is not given".to_owned());
            }
        };
        let Some(given) = pod::given(pod) else {
            return Finding::fail(
                "the test pod got no credentials, although no earlier check failed",
                "a matchCondition may exclude it, or the API server did not reach the webhook and its \
                 failurePolicy is Ignore: look for pod-identity-doctor in the webhook's log",
            );
        };
        if let Some(finding) = self.unusable(pod) {
            return finding;
        }
        match self.identity() {
            Some(Identity::WebIdentity(web))
                if !is_same_role(given, web.role_arn, self.settings.may_complete_names()) =>
            {
                Finding::fail(
                    format!(
                        "the test pod got {given}, but the ServiceAccount names {}",
                        web.role_arn
                    ),
                    OTHER_SETTINGS,
                )
            }
            Some(Identity::ContainerCredentials(_)) if pod::role(pod).is_some() => Finding::fail(
                format!(
                    "the test pod got {given}, but the ServiceAccount is listed for container \
                     credentials"
                ),
                OTHER_SETTINGS,
            ),
            _ => Finding::pass(format!("the test pod got {given}")),
        }
    }

    /// What a refusal says of this webhook, if anything.
    fn refused(&self, refusal: &Refusal) -> Finding {
        let name = refusal.webhook().unwrap_or("(without a name)");
        if refusal.by == RefusedBy::Webhook && self.is_another(name) {
            return Finding::Unknown(format!(
                "another webhook ({name}) rejects the test pod, so this check can't see it: {refusal}"
            ));
        }
        let seen = format!("the API server rejects the test pod: {refusal}");
        match refusal.cause() {
            Cause::Call(failure) => Finding::fail(
                format!("the API server could not call the webhook {name}: {refusal}"),
                reach(failure, &self.settings.commands.kubectl()),
            ),
            Cause::Denied => Finding::fail(
                seen,
                "if this webhook rejected it, fix what it says; if another one did, let it admit pods",
            ),
            Cause::SideEffects => Finding::Unknown(format!(
                "{seen}; its sideEffects must be None or NoneOnDryRun for a dry run; other pods are not \
                 affected"
            )),
            Cause::Quota => {
                Finding::Unknown(format!("{seen}; the dry run needs room in the namespace's quota"))
            }
            Cause::PodSecurity => Finding::Unknown(format!(
                "{seen}; the test pod itself meets the level restricted, so another webhook may have changed it"
            )),
            Cause::NoServiceAccount | Cause::Other => Finding::Unknown(seen),
        }
    }

    /// Whether the webhook of this name is known to be none of this one's entries.
    fn is_another(&self, name: &str) -> bool {
        self.facts.webhooks.known().is_some() && !self.entries.iter().any(|it| it.name == name)
    }
}

/// What to do where the API server can't call the webhook.
fn reach(failure: CallFailure, kubectl: &str) -> String {
    let next = match failure {
        CallFailure::Silent => {
            "let the control plane reach port 8443 of the webhook's pods: a firewall or security group \
             (private GKE clusters open 443 and 10250 alone) or a NetworkPolicy blocks it; if only dry \
             runs fail, check sideEffects; if it is slow, raise timeoutSeconds"
        }
        CallFailure::NoPod => {
            return format!(
                "find out why no pod of the webhook listens behind its Service: {kubectl} get pods, \
                 {kubectl} logs; check the Service's selector and targetPort (8443)"
            );
        }
        CallFailure::NoService => {
            "create the Service that clientConfig names: deploy/base/service.yaml"
        }
        CallFailure::Certificate => {
            "check the webhook's log: with managed certificates it updates the caBundle; with your own, \
             put their CA into the caBundle, with the Service's name among the certificate's names; with \
             --client-ca-file, give the API server a client certificate"
        }
        CallFailure::Other => {
            "check the webhook's log for this request, and that the Service leads to this webhook"
        }
    };
    next.to_owned()
}
