//! One function per peer: does it take the message?

use crate::Depth;
use bytes::Bytes;

type Parse = Box<dyn Fn(&[u8]) -> bool>;

/// All that are here, ours first.
pub fn all(depth: Depth) -> Vec<(&'static str, Parse)> {
    let matched = depth == Depth::Matched;
    let mut peers: Vec<(&'static str, Parse)> = vec![
        ("cpm", Box::new(move |message| cpm(message, matched))),
        (
            "rsipstack 0.7",
            Box::new(move |message| rsipstack(message, matched)),
        ),
        ("rsip 0.4", Box::new(move |message| rsip(message, matched))),
        (
            "ezk-sip-types 0.6",
            Box::new(move |message| ezk(message, matched)),
        ),
        (
            "rvoip-sip-core 0.4",
            Box::new(move |message| rvoip(message, matched)),
        ),
    ];
    #[cfg(any(osip, sofia))]
    peers.extend(c::all(matched));
    if !matched {
        peers.push(("httparse (splits only)", Box::new(httparse)));
    }
    peers
}

fn cpm(message: &[u8], matched: bool) -> bool {
    let limits = cpm::engine::Limits::default();
    match cpm::sip::msg::Message::parse(Bytes::copy_from_slice(message), &limits) {
        Ok(message) => !matched || message.keys().is_ok(),
        Err(_) => false,
    }
}

fn rsip(message: &[u8], matched: bool) -> bool {
    use rsip::prelude::*;
    let Ok(message) = rsip::SipMessage::try_from(message) else {
        return false;
    };
    let whole = || -> Option<()> {
        let via = message.via_header().ok()?.typed().ok()?;
        via.branch()?;
        let from = message.from_header().ok()?.typed().ok()?;
        from.tag()?;
        message.to_header().ok()?.typed().ok()?.tag();
        message.call_id_header().ok()?;
        message.cseq_header().ok()?.typed().ok()?;
        Some(())
    };
    !matched || whole().is_some()
}

fn rsipstack(message: &[u8], matched: bool) -> bool {
    use rsipstack::sip::prelude::*;
    let Ok(message) = rsipstack::sip::SipMessage::try_from(message) else {
        return false;
    };
    let whole = || -> Option<()> {
        let via = message.via_header().ok()?.typed().ok()?;
        via.branch()?;
        let from = message.from_header().ok()?.typed().ok()?;
        from.tag()?;
        message.to_header().ok()?.typed().ok()?.tag();
        message.call_id_header().ok()?;
        message.cseq_header().ok()?.typed().ok()?;
        Some(())
    };
    !matched || whole().is_some()
}

fn ezk(message: &[u8], matched: bool) -> bool {
    use ezk_sip_types::header::typed::{CSeq, CallID, FromTo, Via};
    use ezk_sip_types::msg::{Line, MessageLine, PullParser};
    use ezk_sip_types::parse::Parse;
    use ezk_sip_types::{Headers, Name};

    let bytes = Bytes::copy_from_slice(message);
    let mut lines = PullParser::new(&bytes, 0);
    let mut whole = || -> Option<Headers> {
        let start = std::str::from_utf8(lines.next()?.ok()?).ok()?;
        MessageLine::parse(&bytes)(start).ok()?;
        let mut headers = Headers::new();
        for line in lines.by_ref() {
            let line = std::str::from_utf8(line.ok()?).ok()?;
            let (_, line) = Line::parse(&bytes, line).ok()?;
            headers.insert(line.name, line.value);
        }
        Some(headers)
    };
    let Some(headers) = whole() else {
        return false;
    };
    !matched
        || (headers.get_named::<Vec<Via>>().is_ok()
            && headers.get::<FromTo>(Name::FROM).is_ok()
            && headers.get::<FromTo>(Name::TO).is_ok()
            && headers.get_named::<CallID>().is_ok()
            && headers.get_named::<CSeq>().is_ok())
}

fn rvoip(message: &[u8], matched: bool) -> bool {
    use rvoip_sip_core::types::sip_message::Message;
    match rvoip_sip_core::parse_message(message) {
        Ok(Message::Request(request)) => {
            !matched
                || (request.via_branch().is_some()
                    && request.from().is_some_and(|from| from.tag().is_some())
                    && request.to().is_some()
                    && request.call_id().is_some()
                    && request.cseq().is_some())
        }
        Ok(Message::Response(response)) => {
            !matched
                || (response.from().is_some()
                    && response.to().is_some()
                    && response.call_id().is_some()
                    && response.cseq().is_some()
                    && response
                        .first_via()
                        .is_some_and(|via| via.branch().is_some()))
        }
        Err(_) => false,
    }
}

fn httparse(message: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let fields = &message[memchr::memchr(b'\n', message).map_or(0, |end| end + 1)..];
    httparse::parse_headers(fields, &mut headers).is_ok()
}

/// The stacks in C, through `c/peers.c`.
#[cfg(any(osip, sofia))]
mod c {
    use super::Parse;
    use std::ffi::{c_char, c_int};

    unsafe extern "C" {
        #[cfg(osip)]
        fn peers_osip_init() -> c_int;
        #[cfg(osip)]
        fn peers_osip(bytes: *const c_char, length: usize, matched: c_int) -> c_int;
        #[cfg(sofia)]
        fn peers_sofia(bytes: *const c_char, length: usize, matched: c_int) -> c_int;
    }

    pub fn all(matched: bool) -> Vec<(&'static str, Parse)> {
        let matched = c_int::from(matched);
        let mut peers: Vec<(&'static str, Parse)> = Vec::new();
        #[cfg(osip)]
        {
            // SAFETY: called once, before anything else of the library.
            unsafe { peers_osip_init() };
            peers.push((
                "osip2 5.3 (C)",
                // SAFETY: the library reads `length` bytes and keeps none of them.
                Box::new(move |message| unsafe {
                    peers_osip(message.as_ptr().cast(), message.len(), matched) == 0
                }),
            ));
        }
        #[cfg(sofia)]
        peers.push((
            "sofia-sip 1.12 (C)",
            // SAFETY: the library copies `length` bytes and keeps none of ours.
            Box::new(move |message| unsafe {
                peers_sofia(message.as_ptr().cast(), message.len(), matched) == 0
            }),
        ));
        peers
    }
}
