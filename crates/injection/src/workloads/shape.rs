//! Pod templates by their shape, in objects of any kind: `spec.containers` with images, below the
//! object's own root.
//!
//! What a controller makes of a template is its own matter. A template counts only where its
//! containers and its `ServiceAccount` can be known from it; for the rest it says why not.

use std::fmt::Write as _;

use json_patch::jsonptr::PointerBuf;
use serde_json::{Map, Value};

use super::kinds::{group_and_kind, has_template, is_searched, template_path};
use super::passed_over::Why;

/// The most levels of an object that are searched. Kubernetes' own kinds need some ten.
pub(super) const MAX_DEPTH: usize = 48;

/// The longest path to a template, in bytes. Each template and each operation of its patch holds
/// the path, so without a limit one long name would be copied for all templates below it.
const MAX_PATH_BYTES: usize = 256;

/// What was found in one object.
#[derive(Debug, Default)]
pub(super) struct Shapes<'v> {
    /// In the order of the object.
    pub(super) found: Vec<Shape<'v>>,
    /// Templates that only the controller can complete.
    pub(super) doubts: Vec<Why>,
    /// The path of the first image outside a template.
    pub(super) image: Option<String>,
    /// The path of the first name of a `ServiceAccount` outside a template.
    pub(super) account: Option<String>,
}

/// A pod template.
#[derive(Debug)]
pub(super) struct Shape<'v> {
    /// Where it is in the object.
    pub(super) at: PointerBuf,
    /// The same for people: `spec.workerGroupSpecs[0].template`.
    pub(super) path: String,
    /// The namespace of the object that has the template.
    pub(super) namespace: Option<&'v str>,
}

/// One step from a value to a part of it.
#[derive(Clone, Copy)]
enum Step<'v> {
    Member(&'v str),
    Item(usize),
}

/// What is known of a place from the values around it.
#[derive(Clone, Copy, Default)]
struct Around<'v> {
    namespace: Option<&'v str>,
    /// The nearest `ServiceAccount` that is named around it.
    account: Option<Account<'v>>,
}

/// A `ServiceAccount` that an object names.
#[derive(Clone, Copy)]
struct Account<'v> {
    name: &'v str,
    member: &'static str,
    /// How many steps lead to the object.
    depth: usize,
}

struct Walk<'v> {
    steps: Vec<Step<'v>>,
    /// How long the path to here is.
    path_bytes: usize,
    shapes: Shapes<'v>,
    too_deep: bool,
}

impl<'v> Shapes<'v> {
    /// The pod templates in `object`, which is in `namespace`.
    pub(super) fn of(object: &'v Value, namespace: Option<&'v str>) -> Self {
        let mut walk =
            Walk { steps: Vec::new(), path_bytes: 0, shapes: Self::default(), too_deep: false };
        if let Value::Object(members) = object {
            walk.root(members, Around { namespace, account: None });
        }
        if walk.too_deep {
            walk.shapes.doubts.push(Why::TooDeep);
        }
        walk.shapes
    }
}

impl<'v> Walk<'v> {
    /// An object with a kind. Its own spec is no template: it may have containers that its
    /// controller adds to pods of its own making.
    fn root(&mut self, members: &'v Map<String, Value>, around: Around<'v>) {
        let parts = members.iter().filter(|(name, _)| *name != "metadata" && *name != "status");
        self.members(parts, around);
    }

    fn members(
        &mut self,
        parts: impl Iterator<Item = (&'v String, &'v Value)>,
        around: Around<'v>,
    ) {
        for (name, value) in parts {
            self.at(Step::Member(name), value, around);
        }
    }

    fn at(&mut self, step: Step<'v>, value: &'v Value, around: Around<'v>) {
        if !(value.is_object() || value.is_array()) {
            return;
        }
        let bytes = match step {
            Step::Member(name) => name.len() + 1,
            Step::Item(_) => 8,
        };
        if self.steps.len() == MAX_DEPTH || self.path_bytes + bytes > MAX_PATH_BYTES {
            self.too_deep = true;
            return;
        }
        self.steps.push(step);
        self.path_bytes += bytes;
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.at(Step::Item(index), item, around);
                }
            }
            Value::Object(members) => self.object(value, members, around),
            _ => {}
        }
        self.path_bytes -= bytes;
        self.steps.pop();
    }

    fn object(&mut self, value: &'v Value, members: &'v Map<String, Value>, around: Around<'v>) {
        let (group, kind) = group_and_kind(value);
        if !kind.is_empty() && members.contains_key("apiVersion") {
            return self.embedded(value, members, (group, kind), around);
        }
        let spec = members.get("spec").and_then(Value::as_object);
        if let Some((spec, containers)) = spec.and_then(|spec| Some((spec, containers(spec)?))) {
            return self.template(spec, containers, around);
        }
        let account = account(members, self.steps.len());
        if let Some(account) = account.filter(|_| self.shapes.account.is_none()) {
            self.shapes.account = Some(self.path(self.steps.len(), Some(account.member)));
        }
        if members.get("image").is_some_and(Value::is_string) && self.shapes.image.is_none() {
            self.shapes.image = Some(self.path(self.steps.len(), Some("image")));
        }
        let around = Around { account: account.or(around.account), ..around };
        self.members(members.iter(), around);
    }

    /// An object within an object, or a reference to one.
    fn embedded(
        &mut self,
        value: &'v Value,
        members: &'v Map<String, Value>,
        (group, kind): (&str, &str),
        around: Around<'v>,
    ) {
        let namespace = value["metadata"]["namespace"].as_str().or(around.namespace);
        let around = Around { namespace, account: None };
        match template_path(group, kind) {
            Some(path) if has_template(value, path) => {
                let before = self.steps.len();
                self.steps.extend(path.iter().copied().map(Step::Member));
                self.found(around);
                self.steps.truncate(before);
            }
            None if is_searched(group, kind) => self.root(members, around),
            Some(_) | None => {}
        }
    }

    fn template(&mut self, spec: &'v Map<String, Value>, containers: &[Value], around: Around<'v>) {
        let init =
            spec.get("initContainers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let complete = |it: &Value| it["image"].as_str().is_some_and(|image| !image.is_empty());
        if !containers.iter().chain(init).all(complete) {
            let at = self.path(self.steps.len(), None);
            return self.shapes.doubts.push(Why::IncompleteContainers(at));
        }
        let own = account(spec, 0).map(|account| account.name);
        match around.account {
            Some(other) if own != Some(other.name) => {
                let template = self.path(self.steps.len(), None);
                let named = self.path(other.depth, Some(other.member));
                self.shapes.doubts.push(Why::OtherServiceAccount { template, named });
            }
            _ => self.found(around),
        }
    }

    /// There is a template here.
    fn found(&mut self, around: Around<'v>) {
        let token = |step: &Step<'_>| match step {
            Step::Member(name) => (*name).to_owned(),
            Step::Item(index) => index.to_string(),
        };
        self.shapes.found.push(Shape {
            at: PointerBuf::from_tokens(self.steps.iter().map(token)),
            path: self.path(self.steps.len(), None),
            namespace: around.namespace,
        });
    }

    /// The first `depth` steps, and a member there, for people.
    fn path(&self, depth: usize, member: Option<&str>) -> String {
        let mut path = String::new();
        for step in self.steps.iter().take(depth).copied().chain(member.map(Step::Member)) {
            match step {
                Step::Item(index) => {
                    // Writing to a string can't fail.
                    let _ = write!(path, "[{index}]");
                }
                Step::Member(name) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                }
            }
        }
        path
    }
}

/// The containers of a pod's spec: a list of objects, with one at least.
fn containers(spec: &Map<String, Value>) -> Option<&[Value]> {
    let containers = spec.get("containers")?.as_array()?;
    (!containers.is_empty() && containers.iter().all(Value::is_object)).then_some(containers)
}

/// The `ServiceAccount` that an object names. An empty name is none.
fn account(members: &Map<String, Value>, depth: usize) -> Option<Account<'_>> {
    ["serviceAccountName", "serviceAccount"].into_iter().find_map(|member| {
        let name = members.get(member)?.as_str().filter(|name| !name.is_empty())?;
        Some(Account { name, member, depth })
    })
}
