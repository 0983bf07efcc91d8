//! What messages carry: descriptions, envelopes, notifications, and the trees that all of it is shown as.

use super::take::{TOKEN, Take};
use super::tight;
use crate::composing::{IsComposing, State};
use crate::cpim::{self, Dispositions, HeaderName, Identity};
use crate::engine::{Ids, Limits, Protocol, Seed};
use crate::imdn::{Imdn, Kind, Placement, Status};
use crate::sdp::{self, Origin, Session};
use crate::sip::msg::Mode;
use crate::trace::decode;
use crate::wire::Text;
use crate::wire::date;
use crate::wire::mime::{ContentEncoding, MediaType, Multipart, Part, TransferEncoding};
use crate::wire::xml::{Item, Reader, Writer};
use bytes::Bytes;
use std::time::Duration;

/// Any bytes as a description, read, written, offered and answered.
pub fn sdp(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let _ = Session::parse(&bytes, &tight());
    let limits = Limits::default();
    let Ok(session) = Session::parse(&bytes, &limits) else {
        return;
    };
    let written = session.write();
    assert_eq!(Session::parse(&written, &limits).as_ref(), Ok(&session));
    let _ = (session.connection(), session.attribute("path"));
    let origin = session.origin().unwrap_or_else(|| Origin {
        user: Text::from_static("-"),
        session_id: 1,
        version: 1,
        address: Text::from_static("192.0.2.1"),
    });
    let mut moved = session.clone();
    moved.set_origin(&origin.next());
    assert_eq!(moved.origin(), Some(origin.next()));
    let Ok(media) = sdp::msrp::Media::find(&session) else {
        return;
    };
    let offer = sdp::msrp::offer(&media, &origin);
    let read = Session::parse(&offer.write(), &limits).expect("what is written is read");
    let _ = sdp::msrp::Media::find(&read);
    let path = vec![Text::from_static("msrp://192.0.2.1:2855/s;tcp")];
    let local = sdp::msrp::Media::new("192.0.2.1", 2855, path);
    if let Ok(answer) = sdp::msrp::answer(&session, &local, &origin) {
        assert_eq!(answer.media.len(), session.media.len());
        assert!(Session::parse(&answer.write(), &limits).is_ok());
    }
}

/// Any bytes as an envelope, and one made of values.
pub fn cpim(bytes: &[u8]) {
    let limits = Limits::default();
    let received = Bytes::copy_from_slice(bytes);
    let _ = cpim::Message::parse(received.clone(), &tight());
    if let Ok(message) = cpim::Message::parse(received, &limits) {
        look(&message);
        let written = message.write();
        assert_eq!(
            cpim::Message::parse(written, &limits).as_ref(),
            Ok(&message)
        );
        let mut edited = message;
        edited.set(HeaderName::SUBJECT, "a\r\nb");
        edited.set_identities(HeaderName::FROM, &[Identity::ANONYMOUS]);
        edited.prepend_identity(HeaderName::IMDN_RECORD_ROUTE, &Identity::ANONYMOUS);
        edited.remove(HeaderName::DATE_TIME);
        look(&edited);
        let read = cpim::Message::parse(edited.write(), &unbounded());
        let read = read.expect("what is written is read");
        assert_eq!(read.from(), Some(Identity::ANONYMOUS));
        assert_eq!(read.subject(None).as_deref(), Some("a\r\nb"));
        assert_eq!(read.date_time(), None);
        edited.set_content("text/plain", Bytes::from_static(b"x"));
        let read = cpim::Message::parse(edited.write(), &unbounded());
        assert_eq!(read.expect("what is written is read").body(), "x");
    }

    let mut take = Take::new(bytes);
    let from = Identity::new(format!("sip:{}", take.word(TOKEN))).with_display(take.line());
    let (subject, id) = (take.text(), take.word(TOKEN));
    let (prefix, namespace) = (take.word(b"abc"), take.word(b"abc:"));
    let extension = HeaderName::new(&prefix, &namespace, "Any");
    let built = cpim::Message::builder(&from, &Identity::ANONYMOUS)
        .subject(&subject, None)
        .notify(&id, Dispositions::DISPLAY)
        .header(extension, &subject)
        .content_header("X-Any", &take.text())
        .content("text/plain", take.bytes());
    let read = cpim::Message::parse(built.write(), &unbounded()).expect("what is written is read");
    assert_eq!(read, built);
    assert_eq!(read.message_id().as_deref(), Some(id.as_str()));
    assert_eq!(read.subject(None).as_deref(), Some(subject.as_str()));
    assert_eq!(read.text(extension).as_deref(), Some(subject.as_str()));
}

fn unbounded() -> Limits {
    Limits {
        cpim_head: usize::MAX,
        cpim_headers: usize::MAX,
        ..Limits::default()
    }
}

fn look(message: &cpim::Message) {
    let limits = Limits::default();
    let parties = [message.from(), message.original_to()]
        .into_iter()
        .flatten();
    for party in parties
        .chain(message.to())
        .chain(message.cc())
        .chain(message.route())
        .chain(message.record_route())
    {
        let again = Identity::parse(&Text::from(party.to_string()));
        assert_eq!(again.as_ref(), Some(&party));
    }
    for header in message.headers() {
        let _ = (header.text(), header.language());
    }
    let _ = (message.date_time(), message.dispositions());
    let _ = (message.require().count(), message.payload_type());
    let _ = message.content_disposition();
    let _ = message.content_headers().count();
    if let Ok(body) = message.decoded_body(&limits) {
        assert!(body.len() <= limits.inflated.max(message.body().len()));
    }
    let _ = Imdn::of(message, &limits);
}

/// Any bytes as a disposition notification, and one made of values.
pub fn imdn(bytes: &[u8]) {
    let limits = Limits::default();
    let _ = Imdn::parse(bytes, &tight());
    if let Ok(imdn) = Imdn::parse(bytes, &limits) {
        assert_eq!(Imdn::parse(&imdn.write(), &unlimited()), Ok(imdn));
    }
    let mut take = Take::new(bytes);
    let at = date::parse("2026-01-01T10:00:00+01:00");
    let mut imdn = Imdn::new(
        take.line(),
        at.filter(|_| take.flag()),
        take.one_of(&[
            Kind::Delivery,
            Kind::Display,
            Kind::Processing,
            Kind::Interworking,
        ]),
        take.one_of(&[
            Status::Delivered,
            Status::Failed,
            Status::Displayed,
            Status::Processed,
            Status::Stored,
            Status::Forbidden,
            Status::Error,
            Status::LegacySms,
            Status::LegacyMms,
        ]),
    );
    imdn.recipient_uri = take.maybe(Take::line);
    imdn.original_recipient_uri = take.maybe(Take::line);
    imdn.subject = take.maybe(Take::line);
    for placement in [Placement::Outer, Placement::Inner] {
        let written = imdn.write_with(placement);
        assert_eq!(Imdn::parse(&written, &unlimited()).as_ref(), Ok(&imdn));
    }
}

fn unlimited() -> Limits {
    Limits {
        xml_size: usize::MAX,
        ..Limits::default()
    }
}

/// Any bytes as an indication of composing, and one made of values.
pub fn composing(bytes: &[u8]) {
    let _ = IsComposing::parse(bytes, &tight());
    if let Ok(read) = IsComposing::parse(bytes, &Limits::default()) {
        assert_eq!(IsComposing::parse(&read.write(), &unlimited()), Ok(read));
    }
    let mut take = Take::new(bytes);
    let mut made = IsComposing::new(take.one_of(&[State::Active, State::Idle]));
    made.content_type = take.maybe(Take::line);
    made.refresh = take.maybe(|take| Duration::from_secs(take.number()));
    made.last_active = date::parse(&take.text());
    assert_eq!(IsComposing::parse(&made.write(), &unlimited()), Ok(made));
}

/// Any bytes as a multipart body: a media type in the first line, the body after it.
pub fn multipart(bytes: &[u8]) {
    let received = Bytes::copy_from_slice(bytes);
    let line = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    let content_type = Text::from_utf8_lossy(received.slice(..line));
    let body = received.slice((line + 1).min(bytes.len())..);
    if let Ok(content_type) = MediaType::parse(&content_type) {
        let _ = (content_type.essence(), content_type.mime());
        let _ = content_type.matches("multipart/*");
        for limits in [Limits::default(), tight()] {
            if let Ok(leaves) = Multipart::leaves(&content_type, &body, &limits) {
                assert!(leaves.len() <= limits.parts.max(1));
                leaves.iter().for_each(|part| open(part, &limits));
            }
            if let Ok(whole) = Multipart::parse(&content_type, &body, &limits) {
                assert!(whole.parts().len() <= limits.parts);
                let size: usize = whole.parts().iter().map(|part| part.body().len()).sum();
                assert!(size <= body.len(), "no byte is in two parts");
                let again = Multipart::parse(&content_type, &whole.write(), &Limits::default());
                assert_eq!(again.expect("what is written is read"), whole);
            }
        }
    }
    for encoding in [TransferEncoding::Base64, TransferEncoding::QuotedPrintable] {
        if let Ok(decoded) = encoding.decode(&received) {
            assert!(decoded.len() <= received.len());
        }
    }
    let limits = tight();
    if let Ok(inflated) = ContentEncoding::Deflate.decode(&received, &limits) {
        assert!(inflated.len() <= limits.inflated);
        assert!(inflated.len() <= (received.len() * limits.inflate_ratio).max(16 * 1024));
    }

    let mut take = Take::new(bytes);
    let mut ids = Ids::new(Seed::from_number(take.number()));
    let parts: Vec<_> = (0..=take.below(4))
        .map(|_| Part::new("text/plain", take.bytes()).with("X-Any", &take.text()))
        .collect();
    let made = Multipart::new("mixed", &mut ids, parts);
    let read = Multipart::parse(made.content_type(), &made.write(), &Limits::default());
    let read = read.expect("what is written is read");
    let bodies = |whole: &Multipart| -> Vec<Bytes> {
        (whole.parts().iter())
            .map(|part| part.body().clone())
            .collect()
    };
    assert_eq!(bodies(&read), bodies(&made));
}

fn open(part: &Part, limits: &Limits) {
    let _ = (part.content_type(), part.content_id(), part.disposition());
    if let Ok(body) = part.decoded_body(limits) {
        assert!(body.len() <= limits.inflated.max(part.body().len()));
    }
}

/// Any bytes as a document, and any text in one.
pub fn xml(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for limits in [Limits::default(), tight()] {
        let Ok(mut reader) = Reader::new(&text, &limits) else {
            continue;
        };
        let (mut depth, mut size) = (0_usize, 0);
        while let Ok(Some(item)) = reader.next() {
            match item {
                Item::Start(element) => {
                    depth += 1;
                    assert!(element.attributes.len() <= limits.xml_attributes);
                    let _ = element.attribute("a");
                }
                Item::End => depth = depth.checked_sub(1).expect("an end has a start"),
                Item::Text(text) => size += text.len(),
            }
            assert!(depth <= limits.xml_depth);
        }
        assert!(size <= text.len(), "no entity makes more of the text");
    }
    if let Ok(mut reader) = Reader::new(&text, &tight()) {
        while let Ok(Some(_)) = reader.child() {
            let _ = reader.text();
        }
    }

    let kept: String = (text.chars())
        .filter(|char| matches!(char, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..))
        .collect();
    let mut writer = Writer::new();
    writer.start("a", &[("b", &text)]).text(&text);
    let written = writer.finish();
    let written = std::str::from_utf8(&written).expect("text");
    let limits = Limits {
        xml_size: usize::MAX,
        ..Limits::default()
    };
    let mut reader = Reader::new(written, &limits).expect("no limit");
    let root = reader.child().expect("well-formed").expect("a root");
    assert_eq!(root.attribute("b"), Some(kept.as_str()));
    assert_eq!(reader.text().as_deref(), Ok(kept.as_str()));
}

/// Any bytes as whatever they look like, and as everything that there is.
pub fn inspect(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    let limits = Limits::default();
    for mode in [Mode::Receive, Mode::Strict] {
        let shown = decode::document(bytes.clone(), None, mode, &limits);
        let text = shown.node.to_text();
        assert!(!text.contains('\u{1b}'), "no escape reaches the terminal");
        let _ = shown.node.to_json();
    }
    for kind in decode::Kind::ALL {
        let _ = decode::document(bytes.clone(), Some(kind), Mode::Receive, &tight());
    }
    for protocol in [Protocol::Sip, Protocol::Msrp] {
        let _ = decode::message(protocol, &bytes, &limits).to_text();
    }
}
