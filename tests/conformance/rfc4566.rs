//! RFC 4566 and its successor RFC 8866: session descriptions; RFC 3264: offer and answer; RFC 4975 §8, RFC
//! 5547: what MSRP puts into them.

use bytes::Bytes;
use cpm::engine::Limits;
use cpm::sdp::msrp::{self, Media, NoMedia, Setup};
use cpm::sdp::{Direction, Origin, Session};
use cpm::wire::Text;

fn parse(text: &str) -> Session {
    Session::parse(&Bytes::from(text.to_owned()), &Limits::default()).unwrap()
}

fn origin(session_id: u64, address: &'static str) -> Origin {
    Origin {
        user: Text::from_static("-"),
        session_id,
        version: session_id,
        address: Text::from_static(address),
    }
}

fn texts(list: &[&'static str]) -> Vec<Text> {
    list.iter().map(|text| Text::from_static(text)).collect()
}

const CHAT: &str = "v=0\r\no=- 3900000001 3900000001 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\n\
    t=0 0\r\nm=message 20000 TCP/MSRP *\r\na=accept-types:message/cpim application/im-iscomposing+xml\r\n\
    a=accept-wrapped-types:text/plain message/imdn+xml\r\na=setup:actpass\r\n\
    a=path:msrp://10.0.0.1:20000/sA1;tcp\r\na=sendrecv\r\n";

fn chat() -> Media {
    let mut chat = Media::new("10.0.0.1", 20000, texts(&["msrp://10.0.0.1:20000/sA1;tcp"]));
    chat.accept_types = texts(&["message/cpim", "application/im-iscomposing+xml"]);
    chat.accept_wrapped_types = texts(&["text/plain", "message/imdn+xml"]);
    chat.setup = Some(Setup::ActPass);
    chat
}

#[test]
fn cpm_the_offer_of_a_chat_in_both_directions() {
    let session = parse(CHAT);
    assert_eq!(session.write(), CHAT);
    assert_eq!(session.origin(), Some(origin(3_900_000_001, "10.0.0.1")));
    assert_eq!(Media::find(&session), Ok(chat()));
    assert_eq!(
        msrp::offer(&chat(), &origin(3_900_000_001, "10.0.0.1")).write(),
        CHAT
    );
}

#[test]
fn cpm_the_answer_of_a_chat_connects() {
    let offer = parse(CHAT);
    let peer = Media::find(&offer).unwrap();
    assert_eq!(Setup::answer(peer.setup, Setup::Active), Setup::Active);
    let mut local = Media::new("10.0.0.2", 9, texts(&["msrp://10.0.0.2:9/sB1;tcp"]));
    local.accept_types = texts(&["message/cpim"]);
    local.accept_wrapped_types = texts(&["*"]);
    local.setup = Some(Setup::Active);
    let answer = msrp::answer(&offer, &local, &origin(1, "10.0.0.2")).unwrap();
    assert_eq!(
        answer.write(),
        "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n\
         m=message 9 TCP/MSRP *\r\na=accept-types:message/cpim\r\na=accept-wrapped-types:*\r\n\
         a=setup:active\r\na=path:msrp://10.0.0.2:9/sB1;tcp\r\na=sendrecv\r\n"
    );
}

#[test]
fn cpm_a_large_message_goes_one_way() {
    let offer = parse(
        "v=0\r\no=- 3890000000 3890000000 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=message 9 TCP/MSRP *\r\na=accept-types:message/cpim\r\n\
         a=accept-wrapped-types:text/plain image/jpeg\r\na=setup:active\r\n\
         a=path:msrp://192.0.2.1:9/s8d7f;tcp\r\na=sendonly\r\na=msrp-cema\r\na=max-size:5000\r\n",
    );
    let peer = Media::find(&offer).unwrap();
    assert_eq!(peer.direction, Direction::SendOnly);
    assert_eq!(peer.max_size, Some(5000));
    assert!(peer.cema);
    let mut local = Media::new("192.0.2.2", 2855, texts(&["msrp://192.0.2.2:2855/x;tcp"]));
    local.setup = Some(Setup::Active);
    local.cema = true;
    let answer = msrp::answer(&offer, &local, &origin(1, "192.0.2.2")).unwrap();
    let media = Media::find(&answer).unwrap();
    assert_eq!(media.direction, Direction::RecvOnly);
    assert_eq!(media.setup, Some(Setup::Passive), "the offerer connects");
    assert!(media.cema);
}

#[test]
fn rfc5547_the_attributes_of_a_file_are_kept() {
    let session = parse(
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
         m=message 20000 TCP/MSRP *\r\ni=holiday\r\na=path:msrp://10.0.0.1:20000/sF1;tcp\r\n\
         a=setup:active\r\na=sendonly\r\na=accept-types:image/jpeg\r\na=file-transfer-id:f81d4fae7dec\r\n\
         a=file-selector:name:\"pic.jpg\" type:image/jpeg size:32349 hash:sha-1:72:24:5F\r\n\
         a=file-disposition:attachment\r\na=file-icon:cid:thumb1@10.0.0.1\r\na=file-range:10241-32349\r\n",
    );
    let media = Media::find(&session).unwrap();
    for (name, value) in [
        ("file-transfer-id", "f81d4fae7dec"),
        (
            "file-selector",
            "name:\"pic.jpg\" type:image/jpeg size:32349 hash:sha-1:72:24:5F",
        ),
        ("file-disposition", "attachment"),
        ("file-icon", "cid:thumb1@10.0.0.1"),
        ("file-range", "10241-32349"),
    ] {
        assert_eq!(media.attribute(name), Some(value));
    }
    assert_eq!(media.extra.len(), 5);
}

#[test]
fn rfc4975_8_2_a_path_goes_through_relays() {
    let session = parse(
        "v=0\r\no=alice 2890844526 2890844527 IN IP4 host.example.com\r\ns= \r\n\
         c=IN IP4 host.example.com\r\nt=0 0\r\nm=message 7394 TCP/TLS/MSRP *\r\n\
         a=accept-types:message/cpim text/plain text/html\r\n\
         a=path:msrps://relay.example.com:9000/aeiug;tcp msrps://host.example.com:7394/2s93i93idj;tcp\r\n",
    );
    let media = Media::find(&session).unwrap();
    assert!(media.secure);
    assert_eq!(media.path.len(), 2);
    assert_eq!(media.setup, None);
    assert_eq!(media.direction, Direction::SendRecv);
    assert_eq!(media.address, "host.example.com");
}

#[test]
fn rfc3264_5_the_version_counts_up() {
    let first = origin(5, "10.0.0.1");
    let second = msrp::offer(&chat(), &first.next());
    assert_eq!(second.origin().unwrap().session_id, 5);
    assert_eq!(second.origin().unwrap().version, 6);
}

#[test]
fn rfc3264_6_other_media_are_refused_in_their_place() {
    let offer = parse(&format!(
        "{}m=audio 5000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n",
        CHAT.replace("20000", "0")
            .replace("m=message 0", "m=video 6000 RTP/AVP 31\r\nm=message 20000")
    ));
    let answer = msrp::answer(&offer, &chat(), &origin(1, "10.0.0.1")).unwrap();
    let sections: Vec<_> = answer
        .media
        .iter()
        .map(|media| (&*media.kind, media.port, &*media.formats))
        .collect();
    assert_eq!(
        sections,
        [
            ("video", 0, "31"),
            ("message", 20000, "*"),
            ("audio", 0, "0 8")
        ]
    );
}

#[test]
fn peer_shouts_and_ends_lines_with_line_feeds() {
    let text = CHAT.replace("\r\n", "\n").replace("m=message", "m=MESSAGE");
    assert_eq!(Media::find(&parse(&text)), Ok(chat()));
}

#[test]
fn peer_spells_max_size_without_the_hyphen() {
    let text = format!("{CHAT}a=maxsize:1000\r\n");
    assert_eq!(Media::find(&parse(&text)).unwrap().max_size, Some(1000));
}

#[test]
fn peer_writes_ipv6_into_a_path_without_brackets() {
    let text = CHAT.replace("msrp://10.0.0.1:20000", "msrp://2001:db8::1:20000");
    let media = Media::find(&parse(&text)).unwrap();
    assert_eq!(
        media.path,
        ["msrp://2001:db8::1:20000/sA1;tcp"],
        "as it is spelled"
    );
}

#[test]
fn peer_refuses_the_stream() {
    let text = CHAT.replace("m=message 20000", "m=message 0");
    assert_eq!(Media::find(&parse(&text)), Err(NoMedia::Refused));
}

#[test]
fn errors_say_what_and_where() {
    let error = Session::parse(
        &Bytes::from("v=0\r\nm=audio 70000 RTP/AVP 0\r\n"),
        &Limits::default(),
    );
    assert_eq!(error.unwrap_err().to_string(), "not a port at byte 13");
}
