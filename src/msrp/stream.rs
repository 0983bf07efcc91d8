//! Messages that are sent in pieces: a file that is larger than memory, or one that is still being made.

use super::endpoint::Endpoint;
use super::error::{OfferError, SendError};
use super::msg::FailureReport;
use super::sender::Sending;
use super::session::{Kind, Lane, SendId, SessionId};
use crate::engine::Cx;
use crate::wire::Text;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// A message whose body the application offers in pieces, as far as there is room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its Message-ID; a fresh one if `None`. A transfer that is resumed has that of the first attempt.
    pub id: Option<Text>,
    /// Its Content-Type.
    pub content_type: Text,
    /// The size of the whole message; `None` where nobody knows it yet, which is written as `*`.
    pub total: Option<u64>,
    /// The first byte that is sent, counted from 0: what lies before it, the peer has.
    pub start: u64,
    /// Whether to ask for a success report.
    pub success_report: bool,
    /// Which failures to ask for.
    pub failure_report: FailureReport,
}

impl Stream {
    /// A message from its first byte on, whose failures are reported by the responses.
    pub const fn new(content_type: Text, total: Option<u64>) -> Self {
        Self {
            id: None,
            content_type,
            total,
            start: 0,
            success_report: false,
            failure_report: FailureReport::Yes,
        }
    }
}

impl Endpoint {
    /// Queues a message that is sent in pieces. [`Event::Wanted`](super::Event::Wanted) says when it takes some: when
    /// the session is up and the messages sent this way before it are through. Messages of
    /// [`send`](Self::send) do not wait behind it.
    ///
    /// # Errors
    ///
    /// See [`SendError`].
    pub fn send_stream(
        &mut self,
        cx: &mut Cx<'_>,
        session: SessionId,
        message: Stream,
    ) -> Result<SendId, SendError> {
        let size = message.total.unwrap_or(message.start);
        if message.start > size {
            return Err(SendError::TooLarge);
        }
        self.check(
            cx,
            session,
            size,
            &message.content_type,
            message.id.as_ref(),
        )?;
        let message_id = message.id.clone().unwrap_or_else(|| cx.ids.message_id());
        let sending = Sending::stream(session, message, message_id);
        let id = SendId(self.sends.insert(sending));
        if let Some(state) = self.sessions.get_mut(session.0) {
            let lane = state.streams.get_or_insert_with(Box::<Lane>::default);
            lane.queue.push_back(id);
        }
        // One without any bytes can be cut at once.
        self.make_ready(cx, session, Kind::Stream);
        self.want(cx, session);
        Ok(id)
    }

    /// Gives the next bytes to a message of [`send_stream`](Self::send_stream). They are shared and not copied where
    /// they fill a chunk. A message of known size is complete with its last byte.
    ///
    /// # Errors
    ///
    /// The bytes were not taken, see [`OfferError`].
    pub fn offer(&mut self, cx: &mut Cx<'_>, id: SendId, bytes: Bytes) -> Result<(), OfferError> {
        let sending = self.sends.get_mut(id.0).ok_or(OfferError::Gone)?;
        let feed = sending.feed_mut()?;
        feed.offer(bytes, cx.limits.msrp_send_window)?;
        let session = sending.session;
        self.make_ready(cx, session, Kind::Stream);
        Ok(())
    }

    /// Says that everything of a message of [`send_stream`](Self::send_stream) was offered. Needed only where its size
    /// was not known before. To give it up instead, [`cancel`](Self::cancel) it.
    ///
    /// # Errors
    ///
    /// The message is over already, or was announced to be longer.
    pub fn finish(&mut self, cx: &mut Cx<'_>, id: SendId) -> Result<(), OfferError> {
        let sending = self.sends.get_mut(id.0).ok_or(OfferError::Gone)?;
        sending.feed_mut()?.finish()?;
        let session = sending.session;
        self.make_ready(cx, session, Kind::Stream);
        Ok(())
    }

    /// How many bytes a message of [`send_stream`](Self::send_stream) takes now.
    pub fn room(&self, cx: &Cx<'_>, id: SendId) -> usize {
        self.sends
            .get(id.0)
            .map_or(0, |sending| sending.room(cx.limits.msrp_send_window))
    }

    /// Asks for bytes, if it is the turn of a message that has room for many.
    pub(super) fn want(&mut self, cx: &Cx<'_>, session: SessionId) {
        let Some(state) = self.sessions.get(session.0).filter(|state| state.up) else {
            return;
        };
        let Some(lane) = &state.streams else { return };
        let next = lane.queue.get(lane.cut).copied();
        if let Some(id) = next
            && let Some(sending) = self.sends.get_mut(id.0)
            && let Ok(feed) = sending.feed_mut()
            && let Some(room) = feed.asks(cx.limits.msrp_send_window)
        {
            self.events
                .push_back(super::Event::Wanted { session, id, room });
        }
    }
}

/// What was offered of a message and not cut yet.
#[derive(Debug)]
pub(super) struct Feed {
    pieces: VecDeque<Bytes>,
    held: usize,
    /// Up to where it was offered.
    end: u64,
    total: Option<u64>,
    is_cut: bool,
    /// Whether the application was asked for more and has not offered any since.
    asked: bool,
}

impl Feed {
    pub(super) const fn new(start: u64, total: Option<u64>) -> Self {
        Self {
            pieces: VecDeque::new(),
            held: 0,
            end: start,
            total,
            is_cut: false,
            asked: false,
        }
    }

    pub(super) const fn total(&self) -> Option<u64> {
        self.total
    }

    pub(super) const fn held(&self) -> usize {
        self.held
    }

    /// Whether everything was offered.
    fn is_whole(&self) -> bool {
        self.total == Some(self.end)
    }

    /// Whether a chunk can be cut: of bytes, or the empty one that ends it all.
    pub(super) fn is_ready(&self) -> bool {
        self.held > 0 || (self.is_whole() && !self.is_cut)
    }

    pub(super) fn room(&self, window: usize) -> usize {
        let room = window.saturating_sub(self.held);
        match self.total {
            Some(total) => {
                let rest = total.saturating_sub(self.end);
                room.min(usize::try_from(rest).unwrap_or(usize::MAX))
            }
            None => room,
        }
    }

    fn asks(&mut self, window: usize) -> Option<usize> {
        let room = self.room(window);
        let asks = !self.asked && !self.is_whole() && self.held <= window / 2;
        self.asked |= asks;
        asks.then_some(room)
    }

    fn offer(&mut self, bytes: Bytes, window: usize) -> Result<(), OfferError> {
        let end = self.end.checked_add(bytes.len() as u64);
        let end = end.ok_or(OfferError::TooMuch)?;
        if self.total.is_some_and(|total| end > total) {
            return Err(OfferError::TooMuch);
        }
        if bytes.len() > window.saturating_sub(self.held) {
            return Err(OfferError::Full);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        (self.held, self.end, self.asked) = (self.held + bytes.len(), end, false);
        // Very small pieces would cost more than their bytes.
        match self.pieces.back_mut() {
            Some(last) if last.len() + bytes.len() <= JOINED => {
                *last = Bytes::from([&last[..], &bytes[..]].concat());
            }
            _ => self.pieces.push_back(bytes),
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), OfferError> {
        match self.total {
            Some(total) if total > self.end => Err(OfferError::TooLittle),
            _ => {
                self.total = Some(self.end);
                Ok(())
            }
        }
    }

    /// The body of the next chunk, and whether it is the last.
    pub(super) fn take(&mut self, chunk: usize) -> (Bytes, bool) {
        let take = self.held.min(chunk);
        let body = match self.pieces.front_mut() {
            None => Bytes::new(),
            Some(first) if first.len() > take => first.split_to(take),
            Some(first) if first.len() == take => self.pieces.pop_front().unwrap_or_default(),
            Some(_) => {
                let mut body = BytesMut::with_capacity(take);
                while let Some(first) = self.pieces.front_mut()
                    && body.len() < take
                {
                    let part = first.split_to((take - body.len()).min(first.len()));
                    body.extend_from_slice(&part);
                    if first.is_empty() {
                        self.pieces.pop_front();
                    }
                }
                body.freeze()
            }
        };
        self.held -= body.len();
        let is_last = self.held == 0 && self.is_whole();
        self.is_cut = is_last;
        (body, is_last)
    }
}

/// Pieces up to this size are put together.
const JOINED: usize = 1024;
