//! Carries out the plan of `audit --restart`: one pod after the other, each replacement looked at before the next
//! pod goes. The first that is not as it should be ends it.

mod evict;
mod pace;
mod rollout;
mod stop;
#[cfg(test)]
mod tests;

use std::time::Duration;

use diagnosis::{
    Action, Auditor, Commands, Fact, PodState, Refused, RestartOptions, RestartPlan, Step, bounded,
    odd_role,
};
use kube::Client;
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

pub(crate) use stop::Stop;

use crate::evidence::{answered, ask};

/// How long what should pass by itself is waited for: a status that lags behind, a pod that somebody else deletes, an
/// API server that does not answer.
const SETTLE: Duration = Duration::from_mins(1);

/// A wait that is worth a word.
const SHORT: Duration = Duration::from_secs(1);

/// What it takes to carry out a plan.
pub(crate) struct Restarter<'a, 's> {
    pub(crate) client: &'a Client,
    /// Says what a replacement has.
    pub(crate) auditor: &'a mut Auditor<'s>,
    pub(crate) commands: &'a Commands,
    pub(crate) options: RestartOptions,
    /// From one pod to the next.
    pub(crate) pace: Duration,
    /// How long a budget is waited for, and how long a replacement.
    pub(crate) patience: Duration,
    pub(crate) stop: &'a Stop,
    pub(crate) state: State,
}

/// Where it is.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// When the last pod was evicted, or the last rollout began.
    last: Option<Instant>,
    /// A request went out that may have restarted what is being worked at.
    under_way: bool,
    /// Until when a step may wait for what passes by itself. It begins anew with each pod that was replaced, so that a
    /// workload that never gets well costs this time once.
    settles: Option<Instant>,
    /// Until when the API server, which does not answer, is asked again.
    answers: Option<Instant>,
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
    /// It was evicted, and its workload wants no other in its place any more.
    NotWanted,
    /// What it was planned by has changed: now there is a reason against it.
    Skipped(Refused),
}

impl Outcome {
    /// Why it was left as it is, where it was.
    pub(crate) fn skipped(&self) -> Option<&Refused> {
        match self {
            Self::Skipped(why) => Some(why),
            _ => None,
        }
    }
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
    /// Somebody asked for the end; what was evicted or rolled out, and not waited for until its end.
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
#[derive(Debug)]
enum Halt {
    Failed(String),
    Interrupted,
}

/// What an attempt came to.
enum Turn {
    /// Nothing is left to do.
    Over(Result<Outcome, Halt>),
    /// It is done, or somebody else has done it.
    Go,
    Wait(Wait),
}

/// What an attempt has to wait for before the next.
struct Wait {
    why: String,
    pause: Duration,
    until: Instant,
    /// How it ends where that is not enough.
    otherwise: Result<Outcome, Halt>,
}

/// Why a look did not show what is true now.
enum Unseen {
    /// Something is gone, or the user may not see it.
    Refused(Refused),
    /// The API server does not answer.
    Failed(String),
}

impl Unseen {
    fn message(&self) -> String {
        match self {
            Self::Refused(why) => why.message(),
            Self::Failed(why) => why.clone(),
        }
    }
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
        let (mut done, stop) = (Vec::new(), self.stop);
        for (index, step) in plan.steps.iter().enumerate() {
            let whats: Vec<String> = match step.action {
                Action::Evict => step.pods.iter().map(|pod| pod.name.clone()).collect(),
                Action::Rollout => vec![step.controller.object()],
            };
            self.state.settles = None;
            for (number, what) in whats.into_iter().enumerate() {
                self.state.under_way = false;
                let one = tokio::select! {
                    biased;
                    // What is dropped then has sent a request at most, of which `under_way` tells.
                    () = stop.requested(2) => Err(Halt::Interrupted),
                    one = self.one(step, number, tell) => one,
                };
                let ended = match one {
                    Ok(outcome) => {
                        let one = Done { step: index, what, outcome };
                        tell(Event::Done(step, &one));
                        done.push(one);
                        continue;
                    }
                    Err(Halt::Failed(why)) => Ended::Failed { step: index, what, why },
                    Err(Halt::Interrupted) => {
                        let under_way = self.state.under_way.then_some((index, what));
                        Ended::Interrupted { under_way }
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
        let next = self.state.last.map_or_else(Instant::now, |last| last + self.pace);
        let pause = next.saturating_duration_since(Instant::now());
        if pause > SHORT {
            tell(Event::Waits(format!("waiting {} s before the next pod", pause.as_secs())));
        }
        // Both arms only wait. Who asked for the end gets it.
        tokio::select! {
            biased;
            () = self.stop.requested(1) => return Err(Halt::Interrupted),
            () = sleep_until(next) => {}
        }
        match step.action {
            Action::Evict => match step.pods.get(number) {
                Some(pod) => self.evict(step, pod, tell).await,
                None => Ok(Outcome::Gone),
            },
            Action::Rollout => self.roll_out(step, tell).await,
        }
    }

    /// The `ServiceAccount` as it is now: pods are held to that.
    async fn refresh(&mut self, step: &Step) -> Result<(), Unseen> {
        let account = &step.service_account;
        let name = account.split_once('/').map_or("", |(_, name)| name);
        let path = format!("/api/v1/namespaces/{}/serviceaccounts/{name}", step.namespace);
        let what = format!("ServiceAccount {account}");
        match answered(ask::get(self.client, &path).await, &what).map_err(Unseen::Failed)? {
            Fact::Known(account) => {
                self.auditor.account(&account);
                Ok(())
            }
            Fact::Absent | Fact::NotAsked => {
                Err(Unseen::Refused(Refused::NotKnown(format!("{what} is gone"))))
            }
            Fact::Unknown(why) => {
                Err(Unseen::Refused(Refused::NotKnown(format!("failed to get {what}: {why}"))))
            }
        }
    }

    /// Whether a new pod has its identity; else why not.
    fn judge(&self, pod: &Value) -> Result<(), String> {
        let name = name(pod);
        match self.auditor.state_of(pod) {
            Some(found) if found.state == PodState::Fine => match odd_role(pod) {
                None => Ok(()),
                Some(role) => Err(format!(
                    "its replacement {name} has the role {role}, which is not the ARN of a role"
                )),
            },
            Some(found) => {
                Err(format!("its replacement {name} is {}: {}", found.state.as_str(), found.why))
            }
            None => Err(format!("its replacement {name} gets no identity")),
        }
    }

    /// Shows each pod that a selector finds; how many they were.
    async fn each_pod(
        &self,
        namespace: &str,
        selector: &str,
        mut see: impl FnMut(Value),
    ) -> Result<usize, Unseen> {
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let (mut count, query) = (0, format!("labelSelector={selector}"));
        let listed = ask::list(self.client, &path, &query, |pod| {
            count += 1;
            see(pod);
            Ok(())
        });
        let listed = listed.await;
        match answered(listed, "pods").map_err(Unseen::Failed)? {
            Fact::Known(()) => Ok(count),
            Fact::Unknown(why) => {
                Err(Unseen::Refused(Refused::NotKnown(format!("failed to list pods: {why}"))))
            }
            Fact::Absent | Fact::NotAsked => {
                Err(Unseen::Refused(Refused::NotKnown("there is no list of pods".to_owned())))
            }
        }
    }

    /// Something speaks against it now.
    fn left(&self, why: Refused) -> Result<Outcome, Halt> {
        if self.state.under_way {
            let why = why.message();
            return Err(Halt::Failed(format!("whether it was restarted is not known: {why}")));
        }
        Ok(Outcome::Skipped(why))
    }

    /// It may be otherwise in a moment.
    fn settles(&mut self, why: String, pause: Duration, otherwise: Result<Outcome, Halt>) -> Turn {
        let settle = SETTLE.min(self.patience);
        let until = *self.state.settles.get_or_insert_with(|| Instant::now() + settle);
        Turn::Wait(Wait { why, pause, until, otherwise })
    }

    /// What becomes of something that could not be looked at.
    fn unseen(&mut self, why: Unseen, pause: Duration) -> Turn {
        match why {
            Unseen::Refused(why) => Turn::Over(self.left(why)),
            Unseen::Failed(why) => {
                let settle = SETTLE.min(self.patience);
                let until = *self.state.answers.get_or_insert_with(|| Instant::now() + settle);
                let otherwise = Err(Halt::Failed(why.clone()));
                Turn::Wait(Wait { why, pause, until, otherwise })
            }
        }
    }

    /// What becomes of something that there is a reason against.
    fn refused(&mut self, why: Refused, pause: Duration) -> Turn {
        let (message, may_pass) = (why.message(), why.may_pass());
        let left = self.left(why);
        if may_pass { self.settles(message, pause, left) } else { Turn::Over(left) }
    }

    /// Waits until the next look. Somebody who asks for the end sees at once that it was heard.
    async fn rest(&self, pause: Duration) {
        let was_asked = self.stop.is_requested();
        // Both arms only wait.
        tokio::select! {
            () = self.stop.requested(1), if !was_asked => {}
            () = sleep(pause) => {}
        }
    }

    /// Waits before the next attempt; or how it ends instead.
    async fn waited(
        &self,
        wait: Wait,
        what: &str,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Option<Result<Outcome, Halt>> {
        let again = Instant::now() + wait.pause;
        if again > wait.until {
            return Some(wait.otherwise);
        }
        tell(Event::Waits(format!("{what}: {}", wait.why)));
        // Both arms only wait.
        tokio::select! {
            () = self.stop.requested(1) => Some(Err(Halt::Interrupted)),
            () = sleep_until(again) => None,
        }
    }
}

fn name(pod: &Value) -> String {
    bounded(pod["metadata"]["name"].as_str().unwrap_or_default())
}

fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

/// Whether nobody has deleted it.
fn is_live(pod: &Value) -> bool {
    pod["metadata"]["deletionTimestamp"].is_null()
}
