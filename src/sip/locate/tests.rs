use super::*;
use crate::engine::Seed;
use std::collections::HashMap;

/// A part of the domain name system.
#[derive(Default)]
struct Zone {
    records: HashMap<(String, RecordKind), Vec<Record>>,
    addresses: HashMap<String, Vec<IpAddr>>,
    asked: Vec<String>,
}

impl Zone {
    fn srv(mut self, name: &str, all: &[(u16, u16, u16, &str)]) -> Self {
        let srv = |(priority, weight, port, target): &(u16, u16, u16, &str)| {
            Record::Srv(Srv {
                priority: *priority,
                weight: *weight,
                port: *port,
                target: Text::from(*target),
            })
        };
        let records = all.iter().map(srv).collect();
        self.records.insert((name.into(), RecordKind::Srv), records);
        self
    }

    fn naptr(mut self, name: &str, all: &[(u16, u16, &str, &str, &str)]) -> Self {
        let naptr = |(order, preference, flags, service, to): &(u16, u16, &str, &str, &str)| {
            Record::Naptr(Naptr {
                order: *order,
                preference: *preference,
                flags: Text::from(*flags),
                service: Text::from(*service),
                regexp: Text::default(),
                replacement: Text::from(*to),
            })
        };
        let records = all.iter().map(naptr).collect();
        let key = (name.into(), RecordKind::Naptr);
        self.records.insert(key, records);
        self
    }

    fn host(mut self, name: &str, addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
        self.addresses.insert(name.into(), addresses);
        self
    }

    /// Every place that a request to `uri` is tried at, in order.
    fn all(&mut self, uri: &str) -> Vec<String> {
        self.with(uri, Transport::Udp, 1)
    }

    fn with(&mut self, uri: &str, default: Transport, seed: u64) -> Vec<String> {
        let mut ids = Ids::new(Seed::from_number(seed));
        let wanted = Wanted::of(uri.parse::<crate::sip::Uri>().unwrap().as_sip().unwrap());
        let Some(wanted) = wanted else {
            return vec!["impossible".into()];
        };
        let supported = match default {
            Transport::Tls => vec![Transport::Tls],
            _ => vec![Transport::Udp, Transport::Tcp, Transport::Tls],
        };
        let preferences = Preferences { default, supported };
        let mut locator = Locator::new(&wanted, preferences, 4);
        let mut tried = Vec::new();
        self.asked.clear();
        loop {
            match locator.step() {
                Step::Try(to) => {
                    let name = to.name.map(|name| format!(" {name}")).unwrap_or_default();
                    tried.push(format!("{} {}{name}", to.transport.name(), to.peer));
                }
                Step::Ask(Question::Addresses(name)) => {
                    self.asked.push(format!("A {name}"));
                    locator.addresses(self.addresses.get(&*name).map_or(&[], Vec::as_slice));
                }
                Step::Ask(Question::Records(name, kind)) => {
                    self.asked.push(format!("{kind:?} {name}"));
                    let found = self.records.get(&(name.to_string(), kind));
                    locator.records(&mut ids, found.cloned().unwrap_or_default());
                }
                Step::Exhausted => {
                    assert!(!locator.has_more() || tried.len() == 4);
                    return tried;
                }
            }
        }
    }
}

#[test]
fn rfc3263_4_1_an_address_or_a_port_needs_no_records() {
    let mut zone = Zone::default().host("h.example", &["192.0.2.7"]);
    for (uri, to) in [
        ("sip:192.0.2.1", "UDP 192.0.2.1:5060"),
        ("sip:[2001:db8::1]:99", "UDP [2001:db8::1]:99"),
        ("sips:192.0.2.1", "TLS 192.0.2.1:5061"),
        ("sip:192.0.2.1;transport=tcp", "TCP 192.0.2.1:5060"),
        ("sips:192.0.2.1:7;transport=tcp", "TLS 192.0.2.1:7"),
        ("sip:example.com;maddr=192.0.2.3", "UDP 192.0.2.3:5060"),
    ] {
        assert_eq!(zone.all(uri), [to], "{uri}");
        assert!(zone.asked.is_empty());
    }
    assert_eq!(
        zone.all("sip:h.example:5070"),
        ["UDP 192.0.2.7:5070 h.example"]
    );
    assert_eq!(
        zone.all("sips:h.example:5070"),
        ["TLS 192.0.2.7:5070 h.example"]
    );
    assert_eq!(zone.asked, ["A h.example"]);
    assert_eq!(zone.all("sips:h.example;transport=udp"), ["impossible"]);
    assert_eq!(zone.all("sip:h.example;transport=sctp"), ["impossible"]);
}

/// The example of §4.1, with its servers.
fn example() -> Zone {
    Zone::default()
        .naptr(
            "example.com",
            &[
                (90, 50, "s", "SIP+D2T", "_sip._tcp.example.com."),
                (50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com."),
                (100, 50, "s", "SIP+D2U", "_sip._udp.example.com."),
                (10, 50, "u", "E2U+sip", "."),
            ],
        )
        .srv(
            "_sips._tcp.example.com",
            &[(1, 1, 5061, "server1.example.com.")],
        )
        .srv(
            "_sip._tcp.example.com",
            &[
                (1, 1, 5060, "server1.example.com."),
                (0, 1, 5070, "server2.example.com."),
            ],
        )
        .host("server1.example.com", &["192.0.2.1", "2001:db8::1"])
        .host("server2.example.com", &["192.0.2.2"])
}

#[test]
fn rfc3263_4_1_the_domain_says_which_transport_by_naptr() {
    let mut zone = example();
    assert_eq!(
        zone.all("sip:user@example.com"),
        [
            "TLS 192.0.2.1:5061 example.com",
            "TLS [2001:db8::1]:5061 example.com",
            "TCP 192.0.2.2:5070 example.com",
            "TCP 192.0.2.1:5060 example.com",
        ]
    );
    // Asked in turn, and no more than is needed.
    assert_eq!(
        zone.asked[..3],
        [
            "Naptr example.com",
            "Srv _sips._tcp.example.com",
            "A server1.example.com"
        ]
    );
    let only_tls = [
        "TLS 192.0.2.1:5061 example.com",
        "TLS [2001:db8::1]:5061 example.com",
    ];
    assert_eq!(zone.all("sips:user@example.com"), only_tls);
    // Who was told to use TLS does not fall back to something else.
    assert_eq!(
        zone.with("sip:user@example.com", Transport::Tls, 1),
        only_tls
    );
}

#[test]
fn rfc3263_4_1_without_naptr_each_transport_is_asked_for() {
    let mut zone = Zone::default()
        .srv("_sip._tcp.example.com", &[(0, 0, 5080, "a.example.com")])
        .host("a.example.com", &["192.0.2.1"])
        .host("example.com", &["192.0.2.9"]);
    assert_eq!(
        zone.all("sip:example.com"),
        ["TCP 192.0.2.1:5080 example.com"]
    );
    assert_eq!(
        zone.asked,
        [
            "Naptr example.com",
            "Srv _sip._udp.example.com",
            "Srv _sip._tcp.example.com",
            "A a.example.com",
            // Had that failed:
            "Srv _sips._tcp.example.com"
        ]
    );
    // A domain without any records is a host.
    assert_eq!(
        Zone::default()
            .host("h.example", &["192.0.2.9"])
            .all("sip:h.example"),
        ["UDP 192.0.2.9:5060 h.example"]
    );
}

#[test]
fn rfc3263_4_2_a_named_transport_has_its_srv_or_the_host_itself() {
    let mut zone = example().host("h.example", &["192.0.2.9"]);
    assert_eq!(
        zone.all("sip:example.com;transport=tcp"),
        [
            "TCP 192.0.2.2:5070 example.com",
            "TCP 192.0.2.1:5060 example.com",
            "TCP [2001:db8::1]:5060 example.com"
        ]
    );
    assert_eq!(zone.asked[0], "Srv _sip._tcp.example.com");
    assert_eq!(
        zone.all("sip:h.example;transport=tls"),
        ["TLS 192.0.2.9:5061 h.example"]
    );
}

#[test]
fn rfc2782_a_service_that_is_not_there_is_not_looked_for_elsewhere() {
    let mut zone = Zone::default()
        .srv("_sip._tcp.example.com", &[(0, 0, 0, ".")])
        .host("example.com", &["192.0.2.9"]);
    assert!(zone.all("sip:example.com;transport=tcp").is_empty());
}

#[test]
fn rfc2782_priorities_are_kept_and_weights_are_chances() {
    let names = ["a", "b", "c", "z"];
    let mut zone = Zone::default().srv(
        "_sip._udp.example.com",
        &[
            (2, 9, 1, "z"),
            (1, 0, 1, "a"),
            (1, 10, 1, "b"),
            (1, 30, 1, "c"),
        ],
    );
    for (n, name) in names.iter().enumerate() {
        zone = zone.host(name, &[&format!("192.0.2.{n}")]);
    }
    let mut first = [0; 4];
    for seed in 0..1000 {
        let order = zone.with("sip:example.com;transport=udp", Transport::Udp, seed);
        let host = |at: usize| order[at].as_bytes()[12] - b'0';
        first[usize::from(host(0))] += 1;
        assert_eq!((order.len(), host(3)), (4, 3), "{order:?}");
    }
    // 1, 10 and 30 of 41.
    assert!((5..70).contains(&first[0]), "{first:?}");
    assert!((180..320).contains(&first[1]), "{first:?}");
    assert!((650..810).contains(&first[2]), "{first:?}");
}

#[test]
fn what_a_domain_can_cause_is_bounded() {
    let many: Vec<_> = (0..500).map(|n| (n, 1, 5060, "none.example")).collect();
    let services = [(1, 1, "s", "SIP+D2U", "_sip._udp.example.com"); 100];
    let mut zone = Zone::default()
        .srv("_sip._udp.example.com", &many)
        .naptr("example.com", &services);
    assert!(zone.all("sip:example.com").is_empty());
    assert!(zone.asked.len() <= 10, "{:?}", zone.asked);
}

#[test]
fn who_hears_nothing_stops_asking() {
    let preferences = Preferences {
        default: Transport::Udp,
        supported: vec![Transport::Udp, Transport::Tcp],
    };
    let uri: crate::sip::Uri = "sip:example.com".parse().unwrap();
    let wanted = Wanted::of(uri.as_sip().unwrap()).unwrap();
    let mut locator = Locator::new(&wanted, preferences, 8);
    let mut asked = 0;
    while let Step::Ask(_) = locator.step() {
        asked += 1;
        locator.silence();
    }
    // NAPTR, then the addresses of the domain.
    assert_eq!(asked, 2);
}
