//! RFC 3862: the CPIM message format, with what OMA CPM and its peers make of it.

use bytes::Bytes;
use cpm::cpim::{Dispositions, HeaderName, Identity, Message, ParseErrorKind};
use cpm::engine::Limits;
use cpm::wire::date;

fn parse(text: &str) -> Message {
    Message::parse(Bytes::from(text.to_owned()), &Limits::default()).unwrap()
}

#[test]
fn rfc3862_2_2_names_are_case_sensitive() {
    let message = parse("FROM: <im:a@b>\r\ndatetime: 2026-01-01T00:00:00Z\r\n\r\n\r\n");
    assert_eq!(message.from(), None);
    assert_eq!(message.date_time(), None);
    assert_eq!(message.headers().count(), 2);
}

#[test]
fn rfc3862_2_3_escapes_are_resolved_and_written() {
    let message = parse("From: <im:a@b>\r\nSubject: \\u00dcber \\\"alles\\\"\\r\\n\r\n\r\n\r\n");
    assert_eq!(message.subject(None).unwrap(), "\u{dc}ber \"alles\"\r\n");
    let written = Message::builder(&Identity::ANONYMOUS, &Identity::ANONYMOUS)
        .subject("one\r\nFrom: <sip:two@b>", None)
        .content("text/plain", "")
        .write();
    assert!(
        String::from_utf8_lossy(&written).contains("\r\nSubject: one\\r\\nFrom: <sip:two@b>\r\n")
    );
}

#[test]
fn rfc3862_3_4_a_prefix_means_what_was_declared_before_it() {
    let message = parse(
        "a.Size: early\r\nNS: a <urn:one>\r\na.Size: 1\r\nNS: a <urn:two>\r\na.Size: 2\r\n\
         NS: b <urn:one>\r\nb.Size: 3\r\n\r\n\r\n",
    );
    let read: Vec<_> = message
        .headers()
        .filter(|header| header.name == "Size")
        .map(|header| (header.namespace, header.value))
        .collect();
    assert_eq!(
        read,
        [
            ("", "early"),
            ("urn:one", "1"),
            ("urn:two", "2"),
            ("urn:one", "3")
        ]
    );
    let one = HeaderName::new("whatever", "urn:one", "Size");
    assert_eq!(message.header(one).unwrap().value, "1");
}

#[test]
fn rfc3862_4_1_parties_have_names_and_uris() {
    let message = parse(
        "From: MR SANDERS <im:piglet@100akerwood.com>\r\n\
         To: \"Depressed Donkey\" <im:eeyore@100akerwood.com>\r\nTo: <im:owl@100akerwood.com>\r\n\
         cc: <im:poohbear@100akerwood.com>\r\n\r\n\r\n",
    );
    let from = message.from().unwrap();
    assert_eq!(from.display.unwrap(), "MR SANDERS");
    assert_eq!(from.uri, "im:piglet@100akerwood.com");
    let to: Vec<_> = message.to().map(|to| to.uri).collect();
    assert_eq!(to, ["im:eeyore@100akerwood.com", "im:owl@100akerwood.com"]);
    assert_eq!(message.cc().count(), 1);
}

#[test]
fn rfc3862_4_5_a_subject_is_found_by_its_language() {
    let message = parse(
        "Subject: the weather will be fine today\r\n\
         Subject:;lang=fr beau temps prevu pour aujourd'hui\r\n\r\n\r\n",
    );
    for (language, subject) in [
        (None, "the weather will be fine today"),
        (Some("fr"), "beau temps prevu pour aujourd'hui"),
        (Some("FR"), "beau temps prevu pour aujourd'hui"),
        (Some("de"), "the weather will be fine today"),
    ] {
        assert_eq!(message.subject(language).unwrap(), subject);
    }
}

#[test]
fn rfc3862_4_5_a_subject_may_begin_with_a_semicolon() {
    for text in [";-)", ";a=b c"] {
        let message = Message::builder(&Identity::ANONYMOUS, &Identity::ANONYMOUS)
            .subject(text, None)
            .content("text/plain", "");
        let read = Message::parse(message.write(), &Limits::default()).unwrap();
        assert_eq!(read.subject(None).unwrap(), text);
    }
}

#[test]
fn rfc3862_4_6_an_empty_prefix_sets_the_default_namespace() {
    let message = parse("Subject: ours\r\nNS: <urn:mine>\r\nSubject: mine\r\n\r\n\r\n");
    assert_eq!(message.subject(None).unwrap(), "ours");
    let mine = HeaderName::new("", "urn:mine", "Subject");
    assert_eq!(message.text(mine).unwrap(), "mine");
}

#[test]
fn rfc3862_4_7_require_lists_names() {
    let message =
        parse("NS: m <urn:x>\r\nRequire: m.VitalHeader, Subject\r\nRequire: m.Other\r\n\r\n\r\n");
    let names: Vec<_> = message.require().collect();
    assert_eq!(names, ["m.VitalHeader", "Subject", "m.Other"]);
}

/// A message of OMA CPM in pager mode, and the one that we would write.
#[test]
fn cpm_a_pager_message_in_both_directions() {
    let text = "From: <tel:+15550001>\r\nTo: <tel:+15550002>\r\nDateTime: 2026-01-01T09:00:00Z\r\n\
                NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: MnA1\r\n\
                imdn.Disposition-Notification: positive-delivery, display\r\n\r\n\
                Content-Type: text/plain; charset=UTF-8\r\nContent-Length: 5\r\n\r\nhello";
    let message = parse(text);
    assert_eq!(message.from(), Some(Identity::new("tel:+15550001")));
    assert_eq!(message.to().next(), Some(Identity::new("tel:+15550002")));
    assert_eq!(message.date_time(), date::parse("2026-01-01T09:00:00Z"));
    assert_eq!(message.message_id().unwrap(), "MnA1");
    let asked = Dispositions::POSITIVE_DELIVERY | Dispositions::DISPLAY;
    assert_eq!(message.dispositions(), asked);
    let content_type = message.content_type().unwrap();
    assert_eq!(content_type.essence(), "text/plain");
    assert_eq!(content_type.param("charset").unwrap(), "UTF-8");
    assert_eq!(message.body(), "hello");
    assert_eq!(message.write(), text);

    let built = Message::builder(
        &Identity::new("tel:+15550001"),
        &Identity::new("tel:+15550002"),
    )
    .date_time(date::parse("2026-01-01T09:00:00Z").unwrap())
    .notify("MnA1", asked)
    .content_header("Content-Length", "5")
    .content("text/plain; charset=UTF-8", "hello");
    assert_eq!(built.write(), text);
    assert_eq!(built, message);
}

#[test]
fn cpm_anonymous_parties_of_a_chat_are_known_as_such() {
    let message = parse(
        "From: <sip:anonymous@anonymous.invalid>\r\nTo: <sip:anonymous@anonymous.invalid>\r\n\
         DateTime: 2026-01-01T09:01:00Z\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
         imdn.Message-ID: MnA2\r\n\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\nhi",
    );
    assert_eq!(message.from().as_ref(), Some(&Identity::ANONYMOUS));
    assert!(message.to().all(|to| to.is_anonymous()));
}

#[test]
fn cpm_the_payload_type_is_told_by_the_envelope() {
    let message = parse(
        "From: <tel:+1>\r\nNS: cpm <http://www.openmobilealliance.org/cpm>\r\n\
         cpm.Payload-Type: image/jpeg\r\n\r\nContent-Type: application/octet-stream\r\n\r\n..",
    );
    assert_eq!(message.payload_type().unwrap().essence(), "image/jpeg");
}

#[test]
fn peer_writes_a_namespace_without_the_space() {
    let message =
        parse("From: <a:b>\r\nNS: imdn<urn:ietf:params:imdn>\r\nimdn.Message-ID: 1\r\n\r\n\r\n");
    assert_eq!(message.message_id().unwrap(), "1");
}

#[test]
fn peer_forgets_to_declare_the_namespace() {
    let message = parse("From: <a:b>\r\nimdn.Message-ID: 1\r\n\r\n\r\n");
    assert_eq!(message.message_id().unwrap(), "1");
}

#[test]
fn peer_uses_another_prefix() {
    let message =
        parse("From: <a:b>\r\nNS: n <urn:ietf:params:imdn>\r\nn.Message-ID: 1\r\n\r\n\r\n");
    assert_eq!(message.message_id().unwrap(), "1");
    let foreign = parse("From: <a:b>\r\nNS: imdn <urn:other>\r\nimdn.Message-ID: 1\r\n\r\n\r\n");
    assert_eq!(foreign.message_id(), None);
}

#[test]
fn peer_writes_an_offset_with_one_digit() {
    let message = parse("From: <a:b>\r\nDateTime: 2026-01-31T14:30:00+5:30\r\n\r\n\r\n");
    assert_eq!(message.date_time(), date::parse("2026-01-31T09:00:00Z"));
}

#[test]
fn peer_quotes_a_name_or_does_not_and_spaces_as_it_likes() {
    let expected = Identity::new("sip:a@b").with_display("A B");
    for value in [
        "\"A B\" <sip:a@b>",
        "A B <sip:a@b>",
        "  \"A B\"<sip:a@b>  ",
        "A B  <sip:a@b>",
    ] {
        let message = parse(&format!("From:{value}\r\n\r\n\r\n"));
        assert_eq!(message.from().as_ref(), Some(&expected), "{value}");
    }
}

#[test]
fn peer_puts_the_disposition_among_the_headers_of_the_message() {
    let message = parse(
        "From: <a:b>\r\nContent-Disposition: notification\r\n\r\nContent-type: message/imdn+xml\r\n\
         Content-length: 4\r\n\r\n<x/>\r\n",
    );
    assert_eq!(
        message.content_disposition().unwrap().kind(),
        "notification"
    );
    assert_eq!(
        message.content_type().unwrap().essence(),
        "message/imdn+xml"
    );
    assert_eq!(message.body(), "<x/>");
}

#[test]
fn peer_encodes_the_content_for_transfer() {
    let message = parse(
        "From: <a:b>\r\n\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: Base64\r\n\r\naGVsbG8=",
    );
    assert_eq!(message.decoded_body(&Limits::default()).unwrap(), "hello");
    assert_eq!(message.body(), "aGVsbG8=");
}

#[test]
fn a_chat_message_pins_no_more_than_its_own_buffer() {
    let bytes = Bytes::from("From: <a:b>\r\nimdn.Message-ID: 1\r\n\r\n\r\nhi".to_owned());
    let message = Message::parse(bytes.clone(), &Limits::default()).unwrap();
    assert_eq!(
        message.body().as_ptr(),
        bytes.slice(bytes.len() - 2..).as_ptr(),
        "a view"
    );
    let kept = message.message_id().unwrap().compact();
    drop(message);
    assert!(
        bytes.try_into_mut().is_ok(),
        "the receive buffer is free again"
    );
    assert_eq!(kept, "1");
}

#[test]
fn errors_say_what_and_where() {
    let error = Message::parse(Bytes::from("From: <a:b>\r\nhello\r\n"), &Limits::default());
    let error = error.unwrap_err();
    assert_eq!((error.kind, error.at), (ParseErrorKind::Header, 13));
    assert_eq!(error.to_string(), "not a CPIM header at byte 13");
}
