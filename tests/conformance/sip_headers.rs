//! Every SIP header: its table entry, its type, and values there and back.

use bytes::Bytes;
use cpm::engine::Limits;
use cpm::sip::HeaderError;
use cpm::sip::msg::header::*;
use cpm::sip::msg::{Header, Headers, Message, Method, Mode, Name, Request, Status, Uri};
use cpm::wire::Text;
use proptest::prelude::*;

/// A value as a peer may write it, and as we write it.
struct Row {
    name: Name,
    rfc: &'static str,
    value: &'static str,
    canonical: &'static str,
    /// Reads and writes by the type.
    rewrite: fn(&str) -> Result<String, HeaderError>,
    /// Puts what was read into a message.
    push: fn(&Text, &mut Headers) -> bool,
}

fn rewrite<H: Header>(value: &str) -> Result<String, HeaderError> {
    let mut out = String::new();
    H::parse(&Text::from(value))?.write(&mut out);
    Ok(out)
}

fn push<H: Header>(value: &Text, headers: &mut Headers) -> bool {
    let header = H::parse(value);
    if let Ok(header) = &header {
        headers.push(header);
    }
    header.is_ok()
}

const fn last(values: &[&'static str]) -> &'static str {
    values[values.len() - 1]
}

macro_rules! rows {
    ($($rfc:literal { $($header:ident: $value:literal $(=> $canonical:literal)?;)* })*) => {
        &[$($(Row {
            name: Name::$header,
            rfc: $rfc,
            value: $value,
            canonical: last(&[$value $(, $canonical)?]),
            rewrite: rewrite::<$header>,
            push: push::<$header>,
        },)*)*]
    };
}

/// Values are those of the RFCs where they have some.
const ROWS: &[Row] = rows! {
    "RFC 3261" {
        Accept: "application/sdp;level=1, application/x-private, text/html";
        AcceptEncoding: "gzip";
        AcceptLanguage: "da, en-gb;q=0.8, en;q=0.7";
        AlertInfo: "<http://www.example.com/sounds/moo.wav>";
        Allow: "INVITE, ACK, OPTIONS, CANCEL, BYE";
        AuthenticationInfo: "nextnonce=\"47364c23432d2e131a5fb210812c\"";
        Authorization: "Digest username=\"Alice\", realm=\"atlanta.com\", nonce=\"84a4cc6f3082121f32b42a2187831a9e\", response=\"7587245234b3434cc3412213e5f113a5432\"";
        CSeq: "4711 INVITE";
        CallId: "f81d4fae-7dec-11d0-a765-00a0c91e6bf6@biloxi.com";
        CallInfo: "<http://wwww.example.com/alice/photo.jpg> ;purpose=icon" => "<http://wwww.example.com/alice/photo.jpg>;purpose=icon";
        Contact: "\"Mr. Watson\" <sip:watson@worcester.bell-telephone.com> ;q=0.7; expires=3600" => "\"Mr. Watson\" <sip:watson@worcester.bell-telephone.com>;q=0.7;expires=3600";
        ContentDisposition: "session";
        ContentEncoding: "gzip";
        ContentLanguage: "fr";
        ContentLength: "349";
        ContentType: "text/html; charset=ISO-8859-4";
        Date: "Sat, 13 Nov 2010 23:29:00 GMT";
        ErrorInfo: "<sip:not-in-service-recording@atlanta.com>";
        Expires: "5";
        From: "\"A. G. Bell\" <sip:agb@bell-telephone.com> ;tag=a48s" => "\"A. G. Bell\" <sip:agb@bell-telephone.com>;tag=a48s";
        InReplyTo: "70710@saturn.bell-tel.com";
        MaxForwards: "6";
        MimeVersion: "1.0";
        MinExpires: "60";
        Organization: "Boxes by Bob";
        Priority: "emergency";
        ProxyAuthenticate: "Digest realm=\"atlanta.com\", domain=\"sip:ss1.carrier.com\", qop=\"auth\", nonce=\"f84f1cec41e6cbe5aea9c8e88d359\", opaque=\"\", stale=FALSE, algorithm=MD5";
        ProxyAuthorization: "Digest username=\"Alice\", realm=\"atlanta.com\", nonce=\"c60f3082ee1212b402a21831ae\", response=\"245f23415f11432b3434341c022\"";
        ProxyRequire: "foo";
        RecordRoute: "<sip:server10.biloxi.com;lr>";
        ReplyTo: "Bob <sip:bob@biloxi.com>" => "\"Bob\" <sip:bob@biloxi.com>";
        Require: "100rel";
        RetryAfter: "18000;duration=3600";
        Route: "<sip:bigbox3.site3.atlanta.com;lr>";
        Server: "HomeServer v2";
        Subject: "Need more boxes";
        Supported: "100rel";
        Timestamp: "54.21";
        To: "The Operator <sip:operator@cs.columbia.edu>;tag=287447" => "\"The Operator\" <sip:operator@cs.columbia.edu>;tag=287447";
        Unsupported: "foo";
        UserAgent: "Softphone Beta1.5";
        Via: "SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1" => "SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1;branch=z9hG4bKa7c6a8dlze.1";
        Warning: "307 isi.edu \"Session parameter 'foo' not understood\"";
        WwwAuthenticate: "Digest realm=\"atlanta.com\", domain=\"sip:boxesbybob.com\", qop=\"auth\", nonce=\"f84f1cec41e6cbe5aea9c8e88d359\", opaque=\"\", stale=FALSE, algorithm=MD5";
    }
    "RFC 3262" {
        RAck: "776656 1 INVITE";
        RSeq: "988789";
    }
    "RFC 3313" { PMediaAuthorization: "0123456789abcdef, fedcba"; }
    "RFC 3323" { Privacy: "user; header;critical" => "user;header;critical"; }
    "RFC 3325" {
        PAssertedIdentity: "\"Cullen Jennings\" <sip:fluffy@cisco.com>";
        PPreferredIdentity: "\"Cullen Jennings\" <sip:fluffy@cisco.com>";
    }
    "RFC 3326" { Reason: "SIP ;cause=200 ;text=\"Call completed elsewhere\"" => "SIP;cause=200;text=\"Call completed elsewhere\""; }
    "RFC 3327" { Path: "<sip:P3.EXAMPLEHOME.COM;lr>"; }
    "RFC 3329" {
        SecurityClient: "digest";
        SecurityServer: "ipsec-ike;q=0.1";
        SecurityVerify: "tls;q=0.2";
    }
    "RFC 3515" { ReferTo: "<sip:dave@denver.example.org?Replaces=12345%40192.168.118.3%3Bto-tag%3D12345%3Bfrom-tag%3D5FFE-3994>"; }
    "RFC 3608" { ServiceRoute: "<sip:P2.HOME.EXAMPLE.COM;lr>"; }
    "RFC 3841" {
        AcceptContact: "*;audio;require";
        RejectContact: "*;actor=\"msg-taker\";video";
        RequestDisposition: "proxy, recurse, parallel";
    }
    "RFC 3891" { Replaces: "425928@bobster.example.org;to-tag=7743;from-tag=6472"; }
    "RFC 3892" { ReferredBy: "<sip:r@ref.example>;cid=\"20398823.2UWQFN309shb3@ref.example\""; }
    "RFC 3903" {
        SipEtag: "dx200xyz";
        SipIfMatch: "dx200xyz";
    }
    "RFC 3911" { Join: "12adf2f34456gs5;to-tag=12345;from-tag=54321"; }
    "RFC 4028" {
        MinSe: "3600";
        SessionExpires: "4000;refresher=uac";
    }
    "RFC 4412" {
        AcceptResourcePriority: "dsn.flash-override, dsn.flash, dsn.immediate, dsn.priority, dsn.routine";
        ResourcePriority: "wps.3, dsn.flash";
    }
    "RFC 4457" { PUserDatabase: "<aaa://host.example.com;transport=tcp>"; }
    "RFC 4474" { IdentityInfo: "<https://atlanta.example.com/atlanta.cer>;alg=rsa-sha1"; }
    "RFC 4488" { ReferSub: "false"; }
    "RFC 4538" { TargetDialog: "fa77as7dad8-sd98ajzz@host.example.com;local-tag=kkaz-;remote-tag=6544"; }
    "RFC 4964" { PAnswerState: "Unconfirmed"; }
    "RFC 5002" { PProfileKey: "<sip:chatroom-!.*!@example.com>"; }
    "RFC 5009" { PEarlyMedia: "supported"; }
    "RFC 5318" { PRefusedUriList: "<sip:friends-list@example.com>;members=\"cid:an3bt8jf03@example.com\""; }
    "RFC 5360" {
        PermissionMissing: "<sip:C@example.com>";
        TriggerConsent: "sip:123@relay.example.com;target-uri=\"sip:friends@relay.example.com\"";
    }
    "RFC 5373" {
        AnswerMode: "Manual";
        PrivAnswerMode: "Auto;require";
    }
    "RFC 5393" { MaxBreadth: "69"; }
    "RFC 5502" { PServedUser: "<sip:user@example.com>; sescase=orig; regstate=reg" => "<sip:user@example.com>;sescase=orig;regstate=reg"; }
    "RFC 5626" { FlowTimer: "126"; }
    "RFC 5806" { Diversion: "\"Bob\" <sip:bob@example.com>;reason=user-busy;counter=1"; }
    "RFC 5839" { SuppressIfMatch: "*"; }
    "RFC 6050" {
        PAssertedService: "urn:urn-7:3gpp-service.exampletelephony.version1";
        PPreferredService: "urn:urn-7:3gpp-service.exampletelephony.version1";
    }
    "RFC 6086" {
        InfoPackage: "foo";
        RecvInfo: "P, R";
    }
    "RFC 6442" {
        Geolocation: "<cid:target123@atlanta.example.com>";
        GeolocationError: "201;code=\"Permission To Retransmit Location Information to a Third Party\"";
        GeolocationRouting: "no";
    }
    "RFC 6665" {
        AllowEvents: "spirits-INDPs";
        Event: "presence;id=7";
        SubscriptionState: "active;expires=3599";
    }
    "RFC 6794" {
        PolicyContact: "<sip:host.example.com>;non-cacheable";
        PolicyId: "<sip:host.example.com>";
    }
    "RFC 6809" { FeatureCaps: "*;+g.3gpp.srvcc"; }
    "RFC 7044" { HistoryInfo: "<sip:UserA@ims.example.com?Reason=SIP%3Bcause%3D302>;index=1;foo=bar"; }
    "RFC 7315" {
        PAccessNetworkInfo: "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=0010100010019B01";
        PAssociatedUri: "<sip:user2@home1.net>";
        PCalledPartyId: "sip:user1-business@example.com" => "<sip:user1-business@example.com>";
        PChargingFunctionAddresses: "ccf=192.0.8.1;ecf=192.0.8.3";
        PChargingVector: "icid-value=1234bc9876e;icid-generated-at=192.0.6.8;orig-ioi=home1.net";
        PVisitedNetworkId: "\"Visited network number 1\"";
    }
    "RFC 7316" { PPrivateNetworkIndication: "example.com"; }
    "RFC 7433" { UserToUser: "56a390f3d2b7310023;encoding=hex;purpose=isdn-uui;content=isdn-uui"; }
    "RFC 7614" { ReferEventsAt: "<sip:ab81Yz@refer.example.com>"; }
    "RFC 7615" { ProxyAuthenticationInfo: "nextnonce=\"47364c23432d2e131a5fb210812c\""; }
    "RFC 7989" { SessionId: "ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000"; }
    "RFC 8055" { RestorationInfo: "noresponse"; }
    "RFC 8224" { Identity: "eyJhbGciOiJFUzI1NiIs.eyJvcmlnIjp7InRuIjoi.rq3pjT1hoRwakEGjHCnWSwUnshd0-zJ6F1VO;info=<https://biloxi.example.org/biloxi.cer>"; }
    "RFC 8262" { ContentId: "<target123@atlanta.example.com>"; }
    "RFC 8496" { PChargeInfo: "<sip:+12345550167@example.com;user=phone>"; }
    "OMA CPM" {
        ContributionId: "abcdef-1234-5678-90ab-cdef01234567";
        ConversationId: "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
        InReplyToContributionId: "abcdef-1234";
        MessageExpires: "86400";
        MessageUid: "17";
        SessionReplaces: "7f-1234";
    }
};

#[test]
fn every_header_of_the_table_is_read_and_written_by_its_type() {
    for name in Name::all() {
        assert!(
            ROWS.iter().any(|row| row.name == *name),
            "{name} has no row"
        );
    }
    for Row {
        name,
        rfc,
        value,
        canonical,
        rewrite,
        ..
    } in ROWS
    {
        let reference = name.reference().unwrap();
        assert!(reference.starts_with(rfc), "{name}: {reference}");
        assert_eq!(rewrite(value).as_deref(), Ok(*canonical), "{name}");
        assert_eq!(
            rewrite(canonical).as_deref(),
            Ok(*canonical),
            "{name} again"
        );
        for value in [value, canonical] {
            for mode in [Mode::Receive, Mode::Strict] {
                assert_eq!(check(name, value, mode), Ok(()), "{name} {mode:?}");
            }
        }
    }
}

/// One field of each header in a message, compact where there is a compact form.
#[test]
fn rfc3261_7_3_3_every_header_is_found_in_its_compact_form() {
    let mut head = String::from("SIP/2.0 200 OK\r\n");
    for row in ROWS.iter().filter(|row| row.name != Name::ContentLength) {
        let spelled = row.name.compact().unwrap_or(row.name.as_str());
        head += &format!("{}: {}\r\n", spelled.to_uppercase(), row.value);
    }
    let message = Message::parse(Bytes::from(head + "\r\n"), &Limits::default()).unwrap();
    for row in ROWS.iter().filter(|row| row.name != Name::ContentLength) {
        assert_eq!(
            message.headers().text(&row.name),
            Some(row.value),
            "{}",
            row.name
        );
    }
    assert_eq!(message.headers().breaches(Mode::Receive).count(), 0);
}

/// Text that tries to get out of where it is put.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r\n"),
        Just("\r"),
        Just("\n"),
        Just("\0"),
        Just("\r\n Via: x"),
        Just("\r\nX-Evil: 1\r\n\r\n"),
        Just("\""),
        Just("\\"),
        Just("\\\r"),
        Just("<"),
        Just(">"),
        Just(";"),
        Just(","),
        Just("="),
        Just(" "),
        Just("%0D%0A"),
        Just("a"),
        Just("sip:a@b"),
        Just("1"),
        Just("*"),
        Just("SIP/2.0/UDP a"),
        Just("\u{7f}"),
        Just("\u{85}"),
        Just("\u{2028}"),
        Just("(x"),
        Just("text/plain"),
        Just("Digest a="),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// How many fields are in the message that was written, and that none of its lines has a control character.
fn fields(written: &Bytes) -> usize {
    let message = Message::parse(written.clone(), &Limits::default());
    let message = message.unwrap_or_else(|error| panic!("{error}: {written:?}"));
    let head = &written[..written.len() - message.body().len()];
    let text = std::str::from_utf8(head).unwrap();
    for line in text.strip_suffix("\r\n\r\n").unwrap().split("\r\n") {
        assert!(
            !line.is_empty() && !line.chars().any(|c| c.is_ascii_control() && c != '\t'),
            "{line:?}"
        );
        assert!(!line.starts_with([' ', '\t']), "{line:?}");
    }
    message.headers().len()
}

proptest! {
    #[test]
    fn attack_7_no_value_of_any_header_becomes_two(noise in hostile(), at in 0.0..1.0f64) {
        for row in ROWS {
            // Noise alone, and noise within what is good.
            let place = (0..=row.value.len()).rev().find(|p| *p as f64 <= at * row.value.len() as f64 && row.value.is_char_boundary(*p));
            let (before, after) = row.value.split_at(place.unwrap_or(0));
            for value in [noise.clone(), format!("{before}{noise}{after}")] {
                let mut request = Request::new(Method::Options, &Uri::host("example.com"));
                let pushed = (row.push)(&Text::from(value), request.headers_mut());
                request.headers_mut().remove(&Name::ContentLength);
                let expected = usize::from(pushed && row.name != Name::ContentLength) + 1;
                prop_assert_eq!(fields(&request.write()), expected, "{}", &row.name);
            }
        }
    }

    #[test]
    fn attack_7_no_part_that_is_set_becomes_a_line(noise in hostile()) {
        let text = Text::from(noise.as_str());
        let uri = {
            let mut uri = Uri::sip(&noise, &noise);
            let sip = uri.as_sip_mut().unwrap();
            sip.set_param("p", Some(&noise));
            sip.set_param(&noise, None);
            sip.password = Some(Box::new(text.clone()));
            sip.headers.push(&noise, &noise);
            uri
        };
        let address = NameAddr::new(uri.clone()).with_display(&noise).with_param("x", Some(&noise)).with_param(&noise, None);
        let mut request = Request::new(Method::Other(text.clone()), &uri);
        let headers = request.headers_mut();
        let mut count = 0;
        macro_rules! push {
            ($($header:expr;)*) => {$( headers.push(&$header); count += 1; )*};
        }
        let mut credentials = Credentials::new(&noise);
        credentials.params.set(&noise, &noise);
        credentials.params.set_quoted("realm", &noise);
        let mut retry = RetryAfter::new(1);
        retry.comment = Some(text.clone());
        push! {
            From(address.clone()); To(address.clone()); Route(address.clone()); HistoryInfo(address.clone());
            Contact::Address(address.clone()); TriggerConsent(address.clone());
            Via::new(&noise, cpm::wire::host::HostPort::new(cpm::wire::host::Host::named(&noise)), &noise);
            CSeq { number: 1, method: Method::Other(text.clone()) };
            RAck { response: 1, number: 1, method: Method::Other(text.clone()) };
            CallId(text.clone()); Subject(text.clone()); UserAgent(text.clone()); Identity(text.clone());
            Supported(vec![text.clone(), text.clone()]); Privacy(vec![text.clone()]);
            Allow(vec![Method::Other(text.clone())]);
            Event { package: text.clone(), params: address.params.clone() };
            SubscriptionState { state: State::Other(text.clone()), params: address.params.clone() };
            Reason { protocol: text.clone(), cause: None, text: Some(text.clone()), params: address.params.clone() };
            Warning::new(399, &noise, &noise);
            Replaces::new(&noise, &noise, &noise);
            Authorization(credentials.clone()); AuthenticationInfo(credentials.params.clone());
            retry;
            ConversationId(text.clone());
            InfoPackage::from(noise.as_str()); SecurityClient::from(noise.as_str());
            PChargingVector(address.params);
            Timestamp { time: text.clone(), delay: Some(text.clone()) };
        }
        let name = Name::Other(text);
        for pushed in [headers.push_text(Name::Subject, &noise), headers.push_text(name, "x")] {
            count += usize::from(pushed.is_ok());
        }
        prop_assert_eq!(fields(&request.write()), count + 1);

        let mut response = request.response(Status::OK);
        let before = fields(&response.write());
        response.set_reason(&noise);
        prop_assert_eq!(fields(&response.write()), before);
        request.set_uri(&uri);
        request.set_body(&noise, Bytes::from_static(b"body"));
        prop_assert_eq!(fields(&request.write()), count + 2);
    }
}
