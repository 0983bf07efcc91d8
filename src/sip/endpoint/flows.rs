//! Several ways to one place: the flows of a device, and our own flows to the network (RFC 5626 §4.3, §5.3).

use super::sending::User;
use super::transport::Hop;
use super::{Endpoint, HERE, Target, Way};
use crate::engine::{Cx, Key};
use crate::sip::msg::header::{Contact, From, NameAddr, Route, To};
use crate::sip::msg::{Header as _, Headers, Name, Request, Uri};
use crate::wire::host::Host;
use std::collections::VecDeque;

/// What else a request can be sent by.
#[derive(Debug, Default)]
pub(super) struct Detour {
    /// Other ways to the device that it is for.
    ways: VecDeque<Way>,
    /// The registrations of ours by whose flows it was sent.
    tried: Vec<Key>,
}

/// A request by the first way of its target, and the others.
pub(super) fn first_way(
    mut request: Request,
    target: Target,
) -> (Request, Target, Option<Box<Detour>>) {
    let Target::Ways(ways) = target else {
        return (request, target, None);
    };
    let mut ways = VecDeque::from(ways);
    let Some(first) = ways.pop_front() else {
        return (request, Target::Uri, None);
    };
    let target = turn(&mut request, first);
    let detour = Detour {
        ways,
        tried: Vec::new(),
    };
    (request, target, Some(Box::new(detour)))
}

/// Turns a request to another way.
fn turn(request: &mut Request, way: Way) -> Target {
    request.set_uri(&way.uri);
    request.headers_mut().remove(&Name::Route);
    for hop in way.route {
        request.headers_mut().push(&Route(NameAddr::new(hop)));
    }
    way.flow.map_or(Target::Uri, Target::Flow)
}

impl Endpoint {
    /// Sends a request by another way, if there is one: in a new transaction with the next number. What came of it
    /// before counts no more.
    pub(super) fn another_way(&mut self, cx: &mut Cx<'_>, key: Key) -> bool {
        let Some(sending) = self.sendings.get_mut(key) else {
            return false;
        };
        let way = (sending.detour.as_mut()).and_then(|detour| detour.ways.pop_front());
        let target = match way {
            Some(way) => turn(&mut sending.request, way),
            None if self.other_flow(key) => Target::Uri,
            None => return false,
        };
        let Some(sending) = self.sendings.get_mut(key) else {
            return false;
        };
        sending.target = target.clone();
        sending.last = None;
        if let User::Invite(call) = sending.user
            && let Some(call) = self.calls.get_mut(call)
        {
            call.target = target;
        }
        self.renumber(key);
        self.dispatch(cx, key);
        true
    }

    /// Turns a request of a user of ours, who has registered over several flows, from one that fails to another. `false`
    /// if it is not one, or none is left.
    fn other_flow(&mut self, key: Key) -> bool {
        let proxy = self.config.outbound_proxy.as_ref();
        let Some(sending) = self.sendings.get(key) else {
            return false;
        };
        let is_fit = sending.target == Target::Uri
            && !sending.user.is_in_dialog()
            && !matches!(sending.user, User::Registration(_) | User::Ack(_));
        let headers = sending.request.headers();
        let (true, Ok(from)) = (is_fit, headers.get::<From>()) else {
            return false;
        };
        let from = from.uri.aor();
        let own = || (self.registrations.iter()).filter(|(_, own)| own.config.edge.is_some());
        // By whose Route it went, whether that registration stands still or not.
        let Some((used, _)) =
            own().find(|(_, own)| routes(headers) == written(&own.preloaded(proxy)))
        else {
            return false;
        };
        let tried = (sending.detour.as_ref()).map_or(&[][..], |detour| &detour.tried);
        let other = own()
            .find(|(other, own)| *other != used && !tried.contains(other) && own.speaks_for(&from));
        let Some((_, other)) = other else {
            return false;
        };
        let route = other.preloaded(proxy);
        if let Some(sending) = self.sendings.get_mut(key) {
            sending.detour.get_or_insert_default().tried.push(used);
            let headers = sending.request.headers_mut();
            headers.remove(&Name::Route);
            for hop in route {
                headers.push(&hop);
            }
        }
        true
    }

    /// Makes of a Contact whose address is left to us what our registration allows: the GRUU of this device
    /// (RFC 5627 §4.4), or an address that wants requests over the same flow (`ob`, RFC 5626 §4.3). `who` names the
    /// header with our own address.
    pub(super) fn dress_contact(&self, headers: &mut Headers, hop: &Hop, who: &Name) {
        if self.registrations.is_empty()
            || !(headers.texts(&Name::Contact)).any(|contact| contact.contains(HERE))
        {
            return;
        }
        let own = match who {
            Name::To => headers.get::<To>().map(|to| to.0.uri),
            _ => headers.get::<From>().map(|from| from.0.uri),
        };
        let Ok(own) = own.map(|own| own.aor()) else {
            return;
        };
        let mut all = self.registrations.iter().map(|(_, own)| own);
        let Some(registration) = all.find(|registration| {
            let is_flow = registration.flow.is_some_and(|flow| flow.is_beside(hop));
            registration.speaks_for(&own) && (is_flow || registration.own_gruu().is_some())
        }) else {
            return;
        };
        let gruu = registration.own_gruu();
        if gruu.is_none() && !registration.is_outbound {
            return;
        }
        let contacts: Vec<_> = headers.all::<Contact>().filter_map(Result::ok).collect();
        headers.remove(&Name::Contact);
        for mut contact in contacts {
            if let Contact::Address(address) = &mut contact
                && let Uri::Sip(uri) = &mut address.uri
                && matches!(&uri.host.host, Host::Name(name) if name.eq_ignore_ascii_case(HERE))
            {
                match gruu {
                    Some(gruu) => address.uri = gruu.clone(),
                    None => uri.set_param("ob", None),
                }
            }
            headers.push(&contact);
        }
    }
}

/// The Route of a message as it is written.
fn routes(headers: &Headers) -> Vec<String> {
    let all: Vec<_> = headers.all::<Route>().filter_map(Result::ok).collect();
    written(&all)
}

fn written(route: &[Route]) -> Vec<String> {
    (route.iter())
        .map(|hop| {
            let mut text = String::new();
            hop.write(&mut text);
            text
        })
        .collect()
}
