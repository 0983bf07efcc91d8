//! RFC 5438: disposition notifications.

use bytes::Bytes;
use cpm::cpim::{Dispositions, HeaderName, Identity, Message};
use cpm::engine::{Ids, Limits, Seed};
use cpm::imdn::{Imdn, Kind, ParseError, Placement, Status};
use cpm::wire::date;
use cpm::wire::mime::{EncodingError, MediaType, Multipart, Part};
use cpm::wire::xml;
use std::io::Write;

const DELIVERED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
    <imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>MnA1</message-id>\
    <datetime>2026-01-01T09:00:00Z</datetime><delivery-notification><status><delivered/></status>\
    </delivery-notification></imdn>";

fn limits() -> Limits {
    Limits::default()
}

fn media_type(text: &str) -> MediaType {
    text.parse().unwrap()
}

/// What a sender of ours asks for, as it passes two intermediaries and a list server.
fn asking() -> Message {
    let mut message = Message::builder(
        &Identity::new("im:alice@example.com"),
        &Identity::new("im:list@example.com"),
    )
    .date_time(date::parse("2026-01-01T09:00:00Z").unwrap())
    .notify(
        "34jk324j",
        Dispositions::POSITIVE_DELIVERY | Dispositions::DISPLAY,
    )
    .content("text/plain", "hello");
    message.set_identities(HeaderName::TO, &[Identity::new("im:bob@example.com")]);
    message.set_identities(
        HeaderName::ORIGINAL_TO,
        &[Identity::new("im:list@example.com")],
    );
    for hop in ["sip:gateway.example.com", "sip:list.example.com"] {
        message.prepend_identity(HeaderName::IMDN_RECORD_ROUTE, &Identity::new(hop));
    }
    Message::parse(message.write(), &limits()).unwrap()
}

#[test]
fn rfc5438_6_headers_survive_the_hops() {
    let message = asking();
    assert_eq!(message.message_id().unwrap(), "34jk324j");
    let asked = Dispositions::POSITIVE_DELIVERY | Dispositions::DISPLAY;
    assert_eq!(message.dispositions(), asked);
    assert_eq!(message.original_to().unwrap().uri, "im:list@example.com");
    let hops: Vec<_> = message.record_route().map(|hop| hop.uri).collect();
    assert_eq!(hops, ["sip:list.example.com", "sip:gateway.example.com"]);
}

#[test]
fn rfc5438_7_2_1_a_notification_goes_back_the_way_the_message_came() {
    let message = asking();
    let imdn = Imdn::about(&message, Kind::Delivery, Status::Delivered).unwrap();
    assert_eq!(imdn.message_id, "34jk324j");
    assert_eq!(imdn.date_time, date::parse("2026-01-01T09:00:00Z"));
    assert_eq!(imdn.recipient_uri.as_deref(), Some("im:bob@example.com"));
    assert_eq!(
        imdn.original_recipient_uri.as_deref(),
        Some("im:list@example.com")
    );

    let at = date::parse("2026-01-01T09:00:02Z").unwrap();
    let report = imdn.wrap(
        &message,
        &Identity::new("im:bob@example.com"),
        "d834jied93rf",
        at,
    );
    let report = Message::parse(report.write(), &limits()).unwrap();
    assert_eq!(report.to().next().unwrap().uri, "im:alice@example.com");
    assert_eq!(
        report.dispositions(),
        Dispositions::NONE,
        "never asks for one itself"
    );
    let hops: Vec<_> = report.route().map(|hop| hop.uri).collect();
    assert_eq!(hops, ["sip:list.example.com", "sip:gateway.example.com"]);
    assert_eq!(report.content_disposition().unwrap().kind(), "notification");
    assert_eq!(Imdn::of(&report, &limits()), Ok(vec![imdn]));
}

#[test]
fn rfc5438_7_2_1_there_is_nothing_to_report_without_an_id() {
    let message =
        Message::builder(&Identity::ANONYMOUS, &Identity::ANONYMOUS).content("text/plain", "");
    assert_eq!(
        Imdn::about(&message, Kind::Display, Status::Displayed),
        None
    );
}

/// A report of OMA CPM as it comes by SIP MESSAGE.
#[test]
fn cpm_a_delivery_report_is_read() {
    let text = format!(
        "From: <sip:anonymous@anonymous.invalid>\r\nTo: <sip:anonymous@anonymous.invalid>\r\n\
         NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: MnB7\r\nDateTime: 2026-01-01T09:00:02Z\r\n\r\n\
         Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\nContent-Length: {}\r\n\r\n{DELIVERED}",
        DELIVERED.len()
    );
    let message = Message::parse(Bytes::from(text), &limits()).unwrap();
    let reports = Imdn::of(&message, &limits()).unwrap();
    let [report] = reports.as_slice() else {
        panic!("one report")
    };
    assert_eq!(
        (report.kind, report.status),
        (Kind::Delivery, Status::Delivered)
    );
    assert_eq!(report.message_id, "MnA1");
    assert_eq!(report.write(), DELIVERED);
}

#[test]
fn peer_sends_a_bare_report() {
    let reports = Imdn::parse_all(
        &media_type("message/imdn+xml"),
        &Bytes::from(DELIVERED),
        &limits(),
    );
    assert_eq!(reports.unwrap().len(), 1);
    let other = Imdn::parse_all(
        &media_type("text/plain"),
        &Bytes::from(DELIVERED),
        &limits(),
    );
    assert_eq!(other, Ok(vec![]));
}

#[test]
fn peer_collects_several_reports_in_one_body() {
    let mut ids = Ids::new(Seed::from_number(1));
    let displayed = DELIVERED
        .replace("delivery-notification", "display-notification")
        .replace("delivered", "displayed");
    let whole = Multipart::new(
        "mixed",
        &mut ids,
        vec![
            Part::new("message/imdn+xml", DELIVERED),
            Part::new("text/plain", "not one"),
            Part::new("Message/IMDN+xml; charset=utf-8", displayed),
        ],
    );
    let reports = Imdn::parse_all(whole.content_type(), &whole.write(), &limits()).unwrap();
    let statuses: Vec<_> = reports.iter().map(|report| report.status).collect();
    assert_eq!(statuses, [Status::Delivered, Status::Displayed]);
}

#[test]
fn rfc5438_8_several_reports_are_collected_in_one_body() {
    let about = |id: &str, status| {
        let kind = match status {
            Status::Displayed => Kind::Display,
            Status::Processed | Status::Stored => Kind::Processing,
            _ => Kind::Delivery,
        };
        Imdn::new(id.into(), date::parse("2026-01-01T09:00:00Z"), kind, status)
    };
    let reports = [
        about("1", Status::Delivered),
        about("2", Status::Displayed),
        about("3", Status::Stored),
        about("4", Status::Processed),
    ];
    let whole = Imdn::collect(&reports, &mut Ids::new(Seed::from_number(1)));
    let mut message = Message::builder(&Identity::ANONYMOUS, &Identity::ANONYMOUS)
        .content(&whole.content_type().to_string(), whole.write());
    message.set(HeaderName::SUBJECT, "a relay may edit the envelope");
    let message = Message::parse(message.write(), &limits()).unwrap();
    assert_eq!(Imdn::of(&message, &limits()).unwrap(), reports);
}

#[test]
fn rfc5438_6_3_every_notification_can_be_asked_for() {
    for (value, asked) in [
        ("positive-delivery", Dispositions::POSITIVE_DELIVERY),
        ("negative-delivery", Dispositions::NEGATIVE_DELIVERY),
        ("processing", Dispositions::PROCESSING),
        ("display", Dispositions::DISPLAY),
        ("interworking", Dispositions::INTERWORKING),
        (
            "positive-delivery, negative-delivery, display",
            Dispositions::POSITIVE_DELIVERY
                | Dispositions::NEGATIVE_DELIVERY
                | Dispositions::DISPLAY,
        ),
    ] {
        let text = format!(
            "From: <a:b>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
             imdn.Disposition-Notification: {value}\r\n\r\n\r\n"
        );
        let message = Message::parse(Bytes::from(text), &limits()).unwrap();
        assert_eq!(message.dispositions(), asked, "{value}");
    }
}

#[test]
fn cpm_an_interworking_report_is_read_wherever_its_namespace_is_declared() {
    let head = "<message-id>1</message-id><datetime>2026-01-01T09:00:00Z</datetime>";
    for (inner, status) in [
        (
            "<c:interworking-notification><c:status><c:legacy-sms/></c:status></c:interworking-notification>",
            Status::LegacySms,
        ),
        (
            "<interworking-notification><status><c:legacy-mms/></status></interworking-notification>",
            Status::LegacyMms,
        ),
        (
            "<interworking-notification><status><legacy-sms xmlns='urn:oma:xml:cpm:imdn-extensions:1.0'/></status></interworking-notification>",
            Status::LegacySms,
        ),
        (
            "<c:interworking-notification><c:status><c:error/></c:status></c:interworking-notification>",
            Status::Error,
        ),
    ] {
        let document = format!(
            "<imdn xmlns='urn:ietf:params:xml:ns:imdn' xmlns:c='urn:oma:xml:cpm:imdn-extensions:1.0'>{head}{inner}</imdn>"
        );
        let report = Imdn::parse(document.as_bytes(), &limits()).unwrap();
        assert_eq!(
            (report.kind, report.status),
            (Kind::Interworking, status),
            "{inner}"
        );
        for placement in [Placement::Outer, Placement::Inner] {
            let written = report.write_with(placement);
            assert_eq!(Imdn::parse(&written, &limits()).as_ref(), Ok(&report));
        }
    }
}

#[test]
fn attack_documents_of_every_shape_end_at_once() {
    let deep = format!("<imdn>{}", "<a>".repeat(10_000));
    let wide = format!("<imdn {}/>", "a='1' ".repeat(5_000));
    let blow_up = format!(
        "<!DOCTYPE i [<!ENTITY a \"{}\">]><imdn>{}</imdn>",
        "x".repeat(20_000),
        "&a;".repeat(10_000)
    );
    let unknown = format!(
        "<imdn><message-id>{}</message-id></imdn>",
        "&a;".repeat(10_000)
    );
    for (bomb, error) in [
        (deep, xml::Error::TooDeep(6 + 3 * 15)),
        (wide, xml::Error::TooManyAttributes(0)),
        (blow_up, xml::Error::Dtd(0)),
        (unknown, xml::Error::Entity(18)),
    ] {
        let asked = Imdn::parse(bomb.as_bytes(), &limits());
        assert_eq!(asked, Err(ParseError::Xml(error)), "{}", &bomb[..40]);
    }
}

#[test]
fn peer_compresses_a_report() {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(DELIVERED.as_bytes()).unwrap();
    let deflated = encoder.finish().unwrap();
    let message = Message::builder(&Identity::ANONYMOUS, &Identity::ANONYMOUS)
        .content_header("Content-Encoding", "deflate")
        .content("message/imdn+xml", deflated.clone());
    assert_eq!(Imdn::of(&message, &limits()).unwrap().len(), 1);
    let part = Part::new("message/imdn+xml", deflated).with("Content-Encoding", "deflate");
    assert_eq!(part.decoded_body(&limits()).unwrap(), DELIVERED);
}

#[test]
fn attack_a_compressed_report_stops_at_its_limit() {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(&vec![b' '; 4 << 20]).unwrap();
    let message = Message::builder(&Identity::ANONYMOUS, &Identity::ANONYMOUS)
        .content_header("Content-Encoding", "deflate")
        .content("message/imdn+xml", encoder.finish().unwrap());
    assert!(matches!(
        Imdn::of(&message, &limits()),
        Err(ParseError::Encoding(EncodingError::TooLarge(_)))
    ));
}

#[test]
fn attack_entities_do_not_expand() {
    let bomb = "<!DOCTYPE imdn [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>\
                <imdn><message-id>&b;</message-id></imdn>";
    assert!(matches!(
        Imdn::parse(bomb.as_bytes(), &limits()),
        Err(ParseError::Xml(xml::Error::Dtd(0)))
    ));
}
