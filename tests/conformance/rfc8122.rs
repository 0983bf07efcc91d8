//! RFC 8122: certificates that the description of a session vouches for, over TLS of loopback.

use cpm::client::{Client, Config, Event as ClientEvent};
use cpm::conversation::Status;
use cpm::driver::{self, Driver, SoloDriver, Tls};
use cpm::engine::{Limits, Protocol};
use cpm::msrp::{self, Delivery, Down, Endpoint, Event, Outgoing, Role, SessionId, Settings};
use cpm::node::Solo;
use cpm::participating::{self, Participating, Restored, Subscriber};
use cpm::sdp::Fingerprint;
use cpm::sip::Uri;
use cpm::store::engine::Memory;
use cpm::store::{Answerer, Directory};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Somebody with a certificate of their own making, that names nothing of use.
fn self_signed() -> Tls {
    let made = rcgen::generate_simple_self_signed(["nobody.invalid".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    Tls::default()
        .identity(made.cert.pem().as_bytes(), key.as_bytes())
        .unwrap()
}

/// An endpoint that listens under TLS and shows `tls` to whoever it talks to.
async fn endpoint(tls: &Tls) -> (SoloDriver<Endpoint>, SocketAddr) {
    let node = Solo::new(driver::clock(), driver::seed(), Limits::default(), |ids| {
        Endpoint::new(msrp::Config::default(), ids)
    });
    let mut net = SoloDriver::new(node);
    net.set_tls(tls);
    let addr = net.listen_tls(LOOPBACK, tls).await.unwrap();
    (net, addr)
}

fn open(net: &mut SoloDriver<Endpoint>, fingerprints: Vec<Fingerprint>) -> SessionId {
    let settings = Settings {
        secure: Some(true),
        fingerprints,
        delivery: Delivery::Whole,
        ..Settings::default()
    };
    let opened = (net.node).command(Instant::now(), |endpoint, cx| endpoint.open(cx, settings));
    opened.unwrap()
}

/// How an attempt ended.
#[derive(Debug, PartialEq)]
enum End {
    Delivered,
    /// For the side that opens the connection.
    Down(Down),
    /// What was sent was refused by the other side.
    Failed(u16),
}

/// Alice opens the connection and sends something; each believes the fingerprints given. Who Alice is at first contact
/// is `alice`.
async fn attempt(
    (alice, of_bob): (&Tls, Vec<Fingerprint>),
    (bob, of_alice): (&Tls, Vec<Fingerprint>),
) -> End {
    let ((mut a, _), (mut b, _)) = (endpoint(alice).await, endpoint(bob).await);
    let (at_a, at_b) = (open(&mut a, of_bob), open(&mut b, of_alice));
    let path = |net: &SoloDriver<Endpoint>, id| net.node.machine().local_path(id).unwrap();
    let (path_a, path_b) = (path(&a, at_a), path(&b, at_b));
    b.node.command(Instant::now(), |endpoint, cx| {
        endpoint.start(cx, at_b, path_a, Role::Passive);
    });
    a.node.command(Instant::now(), |endpoint, cx| {
        let message = Outgoing::new("text/plain".into(), "hello".into());
        endpoint.send(cx, at_a, message).unwrap();
        endpoint.start(cx, at_a, path_b, Role::Active { peer: None });
    });
    let deadline = tokio::time::sleep(Duration::from_secs(10));
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            event = a.next() => match event.unwrap() {
                Event::Sent { .. } => return End::Delivered,
                Event::Failed { status, .. } if status.code() != 408 => return End::Failed(status.code()),
                Event::Down { why, .. } => return End::Down(why),
                _ => {}
            },
            event = b.next() => if let Event::Received { message, .. } = event.unwrap() {
                b.node.command(Instant::now(), |endpoint, cx| endpoint.accept(cx, message.receipt));
            },
            () = &mut deadline => panic!("neither delivered nor refused"),
        }
    }
}

fn of(tls: &Tls) -> Vec<Fingerprint> {
    vec![tls.fingerprint().unwrap()]
}

#[tokio::test]
async fn rfc8122_7_self_signed_certificates_are_believed_where_their_fingerprints_fit() {
    let (alice, bob) = (self_signed(), self_signed());
    let end = attempt((&alice, of(&bob)), (&bob, of(&alice))).await;
    assert_eq!(end, End::Delivered);
    // One side alone may have described itself.
    let end = attempt((&alice, of(&bob)), (&bob, Vec::new())).await;
    assert_eq!(end, End::Delivered);
}

#[tokio::test]
async fn rfc8122_7_a_server_with_another_certificate_hears_nothing() {
    let (alice, bob, mallory) = (self_signed(), self_signed(), self_signed());
    let end = attempt((&alice, of(&bob)), (&mallory, Vec::new())).await;
    assert_eq!(end, End::Down(Down::Fingerprint));
    // Without a description nobody vouches for a certificate of one's own making.
    let end = attempt((&alice, Vec::new()), (&bob, of(&alice))).await;
    assert_eq!(end, End::Down(Down::Connection));
}

#[tokio::test]
async fn rfc8122_7_a_client_with_another_certificate_or_none_binds_nothing() {
    let (alice, bob, mallory) = (self_signed(), self_signed(), self_signed());
    let end = attempt((&mallory, of(&bob)), (&bob, of(&alice))).await;
    assert!(matches!(end, End::Failed(403) | End::Down(_)), "{end:?}");
    let described = Fingerprint::parse("SHA-256 00:11").unwrap();
    let end = attempt((&alice, of(&bob)), (&bob, vec![described])).await;
    assert!(matches!(end, End::Failed(403) | End::Down(_)), "{end:?}");
}

#[tokio::test]
async fn rfc8122_5_1_the_strongest_of_several_decides() {
    let (alice, bob) = (self_signed(), self_signed());
    let weak = Fingerprint::parse("SHA-1 00:11").unwrap();
    let both = [of(&bob), vec![weak]].concat();
    let end = attempt((&alice, both), (&bob, of(&alice))).await;
    assert_eq!(end, End::Delivered);
}

/// A chat with a server whose certificate for signalling is vouched for, and whose certificate for content is described
/// in the sessions: by `offered`.
async fn chat(media: &Tls, offered: Option<Fingerprint>) -> bool {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let signalling = Tls::default()
        .identity(pem.as_bytes(), key.as_bytes())
        .unwrap();
    let mut directory = Directory::new();
    for name in ["alice", "bob"] {
        let subscriber = Subscriber {
            password: "secret".into(),
            ..Subscriber::default()
        };
        directory.insert(&Uri::sip(name, "example.com"), subscriber);
    }
    let mut answerer = Answerer::new(Memory::new(), directory);
    let mut server = Driver::new(Participating::node(
        participating::Config::new("example.com"),
        Restored::default(),
        driver::clock(),
        driver::seed(),
    ));
    server.node.set_fingerprint(offered);
    server.listen_tcp(Protocol::Msrp, LOOPBACK).await.unwrap();
    server
        .listen_tls(Protocol::Msrp, LOOPBACK, media)
        .await
        .unwrap();
    let sips = server
        .listen_tls(Protocol::Sip, LOOPBACK, &signalling)
        .await
        .unwrap();
    let sip = server.listen_tcp(Protocol::Sip, LOOPBACK).await.unwrap();
    server.listen_udp(sip).await.unwrap();
    let client = |name: &str| {
        let proxy = format!("sip:{sips};transport=tls").parse().unwrap();
        let mut config = Config::new(Uri::sip(name, "example.com"), proxy);
        config.password = "secret".into();
        let mut net = Driver::new(Client::node(config, driver::clock(), driver::seed()));
        let own = self_signed();
        net.node.set_fingerprint(own.fingerprint());
        net.set_tls(&own.trust(pem.as_bytes()).unwrap());
        net.node.register(Instant::now());
        net
    };
    let (mut alice, mut bob) = (client("alice"), client("bob"));
    let deadline = tokio::time::sleep(Duration::from_secs(20));
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            event = server.next() => {
                answerer.answer(&mut server.node, Instant::now(), event.unwrap());
            }
            event = bob.next() => match event.unwrap() {
                ClientEvent::Registered { .. } => {
                    let chat = alice.node.open_chat(Instant::now(), Uri::sip("bob", "example.com"));
                    alice.node.send_text(Instant::now(), chat, "hello").unwrap();
                }
                ClientEvent::Message { message, .. } => {
                    bob.node.mark_displayed(Instant::now(), &message);
                }
                _ => {}
            },
            event = alice.next() => match event.unwrap() {
                ClientEvent::Disposition { status: Status::Displayed, .. } => return true,
                ClientEvent::Ended { .. } => return false,
                _ => {}
            },
            () = &mut deadline => panic!("neither displayed nor ended"),
        }
    }
}

#[tokio::test]
async fn rfc8122_5_a_chat_whose_descriptions_vouch_for_the_certificates() {
    let media = self_signed();
    assert!(chat(&media, media.fingerprint()).await);
}

#[tokio::test]
async fn rfc8122_7_no_chat_with_who_shows_another_certificate() {
    let (media, other) = (self_signed(), self_signed());
    assert!(!chat(&media, other.fingerprint()).await);
}
