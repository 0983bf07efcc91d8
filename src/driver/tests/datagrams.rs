//! UDP.

use super::{Event, Net, loopback, pattern};
use bytes::Bytes;
use tokio::net::UdpSocket;

#[tokio::test]
async fn datagrams_come_and_go() {
    let mut net = Net::echo();
    let addr = net.sockets.listen_udp(loopback()).await.unwrap();
    net.serve(async {
        let socket = UdpSocket::bind(loopback()).await.unwrap();
        let mut buf = vec![0; 70_000];
        for len in [0, 1, 1300, 60_000] {
            let sent = pattern(len);
            socket.send_to(&sent, addr).await.unwrap();
            let (n, from) = socket.recv_from(&mut buf).await.unwrap();
            assert_eq!((&buf[..n], from), (&sent[..], addr));
        }
    })
    .await;
}

#[tokio::test]
async fn a_datagram_without_a_listener_leaves_from_any_port_and_is_answered() {
    let peer = UdpSocket::bind(loopback()).await.unwrap();
    let mut net = Net::new();
    net.dummy.outbox.datagram(
        None,
        peer.local_addr().unwrap(),
        Bytes::from_static(b"hello"),
    );
    let answer = async {
        let mut buf = [0; 16];
        let (n, from) = peer.recv_from(&mut buf).await.unwrap();
        assert_eq!(&buf[..n], b"hello");
        peer.send_to(b"who are you", from).await.unwrap();
    };
    let (event, ()) = tokio::join!(net.next(), answer);
    assert_eq!(event, Event::Datagram(Bytes::from_static(b"who are you")));
}

#[tokio::test]
async fn datagrams_of_an_address_that_is_not_ours_leave_from_one_that_is() {
    let peer = UdpSocket::bind(loopback()).await.unwrap();
    let mut net = Net::new();
    let addr = net.sockets.listen_udp(loopback()).await.unwrap();
    let elsewhere = Some("192.0.2.1:5060".parse().unwrap());
    let to = peer.local_addr().unwrap();
    net.dummy
        .outbox
        .datagram(elsewhere, to, Bytes::from_static(b"x"));
    let (_, from) = net.serve(peer.recv_from(&mut [0; 8])).await.unwrap();
    assert_eq!(from, addr);
}
