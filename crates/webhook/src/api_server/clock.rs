//! The clock of the API servers, which verify certificates by it.
//!
//! Every answer tells it, in its `Date` header; where none comes for a while,
//! one is asked for.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{AGE, DATE};
use hyper::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::client::Body;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use certificates::{Clock, Moment, Offset, ServerTime};

/// Anyone who is authenticated may ask for it, and a refusal has a `Date` too.
const PATH: &str = "/version";

/// How often it is looked whether an answer is due.
const TICK: Duration = Duration::from_secs(1);

/// An answer is asked for when the last one is older.
const REFRESH: Duration = Duration::from_mins(1);

/// A handle; its copies share what is known. Without any answer the time is
/// not known.
#[derive(Clone)]
pub struct ServerClock(Arc<Inner>);

struct Inner {
    started: Instant,
    clock: Mutex<Clock>,
    /// Whether the time is known: for those who wait for it.
    known: watch::Sender<bool>,
}

impl ServerClock {
    /// One that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        let (known, _) = watch::channel(false);
        Self(Arc::new(Inner { started: Instant::now(), clock: Mutex::default(), known }))
    }

    /// This moment by this machine's clocks, for [`observe`](Self::observe).
    #[must_use]
    pub(crate) fn moment(&self) -> Moment {
        Moment { wall: Timestamp::now(), uptime: self.0.started.elapsed() }
    }

    /// Takes the response to a request that was sent at `sent`. To be called
    /// when its head has come, for whatever status.
    pub(crate) fn observe<B>(&self, response: &Response<B>, sent: Moment) {
        // A cache's answer tells the time at which it was stored.
        let headers = response.headers();
        let date = headers.get(DATE).filter(|_| !headers.contains_key(AGE));
        let Some(date) = date.and_then(|date| date.to_str().ok()) else { return };
        let received = self.moment();
        let known = self.with(|clock| {
            clock.observe(date, sent, received);
            clock.read(received).is_some()
        });
        self.set_known(known);
    }

    /// A client whose every answer tells the time.
    #[must_use]
    pub fn observed(&self, client: Client) -> Client {
        let namespace = client.default_namespace().to_owned();
        let clock = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (client, clock) = (client.clone(), clock.clone());
            async move {
                let sent = clock.moment();
                let response = client.send(request).await?;
                clock.observe(&response, sent);
                Ok::<_, tower::BoxError>(response)
            }
        });
        Client::new(service, namespace)
    }

    /// The API servers' clocks less this machine's, where they are known.
    #[must_use]
    pub fn offset(&self) -> Option<Offset> {
        let now = self.moment();
        let offset = self.with(|clock| clock.read(now));
        self.set_known(offset.is_some());
        offset
    }

    /// The time by the API servers' clocks.
    #[must_use]
    pub fn time(&self) -> ServerTime {
        self.offset().map_or(ServerTime::UNKNOWN, |offset| offset.time(Timestamp::now()))
    }

    /// The median of the API servers' clocks, for what needs one time.
    #[must_use]
    pub fn now(&self) -> Option<Timestamp> {
        let offset = self.offset()?;
        Timestamp::now().checked_add(offset.median).ok()
    }

    /// Changes when the time becomes known, or is lost.
    #[must_use]
    pub fn known(&self) -> watch::Receiver<bool> {
        self.0.known.subscribe()
    }

    /// Asks until the time is known, each time within `limit`: at most so often
    /// as answers are needed.
    pub async fn ask(&self, client: &Client, limit: Duration) -> Option<Timestamp> {
        for _ in 0..Clock::NEEDED {
            let Ok(request) = Request::get(PATH).body(Body::empty()) else { break };
            // What it says does not matter, nor whether it is a refusal.
            if timeout(limit, client.send(request)).await.is_err() {
                break;
            }
            if let Some(now) = self.now() {
                return Some(now);
            }
        }
        self.now()
    }

    /// Keeps the time known, by a client that is [`observed`](Self::observed),
    /// and says in the log when this machine's clock is found off.
    pub async fn keep(&self, client: Client) -> Infallible {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut logged = Logged::Nothing;
        loop {
            ticks.tick().await;
            let now = self.moment();
            let age = self.with(|clock| clock.read(now).and(clock.age(now)));
            if age.is_none_or(|age| age > REFRESH) {
                self.ask(&client, Clock::LONGEST_ROUND_TRIP).await;
            }
            logged = logged.update(self.offset());
        }
    }

    fn set_known(&self, known: bool) {
        self.0.known.send_if_modified(|before| std::mem::replace(before, known) != known);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Clock) -> T) -> T {
        // Whole at any time: an act that panics has changed nothing, or a sample.
        act(&mut self.0.clock.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for ServerClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ServerClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerClock").field(&self.offset()).finish()
    }
}

/// What `readyz?verbose` says of the clock, and whether that is a warning.
#[must_use]
pub fn in_words(offset: Option<Offset>) -> (String, bool) {
    let Some(offset) = offset else {
        return (
            "the API server's clock is unknown: managed certificates are not issued, replaced or \
             removed, and all else goes by this node's clock"
                .to_owned(),
            true,
        );
    };
    let text = if !offset.is_agreed() {
        format!(
            "the API servers' clocks are {} s apart: certificates are removed or replaced only \
             if all of them agree; correct the clocks of the control plane's nodes",
            offset.highest.saturating_sub(offset.lowest).as_secs()
        )
    } else if offset.is_large() {
        let (seconds, direction) = (offset.median.as_secs(), offset.median.signum());
        format!(
            "this node's clock is {} s {} the API server's, which decides about certificates; \
             correct the wrong clock",
            seconds.unsigned_abs(),
            if direction < 0 { "ahead of" } else { "behind" }
        )
    } else {
        format!("within {} s of the API server's", Offset::LARGE.as_secs())
    };
    (text, offset.is_large())
}

/// What the log has said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Logged {
    Nothing,
    Unknown,
    Large,
    Apart,
    Good,
}

impl Logged {
    /// A line for each change, and none for a good beginning.
    fn update(self, offset: Option<Offset>) -> Self {
        let now = match offset {
            None => Self::Unknown,
            Some(offset) if !offset.is_agreed() => Self::Apart,
            Some(offset) if offset.is_large() => Self::Large,
            Some(_) => Self::Good,
        };
        let (detail, _) = in_words(offset);
        let seconds = offset.map(|offset| offset.median.as_secs());
        match (self, now) {
            (before, now) if before == now => {}
            // It is asked for right now.
            (Self::Nothing, Self::Good | Self::Unknown) => {}
            (_, Self::Good) => {
                tracing::info!(offset_seconds = seconds, "clock agrees with API server's again");
            }
            (_, Self::Unknown) => tracing::warn!(%detail, "API server's clock is unknown"),
            (_, Self::Apart) => {
                tracing::warn!(offset_seconds = seconds, %detail, "API servers' clocks disagree");
            }
            (_, Self::Large | Self::Nothing) => {
                tracing::warn!(offset_seconds = seconds, %detail, "clock differs from API server's");
            }
        }
        now
    }
}

/// For the metric: seconds, not a number where they are not known.
#[must_use]
pub(crate) fn seconds(offset: Option<Offset>) -> f64 {
    offset.map_or(f64::NAN, |offset| SignedDuration::as_secs_f64(&offset.median))
}

#[cfg(test)]
impl ServerClock {
    /// As after a few answers with this `Date`.
    pub(crate) fn showing(date: &str) -> Self {
        let clock = Self::new();
        for _ in 0..Clock::NEEDED {
            let response = Response::builder().header(DATE, date).body(());
            clock.observe(&response.expect("a response"), clock.moment());
        }
        clock
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: &str = "Fri, 01 Jan 2100 00:00:00 GMT";

    fn response(headers: &[(&str, &str)]) -> Response<()> {
        let builder = Response::builder().status(403);
        let builder =
            headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        builder.body(()).expect("a response")
    }

    #[tokio::test]
    async fn learns_the_time_from_answers_of_any_status_and_tells_who_waits() {
        let clock = ServerClock::new();
        let mut known = clock.known();
        assert_eq!((clock.time(), clock.now()), (ServerTime::UNKNOWN, None));
        assert!(seconds(clock.offset()).is_nan());
        for _ in 0..3 {
            clock.observe(&response(&[("date", FAR)]), clock.moment());
        }
        known.wait_for(|known| *known).await.expect("the clock lives");
        let now = clock.now().expect("known");
        let far: Timestamp = "2100-01-01T00:00:00Z".parse().expect("a time");
        assert!(now.duration_since(far).unsigned_abs() < Duration::from_mins(1), "{now}");
        let (text, is_warning) = in_words(clock.offset());
        assert!(is_warning && text.contains("behind the API server's"), "{text}");
    }

    #[test]
    fn takes_no_time_from_caches_or_from_what_is_no_date() {
        let clock = ServerClock::new();
        for _ in 0..5 {
            clock.observe(&response(&[]), clock.moment());
            clock.observe(&response(&[("date", "soon")]), clock.moment());
            clock.observe(&response(&[("date", FAR), ("age", "7")]), clock.moment());
        }
        assert_eq!(clock.offset(), None);
    }

    #[test]
    fn says_how_the_clocks_are() {
        let offset = |median: i64, lowest: i64, highest: i64| {
            let seconds = SignedDuration::from_secs;
            Some(Offset {
                median: seconds(median),
                lowest: seconds(lowest),
                highest: seconds(highest),
            })
        };
        for (offset, is_warning, said) in [
            (None, true, "is unknown"),
            (offset(0, 0, 0), false, "within 60 s"),
            (offset(60, 60, 60), false, "within 60 s"),
            (offset(-61, -61, -61), true, "61 s ahead of"),
            (offset(3600, 3600, 3600), true, "3600 s behind"),
            (offset(0, 0, 3600), true, "3600 s apart"),
        ] {
            let (text, warns) = in_words(offset);
            assert!(text.contains(said) && !text.contains('\n'), "{text}");
            assert_eq!(warns, is_warning, "{text}");
        }
    }
}
