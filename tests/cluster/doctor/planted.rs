//! Objects with a secret of its own in each text of them, made from the API server's schemas: a field
//! that Kubernetes gets next year has one as well.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// The secrets that were planted, and where.
#[derive(Default)]
pub(crate) struct Planted {
    places: BTreeMap<String, String>,
}

/// The schemas of one API group.
pub(crate) struct Schemas(pub(crate) Value);

impl Planted {
    /// A new secret.
    pub(crate) fn secret(&mut self, place: &str) -> String {
        let secret = format!("hush{:05}x", self.places.len());
        self.places.insert(secret.clone(), place.to_owned());
        secret
    }

    /// The places of those secrets that are in a text, as they are or in base64.
    pub(crate) fn found_in(&self, text: &str) -> Vec<&str> {
        let found = self.places.iter().filter(|(secret, _)| {
            text.contains(secret.as_str()) || text.contains(&STANDARD.encode(secret))
        });
        found.map(|(_, place)| place.as_str()).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// An object of a kind: `io.k8s.api.core.v1.Pod`, at a place that the secrets' places begin with.
    pub(crate) fn object(&mut self, schemas: &Schemas, kind: &str, place: &str) -> Value {
        let schema = &schemas.0["components"]["schemas"][kind];
        assert!(schema.is_object(), "there is no schema of {kind}");
        let mut object = self.value(schemas, schema, place);
        if let Some(object) = object.as_object_mut() {
            object.insert("kind".to_owned(), kind.rsplit('.').next().into());
        }
        object
    }

    fn value(&mut self, schemas: &Schemas, schema: &Value, place: &str) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap();
            return self.value(schemas, &schemas.0["components"]["schemas"][name], place);
        }
        if let Some(one) = schema["allOf"].get(0) {
            return self.value(schemas, one, place);
        }
        match schema["type"].as_str() {
            Some("array") => json!([self.value(schemas, &schema["items"], &format!("{place}[]"))]),
            Some("boolean") => json!(true),
            Some("integer" | "number") => json!(1),
            Some("object") => self.members(schemas, schema, place),
            Some("string") if schema["format"] == "byte" => {
                STANDARD.encode(self.secret(place)).into()
            }
            // Texts, and what may be a text or a number.
            _ => self.secret(place).into(),
        }
    }

    fn members(&mut self, schemas: &Schemas, schema: &Value, place: &str) -> Value {
        let mut members = Map::new();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            members.insert(name.clone(), self.value(schemas, schema, &format!("{place}.{name}")));
        }
        if members.is_empty() {
            // A map, or an object of any members.
            let key = self.secret(&format!("{place}.KEY"));
            let place = format!("{place}.VALUE");
            let value = match &schema["additionalProperties"] {
                Value::Object(_) => self.value(schemas, &schema["additionalProperties"], &place),
                _ => json!({(self.secret(&place)): self.secret(&place)}),
            };
            members.insert(key, value);
        }
        Value::Object(members)
    }
}
