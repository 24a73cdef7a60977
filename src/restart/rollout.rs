//! A Deployment is rolled out, and its new pods are looked at as they come.

use std::collections::BTreeSet;

use diagnosis::{
    Fact, PodState, RESTARTED_AT, Refused, RestartFacts, Rollout, Step, bounded, check_rollout,
    restart_patch,
};
use hyper::Request;
use jiff::Timestamp;
use serde_json::Value;
use text::shell::Word;
use tokio::time::Instant;

use super::pace::Pace;
use super::{Event, Halt, Outcome, Restarter, Turn, Unseen, Wait, is_live, uid};
use crate::api_server::request::OwnRetries;
use crate::api_server::{Failure, FailureKind};
use crate::evidence::{ask, current_facts};

/// A Deployment and its pods as they are now.
struct Now {
    facts: RestartFacts,
    selector: String,
    /// As much of its pods as the checks read.
    pods: Vec<Value>,
    /// A pod of it lacks something.
    is_wrong: bool,
    /// Why it is not known of one of its pods.
    unknown: Option<String>,
}

/// A rollout that has begun.
struct Begun {
    selector: String,
    generation: u64,
}

impl Restarter<'_, '_> {
    pub(super) async fn roll_out(
        &mut self,
        step: &Step,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Outcome, Halt> {
        let restarted_at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (deadline, mut pace) = (Instant::now() + self.patience, Pace::default());
        let what = format!("{} in namespace {}", step.controller.object(), step.namespace);
        let mut begun = None;
        loop {
            if self.stop.is_requested() {
                return Err(Halt::Interrupted);
            }
            match self.begin(step, &restarted_at, &mut begun, deadline, &mut pace).await {
                Turn::Over(over) => return over,
                Turn::Go => break,
                Turn::Wait(wait) => {
                    if let Some(over) = self.waited(wait, &what, tell).await {
                        return over;
                    }
                }
            }
        }
        let Some(begun) = begun else { return Ok(Outcome::Gone) };
        self.followed(step, &begun, &restarted_at, tell).await
    }

    /// Looks at everything again, and begins the rollout if nothing speaks against it.
    async fn begin(
        &mut self,
        step: &Step,
        restarted_at: &str,
        begun: &mut Option<Begun>,
        deadline: Instant,
        pace: &mut Pace,
    ) -> Turn {
        let now = match self.look_at_all(step).await {
            Ok(now) => now,
            Err(why) => return self.unseen(why, pace.next(0)),
        };
        self.state.answers = None;
        let pause = pace.next(now.pods.len());
        let Some(deployment) = now.facts.object_of(&step.controller) else { return Turn::Go };
        // An earlier patch whose answer was lost.
        if self.state.under_way && Rollout::has_begun(deployment, restarted_at) {
            return began(deployment, now.selector, begun);
        }
        if let Err(why) = check_rollout(step, &now.pods, &now.facts, self.options) {
            return self.refused(why, pause);
        }
        if !now.is_wrong {
            return Turn::Over(match now.unknown {
                Some(why) => self.left(Refused::NotKnown(why)),
                None => Ok(Outcome::NotNeeded),
            });
        }
        let version = &deployment["metadata"]["resourceVersion"];
        let patch = restart_patch(restarted_at, &step.controller.uid, version);
        let request = Request::patch(step.controller.path())
            .header("content-type", "application/merge-patch+json")
            // A second one finds another version, and would say nothing of the first.
            .extension(OwnRetries)
            .body(patch.to_string().into_bytes());
        let request = match request {
            Ok(request) => request,
            Err(error) => return Turn::Over(Err(Halt::Failed(error.to_string()))),
        };
        if self.stop.is_requested() {
            return Turn::Over(Err(Halt::Interrupted));
        }
        let was_sent = self.state.under_way;
        self.state.under_way = true;
        self.state.last = Some(Instant::now());
        let failure = match self.client.request::<Value>(request).await {
            Ok(deployment) => return began(&deployment, now.selector, begun),
            Err(error) => Failure::of(&error),
        };
        let (why, within) = (bounded(&failure.message), self.patience);
        let end = match failure.kind {
            FailureKind::NotFound => return Turn::Go,
            FailureKind::Timeout
            | FailureKind::Unreachable
            | FailureKind::Refused
            | FailureKind::Server
            | FailureKind::Gone
            | FailureKind::Unreadable => self.not_known(step, restarted_at, &why),
            FailureKind::Conflict | FailureKind::TooManyRequests => {
                self.state.under_way = was_sent;
                format!("it could not be rolled out within {within:?}: {why}")
            }
            _ => {
                let why = format!("the API server refuses the rollout: {why}");
                return Turn::Over(Err(Halt::Failed(why)));
            }
        };
        Turn::Wait(Wait { why, pause, until: deadline, otherwise: Err(Halt::Failed(end)) })
    }

    /// Everything that decides about a rollout.
    async fn look_at_all(&mut self, step: &Step) -> Result<Now, Unseen> {
        self.refresh(step).await?;
        let facts = current_facts(self.client, step).await.map_err(Unseen::Failed)?;
        let selector = facts.selector(&step.controller).map_err(Unseen::Refused)?;
        let (mut pods, mut is_wrong, mut unknown) = (Vec::new(), false, None);
        let see = |pod: Value| {
            if !is_live(&pod) {
                return;
            }
            match self.auditor.state_of(&pod) {
                Some(found) if found.state.is_wrong() => is_wrong = true,
                Some(found) if found.state == PodState::Unknown => unknown = Some(found.why),
                _ => {}
            }
            pods.push(RestartFacts::kept_pod(&pod));
        };
        self.each_pod(&step.namespace, &selector, see).await?;
        Ok(Now { facts, selector, pods, is_wrong, unknown })
    }

    /// Until each new pod has been looked at, and all are available.
    async fn followed(
        &self,
        step: &Step,
        begun: &Begun,
        restarted_at: &str,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Outcome, Halt> {
        let name = step.controller.object();
        let (deadline, mut pace) = (Instant::now() + self.patience, Pace::default());
        let mut judged = BTreeSet::new();
        loop {
            let deployment = ask::get(self.client, &step.controller.path()).await;
            // After it, so that a rollout that is complete is complete here too.
            let (mut seen, mut new) = (0_u64, Vec::new());
            let see = |pod: Value| {
                if !is_of(&pod, restarted_at) || !is_live(&pod) {
                    return;
                }
                seen += 1;
                if judged.insert(uid(&pod).to_owned()) {
                    new.push(pod);
                }
            };
            let listed = self.each_pod(&step.namespace, &begun.selector, see).await;
            for pod in &new {
                self.judge(pod).map_err(|why| self.goes_on(step, &why))?;
            }
            let waits = match deployment {
                Fact::Known(deployment) => {
                    match Rollout::of(&deployment, begun.generation, restarted_at) {
                        Rollout::Complete { wanted } if listed.is_ok() && seen >= wanted => {
                            return Ok(Outcome::RolledOut);
                        }
                        Rollout::Complete { wanted } => {
                            format!("{seen} of {wanted} new pods were looked at")
                        }
                        Rollout::Going { available, wanted } => {
                            format!("{available} of {wanted} new pods are available")
                        }
                        Rollout::Failed(why) => return Err(self.goes_on(step, &why)),
                        Rollout::Changed => {
                            let why = "somebody else has changed it meanwhile".to_owned();
                            return Err(Halt::Failed(why));
                        }
                    }
                }
                Fact::Absent | Fact::NotAsked => {
                    return Err(Halt::Failed(format!("{name} is gone")));
                }
                Fact::Unknown(why) => format!("failed to get it: {why}"),
            };
            let waits = match &listed {
                Ok(_) => waits,
                Err(why) => format!("{waits}; {}", why.message()),
            };
            if Instant::now() >= deadline {
                let why = format!("it is not complete after {:?}: {waits}", self.patience);
                return Err(self.goes_on(step, &why));
            }
            tell(Event::Waits(format!("{name} in namespace {}: {waits}", step.namespace)));
            self.rest(pace.next(listed.unwrap_or_default())).await;
        }
    }

    /// What a rollout has begun, its controller goes on with.
    fn goes_on(&self, step: &Step, why: &str) -> Halt {
        let undo = self.undo(step);
        Halt::Failed(format!("{why}; its rollout goes on: to take it back, run {undo}"))
    }

    /// The answer to the patch is lost. Where nothing has begun, there must be nothing taken back.
    fn not_known(&self, step: &Step, restarted_at: &str, why: &str) -> String {
        let undo = self.undo(step);
        format!(
            "whether its rollout has begun is not known: {why}; it has if {RESTARTED_AT} in its template is \
             {restarted_at}: to take it back then, run {undo}"
        )
    }

    fn undo(&self, step: &Step) -> String {
        let kubectl = self.commands.kubectl_in(&step.namespace);
        format!("{kubectl} rollout undo {}", Word(&step.controller.object()))
    }
}

/// The generation of the Deployment is what has to be seen through.
fn began(deployment: &Value, selector: String, begun: &mut Option<Begun>) -> Turn {
    let Some(generation) = deployment["metadata"]["generation"].as_u64() else {
        let why = "the API server answers with no generation".to_owned();
        return Turn::Over(Err(Halt::Failed(why)));
    };
    *begun = Some(Begun { selector, generation });
    Turn::Go
}

fn is_of(pod: &Value, restarted_at: &str) -> bool {
    pod["metadata"]["annotations"][RESTARTED_AT] == restarted_at
}
