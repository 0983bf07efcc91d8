//! Via: the way a request has come and its response goes back.

use super::read_by;
use crate::sip::HeaderError;
use crate::sip::msg::{Header, Name};
use crate::wire::Text;
use crate::wire::cursor::{Cursor, Syntax, write_line};
use crate::wire::host::{Host, HostPort, HostPortRef, HostRef};
use crate::wire::params::{Params, ParamsRef};
use std::net::IpAddr;

/// One hop of a request (RFC 3261 §20.42).
///
/// ```
/// use cpm::sip::msg::{Header, header::Via};
///
/// let via = Via::parse(&"SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3;rport".into())?;
/// assert_eq!(via.transport, "UDP");
/// assert_eq!(via.branch(), Some("z9hG4bKas3"));
/// assert_eq!(via.rport(), Some(None));
/// # Ok::<(), cpm::sip::HeaderError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// The transport, in capitals as a rule: `UDP`, `TCP`, `TLS`, `WSS`.
    pub transport: Text,
    /// The address that the sender gave itself.
    pub sent_by: HostPort,
    /// The parameters.
    pub params: Params,
}

impl Via {
    /// How every branch begins whose sender makes them unique (RFC 3261 §8.1.1.7).
    pub const MAGIC_COOKIE: &'static str = "z9hG4bK";

    /// A hop with a branch.
    pub fn new(transport: &str, sent_by: HostPort, branch: &str) -> Self {
        Self {
            transport: known(transport).unwrap_or_else(|| Text::from(transport)),
            sent_by,
            params: Params::new().with("branch", Some(branch)),
        }
    }

    /// The transaction of this hop.
    pub fn branch(&self) -> Option<&str> {
        self.params.value("branch")
    }

    /// The branch, if it is unique over space and time: it has the magic cookie and something after it.
    pub fn unique_branch(&self) -> Option<&str> {
        let branch = self.branch()?;
        let (cookie, rest) = branch.split_at_checked(Self::MAGIC_COOKIE.len())?;
        let unique = cookie.eq_ignore_ascii_case(Self::MAGIC_COOKIE) && !rest.is_empty();
        unique.then_some(branch)
    }

    /// The address the request really came from, as the next hop saw it. With or without brackets for
    /// IPv6 (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        let value = self.params.value("received")?;
        let bare = value.strip_prefix('[').and_then(|v| v.strip_suffix(']'));
        bare.unwrap_or(value).parse().ok()
    }

    /// Says where the request really came from (RFC 3261 §18.2.1).
    pub fn set_received(&mut self, address: IpAddr) {
        self.params.set("received", Some(&address.to_string()));
    }

    /// The port the request really came from (RFC 3581 §3): `None` if nobody asks, `Some(None)` if the
    /// sender asks and nobody has answered.
    pub fn rport(&self) -> Option<Option<u16>> {
        let value = self.params.get("rport")?;
        Some(value.and_then(|port| port.parse().ok()))
    }

    /// Says from which port the request really came (RFC 3581 §4).
    pub fn set_rport(&mut self, port: u16) {
        self.params.set("rport", Some(&port.to_string()));
    }

    /// The host that a response to this hop goes to (`maddr`, RFC 3261 §18.2.2).
    pub fn maddr(&self) -> Option<Host> {
        Host::parse(&self.params.text("maddr")?).ok()
    }

    /// The same hop in a buffer of its own.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self {
            transport: known(&self.transport).unwrap_or_else(|| self.transport.compact()),
            sent_by: self.sent_by.compact(),
            params: self.params.compact(),
        }
    }
}

/// A transport that costs nothing to keep.
fn known(transport: &str) -> Option<Text> {
    Some(Text::from_static(match transport {
        "UDP" => "UDP",
        "TCP" => "TCP",
        "TLS" => "TLS",
        "WS" => "WS",
        "WSS" => "WSS",
        "SCTP" => "SCTP",
        _ => return None,
    }))
}

/// `SIP/2.0/`, however it is spaced.
fn skip_protocol(cursor: &mut Cursor<'_>) -> Result<(), Syntax> {
    if cursor.eat_text("SIP/2.0/") {
        cursor.skip_lws();
        return Ok(());
    }
    let start = cursor.clone();
    let spaced = cursor.eat_ignore_case("SIP")
        && cursor.eat_spaced(b'/')
        && cursor.eat_ignore_case("2.0")
        && cursor.eat_spaced(b'/');
    match spaced {
        true => Ok(()),
        false => Err(start.error("SIP/2.0 and a transport")),
    }
}

/// A hop that was read and is not kept.
struct ViaRef<'a> {
    transport: &'a str,
    sent_by: HostPortRef<'a>,
    params: ParamsRef<'a>,
}

impl<'a> ViaRef<'a> {
    #[inline(always)]
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, Syntax> {
        skip_protocol(cursor)?;
        let transport = cursor.token()?;
        let before = cursor.at();
        cursor.skip_lws();
        if cursor.at() == before {
            return Err(cursor.error("a space"));
        }
        let host = HostRef::read(cursor)?;
        let port = match cursor.eat_spaced(b':') {
            true => Some(cursor.number()?),
            false => None,
        };
        Ok(Self {
            transport,
            sent_by: HostPortRef { host, port },
            params: ParamsRef::read(cursor)?,
        })
    }
}

impl Header for Via {
    const NAME: Name = Name::Via;
    const LIST: bool = true;

    read_by!(ViaRef::read, |via: ViaRef<'_>, value: &Text| Self {
        transport: known(via.transport).unwrap_or_else(|| value.slice_ref(via.transport)),
        sent_by: via.sent_by.own(value),
        params: via.params.own(value),
    });

    fn write(&self, out: &mut String) {
        out.push_str("SIP/2.0/");
        write_line(&self.transport, out);
        out.push(' ');
        self.sent_by.write(out);
        self.params.write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hops_there_and_back() {
        there_and_back::<Via>(&[
            (
                "SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds",
                "SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds",
            ),
            (
                "SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1",
                "SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1",
            ),
            // RFC 4475 §3.1.1.1.
            (
                "SIP  / 2.0  / TCP     spindle.example.com   ;  branch  =   z9hG4bK9ikj8",
                "SIP/2.0/TCP spindle.example.com;branch=z9hG4bK9ikj8",
            ),
            (
                "SIP  /   2.0 /UDP 192.0.2.2;branch=390skdjuw",
                "SIP/2.0/UDP 192.0.2.2;branch=390skdjuw",
            ),
            ("sip/2.0/udp a", "SIP/2.0/udp a"),
            (
                "SIP/2.0/UNKNOWN t4.example.com:5060;rport",
                "SIP/2.0/UNKNOWN t4.example.com:5060;rport",
            ),
            // RFC 4475 §3.1.1.2: every character of a token.
            (
                "SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
                "SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
            ),
            // RFC 5118.
            (
                "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111",
                "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111",
            ),
            (
                "SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
                "SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19",
            ),
        ]);
    }

    #[test]
    fn what_is_no_hop_says_where() {
        refused::<Via>(&[
            ("", 0),
            ("SIP/3.0/UDP a", 0),
            ("HTTP/2.0/UDP a", 0),
            ("SIP/2.0/ a", 10),
            ("SIP/2.0/UDP", 11),
            ("SIP/2.0/UDP;branch=1", 11),
            ("SIP/2.0/UDP a:b", 14),
            ("SIP/2.0/UDP a:70000", 14),
            ("SIP/2.0/UDP [::1", 16),
            ("SIP/2.0/UDP a;b=c d", 18),
            ("SIP/2.0/UDP a, SIP/2.0/UDP b", 13),
        ]);
    }

    #[test]
    fn rfc5118_4_5_received_with_and_without_brackets() {
        for value in ["[2001:db8::9:255]", "2001:db8::9:255"] {
            let via: Via = read(&format!("SIP/2.0/UDP a;received={value}"));
            assert_eq!(via.received(), Some("2001:db8::9:255".parse().unwrap()));
        }
        assert_eq!(read::<Via>("SIP/2.0/UDP a;received=host").received(), None);
    }

    #[test]
    fn rfc3581_4_received_and_rport_are_filled_in() {
        let mut via: Via = read("SIP/2.0/UDP 10.1.1.1:4540;rport;branch=z9hG4bKkjshdyff");
        assert_eq!(via.rport(), Some(None));
        via.set_received("192.0.2.1".parse().unwrap());
        via.set_rport(9988);
        assert_eq!(
            written(&via),
            "SIP/2.0/UDP 10.1.1.1:4540;rport=9988;branch=z9hG4bKkjshdyff;received=192.0.2.1"
        );
        assert_eq!(via.rport(), Some(Some(9988)));
        via.set_received("2001:db8::1".parse().unwrap());
        assert_eq!(via.received(), Some("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn rfc3261_8_1_1_7_a_branch_of_only_the_cookie_is_not_unique() {
        let unique = |branch: &str| {
            read::<Via>(&format!("SIP/2.0/UDP a;branch={branch}"))
                .unique_branch()
                .is_some()
        };
        assert!(unique("z9hG4bK1"));
        assert!(unique("Z9HG4BK1"));
        assert!(!unique("z9hG4bK"));
        assert!(!unique("390skdjuw"));
        assert!(!unique("é"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            transport in "UDP|TLS|[A-Z]{1,6}",
            host in "[a-z][a-z0-9.-]{0,12}|192\\.0\\.2\\.[0-9]|\\[2001:db8::[0-9a-f]{1,4}\\]",
            port in proptest::option::of(any::<u16>()),
            branch in "[a-zA-Z0-9.!%*_+`'~-]{1,20}",
        ) {
            let mut sent_by: HostPort = host.parse().unwrap();
            sent_by.port = port;
            let via = Via::new(&transport, sent_by, &branch);
            let again = read::<Via>(&written(&via));
            prop_assert_eq!(again.branch(), Some(branch.as_str()));
            prop_assert_eq!(again, via);
        }

        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_is_stable(text in "SIP/2.0/UDP [ -~é]{0,40}") {
            if let Ok(via) = Via::parse(&Text::from(text)) {
                prop_assert_eq!(read::<Via>(&written(&via)), via);
            }
        }
    }
}
