//! TLS: who is believed, and that nothing is lost on the way.

use super::{Event, Net, PATIENCE, loopback, pattern};
use crate::driver::Config;
use crate::driver::Tls;
use crate::engine::Protocol;
use crate::engine::Transport;
use bytes::Bytes;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// A certificate of its own authority, and the authority's.
fn certificate(names: Vec<rcgen::SanType>) -> (Tls, Vec<u8>) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names = names;
    let leaf = params.signed_by(&key, &issuer).unwrap();
    let tls = Tls::default()
        .identity(leaf.pem().as_bytes(), key.serialize_pem().as_bytes())
        .unwrap();
    (tls, root.into_bytes())
}

/// Whether a client that wants `name` accepts a server with a certificate of `names`.
async fn accepts(names: Vec<rcgen::SanType>, name: Option<&str>) -> bool {
    let (identity, root) = certificate(names);
    let (mut server, mut client) = (Net::echo(), Net::new());
    let acceptor = Some(identity.acceptor().unwrap());
    let addr = server
        .sockets
        .listen_stream(Protocol::Sip, Transport::Tls, loopback(), acceptor)
        .await
        .unwrap();
    client.sockets.tls = Tls::default().trust(&root).unwrap();
    let conn = client.dummy.connect(Transport::Tls, addr, name);
    client.dummy.say(conn, "hello");
    server
        .serve(async {
            match client.next().await {
                Event::Connected(_) => {
                    assert_eq!(
                        client.next().await,
                        Event::Data(conn, Bytes::from_static(b"hello"))
                    );
                    true
                }
                Event::Closed(_) => false,
                other => panic!("{other:?}"),
            }
        })
        .await
}

#[tokio::test]
async fn rfc5922_7_a_certificate_has_to_name_the_domain_in_full() {
    use rcgen::SanType::{DnsName, IpAddress, URI};
    let dns = |name: &str| DnsName(name.try_into().unwrap());
    let uri = |uri: &str| URI(uri.try_into().unwrap());
    let ip = |ip: &str| IpAddress(ip.parse().unwrap());
    let cases = [
        (vec![dns("example.com")], Some("example.com"), true),
        (vec![dns("Example.COM")], Some("example.com."), true),
        (
            vec![dns("a.test"), dns("example.com")],
            Some("example.com"),
            true,
        ),
        (vec![dns("example.org")], Some("example.com"), false),
        (vec![dns("*.example.com")], Some("sip.example.com"), false),
        (vec![dns("example.com")], Some("sip.example.com"), false),
        (vec![uri("sip:example.com")], Some("example.com"), true),
        (vec![uri("sip:example.org")], Some("example.com"), false),
        (
            vec![uri("sip:example.org"), dns("example.com")],
            Some("example.com"),
            false,
        ),
        (
            vec![uri("https://example.org"), dns("example.com")],
            Some("example.com"),
            true,
        ),
        (
            vec![uri("sip:alice@example.com")],
            Some("example.com"),
            false,
        ),
        (vec![ip("127.0.0.1")], None, true),
        (vec![ip("127.0.0.2")], None, false),
        (vec![dns("example.com")], None, false),
        (vec![ip("127.0.0.1")], Some("example.com"), false),
        (vec![dns("example.com")], Some("not a name"), false),
    ];
    for (names, name, accepted) in cases {
        let what = format!("{names:?} for {name:?}");
        assert_eq!(accepts(names, name).await, accepted, "{what}");
    }
}

#[tokio::test]
async fn tls_without_the_right_root_fails() {
    let (identity, _) = certificate(vec![rcgen::SanType::IpAddress(
        "127.0.0.1".parse().unwrap(),
    )]);
    let (_, other_root) = certificate(vec![]);
    let mut server = Net::new();
    let acceptor = Some(identity.acceptor().unwrap());
    let addr = server
        .sockets
        .listen_stream(Protocol::Sip, Transport::Tls, loopback(), acceptor)
        .await
        .unwrap();
    for tls in [Tls::default(), Tls::default().trust(&other_root).unwrap()] {
        let mut client = Net::new();
        client.sockets.tls = tls;
        let conn = client.dummy.connect(Transport::Tls, addr, None);
        assert_eq!(server.serve(client.next()).await, Event::Closed(conn));
    }
    assert!(Tls::default().acceptor().is_err());
}

#[tokio::test]
async fn much_passes_through_tls_and_its_end_is_heard() {
    let (identity, root) = certificate(vec![rcgen::SanType::IpAddress(
        "127.0.0.1".parse().unwrap(),
    )]);
    let (mut server, mut client) = (Net::echo(), Net::new());
    let acceptor = Some(identity.acceptor().unwrap());
    let addr = server
        .sockets
        .listen_stream(Protocol::Msrp, Transport::Tls, loopback(), acceptor)
        .await
        .unwrap();
    client.sockets.tls = Tls::default().trust(&root).unwrap();
    let conn = client.dummy.connect(Transport::Tls, addr, None);
    let sent = pattern(2_000_000);
    for chunk in sent.chunks(999) {
        client.dummy.say(conn, chunk.to_vec());
    }
    server
        .serve(async {
            assert_eq!(client.next().await, Event::Connected(conn));
            let mut back = Vec::new();
            while back.len() < sent.len() {
                match client.next().await {
                    Event::Data(_, data) => back.extend_from_slice(&data),
                    other => panic!("{other:?}"),
                }
            }
            assert!(back == sent);
            client.dummy.outbox.close(conn);
            client.run(Duration::from_millis(50)).await;
        })
        .await;
    server.run(Duration::from_millis(50)).await;
    assert_eq!(server.sockets.connections(), 0);
    assert_eq!(client.sockets.connections(), 0);
}

#[tokio::test]
async fn a_slow_reader_under_tls_gets_everything() {
    let (identity, root) = certificate(vec![rcgen::SanType::IpAddress(
        "127.0.0.1".parse().unwrap(),
    )]);
    let (mut server, mut client) = (Net::new(), Net::new());
    let acceptor = Some(identity.acceptor().unwrap());
    let addr = server
        .sockets
        .listen_stream(Protocol::Msrp, Transport::Tls, loopback(), acceptor)
        .await
        .unwrap();
    client.sockets.tls = Tls::default().trust(&root).unwrap();
    client.dummy.appetite = Some(0);
    client.dummy.connect(Transport::Tls, addr, None);
    let conn = tokio::select! {
        conn = server.accepted() => conn,
        () = client.run(PATIENCE) => panic!(),
    };
    for round in 0..4 {
        let sent = pattern(3_000_000 + round * 3_333);
        server.dummy.say(conn, sent.clone());
        client.dummy.received = 0;
        client.dummy.appetite = Some(0);
        let slow = client.run(Duration::from_millis(20));
        server.serve(slow).await;
        client.dummy.appetite = None;
        server
            .serve(async {
                while client.dummy.received < sent.len() {
                    client.next().await;
                }
            })
            .await;
    }
}

#[tokio::test]
async fn a_silent_tls_peer_is_given_up_on_both_sides() {
    let short = Config {
        connect: Duration::from_millis(50),
        handshake: Duration::from_millis(50),
        ..Config::default()
    };
    let silent = TcpListener::bind(loopback()).await.unwrap();
    let (identity, root) = certificate(vec![]);
    let mut net = Net::with(short);
    net.sockets.tls = identity.clone().trust(&root).unwrap();
    let conn = net
        .dummy
        .connect(Transport::Tls, silent.local_addr().unwrap(), None);
    assert_eq!(net.next().await, Event::Closed(conn));
    let acceptor = Some(identity.acceptor().unwrap());
    let addr = net
        .sockets
        .listen_stream(Protocol::Sip, Transport::Tls, loopback(), acceptor)
        .await
        .unwrap();
    let mut peer = TcpStream::connect(addr).await.unwrap();
    net.serve(async { assert!(matches!(peer.read(&mut [0]).await, Ok(0) | Err(_))) })
        .await;
    assert!(net.dummy.events.is_empty(), "the node never heard of it");
}

#[tokio::test]
async fn attack_18_who_has_another_name_hears_nothing_of_what_was_for_the_right_one() {
    use rcgen::SanType::{DnsName, IpAddress};
    let dns = |name: &str| DnsName(name.try_into().unwrap());
    for (names, heard) in [
        (vec![dns("evil.example")], false),
        (vec![dns("*.com")], false),
        (vec![dns("example.com.evil.example")], false),
        (vec![IpAddress("127.0.0.1".parse().unwrap())], false),
        (vec![], false),
        (vec![dns("example.com")], true),
    ] {
        let what = format!("{names:?}");
        let (identity, root) = certificate(names);
        let (mut server, mut client) = (Net::echo(), Net::new());
        let acceptor = Some(identity.acceptor().unwrap());
        let addr = server
            .sockets
            .listen_stream(Protocol::Sip, Transport::Tls, loopback(), acceptor)
            .await
            .unwrap();
        // Its authority is one that is believed, so that only the name speaks against it.
        client.sockets.tls = Tls::default().trust(&root).unwrap();
        let conn = (client.dummy).connect(Transport::Tls, addr, Some("example.com"));
        client.dummy.say(conn, "Authorization: Digest ...");
        server
            .serve(async {
                let first = client.next().await;
                assert_eq!(first == Event::Closed(conn), !heard, "{what}: {first:?}");
                if heard {
                    client.next().await;
                }
            })
            .await;
        assert_eq!(server.dummy.received > 0, heard, "{what}");
    }
}
