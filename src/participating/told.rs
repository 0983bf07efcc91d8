//! Behind an IMS core: what it tells of where its users are registered, by the `reg` event package (RFC 3680,
//! TS 24.229 §5.7.1.1).
//!
//! A third-party REGISTER says that a user is there, and rarely with what. Whoever subscribes at the S-CSCF is told of
//! each contact with its feature tags, and of the end of the last one.

use super::{Event, Participating};
use crate::events::Outcome;
use crate::events::reg_info::{self, RegInfo, Registration, Registrations};
use crate::node::Net;
use crate::sip::msg::header::FeatureTags;
use crate::sip::msg::{Name, Request};
use crate::sip::subscription;
use crate::sip::{SubscriptionId, Target, Uri};
use crate::wire::Text;
use crate::wire::params::Params;
use std::collections::{BTreeMap, BTreeSet};

/// The subscriptions to users of the core.
#[derive(Debug, Default)]
pub(super) struct Told {
    by_user: BTreeMap<Text, (SubscriptionId, Registrations)>,
    users: BTreeMap<SubscriptionId, Text>,
}

impl Told {
    fn forget(&mut self, id: SubscriptionId) {
        if let Some(user) = self.users.remove(&id) {
            self.by_user.remove(&user);
        }
    }
}

impl Participating {
    /// The core has said that a user is there: where, and with what?
    pub(super) fn ask_core(&mut self, net: &mut Net<'_, Event>, user: &Text, core: &Uri) {
        if !self.config.watch_registrations || self.told.by_user.contains_key(user) {
            return;
        }
        let Ok(resource) = user.parse::<Uri>() else {
            return;
        };
        let own = Uri::host(&self.config.domain);
        let mut config = subscription::Config::new(resource, own.clone(), reg_info::PACKAGE);
        config.accept = vec![Text::from_static(reg_info::MEDIA_TYPE)];
        // Longer than the registration, so that its end is told.
        config.expires = self.config.max_expires.saturating_add(MARGIN);
        config.renew = true;
        let bracketed = |uri: &Uri| Text::from(format!("<{uri}>"));
        config.headers = vec![
            (Name::Route, bracketed(core)),
            (Name::PAssertedIdentity, bracketed(&own)),
        ];
        let id = (net.ends.sip).subscribe(&mut net.ends.cx, config, Target::Uri);
        let news = (id, Registrations::default());
        self.told.by_user.insert(user.clone(), news);
        self.told.users.insert(id, user.clone());
    }

    /// The user is gone: nothing more is to be told.
    pub(super) fn stop_asking(&mut self, net: &mut Net<'_, Event>, user: &str) {
        if let Some((id, _)) = self.told.by_user.get(user) {
            net.ends.sip.unsubscribe(&mut net.ends.cx, *id);
        }
    }

    /// A NOTIFY of the core.
    pub(super) fn core_tells(
        &mut self,
        net: &mut Net<'_, Event>,
        id: SubscriptionId,
        request: &Request,
    ) {
        let Some(user) = self.told.users.get(&id).cloned() else {
            return;
        };
        let Some((_, registrations)) = self.told.by_user.get_mut(&user) else {
            return;
        };
        let limits = net.ends.cx.limits;
        let Ok(document) = RegInfo::parse(request.body(), limits) else {
            return;
        };
        match registrations.apply(document, limits) {
            Outcome::Stale | Outcome::TooMany => return,
            // A part of the story is missing; what there is counts until the whole comes.
            Outcome::Missed => {
                net.ends.sip.refresh_subscription(&mut net.ends.cx, id);
            }
            Outcome::Applied => {}
        }
        let all: Vec<_> = registrations.iter().collect();
        let own: Vec<_> = (all.iter().copied())
            .filter(|one| one.aor.parse::<Uri>().is_ok_and(|aor| aor.aor() == user))
            .collect();
        // Those that are registered along with one another share their contacts (TS 24.229 §5.4.2.1.2).
        let own = if own.is_empty() { all } else { own };
        let params = features(&own);
        self.core_told(net, &user, params);
    }

    /// A subscription to a user of the core is over for good.
    pub(super) fn core_is_silent(&mut self, id: SubscriptionId) {
        self.told.forget(id);
    }

    /// What all devices of a user can do together; `None` if there is none.
    fn core_told(&mut self, net: &mut Net<'_, Event>, user: &Text, params: Option<Params>) {
        let is_of_core = |binding: &&crate::sip::bindings::Binding| !binding.path.is_empty();
        let Some(before) = self.bindings.of(user).iter().find(is_of_core).cloned() else {
            return;
        };
        let Some(params) = params else {
            self.bindings.remove(user, &before.contact);
            self.enrol(net, user, std::slice::from_ref(&before));
            let devices = self.bindings.devices(user);
            let user = user.clone();
            return net.emit(Event::Registered { user, devices });
        };
        if params == before.params {
            return;
        }
        let after = crate::sip::bindings::Binding { params, ..before };
        self.bindings.insert(user.clone(), after.clone());
        self.enrol(net, user, &[after]);
        // What waits may be for a device that has just come.
        self.returned(net, user);
    }
}

/// The feature tags of all contacts together; `None` if there are no contacts.
fn features(registrations: &[&Registration]) -> Option<Params> {
    let mut contacts = (registrations.iter())
        .flat_map(|one| &one.contacts)
        .peekable();
    contacts.peek()?;
    let mut services = BTreeSet::new();
    for contact in contacts {
        let mut params = Params::default();
        for (name, _) in &contact.params {
            if let Some(value) = contact.param(name) {
                params.set_quoted(name, value);
            }
        }
        let tags = FeatureTags::new(&params);
        services.extend(tags.icsis().map(|icsi| icsi.replace(':', "%3A")));
    }
    let mut params = Params::default();
    if !services.is_empty() {
        let services: Vec<_> = services.into_iter().collect();
        params.set_quoted("+g.3gpp.icsi-ref", &services.join(","));
    }
    Some(params)
}

/// By how much a subscription outlasts a registration.
const MARGIN: std::time::Duration = std::time::Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::super::core::tests::{CORE, Server, register};
    use crate::conversation::Service;
    use crate::sip::msg::header::FeatureTags;

    const BOB: &str = "sip:bob@example.com";

    fn line<'a>(message: &'a str, name: &str) -> &'a str {
        let prefix = format!("{name}: ");
        let found = message.lines().find_map(|line| line.strip_prefix(&*prefix));
        found.unwrap_or_else(|| panic!("no {name}: {message}"))
    }

    /// The answer of the core to a SUBSCRIBE.
    fn ok(subscribe: &str) -> String {
        format!(
            "SIP/2.0 200 OK\nVia: {}\nFrom: {}\nTo: {};tag=core\nCall-ID: {}\nCSeq: {}\n\
             Contact: <sip:scscf@10.0.0.1>\nExpires: {}\nContent-Length: 0\n\n",
            line(subscribe, "Via"),
            line(subscribe, "From"),
            line(subscribe, "To"),
            line(subscribe, "Call-ID"),
            line(subscribe, "CSeq"),
            line(subscribe, "Expires"),
        )
    }

    /// A NOTIFY that tells of contacts: for each its ICSI, if it has one.
    fn notify(subscribe: &str, version: u32, state: &str, contacts: &[&str]) -> String {
        let standing = match contacts {
            [] => "terminated",
            _ => "active",
        };
        let mut body = format!(
            "<?xml version=\"1.0\"?>\n<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" \
             version=\"{version}\" state=\"full\">\n<registration aor=\"{BOB}\" id=\"a\" \
             state=\"{standing}\">\n"
        );
        for (index, icsi) in contacts.iter().enumerate() {
            body += &format!(
                "<contact id=\"{index}\" state=\"active\" event=\"registered\">\n\
                 <uri>sip:bob@10.0.0.{index}</uri>\n"
            );
            if !icsi.is_empty() {
                body += &format!(
                    "<unknown-param name=\"+g.3gpp.icsi-ref\">\"{icsi}\"</unknown-param>\n"
                );
            }
            body += "</contact>\n";
        }
        body += "</registration>\n</reginfo>\n";
        let length = body.len() + body.matches('\n').count();
        format!(
            "NOTIFY sip:example.com@10.0.0.2 SIP/2.0\nVia: SIP/2.0/UDP {CORE};branch=z9hG4bKn{version}{state}\n\
             Max-Forwards: 70\nFrom: {};tag=core\nTo: {}\nCall-ID: {}\nCSeq: {} NOTIFY\n\
             Contact: <sip:scscf@10.0.0.1>\nEvent: reg\nSubscription-State: {state}\n\
             Content-Type: application/reginfo+xml\nContent-Length: {length}\n\n{body}",
            line(subscribe, "To"),
            line(subscribe, "From"),
            line(subscribe, "Call-ID"),
            version + 1,
        )
    }

    fn subscribe(said: &[String]) -> String {
        let found = said.iter().find(|text| text.starts_with("SUBSCRIBE "));
        found.cloned().unwrap_or_else(|| panic!("{said:?}"))
    }

    /// Whether bob has a device for chats, as far as the function knows.
    fn chats(server: &Server) -> bool {
        let bindings = server.node.role().bindings().of(BOB);
        let icsi = Service::Session.icsi();
        (bindings.iter()).any(|binding| FeatureTags::new(&binding.params).has_icsi(icsi))
    }

    #[test]
    fn ts24229_5_7_1_1_the_core_is_asked_where_its_users_are_and_with_what() {
        let mut server = Server::with(|config| config.watch_registrations = true);
        let said = server.ask(CORE, &register("bob", "r", 600));
        let asked = subscribe(&said);
        assert!(asked.starts_with("SUBSCRIBE sip:bob@example.com SIP/2.0\n"));
        assert_eq!(line(&asked, "Event"), "reg");
        assert_eq!(line(&asked, "Route"), "<sip:term@10.0.0.1;lr>");
        assert_eq!(line(&asked, "Accept"), "application/reginfo+xml");
        assert_eq!(line(&asked, "P-Asserted-Identity"), "<sip:example.com>");
        server.ask(CORE, &ok(&asked));
        assert!(chats(&server), "without news, everything");
        // One who is registered again is asked for once.
        let said = server.ask(CORE, &register("bob", "s", 600));
        assert!(!said.iter().any(|text| text.starts_with("SUBSCRIBE ")));

        let icsi = Service::Session.icsi().replace(':', "%3A");
        let active = "active;expires=600";
        for (version, contacts, expected) in [
            (0, &["", ""][..], false),
            (1, &["", &icsi], true),
            (2, &[""], false),
        ] {
            let said = server.ask(CORE, &notify(&asked, version, active, contacts));
            assert!(said[0].starts_with("SIP/2.0 200 "), "{said:?}");
            assert_eq!(chats(&server), expected, "{version}");
            assert_eq!(server.devices(BOB), 1);
        }
        // The last contact is gone, and with it the user.
        server.ask(CORE, &notify(&asked, 3, active, &[]));
        assert_eq!(server.devices(BOB), 0);
    }

    #[test]
    fn ts24229_5_7_1_1_what_the_core_ends_is_asked_for_again() {
        let mut server = Server::with(|config| config.watch_registrations = true);
        let asked = subscribe(&server.ask(CORE, &register("bob", "r", 600)));
        server.ask(CORE, &ok(&asked));
        let over = "terminated;reason=probation;retry-after=30";
        let said = server.ask(CORE, &notify(&asked, 0, over, &[""]));
        assert!(said[0].starts_with("SIP/2.0 200 "), "{said:?}");
        assert!(server.wait(29).is_empty());
        let again = subscribe(&server.wait(1));
        assert_ne!(line(&again, "Call-ID"), line(&asked, "Call-ID"));
        // Without the switch nobody is asked.
        let mut server = Server::with(|_| {});
        let said = server.ask(CORE, &register("bob", "r", 600));
        assert!(!said.iter().any(|text| text.starts_with("SUBSCRIBE ")));
    }
}
