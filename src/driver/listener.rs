//! A listening TCP socket.

use super::ready::Bell;
use crate::engine::trace::warning;
use crate::engine::{Protocol, Transport};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;

pub(super) struct Listener {
    pub(super) protocol: Protocol,
    pub(super) transport: Transport,
    pub(super) tls: Option<TlsAcceptor>,
    socket: TcpListener,
    /// While the system is out of descriptors or memory, accepting is left alone.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Listener {
    pub(super) const fn new(
        protocol: Protocol,
        transport: Transport,
        tls: Option<TlsAcceptor>,
        socket: TcpListener,
    ) -> Self {
        Self {
            protocol,
            transport,
            tls,
            socket,
            pause: None,
        }
    }

    /// The connections that wait, up to a fair share.
    ///
    /// # Errors
    ///
    /// The socket listens no more.
    pub(super) fn accept(&mut self, bell: &Bell) -> io::Result<Vec<(TcpStream, SocketAddr)>> {
        let cx = &mut bell.context();
        let mut accepted = Vec::new();
        if self.is_paused(cx) {
            return Ok(accepted);
        }
        for _ in 0..SHARE {
            match self.socket.poll_accept(cx) {
                Poll::Pending => return Ok(accepted),
                Poll::Ready(Ok(pair)) => accepted.push(pair),
                Poll::Ready(Err(error)) if concerns_the_peer(&error) => {}
                Poll::Ready(Err(error)) if concerns_the_socket(&error) => return Err(error),
                Poll::Ready(Err(_error)) => {
                    warning!("cannot accept connections: {_error}");
                    // It would fail again at once, and again, and leave no time for those who could
                    // give descriptors back.
                    self.pause = Some(Box::pin(tokio::time::sleep(PAUSE)));
                    break;
                }
            }
        }
        bell.ring();
        Ok(accepted)
    }

    fn is_paused(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(pause) = &mut self.pause else {
            return false;
        };
        let paused = pause.as_mut().poll(cx).is_pending();
        if !paused {
            self.pause = None;
        }
        paused
    }
}

/// Whether a failed accept says something about that one connection only.
fn concerns_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Whether it will fail for good. All else, such as too many open files, passes.
fn concerns_the_socket(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, Unsupported};
    matches!(error.kind(), InvalidInput | Unsupported)
}

/// How many connections are accepted before others have their turn.
const SHARE: usize = 32;

const PAUSE: Duration = Duration::from_millis(100);
