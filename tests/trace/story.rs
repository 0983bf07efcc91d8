//! A made-up conversation: Alice and Bob, each behind their own function, one chat and one file.

use bytes::Bytes;
use cpm::engine::{DateTime, Direction, Protocol, Sighting, Transport};
use std::net::SocketAddr;

pub(crate) const ALICE: &str = "10.0.0.1:5060";
pub(crate) const SERVER: &str = "10.0.0.10:5060";
pub(crate) const BOB: &str = "10.0.0.2:5060";

pub(crate) fn names() -> Vec<(SocketAddr, &'static str)> {
    [
        ("10.0.0.1:0", "Alice"),
        ("10.0.0.10:0", "Participating"),
        ("10.0.0.2:0", "Bob’s phone"),
        ("10.0.0.3:0", "Bob’s tablet"),
    ]
    .map(|(address, name)| (address.parse().unwrap(), name))
    .into()
}

pub(crate) struct Story {
    pub(crate) sightings: Vec<Sighting>,
    now: i64,
    branch: u32,
}

/// What goes into a request or response besides what all of them have.
pub(crate) struct Sip<'a> {
    pub(crate) start: &'a str,
    pub(crate) call: &'a str,
    pub(crate) cseq: &'a str,
    pub(crate) more: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) body: &'a [u8],
}

impl Story {
    pub(crate) fn new() -> Self {
        Self {
            sightings: Vec::new(),
            now: 0,
            branch: 0,
        }
    }

    pub(crate) fn wait(&mut self, milliseconds: i64) {
        self.now += milliseconds;
    }

    fn see(
        &mut self,
        protocol: Protocol,
        transport: Transport,
        from: &str,
        to: &str,
        bytes: Vec<u8>,
        lost: bool,
    ) {
        let start = DateTime::parse_from_rfc3339("2026-01-01T09:00:00Z").unwrap();
        let mut sighting = Sighting {
            at: start + chrono::TimeDelta::milliseconds(self.now),
            direction: Direction::Out,
            protocol,
            transport,
            local: from.parse().unwrap(),
            peer: to.parse().unwrap(),
            bytes: Bytes::from(bytes),
        };
        self.sightings.push(sighting.clone());
        if !lost {
            sighting.direction = Direction::In;
            sighting.at += chrono::TimeDelta::milliseconds(12);
            (sighting.local, sighting.peer) = (sighting.peer, sighting.local);
            self.sightings.push(sighting);
        }
        self.now += 20;
    }

    pub(crate) fn sip(&mut self, transport: Transport, from: &str, to: &str, sip: &Sip<'_>) {
        let bytes = self.message(transport, from, sip);
        self.see(Protocol::Sip, transport, from, to, bytes, false);
    }

    pub(crate) fn lost(&mut self, from: &str, to: &str, sip: &Sip<'_>) {
        let bytes = self.message(Transport::Udp, from, sip);
        self.see(Protocol::Sip, Transport::Udp, from, to, bytes.clone(), true);
        self.now += 480;
        self.see(Protocol::Sip, Transport::Udp, from, to, bytes, false);
    }

    fn message(&mut self, transport: Transport, from: &str, sip: &Sip<'_>) -> Vec<u8> {
        self.branch += 1;
        let to_tag = if sip.start.starts_with("SIP/2.0 ") && !sip.start.contains(" 100 ") {
            ";tag=t2"
        } else {
            ""
        };
        let mut message = format!(
            "{}\r\nVia: SIP/2.0/{} {from};branch=z9hG4bK{:08x}\r\nMax-Forwards: 70\r\n\
             From: <tel:+15550001>;tag=x1\r\nTo: <tel:+15550002>{to_tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{}",
            sip.start,
            transport.name(),
            self.branch,
            sip.call,
            sip.cseq,
            sip.more,
        );
        if !sip.body.is_empty() {
            message += &format!("Content-Type: {}\r\n", sip.content_type);
        }
        message += &format!("Content-Length: {}\r\n\r\n", sip.body.len());
        [message.as_bytes(), sip.body].concat()
    }

    pub(crate) fn msrp(
        &mut self,
        from: &str,
        to: &str,
        id: &str,
        what: &str,
        head: &str,
        body: Option<(&str, &[u8])>,
    ) {
        let mut bytes = format!(
            "MSRP {id} {what}\r\nTo-Path: msrp://{to}/s{}1;tcp\r\nFrom-Path: msrp://{from}/s{}1;tcp\r\n{head}",
            end(to),
            end(from)
        )
        .into_bytes();
        if let Some((content_type, body)) = body {
            bytes.extend(
                format!(
                    "Byte-Range: 1-{0}/{0}\r\nContent-Type: {content_type}\r\n\r\n",
                    body.len()
                )
                .bytes(),
            );
            bytes.extend(body);
            bytes.extend(b"\r\n");
        }
        bytes.extend(format!("-------{id}$\r\n").bytes());
        self.see(Protocol::Msrp, Transport::Tcp, from, to, bytes, false);
    }
}

fn end(address: &str) -> &'static str {
    match address.split(':').next() {
        Some("10.0.0.1") => "A",
        Some("10.0.0.2") => "B",
        _ => "P",
    }
}

pub(crate) fn cpim(id: &str, asks: &str, content_type: &str, body: &str) -> Vec<u8> {
    format!(
        "From: <sip:anonymous@anonymous.invalid>\r\nTo: <sip:anonymous@anonymous.invalid>\r\n\
         DateTime: 2026-01-01T09:01:00Z\r\nNS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {id}\r\n{asks}\r\n\
         Content-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

pub(crate) fn imdn(of: &str, what: &str, status: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><imdn xmlns=\"urn:ietf:params:xml:ns:imdn\"><message-id>{of}</message-id>\
         <datetime>2026-01-01T09:00:00Z</datetime><{what}-notification><status><{status}/></status></{what}-notification></imdn>"
    )
}

const ASKS: &str = "imdn.Disposition-Notification: positive-delivery, display\r\n";
const IDS: &str = "Conversation-ID: 3c7d0d5e-1111-4a4a-9b9b-000000000001\r\n\
                   Contribution-ID: 7fbe5a6c-2222-4b4b-8c8c-000000000001\r\n\
                   P-Preferred-Service: urn:urn-7:3gpp-service.ims.icsi.oma.cpm.msg\r\n\
                   Accept-Contact: *;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.oma.cpm.msg\"\r\n";

fn sdp(host: &str, port: u16, setup: &str, session: &str) -> String {
    format!(
        "v=0\r\no=- 3900000001 3900000001 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n\
         m=message {port} TCP/MSRP *\r\na=accept-types:message/cpim application/im-iscomposing+xml\r\n\
         a=accept-wrapped-types:text/plain message/imdn+xml\r\na=setup:{setup}\r\n\
         a=path:msrp://{host}:{port}/{session};tcp\r\na=sendrecv\r\n"
    )
}

/// The whole story.
pub(crate) fn told() -> Vec<Sighting> {
    use Transport::{Tcp, Tls, Udp};
    let mut story = Story::new();
    let blank = Sip {
        start: "",
        call: "",
        cseq: "",
        more: "",
        content_type: "",
        body: b"",
    };

    let register = Sip {
        start: "REGISTER sip:example.com SIP/2.0",
        call: "r1",
        cseq: "1 REGISTER",
        more: "Contact: <sip:u1@10.0.0.1:5060>;+sip.instance=\"<urn:gsma:imei:35123456-123456-0>\"\r\nExpires: 600000\r\n",
        ..blank
    };
    story.sip(Udp, ALICE, SERVER, &register);
    story.sip(Udp, SERVER, ALICE, &Sip { start: "SIP/2.0 401 Unauthorized",
        more: "WWW-Authenticate: Digest realm=\"example.com\", nonce=\"8f1c\", algorithm=SHA-256, qop=\"auth\"\r\n", ..register });
    let again = Sip {
        cseq: "2 REGISTER",
        more: "Contact: <sip:u1@10.0.0.1:5060>\r\nExpires: 600000\r\n",
        ..register
    };
    story.sip(Udp, ALICE, SERVER, &again);
    story.sip(
        Udp,
        SERVER,
        ALICE,
        &Sip {
            start: "SIP/2.0 200 OK",
            ..again
        },
    );

    story.wait(2400);
    let hello = cpim(
        "MnA1",
        ASKS,
        "text/plain; charset=UTF-8",
        "Hello, Bob! Are you there? 👋",
    );
    let message = Sip {
        start: "MESSAGE tel:+15550002 SIP/2.0",
        call: "c1@10.0.0.1",
        cseq: "1 MESSAGE",
        more: IDS,
        content_type: "message/cpim",
        body: &hello,
    };
    story.lost(ALICE, SERVER, &message);
    story.sip(
        Udp,
        SERVER,
        ALICE,
        &Sip {
            start: "SIP/2.0 202 Accepted",
            body: b"",
            more: "",
            ..message
        },
    );
    for (to, transport, call) in [(BOB, Udp, "p1"), ("10.0.0.3:5061", Tls, "p2")] {
        story.sip(transport, "10.0.0.10:5061", to, &Sip { call, ..message });
    }
    story.sip(
        Tls,
        "10.0.0.3:5061",
        "10.0.0.10:5061",
        &Sip {
            start: "SIP/2.0 480 Temporarily Unavailable",
            call: "p2",
            body: b"",
            more: "",
            ..message
        },
    );
    story.sip(
        Udp,
        BOB,
        "10.0.0.10:5061",
        &Sip {
            start: "SIP/2.0 200 OK",
            call: "p1",
            body: b"",
            more: "",
            ..message
        },
    );
    let report = cpim(
        "MnB7",
        "",
        "message/imdn+xml",
        &imdn("MnA1", "delivery", "delivered"),
    );
    let notification = Sip {
        start: "MESSAGE tel:+15550001 SIP/2.0",
        call: "n1",
        cseq: "7 MESSAGE",
        more: IDS,
        content_type: "message/cpim",
        body: &report,
    };
    for (from, to) in [(BOB, SERVER), (SERVER, ALICE)] {
        story.sip(Udp, from, to, &notification);
        story.sip(
            Udp,
            to,
            from,
            &Sip {
                start: "SIP/2.0 200 OK",
                body: b"",
                more: "",
                ..notification
            },
        );
    }

    story.wait(5200);
    let offer = sdp("10.0.0.1", 20000, "actpass", "sA1");
    let answer = sdp("10.0.0.10", 2855, "active", "sP1");
    let session = "Contact: <sip:u1@10.0.0.1:5060>\r\nSupported: timer\r\nSession-Expires: 1800;refresher=uac\r\n";
    let invite = Sip {
        start: "INVITE tel:+15550002 SIP/2.0",
        call: "i1@10.0.0.1",
        cseq: "1 INVITE",
        more: session,
        content_type: "application/sdp",
        body: offer.as_bytes(),
    };
    let far_offer = sdp("10.0.0.10", 2855, "actpass", "sP1");
    let far_answer = sdp("10.0.0.2", 20002, "active", "sB1");
    let far = Sip {
        call: "i2@10.0.0.10",
        body: far_offer.as_bytes(),
        ..invite
    };
    let sip = "10.0.0.1:43210";
    story.sip(Tcp, sip, SERVER, &invite);
    story.sip(
        Tcp,
        SERVER,
        sip,
        &Sip {
            start: "SIP/2.0 100 Trying",
            body: b"",
            more: "",
            ..invite
        },
    );
    story.sip(Tcp, "10.0.0.10:39000", BOB, &far);
    story.sip(
        Tcp,
        BOB,
        "10.0.0.10:39000",
        &Sip {
            start: "SIP/2.0 180 Ringing",
            body: b"",
            more: "Contact: <sip:b@10.0.0.2>\r\n",
            ..far
        },
    );
    story.sip(
        Tcp,
        SERVER,
        sip,
        &Sip {
            start: "SIP/2.0 180 Ringing",
            body: b"",
            ..invite
        },
    );
    story.sip(
        Tcp,
        BOB,
        "10.0.0.10:39000",
        &Sip {
            start: "SIP/2.0 200 OK",
            body: far_answer.as_bytes(),
            ..far
        },
    );
    story.sip(
        Tcp,
        "10.0.0.10:39000",
        BOB,
        &Sip {
            start: "ACK sip:b@10.0.0.2 SIP/2.0",
            cseq: "1 ACK",
            body: b"",
            more: "",
            ..far
        },
    );
    story.sip(
        Tcp,
        SERVER,
        sip,
        &Sip {
            start: "SIP/2.0 200 OK",
            body: answer.as_bytes(),
            ..invite
        },
    );
    story.sip(
        Tcp,
        sip,
        SERVER,
        &Sip {
            start: "ACK sip:as@10.0.0.10 SIP/2.0",
            cseq: "1 ACK",
            body: b"",
            more: "",
            ..invite
        },
    );

    let (near, near_to) = ("10.0.0.1:20000", "10.0.0.10:2855");
    let (out, out_to) = ("10.0.0.10:2856", "10.0.0.2:20002");
    story.msrp(
        near_to,
        near,
        "b1nd0001",
        "SEND",
        "Message-ID: mP0\r\nByte-Range: 1-0/0\r\n",
        None,
    );
    story.msrp(near, near_to, "b1nd0001", "200 OK", "", None);
    let typing = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><isComposing xmlns=\"urn:ietf:params:xml:ns:im-iscomposing\">\
                  <state>active</state><contenttype>text/plain</contenttype><refresh>60</refresh></isComposing>";
    let types = cpim("MnA3", "", "application/im-iscomposing+xml", typing);
    let hi = cpim(
        "MnA2",
        ASKS,
        "text/plain; charset=UTF-8",
        "I am at the station. <b>Where are you?</b> & when?",
    );
    let seen = cpim(
        "MnB9",
        "",
        "message/imdn+xml",
        &imdn("MnA2", "display", "displayed"),
    );
    let chat: [(&str, &str, &str, &[u8]); 6] = [
        (near, near_to, "k3hd9s20", &types),
        (out, out_to, "k3hd9s21", &types),
        (near, near_to, "k3hd9s22", &hi),
        (out, out_to, "k3hd9s23", &hi),
        (out_to, out, "k3hd9s24", &seen),
        (near_to, near, "k3hd9s25", &seen),
    ];
    for (n, (from, to, id, body)) in chat.into_iter().enumerate() {
        story.wait(if n % 2 == 0 { 900 } else { 0 });
        story.msrp(
            from,
            to,
            id,
            "SEND",
            &format!("Message-ID: {id}m\r\nSuccess-Report: no\r\n"),
            Some(("message/cpim", body)),
        );
        story.msrp(to, from, id, "200 OK", "", None);
    }
    story.msrp(
        near,
        near_to,
        "f1le0001",
        "SEND",
        "Message-ID: mF1\r\nSuccess-Report: yes\r\n",
        Some((
            "image/jpeg",
            &[&[0xff, 0xd8, 0xff, 0xe0, 0, 0x10][..], b"JFIF", &[0; 900]].concat(),
        )),
    );
    story.msrp(
        near_to,
        near,
        "f1le0001",
        "413 Stop Sending Message",
        "",
        None,
    );
    story.msrp(
        near_to,
        near,
        "rep00001",
        "REPORT",
        "Message-ID: mF1\r\nByte-Range: 1-910/910\r\nStatus: 000 413\r\n",
        None,
    );

    story.wait(31_000);
    story.sip(
        Tcp,
        sip,
        SERVER,
        &Sip {
            start: "BYE sip:as@10.0.0.10 SIP/2.0",
            cseq: "2 BYE",
            body: b"",
            more: "Reason: SIP;cause=200;text=\"Call completed\"\r\n",
            ..invite
        },
    );
    story.sip(
        Tcp,
        SERVER,
        sip,
        &Sip {
            start: "SIP/2.0 200 OK",
            cseq: "2 BYE",
            body: b"",
            more: "",
            ..invite
        },
    );
    story.sightings
}
