//! The review that came in, read where it lies.

use serde::Deserialize;
use text::shortened;

use crate::identity::Key;
use crate::json::{self, Raw};
use crate::mutation::{ExistingEphemeralContainers, Pod, Text};

/// Bytes of a review's uid at most, which the answer and the log repeat. An API
/// server's has 36.
const MAX_UID_BYTES: usize = 256;

/// An `AdmissionReview` request, as far as this program uses it.
/// <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#request>
#[derive(Clone, Debug)]
pub struct Review<'a> {
    /// The version of the review's API; the answer has the same.
    pub version: ApiVersion,
    /// `request.uid`, which the answer repeats; at most 256 bytes.
    pub uid: Text<'a>,
    /// `request.namespace`, where the pod is to run.
    pub namespace: Text<'a>,
    /// `request.dryRun`: nothing will be stored.
    pub dry_run: bool,
    /// The object of the review.
    pub subject: Subject<'a>,
}

/// The versions of `AdmissionReview` that are supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiVersion {
    /// `admission.k8s.io/v1`.
    V1,
    /// `admission.k8s.io/v1beta1`, which old API servers send.
    V1Beta1,
}

/// The object and the operation that a review is about.
#[derive(Clone, Debug)]
pub enum Subject<'a> {
    /// The creation of a pod. It is behind a pointer, since it is large and is handed on often.
    Creation(Box<Pod<'a>>),
    /// An update of `pods/ephemeralcontainers`: the pod after, and before.
    EphemeralContainers(Box<Pod<'a>>, ExistingEphemeralContainers<'a>),
    /// Some other kind, or another subresource of a pod.
    NotAPod,
    /// A pod, and an operation that is not served.
    NotServed,
}

/// Why a request could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The body is not JSON, or a member has a value of the wrong type. The
    /// value says where.
    #[error("the body is not an AdmissionReview in JSON: {0}")]
    Json(String),
    /// `apiVersion` is not one of [`ApiVersion`]. The value is the one that was sent.
    #[error("apiVersion is {0:?}; send admission.k8s.io/v1 or admission.k8s.io/v1beta1")]
    Version(String),
    /// `kind` is not `AdmissionReview`. The value is the one that was sent.
    #[error("kind is {0:?}; send an AdmissionReview")]
    Kind(String),
    /// The review has no member `request`.
    #[error("the review has no request")]
    NoRequest,
    /// A required member of the request is absent or empty. The value is its
    /// name.
    #[error("request.{0} is missing")]
    Missing(&'static str),
    /// A member of the request is longer than 256 bytes. The value is its name.
    #[error("request.{0} has more than {MAX_UID_BYTES} bytes")]
    TooLong(&'static str),
    /// The request has no object.
    #[error("request.object is missing; send the Pod")]
    NoObject,
    /// A namespace or a name is not one that Kubernetes accepts. It would become a part of
    /// a URL at the API server. The value says which of them.
    #[error("{0} is not the name of a Kubernetes object")]
    Name(&'static str),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(bound(deserialize = "O: Deserialize<'de>, P: Deserialize<'de>"))]
struct Envelope<'a, O, P> {
    #[serde(borrow, default)]
    api_version: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow, default = "none")]
    request: Option<Request<'a, O, P>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(bound(deserialize = "O: Deserialize<'de>, P: Deserialize<'de>"))]
struct Request<'a, O, P> {
    #[serde(borrow, default)]
    uid: Text<'a>,
    #[serde(borrow, default)]
    kind: Kind<'a>,
    #[serde(borrow, default)]
    resource: Resource<'a>,
    #[serde(borrow, default)]
    sub_resource: Option<Text<'a>>,
    #[serde(borrow, default)]
    namespace: Option<Text<'a>>,
    #[serde(borrow, default)]
    operation: Text<'a>,
    #[serde(default)]
    dry_run: Option<bool>,
    #[serde(default = "none")]
    object: Option<O>,
    #[serde(default = "none")]
    old_object: Option<P>,
}

#[derive(Default, Deserialize)]
struct Kind<'a> {
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
}

#[derive(Default, Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(borrow, default)]
    resource: Text<'a>,
}

type PodEnvelope<'a> = Envelope<'a, Box<Pod<'a>>, ExistingEphemeralContainers<'a>>;
type AnyEnvelope<'a> = Envelope<'a, Raw<'a>, Raw<'a>>;

/// Reads the JSON of an `AdmissionReview` request. The review borrows from `body`. A review of
/// another object than a pod is not an error: it is answered without a patch.
///
/// # Errors
/// [`DecodeError`], to be answered as an HTTP error.
pub fn decode(body: &[u8]) -> Result<Review<'_>, DecodeError> {
    if let Ok(envelope) = json::from_slice::<PodEnvelope<'_>>(body) {
        return envelope.into_review();
    }
    match serde_json::from_slice::<PodEnvelope<'_>>(body) {
        Ok(envelope) => envelope.into_review(),
        Err(error) => match serde_json::from_slice::<AnyEnvelope<'_>>(body) {
            Ok(envelope) => envelope.into_review_of_something_else(&error),
            Err(_) => Err(not_json(&error)),
        },
    }
}

/// In a line of bounded length: what is wrong may be a value of any length, which
/// `serde_json` quotes, and the place comes last.
fn not_json(error: &serde_json::Error) -> DecodeError {
    let (what, place) = json::without_place(error);
    DecodeError::Json(format!("{}{place}", shortened(&what, 256)))
}

impl<'a> PodEnvelope<'a> {
    fn into_review(self) -> Result<Review<'a>, DecodeError> {
        let (version, request) = self.open()?;
        let asked = request.asked();
        request.into_review(version, |object, old_object| match asked {
            Asked::OtherKind => Ok(Subject::NotAPod),
            Asked::OtherOperation => Ok(Subject::NotServed),
            Asked::Creation => Ok(Subject::Creation(object.ok_or(DecodeError::NoObject)?)),
            Asked::EphemeralContainers => Ok(Subject::EphemeralContainers(
                object.ok_or(DecodeError::NoObject)?,
                old_object.unwrap_or_default(),
            )),
        })
    }
}

impl<'a> AnyEnvelope<'a> {
    fn into_review_of_something_else(
        self,
        error: &serde_json::Error,
    ) -> Result<Review<'a>, DecodeError> {
        let (version, request) = self.open()?;
        let asked = request.asked();
        request.into_review(version, |_, _| match asked {
            Asked::OtherKind => Ok(Subject::NotAPod),
            Asked::OtherOperation => Ok(Subject::NotServed),
            Asked::Creation | Asked::EphemeralContainers => Err(not_json(error)),
        })
    }
}

impl<'a, O, P> Envelope<'a, O, P> {
    fn open(self) -> Result<(ApiVersion, Request<'a, O, P>), DecodeError> {
        let version = match &*self.api_version {
            "admission.k8s.io/v1" => ApiVersion::V1,
            "admission.k8s.io/v1beta1" => ApiVersion::V1Beta1,
            other => return Err(DecodeError::Version(shortened(other, 64))),
        };
        if &*self.kind != "AdmissionReview" {
            return Err(DecodeError::Kind(shortened(&self.kind, 64)));
        }
        Ok((version, self.request.ok_or(DecodeError::NoRequest)?))
    }
}

enum Asked {
    Creation,
    EphemeralContainers,
    OtherKind,
    OtherOperation,
}

impl<'a, O, P> Request<'a, O, P> {
    /// By the kind and the resource; an API server sends both.
    fn asked(&self) -> Asked {
        let is = |given: &str, wanted: &str| given.is_empty() || given == wanted;
        let is_pod = is(&self.kind.kind, "Pod")
            && is(&self.resource.resource, "pods")
            && self.kind.group.is_empty()
            && self.resource.group.is_empty();
        if !is_pod {
            return Asked::OtherKind;
        }
        let sub_resource = self.sub_resource.as_deref().unwrap_or_default();
        match (&*self.operation, sub_resource) {
            ("CREATE" | "", "") => Asked::Creation,
            ("UPDATE", "ephemeralcontainers") => Asked::EphemeralContainers,
            _ => Asked::OtherOperation,
        }
    }

    fn into_review(
        self,
        version: ApiVersion,
        subject: impl FnOnce(Option<O>, Option<P>) -> Result<Subject<'a>, DecodeError>,
    ) -> Result<Review<'a>, DecodeError> {
        if self.uid.is_empty() {
            return Err(DecodeError::Missing("uid"));
        }
        if self.uid.len() > MAX_UID_BYTES {
            return Err(DecodeError::TooLong("uid"));
        }
        let subject = subject(self.object, self.old_object)?;
        let namespace = self.namespace.unwrap_or_default();
        let needs_namespace =
            matches!(subject, Subject::Creation(_) | Subject::EphemeralContainers(..));
        if needs_namespace && namespace.is_empty() {
            return Err(DecodeError::Missing("namespace"));
        }
        let dry_run = self.dry_run.unwrap_or_default();
        let review = Review { version, uid: self.uid, namespace, dry_run, subject };
        match review.key() {
            Some(key) if !is_name(key.namespace) => Err(DecodeError::Name("request.namespace")),
            Some(key) if !is_name(key.name) => {
                Err(DecodeError::Name("the pod's serviceAccountName"))
            }
            _ => Ok(review),
        }
    }
}

impl Review<'_> {
    /// The pod's `ServiceAccount`, in the namespace of the request.
    #[must_use]
    pub fn key(&self) -> Option<Key<'_>> {
        let name = self.pod()?.service_account_name();
        Some(Key { namespace: &self.namespace, name })
    }

    /// The pod of the review, if that is the creation of a pod or an update of its
    /// ephemeral containers. Of an update it is the new pod.
    #[must_use]
    pub fn pod(&self) -> Option<&Pod<'_>> {
        match &self.subject {
            Subject::Creation(pod) | Subject::EphemeralContainers(pod, _) => Some(pod),
            Subject::NotAPod | Subject::NotServed => None,
        }
    }
}

impl ApiVersion {
    /// The value of `apiVersion`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "admission.k8s.io/v1",
            Self::V1Beta1 => "admission.k8s.io/v1beta1",
        }
    }
}

/// A DNS subdomain.
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names>
fn is_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 253 && text.chars().all(inner) && text.starts_with(outer) && text.ends_with(outer)
}

/// serde's `default` asks for `Default` of a generic type inside an `Option`.
fn none<T>() -> Option<T> {
    None
}

#[cfg(test)]
#[path = "review_tests.rs"]
mod tests;
