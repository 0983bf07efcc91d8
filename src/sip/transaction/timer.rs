//! The timers A to M.

use std::time::Duration;

/// T1, T2 and T4 (RFC 3261 §17.1.1.1, §17.1.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The estimate of the round-trip time; 64 times that is how long a request waits for its response.
    pub t1: Duration,
    /// The longest interval between retransmissions of anything but an INVITE request.
    pub t2: Duration,
    /// How long a message stays in the network.
    pub t4: Duration,
}

impl Times {
    /// 64 × T1: when a transaction gives up.
    pub const fn give_up(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// The interval after `sent` transmissions when each doubles the one before, from T1 on: timer A, and reliable
    /// provisional responses (RFC 3262 §3).
    pub(crate) const fn doubled(&self, sent: u32) -> Duration {
        // Six doublings reach 64 × T1; the shift stays in range whatever the count.
        let doublings = if sent > 20 {
            20
        } else {
            sent.saturating_sub(1)
        };
        self.t1.saturating_mul(1 << doublings)
    }

    /// The same, but never longer than T2: timers E and G, and the 2xx of a user agent server (RFC 3261 §13.3.1.4).
    pub const fn backed_off(&self, sent: u32) -> Duration {
        let interval = self.doubled(sent);
        if interval.as_nanos() < self.t2.as_nanos() {
            interval
        } else {
            self.t2
        }
    }
}

impl Default for Times {
    /// T1 = 500 ms, T2 = 4 s, T4 = 5 s.
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

/// The timers of RFC 3261 table 4 and RFC 6026, and two that bound the user's patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Timer {
    /// INVITE request retransmission.
    A,
    /// INVITE transaction timeout.
    B,
    /// Wait for response retransmissions.
    D,
    /// Non-INVITE request retransmission.
    E,
    /// Non-INVITE transaction timeout.
    F,
    /// INVITE response retransmission.
    G,
    /// Wait for ACK.
    H,
    /// Wait for ACK retransmissions.
    I,
    /// Wait for non-INVITE request retransmissions.
    J,
    /// Wait for response retransmissions.
    K,
    /// Wait for accepted INVITE request retransmissions (RFC 6026 §7.1).
    L,
    /// Wait for retransmissions of 2xx to INVITE and for 2xx from other branches (RFC 6026 §7.2).
    M,
    /// The 200 ms after which an unanswered INVITE is answered 100 (RFC 3261 §17.2.1).
    Hundred,
    /// How long a non-INVITE request may stay unanswered: its client gives up by Timer F.
    Unanswered,
}

impl Timer {
    /// How long it runs, after `sent` transmissions of the message that it is about; `None` if it is not
    /// used on such a transport.
    pub const fn delay(self, times: &Times, reliable: bool, sent: u32) -> Option<Duration> {
        Some(match self {
            Self::A | Self::E | Self::G if reliable => return None,
            Self::D | Self::I | Self::J | Self::K if reliable => Duration::ZERO,
            Self::A => times.doubled(sent),
            Self::E | Self::G => times.backed_off(sent),
            Self::B | Self::F | Self::H | Self::J | Self::L | Self::M | Self::Unanswered => {
                times.give_up()
            }
            // At least 32 s (RFC 3261 §17.1.1.2), and never under the time that the server repeats itself.
            Self::D => {
                let give_up = times.give_up();
                if give_up.as_secs() < 32 {
                    Duration::from_secs(32)
                } else {
                    give_up
                }
            }
            Self::I | Self::K => times.t4,
            Self::Hundred => Duration::from_millis(200),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times {
        t1: Duration::from_millis(500),
        t2: Duration::from_secs(4),
        t4: Duration::from_secs(5),
    };

    #[test]
    fn rfc3261_table_4_durations() {
        use Timer::*;
        let ms = |ms| Some(Duration::from_millis(ms));
        for (timer, unreliable, reliable) in [
            (A, ms(500), None),
            (B, ms(32_000), ms(32_000)),
            (D, ms(32_000), ms(0)),
            (E, ms(500), None),
            (F, ms(32_000), ms(32_000)),
            (G, ms(500), None),
            (H, ms(32_000), ms(32_000)),
            (I, ms(5_000), ms(0)),
            (J, ms(32_000), ms(0)),
            (K, ms(5_000), ms(0)),
            (L, ms(32_000), ms(32_000)),
            (M, ms(32_000), ms(32_000)),
            (Hundred, ms(200), ms(200)),
            (Unanswered, ms(32_000), ms(32_000)),
        ] {
            assert_eq!(timer.delay(&TIMES, false, 1), unreliable, "{timer:?}");
            assert_eq!(timer.delay(&TIMES, true, 1), reliable, "{timer:?}");
        }
    }

    #[test]
    fn rfc3261_17_1_1_2_timer_a_doubles() {
        let delays: Vec<_> = (1..=7)
            .map(|sent| Timer::A.delay(&TIMES, false, sent).unwrap().as_millis())
            .collect();
        assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 16_000, 32_000]);
    }

    #[test]
    fn rfc3261_17_1_2_2_timer_e_doubles_up_to_t2() {
        let delays: Vec<_> = (1..=6)
            .map(|sent| Timer::E.delay(&TIMES, false, sent).unwrap().as_millis())
            .collect();
        assert_eq!(delays, [500, 1000, 2000, 4000, 4000, 4000]);
    }

    #[test]
    fn no_count_overflows() {
        assert!(Timer::A.delay(&TIMES, false, 0).is_some());
        assert!(Timer::A.delay(&TIMES, false, u32::MAX).is_some());
    }
}
