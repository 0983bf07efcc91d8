//! Cutting messages into chunks.

use super::msg::{ByteRange, Continuation, FailureReport, Method, Path, Request, WriteError};
use super::session::{Outgoing, SessionId};
use crate::engine::Ids;
use crate::wire::Text;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// A message on its way out.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) session: SessionId,
    pub(super) message: Outgoing,
    pub(super) id: Text,
    /// How many bytes of it have been cut.
    pub(super) offset: usize,
    /// Whether the last chunk has been cut.
    pub(super) is_cut: bool,
    /// How many chunks wait for their response.
    pub(super) unanswered: usize,
}

/// Cut bytes: a whole chunk in one or three pieces.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) transaction_id: Text,
    pub(super) size: usize,
}

impl Sending {
    pub(super) const fn new(session: SessionId, message: Outgoing, id: Text) -> Self {
        Self {
            session,
            message,
            id,
            offset: 0,
            is_cut: false,
            unanswered: 0,
        }
    }

    /// How large the next chunk will be, roughly.
    pub(super) fn next_size(&self, chunk: usize) -> usize {
        (self.message.body.len() - self.offset.min(self.message.body.len())).min(chunk) + HEAD
    }

    /// Whether the peer has seen a part of it and waits for more.
    pub(super) const fn is_underway(&self) -> bool {
        self.offset > 0 && !self.is_cut
    }

    /// Cuts the next chunk.
    ///
    /// # Errors
    ///
    /// A header value cannot be written, which was checked when the message was queued.
    pub(super) fn cut(
        &mut self,
        to: &Path,
        from: &Path,
        chunk: usize,
        ids: &mut Ids,
        out: &mut VecDeque<Bytes>,
    ) -> Result<Cut, WriteError> {
        let total = self.message.body.len();
        let end = self.offset.saturating_add(chunk.max(1)).min(total);
        let body = self.message.body.slice(self.offset.min(end)..end);
        let continuation = match end == total {
            true => Continuation::Complete,
            false => Continuation::More,
        };
        // A long chunk has to say that it may be interrupted (RFC 4975 §7.1.1).
        let exact = body.len() <= INTERRUPTIBLE;
        let range = ByteRange {
            start: self.offset as u64 + 1,
            end: exact.then_some(end as u64),
            total: Some(total as u64),
        };
        let mut transaction_id = ids.transaction_id();
        while super::msg::occurs(&transaction_id, &body) {
            transaction_id = ids.transaction_id();
        }
        let mut request = self.request(transaction_id.clone(), to, from);
        (request.byte_range, request.body, request.continuation) =
            (Some(range), body, continuation);
        let body = request.body.clone();
        let whole = body.len() <= COPIED;
        let mut head = BytesMut::with_capacity(HEAD + if whole { body.len() } else { 0 });
        request.write_head(&mut head)?;
        let size = head.len() + body.len();
        if whole {
            // One small write is cheaper than three.
            head.extend_from_slice(&body);
            request.write_end(&mut head);
            out.push_back(head.freeze());
        } else {
            let mut tail = BytesMut::with_capacity(64);
            request.write_end(&mut tail);
            out.extend([head.freeze(), body, tail.freeze()]);
        }
        self.offset = end;
        self.is_cut = end == total;
        Ok(Cut {
            transaction_id,
            size,
        })
    }

    /// The chunk that gives up the rest (RFC 4975 §7.1: the `#` flag).
    pub(super) fn abort(&self, to: &Path, from: &Path, ids: &mut Ids) -> Result<Bytes, WriteError> {
        let mut request = self.request(ids.transaction_id(), to, from);
        request.byte_range = Some(ByteRange {
            start: self.offset as u64 + 1,
            end: Some(self.offset as u64),
            total: Some(self.message.body.len() as u64),
        });
        request.continuation = Continuation::Aborted;
        // Nobody waits for an answer to it.
        request.failure_report = FailureReport::No;
        request.write()
    }

    fn request(&self, transaction_id: Text, to: &Path, from: &Path) -> Request {
        Request {
            message_id: Some(self.id.clone()),
            success_report: self.message.success_report,
            failure_report: self.message.failure_report,
            content_type: Some(self.message.content_type.clone()),
            ..Request::new(Method::Send, transaction_id, to.clone(), from.clone())
        }
    }
}

/// A chunk with a body larger than this is interruptible (RFC 4975 §7.1.1).
const INTERRUPTIBLE: usize = 2048;

/// A body up to this size is copied behind its head; a larger one is shared.
const COPIED: usize = 2048;

/// What a head usually needs at most.
const HEAD: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Limits, Seed, Slab};
    use crate::msrp::msg::{Message, Uri};

    #[test]
    fn a_message_is_cut_into_chunks_that_share_its_body() {
        let body = Bytes::from(vec![b'x'; 10_000]);
        let session = SessionId(Slab::new().insert(()));
        let path = |text: &str| Path::from(text.parse::<Uri>().unwrap());
        let (to, from) = (path("msrp://b:1/y;tcp"), path("msrp://a:1/x;tcp"));
        let mut ids = Ids::new(Seed::from_number(1));
        let message = Outgoing::new("text/plain".into(), body.clone());
        let mut sending = Sending::new(session, message, "m1".into());
        let (mut ranges, mut out) = (Vec::new(), VecDeque::new());
        while !sending.is_cut {
            sending.cut(&to, &from, 4096, &mut ids, &mut out).unwrap();
            if let [_, piece, _] = out.make_contiguous() {
                assert!(body.as_ptr_range().contains(&piece.as_ptr()));
            }
            let bytes = Bytes::from(out.drain(..).collect::<Vec<_>>().concat());
            let Message::Request(chunk) = Message::parse(&bytes, &Limits::default()).unwrap()
            else {
                panic!()
            };
            ranges.push((
                chunk.byte_range.unwrap().to_string(),
                chunk.body.len(),
                char::from(chunk.continuation.flag()),
            ));
        }
        assert_eq!(
            ranges,
            [
                ("1-*/10000".to_owned(), 4096, '+'),
                ("4097-*/10000".to_owned(), 4096, '+'),
                ("8193-10000/10000".to_owned(), 1808, '$'),
            ]
        );
        sending.offset = 4096;
        let bytes = sending.abort(&to, &from, &mut ids).unwrap();
        let Message::Request(abort) = Message::parse(&bytes, &Limits::default()).unwrap() else {
            panic!()
        };
        assert_eq!(abort.byte_range.unwrap().to_string(), "4097-4096/10000");
        assert_eq!(abort.continuation, Continuation::Aborted);
    }
}
