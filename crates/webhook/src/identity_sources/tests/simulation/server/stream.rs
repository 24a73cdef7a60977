//! A watch of the modelled API server, line by line.

use super::*;

pub(super) enum Line {
    Initial(Object),
    End(u64),
    Expired,
}

/// A watch: its initial lines, then the changes since a version.
pub(super) struct Stream {
    world: Arc<World>,
    kind: Kind,
    initial: std::vec::IntoIter<Line>,
    from: u64,
    end: Instant,
    cuts: u64,
    over: bool,
}

impl Stream {
    pub(super) fn new(world: Arc<World>, kind: Kind, initial: Vec<Line>, from: u64) -> Self {
        let (life, cuts) = {
            let mut state = world.state();
            let most = state.weather.life;
            (state.rng.u64(most / 10..=most), state.cuts)
        };
        let end = Instant::now() + Duration::from_millis(life);
        Self { world, kind, initial: initial.into_iter(), from, end, cuts, over: false }
    }

    pub(super) async fn next(&mut self) -> Option<Result<Value, BoxError>> {
        if self.over {
            return None;
        }
        if let Some(line) = self.initial.next() {
            return Some(Ok(self.initial(&line)));
        }
        loop {
            let (change, lag, odds, is_cut) = {
                let mut state = self.world.state();
                let changes = &state.tables[self.kind as usize].history;
                let change = changes.iter().find(|it| it.object.version > self.from).cloned();
                let (lag, odds) = (state.lag(), state.rng.u64(0..4));
                (change, lag, odds, state.cuts > self.cuts)
            };
            if is_cut {
                self.over = true;
                return Some(Ok(json!({"type": "ERROR", "object": failure(410)})));
            }
            if Instant::now() >= self.end {
                self.over = true;
                // What was not delivered yet is a gap, which the next watch
                // fills from the history, or a list does.
                return match odds {
                    0 => None,
                    1 => Some(Err("connection reset".into())),
                    _ => Some(Ok(json!({"type": "ERROR", "object": failure(410)}))),
                };
            }
            if let Some(change) = change {
                sleep(lag).await;
                self.from = change.object.version;
                self.world.state().changed(self.kind, &change);
                let object = shown(self.kind, &change.object);
                return Some(Ok(json!({"type": change.event, "object": object})));
            }
            // Nothing changes between the look above and this: one thread runs all.
            tokio::select! {
                biased;
                () = self.world.changed.notified() => {}
                () = tokio::time::sleep_until(self.end) => {}
                () = sleep(20 * SECOND) => return Some(Ok(self.bookmark(None))),
            }
        }
    }

    fn initial(&mut self, line: &Line) -> Value {
        match line {
            Line::Initial(object) => {
                self.world.state().saw(self.kind, object);
                json!({"type": "ADDED", "object": shown(self.kind, object)})
            }
            Line::End(version) => {
                self.world.state().listed(self.kind, *version);
                self.bookmark(Some(&json!({"k8s.io/initial-events-end": "true"})))
            }
            Line::Expired => {
                self.over = true;
                json!({"type": "ERROR", "object": failure(410)})
            }
        }
    }

    fn bookmark(&self, annotations: Option<&Value>) -> Value {
        let kind = if self.kind == Kind::ConfigMap { "ConfigMap" } else { "ServiceAccount" };
        json!({"type": "BOOKMARK", "object": {"kind": kind, "apiVersion": "v1", "metadata": {
            "resourceVersion": self.from.to_string(), "annotations": annotations}}})
    }
}
