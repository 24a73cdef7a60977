//! Lists, page by page: one page is in memory at a time, and each object only for as long as the caller keeps
//! it.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use hyper::Request;
use kube::Client;
use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokio::time::{Instant, timeout_at};

use super::{Failure, FailureKind, request};

/// As many objects as kubectl asks for at once.
const PAGE: u32 = 500;
/// How long a list may take, all pages together. A `continue` of the API server's expires earlier, when etcd is
/// compacted: every five minutes.
pub(super) const LIST_TIMEOUT: Duration = Duration::from_mins(15);
/// How many objects a list may have. Kubernetes is made for 150,000 pods.
pub(super) const MAX_OBJECTS: usize = 1_000_000;
/// How many pages one after another may be without an object.
const MAX_EMPTY_PAGES: usize = 100;

/// Why a list is not complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("{}", .0.explained())]
    Failed(Failure),
    #[error("the list does not end: after {objects} objects, {why}")]
    Endless { objects: usize, why: &'static str },
}

/// Calls `take` with each object of the list at this path, such as `/api/v1/pods`, which may have a query of
/// its own, such as `?labelSelector=a%3Db`.
///
/// # Errors
/// [`ListError`], where not all objects could be read; those that came before were taken.
pub async fn for_each<T: DeserializeOwned>(
    client: &Client,
    path: &str,
    mut take: impl FnMut(T),
) -> Result<(), ListError> {
    let ends = Instant::now() + LIST_TIMEOUT;
    let separator = if path.contains('?') { '&' } else { '?' };
    let (mut limit, mut token) = (PAGE, String::new());
    let (mut objects, mut empty) = (0, 0);
    loop {
        let uri = format!("{path}{separator}limit={limit}&continue={token}");
        let Ok(answer) = timeout_at(ends, page(client, &uri)).await else {
            return Err(ListError::Endless { objects, why: "it took 15 minutes" });
        };
        let text = match answer {
            Ok(text) => text,
            // Objects of this size, and fewer of them, may well be read.
            Err(failure) if failure.kind == FailureKind::TooLarge && limit > 1 => {
                limit = (limit / 4).max(1);
                continue;
            }
            Err(failure) => return Err(ListError::Failed(failure)),
        };
        let mut found = 0;
        let mut counted = |object| {
            found += 1;
            take(object);
        };
        let next = read(&text, &mut counted).map_err(ListError::Failed)?;
        objects += found;
        empty = if found == 0 { empty + 1 } else { 0 };
        match next {
            None => return Ok(()),
            Some(next) if next == token => {
                return Err(ListError::Endless { objects, why: "it led back to the same page" });
            }
            Some(_) if empty >= MAX_EMPTY_PAGES => {
                return Err(ListError::Endless { objects, why: "only empty pages came" });
            }
            Some(_) if objects >= MAX_OBJECTS => {
                return Err(ListError::Endless { objects, why: "there were more" });
            }
            Some(next) => token = next,
        }
    }
}

async fn page(client: &Client, uri: &str) -> Result<String, Failure> {
    let request = Request::get(uri).body(Vec::new());
    let request = request.map_err(|error| Failure::of(&kube::Error::HttpError(error)))?;
    request::text(client, request).await
}

/// The objects of one page, and where the next one begins.
fn read<T: DeserializeOwned>(
    text: &str,
    take: &mut impl FnMut(T),
) -> Result<Option<String>, Failure> {
    let mut json = serde_json::Deserializer::from_str(text);
    let page = Page { take, of: PhantomData }.deserialize(&mut json);
    let next = page.and_then(|next| json.end().map(|()| next));
    let next = next.map_err(|error| Failure::of(&kube::Error::SerdeError(error)))?;
    // The API server's own text, in base64url without need of escapes; anything else is not one.
    let plain = |it: &String| {
        it.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~=%".contains(&byte))
    };
    match next {
        Some(next) if next.is_empty() => Ok(None),
        Some(next) if !plain(&next) => {
            Err(Failure::unreadable("the list has an invalid continue token"))
        }
        next => Ok(next),
    }
}

/// Reads a list without keeping its objects.
struct Page<'a, T, F> {
    take: &'a mut F,
    of: PhantomData<T>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

impl<'de, T: DeserializeOwned, F: FnMut(T)> DeserializeSeed<'de> for Page<'_, T, F> {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(T)> Visitor<'de> for Page<'_, T, F> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut next, mut listed) = (None, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "items" => {
                    map.next_value_seed(Items { take: &mut *self.take, of: PhantomData::<T> })?;
                    listed = true;
                }
                "metadata" => {
                    next = map.next_value::<Option<Metadata>>()?.unwrap_or_default().next;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if listed { Ok(next) } else { Err(serde::de::Error::missing_field("items")) }
    }
}

struct Items<'a, T, F> {
    take: &'a mut F,
    of: PhantomData<T>,
}

impl<'de, T: DeserializeOwned, F: FnMut(T)> DeserializeSeed<'de> for Items<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_option(self)
    }
}

impl<'de, T: DeserializeOwned, F: FnMut(T)> Visitor<'de> for Items<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the objects of a list")
    }

    // As Go writes an empty slice.
    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(object) = items.next_element()? {
            (self.take)(object);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use http_body_util::Full;
    use hyper::Response;
    use hyper::body::Bytes;
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    type Asked = Arc<Mutex<Vec<String>>>;

    /// A server that answers each request by its path and query; `None` is silence.
    fn server(
        answer: impl Fn(&str) -> Option<(u16, Value)> + Send + Sync + 'static,
    ) -> (Client, Asked) {
        let (asked, asking) = (Asked::default(), Arc::new(answer));
        let seen = Arc::clone(&asked);
        let service = tower::service_fn(move |request: Request<Body>| {
            let uri = request.uri().to_string();
            let answer = asking(&uri);
            seen.lock().unwrap().push(uri);
            async move {
                let Some((status, body)) = answer else { return std::future::pending().await };
                let body = Full::new(Bytes::from(body.to_string()));
                Ok::<_, Infallible>(Response::builder().status(status).body(body).unwrap())
            }
        });
        (Client::new(service, "default"), asked)
    }

    async fn names(client: &Client, path: &str) -> (Vec<String>, Result<(), ListError>) {
        let mut names = Vec::new();
        let listed = for_each(client, path, |object: Value| {
            names.push(object["name"].as_str().unwrap_or_default().to_owned());
        });
        let listed = listed.await;
        (names, listed)
    }

    #[allow(clippy::unnecessary_wraps, reason = "it is what the server gives")]
    fn page_of(names: &[&str], next: &str) -> Option<(u16, Value)> {
        let items: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
        Some((200, json!({ "kind": "List", "items": items, "metadata": { "continue": next } })))
    }

    #[tokio::test]
    async fn reads_page_after_page() {
        let (client, asked) = server(|uri| match uri {
            uri if uri.ends_with("continue=") => page_of(&["a", "b"], "x="),
            uri if uri.ends_with("continue=x=") => page_of(&[], "y"),
            _ => Some((200, json!({ "metadata": null, "items": null }))),
        });
        let (read, listed) = names(&client, "/api/v1/pods?labelSelector=a%3Db").await;
        assert_eq!((listed, read), (Ok(()), vec!["a".to_owned(), "b".to_owned()]));
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), 3);
        assert_eq!(asked[1], "/api/v1/pods?labelSelector=a%3Db&limit=500&continue=x=");
    }

    #[tokio::test]
    async fn says_why_there_is_no_list() {
        let failure =
            json!({ "kind": "Status", "code": 403, "reason": "Forbidden", "message": "no" });
        for (answer, kind) in [
            ((403, failure), FailureKind::Forbidden),
            ((200, json!({ "metadata": {} })), FailureKind::Unreadable),
            ((200, json!([1])), FailureKind::Unreadable),
            (
                (200, json!({ "items": [], "metadata": { "continue": "a b" } })),
                FailureKind::Unreadable,
            ),
        ] {
            let said = answer.clone();
            let (client, _) = server(move |_| Some(said.clone()));
            match names(&client, "/api/v1/pods").await.1 {
                Err(ListError::Failed(failure)) => assert_eq!(failure.kind, kind, "{answer:?}"),
                other => panic!("{answer:?}: {other:?}"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_page_for_ever() {
        let count = Mutex::new(0);
        let fresh = move || {
            let mut count = count.lock().unwrap();
            *count += 1;
            format!("t{count}")
        };
        let (same, _) = server(|_| page_of(&["a"], "same"));
        let (empty, asked) = server(move |_| page_of(&[], &fresh()));
        let (silent, _) = server(|_| None);
        for (client, why) in
            [(&same, "same page"), (&empty, "empty pages"), (&silent, "15 minutes")]
        {
            let error = names(client, "/api/v1/pods").await.1.expect_err(why).to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(asked.lock().unwrap().len() <= MAX_EMPTY_PAGES);
    }
}
