//! One open connection: bytes in while the node wants them, bytes out while the socket takes them.

use super::stream::Stream;
use crate::engine::{ConnId, Input};
use crate::node::Machine;
use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Sleep;

/// An open connection. It owns no read buffer, and of what waits to be written only what the socket
/// refused in mid-batch; all else waits in the node until it is pulled.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) conn: ConnId,
    stream: Stream,
    /// Pulled from the node and not yet written.
    out: VecDeque<Bytes>,
    /// Whether the node has said that there is more to pull.
    more: bool,
    /// Whether bytes may be in TLS buffers.
    unflushed: bool,
    /// After the peer has ended its direction: until when ours may still be emptied.
    ending: Option<Pin<Box<Sleep>>>,
}

/// What became of a connection in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It waits for its socket.
    Waits,
    /// It has more to do at once; others first.
    Again,
    /// It would read, but the node wants nothing now.
    Paused,
    /// It has ended.
    Ended,
}

impl Connection {
    pub(super) const fn new(conn: ConnId, stream: Stream) -> Self {
        Self {
            conn,
            stream,
            out: VecDeque::new(),
            // What was queued before it was up waits.
            more: true,
            unflushed: false,
            ending: None,
        }
    }

    /// The node has bytes for this connection.
    pub(super) fn wants_write(&mut self) {
        self.more = true;
    }

    /// Whether all that the node has queued is in the hands of the operating system.
    pub(super) fn is_written(&self) -> bool {
        self.out.is_empty() && !self.more && !self.unflushed
    }

    /// Everything that can be done now, up to a fair share.
    pub(super) fn turn<M: Machine>(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        machine: &mut M,
        io: &mut Io<'_>,
    ) -> Turn {
        let (written, broken) = match self.write(cx, now, machine) {
            Ok(turn) => (turn, false),
            // There may still be something to hear: an answer, and then the end.
            Err(_) => (Turn::Ended, true),
        };
        if let Some(ending) = &mut self.ending {
            let late = ending.as_mut().poll(cx).is_ready();
            return if broken || late || self.is_written() {
                Turn::Ended
            } else {
                written
            };
        }
        if !io.reading || !machine.wants_read(self.conn) {
            return match written {
                Turn::Waits => Turn::Paused,
                other => other,
            };
        }
        io.buffer.reserve(READ);
        let read = std::pin::pin!(self.stream.read_buf(io.buffer)).poll(cx);
        match read {
            Poll::Pending => written,
            Poll::Ready(Err(_)) => Turn::Ended,
            Poll::Ready(Ok(0)) => {
                // The peer will say no more but may still listen (RFC 9293 §3.6): it gets what is queued.
                self.more = true;
                self.ending = Some(Box::pin(tokio::time::sleep(io.linger)));
                Turn::Again
            }
            Poll::Ready(Ok(read)) => {
                let data = if read < HANDED_ON {
                    // A copy of just what came: a slice of the buffer that waits for the rest of a message
                    // would keep all of the buffer alive.
                    let data = Bytes::copy_from_slice(io.buffer);
                    io.buffer.clear();
                    data
                } else {
                    io.buffer.split().freeze()
                };
                let conn = self.conn;
                machine.handle_input(now, Input::Data { conn, data });
                Turn::Again
            }
        }
    }

    /// Pulls from the node what the socket can take now, and writes it.
    pub(super) fn write<M: Machine>(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        machine: &mut M,
    ) -> io::Result<Turn> {
        let mut share = WRITE_SHARE;
        while share > 0 {
            if self.out.is_empty() {
                if !self.more {
                    break;
                }
                // Bytes are final once they are pulled, so first see that the socket has room.
                match self.stream.poll_write_ready(cx) {
                    Poll::Pending => return Ok(Turn::Waits),
                    Poll::Ready(ready) => ready?,
                }
                self.pull(now, machine);
                if self.out.is_empty() {
                    break;
                }
            }
            let mut slices = [IoSlice::new(&[]); BATCH_PARTS];
            for (slice, part) in slices.iter_mut().zip(&self.out) {
                *slice = IoSlice::new(part);
            }
            let parts = slices.len().min(self.out.len());
            let stream = Pin::new(&mut self.stream);
            match stream.poll_write_vectored(cx, slices.get(..parts).unwrap_or_default()) {
                Poll::Pending => return Ok(Turn::Waits),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(taken)) => {
                    self.unflushed = matches!(self.stream, Stream::Tls(_));
                    share = share.saturating_sub(taken);
                    self.advance(taken);
                }
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Pending => return Ok(Turn::Waits),
                Poll::Ready(flushed) => flushed?,
            }
            self.unflushed = false;
        }
        let rest = self.more || !self.out.is_empty();
        Ok(if rest { Turn::Again } else { Turn::Waits })
    }

    /// Takes a batch of bytes from the node, so that many small messages leave in one call.
    fn pull<M: Machine>(&mut self, now: Instant, machine: &mut M) {
        let mut size = 0;
        while size < BATCH_SIZE && self.out.len() < BATCH_PARTS {
            let Some(bytes) = machine.poll_stream(now, self.conn) else {
                self.more = false;
                return;
            };
            if !bytes.is_empty() {
                size += bytes.len();
                self.out.push_back(bytes);
            }
        }
    }

    fn advance(&mut self, mut taken: usize) {
        while let Some(part) = self.out.front_mut() {
            if taken < part.len() {
                part.advance(taken);
                return;
            }
            taken -= part.len();
            self.out.pop_front();
        }
    }

    /// Writes what was pulled, says goodbye, and waits for the peer's. Closing a socket with unread
    /// bytes in it would reset the connection and could take our last words with it.
    pub(super) async fn close(mut self, linger: Duration) {
        let goodbye = async {
            for mut part in self.out {
                self.stream.write_all_buf(&mut part).await?;
            }
            self.stream.shutdown().await?;
            let mut sink = [0; 1024];
            while self.stream.read(&mut sink).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = tokio::time::timeout(linger, goodbye).await;
    }
}

/// What the connections share in reading.
#[derive(Debug)]
pub(super) struct Io<'a> {
    /// Where the bytes of connections are read to; empty between two turns.
    pub(super) buffer: &'a mut BytesMut,
    /// Where datagrams are read to.
    pub(super) scratch: &'a mut [u8],
    /// Whether anything is read at all now.
    pub(super) reading: bool,
    /// How long a connection may take to end.
    pub(super) linger: Duration,
}

/// How much there is room for in one read.
const READ: usize = 64 * 1024;

/// What fills at least this much of the buffer is handed on with it and not copied.
const HANDED_ON: usize = READ / 4;

/// How much is pulled ahead of one write.
const BATCH_SIZE: usize = 64 * 1024;

/// In how many pieces.
const BATCH_PARTS: usize = 32;

/// How much one connection may write before others have their turn.
const WRITE_SHARE: usize = 256 * 1024;
