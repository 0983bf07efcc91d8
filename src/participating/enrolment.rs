//! Devices that are registered, in a form that outlives the process.
//!
//! A device that registers over a connection notices that its server died, and registers again. One that
//! registers over UDP notices nothing until its next refresh; so that it is not cut off meanwhile, a
//! function that starts again knows where it was.

use super::{Enrolment, Event, Participating};
use crate::engine::{Clock, Limits, Transport};
use crate::node::Net;
use crate::sip::Source;
use crate::sip::bindings::Binding;
use crate::sip::msg::header::{CSeq, CallId, Contact, NameAddr, Path, To, UserAgent};
use crate::sip::msg::{Message, Method, Name, Request};
use crate::wire::Text;
use bytes::Bytes;

impl Participating {
    /// Lets the store know where a user's devices are, if there is one that a restart would lose.
    pub(super) fn enrol(&self, net: &mut Net<'_, Event>, user: &Text, changed: &[Binding]) {
        if !changed.iter().any(is_lasting) {
            return;
        }
        let lasting = self
            .bindings
            .of(user)
            .iter()
            .filter(|binding| is_lasting(binding));
        let devices = lasting.map(|binding| Enrolment {
            user: user.clone(),
            register: write(user, binding),
            transport: binding.source.transport,
            local: binding.source.local,
            peer: binding.source.peer,
            expires: net.ends.cx.clock.wall(binding.expires_at),
        });
        let devices = devices.collect();
        net.emit(Event::Enrolled {
            user: user.clone(),
            devices,
        });
    }

    /// Knows a device again.
    pub(super) fn recall(&mut self, enrolment: Enrolment, clock: &Clock) {
        let source = Source {
            transport: enrolment.transport,
            local: enrolment.local,
            peer: enrolment.peer,
            conn: None,
        };
        let read = read(enrolment.register, source, clock);
        if let (Some(mut binding), Some(at)) = (read, clock.instant(enrolment.expires)) {
            binding.expires_at = at;
            self.bindings.insert(enrolment.user, binding);
        }
    }
}

/// Whether a device can be found again without its connection.
fn is_lasting(binding: &Binding) -> bool {
    binding.source.transport == Transport::Udp
}

/// A device as the REGISTER that would make it.
fn write(user: &Text, binding: &Binding) -> Bytes {
    let aor = user.parse().unwrap_or_else(|_| binding.contact.clone());
    let mut request = Request::new(Method::Register, &aor);
    let headers = request.headers_mut();
    headers.push(&To(NameAddr::new(aor)));
    headers.push(&CallId(binding.call_id.clone()));
    headers.push(&CSeq {
        number: binding.cseq,
        method: Method::Register,
    });
    let mut contact = NameAddr::new(binding.contact.clone());
    contact.display.clone_from(&binding.display);
    contact.params = binding.params.clone();
    headers.push(&Contact::Address(contact));
    for hop in &binding.path {
        // It was read from a header field, and is fit for one.
        let _ = headers.push_text(Name::Path, &format!("<{hop}>"));
    }
    if let Some(agent) = &binding.user_agent {
        headers.push(&UserAgent(agent.clone()));
    }
    request.write()
}

/// The inverse of [`write`], but for the time.
fn read(register: Bytes, source: Source, clock: &Clock) -> Option<Binding> {
    let Message::Request(request) = Message::parse(register, &Limits::default()).ok()? else {
        return None;
    };
    let headers = request.headers();
    let contact = headers.get::<Contact>().ok()?;
    let address = contact.address()?;
    let cseq = headers.get::<CSeq>().ok()?;
    let path = headers.all::<Path>();
    let path = path
        .filter_map(Result::ok)
        .map(|hop| Text::from(hop.0.uri.to_string()));
    let agent = headers.find::<UserAgent>().ok().flatten();
    Some(Binding {
        contact: address.uri.compact(),
        display: address.display.as_ref().map(Text::compact),
        params: address.params.compact(),
        instance: contact.features().instance().map(Text::from),
        reg_id: contact
            .params()
            .value("reg-id")
            .and_then(|id| id.parse().ok()),
        q: contact.q(),
        path: path.collect(),
        user_agent: agent.map(|agent| agent.0.compact()),
        call_id: headers.get::<CallId>().ok()?.0.compact(),
        cseq: cseq.number,
        source,
        has_flow: true,
        registered_at: clock.start(),
        expires_at: clock.start(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::DateTime;
    use crate::sip::Uri;
    use std::time::Instant;

    #[test]
    fn a_device_is_the_same_after_a_restart() {
        let wall = DateTime::parse_from_rfc3339("2026-01-01T10:00:00Z").unwrap();
        let clock = Clock::new(Instant::now(), wall);
        let params = Text::from(";+sip.instance=\"<urn:uuid:1>\";reg-id=1;q=0.5");
        let source = Source {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            peer: "198.51.100.7:40000".parse().unwrap(),
            conn: None,
        };
        let binding = Binding {
            contact: "sip:bob@10.0.0.9:5062".parse().unwrap(),
            display: Some("bob's phone".into()),
            params: crate::wire::params::Params::parse(&params).unwrap(),
            instance: Some("urn:uuid:1".into()),
            reg_id: Some(1),
            q: 500,
            path: vec!["sip:edge.example.com;lr".into()],
            user_agent: Some("phone/1".into()),
            call_id: "c1".into(),
            cseq: 7,
            source,
            has_flow: true,
            registered_at: clock.start(),
            expires_at: clock.start(),
        };
        let written = write(&Text::from("sip:bob@example.com"), &binding);
        assert_eq!(read(written, source, &clock), Some(binding));
        assert_eq!(read(Bytes::from_static(b"nonsense"), source, &clock), None);
    }

    #[test]
    fn an_address_of_record_is_a_uri() {
        let uri: Uri = "sip:bob@example.com".parse().unwrap();
        assert_eq!(uri.aor().parse::<Uri>().unwrap(), uri);
    }
}
