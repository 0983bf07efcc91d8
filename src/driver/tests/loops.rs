//! The loop itself: cancellation, deadlines, names, the end.

use super::{Event, Net, PATIENCE, loopback, pattern};
use crate::driver::sockets::Sockets;
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Duration;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::UdpSocket;
use tokio::time::timeout;

#[test]
fn a_driver_can_move_to_another_thread() {
    const fn is_send<T: Send>() {}
    is_send::<Sockets>();
}

#[tokio::test]
async fn a_call_that_is_dropped_at_every_turn_loses_nothing() {
    let mut net = Net::echo();
    let addr = net.listen().await;
    let udp = net.sockets.listen_udp(loopback()).await.unwrap();
    let sent = pattern(500_000);
    let peer = async {
        let (mut read, mut write) = TcpStream::connect(addr).await.unwrap().into_split();
        let mut back = vec![0; sent.len()];
        let (wrote, got) = tokio::join!(write.write_all(&sent), read.read_exact(&mut back));
        wrote.unwrap();
        got.unwrap();
        assert!(back == sent);
        let socket = UdpSocket::bind(loopback()).await.unwrap();
        for number in 0..50_u8 {
            socket.send_to(&[number], udp).await.unwrap();
            let mut back = [0];
            socket.recv_from(&mut back).await.unwrap();
            assert_eq!(back, [number]);
        }
    };
    let (mut events, mut dropped) = (0, 0);
    let drive = async {
        loop {
            tokio::select! {
                biased;
                event = net.sockets.next(&mut net.dummy) => { event.unwrap(); events += 1; }
                () = tokio::task::yield_now() => dropped += 1,
            }
        }
    };
    let both = async {
        tokio::select! { () = drive => {}, () = peer => {} }
    };
    timeout(PATIENCE, both).await.unwrap();
    assert!(events > 50 && dropped > 50, "{events} {dropped}");
}

#[tokio::test]
async fn flush_waits_for_the_last_byte_and_not_for_ever() {
    let mut net = Net::new();
    let addr = net.listen().await;
    let mut peer = TcpStream::connect(addr).await.unwrap();
    let conn = net.accepted().await;
    let sent = pattern(20_000_000);
    for chunk in sent.chunks(16 * 1024) {
        net.dummy.say(conn, chunk.to_vec());
    }
    let mut events = VecDeque::new();
    let early = timeout(
        Duration::from_millis(200),
        net.sockets.flush(&mut net.dummy, &mut events),
    )
    .await;
    assert!(early.is_err(), "the peer does not read");
    let reads = tokio::spawn(async move {
        let mut heard = vec![0; 20_000_000];
        peer.read_exact(&mut heard).await.unwrap();
        peer.write_all(b"thanks").await.unwrap();
        (heard, peer)
    });
    timeout(PATIENCE, net.sockets.flush(&mut net.dummy, &mut events))
        .await
        .unwrap()
        .unwrap();
    assert!(net.dummy.streams[&conn].is_empty());
    let (heard, _peer) = reads.await.unwrap();
    assert!(heard == sent);
    assert!(events.is_empty());
    assert_eq!(
        net.next().await,
        Event::Data(conn, Bytes::from_static(b"thanks")),
        "reading goes on"
    );
}

#[tokio::test]
async fn the_deadline_is_kept_and_can_move() {
    let mut net = Net::new();
    let start = Instant::now();
    net.dummy.deadline = Some(start + Duration::from_secs(60));
    net.run(Duration::from_millis(5)).await;
    net.dummy.deadline = Some(start + Duration::from_millis(40));
    assert_eq!(net.next().await, Event::Timeout);
    assert!(start.elapsed() >= Duration::from_millis(40));
}

#[tokio::test]
async fn a_deadline_that_never_moves_does_not_take_all_the_time() {
    let mut net = Net::echo();
    let addr = net.listen().await;
    (net.dummy.stuck, net.dummy.deadline) = (true, Some(Instant::now()));
    net.serve(async {
        let mut peer = TcpStream::connect(addr).await.unwrap();
        peer.write_all(b"hello").await.unwrap();
        peer.read_exact(&mut [0; 5]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    })
    .await;
    assert!(net.dummy.timeouts < 400, "{}", net.dummy.timeouts);
}

#[tokio::test]
async fn names_are_looked_up() {
    let mut net = Net::new();
    net.dummy.outbox.resolve("[::1]".into());
    assert_eq!(
        net.next().await,
        Event::Resolved(vec!["::1".parse().unwrap()])
    );
    net.dummy.outbox.resolve("localhost".into());
    let Event::Resolved(addresses) = net.next().await else {
        panic!()
    };
    assert!(
        !addresses.is_empty() && addresses.iter().all(IpAddr::is_loopback),
        "{addresses:?}"
    );
    net.dummy.outbox.resolve("no such name".into());
    assert_eq!(net.next().await, Event::Resolved(vec![]));
}
