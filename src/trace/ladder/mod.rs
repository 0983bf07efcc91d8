//! Ladder diagrams as one HTML page.

mod brief;
mod cast;
mod escape;
mod tree;

use super::decode::{self, Node};
use super::hop::{Hop, hops};
use crate::engine::{DateTime, Limits, Protocol, Sighting};
use base64::Engine as _;
use brief::{Brief, brief, short};
use cast::Cast;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// A silence longer than this is drawn.
const REST: chrono::TimeDelta = chrono::TimeDelta::milliseconds(1500);

/// Draws what was seen as a ladder diagram: one HTML page that needs no network and can be sent by mail.
///
/// Each message is an arrow with its method or status, coloured by protocol and outcome; a click shows it
/// decoded, nested bodies included, and as it was on the wire. Without scripts the page still opens each
/// message in place. Everything from a message is escaped, and the page's own policy (CSP) allows no other
/// script, whatever a peer has sent.
///
/// `names` gives addresses a name; port 0 stands for every port of the host, and one name may have many
/// addresses ([`Recorder::names`](super::Recorder::names)). Lifelines stand in the order of `names`, those
/// without a name behind them.
///
/// ```
/// let names = [("10.0.0.1:0".parse().unwrap(), "Alice")];
/// let page = cpm::trace::ladder::html("Nothing happened", &[], &names);
/// assert!(page.starts_with("<!doctype html>"));
/// ```
pub fn html<N: AsRef<str>>(
    title: &str,
    sightings: &[Sighting],
    names: &[(SocketAddr, N)],
) -> String {
    let hops = hops(sightings);
    let cast = Cast::of(&hops, names);
    let rows: Vec<Row<'_>> = hops.iter().map(Row::new).collect();
    let calls = Calls::of(&rows);
    let mut page = Page {
        out: String::with_capacity(STYLE.len() + SCRIPT.len() + rows.len() * 4096),
        start: hops.first().map(|hop| hop.at),
        cast: &cast,
    };
    page.head(title);
    page.top(title, &rows, &calls);
    page.main(&rows, &calls);
    page.foot();
    page.out
}

/// A message together with what is read off it.
struct Row<'a> {
    hop: &'a Hop,
    brief: Brief,
    node: Node,
}

impl<'a> Row<'a> {
    fn new(hop: &'a Hop) -> Self {
        Self {
            hop,
            brief: brief(hop.protocol, &hop.bytes),
            node: decode::message(hop.protocol, &hop.bytes, &Limits::default()),
        }
    }
}

/// Which call each message belongs to. An MSRP session belongs to the call in whose description its path
/// stands.
struct Calls {
    of_row: Vec<Option<usize>>,
    first_row: Vec<usize>,
}

impl Calls {
    fn of(rows: &[Row<'_>]) -> Self {
        let mut known: BTreeMap<(Protocol, &str), usize> = BTreeMap::new();
        let mut calls = Self {
            of_row: Vec::with_capacity(rows.len()),
            first_row: Vec::new(),
        };
        for (n, row) in rows.iter().enumerate() {
            let keys = || {
                row.brief
                    .call
                    .iter()
                    .map(|id| (row.hop.protocol, id.as_str()))
            };
            let call = keys().find_map(|key| known.get(&key).copied()).or_else(|| {
                keys().next()?;
                calls.first_row.push(n);
                Some(calls.first_row.len() - 1)
            });
            if let Some(call) = call {
                let offers = row
                    .brief
                    .offers
                    .iter()
                    .map(|id| (Protocol::Msrp, id.as_str()));
                for key in keys().chain(offers) {
                    known.entry(key).or_insert(call);
                }
            }
            calls.of_row.push(call);
        }
        calls
    }
}

struct Page<'a> {
    out: String,
    start: Option<DateTime>,
    cast: &'a Cast,
}

impl Page<'_> {
    fn text(&mut self, text: &str) {
        escape::text(&mut self.out, text);
    }

    fn attribute(&mut self, value: &str) {
        escape::attribute(&mut self.out, value);
    }

    fn head(&mut self, title: &str) {
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT));
        self.out
            .push_str("<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n");
        self.out
            .push_str("<meta name=viewport content=\"width=device-width,initial-scale=1\">\n");
        self.out
            .push_str("<meta name=color-scheme content=\"light dark\">\n");
        let _ = writeln!(
            self.out,
            "<meta http-equiv=Content-Security-Policy content=\"default-src 'none';\
             style-src 'unsafe-inline';script-src 'sha256-{hash}';base-uri 'none';form-action 'none'\">"
        );
        self.out.push_str("<title>");
        self.text(title);
        let _ = writeln!(self.out, "</title>\n<style>\n{STYLE}</style>");
    }

    fn top(&mut self, title: &str, rows: &[Row<'_>], calls: &Calls) {
        self.out.push_str("<header class=top><h1>");
        self.text(title);
        self.out.push_str("</h1><p class=facts>");
        let _ = write!(
            self.out,
            "{} · {}",
            count(rows.len(), "message"),
            count(self.cast.participants.len(), "participant")
        );
        if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
            let _ = write!(
                self.out,
                " · {} s · {}",
                seconds(last.hop.at - first.hop.at),
                first.hop.at.format("%Y-%m-%d %H:%M:%S%.3f %:z")
            );
        }
        self.out.push_str(" <b id=count></b></p>\n<form hidden>");
        for (protocol, class, name) in [
            (Protocol::Sip, "sip", "SIP"),
            (Protocol::Msrp, "msrp", "MSRP"),
        ] {
            let number = rows
                .iter()
                .filter(|row| row.hop.protocol == protocol)
                .count();
            if number > 0 {
                let _ = write!(
                    self.out,
                    "<button type=button class=\"chip {class}\" data-protocol={class} aria-pressed=true>{name} <small>{number}</small></button>"
                );
            }
        }
        for (place, participant) in self.cast.participants.iter().enumerate() {
            let _ = write!(
                self.out,
                "<button type=button class=chip data-who={place} aria-pressed=true>"
            );
            escape::text(&mut self.out, &short(&participant.label, 24));
            self.out.push_str("</button>");
        }
        self.out
            .push_str("<select id=call aria-label=Call><option value=\"\">All calls</option>");
        for (call, row) in calls.first_row.iter().enumerate() {
            let Some(row) = rows.get(*row) else { continue };
            let _ = write!(self.out, "<option value={call}>{} · ", call + 1);
            let from = self.cast.label(row.hop.from).to_owned();
            let to = self.cast.label(row.hop.to).to_owned();
            self.attribute(&short(&format!("{} {from} → {to}", row.brief.label), 60));
            self.out.push_str("</option>");
        }
        self.out.push_str(
            "</select><input id=find type=search placeholder=\"Find in messages\" aria-label=Find></form></header>\n",
        );
    }

    fn main(&mut self, rows: &[Row<'_>], calls: &Calls) {
        let participants = &self.cast.participants;
        let _ = write!(
            self.out,
            "<main style=\"--n:{}\"><div class=heads><span>s</span><div>",
            participants.len().max(1)
        );
        for participant in participants {
            let addresses: Vec<_> = participant
                .addresses
                .iter()
                .map(SocketAddr::to_string)
                .collect();
            self.out.push_str("<div class=head title=\"");
            self.attribute(&addresses.join("\n"));
            self.out.push_str("\"><b>");
            self.text(&participant.label);
            self.out.push_str("</b><small>");
            let mut hosts: Vec<_> = participant
                .addresses
                .iter()
                .map(|a| a.ip().to_string())
                .collect();
            hosts.dedup();
            self.text(&match hosts.as_slice() {
                [host] if *host != participant.label => host.clone(),
                _ => count(addresses.len(), "address"),
            });
            self.out.push_str("</small></div>");
        }
        self.out.push_str("</div></div>\n<ol>\n");
        let mut before: Option<DateTime> = None;
        for (n, row) in rows.iter().enumerate() {
            if let Some(rest) = before
                .map(|before| row.hop.at - before)
                .filter(|rest| *rest > REST)
            {
                let _ = writeln!(
                    self.out,
                    "<li class=rest aria-hidden=true><span class=gap>+{}</span><span class=lane></span></li>",
                    seconds(rest)
                );
            }
            before = Some(row.hop.at);
            self.row(n, row, calls.of_row.get(n).copied().flatten());
        }
        let hidden = if rows.is_empty() { "" } else { " hidden" };
        let _ = writeln!(
            self.out,
            "</ol><p class=none{hidden}>No messages</p></main>"
        );
    }

    fn row(&mut self, n: usize, row: &Row<'_>, call: Option<usize>) {
        let hop = row.hop;
        let (from, to) = (self.cast.place(hop.from), self.cast.place(hop.to));
        let look = row.brief.look.class();
        let protocol = match hop.protocol {
            Protocol::Sip => "sip",
            Protocol::Msrp => "msrp",
        };
        let _ = write!(self.out, "<li id=m{} class=\"row {look}", n + 1);
        for (class, is) in [
            (" re", row.brief.is_response),
            (" left", to < from),
            (" self", to == from),
            (" lost", hop.is_lost()),
            (" far", from + to + 1 > self.cast.participants.len()),
        ] {
            self.out.push_str(if is { class } else { "" });
        }
        let _ = write!(
            self.out,
            "\" style=\"--a:{from};--b:{to}\" data-a={from} data-b={to} data-look={look} data-protocol={protocol}"
        );
        if let Some(call) = call {
            let _ = write!(self.out, " data-call={call}");
        }
        self.out.push_str("><details><summary><time>");
        let since = self.start.map(|start| hop.at - start).unwrap_or_default();
        self.out.push_str(&seconds(since));
        self.out
            .push_str("</time><span class=lane><span class=arrow><span class=says><span>");
        self.text(&row.brief.label);
        if !row.brief.aside.is_empty() {
            self.out.push_str(" <small>");
            self.text(&row.brief.aside);
            self.out.push_str("</small>");
        }
        if hop.is_lost() {
            self.out.push_str("<small class=\"mark bad\">lost</small>");
        }
        if let Some(arrivals @ 2..) = hop.arrivals {
            let _ = write!(self.out, "<small class=mark>arrived {arrivals}×</small>");
        }
        self.out.push_str("</span></span><span class=shaft></span>");
        if let Some(gist) = decode::gist(&row.node) {
            self.out.push_str("<span class=gist><span>");
            self.text(&short(&gist, 80));
            self.out.push_str("</span></span>");
        }
        self.out.push_str("</span></span></summary>");
        self.article(row, look);
        self.out.push_str("</details></li>\n");
    }

    fn article(&mut self, row: &Row<'_>, look: &str) {
        let hop = row.hop;
        let _ = write!(self.out, "<article class={look}><h2>");
        self.text(&row.brief.label);
        self.out.push_str("</h2><p class=way><b>");
        let (from, to) = (
            self.cast.label(hop.from).to_owned(),
            self.cast.label(hop.to).to_owned(),
        );
        self.text(&from);
        self.out.push_str("</b> → <b>");
        self.text(&to);
        let _ = write!(
            self.out,
            "</b><br>{} → {} · {} · {}<br>{}",
            hop.from,
            hop.to,
            hop.transport.name(),
            count(hop.bytes.len(), "byte"),
            hop.at.format("%H:%M:%S%.6f"),
        );
        match (hop.arrived, hop.arrivals) {
            (Some(arrived), _) if arrived > hop.at => {
                let _ = write!(self.out, " · under way {} s", seconds(arrived - hop.at));
            }
            (_, Some(0)) => self.out.push_str(" · never arrived"),
            _ => {}
        }
        self.out.push_str("</p>");
        if let Some(said) = decode::said(&row.node) {
            self.out.push_str("<blockquote dir=auto>");
            self.text(&short(said, 4000));
            self.out.push_str("</blockquote>");
        }
        self.out.push_str("<h3>Decoded</h3><div class=tree>");
        tree::write(&mut self.out, &row.node);
        self.out.push_str("</div><h3>On the wire</h3><pre>");
        escape::wire(&mut self.out, &hop.bytes);
        self.out.push_str("</pre></article>");
    }

    fn foot(&mut self) {
        self.out.push_str(
            "<aside hidden aria-label=Message><div class=bar hidden>\
             <button type=button data-do=-1 aria-label=Previous>↑</button>\
             <button type=button data-do=1 aria-label=Next>↓</button>\
             <button type=button data-do=close aria-label=Close>✕</button></div>\
             <div class=hint>Pick an arrow to see its message.<dl>\
             <dt><kbd>↓</kbd> <kbd>↑</kbd></dt><dd>next, previous message</dd>\
             <dt><kbd>/</kbd></dt><dd>find</dd><dt><kbd>Esc</kbd></dt><dd>close</dd>\
             <dt class=sip><span class=key></span></dt><dd>SIP request</dd>\
             <dt class=msrp><span class=key></span></dt><dd>MSRP request</dd>\
             <dt class=good><span class=\"key re\"></span></dt><dd>success</dd>\
             <dt class=wait><span class=\"key re\"></span></dt><dd>provisional</dd>\
             <dt class=odd><span class=\"key re\"></span></dt><dd>challenge or redirection</dd>\
             <dt class=bad><span class=\"key re\"></span></dt><dd>failure</dd></dl></div></aside>\n",
        );
        let _ = write!(self.out, "<script>{SCRIPT}</script>\n</html>\n");
    }
}

fn count(number: usize, noun: &str) -> String {
    match (number, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "address") => format!("{number} addresses"),
        _ => format!("{number} {noun}s"),
    }
}

/// Seconds to the millisecond.
fn seconds(span: chrono::TimeDelta) -> String {
    let milliseconds = span.num_milliseconds().max(0);
    format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000)
}
