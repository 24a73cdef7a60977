//! One pod is evicted, and what comes in its place is looked at.

use std::collections::BTreeSet;
use std::time::Duration;

use diagnosis::{Fact, PodState, Replaced, Step, StepPod, bounded};
use hyper::Request;
use kube::Client;
use kube::core::Status;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{Event, Halt, Outcome, Restarter, name, uid};
use crate::api_server::request::OwnRetries;
use crate::api_server::{Failure, FailureKind};
use crate::evidence::ask;

/// How long a budget is given at least before it is asked again, and at most, whatever the API server wishes.
const BUDGET_PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// What the API server said of an eviction.
enum Answer {
    Evicted,
    /// The pod is not there, or another one of its name is.
    Gone,
    /// A budget allows none now.
    Later {
        why: String,
        pause: Duration,
    },
    /// Nobody knows whether it was evicted.
    Lost(String),
    Refused(String),
}

impl Restarter<'_, '_> {
    pub(super) async fn evict(
        &mut self,
        step: &Step,
        pod: &StepPod,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Outcome, Halt> {
        let selector = self.selector(step)?;
        let before = self.owned(step, &selector).await?;
        let Some(current) = before.iter().find(|it| uid(it) == pod.uid) else {
            return Ok(Outcome::Gone);
        };
        // Somebody else has deleted it: its replacement comes without this.
        if current["metadata"]["deletionTimestamp"].is_string() {
            return Ok(Outcome::Gone);
        }
        match self.auditor.state_of(current) {
            Some(found) if found.state.is_wrong() => {}
            Some(found) if found.state == PodState::Unknown => {
                return Err(format!("what it lacks is not known any more: {}", found.why).into());
            }
            _ => return Ok(Outcome::NotNeeded),
        }
        let known: Vec<String> = before.iter().map(|it| uid(it).to_owned()).collect();
        let old = current.clone();
        drop(before);
        if !self.evicted(step, pod, tell).await? {
            return Ok(Outcome::Gone);
        }
        self.replaced(step, &old, &selector, &known, tell).await.map(Outcome::Replaced)
    }

    /// Whether it was this that evicted the pod.
    async fn evicted(
        &mut self,
        step: &Step,
        pod: &StepPod,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<bool, Halt> {
        let deadline = Instant::now() + self.patience;
        let mut was_sent = false;
        loop {
            if self.stop.is_requested() {
                return Err(Halt::Interrupted(was_sent));
            }
            // Also where its answer is lost.
            self.last = Some(Instant::now());
            let (why, pause) = match evict(self.client, &step.namespace, pod).await {
                Answer::Evicted => return Ok(true),
                Answer::Gone => return Ok(was_sent),
                Answer::Refused(why) => {
                    return Err(format!("the API server refuses the eviction: {why}").into());
                }
                Answer::Later { why, pause } => (why, pause),
                Answer::Lost(why) => {
                    was_sent = true;
                    (why, BUDGET_PAUSE.0)
                }
            };
            let again = Instant::now() + pause;
            if again > deadline {
                return Err(
                    format!("it could not be evicted within {:?}: {why}", self.patience).into()
                );
            }
            tell(Event::Waits(format!("{}/{}: {why}", step.namespace, pod.name)));
            // Both arms only wait.
            tokio::select! {
                () = self.stop.requested(1) => return Err(Halt::Interrupted(was_sent)),
                () = sleep_until(again) => {}
            }
        }
    }

    /// The names of the pods that came in its place: each has its identity, and all are ready.
    async fn replaced(
        &self,
        step: &Step,
        old: &Value,
        selector: &str,
        known: &[String],
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Vec<String>, Halt> {
        let deadline = Instant::now() + self.patience;
        let mut judged = BTreeSet::new();
        loop {
            let waits = match self.owned(step, selector).await {
                // It may be back in a moment.
                Err(why) => why,
                Ok(pods) => match Replaced::of(&pods, known, step.controller.kind, old) {
                    Replaced::NotYet => "no pod has come in its place yet".to_owned(),
                    Replaced::Failed(failed) => {
                        return Err(format!("its replacement {} has failed", name(failed)).into());
                    }
                    Replaced::NotReady(new) => {
                        self.judge_once(&new, &mut judged)?;
                        let names: Vec<_> = new.iter().map(|it| name(it)).collect();
                        format!("its replacement {} is not ready yet", names.join(", "))
                    }
                    Replaced::Ready(new) => {
                        self.judge_once(&new, &mut judged)?;
                        return Ok(new.iter().map(|it| name(it)).collect());
                    }
                },
            };
            if Instant::now() >= deadline {
                return Err(format!("it was evicted, and after {:?} {waits}", self.patience).into());
            }
            tell(Event::Waits(format!("{}/{} is evicted: {waits}", step.namespace, name(old))));
            self.pause().await?;
        }
    }

    fn judge_once(&self, new: &[&Value], judged: &mut BTreeSet<String>) -> Result<(), String> {
        for pod in new {
            if judged.insert(uid(pod).to_owned()) {
                self.judge(pod)?;
            }
        }
        Ok(())
    }

    /// The pods of what makes them.
    async fn owned(&self, step: &Step, selector: &str) -> Result<Vec<Value>, String> {
        let mut pods = self.pods(&step.namespace, selector).await?;
        pods.retain(|pod| step.controller.owns(pod));
        Ok(pods)
    }
}

async fn evict(client: &Client, namespace: &str, pod: &StepPod) -> Answer {
    let body = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": pod.uid}},
    });
    let path = format!("/api/v1/namespaces/{namespace}/pods/{}/eviction", pod.name);
    let request = Request::post(path)
        .header("content-type", "application/json")
        // 429 is an answer here, and how long it is waited for is not up to the client.
        .extension(OwnRetries)
        .body(body.to_string().into_bytes());
    let request = match request {
        Ok(request) => request,
        Err(error) => return Answer::Refused(error.to_string()),
    };
    let error = match client.request::<Value>(request).await {
        Ok(answer) => return of_answer(answer),
        Err(error) => error,
    };
    let failure = Failure::of(&error);
    let why = bounded(&failure.message);
    match failure.kind {
        FailureKind::NotFound => Answer::Gone,
        FailureKind::Conflict => after_conflict(client, namespace, pod, why).await,
        FailureKind::TooManyRequests => {
            let wish = match &error {
                kube::Error::Api(status) => {
                    status.details.as_ref().map_or(0, |details| details.retry_after_seconds)
                }
                _ => 0,
            };
            let (least, most) = BUDGET_PAUSE;
            let pause = Duration::from_secs(wish.into()).clamp(least, most);
            Answer::Later { why, pause }
        }
        FailureKind::Timeout
        | FailureKind::Unreachable
        | FailureKind::Refused
        | FailureKind::Server
        | FailureKind::Gone
        | FailureKind::Unreadable => Answer::Lost(why),
        _ => Answer::Refused(why),
    }
}

/// Of a response with a status of success: the API server may still say in it that it failed, as where several budgets
/// select the pod.
fn of_answer(answer: Value) -> Answer {
    if answer["status"] == "Success" {
        return Answer::Evicted;
    }
    match serde_json::from_value::<Status>(answer) {
        Ok(status) => Answer::Refused(bounded(&Failure::of_status(&status).message)),
        Err(error) => Answer::Lost(bounded(&error.to_string())),
    }
}

/// A budget that is busy conflicts, as does another pod of the name.
async fn after_conflict(client: &Client, namespace: &str, pod: &StepPod, why: String) -> Answer {
    let path = format!("/api/v1/namespaces/{namespace}/pods/{}", pod.name);
    match ask::get(client, &path).await {
        Fact::Known(found) if uid(&found) != pod.uid => Answer::Gone,
        Fact::Absent => Answer::Gone,
        _ => Answer::Later { why, pause: BUDGET_PAUSE.0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_no_failure_in_a_response_of_success_for_an_eviction() {
        assert!(matches!(
            of_answer(json!({"kind": "Status", "status": "Success"})),
            Answer::Evicted
        ));
        let failed = json!({"kind": "Status", "status": "Failure", "code": 500,
            "message": "This pod has more than one PodDisruptionBudget"});
        assert!(matches!(of_answer(failed), Answer::Refused(why) if why.contains("more than one")));
        assert!(!matches!(of_answer(json!({})), Answer::Evicted));
    }
}
