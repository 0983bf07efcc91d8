//! Hosts as URIs and header fields write them.

use super::Text;
use super::cursor::{ByteSet, Cursor, Syntax};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// A domain name, an IPv4 address or an IPv6 reference (`host` of RFC 3261 §25.1).
///
/// Names are compared without regard to case, addresses by what they say: `[2001:DB8::1]` and
/// `[2001:db8:0::1]` are one host.
#[derive(Clone)]
pub enum Host {
    /// A domain name as it was written.
    Name(Text),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, written in square brackets.
    V6(Ipv6Addr),
}

impl Host {
    /// Reads a host out of a longer text; `text` is what the cursor runs over.
    ///
    /// # Errors
    ///
    /// The next byte begins no host, or the IPv6 reference is none.
    pub fn read(text: &Text, cursor: &mut Cursor<'_>) -> Result<Self, Syntax> {
        Ok(HostRef::read(cursor)?.own(text))
    }

    /// Parses a host. An IPv6 address may come without brackets, as many write it in `received`
    /// (RFC 5118 §4.5).
    ///
    /// # Errors
    ///
    /// It is not a host.
    pub fn parse(text: &Text) -> Result<Self, Syntax> {
        if let Ok(address) = text.parse() {
            return Ok(Self::V6(address));
        }
        let mut cursor = Cursor::new(text);
        let host = Self::read(text, &mut cursor)?;
        cursor.end()?;
        Ok(host)
    }

    /// The host of that name or address; a name that is none is kept as it is.
    pub fn named(text: &str) -> Self {
        let text = Text::from(text);
        Self::parse(&text).unwrap_or(Self::Name(text))
    }

    /// The address, if it is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }

    /// Writes the host; IPv6 in brackets. What no name can have is left out, so that a host cannot end what
    /// it stands in.
    pub fn write(&self, out: &mut String) {
        const HOST: &ByteSet = &ByteSet::HOST;
        let allowed = |c: &char| u8::try_from(*c).is_ok_and(|byte| HOST.contains(byte));
        match self {
            Self::Name(name) if HOST.covers(name) => out.push_str(name),
            Self::Name(name) => out.extend(name.chars().filter(allowed)),
            Self::V4(address) => {
                for (place, octet) in address.octets().into_iter().enumerate() {
                    if place > 0 {
                        out.push('.');
                    }
                    write_number(octet.into(), out);
                }
            }
            Self::V6(address) => out.extend(["[", &address.to_string(), "]"]),
        }
    }

    /// The same host in a buffer of its own.
    #[must_use]
    pub fn compact(&self) -> Self {
        match self {
            Self::Name(name) => Self::Name(name.compact()),
            other => other.clone(),
        }
    }
}

/// Writes a number in decimal digits. Every message has some, and the formatter of the standard library takes its time.
fn write_number(number: u16, out: &mut String) {
    let mut rest = number;
    let digits = [10_000, 1_000, 100, 10, 1].map(|place| {
        let digit = rest / place;
        rest %= place;
        // At most 6 of 65535, and 9 after that.
        b'0' + digit as u8
    });
    let leading = digits.iter().take(4).take_while(|digit| **digit == b'0');
    let start = leading.count();
    for digit in digits.iter().skip(start) {
        out.push(char::from(*digit));
    }
}

impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(a), Self::Name(b)) => a.eq_ignore_ascii_case(b),
            (Self::V4(a), Self::V4(b)) => a == b,
            (Self::V6(a), Self::V6(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Host {}

impl Hash for Host {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Name(name) => {
                for byte in name.bytes() {
                    state.write_u8(byte.to_ascii_lowercase());
                }
                state.write_u8(0xff);
            }
            Self::V4(address) => address.hash(state),
            Self::V6(address) => address.hash(state),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.pad(&out)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl FromStr for Host {
    type Err = Syntax;

    fn from_str(text: &str) -> Result<Self, Syntax> {
        Self::parse(&Text::from(text))
    }
}

/// A host and, where one is written, a port (`hostport` of RFC 3261 §25.1).
///
/// ```
/// use cpm::wire::host::HostPort;
///
/// let sent_by: HostPort = "[2001:db8::9:1]:5070".parse()?;
/// assert_eq!(sent_by.port, Some(5070));
/// assert!(sent_by.host.ip().is_some());
/// # Ok::<(), cpm::wire::cursor::Syntax>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// The host.
    pub host: Host,
    /// The port, if one is written: without a port and with the default port are not the same.
    pub port: Option<u16>,
}

impl HostPort {
    /// A host without a port.
    pub const fn new(host: Host) -> Self {
        Self { host, port: None }
    }

    /// Reads host and port out of a longer text; `text` is what the cursor runs over.
    ///
    /// # Errors
    ///
    /// No host, or a colon without a port between 0 and 65535 after it.
    pub fn read(text: &Text, cursor: &mut Cursor<'_>) -> Result<Self, Syntax> {
        Ok(HostPortRef::read(cursor)?.own(text))
    }

    /// Parses host and port, with nothing after it.
    ///
    /// # Errors
    ///
    /// It is not `host[:port]`.
    pub fn parse(text: &Text) -> Result<Self, Syntax> {
        let mut cursor = Cursor::new(text);
        let this = Self::read(text, &mut cursor)?;
        cursor.end()?;
        Ok(this)
    }

    /// Writes host and port.
    pub fn write(&self, out: &mut String) {
        self.host.write(out);
        if let Some(port) = self.port {
            out.push(':');
            write_number(port, out);
        }
    }

    /// The same in a buffer of its own.
    #[must_use]
    pub fn compact(&self) -> Self {
        Self {
            host: self.host.compact(),
            port: self.port,
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.pad(&out)
    }
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        Self {
            host: address.ip().into(),
            port: Some(address.port()),
        }
    }
}

impl FromStr for HostPort {
    type Err = Syntax;

    fn from_str(text: &str) -> Result<Self, Syntax> {
        Self::parse(&Text::from(text))
    }
}

/// The value of a hexadecimal digit; of all else, no digit.
#[inline(always)]
fn hex(byte: u8) -> u8 {
    const HEX: [u8; 256] = {
        let (mut values, mut value) = ([u8::MAX; 256], 0);
        while value < 16 {
            values[b"0123456789abcdef"[value] as usize] = value as u8;
            values[b"0123456789ABCDEF"[value] as usize] = value as u8;
            value += 1;
        }
        values
    };
    HEX[usize::from(byte)]
}

/// Reads an IPv6 address in square brackets.
#[inline(never)]
fn read_v6(cursor: &mut Cursor<'_>) -> Result<Ipv6Addr, Syntax> {
    const V6: &ByteSet = &ByteSet::of(b"0123456789abcdefABCDEF:.");
    let error = cursor.error("an IPv6 address");
    cursor.expect(b'[', "an opening bracket")?;
    if let Some((address, end)) = groups(cursor.bytes(), cursor.at())
        && cursor.bytes().get(end) == Some(&b']')
    {
        cursor.skip(end + 1 - cursor.at());
        return Ok(address);
    }
    // It ends like an IPv4 address, or is none. The standard library takes five times as long to tell.
    let address = cursor.take_while(V6).parse().map_err(|_| error)?;
    cursor.expect(b']', "a closing bracket")?;
    Ok(address)
}

/// The address made of groups of hexadecimal digits that begins at `at`, and where it ends.
fn groups(bytes: &[u8], mut at: usize) -> Option<(Ipv6Addr, usize)> {
    // All groups so far, how many they are, and before which of them the gap is.
    let (mut address, mut count, mut gap) = (0u128, 0, None);
    if bytes.get(at..)?.starts_with(b"::") {
        (at, gap) = (at + 2, Some(0));
    }
    loop {
        let start = at;
        let mut group = 0u32;
        while let Some(digit @ ..16) = bytes.get(at).map(|byte| hex(*byte)) {
            group = group << 4 | u32::from(digit);
            at += 1;
        }
        match at - start {
            1..=4 if count < 8 => {}
            // After a gap there may be no group at all.
            0 if gap == Some(count) => break,
            _ => return None,
        }
        (address, count) = (address << 16 | u128::from(group), count + 1);
        match bytes.get(at..) {
            Some([b':', b':', ..]) if gap.is_none() => (at, gap) = (at + 2, Some(count)),
            Some([b':', ..]) => at += 1,
            _ => break,
        }
    }
    let address = match gap {
        None if count == 8 => address,
        // A gap stands for one group at least. What is before it moves to the front.
        Some(0) if count < 8 => address,
        Some(gap) if count < 8 => {
            let after = 16 * (count - gap);
            (address >> after) << (128 - 16 * gap) | (address & ((1 << after) - 1))
        }
        _ => return None,
    };
    Some((Ipv6Addr::from_bits(address), at))
}

/// A host that was read and is not kept.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HostRef<'a> {
    Name(&'a str),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl<'a> HostRef<'a> {
    /// Reads as [`Host::read`].
    #[inline(always)]
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, Syntax> {
        const HOST: &ByteSet = &ByteSet::HOST;
        if cursor.peek() == Some(b'[') {
            return read_v6(cursor).map(Self::V6);
        }
        let name = cursor.take_while(HOST);
        if name.is_empty() {
            return Err(cursor.error("a host"));
        }
        // Only what begins and ends with a digit can be an IPv4 address.
        let numeric = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_digit());
        if numeric(name.bytes().next())
            && numeric(name.bytes().next_back())
            && let Ok(address) = name.parse()
        {
            return Ok(Self::V4(address));
        }
        Ok(Self::Name(name))
    }

    /// The host, sharing the buffer of `text`, out of which it was read.
    pub(crate) fn own(self, text: &Text) -> Host {
        match self {
            Self::Name(name) => Host::Name(text.slice_ref(name)),
            Self::V4(address) => Host::V4(address),
            Self::V6(address) => Host::V6(address),
        }
    }
}

/// Host and port that were read and are not kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostPortRef<'a> {
    pub(crate) host: HostRef<'a>,
    pub(crate) port: Option<u16>,
}

impl<'a> HostPortRef<'a> {
    /// Reads as [`HostPort::read`].
    #[inline(always)]
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, Syntax> {
        let host = HostRef::read(cursor)?;
        let port = match cursor.eat(b':') {
            true => Some(cursor.number()?),
            false => None,
        };
        Ok(Self { host, port })
    }

    /// Both, sharing the buffer of `text`, out of which they were read.
    pub(crate) fn own(self, text: &Text) -> HostPort {
        HostPort {
            host: self.host.own(text),
            port: self.port,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_written_as_the_standard_library_writes_it() {
        for number in 0..=u16::MAX {
            let mut out = String::new();
            write_number(number, &mut out);
            assert_eq!(out, number.to_string());
        }
    }

    #[test]
    fn hosts_and_ports_there_and_back() {
        for (text, ip, port) in [
            ("example.com", None, None),
            ("Example.COM:5060", None, Some(5060)),
            ("spindle_1.example", None, None),
            ("192.0.2.1", Some("192.0.2.1"), None),
            ("192.0.2.1:0", Some("192.0.2.1"), Some(0)),
            ("1.2.3.4.example", None, None),
            ("[2001:db8::9:1]", Some("2001:db8::9:1"), None),
            ("[2001:db8::10]:5070", Some("2001:db8::10"), Some(5070)),
            // RFC 5118 §4.9 and §4.10.
            (
                "[::ffff:192.0.2.10]:19823",
                Some("::ffff:192.0.2.10"),
                Some(19823),
            ),
        ] {
            let parsed: HostPort = text.parse().unwrap();
            assert_eq!(parsed.host.ip(), ip.map(|ip| ip.parse().unwrap()), "{text}");
            assert_eq!(parsed.port, port, "{text}");
            assert_eq!(parsed.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_host_says_where() {
        for (text, at) in [
            ("", 0),
            ("@", 0),
            ("2001:db8::10", 5), // The first group reads as a host, the rest is no port.
            ("[2001:db8:::192.0.2.1]", 0),
            ("[::1", 4),
            ("[]", 0),
            ("a:", 2),
            ("a:65536", 2),
            ("a:1x", 3),
            ("[::1]x", 5),
        ] {
            let error = text.parse::<HostPort>().unwrap_err();
            assert_eq!(error.at, at, "{text}: {error}");
        }
    }

    #[test]
    fn a_bare_ipv6_address_is_read_where_no_port_can_follow() {
        for text in ["2001:db8::9:255", "[2001:db8::9:255]"] {
            let host: Host = text.parse().unwrap();
            assert_eq!(host.to_string(), "[2001:db8::9:255]");
        }
    }

    /// The address that is read between brackets.
    fn parse_v6(text: &str) -> Option<Ipv6Addr> {
        let bracketed = format!("[{text}]");
        let mut cursor = Cursor::new(&bracketed);
        let address = read_v6(&mut cursor).ok()?;
        cursor.is_end().then_some(address)
    }

    #[test]
    fn rfc4291_2_2_an_address_is_what_the_standard_library_says() {
        for text in [
            "::",
            "::1",
            "1::",
            "1::8",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4::5:6:7:8",
            "1::2::3",
            ":::",
            "1:::2",
            ":1",
            "1:",
            ":",
            "",
            "12345::",
            "ABCD:ef01::",
            "g::",
            "::1.2.3.4",
            "1:2:3:4:5:6:1.2.3.4",
            "::1.2.3",
            "2001:db8:::192.0.2.1",
        ] {
            assert_eq!(parse_v6(text), text.parse().ok(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn rfc4291_2_2_any_address_is_what_the_standard_library_says(text in "[0-9a-fA-F:.]{0,24}|([0-9a-f]{0,4}:){1,8}[0-9a-f]{0,4}") {
            proptest::prop_assert_eq!(parse_v6(&text), text.parse().ok());
        }
    }

    #[test]
    fn a_name_that_is_none_does_not_end_what_it_stands_in() {
        assert_eq!(Host::named("a.example>\r\nX: y").to_string(), "a.exampleXy");
        assert_eq!(Host::named("2001:db8::1").to_string(), "[2001:db8::1]");
    }

    #[test]
    fn names_are_compared_without_case_and_addresses_by_value() {
        let same = |a: &str, b: &str| a.parse::<Host>().unwrap() == b.parse::<Host>().unwrap();
        assert!(same("AtLanTa.CoM", "atlanta.com"));
        assert!(same("[2001:DB8:0::1]", "[2001:db8::1]"));
        assert!(!same("192.0.2.1", "[::ffff:192.0.2.1]"));
        assert!(!same("a.example", "b.example"));
    }
}
