//! How often something is looked at while it is waited for.

use std::time::Duration;

/// The first pause, and the longest but for very many pods.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// For each pod that a look reads: 100 a second.
const FOR_A_POD: Duration = Duration::from_millis(10);

/// However many pods there are.
const LONGEST: Duration = Duration::from_secs(30);

/// The longer something takes, and the more pods a look reads, the longer until the next look.
#[derive(Debug)]
pub(super) struct Pace(Duration);

impl Default for Pace {
    fn default() -> Self {
        Self(PAUSE.0)
    }
}

impl Pace {
    /// The pause after a look that read so many pods.
    pub(super) fn next(&mut self, pods: usize) -> Duration {
        let pause = self.0;
        self.0 = (pause * 5 / 4).min(PAUSE.1);
        let for_pods = FOR_A_POD * u32::try_from(pods).unwrap_or(u32::MAX).min(10_000);
        pause.max(for_pods).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_less_often_the_longer_it_takes_and_the_more_pods_there_are() {
        let mut pace = Pace::default();
        let pauses: Vec<_> = (0..12).map(|_| pace.next(3)).collect();
        assert_eq!(pauses[0], Duration::from_secs(1));
        assert!(pauses.is_sorted(), "{pauses:?}");
        assert_eq!(pauses[11], Duration::from_secs(5));
        assert_eq!(Pace::default().next(1200), Duration::from_secs(12));
        assert_eq!(Pace::default().next(usize::MAX), Duration::from_secs(30));
    }
}
