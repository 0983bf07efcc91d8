//! A real node on a driver.

use super::{PATIENCE, loopback};
use crate::conversation;
use crate::driver::{Driver, clock, seed};
use crate::engine::Protocol;
use crate::node::{Config, Net, Node, Role};
use crate::sip;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// Tells what it was asked, and takes nothing.
struct Declines;

impl Role for Declines {
    type Event = String;

    fn handle_leg(&mut self, _: &mut Net<'_, String>, _: conversation::Event) {}

    fn handle_sip(&mut self, net: &mut Net<'_, String>, event: sip::Event) {
        if let sip::Event::Request { id, request, .. } = event {
            net.emit(request.method().as_str().to_owned());
            net.ends.decline(id, &request);
        }
    }
}

fn options(transport: &str, at: SocketAddr) -> String {
    format!(
        "OPTIONS sip:{at} SIP/2.0\r\n\
         Via: SIP/2.0/{transport} 127.0.0.1:9;rport;branch=z9hG4bK{transport}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:alice@example.com>;tag=1\r\n\
         To: <sip:{at}>\r\n\
         Call-ID: {transport}\r\n\
         CSeq: 1 OPTIONS\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

#[tokio::test]
async fn a_node_answers_over_udp_and_tcp() {
    let node = Node::new(Config::new(clock(), seed()), |_| Declines);
    let mut net = Driver::new(node);
    let udp = net.listen_udp(loopback()).await.unwrap();
    let tcp = net.listen_tcp(Protocol::Sip, loopback()).await.unwrap();
    let peer = async {
        let mut buf = [0; 2000];
        let socket = UdpSocket::bind(loopback()).await.unwrap();
        let question = options("UDP", udp);
        socket.send_to(question.as_bytes(), udp).await.unwrap();
        let (n, _) = socket.recv_from(&mut buf).await.unwrap();
        assert!(buf[..n].starts_with(b"SIP/2.0 200 "));
        let mut stream = TcpStream::connect(tcp).await.unwrap();
        stream
            .write_all(options("TCP", tcp).as_bytes())
            .await
            .unwrap();
        let n = stream.read(&mut buf).await.unwrap();
        assert!(buf[..n].starts_with(b"SIP/2.0 200 "));
    };
    let node = async {
        assert_eq!(net.next().await.unwrap(), "OPTIONS");
        assert_eq!(net.next().await.unwrap(), "OPTIONS");
        net.next().await
    };
    let both = async {
        tokio::select! { other = node => panic!("{other:?}"), () = peer => {} }
    };
    timeout(PATIENCE, both).await.unwrap();
    net.flush(std::time::Instant::now() + PATIENCE)
        .await
        .unwrap();
}
