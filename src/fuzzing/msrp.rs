//! MSRP streams and messages.

use super::take::{TOKEN, Take};
use super::{pieces, tight};
use crate::engine::Limits;
use crate::msrp::msg::{
    ByteRange, Continuation, FailureReport, FrameError, Framer, Message, Method, Path, Request,
    Response, Status, Uri, WriteError,
};
use crate::wire::Text;
use bytes::{Bytes, BytesMut};

/// A chunk as it was put together from frames; the flag is missing if the stream ends in it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Chunk {
    head: Bytes,
    body: BytesMut,
    end: Option<Continuation>,
}

/// Any bytes as a stream: it carries the same however it is cut.
pub fn msrp_stream(bytes: &[u8]) {
    let (stream, mut take) = Take::with_tail(bytes);
    let stream = Bytes::copy_from_slice(stream);
    let cut = pieces(&mut take, &stream);
    for limits in [Limits::default(), tight()] {
        let (mut whole, error) = run(std::slice::from_ref(&stream), &limits);
        let (mut pieced, other) = run(&cut, &limits);
        // A body that has not ended may be known farther by the one than by the other.
        for chunks in [&mut whole, &mut pieced] {
            chunks.pop_if(|chunk| chunk.end.is_none());
        }
        assert_eq!(whole, pieced);
        // Of two things that are wrong in one head, either may be found first.
        assert_eq!(error.map(|error| error.at), other.map(|error| error.at));
        for chunk in whole {
            if let Ok(message) = Message::read_head(chunk.head) {
                again(message, &chunk.body, chunk.end.unwrap_or_default());
            }
        }
    }
    let _ = Message::parse(&stream, &Limits::default());
}

fn run(pieces: &[Bytes], limits: &Limits) -> (Vec<Chunk>, Option<FrameError>) {
    let (mut framer, mut chunks) = (Framer::new(), Vec::<Chunk>::new());
    for piece in pieces {
        framer.push(piece.clone());
        loop {
            match framer.next(limits) {
                Ok(Some(frame)) => {
                    if let Some(head) = frame.head {
                        assert!(head.len() <= limits.msrp_head, "a head within its bounds");
                        chunks.push(Chunk {
                            head,
                            ..Chunk::default()
                        });
                    }
                    let chunk = chunks.last_mut().expect("a body follows a head");
                    assert_eq!(chunk.end, None, "nothing follows the end of a chunk");
                    chunk.body.extend_from_slice(&frame.body);
                    chunk.end = frame.end;
                    assert_eq!(chunk.end.is_none(), framer.is_within());
                }
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(framer.next(limits), Err(error), "an error is the end");
                    return (chunks, Some(error));
                }
            }
        }
    }
    (chunks, None)
}

/// What was read can be written, unless it says what we would not, and is read as the same.
fn again(message: Message, body: &[u8], end: Continuation) {
    let message = match message {
        Message::Request(mut request) => {
            request.body = Bytes::copy_from_slice(body);
            request.continuation = end;
            let _ = request.response(Status::OK).write().expect("an answer");
            Message::Request(request)
        }
        response @ Message::Response(_) => response,
    };
    let written = match &message {
        Message::Request(request) => request.write(),
        Message::Response(response) => response.write(),
    };
    if let Ok(written) = written {
        assert_eq!(Message::parse(&written, &Limits::default()), Ok(message));
    }
}

/// A message made of values, and read again.
pub fn msrp_to_bytes_and_back(bytes: &[u8]) {
    let mut take = Take::new(bytes);
    let id: String = (0..4 + take.below(29))
        .map(|_| char::from(take.one_of(b"abcXYZ019.-+%=")))
        .collect();
    let (to, from) = (path(&mut take), path(&mut take));
    let message = match take.flag() {
        true => {
            let word = take.word(b"ABCXYZ");
            let method = match take.below(5) {
                0 => Method::Send,
                1 => Method::Report,
                2 => Method::Auth,
                3 => Method::Nickname,
                _ => Method::parse(&word),
            };
            let mut request = Request::new(method, Text::from(id), to, from);
            request.message_id = take.maybe(|take| take.word(TOKEN));
            request.byte_range = take.maybe(|take| ByteRange {
                start: take.number(),
                end: take.maybe(Take::number),
                total: take.maybe(Take::number),
            });
            request.success_report = take.flag();
            request.failure_report = take.one_of(&[
                FailureReport::Yes,
                FailureReport::No,
                FailureReport::Partial,
            ]);
            request.status = take.maybe(|take| take.one_of(&[Status::OK, Status::TIMEOUT]));
            request.continuation = take.one_of(&[
                Continuation::Complete,
                Continuation::More,
                Continuation::Aborted,
            ]);
            if take.flag() {
                request.content_type = Some(Text::from_static("text/plain"));
                request.body = take.bytes();
            }
            Message::Request(request)
        }
        false => {
            let id = Text::from(id);
            let mut response = Request::new(Method::Send, id, from, to).response(Status::OK);
            response.comment = take.line();
            Message::Response(response)
        }
    };
    let written = match &message {
        Message::Request(request) => request.write(),
        Message::Response(response) => Response::write(response),
    };
    match written {
        Ok(written) => {
            assert_eq!(Message::parse(&written, &Limits::default()), Ok(message));
            let (chunks, error) = run(std::slice::from_ref(&written), &Limits::default());
            assert_eq!((chunks.len(), error), (1, None));
        }
        Err(error) => assert_eq!(error, WriteError::EndLine, "{message:?}"),
    }
}

fn path(take: &mut Take<'_>) -> Path {
    let mut uris = Vec::new();
    loop {
        let host = take.one_of(&["10.0.0.1", "2001:db8::1", "relay.example.com"]);
        let port = take.maybe(|take| u16::try_from(take.number() >> 48).unwrap_or(9));
        let session = take.maybe(|take| take.word(TOKEN));
        let uri = Uri::new(take.flag(), host, port, session.as_deref());
        uris.push(uri.expect("made of what a URI may have"));
        if !take.flag() || uris.len() == 4 {
            return Path::of(&uris).expect("not empty");
        }
    }
}
