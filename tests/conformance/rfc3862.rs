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

#[test]
fn rfc3862_4_7_a_required_header_that_is_not_understood_is_named() {
    let ours = parse("NS: i <urn:ietf:params:imdn>\r\nRequire: i.Message-ID, Subject\r\n\r\n\r\n");
    assert_eq!(ours.check_required(&[]), Ok(()));
    let text = "NS: m <urn:one>\r\nRequire: m.Vital\r\nNS: m <urn:two>\r\n\r\n\r\n";
    let foreign = parse(text);
    let refusal = foreign.check_required(&[]).unwrap_err();
    assert_eq!((&*refusal.namespace, &*refusal.name), ("urn:one", "Vital"));
    let known = [HeaderName::new("v", "urn:one", "Vital")];
    assert_eq!(foreign.check_required(&known), Ok(()));
    let later = [HeaderName::new("m", "urn:two", "Vital")];
    assert!(
        foreign.check_required(&later).is_err(),
        "a prefix means what was declared before"
    );
    let undeclared = parse("Require: x.Y\r\n\r\n\r\n").check_required(&[]);
    assert_eq!(undeclared.unwrap_err().namespace, "");
    assert_eq!(parse("Require: ,\r\n\r\n\r\n").check_required(&[]), Ok(()));
}

#[test]
fn rfc3862_3_5_headers_that_are_not_known_are_kept_and_passed_on() {
    let text = "From: <im:a@b>\r\nNS: F <mid:features@example.org>\r\n\
                F.Font: round\r\nX-Flag:;a=b yes\r\n\r\n\
                Content-Type: text/plain\r\nContent-ID: <1@b>\r\n\r\nhi";
    let mut message = parse(text);
    assert_eq!(message.write(), text);
    let other = HeaderName::new("", "mid:features@example.org", "Font");
    assert_eq!(message.text(other).unwrap(), "round");
    message.set(HeaderName::SUBJECT, "edited");
    let again = Message::parse(message.write(), &Limits::default()).unwrap();
    assert_eq!(again.text(other).unwrap(), "round");
    let flag = HeaderName::new("", HeaderName::NS_CORE, "X-Flag");
    assert_eq!(again.header(flag).unwrap().params, ";a=b");
    assert_eq!(again.content_header("Content-ID").unwrap(), "<1@b>");
}

#[test]
fn rfc3862_2_3_characters_beyond_the_first_plane_and_broken_escapes() {
    let message = parse("Subject: \\ud83d\\ude00 \\q \\u12\r\n\r\n\r\n");
    assert_eq!(message.subject(None).unwrap(), "\u{1f600} \\q \\u12");
}

/// RFC 3862 §5.2: what is signed must come out as it went in, to the byte, whatever happens to the envelope.
#[test]
fn rfc3862_5_2_what_is_signed_is_carried_untouched() {
    let signed = "--s\r\nContent-Type: text/plain\r\n\r\n odd  spacing \n\r\n--s\r\n\
                  Content-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nMIIB\r\n--s--\r\n";
    let content_type =
        "multipart/signed; boundary=s; micalg=sha256;\r\n protocol=\"application/pkcs7-signature\"";
    let mut message = parse(&format!(
        "From: <im:a@b>\r\nTo: <im:c@d>\r\n\r\nContent-Type: {content_type}\r\n\r\n{signed}"
    ));
    assert_eq!(message.body(), signed);
    message.prepend_identity(HeaderName::IMDN_RECORD_ROUTE, &Identity::new("sip:relay@b"));
    message.set_identities(HeaderName::FROM, &[Identity::new("sip:asserted@b")]);
    let again = Message::parse(message.write(), &Limits::default()).unwrap();
    assert_eq!(again.body(), signed);
    assert_eq!(again.decoded_body(&Limits::default()).unwrap(), signed);
    let read = again.content_type().unwrap();
    assert_eq!(read.essence(), "multipart/signed");
    assert_eq!(
        read.param("protocol").unwrap(),
        "application/pkcs7-signature"
    );
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
fn peer_ends_lines_in_lf_in_the_second_block_only_or_in_both() {
    for text in [
        "From: <a:b>\r\n\r\nContent-Type: text/html\n\nhi",
        "From: <a:b>\n\nContent-Type: text/html\n\nhi",
    ] {
        let message = parse(text);
        assert_eq!(message.content_type().unwrap().essence(), "text/html");
        assert_eq!(message.body(), "hi");
    }
}

#[test]
fn peer_puts_headers_after_the_blank_line() {
    let message = parse(
        "From: <a:b>\r\n\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: 1\r\n\r\n\
         Content-Type: text/plain\r\n\r\nhi",
    );
    assert_eq!(message.message_id().unwrap(), "1");
    assert_eq!(message.body(), "hi");
}

#[test]
fn peer_begins_the_body_with_a_line_end() {
    let message = parse("From: <a:b>\r\n\r\nContent-Type: text/plain\r\n\r\n\r\nhi");
    assert_eq!(message.body(), "\r\nhi");
}

#[test]
fn peer_spaces_headers_as_it_likes() {
    let message =
        parse("From:<a:b>\r\nimdn.Message-ID:   1  \r\n\r\nContent-Type:text/plain\r\n\r\nhi");
    assert_eq!(message.from().unwrap().uri, "a:b");
    assert_eq!(message.message_id().unwrap(), "1");
    assert_eq!(message.content_type().unwrap().essence(), "text/plain");
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
