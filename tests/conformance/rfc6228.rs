//! RFC 6228: 199 says that an early dialog is over.

use crate::rfc3261::*;
use cpm::sip::Event;

#[test]
fn rfc6228_4_the_early_dialog_is_forgotten_and_the_others_go_on() {
    let mut wire = alone();
    call(&mut wire);
    let invite = wire.heard();
    assert!(header(&invite, "Supported").contains("199"));
    for tag in ["one", "two"] {
        let ringing = answer(&invite, "180 Ringing", tag, "Contact: <sip:bob@10.0.0.9>");
        wire.inject(0, PEER, &ringing);
    }
    wire.events(0);
    wire.inject(
        0,
        PEER,
        &answer(&invite, "199 Early Dialog Terminated", "one", ""),
    );
    let events = wire.events(0);
    assert!(
        matches!(&events[..], [Event::Progress { dialog: Some(_), response, .. }]
            if response.status().code() == 199),
        "{events:?}"
    );
    wire.inject(0, PEER, &in_dialog(&invite, "one", "INFO", 1, ""));
    assert!(wire.heard().starts_with("SIP/2.0 481 "));
    wire.inject(0, PEER, &in_dialog(&invite, "two", "INFO", 1, ""));
    assert!(matches!(wire.events(0)[..], [Event::Request { .. }]));
}

#[test]
fn rfc6228_4_a_reliable_199_is_acknowledged() {
    let mut wire = alone();
    call(&mut wire);
    let invite = wire.heard();
    let reliable = |number| format!("Contact: <sip:bob@10.0.0.9>\nRequire: 100rel\nRSeq: {number}");
    wire.inject(
        0,
        PEER,
        &answer(&invite, "180 Ringing", "one", &reliable(1)),
    );
    let prack = wire.heard();
    wire.inject(0, PEER, &answer(&prack, "200 OK", "", ""));
    wire.inject(0, PEER, &answer(&invite, "199 Over", "one", &reliable(2)));
    assert_eq!(header(&wire.heard(), "RAck"), "2 1 INVITE");
}
