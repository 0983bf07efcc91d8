//! Both ways, and against a reader that others wrote.

use super::*;
use crate::engine::Limits;
use proptest::prelude::*;

fn names(document: &str) -> Result<Vec<String>, Error> {
    let mut reader = Reader::new(document, &Limits::default())?;
    let mut names = Vec::new();
    while let Some(item) = reader.next()? {
        if let Item::Start(element) = item {
            names.push(format!("{}|{}", element.namespace, element.name));
        }
    }
    Ok(names)
}

#[test]
fn xml_2_2_a_character_that_xml_does_not_have_is_left_out_on_both_ways() {
    let document = "<a b='x\u{10}y'>1\u{0}2<![CDATA[\u{1b}3]]>\u{fffe}4\t</a>";
    let mut reader = Reader::new(document, &Limits::default()).unwrap();
    let root = reader.child().unwrap().unwrap();
    assert_eq!(root.attribute("b"), Some("xy"));
    assert_eq!(reader.text().unwrap(), "1234\t");
    let mut writer = Writer::new();
    writer.leaf("a", "\u{10}1");
    assert!(writer.finish().ends_with(b"<a>1</a>"));
}

#[test]
fn names_are_resolved_in_their_scope() {
    let document = "\u{feff}<?xml version='1.0'?><!-- c --><a xmlns='urn:1' xmlns:p=\"urn:&amp;2\">\
                    <p:b/><c xmlns=''><d/></c><e/><q:f/></a> trailing";
    assert_eq!(
        names(document).unwrap(),
        ["urn:1|a", "urn:&2|b", "|c", "|d", "urn:1|e", "|f"]
    );
}

#[test]
fn text_is_that_of_the_element_alone() {
    let document = "<a> one &#x26;<b>not</b><![CDATA[<two>]]>&gt;</a>";
    let mut reader = Reader::new(document, &Limits::default()).unwrap();
    assert_eq!(reader.child().unwrap().unwrap().name, "a");
    assert_eq!(reader.text().unwrap(), " one &<two>>");
    assert_eq!(reader.next(), Ok(None));
}

#[test]
fn attributes_lose_their_prefix_and_their_escapes() {
    let document = "<a x='1' p:y=\"&lt;&#50;\"/>";
    let mut reader = Reader::new(document, &Limits::default()).unwrap();
    let element = reader.child().unwrap().unwrap();
    assert_eq!(element.attribute("x"), Some("1"));
    assert_eq!(element.attribute("y"), Some("<2"));
    assert_eq!(element.attribute("z"), None);
}

#[test]
fn refuses_with_the_place() {
    for (document, error) in [
        ("", Error::Malformed(0)),
        ("<a>", Error::Malformed(3)),
        ("<a></b>", Error::Malformed(3)),
        ("<a x=1/>", Error::Malformed(0)),
        ("text", Error::Malformed(0)),
        ("<a>&nbsp;</a>", Error::Entity(3)),
        ("<a>&#0;</a>", Error::Entity(3)),
        ("<a>&#x110000;</a>", Error::Entity(3)),
        ("<a x='&e;'/>", Error::Entity(0)),
        ("<!DOCTYPE a><a/>", Error::Dtd(0)),
    ] {
        assert_eq!(names(document), Err(error), "{document}");
    }
}

#[test]
fn bombs_do_not_go_off() {
    let laughs = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;\">]>\
                  <lolz>&lol2;</lolz>";
    assert_eq!(names(laughs), Err(Error::Dtd(0)));
    let deep = "<a>".repeat(10_000);
    assert_eq!(names(&deep), Err(Error::TooDeep(16 * 3)));
    let wide = format!("<a{}/>", " x='1'".repeat(1000));
    assert_eq!(names(&wide), Err(Error::TooManyAttributes(0)));
    let spaces = (0..1000)
        .map(|n| format!(" xmlns:p{n}='u'"))
        .collect::<String>();
    assert_eq!(
        names(&format!("<a{spaces}/>")),
        Err(Error::TooManyAttributes(0))
    );
    let large = format!("<a>{}</a>", " ".repeat(64 * 1024));
    assert_eq!(names(&large), Err(Error::TooLarge(64 * 1024)));
}

proptest! {
    #[test]
    fn what_is_written_is_read(value in "\\PC{0,20}", text in "[\\PC\r\n\t]{0,40}") {
        let mut writer = Writer::new();
        writer.start("a", &[("v", &value)]).leaf("b", &text);
        let document = writer.finish();
        let document = std::str::from_utf8(&document).unwrap();
        let mut reader = Reader::new(document, &Limits::default()).unwrap();
        let element = reader.child().unwrap().unwrap();
        let written = |text: &str| text.chars().filter(|char| is_char(*char)).collect::<String>();
        prop_assert_eq!(element.attribute("v"), Some(&*written(&value)));
        prop_assert_eq!(reader.child().unwrap().unwrap().name, "b");
        prop_assert_eq!(reader.text().unwrap(), written(&text));
    }

    #[test]
    fn no_text_is_too_much(document in "[<>/a&;#x='\" !\\[\\]-]{0,60}") {
        let _ = names(&document);
    }
}

/// Starts, texts and ends as `quick-xml` finds them, where it finds a document.
fn oracle(document: &str) -> Option<Vec<String>> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let (mut items, mut depth): (Vec<String>, usize) = (Vec::new(), 0);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                depth += 1;
                let mut item = format!("<{}", start.name().0);
                for attribute in start.attributes().with_checks(false) {
                    let attribute = attribute.ok()?;
                    item += &format!(" {}={}", attribute.key.0, unescaped(&attribute.value)?);
                }
                items.push(item);
            }
            Event::End(_) => {
                depth -= 1;
                items.push(">".to_owned());
            }
            Event::Text(_) if depth == 0 => {}
            Event::Text(text) => items.push(text.into_inner().into_owned()),
            Event::CData(text) => items.push(text.into_inner().into_owned()),
            Event::GeneralRef(name) => items.push(unescaped(&format!("&{};", &*name))?),
            Event::Eof => return None,
            Event::DocType(_) | Event::Empty(_) => return None,
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
        }
        if depth == 0 && items.last().is_some_and(|item| item == ">") {
            return Some(items);
        }
    }
}

fn unescaped(text: &str) -> Option<String> {
    Some(quick_xml::escape::unescape(text).ok()?.into_owned())
}

fn ours(document: &str) -> Result<Vec<String>, Error> {
    let mut reader = Reader::new(document, &Limits::default())?;
    let mut items = Vec::new();
    while let Some(item) = reader.next()? {
        items.push(match item {
            Item::Start(start) => {
                let attributes = start.attributes.iter();
                attributes.fold(format!("<{}", start.name), |all, (name, value)| {
                    format!("{all} {name}={value}")
                })
            }
            Item::Text(text) => text.into_owned(),
            Item::End => ">".to_owned(),
        });
    }
    Ok(items)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_same_as_another_reader(
        inner in "(<a>|<b x='1'>|<c y=\"&lt;2\" z = '>'/>|</a>|</b>|</a >|text|&amp;|&#65;|<!-- > -->|<!\\[CDATA\\[<x>&\\]\\]>|<\\?p i\\?>| |\r\n|\u{e9}|<a/>){0,12}",
        prolog in "(<\\?xml version='1.0'\\?>)?(\n|<!-- c -->)?",
    ) {
        let document = format!("{prolog}<r>{inner}</r> <!-- more -->");
        match oracle(&document) {
            Some(items) => prop_assert_eq!(ours(&document).ok(), Some(items), "{}", document),
            None => prop_assert!(ours(&document).is_err(), "{}", document),
        }
    }
}
