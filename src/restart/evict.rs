//! One pod is evicted, and what comes in its place is looked at.

use std::collections::BTreeSet;
use std::time::Duration;

use diagnosis::{
    PodState, Refused, Replaced, RestartFacts, Step, StepPod, bounded, check_eviction, is_ready,
    wanted_pods,
};
use hyper::Request;
use kube::Client;
use kube::core::Status;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::pace::Pace;
use super::{Event, Halt, Outcome, Restarter, Turn, Unseen, Wait, is_live, name, uid};
use crate::api_server::request::OwnRetries;
use crate::api_server::{Failure, FailureKind};
use crate::evidence::current_facts;

/// How long a budget is given at least before it is asked again, and at most, whatever the API server wishes.
const BUDGET_PAUSE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// What the API server said of an eviction.
#[derive(Debug)]
enum Answer {
    Evicted,
    /// There is no pod of this name.
    Gone,
    /// A budget allows none now, or something is not as it was when it was looked at.
    Later {
        why: String,
        pause: Duration,
    },
    /// Nobody knows whether it was evicted.
    Lost(String),
    Refused(String),
}

/// A workload and its pods as they are now.
struct Now {
    facts: RestartFacts,
    selector: String,
    /// Of all its pods.
    uids: BTreeSet<String>,
    /// The names of those that are ready, and not on their way out.
    ready: BTreeSet<String>,
    /// The one that is to go.
    pod: Option<Value>,
    /// How many pods were read.
    read: usize,
}

/// What there was when the eviction was sent.
struct Before {
    pod: Value,
    uids: BTreeSet<String>,
    selector: String,
}

impl Restarter<'_, '_> {
    pub(super) async fn evict(
        &mut self,
        step: &Step,
        pod: &StepPod,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Outcome, Halt> {
        let (deadline, mut pace) = (Instant::now() + self.patience, Pace::default());
        let (what, mut before) = (format!("{}/{}", step.namespace, pod.name), None);
        loop {
            if self.stop.is_requested() {
                return Err(Halt::Interrupted);
            }
            match self.attempt(step, pod, &mut before, deadline, &mut pace).await {
                Turn::Over(over) => return over,
                Turn::Go => break,
                Turn::Wait(wait) => {
                    if let Some(over) = self.waited(wait, &what, tell).await {
                        return over;
                    }
                }
            }
        }
        let Some(before) = before else { return Ok(Outcome::Gone) };
        let outcome = self.replaced(step, &before, tell).await?;
        self.state.settles = None;
        Ok(outcome)
    }

    /// Looks at everything again, and evicts the pod if nothing speaks against it. `before` is there from when an
    /// eviction was sent of which nobody knows that it failed.
    async fn attempt(
        &mut self,
        step: &Step,
        pod: &StepPod,
        before: &mut Option<Before>,
        deadline: Instant,
        pace: &mut Pace,
    ) -> Turn {
        let Now { facts, selector, uids, ready, pod: found, read } =
            match self.look(step, &pod.uid).await {
                Ok(now) => now,
                Err(why) => return self.unseen(why, pace.next(0)),
            };
        self.state.answers = None;
        let pause = pace.next(read);
        let (is_there, found) = (found.is_some(), found.filter(is_live));
        let Some(found) = found else {
            // Deleted by this, or by somebody else: then its replacement comes without this.
            if before.is_some() {
                return Turn::Go;
            }
            if wanted_pods(step, &facts).is_some_and(|wanted| ready.len() as u64 >= wanted) {
                return Turn::Over(Ok(Outcome::Gone));
            }
            let (what, end) = if is_there {
                ("it is being deleted already", Outcome::Skipped(Refused::Ending))
            } else {
                ("it is gone", Outcome::Gone)
            };
            let why = format!("{what}, and its workload is not complete yet");
            return self.settles(why, pause, Ok(end));
        };
        match self.auditor.state_of(&found) {
            Some(found) if found.state.is_wrong() => {}
            Some(found) if found.state == PodState::Unknown => {
                return Turn::Over(self.left(Refused::NotKnown(found.why)));
            }
            _ => return Turn::Over(Ok(Outcome::NotNeeded)),
        }
        if let Err(why) = check_eviction(step, &found, &ready, &facts, self.options) {
            return self.refused(why, pause);
        }
        if self.stop.is_requested() {
            return Turn::Over(Err(Halt::Interrupted));
        }
        let was_sent = before.is_some();
        let version = found["metadata"]["resourceVersion"].clone();
        before.get_or_insert(Before { pod: found, uids, selector });
        self.state.under_way = true;
        // Also where its answer is lost.
        self.state.last = Some(Instant::now());
        let answer = evict(self.client, &step.namespace, pod, &version).await;
        if !was_sent && matches!(answer, Answer::Gone | Answer::Later { .. } | Answer::Refused(_)) {
            *before = None;
            self.state.under_way = false;
        }
        let within = self.patience;
        let (why, pause, end) = match answer {
            Answer::Evicted | Answer::Gone => return Turn::Go,
            Answer::Refused(why) => {
                let why = format!("the API server refuses the eviction: {why}");
                return Turn::Over(Err(Halt::Failed(why)));
            }
            Answer::Later { why, pause: wish } => {
                let rollout = if step.owner.is_deployment() { ", or with --rollout" } else { "" };
                let end = format!(
                    "it could not be evicted within {within:?}: {why}; run it again with a longer --timeout{rollout}"
                );
                (why, wish.max(pause), end)
            }
            Answer::Lost(why) => {
                let end = format!("whether it was evicted is not known after {within:?}: {why}");
                (why, BUDGET_PAUSE.0, end)
            }
        };
        Turn::Wait(Wait { why, pause, until: deadline, otherwise: Err(Halt::Failed(end)) })
    }

    /// Everything that decides about an eviction, the pod last.
    async fn look(&mut self, step: &Step, wanted: &str) -> Result<Now, Unseen> {
        self.refresh(step).await?;
        let facts = current_facts(self.client, step).await.map_err(Unseen::Failed)?;
        let selector = facts.selector(&step.controller).map_err(Unseen::Refused)?;
        let (mut uids, mut ready, mut found) = (BTreeSet::new(), BTreeSet::new(), None);
        let see = |pod: Value| {
            if !step.controller.owns(&pod) {
                return;
            }
            uids.insert(uid(&pod).to_owned());
            if is_live(&pod) && is_ready(&pod) {
                ready.insert(name(&pod));
            }
            if uid(&pod) == wanted {
                found = Some(pod);
            }
        };
        let read = self.each_pod(&step.namespace, &selector, see).await?;
        Ok(Now { facts, selector, uids, ready, pod: found, read })
    }

    /// The pods that came in its place: each has its identity, and all are ready.
    async fn replaced(
        &self,
        step: &Step,
        before: &Before,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Outcome, Halt> {
        let (deadline, mut pace) = (Instant::now() + self.patience, Pace::default());
        let (mut judged, mut is_first) = (BTreeSet::new(), true);
        loop {
            let (mut new, mut live) = (Vec::new(), 0_u64);
            let see = |pod: Value| {
                if !step.controller.owns(&pod) {
                    return;
                }
                live += u64::from(is_live(&pod) && !has_finished(&pod));
                if !before.uids.contains(uid(&pod)) {
                    new.push(pod);
                }
            };
            let read = self.each_pod(&step.namespace, &before.selector, see).await;
            let kind = step.controller.kind;
            let waits = match &read {
                // It may be back in a moment.
                Err(why) => why.message(),
                Ok(_) => match Replaced::of(&new, &before.uids, kind, &before.pod) {
                    Replaced::NotYet if !is_first && self.is_enough(step, live).await => {
                        return Ok(Outcome::NotWanted);
                    }
                    Replaced::NotYet => "no pod has come in its place yet".to_owned(),
                    Replaced::Failed(failed) => {
                        let why = format!("its replacement {} has failed", name(failed));
                        return Err(Halt::Failed(why));
                    }
                    Replaced::NotReady(new) => {
                        self.judge_once(&new, &mut judged)?;
                        let names: Vec<_> = new.iter().map(|it| name(it)).collect();
                        format!("its replacement {} is not ready yet", names.join(", "))
                    }
                    Replaced::Ready(new) => {
                        self.judge_once(&new, &mut judged)?;
                        return Ok(Outcome::Replaced(new.iter().map(|it| name(it)).collect()));
                    }
                },
            };
            is_first = false;
            if Instant::now() >= deadline {
                let why = format!("it was evicted, and after {:?} {waits}", self.patience);
                return Err(Halt::Failed(why));
            }
            let what = name(&before.pod);
            tell(Event::Waits(format!("{}/{what} is evicted: {waits}", step.namespace)));
            self.rest(pace.next(read.unwrap_or_default())).await;
        }
    }

    /// Whether the workload wants no more pods than it has: then none comes in the place of one that has gone.
    async fn is_enough(&self, step: &Step, live: u64) -> bool {
        let facts = current_facts(self.client, step).await;
        facts.is_ok_and(|facts| wanted_pods(step, &facts).is_some_and(|wanted| live >= wanted))
    }

    fn judge_once(&self, new: &[&Value], judged: &mut BTreeSet<String>) -> Result<(), Halt> {
        for pod in new {
            if judged.insert(uid(pod).to_owned()) {
                self.judge(pod).map_err(Halt::Failed)?;
            }
        }
        Ok(())
    }
}

/// Whether it runs no more: such a pod may stay for long, and its controller does not count it.
fn has_finished(pod: &Value) -> bool {
    ["Failed", "Succeeded"].iter().any(|phase| pod["status"]["phase"] == *phase)
}

/// Evicts this pod and no later one of its name, and only as it was when it was looked at.
async fn evict(client: &Client, namespace: &str, pod: &StepPod, version: &Value) -> Answer {
    let body = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod.name, "namespace": namespace},
        "deleteOptions": {"preconditions": {"uid": pod.uid, "resourceVersion": version}},
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
        // A budget that is busy, or the pod has changed, or it is another of its name: the next look tells.
        FailureKind::Conflict => Answer::Later { why, pause: BUDGET_PAUSE.0 },
        FailureKind::TooManyRequests => {
            let details = match &error {
                kube::Error::Api(status) => status.details.as_ref(),
                _ => None,
            };
            let wish = details.map_or(0, |details| details.retry_after_seconds);
            let (least, most) = BUDGET_PAUSE;
            let pause = Duration::from_secs(wish.into()).clamp(least, most);
            // It names the budget, and says how many healthy pods that needs.
            let mut causes = details.into_iter().flat_map(|details| &details.causes);
            let budget = causes.find(|cause| cause.reason == "DisruptionBudget");
            let why = budget.map_or(why, |cause| bounded(&cause.message));
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
        // The next look finds a reason, or it passes.
        Ok(status) => {
            let why = bounded(&Failure::of_status(&status).message);
            Answer::Later { why, pause: BUDGET_PAUSE.0 }
        }
        Err(error) => Answer::Lost(bounded(&error.to_string())),
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
        assert!(
            matches!(of_answer(failed), Answer::Later { why, .. } if why.contains("more than one"))
        );
        assert!(!matches!(of_answer(json!({})), Answer::Evicted));
    }
}
