//! The lookup of one `ServiceAccount`: from memory, else by a live GET that
//! all who wait for the same key share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, timeout};

use super::Asker;
use super::failure::AskError;
use super::flights::{Flights, Settled};
use super::index::{Fetched, Index};
use super::slots::Slots;
use crate::telemetry::traces::Parent;
use injection::identity::{Key, Observed, ServiceAccount};

/// A live GET of the `ServiceAccount` of this namespace and name.
pub(super) type Ask =
    Box<dyn Fn(String, String, Parent) -> BoxFuture<'static, Answered> + Send + Sync>;

type Answered = Result<Fetched, AskError>;

type Answer = Observed<Arc<ServiceAccount>>;

#[derive(Debug)]
pub(super) struct Lookups {
    index: RwLock<Index>,
    flights: Flights<Answer>,
    asking: Option<Asking>,
    pub(super) counts: Counts,
}

struct Asking {
    ask: Ask,
    limit: Duration,
}

/// How lookups went.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub hits: AtomicU64,
    pub with_role: AtomicU64,
    pub without_role: AtomicU64,
    pub not_found: AtomicU64,
    pub failed: AtomicU64,
    /// Lookups that wait for a GET now.
    pub waiting: AtomicU64,
}

impl Lookups {
    /// Each lookup waits `limit` at most.
    pub(super) fn live(index: Index, ask: Ask, limit: Duration, slots: Slots) -> Self {
        Self::new(index, Some(Asking { ask, limit }), slots)
    }

    /// Without anyone to ask: what is not in memory is absent.
    pub(super) fn from_memory(index: Index) -> Self {
        Self::new(index, None, Slots::default())
    }

    fn new(index: Index, asking: Option<Asking>, slots: Slots) -> Self {
        Self {
            index: RwLock::new(index),
            flights: Flights::new(slots),
            asking,
            counts: Counts::default(),
        }
    }

    // A panic while it was written to would leave it whole: its steps are
    // insertions and removals.
    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// From memory, where that is enough. Whoever needs no more counts it.
    pub(super) fn known(&self, key: Key<'_>, now: Instant) -> Option<Answer> {
        match self.index().get(key, now.into_std()) {
            None if self.asking.is_some() && can_exist(key) => None,
            known => Some(known.unwrap_or(Observed::Absent)),
        }
    }

    pub(super) fn count_hit(&self) {
        add(&self.counts.hits);
    }

    pub(super) async fn service_account(self: &Arc<Self>, key: Key<'_>, by: &Asker) -> Answer {
        match (self.known(key, Instant::now()), &self.asking) {
            (None, Some(asking)) => self.wait(key, by, asking.limit).await,
            (known, _) => {
                self.count_hit();
                known.unwrap_or(Observed::Absent)
            }
        }
    }

    /// Nobody waits, and no GET is out.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.flights.is_empty() && !self.index().is_fetching()
    }

    async fn wait(self: &Arc<Self>, key: Key<'_>, by: &Asker, limit: Duration) -> Answer {
        let _waiting = Waiting::new(&self.counts.waiting);
        let ask = || {
            let (namespace, name) = (key.namespace.to_owned(), key.name.to_owned());
            Arc::clone(self).ask(namespace, name, by.trace.clone())
        };
        self.flights.get(key, by.caller, limit, ask).await.unwrap_or_else(|why| {
            Observed::Unknown(why.explained(format!("ServiceAccount {key}"), limit))
        })
    }

    /// One GET. Its time is bounded for itself, as those who wait may leave.
    async fn ask(
        self: Arc<Self>,
        namespace: String,
        name: String,
        trace: Parent,
    ) -> impl FnOnce() -> Settled<Answer> + Send {
        let key = Key { namespace: &namespace, name: &name };
        self.index_mut().fetch_began(key);
        let answer = match &self.asking {
            Some(Asking { ask, limit }) => {
                let asked = ask(namespace.clone(), name.clone(), trace);
                timeout(*limit, asked).await.unwrap_or_else(|_| {
                    Err(AskError::Timeout { what: format!("ServiceAccount {key}"), limit: *limit })
                })
            }
            None => Ok(Fetched::NotFound),
        };
        move || self.settle(Key { namespace: &namespace, name: &name }, answer)
    }

    fn settle(&self, key: Key<'_>, answer: Result<Fetched, AskError>) -> Settled<Answer> {
        match answer {
            Ok(fetched) => {
                add(match &fetched {
                    Fetched::Found(Some(sa), _) if sa.role.is_some() => &self.counts.with_role,
                    Fetched::Found(..) => &self.counts.without_role,
                    Fetched::NotFound => &self.counts.not_found,
                });
                self.index_mut().fetched(key, &fetched)
            }
            Err(error) => {
                add(&self.counts.failed);
                self.index_mut().fetch_failed(key);
                Settled::ForEarlier(Observed::Unknown(error.to_string().into()))
            }
        }
    }
}

/// Whether an API server takes such names: a label for the namespace, a
/// subdomain for the name. Whoever calls the webhook without being an API
/// server may name anything, and gets no GET, and no other path, for it.
fn can_exist(Key { namespace, name }: Key<'_>) -> bool {
    let is_label = |label: &str| {
        let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = label.as_bytes();
        bytes.iter().all(|byte| inner(byte) || *byte == b'-')
            && bytes.first().is_some_and(inner)
            && bytes.last().is_some_and(inner)
    };
    namespace.len() <= 63
        && is_label(namespace)
        && name.len() <= 253
        && name.split('.').all(is_label)
}

impl std::fmt::Debug for Asking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asking").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// Counts who waits, also where he leaves early.
struct Waiting<'a>(&'a AtomicU64);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn add(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::FutureExt as _;
    use tokio::sync::Notify;

    use super::super::index::{Read, Uid};
    use super::*;
    use injection::identity::RoleArn;

    const LIMIT: Duration = Duration::from_secs(1);
    const WINDOW: Duration = Duration::from_secs(10);
    const APP: Key<'static> = Key { namespace: "shop", name: "app" };

    #[allow(clippy::unnecessary_wraps, reason = "it is what the index takes")]
    fn role() -> Read {
        let role = RoleArn::read("arn:aws:iam::111122223333:role/app", None);
        Some(Arc::new(ServiceAccount { role, ..ServiceAccount::default() }))
    }

    fn now() -> std::time::Instant {
        Instant::now().into_std()
    }

    /// An index whose first list was empty, and an API server in which `ask`
    /// looks.
    fn lookups<F>(ask: impl Fn() -> F + Send + Sync + 'static) -> Arc<Lookups>
    where
        F: Future<Output = Result<Fetched, AskError>> + Send + 'static,
    {
        let mut index = Index::new(WINDOW, now());
        index.begin_list();
        index.finish_list();
        Arc::new(Lookups::live(
            index,
            Box::new(move |_, _, _| ask().boxed()),
            LIMIT,
            Slots::default(),
        ))
    }

    fn count(count: &AtomicU64) -> u64 {
        count.load(Ordering::Relaxed)
    }

    #[test]
    fn asks_for_no_name_that_an_api_server_would_not_take() {
        let can_exist = |namespace, name| super::can_exist(Key { namespace, name });
        let (label, name, longer) = ("a".repeat(63), "a".repeat(253), "a".repeat(254));
        for (namespace, name) in [("shop", "app"), ("a", "0.b-c.d"), (&label, &name)] {
            assert!(can_exist(namespace, name), "{namespace}/{name}");
        }
        let odd = ["", ".", "..", "a/b", "../../pods", "a?b", "a#", "A", "-a", "a-", "a b", "é"];
        for odd in odd.into_iter().chain([longer.as_str()]) {
            assert!(!can_exist(odd, "app") && !can_exist("shop", odd), "{odd}");
        }
        assert!(!can_exist("a.b", "app") && !can_exist(&longer[..64], "app"));
    }

    #[tokio::test(start_paused = true)]
    async fn asks_for_an_unknown_one_once_and_then_knows_it() {
        let lookups = lookups(async || Ok(Fetched::Found(role(), Uid::default())));
        for _ in 0..3 {
            let answer = lookups.service_account(APP, &Asker::default()).await;
            assert_eq!(answer, role().map_or(Observed::Absent, Observed::Known));
        }
        assert_eq!((count(&lookups.counts.with_role), count(&lookups.counts.hits)), (1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn asks_for_one_without_a_role_until_the_window_is_over() {
        let lookups = lookups(async || Ok(Fetched::Found(None, Uid::default())));
        lookups.index_mut().applied(APP, (None, Uid::default()), now());
        assert_eq!(lookups.service_account(APP, &Asker::default()).await, Observed::Absent);
        assert_eq!(count(&lookups.counts.without_role), 1);
        tokio::time::advance(WINDOW).await;
        assert_eq!(lookups.service_account(APP, &Asker::default()).await, Observed::Absent);
        assert_eq!((count(&lookups.counts.without_role), count(&lookups.counts.hits)), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn says_so_where_no_answer_comes_in_time_and_asks_again() {
        let lookups = lookups(std::future::pending);
        for failed in 1..=2 {
            let begin = Instant::now();
            let answer = lookups.service_account(APP, &Asker::default()).await;
            assert!(
                matches!(&answer, Observed::Unknown(why) if why.contains("1000 ms")),
                "{answer:?}"
            );
            assert_eq!(begin.elapsed(), LIMIT);
            tokio::task::yield_now().await;
            assert_eq!(count(&lookups.counts.failed), failed);
        }
        assert_eq!(count(&lookups.counts.waiting), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_the_answer_of_a_get_though_all_who_waited_have_left() {
        let answered = Arc::new(Notify::new());
        let answer = Arc::clone(&answered);
        let lookups = lookups(move || {
            let answer = Arc::clone(&answer);
            async move {
                answer.notified().await;
                Ok(Fetched::Found(role(), Uid::default()))
            }
        });
        let left = timeout(LIMIT / 2, lookups.service_account(APP, &Asker::default())).await;
        assert!(left.is_err(), "nothing has answered yet");
        assert_eq!(count(&lookups.counts.waiting), 0);
        answered.notify_one();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(lookups.index().get(APP, now()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn hands_the_reason_on_where_a_get_fails_and_keeps_nothing() {
        let answers = Arc::new(Mutex::new(vec![Ok(Fetched::NotFound)]));
        let next = Arc::clone(&answers);
        let lookups = lookups(move || {
            let answer = next.lock().expect("no panic").pop();
            let failed = AskError::Other { what: "it".to_owned(), why: "refused".to_owned() };
            async move { answer.unwrap_or(Err(failed)) }
        });
        assert_eq!(lookups.service_account(APP, &Asker::default()).await, Observed::Absent);
        let answer = lookups.service_account(APP, &Asker::default()).await;
        assert!(matches!(&answer, Observed::Unknown(why) if why.contains("refused")), "{answer:?}");
        assert_eq!((count(&lookups.counts.not_found), count(&lookups.counts.failed)), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_hang_where_a_get_panics() {
        let lookups = lookups(|| std::future::poll_fn(|_| panic!("as a bug would")));
        let answer = lookups.service_account(APP, &Asker::default()).await;
        assert!(matches!(&answer, Observed::Unknown(why) if why.contains("bug")), "{answer:?}");
    }

    #[tokio::test]
    async fn takes_what_it_does_not_know_for_absent_where_nobody_can_be_asked() {
        let lookups = Arc::new(Lookups::from_memory(Index::new(Duration::ZERO, now())));
        assert_eq!(lookups.service_account(APP, &Asker::default()).await, Observed::Absent);
    }
}
