//! Carries out the plan of `audit --restart`: one pod after the other, each replacement looked at before the next
//! pod goes. The first that is not as it should be ends it.

mod evict;
mod rollout;
mod stop;

use std::time::Duration;

use diagnosis::{
    Action, Auditor, Commands, Fact, PodState, RestartFacts, RestartPlan, Step, bounded,
};
use kube::Client;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

pub(crate) use stop::Stop;

use crate::evidence::ask;

/// How often a workload is looked at while its pods are replaced.
const POLL: Duration = Duration::from_secs(1);

/// What it takes to carry out a plan.
pub(crate) struct Restarter<'a, 's> {
    pub(crate) client: &'a Client,
    /// Says what a replacement has.
    pub(crate) auditor: &'a mut Auditor<'s>,
    pub(crate) facts: &'a RestartFacts,
    pub(crate) commands: &'a Commands,
    /// From one pod to the next.
    pub(crate) pace: Duration,
    /// How long a budget is waited for, and how long a replacement.
    pub(crate) patience: Duration,
    pub(crate) stop: &'a Stop,
    /// When the last pod was evicted, or the last rollout began.
    pub(crate) last: Option<Instant>,
}

/// What is said while it goes on.
pub(crate) enum Event<'e> {
    /// What is waited for.
    Waits(String),
    /// A pod, or all of a Deployment, is done.
    Done(&'e Step, &'e Done),
}

/// One pod, or a Deployment that was rolled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    /// Which step of the plan.
    pub(crate) step: usize,
    /// The pod's name, or the Deployment as `deployment/app`.
    pub(crate) what: String,
    pub(crate) outcome: Outcome,
}

/// What became of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// These came in its place.
    Replaced(Vec<String>),
    /// All pods of the Deployment are new.
    RolledOut,
    /// It had gone by itself.
    Gone,
    /// It has its identity now.
    NotNeeded,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Complete,
    /// At this pod of this step; why.
    Failed {
        step: usize,
        what: String,
        why: String,
    },
    /// By a signal; what was evicted or rolled out, and not waited for until its end.
    Interrupted {
        under_way: Option<(usize, String)>,
    },
}

/// What was done, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) done: Vec<Done>,
    pub(crate) ended: Ended,
}

/// Why it does not go on.
enum Halt {
    Failed(String),
    /// Whether a pod is on its way.
    Interrupted(bool),
}

impl From<String> for Halt {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

impl Restarter<'_, '_> {
    pub(crate) async fn carry_out(
        &mut self,
        plan: &RestartPlan,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Carried {
        let mut done = Vec::new();
        for (index, step) in plan.steps.iter().enumerate() {
            let whats: Vec<String> = match step.action {
                Action::Evict => step.pods.iter().map(|pod| pod.name.clone()).collect(),
                Action::Rollout => vec![step.controller.object()],
            };
            for (number, what) in whats.into_iter().enumerate() {
                let ended = match self.one(step, number, tell).await {
                    Ok(outcome) => {
                        let one = Done { step: index, what, outcome };
                        tell(Event::Done(step, &one));
                        done.push(one);
                        continue;
                    }
                    Err(Halt::Failed(why)) => Ended::Failed { step: index, what, why },
                    Err(Halt::Interrupted(under_way)) => {
                        Ended::Interrupted { under_way: under_way.then_some((index, what)) }
                    }
                };
                return Carried { done, ended };
            }
        }
        Carried { done, ended: Ended::Complete }
    }

    async fn one(
        &mut self,
        step: &Step,
        number: usize,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Outcome, Halt> {
        let next = self.last.map_or_else(Instant::now, |last| last + self.pace);
        let pause = next.saturating_duration_since(Instant::now());
        if pause > POLL {
            tell(Event::Waits(format!("waiting {} s before the next pod", pause.as_secs())));
        }
        // Both arms only wait. Who asked for the end gets it.
        tokio::select! {
            biased;
            () = self.stop.requested(1) => return Err(Halt::Interrupted(false)),
            () = sleep_until(next) => {}
        }
        self.refresh(step).await?;
        match step.action {
            Action::Evict => match step.pods.get(number) {
                Some(pod) => self.evict(step, pod, tell).await,
                None => Ok(Outcome::Gone),
            },
            Action::Rollout => self.roll_out(step, tell).await,
        }
    }

    /// The `ServiceAccount` as it is now: replacements are held to that.
    async fn refresh(&mut self, step: &Step) -> Result<(), Halt> {
        let name = step.service_account.split_once('/').map_or("", |(_, name)| name);
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/{name}", step.namespace);
        match ask::get(self.client, &path).await {
            Fact::Known(account) => {
                self.auditor.account(&account);
                Ok(())
            }
            Fact::Absent | Fact::NotAsked => {
                Err(format!("ServiceAccount {} is gone", step.service_account).into())
            }
            Fact::Unknown(why) => {
                Err(format!("failed to get ServiceAccount {}: {why}", step.service_account).into())
            }
        }
    }

    /// Whether a new pod has its identity; else why not.
    fn judge(&self, pod: &Value) -> Result<(), String> {
        let name = name(pod);
        match self.auditor.state_of(pod) {
            Some(found) if found.state == PodState::Fine => Ok(()),
            Some(found) => {
                Err(format!("its replacement {name} is {}: {}", found.state.as_str(), found.why))
            }
            None => Err(format!("its replacement {name} gets no identity")),
        }
    }

    /// The pods that a selector finds.
    async fn pods(&self, namespace: &str, selector: &str) -> Result<Vec<Value>, String> {
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let mut pods = Vec::new();
        let query = format!("labelSelector={selector}");
        let listed = ask::list(self.client, &path, &query, |pod| {
            pods.push(pod);
            Ok(())
        });
        match listed.await {
            Fact::Known(()) => Ok(pods),
            Fact::Unknown(why) => Err(format!("failed to list pods: {why}")),
            Fact::Absent | Fact::NotAsked => Err("there is no list of pods".to_owned()),
        }
    }

    /// The selector of what makes the pods.
    fn selector(&self, step: &Step) -> Result<String, Halt> {
        let object = self.facts.object_of(&step.controller);
        let selector = object.and_then(|object| step.controller.selector(object));
        selector.ok_or_else(|| {
            Halt::Failed(format!("the selector of {} is not known", step.controller.object()))
        })
    }

    /// Waits a moment, unless somebody wants it to end at once.
    async fn pause(&self) -> Result<(), Halt> {
        // Both arms only wait.
        tokio::select! {
            () = self.stop.requested(2) => Err(Halt::Interrupted(true)),
            () = tokio::time::sleep(POLL) => Ok(()),
        }
    }
}

fn name(pod: &Value) -> String {
    bounded(pod["metadata"]["name"].as_str().unwrap_or_default())
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}
