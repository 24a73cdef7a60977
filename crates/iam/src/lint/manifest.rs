//! Annotations in manifests: keys that nearly are the webhook's, and those that
//! stand where it does not read them.

use std::collections::{HashMap, HashSet};

use super::values::Values;
use super::{arns, letters, shown};
use crate::audience;
use crate::finding::{Code, Finding};
use crate::node::{Kind, Member, Node};
use crate::partition::AUDIENCE;
use crate::place::Position;
use crate::placeholder;
use crate::write::text as quoted;
use arn::RoleArn;
use arn::annotation::{Holder, NearMiss, ROLE_ARN, Slip, near_miss, near_misses};

/// Kinds whose own annotations somebody may take for those of their pods.
const HOLDERS: [&str; 9] = [
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "Namespace",
    "ReplicaSet",
    "ReplicationController",
    "Rollout",
    "StatefulSet",
];

/// What the manifests of a file say of `ServiceAccounts`, and what hangs on it.
pub(super) struct Manifests {
    /// What the webhook's annotations begin with.
    prefix: String,
    values: Values,
    /// Whether Terraform makes text of numbers.
    pub(super) is_terraform: bool,
    /// Those that there are, and those with a role, by namespace and name.
    accounts: HashSet<Account>,
    with_role: HashSet<Account>,
    /// Annotations of pods that belong on their `ServiceAccount`.
    misplaced: Vec<Misplaced>,
    /// Where the annotations begin whose holder is known.
    seen: HashSet<Position>,
}

/// A namespace, where it is said, and a name.
type Account = (Option<String>, String);

struct Misplaced {
    account: Account,
    /// The kind of the object.
    on: String,
    key: String,
    name: &'static str,
    at: Position,
    /// What it says; nothing where it is only misspelt.
    value: Option<String>,
}

impl Manifests {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            values: Values::new(prefix),
            is_terraform: false,
            accounts: HashSet::new(),
            with_role: HashSet::new(),
            misplaced: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// Whether the node is of interest here, with what is wrong with it by itself.
    /// A node comes before what is in it; `namespace` is that of the object around it.
    pub(super) fn see(
        &mut self,
        node: &Node,
        namespace: Option<&str>,
        found: &mut Vec<Finding>,
    ) -> bool {
        let mut is_ours = false;
        if node.get("kind").and_then(Node::text) == Some("ServiceAccount") {
            self.service_account(node);
            found.extend(self.beside_annotations(node));
            if let Some(annotations) = annotations(node) {
                found.extend(self.on_service_account(&annotations));
                found.extend(self.values.empty_role(annotations.members()));
                found.extend(self.not_text(annotations.members()));
            }
            return true;
        }
        for Member { key, value, .. } in node.members() {
            // Helm's values, Crossplane's runtime configurations.
            match letters(key).as_str() {
                "serviceaccount" | "serviceaccounttemplate" => {
                    if let Some(annotations) = annotations(value) {
                        is_ours = true;
                        found.extend(self.on_service_account(&annotations));
                    }
                }
                // One by its name, or one after the other.
                "serviceaccounts" => {
                    let values = value.members().iter().map(|member| &member.value);
                    for annotations in values.chain(value.items()).filter_map(annotations) {
                        is_ours = true;
                        found.extend(self.on_service_account(&annotations));
                    }
                }
                "serviceaccountannotations" => {
                    is_ours = true;
                    found.extend(self.on_service_account(value));
                }
                "podannotations" => {
                    found.extend(self.values.of_pod(value.members()));
                    self.on_pod("Pod", value, &(None, String::new()));
                }
                "annotations" if !self.seen.contains(&value.at) => {
                    let all =
                        misses(&self.prefix, Holder::ServiceAccount, value.members()).into_iter();
                    let all = all.filter(|(_, miss)| miss.slip == Slip::Misspelt);
                    found.extend(
                        all.map(|(it, miss)| misspelt(&self.prefix, &it.key, miss.name, it.key_at)),
                    );
                }
                _ => {}
            }
        }
        if let Some(spec) = node.get("spec").filter(|spec| is_pod_spec(spec))
            && let Some(annotations) = annotations(node)
        {
            let names = ["serviceAccountName", "serviceAccount", "service_account_name"];
            let name = names.iter().find_map(|key| spec.get(key).and_then(Node::text));
            let own = node.find(&["metadata", "namespace"]).and_then(Node::text);
            let namespace = own.or(namespace);
            let account = (namespace.map(str::to_owned), name.unwrap_or("default").to_owned());
            found.extend(self.values.of_pod(annotations.members()));
            found.extend(self.not_text(annotations.members()));
            self.on_pod("Pod", &annotations, &account);
        }
        self.on_other(node);
        found.extend(self.set_by_helm(node));
        is_ours
    }

    fn not_text(&self, annotations: &[Member]) -> Vec<Finding> {
        if self.is_terraform { Vec::new() } else { self.values.not_text(annotations) }
    }

    /// `name = "serviceAccount.annotations.eks\\.amazonaws\\.com/role-arn"` beside a value: `set` of
    /// a `helm_release`, and `parameters` of an Argo CD Application.
    fn set_by_helm(&self, node: &Node) -> Option<Finding> {
        let (name, value) = (node.get("name")?, node.get("value")?);
        let (_, key) = name.text()?.split_once("nnotations.")?;
        let key = key.replace("\\.", ".");
        let value = value.text().unwrap_or("?");
        let miss = near_miss(&self.prefix, Holder::ServiceAccount, &key, value)?;
        (miss.slip == Slip::Misspelt).then(|| misspelt(&self.prefix, &key, miss.name, name.at))
    }

    fn service_account(&mut self, node: &Node) {
        let metadata = |name| node.find(&["metadata", name]).and_then(Node::text);
        let Some(name) = metadata("name") else { return };
        let account = (metadata("namespace").map(str::to_owned), name.to_owned());
        let members = node.find(&["metadata", "annotations"]).map(Node::members);
        let key = format!("{}/{ROLE_ARN}", self.prefix);
        let is_blank = |value: &Node| value.text().is_some_and(|text| text.trim().is_empty());
        let gives_role = |it: &Member| it.key == key && !is_blank(&it.value);
        if members.unwrap_or_default().iter().any(gives_role) {
            self.with_role.insert(account.clone());
        }
        self.accounts.insert(account);
    }

    /// The webhook's annotations where the API server takes them for something else.
    fn beside_annotations(&self, node: &Node) -> Vec<Finding> {
        let metadata = node.get("metadata");
        let labels = metadata.and_then(|it| it.get("labels"));
        let list = metadata.and_then(|it| it.get("annotations")).map_or(&[][..], Node::items);
        let members = [Some(node), metadata, labels].into_iter().flatten().chain(list);
        let members = members.flat_map(Node::members);
        let places = members.map(|it| (it.key.as_str(), it.value.text(), it.key_at));
        // `KEY:VALUE`, without the space behind the colon.
        let text = metadata.and_then(|it| it.get("annotations")).and_then(|it| {
            let (key, value) = it.text()?.split_once(':')?;
            Some((key, Some(value), it.at))
        });
        let key = format!("{}/{ROLE_ARN}", self.prefix);
        let is_role = |place: &(&str, Option<&str>, Position)| place.0.trim() == key;
        let misplaced = |(_, value, at): (&str, Option<&str>, Position)| {
            let message = format!(
                "the webhook reads {key} in metadata.annotations alone, a map of text to text"
            );
            let finding = Finding::new(Code::AnnotationMisplaced, at, message);
            match value {
                Some(value) => finding.fixed(format!(
                    "metadata:\n  annotations:\n    {key}: {}",
                    quoted(value.trim())
                )),
                None => finding,
            }
        };
        places.chain(text).filter(is_role).map(misplaced).collect()
    }

    fn on_service_account(&mut self, annotations: &Node) -> Vec<Finding> {
        self.seen.insert(annotations.at);
        let members = annotations.members();
        let misses = misses(&self.prefix, Holder::ServiceAccount, members).into_iter();
        let mut found: Vec<Finding> = misses
            .map(|(it, miss)| of_service_account(&self.prefix, &it.key, miss, it.key_at))
            .collect();
        let key = format!("{}/{ROLE_ARN}", self.prefix);
        let role = members.iter().find(|it| it.key == key);
        found.extend(role.and_then(|it| role_arn(&it.value)));
        let key = format!("{}/audience", self.prefix);
        let audience = members.iter().find(|it| it.key == key);
        found.extend(audience.and_then(|it| audience_of(&it.value)));
        found.extend(self.values.of_service_account(members));
        found
    }

    /// The objects around pods: their own annotations reach no pod, let alone its `ServiceAccount`.
    fn on_other(&mut self, node: &Node) {
        let Some(kind) = node.get("kind").and_then(Node::text).filter(|it| HOLDERS.contains(it))
        else {
            return;
        };
        let Some(annotations) = node.get("metadata").and_then(annotations) else { return };
        let spec = [
            &["spec", "template", "spec"][..],
            &["spec", "jobTemplate", "spec", "template", "spec"],
        ];
        let spec = spec.iter().find_map(|path| node.find(path));
        let name = spec.and_then(|spec| spec.get("serviceAccountName")).and_then(Node::text);
        let namespace = node.find(&["metadata", "namespace"]).and_then(Node::text);
        let account = (namespace.map(str::to_owned), name.unwrap_or_default().to_owned());
        self.on_pod(kind, &annotations, &account);
    }

    fn on_pod(&mut self, on: &str, annotations: &Node, account: &Account) {
        self.seen.insert(annotations.at);
        for (member, NearMiss { name, slip }) in
            misses(&self.prefix, Holder::Pod, annotations.members())
        {
            if on != "Pod" && name != ROLE_ARN {
                continue;
            }
            let value = member.value.text().unwrap_or_default().to_owned();
            self.misplaced.push(Misplaced {
                account: account.clone(),
                on: on.to_owned(),
                key: member.key.clone(),
                name,
                at: member.key_at,
                value: (slip == Slip::WrongObject).then_some(value),
            });
        }
    }

    /// A key with the ARN of a role, in a text that is no manifest.
    pub(super) fn annotation(&self, key: &str, value: &str, at: Position) -> Option<Finding> {
        let miss = near_miss(&self.prefix, Holder::ServiceAccount, key, value)?;
        // Elsewhere than in annotations other keys may have the ARN of a role.
        (miss.slip == Slip::Misspelt || (key.contains('/') && is_amazons(key)))
            .then(|| of_service_account(&self.prefix, key, miss, at))
    }

    /// What is wrong with pods, now that all their `ServiceAccounts` are known.
    pub(super) fn finish(self) -> Vec<Finding> {
        let Self { prefix, accounts, with_role, misplaced, .. } = self;
        let names = |all: HashSet<Account>| {
            let mut names: HashMap<String, Vec<Option<String>>> = HashMap::new();
            for (namespace, name) in all {
                names.entry(name).or_default().push(namespace);
            }
            names
        };
        let (accounts, with_role) = (names(accounts), names(with_role));
        let has = |all: &HashMap<String, Vec<Option<String>>>, (namespace, name): &Account| {
            all.get(name).is_some_and(|namespaces| {
                // Where one of both is not said, nobody knows better.
                namespaces.iter().any(|it| it.is_none() || namespace.is_none() || it == namespace)
            })
        };
        let one = |it: Misplaced| {
            let is_role = it.name == ROLE_ARN;
            if is_role && has(&with_role, &it.account) {
                return None;
            }
            let is_there = has(&accounts, &it.account);
            Some(it.finding(&prefix, is_role && is_there))
        };
        misplaced.into_iter().filter_map(one).collect()
    }
}

impl Misplaced {
    fn finding(self, prefix: &str, has_no_role: bool) -> Finding {
        let Self { account: (_, account), on, key, name, at, value } = self;
        let wanted = format!("{prefix}/{name}");
        let Some(value) = value else {
            return misspelt(prefix, &key, name, at);
        };
        let code = if has_no_role { Code::AnnotationMisplaced } else { Code::AnnotationUnread };
        let owner = if account.is_empty() { String::new() } else { format!(" {account}") };
        let message = format!(
            "the webhook does not read {} on a {on}: {wanted} belongs on its ServiceAccount{owner}",
            shown(&key)
        );
        let account = if account.is_empty() { "NAME" } else { &account };
        let fix = format!(
            "kind: ServiceAccount\nmetadata:\n  name: {}\n  annotations:\n    {wanted}: {}",
            quoted(account),
            quoted(&value)
        );
        Finding::new(code, at, message).fixed(fix)
    }
}

fn annotations(node: &Node) -> Option<Node> {
    node.get("metadata").unwrap_or(node).get("annotations").cloned()
}

/// By its shape: a template of a kind that nobody has heard of is one too.
fn is_pod_spec(spec: &Node) -> bool {
    let containers = spec.get("containers");
    containers.is_some_and(|it| !matches!(it.kind, Kind::Map(_) | Kind::Text(_)))
        // A block of Terraform's.
        || spec.get("container").is_some_and(|it| it.is_map() || !it.items().is_empty())
}

fn misses<'m>(
    prefix: &str,
    holder: Holder,
    annotations: &'m [Member],
) -> Vec<(&'m Member, NearMiss)> {
    // What is not known may be the ARN of a role, and nobody can say.
    let pairs = annotations.iter().map(|it| (it.key.as_str(), it.value.text().unwrap_or("?")));
    let mut misses: Vec<(&str, NearMiss)> = near_misses(prefix, holder, pairs).collect();
    misses.reverse();
    let mut found = Vec::new();
    for member in annotations {
        if misses.last().is_some_and(|(key, _)| *key == member.key)
            && let Some((_, miss)) = misses.pop()
        {
            found.push((member, miss));
        }
    }
    found
}

fn of_service_account(prefix: &str, key: &str, miss: NearMiss, at: Position) -> Finding {
    match miss.slip {
        Slip::Misspelt => misspelt(prefix, key, miss.name, at),
        Slip::OtherKey if is_amazons(key) => misspelt(prefix, key, miss.name, at),
        Slip::OtherKey => {
            let message = format!(
                "the webhook does not read the role's ARN under {}; did you mean {prefix}/{}?",
                shown(key),
                miss.name
            );
            let fix = format!("{prefix}/{}", miss.name);
            Finding::new(Code::AnnotationUnread, at, message).fixed(fix)
        }
        Slip::WrongObject => {
            let message = format!(
                "the webhook does not read {} on a ServiceAccount: {prefix}/{} belongs on the Pod",
                shown(key),
                miss.name
            );
            Finding::new(Code::AnnotationUnread, at, message)
        }
    }
}

/// Under such a domain nobody else reads the ARN of a role.
fn is_amazons(key: &str) -> bool {
    let domain = key.split_once('/').map_or("amazonaws.com", |(domain, _)| domain);
    ["amazonaws.com", "amazonaws.com.cn", "amazon.com", "aws.com"]
        .iter()
        .any(|suffix| domain.ends_with(suffix))
}

fn misspelt(prefix: &str, key: &str, name: &str, at: Position) -> Finding {
    let wanted = format!("{prefix}/{name}");
    let message =
        format!("the webhook ignores the annotation {}; did you mean {wanted}?", shown(key));
    Finding::new(Code::AnnotationKey, at, message).fixed(wanted)
}

/// Whatever its tokens shall have, but hardly that.
fn audience_of(value: &Node) -> Option<Finding> {
    let (code, message) = audience::slip(value.text()?)?;
    let is_misspelt = code == Code::AudienceMisspelt;
    is_misspelt.then(|| Finding::new(code, value.at, message).fixed(quoted(AUDIENCE)))
}

fn role_arn(value: &Node) -> Option<Finding> {
    let Kind::Text(text) = &value.kind else { return None };
    // Those of templates are filled in before Kubernetes sees them.
    let of_reader =
        |part: &&str| part.starts_with(|c: char| c == '<' || c == '[' || c.is_alphanumeric());
    let parts = placeholder::parts(text);
    if let Some(part) = parts.iter().map(|part| &text[part.clone()]).find(of_reader) {
        return Some(placeholder::unfilled(part, value.at));
    }
    let arn = RoleArn::read(text, None).filter(|arn| !arn.looks_like_iam())?;
    // The walk tells what is wrong with the ARN itself.
    if !arns::in_text(text, value.at).is_empty() || !placeholder::parts(text).is_empty() {
        return None;
    }
    if is_of_another_sts(arn.as_str()) {
        let message = format!(
            "{} is not the ARN of a role of AWS: correct only for an STS of MinIO, Ceph or others",
            shown(text)
        );
        return Some(Finding::new(Code::RoleArnElsewhere, value.at, message));
    }
    let message =
        format!("{} is not the ARN of a role (arn:PARTITION:iam::ACCOUNT:role/NAME)", shown(text));
    Some(Finding::new(Code::RoleArn, value.at, message))
}

/// `arn:minio:iam:::role/x` of `MinIO`, `arn:aws:iam:::role/x` of Ceph.
fn is_of_another_sts(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [scheme, partition, _, _, account, resource] = parts.as_slice() else { return false };
    *scheme == "arn"
        && resource.starts_with("role/")
        && (account.is_empty() || !partition.starts_with("aws"))
}
