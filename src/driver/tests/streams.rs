//! TCP: what arrives, what waits, and how connections end.

use super::{Event, Net, loopback, pattern};
use crate::driver::Config;
use crate::engine::Transport;
use bytes::Bytes;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::net::TcpStream;

#[tokio::test]
async fn streams_come_and_go() {
    let mut net = Net::echo();
    let addr = net.listen().await;
    let sent = pattern(3_000_000);
    net.serve(async {
        let (mut read, mut write) = TcpStream::connect(addr).await.unwrap().into_split();
        let mut back = vec![0; sent.len()];
        let (wrote, got) = tokio::join!(write.write_all(&sent), read.read_exact(&mut back));
        wrote.unwrap();
        got.unwrap();
        assert!(back == sent);
    })
    .await;
}

#[tokio::test]
async fn many_connections_are_served_side_by_side() {
    let mut net = Net::echo();
    let addr = net.listen().await;
    net.serve(async {
        let mut peers = Vec::new();
        for _ in 0..200 {
            peers.push(TcpStream::connect(addr).await.unwrap());
        }
        for round in 0..5 {
            for peer in &mut peers {
                peer.write_all(&[round; 700]).await.unwrap();
            }
            for peer in &mut peers {
                let mut back = [0; 700];
                peer.read_exact(&mut back).await.unwrap();
                assert_eq!(back, [round; 700]);
            }
        }
    })
    .await;
    assert_eq!(net.sockets.connections(), 200);
    net.run(Duration::from_millis(100)).await;
    assert_eq!(
        net.sockets.connections(),
        0,
        "nothing is left of what has ended"
    );
}

#[tokio::test]
async fn a_refused_connection_is_closed() {
    let free = TcpListener::bind(loopback())
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let mut net = Net::new();
    let conn = net.dummy.connect(Transport::Tcp, free, None);
    net.dummy.say(conn, "early");
    assert_eq!(net.next().await, Event::Closed(conn));
}

#[tokio::test]
async fn what_was_said_before_the_connection_was_up_is_not_lost() {
    let listener = TcpListener::bind(loopback()).await.unwrap();
    let mut net = Net::new();
    let conn = net
        .dummy
        .connect(Transport::Tcp, listener.local_addr().unwrap(), None);
    net.dummy.say(conn, "early");
    let (event, heard) = tokio::join!(net.next(), async {
        let (mut peer, _) = listener.accept().await.unwrap();
        assert!(peer.nodelay().is_ok());
        let mut heard = [0; 5];
        peer.read_exact(&mut heard).await.unwrap();
        (heard, peer)
    });
    assert_eq!((event, &heard.0), (Event::Connected(conn), b"early"));
    drop(heard);
    assert_eq!(net.next().await, Event::Closed(conn));
}

#[tokio::test]
async fn a_peer_that_has_ended_its_direction_gets_what_is_queued() {
    let mut net = Net::echo();
    let addr = net.listen().await;
    let sent = pattern(1_000_000);
    net.serve(async {
        let mut peer = TcpStream::connect(addr).await.unwrap();
        let (mut read, mut write) = peer.split();
        let mut back = Vec::new();
        let send = async {
            write.write_all(&sent).await.unwrap();
            write.shutdown().await.unwrap();
        };
        let ((), got) = tokio::join!(send, read.read_to_end(&mut back));
        got.unwrap();
        assert!(back == sent);
    })
    .await;
}

#[tokio::test]
async fn a_half_closed_peer_that_does_not_read_is_let_go() {
    let mut net = Net::with(Config {
        linger: Duration::from_millis(100),
        ..Config::default()
    });
    let addr = net.listen().await;
    let mut peer = TcpStream::connect(addr).await.unwrap();
    let conn = net.accepted().await;
    net.dummy.babbles_to = Some(conn);
    net.dummy.outbox.flush(conn);
    peer.shutdown().await.unwrap();
    assert_eq!(net.next().await, Event::Closed(conn));
}

#[tokio::test]
async fn what_a_peer_said_before_it_vanished_is_heard() {
    let mut net = Net::new();
    let addr = net.listen().await;
    let mut peer = TcpStream::connect(addr).await.unwrap();
    let conn = net.accepted().await;
    net.dummy.say(conn, "never read");
    net.run(Duration::from_millis(20)).await;
    peer.write_all(b"last words").await.unwrap();
    // With something unread in it, closing the socket resets the connection.
    drop(peer);
    tokio::time::sleep(Duration::from_millis(20)).await;
    net.dummy.babbles_to = Some(conn);
    net.dummy.outbox.flush(conn);
    assert_eq!(
        net.next().await,
        Event::Data(conn, Bytes::from_static(b"last words"))
    );
    assert_eq!(net.next().await, Event::Closed(conn));
}

#[tokio::test]
async fn a_slow_reader_costs_a_bounded_amount_and_delays_nobody() {
    let mut net = Net::echo();
    let addr = net.listen().await;
    let mut slow = TcpStream::connect(addr).await.unwrap();
    let conn = net.accepted().await;
    net.dummy.babbles_to = Some(conn);
    net.dummy.outbox.flush(conn);
    net.run(Duration::from_millis(300)).await;
    let pulled = net.dummy.pulled;
    net.run(Duration::from_millis(200)).await;
    assert_eq!(
        net.dummy.pulled, pulled,
        "no byte more than the socket took and one batch"
    );
    net.serve(async {
        let mut quick = TcpStream::connect(addr).await.unwrap();
        quick.write_all(b"hello").await.unwrap();
        let mut back = [0; 5];
        quick.read_exact(&mut back).await.unwrap();
    })
    .await;
    // It reads again, and the rest goes on coming.
    net.serve(async {
        let mut heard = vec![0; pulled + 1_000_000];
        slow.read_exact(&mut heard).await.unwrap();
        assert!(heard.iter().all(|byte| *byte == b'b'));
    })
    .await;
}

#[tokio::test]
async fn what_the_node_does_not_want_stays_with_the_peer() {
    let mut net = Net::new();
    net.dummy.appetite = Some(100_000);
    let addr = net.listen().await;
    let sent = pattern(20_000_000);
    let mut peer = TcpStream::connect(addr).await.unwrap();
    let early = tokio::select! {
        () = net.run(Duration::from_millis(300)) => true,
        _ = peer.write_all(&sent) => false,
    };
    assert!(early, "the peer could not send it all");
    assert!(net.dummy.received < 100_000 + 64 * 1024);
    // Another one is not concerned, and when the node is hungry again, everything follows.
    net.dummy.appetite = None;
    let before = net.dummy.received;
    net.run(Duration::from_millis(300)).await;
    assert!(net.dummy.received > before);
}

#[tokio::test]
async fn last_words_are_heard_though_the_peer_was_not() {
    let mut net = Net::new();
    let addr = net.listen().await;
    let mut peer = TcpStream::connect(addr).await.unwrap();
    let conn = net.accepted().await;
    net.dummy.appetite = Some(0);
    peer.write_all(&pattern(10_000)).await.unwrap();
    net.dummy.say(conn, "go away");
    net.run(Duration::from_millis(50)).await;
    net.dummy.outbox.close(conn);
    net.serve(async {
        peer.write_all(&pattern(10_000)).await.unwrap();
        let mut heard = String::new();
        peer.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "go away");
        drop(peer);
    })
    .await;
    net.run(Duration::from_millis(50)).await;
    assert_eq!(net.sockets.connections(), 0);
}

#[tokio::test]
async fn one_address_gets_only_its_share_of_connections() {
    let mut net = Net::with(Config {
        connections_per_address: 2,
        ..Config::default()
    });
    let addr = net.listen().await;
    let first = TcpStream::connect(addr).await.unwrap();
    let _second = TcpStream::connect(addr).await.unwrap();
    let (gone, _) = (net.accepted().await, net.accepted().await);
    net.serve(async {
        let mut third = TcpStream::connect(addr).await.unwrap();
        assert!(
            matches!(third.read(&mut [0]).await, Ok(0) | Err(_)),
            "turned away"
        );
    })
    .await;
    drop(first);
    assert_eq!(net.next().await, Event::Closed(gone));
    let _fourth = TcpStream::connect(addr).await.unwrap();
    net.accepted().await;
}
