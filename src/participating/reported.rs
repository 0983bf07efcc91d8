//! One report of each kind for a message, however many devices report on it.

use super::{Event, Participating};
use crate::conversation::{Content, Message, Parcel, Status};
use crate::engine::{Ids, Map};
use crate::imdn;
use crate::node::Net;
use crate::wire::Text;
use std::collections::VecDeque;

/// How far messages have come by what the devices of their recipients have reported, as far back as there is
/// room. Nothing is remembered of users with a single device.
#[derive(Debug)]
pub(super) struct Reported {
    states: Map<Text, Status>,
    order: VecDeque<Text>,
}

impl Reported {
    pub(super) fn new(ids: &mut Ids) -> Self {
        Self {
            states: ids.map(),
            order: VecDeque::new(),
        }
    }

    /// Whether a report says something new: states only grow.
    fn grow(&mut self, message: &Text, to: Status) -> bool {
        if let Some(state) = self.states.get_mut(message) {
            return state.grow(to);
        }
        self.states.insert(message.clone(), to);
        self.order.push_back(message.clone());
        while self.order.len() > ROOM {
            if let Some(oldest) = self.order.pop_front() {
                self.states.remove(&oldest);
            }
        }
        true
    }

    /// Reports that did not get through are news again.
    pub(super) fn forget(&mut self, messages: &[Text]) {
        for message in messages {
            if let Some(state) = self.states.get_mut(message) {
                *state = Status::Pending;
            }
        }
    }
}

impl Participating {
    /// Whether what a user's device sends is news: `None` if it only reports what another device of the user
    /// has reported. The messages it reports on come back, if they must be remembered.
    pub(super) fn news(
        &mut self,
        net: &Net<'_, Event>,
        user: &str,
        parcel: &Parcel,
    ) -> Option<Vec<Text>> {
        if self.bindings.of(user).len() < 2 {
            return Some(Vec::new());
        }
        let Ok(Message {
            content: Content::Reports(reports),
            ..
        }) = Message::read(parcel, net.ends.cx.limits)
        else {
            return Some(Vec::new());
        };
        let mut news = Vec::new();
        for report in reports {
            let status = match report.status {
                imdn::Status::Delivered => Status::Delivered,
                imdn::Status::Displayed => Status::Displayed,
                imdn::Status::Failed => Status::Failed,
                // Whatever else there is to say is said.
                _ => return Some(Vec::new()),
            };
            let message = Text::from(format!("{user} {}", report.message_id));
            if self.reported.grow(&message, status) {
                news.push(message);
            }
        }
        (!news.is_empty()).then_some(news)
    }
}

/// Messages that are remembered.
const ROOM: usize = 100_000;
