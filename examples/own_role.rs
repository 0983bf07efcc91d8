//! A role of one's own: an application that answers every message and every chat with what was said.
//!
//! `cargo run --example own_role -- sip:echo@example.com PASSWORD 127.0.0.1:5060`, beside the example `server`
//! with `--user echo:PASSWORD`.

#[path = "common/mod.rs"]
mod common;

use common::{address, wrong};
use cpm::conversation::{
    Contact, Content, Destination, Envelope, Event, Identity, LegId, Message, Parcel, Service,
    Terms,
};
use cpm::cpim::{self, Dispositions};
use cpm::driver::{self, Driver};
use cpm::node::{self, Net, Node, Role};
use cpm::sdp::msrp::Setup;
use cpm::sip::{self, Credentials, Uri, register};
use std::collections::HashMap;
use std::time::Instant;

/// What it says to whoever runs it: who said what.
type Said = (Uri, String);

struct Echo {
    user: Uri,
    peers: HashMap<LegId, Uri>,
}

impl Echo {
    /// The answer to `parcel`, if somebody said something in it.
    fn answer(&self, net: &mut Net<'_, Said>, to: &Uri, parcel: &Parcel) -> Option<Parcel> {
        let cx = &mut net.ends.cx;
        let Content::Text(text) = Message::read(parcel, cx.limits).ok()?.content else {
            return None;
        };
        let [from, to_whom] = [&self.user, to].map(|uri| cpim::Identity::new(uri.to_string()));
        let answer = cpim::Message::builder(&from, &to_whom)
            .date_time(cx.wall())
            .notify(&cx.ids.message_id(), Dispositions::NONE)
            .content("text/plain;charset=UTF-8", text.to_string());
        net.emit((to.clone(), text.to_string()));
        Some(Parcel::new(cpim::MEDIA_TYPE.into(), answer.write()))
    }
}

impl Role for Echo {
    type Event = Said;

    fn handle_leg(&mut self, net: &mut Net<'_, Said>, event: Event) {
        match event {
            Event::Invited { leg, envelope, .. } => {
                self.peers.insert(leg, envelope.sender().clone());
                net.legs
                    .accept(&mut net.ends, leg, Terms::chat(Setup::Active));
            }
            Event::Received {
                leg,
                parcel,
                custody,
            } => {
                net.legs.take(&mut net.ends, custody);
                let answer = self
                    .peers
                    .get(&leg)
                    .and_then(|peer| self.answer(net, peer, &parcel));
                if let Some(answer) = answer {
                    // Where a leg is gone there is nobody to answer.
                    let _ = net.legs.send(&mut net.ends, leg, answer);
                }
            }
            Event::Ended { leg, .. } => drop(self.peers.remove(&leg)),
            Event::Paged {
                envelope,
                parcel,
                custody,
                ..
            } => {
                net.legs.take(&mut net.ends, custody);
                let sender = envelope.sender().clone();
                if let Some(answer) = self.answer(net, &sender, &parcel) {
                    let mut back = Envelope::new(self.user.clone(), sender.clone(), Service::Pager);
                    back.identity = Identity::Preferred(self.user.clone());
                    back.thread = envelope.thread;
                    net.legs
                        .page(&mut net.ends, Destination::uri(sender), &back, answer);
                }
            }
            _ => {}
        }
    }

    fn handle_sip(&mut self, net: &mut Net<'_, Said>, event: sip::Event) {
        match event {
            sip::Event::Request { id, request, .. } => net.ends.decline(id, &request),
            sip::Event::Registered { .. } => eprintln!("own_role: registered"),
            _ => {}
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words = std::env::args().skip(1).collect::<Vec<_>>();
    let [user, password, server] = words.as_slice() else {
        println!("Usage: own_role sip:NAME@DOMAIN PASSWORD HOST:PORT");
        let asked = words.iter().any(|word| word == "-h" || word == "--help");
        std::process::exit(if asked { 0 } else { 2 })
    };
    let user: Uri = user
        .parse()
        .unwrap_or_else(|error| wrong(ME, format_args!("{user}: {error}")));
    let server = address(ME, "HOST:PORT", server);
    let name = user.user().ok_or("the user has no name")?;
    let mut config = node::Config::new(driver::clock(), driver::seed());
    config.sip.outbound_proxy = Some(format!("sip:{server};transport=tcp").parse()?);
    config.sip.credentials = Some(Credentials::new(name.clone(), password.as_str()));
    let echo = Echo {
        user: user.clone(),
        peers: HashMap::new(),
    };
    let mut net = Driver::new(Node::new(config, |_| echo));

    let contact = Contact {
        user: Some(name),
        ..Contact::default()
    };
    let domain = Uri::host(&user.domain().ok_or("the user has no domain")?);
    let mut registration = register::Config::new(user, domain);
    registration.params = contact.params(&[Service::Pager, Service::Session]);
    net.node.set_contact(contact);
    net.node.command(Instant::now(), |_, net| {
        net.ends.sip.register(&mut net.ends.cx, registration)
    });
    loop {
        let (who, what) = net.next().await?;
        println!("{who}: {what}");
    }
}

const ME: &str = "own_role";
