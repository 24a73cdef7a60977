//! A model of an API server: versions, a history that is forgotten, lists and
//! watches that lag and break, and answers that are slow, fail or hang. It
//! notes what it delivered and when.

mod stream;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use futures::StreamExt as _;
use http_body_util::StreamBody;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Bytes, Frame};
use hyper::{Request, Response};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tower::BoxError;

use super::super::*;
use stream::{Line, Stream};

pub(super) type Name = (String, String);
type Reply = Response<UnsyncBoxBody<Bytes, BoxError>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ServiceAccount,
    ConfigMap,
}

/// One version of an object; one without a value has no role.
#[derive(Clone, Debug)]
pub(super) struct Object {
    name: Name,
    version: u64,
    pub(super) uid: u64,
    created: Instant,
    pub(super) role: Option<String>,
}

#[derive(Clone, Debug)]
struct Change {
    event: &'static str,
    object: Object,
}

/// All objects of a kind, how they came to be, and what of that was delivered.
#[derive(Debug, Default)]
struct Table {
    objects: BTreeMap<Name, Object>,
    history: Vec<Change>,
    /// Changes up to this version are forgotten.
    compacted: u64,
    /// When lists and changes of one object were delivered, in that order.
    lists: Vec<(Instant, u64)>,
    changes: BTreeMap<Name, Vec<(Instant, u64)>>,
    /// When the watch first saw each object; by its creation where that was
    /// in the first list.
    sights: BTreeMap<u64, Instant>,
}

/// How the API server and the way to it are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    /// Milliseconds that a request and its answer each take at most.
    latency: u64,
    /// Milliseconds that an event of a watch is late at most.
    lag: u64,
    /// Of 100 requests, how many fail, break off or hang.
    failing: u64,
    /// Milliseconds that a watch lasts at most.
    life: u64,
}

pub(super) const CALM: Weather = Weather { latency: 5, lag: 5, failing: 0, life: 600_000 };

#[derive(Debug)]
pub(super) struct World {
    state: Mutex<State>,
    /// Wakes in the order of arrival, always.
    changed: tokio::sync::Notify,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) rng: fastrand::Rng,
    version: u64,
    tables: [Table; 2],
    weather: Weather,
    /// Whether lists come as streams.
    streaming: bool,
    /// How often all watches were cut.
    cuts: u64,
    pub(super) trace: Vec<String>,
    begun: Instant,
}

enum Fate {
    Fine,
    Fails(u16),
    Breaks,
    Hangs,
}

impl World {
    pub(super) fn new(seed: u64) -> Arc<Self> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let streaming = rng.bool();
        let state = State {
            rng,
            version: 1,
            tables: Default::default(),
            weather: CALM,
            streaming,
            cuts: 0,
            trace: Vec::new(),
            begun: Instant::now(),
        };
        Arc::new(Self { state: Mutex::new(state), changed: tokio::sync::Notify::new() })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    pub(super) fn client(self: &Arc<Self>) -> Client {
        let world = Arc::clone(self);
        let service = tower::service_fn(move |request: Request<Body>| {
            let (world, uri) = (Arc::clone(&world), request.uri().to_string());
            async move { world.answer(&uri).await }
        });
        Client::new(service, "default")
    }

    /// Writes an object, or deletes it.
    #[allow(clippy::option_option, reason = "an object, or none; with a role, or without")]
    pub(super) fn write(&self, kind: Kind, name: &Name, to: Option<Option<String>>) {
        let mut state = self.state();
        state.version += 1;
        let (version, table) = (state.version, &mut state.tables[kind as usize]);
        let old = table.objects.get(name).cloned();
        let change = match (old, to) {
            (None, None) => return,
            (Some(old), None) => {
                table.objects.remove(name);
                Change { event: "DELETED", object: Object { version, ..old } }
            }
            (old, Some(role)) => {
                let event = if old.is_some() { "MODIFIED" } else { "ADDED" };
                let (uid, created) =
                    old.map_or((version, Instant::now()), |old| (old.uid, old.created));
                let object = Object { name: name.clone(), version, uid, created, role };
                table.objects.insert(name.clone(), object.clone());
                Change { event, object }
            }
        };
        let object = &change.object;
        let line =
            format!("{version}: {} {kind:?} {}/{} {:?}", change.event, name.0, name.1, object.role);
        table.history.push(change);
        state.note(&line);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Forgets what happened up to some version of late.
    pub(super) fn compact(&self) {
        let mut state = self.state();
        let version = state.version.saturating_sub(state.rng.u64(0..4));
        for table in &mut state.tables {
            table.compacted = version;
        }
        state.note(&format!("compacted up to {version}"));
    }

    /// Ends all watches, which have to list again.
    pub(super) fn cut(&self) {
        {
            let mut state = self.state();
            state.cuts += 1;
            state.note("cut all watches");
        }
        self.changed.notify_waiters();
    }

    pub(super) fn change_weather(&self, weather: Weather) {
        let mut state = self.state();
        state.weather = weather;
        state.note(&format!("{weather:?}"));
    }

    async fn answer(self: Arc<Self>, uri: &str) -> Result<Reply, BoxError> {
        let (there, back, fate) = {
            let mut state = self.state();
            (state.pause(), state.pause(), state.fate())
        };
        sleep(there).await;
        match fate {
            Fate::Fine => {}
            Fate::Fails(code) => {
                sleep(back).await;
                return Ok(whole(code, &failure(code)));
            }
            Fate::Breaks => return Err("connection reset".into()),
            Fate::Hangs => return std::future::pending().await,
        }
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let kind = if path.contains("configmaps") { Kind::ConfigMap } else { Kind::ServiceAccount };
        let reply = if query.contains("watch=true") {
            self.watch(kind, query)
        } else if path.ends_with("/configmaps") || path.ends_with("/serviceaccounts") {
            self.list(kind)
        } else {
            self.get(kind, path)
        };
        sleep(back).await;
        Ok(reply)
    }

    fn get(&self, kind: Kind, path: &str) -> Reply {
        let mut parts = path.split('/').skip(4).step_by(2);
        let name = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let name = (name.0.to_owned(), name.1.to_owned());
        let mut state = self.state();
        let found = state.tables[kind as usize].objects.get(&name).cloned();
        let version = state.version;
        state.note(&format!("get {kind:?} {}/{} at {version}", name.0, name.1));
        drop(state);
        match found {
            Some(object) => whole(200, &shown(kind, &object)),
            None => whole(404, &failure(404)),
        }
    }

    fn list(self: &Arc<Self>, kind: Kind) -> Reply {
        let (version, objects) = self.snapshot(kind);
        let items: Vec<_> = objects.iter().map(|object| shown(kind, object)).collect();
        let (list, api) = match kind {
            Kind::ServiceAccount => ("PartialObjectMetadataList", "meta.k8s.io/v1"),
            Kind::ConfigMap => ("ConfigMapList", "v1"),
        };
        let body = json!({"kind": list, "apiVersion": api, "items": items,
            "metadata": {"resourceVersion": version.to_string()}});
        let world = Arc::clone(self);
        let frame = futures::stream::once(async move {
            for object in &objects {
                world.state().saw(kind, object);
            }
            world.state().listed(kind, version);
            Ok(Frame::data(body.to_string().into()))
        });
        reply(200, UnsyncBoxBody::new(StreamBody::new(frame)))
    }

    fn snapshot(&self, kind: Kind) -> (u64, Vec<Object>) {
        let state = self.state();
        (state.version, state.tables[kind as usize].objects.values().cloned().collect())
    }

    fn watch(self: &Arc<Self>, kind: Kind, query: &str) -> Reply {
        let parameter = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let (mut lines, mut from) = (Vec::new(), 0);
        {
            let state = self.state();
            if parameter("sendInitialEvents") == Some("true") {
                if !state.streaming {
                    return whole(422, &failure(422));
                }
                from = state.version;
                let objects = state.tables[kind as usize].objects.values();
                lines.extend(objects.cloned().map(Line::Initial));
                lines.push(Line::End(from));
            } else {
                let asked: u64 = parameter("resourceVersion").unwrap_or("0").parse().unwrap_or(0);
                if asked < state.tables[kind as usize].compacted {
                    if asked.is_multiple_of(2) {
                        return whole(410, &failure(410));
                    }
                    lines.push(Line::Expired);
                }
                from = from.max(asked);
            }
        }
        let stream = Stream::new(Arc::clone(self), kind, lines, from);
        let frames = futures::stream::unfold(stream, async |mut stream| {
            let line = stream.next().await?;
            Some((line.map(|line| Frame::data(Bytes::from(format!("{line}\n")))), stream))
        });
        reply(200, UnsyncBoxBody::new(StreamBody::new(frames.boxed())))
    }
}

impl State {
    pub(super) fn note(&mut self, line: &str) {
        let at = self.begun.elapsed().as_millis();
        self.trace.push(format!("{at:>7} ms {line}"));
    }

    pub(super) fn random_weather(&mut self) -> Weather {
        let mut one_of = |values: &[u64]| values[self.rng.usize(..values.len())];
        Weather {
            latency: one_of(&[5, 50, 400, 1500]),
            lag: one_of(&[5, 200, 3000, 20_000]),
            failing: one_of(&[0, 0, 20, 60, 100]),
            life: one_of(&[2000, 20_000, 600_000]),
        }
    }

    /// How many objects there are, and how many of them have a role.
    pub(super) fn count(&self, kind: Kind) -> (usize, usize) {
        let objects = &self.tables[kind as usize].objects;
        (objects.len(), objects.values().filter(|object| object.role.is_some()).count())
    }

    pub(super) fn now(&self) -> u64 {
        self.version
    }

    /// Half of all pauses are short.
    fn pause(&mut self) -> Duration {
        let most = if self.rng.bool() { 5 } else { self.weather.latency };
        Duration::from_millis(self.rng.u64(0..=most))
    }

    fn lag(&mut self) -> Duration {
        let most = if self.rng.bool() { 5 } else { self.weather.lag };
        Duration::from_millis(self.rng.u64(0..=most))
    }

    fn fate(&mut self) -> Fate {
        if self.rng.u64(0..100) >= self.weather.failing {
            return Fate::Fine;
        }
        match self.rng.u8(0..4) {
            0 => Fate::Fails(500),
            1 => Fate::Fails(429),
            2 => Fate::Breaks,
            _ => Fate::Hangs,
        }
    }

    fn saw(&mut self, kind: Kind, object: &Object) {
        let table = &mut self.tables[kind as usize];
        let at = if table.lists.is_empty() { object.created } else { Instant::now() };
        table.sights.entry(object.uid).or_insert(at);
    }

    fn listed(&mut self, kind: Kind, version: u64) {
        self.tables[kind as usize].lists.push((Instant::now(), version));
        self.note(&format!("delivered the list of {kind:?} at {version}"));
    }

    fn changed(&mut self, kind: Kind, change: &Change) {
        self.saw(kind, &change.object);
        let (name, version) = (change.object.name.clone(), change.object.version);
        let changes = self.tables[kind as usize].changes.entry(name).or_default();
        changes.push((Instant::now(), version));
        self.note(&format!("delivered {version}"));
    }

    /// The version of the last that was delivered about the object before a
    /// time; nothing before the first list.
    pub(super) fn seen(&self, kind: Kind, name: &Name, before: Instant) -> Option<u64> {
        let table = &self.tables[kind as usize];
        let last = |of: &[(Instant, u64)]| {
            of.iter().filter(|(at, _)| *at < before).map(|(_, version)| *version).max()
        };
        let listed = last(&table.lists)?;
        let change = table.changes.get(name).and_then(|changes| last(changes));
        Some(change.map_or(listed, |change| change.max(listed)))
    }

    /// What the object was at a version.
    pub(super) fn at(&self, kind: Kind, name: &Name, version: u64) -> Option<&Object> {
        let mut history = self.tables[kind as usize].history.iter().rev();
        let last = history.find(|it| it.object.version <= version && it.object.name == *name)?;
        (last.event != "DELETED").then_some(&last.object)
    }

    /// Its role at a version, and after each change up to another version.
    pub(super) fn roles(&self, kind: Kind, name: &Name, from: u64, to: u64) -> Vec<Option<&str>> {
        let changes = self.tables[kind as usize].history.iter();
        let versions = changes
            .filter(|it| it.object.name == *name)
            .map(|it| it.object.version)
            .filter(|version| (from + 1..=to).contains(version));
        let versions = std::iter::once(from).chain(versions);
        versions.map(|at| self.at(kind, name, at)?.role.as_deref()).collect()
    }

    /// Whether the watch has known the one that it last saw for so long.
    pub(super) fn is_settled(&self, name: &Name, at: Instant, window: Duration) -> bool {
        let kind = Kind::ServiceAccount;
        let Some(seen) = self.seen(kind, name, at + Duration::from_nanos(1)) else { return false };
        let sights = &self.tables[kind as usize].sights;
        self.at(kind, name, seen).is_some_and(|object| {
            object.role.is_none() && sights.get(&object.uid).is_some_and(|it| *it + window <= at)
        })
    }
}

fn shown(kind: Kind, object: &Object) -> Value {
    let age = SignedDuration::try_from(object.created.elapsed()).expect("short");
    let mut metadata = json!({
        "namespace": object.name.0, "name": object.name.1, "uid": object.uid.to_string(),
        "resourceVersion": object.version.to_string(),
        "creationTimestamp": (Timestamp::now() - age).to_string(),
    });
    match kind {
        Kind::ServiceAccount => {
            if let Some(role) = &object.role {
                metadata["annotations"] = json!({"eks.amazonaws.com/role-arn": role});
            }
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata})
        }
        Kind::ConfigMap => {
            let entry = object
                .role
                .as_ref()
                .map(|role| json!({"*/app": {"RoleARN": role}, "*/db": {"RoleARN": role}}));
            let config = entry.unwrap_or_else(|| json!({})).to_string();
            json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata,
                "data": {"config": config}})
        }
    }
}

fn failure(code: u16) -> Value {
    let reason = match code {
        404 => "NotFound",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
        "reason": reason, "message": format!("it is {reason}")})
}

fn whole(code: u16, body: &Value) -> Reply {
    let frame = Ok(Frame::data(Bytes::from(body.to_string())));
    reply(code, UnsyncBoxBody::new(StreamBody::new(futures::stream::iter([frame]))))
}

fn reply(code: u16, body: UnsyncBoxBody<Bytes, BoxError>) -> Reply {
    Response::builder().status(code).body(body).expect("valid")
}
