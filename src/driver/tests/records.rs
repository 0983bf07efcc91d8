//! SRV and NAPTR records, from a name server of a few lines.

use super::*;
use crate::engine::{Naptr, RecordKind, Srv};
use tokio::net::UdpSocket;

/// Answers each question (RFC 1035 §4.1) with one record of the type that was asked for.
async fn serve(socket: UdpSocket) {
    let mut buffer = [0; 512];
    loop {
        let (len, peer) = socket.recv_from(&mut buffer).await.unwrap();
        let query = &buffer[..len];
        let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let kind = u16::from_be_bytes([query[end - 4], query[end - 3]]);
        let data: &[u8] = match kind {
            33 => b"\0\x01\0\x02\x13\xc4\x01a\x07example\0",
            35 => b"\0\x32\0\x33\x01s\x07SIP+D2T\0\x04_sip\x04_tcp\x07example\0",
            _ => panic!("type {kind}"),
        };
        let mut answer = query[..2].to_vec();
        answer.extend([0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0]);
        answer.extend(&query[12..end]);
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).unwrap()]);
        answer.extend(data);
        socket.send_to(&answer, peer).await.unwrap();
    }
}

#[tokio::test]
async fn rfc3263_4_records_are_looked_up() {
    let socket = UdpSocket::bind(loopback()).await.unwrap();
    let mut net = Net::new();
    net.sockets.set_name_server(socket.local_addr().unwrap());
    tokio::spawn(serve(socket));
    for (kind, record) in [
        (
            RecordKind::Srv,
            Record::Srv(Srv {
                priority: 1,
                weight: 2,
                port: 5060,
                target: "a.example.".into(),
            }),
        ),
        (
            RecordKind::Naptr,
            Record::Naptr(Naptr {
                order: 50,
                preference: 51,
                flags: "s".into(),
                service: "SIP+D2T".into(),
                regexp: "".into(),
                replacement: "_sip._tcp.example.".into(),
            }),
        ),
    ] {
        net.dummy.outbox.look_up("_sip._tcp.example".into(), kind);
        assert_eq!(net.next().await, Event::LookedUp(vec![record]));
    }
    net.dummy.outbox.look_up("no..name".into(), RecordKind::Srv);
    assert_eq!(net.next().await, Event::LookedUp(vec![]));
}
