//! RFC 6714: sessions through middleboxes that change the addresses of the description and leave the paths alone.

use crate::rfc4976::Client;
use bytes::Bytes;
use cpm::engine::{Ids, Limits, Seed};
use cpm::msrp::{Event, Role, Settings};
use cpm::sdp::msrp::{Media, answer};
use cpm::sdp::{Origin, Session};

fn answered(offers: bool, supports: bool) -> String {
    let attribute = if offers { "a=msrp-cema\r\n" } else { "" };
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=message 2855 TCP/MSRP *\r\na=path:msrp://192.0.2.1:2855/a1;tcp\r\n\
         a=accept-types:*\r\n{attribute}"
    );
    let offer = Session::parse(&Bytes::from(text), &Limits::default()).unwrap();
    let path = vec!["msrp://192.0.2.2:2855/b1;tcp".into()];
    let mut media = Media::new("192.0.2.2", 2855, path);
    media.cema = supports;
    let ids = &mut Ids::new(Seed::from_number(1));
    let origin = Origin::new(ids, "192.0.2.2".parse().unwrap());
    let written = answer(&offer, &media, &origin).unwrap().write();
    String::from_utf8(written.to_vec()).unwrap()
}

#[test]
fn rfc6714_4_the_answer_says_so_only_where_the_offer_does() {
    for (offers, supports) in [(true, true), (true, false), (false, true), (false, false)] {
        let says = answered(offers, supports).contains("a=msrp-cema\r\n");
        assert_eq!(says, offers && supports, "{offers} {supports}");
    }
}

/// A request from the peer behind a middlebox that has changed the host of every URI.
#[test]
fn rfc6714_4_the_session_id_alone_matches_where_both_agree() {
    for (agreed, code) in [(true, "200"), (false, "481")] {
        let mut client = Client::new();
        let settings = Settings {
            match_by_id_only: agreed,
            ..Settings::default()
        };
        let session = client.with(|e, cx| e.open(cx, settings)).unwrap();
        let local = client.endpoint.local_path(session).unwrap();
        let path = vec!["msrp://10.9.9.9:2855/peer1;tcp".parse().unwrap()];
        let role = Role::Active {
            peer: Some("192.0.2.9:7000".parse().unwrap()),
        };
        client.with(|e, cx| e.start(cx, session, path, role));
        client.connect();
        // The paths are those of the descriptions, wherever the connection leads.
        let bind = client.request().unwrap();
        assert_eq!(bind.to_path.as_str(), "msrp://10.9.9.9:2855/peer1;tcp");
        assert_eq!(bind.from_path.as_str(), local[0].to_string());
        client.respond(&bind, 200, &[]);
        assert!(matches!(client.event(), Some(Event::Up { .. })));
        let id = local[0].session_id().unwrap();
        client.feed(Bytes::from(format!(
            "MSRP tid1 SEND\r\nTo-Path: msrp://192.0.2.77:1/{id};tcp\r\n\
             From-Path: msrp://192.0.2.9:7000/peer1;tcp\r\nMessage-ID: m1\r\n\
             Byte-Range: 1-0/0\r\n-------tid1$\r\n"
        )));
        let conn = client.conn.unwrap();
        let said = client.with(|e, cx| e.poll_stream(cx, conn)).unwrap();
        let said = String::from_utf8(said.to_vec()).unwrap();
        assert!(said.starts_with(&format!("MSRP tid1 {code} ")), "{said}");
    }
}
