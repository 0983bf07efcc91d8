//! The values of SIP header fields.

use super::node::Node;
use crate::sip::msg::header as typed;
use crate::sip::msg::{Header, Headers, Name, Uri};
use crate::wire::host::HostPort;
use crate::wire::params::Params;

/// The values of a field, commas undone; `None` where its text says it all or cannot be read.
pub(super) fn values(name: &Name, field: &str) -> Option<Node> {
    use typed::*;
    macro_rules! by_name {
        ($($header:ident => $node:expr;)*) => {
            match name {
                $(Name::$header => all::<$header>(field, $node),)*
                _ => None,
            }
        };
    }
    by_name! {
        Via => |via| via_node(&via);
        From => |header| address(&header.0);
        To => |header| address(&header.0);
        Contact => |contact| match contact.address() {
            Some(contact) => address(contact),
            None => Node::text("", "*"),
        };
        Route => |header| address(&header.0);
        RecordRoute => |header| address(&header.0);
        Path => |header| address(&header.0);
        ServiceRoute => |header| address(&header.0);
        ReplyTo => |header| address(&header.0);
        ReferTo => |header| address(&header.0);
        ReferredBy => |header| address(&header.0);
        PAssertedIdentity => |header| address(&header.0);
        PPreferredIdentity => |header| address(&header.0);
        PAssociatedUri => |header| address(&header.0);
        PServedUser => |header| address(&header.0);
        PCalledPartyId => |header| address(&header.0);
        CSeq => |cseq| Node::object("")
            .with(Node::number("number", cseq.number))
            .with(Node::text("method", cseq.method.as_str()));
        AcceptContact => |header| params(Node::object(""), &header.params);
        Event => |event| params(Node::object("").with(Node::text("package", &*event.package)), &event.params);
        SessionExpires => |header| {
            let mut node = Node::object("").with(Node::number("seconds", header.delta));
            node.push_text("refresher", header.refresher.map(|refresher| match refresher {
                Refresher::Uac => "uac",
                Refresher::Uas => "uas",
            }));
            params(node, &header.params)
        };
        Reason => |reason| {
            let mut node = Node::object("").with(Node::text("protocol", &*reason.protocol));
            if let Some(cause) = reason.cause {
                node.push(Node::number("cause", cause));
            }
            node.push_text("text", reason.text.as_deref());
            node
        };
        Warning => |warning| Node::object("")
            .with(Node::number("code", warning.code))
            .with(Node::text("agent", &*warning.agent))
            .with(Node::text("text", &*warning.text));
        Authorization => |header| credentials(&header.0);
        ProxyAuthorization => |header| credentials(&header.0);
        WwwAuthenticate => |header| credentials(&header.0);
        ProxyAuthenticate => |header| credentials(&header.0);
        ContentLength => |header| Node::number("", header.0);
        MaxForwards => |header| Node::number("", header.0);
        Expires => |header| Node::number("", header.0);
        MinExpires => |header| Node::number("", header.0);
        Date => |date| Node::text("", date.0.to_rfc3339());
    }
}

fn all<H: Header>(field: &str, node: impl Fn(H) -> Node) -> Option<Node> {
    let mut one = Headers::default();
    one.push_text(H::NAME, field).ok()?;
    let values: Result<Vec<_>, _> = one.all::<H>().map(|value| value.map(&node)).collect();
    Some(Node::list("values", values.ok()?))
}

fn via_node(via: &typed::Via) -> Node {
    let mut node = Node::object("").with(Node::text("transport", &*via.transport));
    host(&mut node, &via.sent_by);
    params(node, &via.params)
}

fn address(address: &typed::NameAddr) -> Node {
    let mut node = Node::object("");
    node.push_text("display", address.display.as_deref());
    node.push(uri("uri", &address.uri));
    params(node, &address.params)
}

fn credentials(credentials: &typed::Credentials) -> Node {
    let mut node = Node::object("").with(Node::text("scheme", &*credentials.scheme));
    node.push_text("token", credentials.token.as_deref());
    let named = credentials
        .params
        .iter()
        .map(|(name, value)| (name, Some(value)));
    if let Some(params) = named_values(named) {
        node.push(params);
    }
    node
}

/// A URI taken apart.
pub(super) fn uri(label: &'static str, uri: &Uri) -> Node {
    let mut node = Node::object(label).with(Node::text("text", uri.to_string()));
    node.push(Node::text("scheme", uri.scheme()));
    match uri {
        Uri::Sip(sip) => {
            node.push_text("user", sip.user());
            node.push_text("password", sip.password.as_ref().map(|text| text.as_str()));
            host(&mut node, &sip.host);
            let headers = Node::list(
                "headers",
                sip.headers.iter().map(|(name, value)| {
                    Node::object("")
                        .with(Node::text("name", name))
                        .with(Node::text("value", value))
                }),
            );
            node.push_list(headers);
            params(node, &sip.params)
        }
        Uri::Tel(tel) => {
            node.push(Node::text("number", tel.digits()));
            params(node, &tel.params)
        }
        _ => node,
    }
}

fn host(node: &mut Node, host_port: &HostPort) {
    node.push(Node::text("host", host_port.host.to_string()));
    if let Some(port) = host_port.port {
        node.push(Node::number("port", port));
    }
}

fn params(mut node: Node, params: &Params) -> Node {
    if let Some(params) = named_values(params.iter().map(|param| (param.name, param.value))) {
        node.push(params);
    }
    node
}

/// Parameters as fields. Of one that appears twice, the first counts.
fn named_values<'a>(params: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Option<Node> {
    let mut node = Node::object("params");
    for (name, value) in params {
        let name = name.to_ascii_lowercase();
        if node.child(&name).is_none() {
            node.push(match value {
                Some(value) => Node::text(name, value),
                None => Node::new(name, super::Value::Flag(true)),
            });
        }
    }
    (!node.children.is_empty()).then_some(node)
}
