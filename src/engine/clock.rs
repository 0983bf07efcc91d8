//! Wall-clock time, derived from the monotonic time that is passed in.

use std::time::Instant;

/// A point in wall-clock time with its offset from UTC (RFC 3339).
pub type DateTime = chrono::DateTime<chrono::FixedOffset>;

/// Turns an [`Instant`] into wall-clock time.
///
/// A node is given one pair of the two at its start; after that there is exactly one time parameter,
/// and a jump of the system's clock cannot make a timer fire early or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    start: Instant,
    wall: DateTime,
}

impl Clock {
    /// A clock for which `start` was at `wall`.
    pub const fn new(start: Instant, wall: DateTime) -> Self {
        Self { start, wall }
    }

    /// When the clock was started.
    pub const fn start(&self) -> Instant {
        self.start
    }

    /// The wall-clock time at `now`, which may lie before the start.
    pub fn wall(&self, now: Instant) -> DateTime {
        let since = now.saturating_duration_since(self.start);
        let until = self.start.saturating_duration_since(now);
        let shift = |span| chrono::TimeDelta::from_std(span).unwrap_or(chrono::TimeDelta::MAX);
        self.wall
            .checked_add_signed(shift(since))
            .and_then(|at| at.checked_sub_signed(shift(until)))
            .unwrap_or(self.wall)
    }

    /// The instant at which the wall-clock time is `at`; `None` if it cannot be represented.
    pub fn instant(&self, at: DateTime) -> Option<Instant> {
        let delta = at.signed_duration_since(self.wall);
        match delta.to_std() {
            Ok(ahead) => self.start.checked_add(ahead),
            Err(_) => self.start.checked_sub((-delta).to_std().ok()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn wall_and_instant_are_inverse() {
        let start = Instant::now();
        let wall = DateTime::parse_from_rfc3339("2026-01-01T10:00:00+01:00").unwrap();
        let clock = Clock::new(start, wall);
        let later = start + Duration::from_millis(90_500);
        assert_eq!(
            clock.wall(later).to_rfc3339(),
            "2026-01-01T10:01:30.500+01:00"
        );
        assert_eq!(clock.instant(clock.wall(later)), Some(later));
        assert_eq!(clock.wall(start), wall);
    }
}
