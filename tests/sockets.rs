//! Conversations over real sockets on loopback.

#[path = "../examples/demo/script.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the demo")]
mod script;
#[path = "../examples/demo/stage.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the demo")]
mod stage;

use cpm::client::{Client, Config, Event};
use cpm::conversation::Status;
use cpm::driver::{self, Driver, SoloDriver, Tls};
use cpm::engine::{Limits, Protocol};
use cpm::msrp;
use cpm::node::Solo;
use cpm::participating::{self, Participating, Restored, Subscriber};
use cpm::sip::Uri;
use cpm::store::engine::Memory;
use cpm::store::{Answerer, Directory};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The whole demo: registration, pager message, chat, large message, a cut, and what was kept.
#[tokio::test]
async fn the_demo_loses_nothing_and_shows_nothing_twice() {
    let mut stage = stage::Stage::new(true).await.unwrap();
    script::play(&mut stage).await.unwrap();
    assert!(stage.tally().is_clean(), "{}", stage.tally());
}

/// Signalling and media over TLS, with a certificate that is checked for the server's name.
#[tokio::test]
async fn r68_a_chat_over_tls() {
    chat(false).await;
}

/// The same with signalling over WebSocket.
#[tokio::test]
async fn rfc7118_a_chat_with_signalling_over_a_secure_websocket() {
    chat(true).await;
}

/// Who the server is, and how to know it.
fn identity() -> (Tls, Tls) {
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (pem, key) = (
        certificate.cert.pem(),
        certificate.signing_key.serialize_pem(),
    );
    let server = Tls::default()
        .identity(pem.as_bytes(), key.as_bytes())
        .unwrap();
    (server, Tls::default().trust(pem.as_bytes()).unwrap())
}

async fn chat(is_web: bool) {
    let (tls, trust) = identity();
    let mut directory = Directory::new();
    for name in ["alice", "bob"] {
        let subscriber = Subscriber {
            password: "secret".into(),
            ..Subscriber::default()
        };
        directory.insert(&Uri::sip(name, "example.com"), subscriber);
    }
    let mut answerer = Answerer::new(Memory::new(), directory);
    let node = Participating::node(
        participating::Config::new("example.com"),
        Restored::default(),
        driver::clock(),
        driver::seed(),
    );
    let mut server = Driver::new(node);
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    server.listen_tcp(Protocol::Msrp, loopback).await.unwrap();
    let (sips, scheme, transport) = match is_web {
        true => {
            let web = server
                .listen_web(Protocol::Sip, loopback, Some(&tls))
                .await
                .unwrap();
            (web, "sips", "ws")
        }
        false => {
            let listening = server.listen_tls(Protocol::Sip, loopback, &tls).await;
            (listening.unwrap(), "sip", "tls")
        }
    };
    server
        .listen_tls(Protocol::Msrp, loopback, &tls)
        .await
        .unwrap();
    // What the function sends itself goes over a plain socket's address.
    let sip = server.listen_tcp(Protocol::Sip, loopback).await.unwrap();
    server.listen_udp(sip).await.unwrap();

    let client = |name: &str| {
        let uri = Uri::sip(name, "example.com");
        let proxy = format!("{scheme}:{sips};transport={transport}");
        let mut config = Config::new(uri, proxy.parse().unwrap());
        config.password = "secret".into();
        let mut net = Driver::new(Client::node(config, driver::clock(), driver::seed()));
        net.set_tls(&trust);
        net.node.register(Instant::now());
        net
    };
    let (mut alice, mut bob) = (client("alice"), client("bob"));
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut hello = None;
    loop {
        tokio::select! {
            event = server.next() => {
                answerer.answer(&mut server.node, Instant::now(), event.unwrap());
            }
            event = bob.next() => match event.unwrap() {
                Event::Registered { .. } => {
                    let chat = alice.node.open_chat(Instant::now(), Uri::sip("bob", "example.com"));
                    hello = Some(alice.node.send_text(Instant::now(), chat, "hello").unwrap());
                }
                Event::Message { message, text, .. } => {
                    assert_eq!(text, "hello");
                    bob.node.mark_displayed(Instant::now(), &message);
                }
                _ => {}
            },
            event = alice.next() => match event.unwrap() {
                Event::Disposition { message, status: Status::Displayed, .. } if Some(&message) == hello.as_ref() => return,
                _ => {}
            },
            () = tokio::time::sleep_until(deadline.into()) => panic!("nobody said that the message was displayed"),
        }
    }
}

/// A session over WebSocket: a long message there and back.
#[tokio::test]
async fn rfc7977_a_session_over_websocket() {
    web(None).await;
}

/// The same under TLS.
#[tokio::test]
async fn rfc7977_a_session_over_a_secure_websocket() {
    web(Some(identity())).await;
}

async fn web(tls: Option<(Tls, Tls)>) {
    let endpoint = || {
        let node = Solo::new(driver::clock(), driver::seed(), Limits::default(), |ids| {
            msrp::Endpoint::new(msrp::Config::default(), ids)
        });
        SoloDriver::new(node)
    };
    let (mut server, mut client) = (endpoint(), endpoint());
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let listens = server.listen_web(loopback, tls.as_ref().map(|(server, _)| server));
    listens.await.unwrap();
    if let Some((_, trust)) = &tls {
        client.set_tls(trust);
    }
    let settings = || msrp::Settings {
        web: true,
        ..msrp::Settings::default()
    };
    let now = Instant::now();
    let open = |endpoint: &mut msrp::Endpoint, cx: &mut cpm::engine::Cx<'_>| {
        let session = endpoint.open(cx, settings()).unwrap();
        (session, endpoint.local_path(session).unwrap())
    };
    let (ours, here) = client.node.command(now, open);
    let (theirs, there) = server.node.command(now, open);
    let scheme = if tls.is_some() { "msrps" } else { "msrp" };
    assert!(
        there[0]
            .as_str()
            .starts_with(&format!("{scheme}://127.0.0.1:"))
    );
    server.node.command(now, |endpoint, cx| {
        // A client whose connection is plain still writes that it would have a secure one.
        endpoint.start(cx, theirs, here, msrp::Role::Passive);
    });
    let body = bytes::Bytes::from(vec![b'x'; 300_000]);
    client.node.command(now, |endpoint, cx| {
        endpoint.start(cx, ours, there, msrp::Role::Active { peer: None });
        let message = msrp::Outgoing::new("text/plain".into(), body.clone());
        endpoint.send(cx, ours, message).unwrap();
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        tokio::select! {
            event = server.next() => if let msrp::Event::Received { message, .. } = event.unwrap() {
                assert_eq!(message.body, body);
                server.node.command(Instant::now(), |endpoint, cx| {
                    endpoint.accept(cx, message.receipt);
                    let back = msrp::Outgoing::new(message.content_type, message.body);
                    endpoint.send(cx, theirs, back).unwrap();
                });
            },
            event = client.next() => match event.unwrap() {
                msrp::Event::Received { message, .. } => {
                    assert_eq!(message.body, body);
                    return;
                }
                msrp::Event::Down { why, .. } => panic!("{why:?}"),
                _ => {}
            },
            () = tokio::time::sleep_until(deadline.into()) => panic!("the message did not come back"),
        }
    }
}
