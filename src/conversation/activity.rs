//! Who is typing: the two state machines of RFC 3994 §3.

use std::time::{Duration, Instant};

/// The three timers of RFC 3994.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Without a keystroke for so long the composer counts as idle (RFC 3994 §3.2: 15 s).
    pub idle: Duration,
    /// How often "active" is said again while the user goes on (RFC 3994 §3.2: not below 60 s).
    pub refresh: Duration,
    /// How long "active" is believed if the document does not say (RFC 3994 §3.3: 120 s).
    pub believed: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(15),
            refresh: Duration::from_secs(60),
            believed: Duration::from_secs(120),
        }
    }
}

/// The composer of messages (RFC 3994 §3.2): turns keystrokes into what to tell the peer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Composer {
    active: Option<Active>,
}

#[derive(Clone, Copy, Debug)]
struct Active {
    idle_at: Instant,
    refresh_at: Instant,
}

/// What to tell the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    /// The user is composing.
    Active,
    /// The user no longer is.
    Idle,
}

impl Composer {
    /// The user pressed a key.
    pub fn keystroke(&mut self, now: Instant, timing: &Timing) -> Option<Tell> {
        let idle_at = now + timing.idle;
        match &mut self.active {
            Some(active) => {
                active.idle_at = idle_at;
                self.poll(now, timing)
            }
            None => {
                self.active = Some(Active {
                    idle_at,
                    refresh_at: now + timing.refresh,
                });
                Some(Tell::Active)
            }
        }
    }

    /// The message was sent, which says "idle" by itself (RFC 3994 §3.2).
    pub fn sent(&mut self) {
        self.active = None;
    }

    /// What there is to tell at `now`.
    pub fn poll(&mut self, now: Instant, timing: &Timing) -> Option<Tell> {
        let active = self.active.as_mut()?;
        if active.idle_at <= now {
            self.active = None;
            Some(Tell::Idle)
        } else if active.refresh_at <= now {
            active.refresh_at = now + timing.refresh;
            Some(Tell::Active)
        } else {
            None
        }
    }

    /// When there will be something to tell.
    pub fn deadline(&self) -> Option<Instant> {
        self.active
            .map(|active| active.idle_at.min(active.refresh_at))
    }
}

/// The receiver of status messages (RFC 3994 §3.3): whether the peer counts as composing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watcher {
    active_until: Option<Instant>,
}

impl Watcher {
    /// The peer said "active", for `refresh` seconds if it said so. True if that is news.
    pub fn active(&mut self, now: Instant, refresh: Option<Duration>, timing: &Timing) -> bool {
        // A peer's number: bounded, so that nobody types for ever.
        let believed = refresh.unwrap_or(timing.believed).min(MOST);
        self.active_until.replace(now + believed).is_none()
    }

    /// The peer said "idle", or its message has arrived. True if that is news.
    pub fn idle(&mut self) -> bool {
        self.active_until.take().is_some()
    }

    /// Whether the peer fell silent by `now`. True if that is news.
    pub fn poll(&mut self, now: Instant) -> bool {
        self.active_until.is_some_and(|until| until <= now) && self.idle()
    }

    /// Until when the peer counts as composing.
    pub fn deadline(&self) -> Option<Instant> {
        self.active_until
    }
}

const MOST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing {
        idle: Duration::from_secs(15),
        refresh: Duration::from_secs(60),
        believed: Duration::from_secs(120),
    };

    #[test]
    fn rfc3994_3_2_active_is_said_once_per_refresh_and_idle_after_15_s() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut composer = Composer::default();
        assert_eq!(composer.keystroke(at(0), &TIMING), Some(Tell::Active));
        // Keys every 10 s keep it active; only the refresh at 60 s is worth saying.
        let said: Vec<_> = (1..=7)
            .filter_map(|n| composer.keystroke(at(10 * n), &TIMING))
            .collect();
        assert_eq!(said, [Tell::Active]);
        assert_eq!(composer.deadline(), Some(at(85)));
        assert_eq!(composer.poll(at(84), &TIMING), None);
        assert_eq!(composer.poll(at(85), &TIMING), Some(Tell::Idle));
        assert_eq!(composer.deadline(), None);
    }

    #[test]
    fn rfc3994_3_2_sending_the_message_ends_composing_silently() {
        let start = Instant::now();
        let mut composer = Composer::default();
        composer.keystroke(start, &TIMING);
        composer.sent();
        assert_eq!(
            composer.poll(start + Duration::from_secs(60), &TIMING),
            None
        );
    }

    #[test]
    fn rfc3994_3_3_active_expires_at_its_refresh_or_after_120_s() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut watcher = Watcher::default();
        assert!(watcher.active(at(0), Some(Duration::from_secs(60)), &TIMING));
        assert!(
            !watcher.active(at(50), Some(Duration::from_secs(60)), &TIMING),
            "no news"
        );
        assert!(!watcher.poll(at(109)));
        assert!(watcher.poll(at(110)));
        assert!(watcher.active(at(200), None, &TIMING));
        assert_eq!(watcher.deadline(), Some(at(320)));
        assert!(watcher.idle());
        assert!(!watcher.idle());
    }
}
