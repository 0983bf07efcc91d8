//! SIP messages, header fields, URIs and digests.

use super::take::{TOKEN, Take};
use super::{pieces, tight};
use crate::engine::{Ids, Limits, Seed};
use crate::sip::HeaderError;
use crate::sip::digest::{Algorithm, Answer, Challenge, Secret, Verdict, Verifier};
use crate::sip::msg::header::{self, NameAddr};
use crate::sip::msg::{
    Frame, Framer, Header, Headers, Message, Method, Mode, Name, Request, Response, Status, Uri,
};
use crate::wire::Text;
use crate::wire::host::{Host, HostPort};
use bytes::Bytes;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Instant;

/// Calls a macro with every typed header field.
macro_rules! with_headers {
    ($each:ident) => {
        $each! {
            Accept AcceptContact AcceptEncoding AcceptLanguage AlertInfo Allow AllowEvents
            AuthenticationInfo Authorization CallId CallInfo Contact ContentDisposition ContentEncoding
            ContentId ContentLength ContentType ContributionId ConversationId CSeq Date Diversion
            ErrorInfo Event Expires FlowTimer From HistoryInfo InReplyToContributionId Join MaxBreadth
            MaxForwards MessageExpires MinExpires MinSe Organization PAssertedIdentity PAssertedService
            PAssociatedUri PCalledPartyId PPreferredIdentity PPreferredService PServedUser Path
            Priority Privacy ProxyAuthenticate ProxyAuthenticationInfo ProxyAuthorization ProxyRequire RAck Reason
            RecordRoute RecvInfo ReferTo ReferredBy RejectContact Replaces ReplyTo RequestDisposition
            Require RetryAfter Route RSeq Server ServiceRoute SessionExpires SessionReplaces SipEtag
            SipIfMatch Subject SubscriptionState Supported TargetDialog To Unsupported UserAgent Via
            Warning WwwAuthenticate
        }
    };
}

/// Any bytes as a datagram.
pub fn sip_message(bytes: &[u8]) {
    let bytes = Bytes::copy_from_slice(bytes);
    if let Ok(message) = Message::parse(bytes.clone(), &tight()) {
        let _ = message.validate(Mode::Receive);
    }
    let Ok(message) = Message::parse(bytes, &Limits::default()) else {
        return;
    };
    let _ = (message.validate(Mode::Receive), message.keys());
    if message.validate(Mode::Strict).is_ok() {
        assert!(
            message.validate(Mode::Receive).is_ok(),
            "what a strict reader takes a lenient one takes"
        );
    }
    read_all(message.headers());
    same(&message, &read(message.write()));
    // After an edit the message is written anew.
    let mut edited = message.clone();
    let branch = header::Via::new("TCP", HostPort::new(Host::named("example.com")), "z9hG4bKx");
    edited.headers_mut().prepend(&branch);
    same(&edited, &read(edited.write()));
    while let Some(via) = edited.headers_mut().pop::<header::Via>() {
        drop(via);
    }
    assert!(!edited.headers().contains(&Name::Via));
    if let Message::Request(request) = message {
        let _ = request.uri();
        let response = request.response(Status::OK);
        same(&Message::from(response.clone()), &read(response.write()));
    }
}

fn read(bytes: Bytes) -> Message {
    let limits = Limits {
        sip_headers: usize::MAX,
        sip_head: usize::MAX,
        sip_header: usize::MAX,
        sip_message: usize::MAX,
        ..Limits::default()
    };
    let text = bytes.clone();
    Message::parse(bytes, &limits)
        .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&text)))
}

/// Whether two messages say the same; one may say how long its body is where the other does not.
fn same(one: &Message, other: &Message) {
    match (one, other) {
        (Message::Request(one), Message::Request(other)) => {
            assert_eq!(one.method(), other.method());
            assert_eq!(one.uri_text(), other.uri_text());
        }
        (Message::Response(one), Message::Response(other)) => {
            assert_eq!(one.status(), other.status());
            // Spaces at the end of a line are no part of it.
            assert_eq!(one.reason().trim(), other.reason().trim());
        }
        _ => panic!("a request is no response"),
    }
    assert_eq!(one.body(), other.body());
    let fields = |message: &Message| -> Vec<(Name, Option<String>)> {
        (message.headers().iter())
            .filter(|field| !field.is(&Name::ContentLength))
            .map(|field| (field.name(), field.text().map(str::to_owned)))
            .collect()
    };
    assert_eq!(fields(one), fields(other));
}

/// Asks for every header by its type.
fn read_all(headers: &Headers) {
    fn all<H: Header>(headers: &Headers) {
        for value in headers.all::<H>().flatten() {
            there_and_back(&value);
        }
    }
    macro_rules! each {
        ($($name:ident)*) => { $(all::<header::$name>(headers);)* };
    }
    with_headers!(each);
    for field in headers.iter() {
        if let Some(text) = field.text() {
            for mode in [Mode::Receive, Mode::Strict] {
                let _ = header::check(&field.name(), &Text::from(text), mode);
            }
        }
    }
}

/// What is written of a header is one line, and is read as what is written the same.
fn there_and_back<H: Header>(value: &H) {
    let mut once = String::new();
    value.write(&mut once);
    assert!(!once.contains(['\r', '\n', '\0']), "{once:?}");
    // The spaces around a value are those of the grammar, not all that Unicode has.
    let again = H::parse(&Text::from(once.trim_matches([' ', '\t'])))
        .unwrap_or_else(|error| panic!("{error}: {} {once:?}", H::NAME));
    let mut twice = String::new();
    again.write(&mut twice);
    assert_eq!(once, twice, "{}", H::NAME);
}

/// Any bytes as a stream: it carries the same however it is cut. Only of two things that are wrong in one
/// head, either may be found first.
pub fn sip_stream(bytes: &[u8]) {
    fn run(pieces: &[Bytes], limits: &Limits) -> (Vec<Bytes>, bool) {
        let (mut framer, mut messages) = (Framer::new(), Vec::new());
        for piece in pieces {
            framer.push(piece.clone());
            loop {
                match framer.next(limits) {
                    Ok(Some(Frame::Message(message))) => messages.push(message),
                    Ok(Some(Frame::Ping | Frame::Pong)) => {}
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(framer.next(limits), Err(error), "an error is the end");
                        return (messages, true);
                    }
                }
            }
            assert!(framer.buffered() <= limits.sip_message + limits.sip_head);
        }
        (messages, false)
    }
    let (stream, mut take) = Take::with_tail(bytes);
    let stream = Bytes::copy_from_slice(stream);
    let cut = pieces(&mut take, &stream);
    for limits in [Limits::default(), tight()] {
        let whole = run(std::slice::from_ref(&stream), &limits);
        assert_eq!(whole, run(&cut, &limits));
        for message in whole.0 {
            assert!(message.len() <= limits.sip_message);
            if let Ok(parsed) = Message::parse(message.clone(), &limits) {
                let mut framer = Framer::new();
                let wide = Limits::default();
                framer.push(parsed.write());
                assert_eq!(
                    framer.next(&wide),
                    Ok(Some(Frame::Message(parsed.write()))),
                    "the parser and the framer agree where a message ends"
                );
            }
        }
    }
}

/// A message made of values, and read again.
pub fn sip_to_bytes_and_back(bytes: &[u8]) {
    let mut take = Take::new(bytes);
    let mut message = match take.flag() {
        true => {
            let method = take.word(b"ABCXYZ");
            let method = take
                .maybe(|take| take.one_of(&["INVITE", "MESSAGE", "ACK", "BYE", "REGISTER"]))
                .map_or(method, Text::from_static);
            let method = Method::parse(&method).expect("letters are a token");
            Message::from(Request::new(method, &address(&mut take)))
        }
        false => {
            let code = u16::try_from(100 + take.number() % 600).unwrap_or(100);
            let mut response = Response::new(Status::new(code).expect("100 to 699"));
            if take.flag() {
                response.set_reason(&take.text());
            }
            Message::from(response)
        }
    };
    if let Some(body) = take.maybe(Take::bytes) {
        let content_type = take.one_of(&["text/plain", "application/sdp", "message/cpim"]);
        match &mut message {
            Message::Request(request) => request.set_body(content_type, body),
            Message::Response(response) => response.set_body(content_type, body),
        }
    }
    while !take.is_empty() {
        push(&mut take, message.headers_mut());
    }
    let written = message.write();
    same(&message, &read(written.clone()));
    read_all(message.headers());
    let mut framer = Framer::new();
    framer.push(written.clone());
    let wide = Limits {
        sip_head: usize::MAX,
        sip_message: usize::MAX,
        ..Limits::default()
    };
    assert_eq!(framer.next(&wide), Ok(Some(Frame::Message(written))));
}

/// Any URI that can be made of values.
fn address(take: &mut Take<'_>) -> Uri {
    let host = match take.below(3) {
        0 => Host::named(&take.word(TOKEN)),
        1 => Host::named(&Ipv4Addr::from_bits(7 + u32::from(take.byte())).to_string()),
        _ => Host::named(&Ipv6Addr::from_bits(u128::from(take.number())).to_string()),
    };
    let mut uri = Uri::sip(&take.text(), &host.to_string());
    if let Some(sip) = uri.as_sip_mut() {
        sip.secure = take.flag();
        while take.flag() {
            let value = take.maybe(Take::text);
            sip.set_param(&take.word(TOKEN), value.as_deref());
        }
        if take.flag() {
            let (name, value) = (take.word(TOKEN), take.text());
            sip.headers.push(&name, &value);
        }
    }
    uri
}

fn push(take: &mut Take<'_>, headers: &mut Headers) {
    match take.below(12) {
        0 => {
            let mut from = header::From(NameAddr::new(address(take)).with_display(&take.text()));
            from.set_tag(&take.text());
            headers.push(&from);
        }
        1 => headers.push(&header::To(NameAddr::new(address(take)))),
        2 => {
            let host = HostPort::new(Host::named(&take.word(TOKEN)));
            let mut via = header::Via::new(&take.word(TOKEN), host, &take.text());
            via.params.set(&take.word(TOKEN), Some(&take.text()));
            headers.prepend(&via);
        }
        3 => headers.push(&header::CSeq {
            number: u32::try_from(take.number() >> 33).unwrap_or(0),
            method: Method::Invite,
        }),
        4 => headers.push(&header::Subject(take.text())),
        5 => headers.push(&header::CallId(take.text())),
        6 => headers.push(&header::Supported(vec![take.word(TOKEN), take.text()])),
        7 => headers.push(&header::Reason::sip(200, &take.text())),
        8 => headers.push(&header::Contact::Address(
            NameAddr::new(address(take)).with_param(&take.word(TOKEN), Some(&take.text())),
        )),
        9 => headers.push(&header::Warning::new(399, &take.text(), &take.text())),
        10 => headers.push(&header::UserAgent(take.text())),
        _ => {
            let name = Name::parse(&take.word(TOKEN));
            let value = take.text();
            // A value that cannot be written is refused, and changes nothing.
            if let Some(name) = name {
                let _ = headers.push_text(name, &value);
            }
        }
    }
}

/// Any text as a URI, and how two of them compare.
pub fn uri(bytes: &[u8]) {
    let text = Text::from_utf8_lossy(Bytes::copy_from_slice(bytes));
    let parsed: Vec<Uri> = text
        .split('\n')
        .take(4)
        .filter_map(|line| {
            let line = text.slice_ref(line);
            msrp_uri(&line);
            let _ = HostPort::parse(&line);
            Uri::parse(&line).ok()
        })
        .collect();
    for one in &parsed {
        let written = one.to_string();
        let again: Uri = (written.parse()).unwrap_or_else(|error| panic!("{error}: {written:?}"));
        assert_eq!(again.to_string(), written);
        assert!(one.matches(&again), "{one:?} {again:?}");
        assert_eq!(one.aor(), again.aor());
        let _ = (one.user(), one.domain());
        for other in &parsed {
            assert_eq!(one.matches(other), other.matches(one), "{one} {other}");
        }
    }
}

fn msrp_uri(text: &Text) {
    use crate::msrp::msg::{Path, Uri};
    if let Ok(path) = Path::parse(text) {
        assert!(Path::of(&path.iter().collect::<Vec<_>>()).is_some());
    }
    let Ok(uri) = Uri::parse(text) else { return };
    assert!(uri.matches(&uri) || uri.session_id().is_none());
    let _ = (uri.host(), uri.address(), uri.transport());
    let again = Uri::parse(&Text::from(uri.as_str())).expect("it was read once");
    assert_eq!(uri == again, uri == uri.compact());
}

/// Any text as the value of the header that the first byte chooses.
pub fn sip_headers(bytes: &[u8]) {
    fn try_header<H: Header>(value: &Text) {
        if let Ok(value) = H::parse(value) {
            there_and_back(&value);
        }
    }
    let Some((&which, value)) = bytes.split_first() else {
        return;
    };
    // As `Headers` hands it out: one line, no space around it.
    let value = String::from_utf8_lossy(value).replace(['\r', '\n', '\0'], " ");
    let value = Text::from(value.trim());
    macro_rules! each {
        ($($name:ident)*) => {
            [$((header::$name::NAME, try_header::<header::$name> as fn(&Text))),*]
        };
    }
    let headers = with_headers!(each);
    let (name, try_it) = &headers[usize::from(which) % headers.len()];
    try_it(&value);
    for mode in [Mode::Receive, Mode::Strict] {
        let _: Result<(), HeaderError> = header::check(name, &value, mode);
    }
}

/// Challenges and answers: any text, and such as belong together.
pub fn digest(bytes: &[u8], now: Instant) {
    let text = Text::from_utf8_lossy(Bytes::copy_from_slice(bytes));
    if let Ok(header) = header::WwwAuthenticate::parse(&text)
        && let Some(challenge) = Challenge::read(&header)
        // Which cannot be written, not even in quotes.
        && !text.contains(char::is_control)
    {
        assert_eq!(
            Challenge::read(&challenge.header()).as_ref(),
            Some(&challenge)
        );
        through_text(&challenge.respond("a", Secret::Password("b"), "INVITE", "sip:c", "d", 1));
    }
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let mut ids = Ids::new(Seed::from_number(1));
    let mut verifier = Verifier::new(Text::from_static("example.com"), &mut ids);
    if let Ok(header) = header::Authorization::parse(&text)
        && let Some(answer) = Answer::read(&header)
    {
        assert_eq!(Answer::read(&answer.header()).as_ref(), Some(&answer));
        let verdict = verifier.verify(now, peer, &answer, "INVITE", Secret::Password("secret"));
        assert_ne!(verdict, Verdict::Right, "its nonce is none of ours");
    }

    let mut take = Take::new(bytes);
    let challenge = Challenge {
        realm: take.line(),
        nonce: take.line(),
        opaque: take.maybe(Take::line),
        stale: take.flag(),
        algorithm: take.one_of(&[Algorithm::Md5, Algorithm::Sha256]),
        qop: take.flag(),
        integrity: take.flag(),
        // The name that was hidden would not come back.
        userhash: false,
    };
    let header = header::WwwAuthenticate::parse(&Text::from(challenge.write()));
    let header = header.expect("what is written is read");
    assert_eq!(Challenge::read(&header), Some(challenge.clone()));
    let (user, password, cnonce) = (take.line(), take.text(), take.line());
    let secret = Secret::Password(&password);
    through_text(&challenge.respond(&user, secret, "MESSAGE", "sip:x", &cnonce, 1));

    let ours = take.one_of(&[0, 1]);
    let ours = verifier.challenges(now, peer, false).swap_remove(ours);
    let answer = ours.respond(&user, secret, "MESSAGE", "sip:x", &cnonce, 1);
    let mut verify = |answer| verifier.verify(now, peer, answer, "MESSAGE", secret);
    assert_eq!(verify(&answer), Verdict::Right);
    assert_eq!(verify(&answer), Verdict::Stale, "it is good once");
    let forged = Answer {
        response: take.text(),
        ..answer.clone()
    };
    assert_eq!(verify(&forged), Verdict::Wrong);
}

/// An answer that is written and read again proves the same.
fn through_text(answer: &Answer) {
    let mut text = String::new();
    header::Authorization(answer.header()).write(&mut text);
    let header = header::Authorization::parse(&Text::from(text)).expect("what is written is read");
    let read = Answer::read(&header).expect("what is written is an answer");
    assert_eq!(&read, answer);
}
