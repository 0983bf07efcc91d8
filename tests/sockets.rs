//! Conversations over real sockets on loopback.

#[path = "../examples/demo/script.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the demo")]
mod script;
#[path = "../examples/demo/stage.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the demo")]
mod stage;

use cpm::client::{Client, Config, Event};
use cpm::conversation::Status;
use cpm::driver::{self, Driver, Tls};
use cpm::engine::Protocol;
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

async fn chat(is_web: bool) {
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = certificate.cert.pem();
    let tls = Tls::default()
        .identity(
            pem.as_bytes(),
            certificate.signing_key.serialize_pem().as_bytes(),
        )
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
            let web = server.listen_web(loopback, Some(&tls)).await.unwrap();
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
        net.set_tls(&Tls::default().trust(pem.as_bytes()).unwrap());
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
