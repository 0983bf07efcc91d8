//! Changing a message. Every change writes the headers anew, as RFC 3862 asks; the content is not touched.

use super::fields::Fields;
use super::index::narrow;
use super::message::{bindings, namespace, unfold};
use super::name::same_namespace;
use super::{HeaderName, Identity, Message, escape};
use crate::wire::Text;
use bytes::Bytes;

/// The headers of a message while they are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) text: String,
    pub(super) fields: Fields,
}

impl Head {
    /// Adds a header of the message whose value is ready to be written.
    pub(super) fn push(&mut self, spelled: &str, params: &str, value: &str) {
        self.line(spelled, params, value, false);
    }

    /// Adds a header of the content.
    pub(super) fn push_content(&mut self, name: &str, value: &str) {
        self.line(name, "", value, true);
    }

    /// Ends a block of headers.
    pub(super) fn end_block(&mut self) {
        self.text.push_str("\r\n");
    }

    /// How `name` is to be spelled here, after its namespace was declared if need be.
    pub(super) fn spell(&mut self, name: HeaderName<'_>) -> String {
        let bound = |prefix: &str| namespace(&self.text, &self.fields, prefix);
        let is_bound = |prefix: &str| match bound(prefix) {
            Some(uri) => same_namespace(uri, name.namespace),
            None => prefix.is_empty() && name.namespace == HeaderName::NS_CORE,
        };
        let mut prefix = name.prefix;
        if !is_bound(prefix) {
            let other = bindings(&self.text, &self.fields)
                .map(|(prefix, _)| prefix)
                .find(|prefix| is_bound(prefix))
                .map(str::to_owned);
            match other {
                Some(other) => return qualified(&other, name.name),
                None => {
                    prefix = name.prefix;
                    let space = if prefix.is_empty() { "" } else { " " };
                    let uri = Identity::new(name.namespace);
                    self.push("NS", "", &format!("{prefix}{space}{uri}"));
                }
            }
        }
        qualified(prefix, name.name)
    }

    fn line(&mut self, name: &str, params: &str, value: &str, content: bool) {
        let start = self.text.len();
        self.text.extend(
            name.chars()
                .filter(|char| char.is_ascii_graphic() && *char != ':'),
        );
        let name = (narrow(start), narrow(self.text.len()));
        self.text.push(':');
        let start = self.text.len();
        self.text.push_str(params);
        self.text.push(' ');
        // The span of a value begins with the parameters, if there are any.
        let start = if params.is_empty() {
            self.text.len()
        } else {
            start
        };
        let breaks = |char: char| if char.is_control() { ' ' } else { char };
        self.text
            .extend(value.trim_matches(' ').chars().map(breaks));
        let value = (narrow(start), narrow(self.text.len()));
        self.fields.push(name, value, content);
        self.text.push_str("\r\n");
    }
}

fn qualified(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

/// What happens to the headers of the name that is edited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Old {
    Keep,
    Drop,
}

impl Message {
    /// Puts one header with a text in the place of all of that name, or adds it.
    pub fn set(&mut self, name: HeaderName<'_>, text: &str) {
        self.edit(name, &[escaped(text)], Old::Drop);
    }

    /// Puts `parties` in the place of all headers of that name, or adds them.
    pub fn set_identities(&mut self, name: HeaderName<'_>, parties: &[Identity]) {
        let values: Vec<_> = parties.iter().map(Identity::to_string).collect();
        self.edit(name, &values, Old::Drop);
    }

    /// Adds a header that names a party before all others of that name, as an intermediary does with its
    /// `IMDN-Record-Route` (RFC 5438 §6.5).
    pub fn prepend_identity(&mut self, name: HeaderName<'_>, party: &Identity) {
        self.edit(name, &[party.to_string()], Old::Keep);
    }

    /// Removes all headers of that name.
    pub fn remove(&mut self, name: HeaderName<'_>) {
        self.edit(name, &[], Old::Drop);
    }

    /// Puts another content in the place of the one there is, with its headers.
    pub fn set_content(&mut self, content_type: &str, body: impl Into<Bytes>) {
        let mut head = Head::default();
        for header in self.headers() {
            head.push(header.spelled, header.params, &unfold(header.value));
        }
        head.end_block();
        head.push_content("Content-Type", content_type);
        head.end_block();
        self.body = body.into();
        self.put(head);
    }

    fn edit(&mut self, name: HeaderName<'_>, values: &[String], old: Old) {
        let mut head = Head::default();
        let mut pending = Some(values);
        for header in self.headers() {
            let each = HeaderName::new("", header.namespace, header.name);
            if each == name {
                for value in pending.take().unwrap_or_default() {
                    head.push(header.spelled, "", value);
                }
                if old == Old::Drop {
                    continue;
                }
            }
            head.push(header.spelled, header.params, &unfold(header.value));
        }
        if let Some(values @ [_, ..]) = pending {
            let spelled = head.spell(name);
            for value in values {
                head.push(&spelled, "", value);
            }
        }
        head.end_block();
        for (name, value) in self.content_headers() {
            head.push_content(name, &unfold(value));
        }
        head.end_block();
        self.put(head);
    }

    fn put(&mut self, head: Head) {
        self.head = Text::from(head.text);
        self.fields = head.fields;
        self.whole = None;
    }
}

/// A text as the value of a header. Spaces at its ends would be lost, so they are escaped too.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let inner = text.trim_matches(' ');
    let first = text.len() - text.trim_start_matches(' ').len();
    let last = text.len() - first - inner.len();
    let space = |out: &mut String, count| (0..count).for_each(|_| out.push_str("\\u0020"));
    space(&mut out, first);
    escape::write(&mut out, inner);
    space(&mut out, last);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Limits;

    const RECEIVED: &str = "From:<sip:eve@example.com>\nNS: i<urn:ietf:params:imdn>\n\
                            i.Message-ID:  1\nSubject:;lang=fr Bonjour\n\nContent-Type: text/plain\n\nhi";

    fn received() -> Message {
        Message::parse(Bytes::from(RECEIVED), &Limits::default()).unwrap()
    }

    fn written(message: &Message) -> String {
        let bytes = message.write();
        let again = Message::parse(bytes.clone(), &Limits::default()).unwrap();
        assert_eq!(&again, message, "the index of what was written is right");
        assert!(again.headers().eq(message.headers()));
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn an_edit_makes_the_whole_head_strict() {
        let mut message = received();
        let asserted = Identity::new("sip:alice@example.com").with_display("Alice");
        message.set_identities(HeaderName::FROM, &[asserted]);
        assert_eq!(
            written(&message),
            "From: \"Alice\" <sip:alice@example.com>\r\nNS: i<urn:ietf:params:imdn>\r\n\
             i.Message-ID: 1\r\nSubject:;lang=fr Bonjour\r\n\r\nContent-Type: text/plain\r\n\r\nhi"
        );
    }

    #[test]
    fn a_name_is_spelled_with_the_prefix_in_scope() {
        let mut message = received();
        message.set(HeaderName::MESSAGE_ID, "2");
        message.set(HeaderName::ORIGINAL_TO, "<tel:+1>");
        message.set(HeaderName::SENSITIVITY, "Private");
        assert_eq!(
            written(&message),
            "From: <sip:eve@example.com>\r\nNS: i<urn:ietf:params:imdn>\r\ni.Message-ID: 2\r\n\
             Subject:;lang=fr Bonjour\r\ni.Original-To: <tel:+1>\r\n\
             NS: cpm <http://www.openmobilealliance.org/cpm/>\r\ncpm.Sensitivity: Private\r\n\
             \r\nContent-Type: text/plain\r\n\r\nhi"
        );
        assert_eq!(message.text(HeaderName::SENSITIVITY).unwrap(), "Private");
    }

    #[test]
    fn the_last_hop_stands_first() {
        let mut message = received();
        for uri in ["sip:first@example.com", "sip:second@example.com"] {
            message.prepend_identity(HeaderName::IMDN_RECORD_ROUTE, &Identity::new(uri));
        }
        let route: Vec<_> = message.record_route().map(|hop| hop.uri).collect();
        assert_eq!(route, ["sip:second@example.com", "sip:first@example.com"]);
        message.remove(HeaderName::IMDN_RECORD_ROUTE);
        message.remove(HeaderName::IMDN_ROUTE);
        assert_eq!(message.record_route().count(), 0);
        written(&message);
    }

    #[test]
    fn a_value_cannot_add_a_header() {
        let mut message = received();
        message.set(HeaderName::SUBJECT, "a\r\nTo: <sip:x@y>\r\n\r\nb");
        assert_eq!(message.to().count(), 0);
        assert_eq!(
            message.subject(None).unwrap(),
            "a\r\nTo: <sip:x@y>\r\n\r\nb"
        );
        message.set_content("text/plain\r\nX: y", "\r\nnew");
        assert_eq!(message.content_headers().count(), 1);
        assert_eq!(message.body(), "\r\nnew");
        written(&message);
    }

    #[test]
    fn the_default_namespace_is_given_back() {
        let text = "From: <a:b>\r\nNS: <urn:other>\r\nSubject: not ours\r\n\r\n\r\nhi";
        let mut message = Message::parse(Bytes::from(text), &Limits::default()).unwrap();
        assert_eq!(message.subject(None), None);
        message.set(HeaderName::SUBJECT, "ours");
        assert_eq!(message.subject(None).unwrap(), "ours");
        assert_eq!(
            written(&message),
            "From: <a:b>\r\nNS: <urn:other>\r\nSubject: not ours\r\n\
             NS: <urn:ietf:params:cpim-headers:>\r\nSubject: ours\r\n\r\n\r\nhi"
        );
    }
}
