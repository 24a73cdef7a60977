//! The lookup of one `ServiceAccount`: from memory, else by a live GET that
//! all who wait for the same key share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, timeout};

use super::failure::AskError;
use super::flights::Flights;
use super::index::{Fetched, Index};
use injection::identity::{Fact, Key, ServiceAccount};

/// A live GET of the `ServiceAccount` of this namespace and name.
pub(super) type Ask =
    Box<dyn Fn(String, String) -> BoxFuture<'static, Result<Fetched, AskError>> + Send + Sync>;

type Answer = Fact<Arc<ServiceAccount>>;

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
    pub(super) fn live(index: Index, ask: Ask, limit: Duration) -> Self {
        Self::new(index, Some(Asking { ask, limit }))
    }

    /// Without anyone to ask: what is not in memory is absent.
    pub(super) fn from_memory(index: Index) -> Self {
        Self::new(index, None)
    }

    fn new(index: Index, asking: Option<Asking>) -> Self {
        let has_role = |answer: &Answer| matches!(answer, Fact::Known(sa) if sa.role.is_some());
        Self {
            index: RwLock::new(index),
            flights: Flights::new(has_role),
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

    pub(super) async fn service_account(self: &Arc<Self>, key: Key<'_>) -> Answer {
        let known = self.index().get(key, Instant::now().into_std());
        match (known, &self.asking) {
            (Some(known), _) => {
                add(&self.counts.hits);
                known
            }
            (None, None) => {
                add(&self.counts.hits);
                Fact::Absent
            }
            (None, Some(asking)) => self.wait(key, asking.limit).await,
        }
    }

    async fn wait(self: &Arc<Self>, key: Key<'_>, limit: Duration) -> Answer {
        let _waiting = Waiting::new(&self.counts.waiting);
        let (namespace, name) = (key.namespace.to_owned(), key.name.to_owned());
        let lookups = Arc::clone(self);
        let ask = move || Arc::clone(&lookups).ask(namespace.clone(), name.clone());
        let what = || format!("ServiceAccount {key}");
        match timeout(limit, self.flights.get(key, ask)).await {
            Ok(Some(answer)) => answer,
            Ok(None) => unknown(&AskError::Panicked { what: what() }),
            Err(_) => unknown(&AskError::Timeout { what: what(), limit }),
        }
    }

    /// One GET. It has no other waiters than those of its flight, and its time
    /// is bounded for itself, as they may leave.
    async fn ask(self: Arc<Self>, namespace: String, name: String) -> Answer {
        let key = Key { namespace: &namespace, name: &name };
        let Some(Asking { ask, limit }) = &self.asking else { return Fact::Absent };
        self.index_mut().fetch_began(key);
        let asked = ask(namespace.clone(), name.clone());
        let answer = timeout(*limit, asked).await.unwrap_or_else(|_| {
            Err(AskError::Timeout { what: format!("ServiceAccount {key}"), limit: *limit })
        });
        match answer {
            Ok(fetched) => {
                add(match &fetched {
                    Fetched::Found(Some(sa)) if sa.role.is_some() => &self.counts.with_role,
                    Fetched::Found(_) => &self.counts.without_role,
                    Fetched::NotFound => &self.counts.not_found,
                });
                self.index_mut().fetched(key, &fetched)
            }
            Err(error) => {
                add(&self.counts.failed);
                self.index_mut().fetch_failed(key);
                unknown(&error)
            }
        }
    }
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

fn unknown<T>(error: &AskError) -> Fact<T> {
    Fact::Unknown(error.to_string().into())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::FutureExt as _;
    use tokio::sync::Notify;

    use super::super::index::Read;
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
        Arc::new(Lookups::live(index, Box::new(move |_, _| ask().boxed()), LIMIT))
    }

    fn count(count: &AtomicU64) -> u64 {
        count.load(Ordering::Relaxed)
    }

    #[tokio::test(start_paused = true)]
    async fn asks_for_an_unknown_one_once_and_then_knows_it() {
        let lookups = lookups(async || Ok(Fetched::Found(role())));
        for _ in 0..3 {
            let answer = lookups.service_account(APP).await;
            assert_eq!(answer, role().map_or(Fact::Absent, Fact::Known));
        }
        assert_eq!((count(&lookups.counts.with_role), count(&lookups.counts.hits)), (1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn asks_for_one_without_a_role_until_the_window_is_over() {
        let lookups = lookups(async || Ok(Fetched::Found(None)));
        lookups.index_mut().applied(APP, None, now());
        assert_eq!(lookups.service_account(APP).await, Fact::Absent);
        assert_eq!(count(&lookups.counts.without_role), 1);
        tokio::time::advance(WINDOW).await;
        assert_eq!(lookups.service_account(APP).await, Fact::Absent);
        assert_eq!((count(&lookups.counts.without_role), count(&lookups.counts.hits)), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn says_so_where_no_answer_comes_in_time_and_asks_again() {
        let lookups = lookups(std::future::pending);
        for failed in 1..=2 {
            let begin = Instant::now();
            let answer = lookups.service_account(APP).await;
            assert!(matches!(&answer, Fact::Unknown(why) if why.contains("1000 ms")), "{answer:?}");
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
                Ok(Fetched::Found(role()))
            }
        });
        let left = timeout(LIMIT / 2, lookups.service_account(APP)).await;
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
        assert_eq!(lookups.service_account(APP).await, Fact::Absent);
        let answer = lookups.service_account(APP).await;
        assert!(matches!(&answer, Fact::Unknown(why) if why.contains("refused")), "{answer:?}");
        assert_eq!((count(&lookups.counts.not_found), count(&lookups.counts.failed)), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn does_not_hang_where_a_get_panics() {
        let lookups = lookups(|| std::future::poll_fn(|_| panic!("as a bug would")));
        let answer = lookups.service_account(APP).await;
        assert!(matches!(&answer, Fact::Unknown(why) if why.contains("bug")), "{answer:?}");
    }

    #[tokio::test]
    async fn takes_what_it_does_not_know_for_absent_where_nobody_can_be_asked() {
        let lookups = Arc::new(Lookups::from_memory(Index::new(Duration::ZERO, now())));
        assert_eq!(lookups.service_account(APP).await, Fact::Absent);
    }
}
