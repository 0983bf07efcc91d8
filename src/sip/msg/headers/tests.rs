//! Reading and editing header fields.

use super::*;
use crate::engine::Limits;
use crate::sip::msg::{Message, Method, Request, Status, Uri};
use bytes::Bytes;
use proptest::prelude::*;

/// A Route as its text.
#[derive(Debug, PartialEq)]
struct Hop(String);

impl Header for Hop {
    const NAME: Name = Name::Route;
    const LIST: bool = true;

    fn parse(value: &Text) -> Result<Self, HeaderError> {
        match value.starts_with('!') {
            true => Err(HeaderError::syntax(Name::Route, "a hop", 0)),
            false => Ok(Self(value.as_str().to_owned())),
        }
    }

    fn write(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

fn hop(text: &str) -> Hop {
    Hop(text.to_owned())
}

const START: &str = "OPTIONS sip:a@b SIP/2.0\r\n";

/// A message with these header lines, before Content-Length.
fn message(lines: &str) -> Message {
    let bytes = format!("{START}{lines}Content-Length: 0\r\n\r\n");
    Message::parse(Bytes::from(bytes), &Limits::default()).unwrap()
}

/// The header lines that are written, without the Content-Length that ends them.
fn lines(message: &Message) -> String {
    let bytes = message.write();
    let text = std::str::from_utf8(&bytes).unwrap();
    let text = text.strip_prefix(START).unwrap();
    text.strip_suffix("Content-Length: 0\r\n\r\n")
        .unwrap()
        .to_owned()
}

fn hops(message: &Message) -> Vec<Hop> {
    message.headers().all().map(Result::unwrap).collect()
}

#[test]
fn rfc3261_7_3_1_values_in_one_field_are_the_same_as_values_in_many() {
    for text in [
        "Route: <sip:a>\r\nSubject: x\r\nROUTE : <sip:b;x=\"1,2\">,\t<sip:c>\r\n",
        "Route: <sip:a>, <sip:b;x=\"1,2\">,, <sip:c>\r\nRoute:\r\n",
        "Route: <sip:a> ,\r\n <sip:b;x=\"1,2\">,\r\n\t<sip:c>\r\n",
    ] {
        let expected = [hop("<sip:a>"), hop("<sip:b;x=\"1,2\">"), hop("<sip:c>")];
        assert_eq!(hops(&message(text)), expected, "{text}");
    }
    let none = message("Subject: x\r\n");
    assert_eq!(
        none.headers().get::<Hop>(),
        Err(HeaderError::Missing(Name::Route))
    );
    assert_eq!(none.headers().find::<Hop>(), Ok(None));
    let bad = message("Route: a, !\r\n");
    assert_eq!(bad.headers().get::<Hop>(), Ok(hop("a")));
    assert!(bad.headers().all::<Hop>().nth(1).unwrap().is_err());
}

#[test]
fn an_edit_touches_only_what_it_edits() {
    let text = "v :  SIP/2.0/UDP a\r\nrOUTE:<sip:a> ,<sip:b>\r\nX-A:  y \t\r\nSubject: folded\r\n  on\r\nRoute: <sip:c>\r\n";
    let edit = |edit: &dyn Fn(&mut Headers)| {
        let mut message = message(text);
        assert_eq!(lines(&message), text);
        edit(message.headers_mut());
        lines(&message)
    };
    let rest = "X-A:  y \t\r\nSubject: folded\r\n  on\r\n";
    let via = "v :  SIP/2.0/UDP a\r\n";
    let new = hop("<sip:n>");
    assert_eq!(
        edit(&|headers| headers.prepend(&new)),
        format!("{via}Route: <sip:n>\r\nrOUTE:<sip:a> ,<sip:b>\r\n{rest}Route: <sip:c>\r\n")
    );
    assert_eq!(
        edit(&|headers| headers.set(&new)),
        format!("{via}Route: <sip:n>\r\n{rest}")
    );
    assert_eq!(
        edit(&|headers| headers.remove(&Name::Route)),
        format!("{via}{rest}")
    );
    assert_eq!(
        edit(&|headers| assert_eq!(headers.pop(), Some(Ok(hop("<sip:a>"))))),
        format!("{via}rOUTE: <sip:b>\r\n{rest}Route: <sip:c>\r\n")
    );
    assert_eq!(
        edit(&|headers| {
            let popped: Vec<Hop> = std::iter::from_fn(|| headers.pop())
                .map(Result::unwrap)
                .collect();
            assert_eq!(popped, [hop("<sip:a>"), hop("<sip:b>"), hop("<sip:c>")]);
        }),
        format!("{via}{rest}")
    );
    // What is not there is not removed, and that is no edit.
    assert_eq!(edit(&|headers| headers.remove(&Name::Contact)), text);
}

#[test]
fn a_pushed_field_is_last_and_found_like_any_other() {
    let mut message = message("Route: <sip:a>\r\n");
    let before = message.headers().len();
    message.headers_mut().push(&hop("<sip:b>, <sip:c>"));
    message
        .headers_mut()
        .push_text(Name::Other("X-A".into()), " spaced ")
        .unwrap();
    assert_eq!(
        hops(&message),
        [hop("<sip:a>"), hop("<sip:b>"), hop("<sip:c>")]
    );
    assert_eq!(
        message.headers().text(&Name::Other("x-a".into())),
        Some("spaced")
    );
    assert_eq!(message.headers().len(), before + 2);
    assert_eq!(message.headers().count(&Name::Route), 2);
    assert!(
        message
            .write()
            .ends_with(b"Route: <sip:b>, <sip:c>\r\nX-A:  spaced \r\n\r\n")
    );
    message.headers_mut().prepend(&hop("<sip:0>"));
    assert_eq!(hops(&message)[0], hop("<sip:0>"));
}

#[test]
fn no_line_end_gets_into_a_message() {
    let mut message = message("");
    let headers = message.headers_mut();
    for (at, bad) in [(1, "a\rb"), (1, "a\nb"), (0, "\0"), (3, "abc\r\nVia: x")] {
        let refused = Err(WriteError::Control { at });
        assert_eq!(headers.push_text(Name::Subject, bad), refused);
        assert_eq!(headers.set_text(Name::Subject, bad), refused);
    }
    for bad in ["", "a b", "a:", "a\r\nb"] {
        assert_eq!(
            headers.push_text(Name::Other(bad.into()), "x"),
            Err(WriteError::Name)
        );
    }
    headers.push(&hop("<sip:a>\r\nVia: x\0"));
    let line = b"Route: <sip:a>  Via: x \r\n\r\n";
    assert!(message.write().ends_with(line));
}

#[test]
fn content_length_is_right_whatever_the_headers_say() {
    let written = |message: &Message| String::from_utf8(message.write().to_vec()).unwrap();
    let mut message = message("l: 0\r\nX-A: y\r\n");
    message.headers_mut().remove(&Name::Other("x-a".into()));
    assert_eq!(
        written(&message),
        format!("{START}Content-Length: 0\r\n\r\n")
    );
    let Message::Request(request) = &mut message else {
        panic!()
    };
    request.set_body("text/plain", Bytes::from_static(b"hello"));
    request
        .headers_mut()
        .set_text(Name::ContentLength, "99")
        .unwrap();
    let text = format!("{START}Content-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello");
    assert_eq!(written(&message), text);
    message.headers_mut().remove(&Name::ContentLength);
    let text = format!("{START}Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(written(&message), text);
    let Message::Request(request) = &mut message else {
        panic!()
    };
    request.clear_body();
    assert_eq!(
        written(&message),
        format!("{START}Content-Length: 0\r\n\r\n")
    );
}

#[test]
fn rfc3261_8_2_6_2_a_response_has_the_headers_of_its_request_in_order() {
    let Message::Request(request) = message(
        "v:  SIP/2.0/UDP a;branch=1\r\nTo:\r\n <sip:b>\r\nSubject: x\r\nVia: SIP/2.0/TCP c\r\nTimestamp: 54\r\nf: <sip:d>;tag=1\r\ni: x\r\nCSeq: 1 OPTIONS\r\n",
    ) else {
        panic!()
    };
    let mut response = request.response(Status::TRYING);
    let copied = "v:  SIP/2.0/UDP a;branch=1\r\nTo:\r\n <sip:b>\r\nVia: SIP/2.0/TCP c\r\nTimestamp: 54\r\nf: <sip:d>;tag=1\r\ni: x\r\nCSeq: 1 OPTIONS\r\n";
    let expected = format!("SIP/2.0 100 Trying\r\n{copied}Content-Length: 0\r\n\r\n");
    assert_eq!(response.write(), expected);
    response.set_reason("Wait\r\nVia: no");
    assert!(
        response
            .write()
            .starts_with(b"SIP/2.0 100 Wait  Via: no\r\nv:")
    );
    assert!(
        !request
            .response(Status::OK)
            .headers()
            .contains(&Name::Timestamp)
    );
    assert_eq!(
        request.response(Status::OK).headers().text(&Name::To),
        Some("<sip:b>")
    );
}

#[test]
fn a_message_that_is_edited_again_and_again_does_not_grow() {
    let uri = Uri::parse(&Text::from("sip:a@b")).unwrap();
    let mut request = Request::new(Method::Register, &uri);
    request
        .headers_mut()
        .push_text(Name::Subject, &"s".repeat(3000))
        .unwrap();
    for round in 0..10_000 {
        request
            .headers_mut()
            .set_text(Name::CSeq, &format!("{round} REGISTER"))
            .unwrap();
    }
    assert!(request.headers().index.added_size() < 16 * 1024);
    assert_eq!(request.headers().text(&Name::CSeq), Some("9999 REGISTER"));
    assert_eq!(
        request.headers().text(&Name::Subject).map(str::len),
        Some(3000)
    );
}

/// One edit of a header list, and of the model: names with values in order.
#[derive(Clone, Debug)]
enum Edit {
    Push(u8, String),
    Set(u8, String),
    Remove(u8),
    Pop,
    Prepend(String),
    Body(Vec<u8>),
}

const NAMES: [Name; 5] = [
    Name::Route,
    Name::Subject,
    Name::SessionReplaces,
    Name::RejectContact,
    Name::Other(Text::from_static("X-Own")),
];

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let value = || "[a-z<>;\"\\\\ \u{e4}]{0,12}";
    let name = || 0..NAMES.len() as u8;
    let edit = prop_oneof![
        (name(), value()).prop_map(|(name, value)| Edit::Push(name, value)),
        (name(), value()).prop_map(|(name, value)| Edit::Set(name, value)),
        name().prop_map(Edit::Remove),
        Just(Edit::Pop),
        "[a-z]{1,8}".prop_map(Edit::Prepend),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Edit::Body),
    ];
    prop::collection::vec(edit, 0..24)
}

proptest! {
    #[test]
    fn what_is_edited_and_written_is_parsed_again(edits in edits(), folded in any::<bool>()) {
        let fold = if folded { "\r\n " } else { " " };
        let mut message = message(&format!("Route:{fold}one\r\ns: two\r\nX-OWN :three\r\n"));
        let mut model: Vec<(Name, String)> = [(Name::Route, "one"), (Name::Subject, "two"), (NAMES[4].clone(), "three")]
            .map(|(name, value)| (name, value.to_owned())).to_vec();
        let mut body = Vec::new();
        for edit in edits {
            let headers = message.headers_mut();
            match edit {
                Edit::Push(name, value) => {
                    let name = &NAMES[usize::from(name)];
                    headers.push_text(name.clone(), &value).unwrap();
                    model.push((name.clone(), value.trim().to_owned()));
                }
                Edit::Set(name, value) => {
                    let name = &NAMES[usize::from(name)];
                    headers.set_text(name.clone(), &value).unwrap();
                    let new = (name.clone(), value.trim().to_owned());
                    match model.iter().position(|(other, _)| other == name) {
                        Some(place) => {
                            let mut at = 0..;
                            model.retain(|(other, _)| at.next() == Some(place) || other != name);
                            model[place] = new;
                        }
                        None => model.push(new),
                    }
                }
                Edit::Remove(name) => {
                    let name = &NAMES[usize::from(name)];
                    headers.remove(name);
                    model.retain(|(other, _)| other != name);
                }
                Edit::Pop => {
                    let popped = headers.pop::<Hop>().map(|hop| hop.unwrap().0);
                    // No value has a comma; one that is empty is passed over.
                    let mut expected = None;
                    while let Some(place) = model.iter().position(|(name, _)| *name == Name::Route) {
                        let (_, value) = model.remove(place);
                        if !value.is_empty() {
                            expected = Some(value);
                            break;
                        }
                    }
                    prop_assert_eq!(popped, expected);
                }
                Edit::Prepend(value) => {
                    headers.prepend(&Hop(value.clone()));
                    let place = model.iter().position(|(name, _)| *name == Name::Route).unwrap_or(0);
                    model.insert(place, (Name::Route, value));
                }
                Edit::Body(bytes) => {
                    let Message::Request(request) = &mut message else { panic!() };
                    request.set_body("a/b", Bytes::from(bytes.clone()));
                    body = bytes;
                }
            }
        }
        let again = Message::parse(message.write(), &Limits::default()).unwrap();
        for message in [&message, &again] {
            let found: Vec<(Name, String)> = message.headers().iter()
                .filter(|field| !field.is(&Name::ContentLength) && !field.is(&Name::ContentType))
                .map(|field| (field.name(), field.text().unwrap().to_owned()))
                .collect();
            prop_assert_eq!(&found, &model);
            prop_assert_eq!(message.body(), &body);
            for name in &NAMES {
                let first = model.iter().find(|(other, _)| other == name).map(|(_, value)| &**value);
                prop_assert_eq!(message.headers().text(name), first);
                prop_assert_eq!(message.headers().count(name), model.iter().filter(|(other, _)| other == name).count());
            }
        }
        let length = again.headers().text(&Name::ContentLength).map(str::to_owned);
        prop_assert_eq!(length, Some(body.len().to_string()));
    }
}

#[test]
fn the_first_value_of_a_list_is_replaced_alone() {
    for (before, after) in [
        ("Route: <sip:b>\r\n", vec!["new"]),
        ("Route: <sip:b>, <sip:c>\r\n", vec!["new", "<sip:c>"]),
        (
            "Route: ,\r\nRoute: <sip:b>\r\nRoute: <sip:c>\r\n",
            vec!["new", "<sip:c>"],
        ),
        ("", vec!["new"]),
    ] {
        let text = format!("OPTIONS sip:a SIP/2.0\r\n{before}Subject: x\r\n\r\n");
        let Ok(Message::Request(mut request)) =
            Message::parse(Bytes::from(text), &Limits::default())
        else {
            panic!("a request")
        };
        request.headers_mut().set_first(&hop("new"));
        let hops: Vec<_> = request
            .headers()
            .all::<Hop>()
            .map(|hop| hop.unwrap().0)
            .collect();
        assert_eq!(hops, after, "{before}");
    }
}
