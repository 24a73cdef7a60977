//! What of the evidence may be kept: exactly what the checks read, by
//! allow-list, so that a folder of it can be passed on.
//!
//! The checks see nothing else, in a live run as well as from a folder.
//! Whoever adds a field to a check has to add it here, or the check never sees
//! it. Each function gives the same when it is applied to its own result.

mod documents;
mod pod;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::selector::LabelSelector;
use super::webhook::{LEFT_OUT, is_shipped_condition};
use super::{
    CHECKED_FLAGS, DryRun, Fact, Facts, FetchedDocument, Probe, Refusal, Response, WebhookFlags,
    WebhookSettings, entries,
};
use injection::identity::{
    AnnotationKeys, ConfigMapIdentities, Key, ServiceAccountReader, WarningKind,
};

pub(super) use documents::{UNREADABLE, endpoint};
pub use documents::{bounded, certificates};
pub use pod::redacted_pod;

/// Facts without anything that no check reads: no values of variables but the
/// AWS ones that are no secret, no arguments, no foreign annotations or
/// configurations, no private keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Redacted(Facts);

impl Redacted {
    /// Takes out of `facts` what the checks do not read under these settings.
    #[must_use]
    pub fn of(mut facts: Facts, settings: &WebhookSettings) -> Self {
        let keys = &settings.policy.settings.keys;
        let (namespace, name) =
            (facts.subject.namespace.clone(), facts.subject.service_account.clone());
        let key = Key { namespace: &namespace, name: &name };
        let labels = selected_labels(&facts.webhooks, settings);
        facts.subject.labels.retain(|key, _| labels.contains(key));
        retain_probes(&mut facts, settings);
        Self(Facts {
            version: facts.version.map(|it| texts(&it, &["gitVersion"])),
            namespace: facts.namespace.map(|it| namespace_of(&it, &labels)),
            webhooks: facts.webhooks.map(|it| webhooks(&it, settings)),
            service_account: facts
                .service_account
                .map(|it| redacted_account(&it, keys, &settings.reader)),
            webhook_flags: facts.webhook_flags.map(webhook_flags),
            config_map: facts.config_map.map(|it| config_map(&it, key, &settings.reader)),
            dry_run: facts.dry_run.map(|it| dry_run(it, keys)),
            discovery: facts.discovery.map(|it| fetched(it, documents::discovery)),
            jwks: facts.jwks.map(|it| fetched(it, documents::jwks)),
            pods: facts.pods.map(|all| all.into_iter().map(|it| redacted_pod(&it, keys)).collect()),
            role: facts.role.map(|text| documents::role(&text)),
            provider: facts.provider.map(|it| provider(&it)),
            ..facts
        })
    }

    /// The facts that are left.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.0
    }
}

/// A `ServiceAccount`: its name, the annotations that the webhook reads or
/// warns of, and when the role was written.
#[must_use]
pub(crate) fn redacted_account(
    account: &Value,
    keys: &AnnotationKeys,
    reader: &ServiceAccountReader,
) -> Value {
    let from = &account["metadata"];
    let mut metadata = texts(from, &["name", "namespace"]);
    let mut annotations = known_annotations(from, keys);
    let all = from["annotations"].as_object().into_iter().flatten();
    for (name, value) in all.filter_map(|(name, value)| Some((name, value.as_str()?))) {
        let misses = |value: &str| {
            let alone = reader.read(std::iter::once((name.as_str(), value)));
            alone.is_some_and(|it| it.warnings.iter().any(|it| it.kind == WarningKind::NearMiss))
        };
        if annotations.contains_key(name) {
            continue;
        }
        // Its name says enough; else the value is a role's ARN.
        if misses("") {
            annotations.insert(name.clone(), "".into());
        } else if misses(value) {
            annotations.insert(name.clone(), value.into());
        }
    }
    put(&mut metadata, "annotations", Value::Object(annotations));
    let field = format!("f:{}", keys.role_arn);
    let managed = from["managedFields"].as_array().into_iter().flatten();
    let managed = managed
        .filter(|it| it["fieldsV1"]["f:metadata"]["f:annotations"].get(&field).is_some())
        .filter_map(|it| it["time"].as_str());
    let managed: Vec<_> = managed
        .map(|time| {
            let annotations = json!({(field.as_str()): {}});
            json!({"time": time, "fieldsV1": {"f:metadata": {"f:annotations": annotations}}})
        })
        .collect();
    put(&mut metadata, "managedFields", Value::Array(managed));
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
}

/// The annotations that the webhook reads. A new one does not compile until it
/// stands here.
fn known_annotations(metadata: &Value, keys: &AnnotationKeys) -> Map<String, Value> {
    let AnnotationKeys {
        prefix: _,
        role_arn,
        audience,
        regional_sts,
        token_expiration,
        region,
        role_session_name,
        sts_endpoint_url,
        skip_containers,
        include_containers,
    } = keys;
    let known = [
        role_arn,
        audience,
        regional_sts,
        token_expiration,
        region,
        role_session_name,
        sts_endpoint_url,
        skip_containers,
        include_containers,
    ];
    let value =
        |key: &String| Some((key.clone(), metadata["annotations"].get(key)?.as_str()?.into()));
    known.into_iter().filter_map(value).collect()
}

/// The labels that a selector of the webhook names.
fn selected_labels(webhooks: &Fact<Value>, settings: &WebhookSettings) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for entry in webhooks.known().into_iter().flat_map(|it| entries(it, &settings.configurations)) {
        for (_, selector) in entry.selectors() {
            if let Ok(selector) = LabelSelector::read(selector) {
                keys.extend(selector.keys().map(str::to_owned));
            }
        }
    }
    keys
}

fn namespace_of(namespace: &Value, labels: &BTreeSet<String>) -> Value {
    let mut metadata = texts(&namespace["metadata"], &["name"]);
    let all = namespace["metadata"]["labels"].as_object().into_iter().flatten();
    let all = all.filter(|(key, value)| labels.contains(*key) && value.is_string());
    let kept: Map<_, _> = all.map(|(key, value)| (key.clone(), value.clone())).collect();
    put(&mut metadata, "labels", Value::Object(kept));
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
}

/// The webhook's own entries; of configurations that have none the name.
fn webhooks(list: &Value, settings: &WebhookSettings) -> Value {
    let ours = entries(list, &settings.configurations);
    let items = list["items"].as_array().into_iter().flatten().map(|item| {
        let name = item["metadata"]["name"].as_str().unwrap_or_default();
        let webhooks: Vec<_> = ours
            .iter()
            .filter(|entry| entry.configuration == name)
            .map(|entry| webhook(entry.value()))
            .collect();
        let metadata = json!({"name": name});
        if webhooks.is_empty() && item["webhooks"].as_array().is_none_or(|it| !it.is_empty()) {
            return json!({"metadata": metadata, (LEFT_OUT): true});
        }
        json!({"metadata": metadata, "webhooks": webhooks})
    });
    json!({"items": items.collect::<Vec<_>>()})
}

fn webhook(entry: &Value) -> Value {
    let mut kept = texts(entry, &["name", "failurePolicy"]);
    let from = &entry["clientConfig"];
    let mut client = Map::new();
    if let Some(url) = from["url"].as_str() {
        client.insert("url".to_owned(), documents::origin(url).into());
    }
    if from["service"].is_object() {
        client.insert("service".to_owned(), texts(&from["service"], &["namespace", "name"]));
    }
    if let Some(bundle) = from["caBundle"].as_str() {
        client.insert("caBundle".to_owned(), documents::ca_bundle(bundle).into());
    }
    put(&mut kept, "clientConfig", Value::Object(client));
    let rules = entry["rules"].as_array().into_iter().flatten().map(|rule| {
        let mut kept = texts(rule, &["scope"]);
        for member in ["operations", "apiGroups", "apiVersions", "resources"] {
            put(&mut kept, member, text_list(&rule[member]));
        }
        kept
    });
    put(&mut kept, "rules", rules.collect());
    for selector in ["namespaceSelector", "objectSelector"] {
        let read = LabelSelector::read(&entry[selector]);
        // What can't be read stays unreadable: it is not known what it selects.
        let value = read.map_or("unreadable".into(), |it| json!(it));
        put(&mut kept, selector, value);
    }
    // The dry run tells what those of others come to.
    let conditions = entry["matchConditions"].as_array().into_iter().flatten();
    let conditions = conditions.map(|it| match it["expression"].as_str() {
        Some(expression) if is_shipped_condition(expression) => json!({"expression": expression}),
        _ => json!({}),
    });
    put(&mut kept, "matchConditions", conditions.collect());
    if let Some(seconds) = entry["timeoutSeconds"].as_u64() {
        put(&mut kept, "timeoutSeconds", seconds.into());
    }
    kept
}

/// Of the webhook's flags those that a check reads.
fn webhook_flags(flags: WebhookFlags) -> WebhookFlags {
    let WebhookFlags { of, flags, not_known } = flags;
    let checked = flags.into_iter().filter(|(name, _)| CHECKED_FLAGS.contains(&name.as_str()));
    let kept = checked.map(|(name, value)| match name.as_str() {
        "container-credentials-full-uri" | "sts-endpoint-url" | "allowed-sts-endpoint-urls" => {
            let all = value.split(',').map(|url| documents::endpoint(url.trim()));
            (name, all.collect::<Vec<_>>().join(","))
        }
        _ => (name, value),
    });
    let not_known = not_known.iter().map(|it| bounded(it)).collect();
    WebhookFlags { of: bounded(&of), flags: kept.collect(), not_known }
}

/// Of the `ConfigMap` the one entry that counts for this `ServiceAccount`.
fn config_map(map: &Value, key: Key<'_>, reader: &ServiceAccountReader) -> Value {
    let mut kept = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": texts(&map["metadata"], &["name", "namespace"]),
    });
    let config = map["data"]["config"].as_str().unwrap_or_default();
    let all = match serde_json::from_str::<Map<String, Value>>(config) {
        Ok(all) => all,
        Err(_) if config.trim().is_empty() => Map::new(),
        // That it can't be read is what counts.
        Err(_) => {
            put(&mut kept, "data", json!({"config": documents::NOT_JSON}));
            return kept;
        }
    };
    let parse = |entries: &Map<String, Value>| {
        // Text of a map: it can be read.
        let text = Value::Object(entries.clone()).to_string();
        let (read, _) = ConfigMapIdentities::parse(&text, reader.account()).ok()?;
        read.get(key).map(|entry| entry.as_ref().clone())
    };
    let named = all
        .into_iter()
        .filter(|(pattern, _)| pattern.split_once('/').is_some_and(|(_, name)| name == key.name));
    let matching: Map<_, _> =
        named.filter(|(pattern, value)| parse(&one(pattern, value)).is_some()).collect();
    let wins = parse(&matching);
    let winner = matching.iter().find(|(pattern, value)| parse(&one(pattern, value)) == wins);
    if let Some((pattern, value)) = winner {
        let known = ["rolearn", "audience", "useregionalsts", "tokenexpiration"];
        let members = value.as_object().into_iter().flatten();
        let members = members
            .filter(|(name, _)| known.contains(&name.to_ascii_lowercase().as_str()))
            .filter(|(_, value)| !value.is_object() && !value.is_array());
        let entry = members.map(|(name, value)| (name.clone(), value.clone())).collect();
        let config = Value::Object(one(pattern, &Value::Object(entry)));
        put(&mut kept, "data", json!({"config": config.to_string()}));
    }
    kept
}

fn one(name: &str, value: &Value) -> Map<String, Value> {
    std::iter::once((name.to_owned(), value.clone())).collect()
}

/// Of the webhook's entries alone, with nothing but certificates in them.
fn retain_probes(facts: &mut Facts, settings: &WebhookSettings) {
    let Fact::Known(probes) = &mut facts.probes else { return };
    if let Some(list) = facts.webhooks.known() {
        let ours = entries(list, &settings.configurations);
        let known: BTreeSet<_> =
            ours.iter().flat_map(|it| [it.to_string(), it.name.to_owned()]).collect();
        probes.retain(|entry, _| known.contains(entry));
    }
    let kept = std::mem::take(probes).into_iter().map(|(entry, probe)| (entry, self::probe(probe)));
    *probes = kept.collect::<BTreeMap<_, _>>();
}

fn probe(probe: Probe) -> Probe {
    match probe {
        Probe::Service { ready_endpoints, certificate } => Probe::Service {
            ready_endpoints,
            certificate: certificate.map(|pem| certificates(pem.as_bytes())),
        },
        Probe::Unreachable(why) => Probe::Unreachable(bounded(&why)),
        Probe::Untrusted(why) => Probe::Untrusted(bounded(&why)),
        Probe::Unfit(why) => Probe::Unfit(bounded(&why)),
        probe @ (Probe::Silent { .. } | Probe::Answered { .. }) => probe,
    }
}

fn dry_run(dry_run: DryRun, keys: &AnnotationKeys) -> DryRun {
    match dry_run {
        // What other webhooks warn of is not looked at.
        DryRun::Admitted { pod, .. } => {
            DryRun::Admitted { pod: redacted_pod(&pod, keys), warnings: Vec::new() }
        }
        DryRun::Refused(why) => DryRun::Refused(Refusal { message: bounded(&why.message), ..why }),
    }
}

fn fetched(fetched: FetchedDocument, keep: impl FnOnce(&str) -> String) -> FetchedDocument {
    let answer = fetched.answer.map(|response| Response {
        status: response.status,
        content_type: response.content_type.as_deref().map(bounded),
        location: response.location.as_deref().map(|to| bounded(&documents::address(to))),
        address: response.address,
        body: keep(&response.body),
    });
    FetchedDocument { url: fetched.url, answer: answer.map_err(|why| why.map(bounded)) }
}

fn provider(provider: &Value) -> Value {
    let mut kept = texts(provider, &["Url"]);
    // An empty list says that there is none.
    if provider["ClientIDList"].is_array() {
        kept["ClientIDList"] = text_list(&provider["ClientIDList"]);
    }
    if let Some(list) = provider["OpenIDConnectProviderList"].as_array() {
        kept["OpenIDConnectProviderList"] = list.iter().map(|it| texts(it, &["Arn"])).collect();
    }
    kept
}

/// These members where they are text, as an object.
fn texts(from: &Value, members: &[&str]) -> Value {
    let text = |member: &&str| {
        let value = from.get(member)?.as_str()?;
        Some(((*member).to_owned(), Value::from(value)))
    };
    Value::Object(members.iter().filter_map(text).collect())
}

/// The texts of a list.
fn text_list(from: &Value) -> Value {
    from.as_array().into_iter().flatten().filter(|it| it.is_string()).cloned().collect()
}

/// Puts a member into an object, unless there is nothing in it.
fn put(object: &mut Value, member: &str, value: Value) {
    let empty = match &value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if let (false, Some(object)) = (empty, object.as_object_mut()) {
        object.insert(member.to_owned(), value);
    }
}

#[cfg(test)]
mod tests;
