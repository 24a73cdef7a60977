//! Facts with which all checks pass, for each case to break one of them.

use std::collections::BTreeMap;

use certificates::Crypto;
use diagnosis::{DryRun, Fact, Facts, FetchedDocument, Probe, Subject, TokenFact};
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use serde_json::{Value, json};

pub(crate) const CA: &str = include_str!("ca.pem");
pub(crate) const LEAF: &str = include_str!("leaf.pem");
pub(crate) const ENTRY: &str = "pod-identity-webhook/pod-identity-webhook.amazonaws.com";
pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/app";
pub(crate) const ISSUER: &str = "https://oidc.example.com/cluster";
pub(crate) const SUBJECT: &str = "system:serviceaccount:demo:app";
pub(crate) const STS: &str = "sts.amazonaws.com";

/// 2026-12-25: within the life of the certificates here.
const AT: i64 = 1_798_156_800;

/// Takes every signature: names and times are what the messages are about.
#[derive(Debug)]
struct Signed;

impl SignatureVerificationAlgorithm for Signed {
    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}

pub(crate) const CRYPTO: Crypto =
    Crypto { algorithms: &[&Signed], public_key: |_| Err("not used".to_owned()) };

pub(crate) fn facts() -> Facts {
    Facts {
        subject: Subject {
            namespace: "demo".to_owned(),
            object: "deployment/app".to_owned(),
            service_account: "app".to_owned(),
            labels: [("app".to_owned(), "web".to_owned())].into(),
            at: AT,
        },
        version: Fact::Known(json!({"gitVersion": "v1.37.0"})),
        webhooks: Fact::Known(json!({"items": [configuration()]})),
        namespace: Fact::Known(json!({"metadata": {"name": "demo", "labels": {}}})),
        service_account: Fact::Known(account(&json!({"eks.amazonaws.com/role-arn": ROLE}))),
        config_map: Fact::NotAsked,
        webhook_flags: Fact::NotAsked,
        container_credentials: Fact::NotAsked,
        probes: probed(Probe::Service {
            ready_endpoints: Fact::Known(2),
            certificate: Fact::Known(LEAF.to_owned()),
        }),
        dry_run: Fact::Known(DryRun::Admitted { pod: pod("test"), warnings: Vec::new() }),
        token: Fact::Known(TokenFact {
            issuer: ISSUER.to_owned(),
            subject: SUBJECT.to_owned(),
            audiences: vec![STS.to_owned()],
            kid: Some("key-1".to_owned()),
            algorithm: "ES256".to_owned(),
            verified: Some(Ok(())),
        }),
        discovery: document("/.well-known/openid-configuration", &discovery(ISSUER)),
        jwks: document("/openid/v1/jwks", &json!({"keys": [key()]}).to_string()),
        pods: Fact::Known(vec![pod("app-1")]),
        role: Fact::Known(role(ROLE, SUBJECT)),
        provider: Fact::Known(json!({"Url": "oidc.example.com/cluster", "ClientIDList": [STS]})),
    }
}

pub(crate) fn configuration() -> Value {
    use base64::Engine as _;
    let bundle = base64::engine::general_purpose::STANDARD.encode(CA);
    json!({
        "metadata": {"name": "pod-identity-webhook"},
        "webhooks": [{
            "name": "pod-identity-webhook.amazonaws.com",
            "clientConfig": {
                "service": {"namespace": "kube-system", "name": "pod-identity-webhook"},
                "caBundle": bundle,
            },
            "rules": [{
                "operations": ["CREATE"],
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "resources": ["pods"],
            }],
        }],
    })
}

/// The webhook's one entry.
pub(crate) fn entry(facts: &mut Facts) -> &mut Value {
    let Fact::Known(list) = &mut facts.webhooks else { panic!("no webhooks") };
    &mut list["items"][0]["webhooks"][0]
}

pub(crate) fn account(annotations: &Value) -> Value {
    json!({"metadata": {"namespace": "demo", "name": "app", "annotations": annotations}})
}

/// A pod as the webhook leaves it.
pub(crate) fn pod(name: &str) -> Value {
    json!({
        "metadata": {"namespace": "demo", "name": name, "creationTimestamp": "2026-12-24T00:00:00Z"},
        "spec": {
            "serviceAccountName": "app",
            "containers": [{
                "name": "app",
                "env": [
                    {"name": "AWS_REGION", "value": "eu-west-1"},
                    {"name": "AWS_ROLE_ARN", "value": ROLE},
                    {"name": "AWS_WEB_IDENTITY_TOKEN_FILE", "value": "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"},
                ],
                "volumeMounts": [{
                    "name": "aws-iam-token",
                    "mountPath": "/var/run/secrets/eks.amazonaws.com/serviceaccount",
                }],
            }],
            "volumes": [{"name": "aws-iam-token", "projected": {"sources": [
                {"serviceAccountToken": {"path": "token", "audience": STS}},
            ]}}],
        },
    })
}

pub(crate) fn bare_pod() -> Value {
    json!({
        "metadata": {"namespace": "demo", "name": "app-1"},
        "spec": {"serviceAccountName": "app", "containers": [{"name": "app"}]},
    })
}

pub(crate) fn probed(probe: Probe) -> Fact<BTreeMap<String, Probe>> {
    Fact::Known([(ENTRY.to_owned(), probe)].into())
}

pub(crate) fn token(facts: &mut Facts) -> &mut TokenFact {
    let Fact::Known(token) = &mut facts.token else { panic!("no token") };
    token
}

pub(crate) fn document(path: &str, body: &str) -> Fact<FetchedDocument> {
    Fact::Known(FetchedDocument::saved(&format!("{ISSUER}{path}"), body.to_owned()))
}

pub(crate) fn discovery(issuer: &str) -> String {
    let algorithms = ["ES256"];
    let jwks_uri = format!("{ISSUER}/openid/v1/jwks");
    json!({
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "id_token_signing_alg_values_supported": algorithms,
    })
    .to_string()
}

/// The key that signs tokens.
pub(crate) fn key() -> Value {
    json!({
        "use": "sig",
        "kty": "EC",
        "kid": "key-1",
        "crv": "P-256",
        "alg": "ES256",
        "x": "tWaacTgpTUVOWj-gdrPc6uolchwFtZ_GQdDzwGFnTIU",
        "y": "LA_53zCWo4O26n_oBFGtCiUgu2n7ECEyRv0A1_xgs5c",
    })
}

/// What `aws iam get-role` prints.
pub(crate) fn role(arn: &str, subject: &str) -> String {
    let statement = json!({
        "Effect": "Allow",
        "Principal": {
            "Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.example.com/cluster",
        },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"oidc.example.com/cluster:sub": subject}},
    });
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
    json!({"Role": {"Arn": arn, "AssumeRolePolicyDocument": policy}}).to_string()
}
