//! RFC 6135: who opens the connection of an MSRP session.

use bytes::Bytes;
use cpm::engine::{Ids, Limits, Seed};
use cpm::sdp::msrp::{self, Media, Setup, answer};
use cpm::sdp::{Origin, Session};

fn offer(attributes: &str) -> Session {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=message 2855 TCP/MSRP *\r\na=path:msrp://192.0.2.1:2855/a1;tcp\r\n\
         a=accept-types:*\r\n{attributes}"
    );
    Session::parse(&Bytes::from(text), &Limits::default()).unwrap()
}

fn answered(attributes: &str, wanted: Setup) -> String {
    let path = vec!["msrp://192.0.2.2:2855/b1;tcp".into()];
    let mut media = Media::new("192.0.2.2", 2855, path);
    media.setup = Some(wanted);
    let ids = &mut Ids::new(Seed::from_number(1));
    let origin = Origin::new(ids, "192.0.2.2".parse().unwrap());
    let written = answer(&offer(attributes), &media, &origin).unwrap().write();
    String::from_utf8(written.to_vec()).unwrap()
}

#[test]
fn rfc6135_4_2_every_offer_and_every_wish() {
    use Setup::{ActPass, Active, HoldConn, Passive};
    for (offered, wanted, said) in [
        // What is offered leaves no choice.
        ("a=setup:active\r\n", Active, "passive"),
        ("a=setup:active\r\n", Passive, "passive"),
        ("a=setup:active\r\n", ActPass, "passive"),
        ("a=setup:passive\r\n", Active, "active"),
        ("a=setup:passive\r\n", Passive, "active"),
        ("a=setup:passive\r\n", ActPass, "active"),
        // Here there is one.
        ("a=setup:actpass\r\n", Active, "active"),
        ("a=setup:actpass\r\n", Passive, "passive"),
        ("a=setup:actpass\r\n", ActPass, "active"),
        // Connections are not held: as if nothing were said, and never said (§4.2.1).
        ("a=setup:holdconn\r\n", Active, "passive"),
        ("a=setup:actpass\r\n", HoldConn, "active"),
        // Who says nothing connects (RFC 4975 §5.4).
        ("", Active, "passive"),
        ("", Passive, "passive"),
        ("", ActPass, "passive"),
        // As peers spell it, and with what is said of existing connections beside it.
        (
            "a=setup:ACTPASS \r\na=connection:new\r\n",
            Passive,
            "passive",
        ),
        (
            "a=setup:active\r\na=connection:existing\r\n",
            ActPass,
            "passive",
        ),
    ] {
        let text = answered(offered, wanted);
        let line = format!("a=setup:{said}\r\n");
        assert!(text.contains(&line), "{offered:?} and {wanted:?}: {text}");
        // Connections are shared by rules of MSRP's own (§4.4, RFC 4975 §5.4).
        assert!(!text.contains("a=connection"), "{text}");
    }
}

#[test]
fn rfc6135_4_2_2_an_offer_is_never_passive_and_holds_nothing() {
    for (wanted, said) in [
        (Setup::Active, "active"),
        (Setup::ActPass, "actpass"),
        (Setup::Passive, "actpass"),
        (Setup::HoldConn, "active"),
    ] {
        let path = vec!["msrp://192.0.2.2:2855/b1;tcp".into()];
        let mut media = Media::new("192.0.2.2", 2855, path);
        media.setup = Some(wanted);
        // What a peer has said of connections is not said again (§4.4).
        media.connection = Some("existing".into());
        let ids = &mut Ids::new(Seed::from_number(1));
        let origin = Origin::new(ids, "192.0.2.2".parse().unwrap());
        let text = msrp::offer(&media, &origin).write();
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(text.contains(&format!("a=setup:{said}\r\n")), "{text}");
        assert!(!text.contains("a=connection"), "{text}");
    }
}
