//! A Deployment is rolled out, and its new pods are looked at as they come.

use std::collections::BTreeSet;

use diagnosis::{Fact, Rollout, Step, bounded, restart_patch};
use hyper::Request;
use jiff::Timestamp;
use serde_json::Value;
use text::shell::Word;
use tokio::time::Instant;

use super::{Event, Halt, Outcome, Restarter, uid};
use crate::api_server::Failure;
use crate::evidence::ask;

/// The annotation that new pods have from their template.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

impl Restarter<'_, '_> {
    pub(super) async fn roll_out(
        &mut self,
        step: &Step,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Outcome, Halt> {
        let selector = self.selector(step)?;
        let name = step.controller.object();
        let restarted_at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let generation = self.patched(step, &restarted_at).await?;
        self.last = Some(Instant::now());
        let deadline = Instant::now() + self.patience;
        let mut judged = BTreeSet::new();
        loop {
            let new = match self.pods(&step.namespace, &selector).await {
                Ok(mut pods) => {
                    pods.retain(|pod| is_of(pod, &restarted_at));
                    pods
                }
                // It may be back in a moment.
                Err(_) => Vec::new(),
            };
            for pod in &new {
                if judged.insert(uid(pod).to_owned()) {
                    self.judge(pod).map_err(|why| self.goes_on(step, &why))?;
                }
            }
            let waits = match ask::get(self.client, &step.controller.path()).await {
                Fact::Known(deployment) => {
                    match Rollout::of(&deployment, generation, &restarted_at) {
                        Rollout::Complete if !judged.is_empty() => return Ok(Outcome::RolledOut),
                        // Of its pods none was seen.
                        Rollout::Complete => "its new pods are not known yet".to_owned(),
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
            if Instant::now() >= deadline {
                let why = format!("it is not complete after {:?}: {waits}", self.patience);
                return Err(self.goes_on(step, &why));
            }
            tell(Event::Waits(format!("{} in namespace {}: {waits}", name, step.namespace)));
            self.pause().await?;
        }
    }

    /// Begins it; the generation of the Deployment that is to be seen through.
    async fn patched(&self, step: &Step, restarted_at: &str) -> Result<u64, Halt> {
        let patch = restart_patch(restarted_at, &step.controller.uid);
        let request = Request::patch(step.controller.path())
            .header("content-type", "application/merge-patch+json")
            .body(patch.to_string().into_bytes());
        let request = request.map_err(|error| Halt::Failed(error.to_string()))?;
        if self.stop.is_requested() {
            return Err(Halt::Interrupted(false));
        }
        let answer = self.client.request::<Value>(request).await;
        let deployment = answer.map_err(|error| {
            let why = bounded(&Failure::of(&error).message);
            Halt::Failed(format!("the API server refuses the rollout: {why}"))
        })?;
        deployment["metadata"]["generation"]
            .as_u64()
            .ok_or_else(|| Halt::Failed("the API server answers with no generation".to_owned()))
    }

    /// What a rollout has begun, its controller goes on with.
    fn goes_on(&self, step: &Step, why: &str) -> Halt {
        let kubectl = self.commands.kubectl_in(&step.namespace);
        let name = step.controller.object();
        Halt::Failed(format!(
            "{why}; its rollout goes on: to take it back, run {kubectl} rollout undo {}",
            Word(&name)
        ))
    }
}

fn is_of(pod: &Value, restarted_at: &str) -> bool {
    pod["metadata"]["annotations"][RESTARTED_AT] == restarted_at
}
