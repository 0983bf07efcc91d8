//! Which sockets have something to do.

use crate::engine::Key;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The queue of the sources that were woken, first come, first served.
///
/// Every source is polled with a waker of its own, which puts the source's key in here. So a turn costs
/// what is ready and not what is open. A source stands in the queue at most once, which bounds it.
#[derive(Debug)]
pub(super) struct Ready {
    sender: UnboundedSender<Key>,
    queue: UnboundedReceiver<Key>,
}

impl Ready {
    pub(super) fn new() -> Self {
        let (sender, queue) = unbounded_channel();
        Self { sender, queue }
    }

    /// The bell of the source with this key, already rung: nobody has looked at the source yet.
    pub(super) fn bell(&self, key: Key) -> Bell {
        let flag = Arc::new(Flag {
            key,
            queued: AtomicBool::new(false),
            sender: self.sender.clone(),
        });
        let bell = Bell {
            waker: Waker::from(Arc::clone(&flag)),
            flag,
        };
        bell.ring();
        bell
    }

    /// The next source that was woken. Pending leaves the task of `cx` to be woken with the next one.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Key> {
        match self.queue.poll_recv(cx) {
            Poll::Ready(Some(key)) => Poll::Ready(key),
            // The channel cannot end: a sender is in `self`.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

/// What wakes one source.
#[derive(Debug)]
pub(super) struct Bell {
    flag: Arc<Flag>,
    waker: Waker,
}

impl Bell {
    /// Puts the source into the queue, unless it is there.
    pub(super) fn ring(&self) {
        self.waker.wake_by_ref();
    }

    /// Says that the source was taken out of the queue and is being looked at. What rings from here on
    /// counts again, so that nothing that happens meanwhile is missed.
    pub(super) fn answered(&self) {
        self.flag.queued.store(false, Ordering::Release);
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context::from_waker(&self.waker)
    }
}

#[derive(Debug)]
struct Flag {
    key: Key,
    queued: AtomicBool,
    sender: UnboundedSender<Key>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            // Fails only when the driver is gone, and then nobody waits.
            let _ = self.sender.send(self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Slab;

    #[test]
    fn a_source_stands_in_the_queue_once_and_can_be_woken_again() {
        let key = Slab::new().insert(());
        let mut ready = Ready::new();
        let mut cx = Context::from_waker(Waker::noop());
        let bell = ready.bell(key);
        bell.ring();
        bell.ring();
        assert_eq!(ready.poll(&mut cx), Poll::Ready(key));
        assert_eq!(ready.poll(&mut cx), Poll::Pending);
        bell.ring();
        assert_eq!(ready.poll(&mut cx), Poll::Pending, "not yet answered");
        bell.answered();
        bell.ring();
        assert_eq!(ready.poll(&mut cx), Poll::Ready(key));
    }
}
