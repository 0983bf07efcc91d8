//! The list of what is kept for a user, who chooses from it what to fetch.
//!
//! OMA CPM has a user told the size, the sender and the time of each message that waits, but which document
//! says so could not be established. Hence a [`Format`] is a value: a media type and two functions. The one
//! that is there writes a small XML document; whoever knows a better one puts it in its place, on both sides.

use crate::engine::{DateTime, Limits};
use crate::wire::{Text, date, xml};
use bytes::Bytes;

/// How lists are written and read.
#[derive(Clone, Debug)]
pub struct Format {
    /// The media type.
    pub media_type: Text,
    /// Writes a list.
    pub write: fn(&List) -> Bytes,
    /// Reads a list.
    pub parse: fn(&[u8], &Limits) -> Result<List, ParseError>,
}

impl Default for Format {
    /// A `deferred-list` in XML, under the media type that OMA SIMPLE IM has for lists of deferred messages.
    fn default() -> Self {
        Self {
            media_type: Text::from_static("application/vnd.oma.im.deferred-list+xml"),
            write: List::write,
            parse: List::parse,
        }
    }
}

/// A list of messages that are kept, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// What it is for.
    pub action: Action,
    /// How many messages are kept altogether; more than are listed where there are very many.
    pub total: u64,
    /// The messages, the oldest first.
    pub items: Vec<Item>,
}

/// What a list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// To tell the user what waits.
    Notify,
    /// To have these delivered.
    Retrieve,
    /// To have these thrown away.
    Discard,
}

impl Action {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Notify, "notify"),
        (Self::Retrieve, "retrieve"),
        (Self::Discard, "discard"),
    ];
}

/// A message that is kept. Of a message that is asked for, the id is enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// What to ask for it by.
    pub id: Text,
    /// Who sent it.
    pub sender: Option<Text>,
    /// Its size in bytes, with its envelope.
    pub size: Option<u64>,
    /// When its sender sent it.
    pub sent: Option<DateTime>,
    /// Until when it is kept.
    pub expires: Option<DateTime>,
    /// The media type of what it says.
    pub content_type: Option<Text>,
    /// Its `imdn.Message-ID`.
    pub message_id: Option<Text>,
    /// Its conversation.
    pub conversation: Option<Text>,
    /// Its contribution to the conversation.
    pub contribution: Option<Text>,
}

impl Item {
    /// The message of that id.
    pub fn of(id: Text) -> Self {
        Self {
            id,
            ..Self::default()
        }
    }
}

/// Why bytes are not such a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The XML is broken or beyond its limits.
    #[error(transparent)]
    Xml(#[from] xml::Error),
    /// The document element is not `deferred-list`.
    #[error("not a list of deferred messages")]
    NotAList,
    /// It does not say what it is for.
    #[error("a list without an action")]
    NoAction,
}

impl List {
    /// Reads the XML document. What is not known is skipped, and so is a message without an id.
    ///
    /// # Errors
    ///
    /// The bytes are not such a document.
    pub fn parse(document: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let document = String::from_utf8_lossy(document);
        let mut reader = xml::Reader::new(&document, limits)?;
        let root = reader
            .child()?
            .filter(|root| root.name == "deferred-list")
            .ok_or(ParseError::NotAList)?;
        let action = root.attribute("action").unwrap_or_default();
        let action = Action::ALL
            .into_iter()
            .find(|(_, name)| *name == action)
            .ok_or(ParseError::NoAction)?
            .0;
        let total = root.attribute("total").and_then(|text| text.parse().ok());
        let mut items = Vec::new();
        while let Some(message) = reader.child()? {
            let Some(id) = message
                .attribute("id")
                .filter(|_| message.name == "message")
            else {
                reader.skip()?;
                continue;
            };
            let mut item = Item::of(Text::from(id));
            while let Some(child) = reader.child()? {
                let text = reader.text()?;
                let text = text.trim();
                match child.name {
                    "sender" => item.sender = Some(Text::from(text)),
                    "size" => item.size = text.parse().ok(),
                    "sent" => item.sent = date::parse(text),
                    "expires" => item.expires = date::parse(text),
                    "content-type" => item.content_type = Some(Text::from(text)),
                    "message-id" => item.message_id = Some(Text::from(text)),
                    "conversation-id" => item.conversation = Some(Text::from(text)),
                    "contribution-id" => item.contribution = Some(Text::from(text)),
                    _ => {}
                }
            }
            items.push(item);
        }
        let listed = u64::try_from(items.len()).unwrap_or(u64::MAX);
        Ok(Self {
            action,
            total: total.unwrap_or(listed).max(listed),
            items,
        })
    }

    /// The XML document.
    pub fn write(&self) -> Bytes {
        let name = Action::ALL
            .into_iter()
            .find(|(action, _)| *action == self.action)
            .map_or("", |(_, name)| name);
        let mut writer = xml::Writer::new();
        let total = self.total.to_string();
        writer.start("deferred-list", &[("action", name), ("total", &total)]);
        for item in &self.items {
            writer.start("message", &[("id", &item.id)]);
            let number = item.size.map(|size| Text::from(size.to_string()));
            let [sent, expires] =
                [item.sent, item.expires].map(|at| at.map(|at| Text::from(date::write(at))));
            for (name, value) in [
                ("sender", &item.sender),
                ("size", &number),
                ("sent", &sent),
                ("expires", &expires),
                ("content-type", &item.content_type),
                ("message-id", &item.message_id),
                ("conversation-id", &item.conversation),
                ("contribution-id", &item.contribution),
            ] {
                if let Some(value) = value {
                    writer.leaf(name, value);
                }
            }
            writer.end();
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_list_in_both_directions() {
        let list = List {
            action: Action::Notify,
            total: 3,
            items: vec![
                Item {
                    id: "7".into(),
                    sender: Some("sip:alice@example.com".into()),
                    size: Some(1234),
                    sent: date::parse("2026-01-01T09:00:00Z"),
                    ..Item::default()
                },
                Item::of("8".into()),
            ],
        };
        let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<deferred-list action=\"notify\" total=\"3\"><message id=\"7\"><sender>sip:alice@example.com</sender><size>1234</size><sent>2026-01-01T09:00:00Z</sent></message><message id=\"8\"></message></deferred-list>";
        assert_eq!(list.write(), document);
        assert_eq!(
            List::parse(document.as_bytes(), &Limits::default()),
            Ok(list)
        );
    }

    #[test]
    fn what_says_nothing_is_refused_and_what_is_unknown_is_skipped() {
        let parse = |text: &str| List::parse(text.as_bytes(), &Limits::default());
        assert_eq!(parse("<imdn/>"), Err(ParseError::NotAList));
        assert_eq!(parse("<deferred-list/>"), Err(ParseError::NoAction));
        let list = parse(
            "<deferred-list action='discard' total='0'><new><message id='1'/></new><message/>\
             <message id='2'><size>much</size><new/></message></deferred-list>",
        )
        .unwrap();
        assert_eq!((list.total, list.items), (1, vec![Item::of("2".into())]));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(id in "[ -~]{1,9}", sender in "[!-~]{1,20}", size: u64) {
            let item = Item { id: id.into(), sender: Some(sender.into()), size: Some(size), ..Item::default() };
            let list = List { action: Action::Retrieve, total: 1, items: vec![item] };
            prop_assert_eq!(List::parse(&list.write(), &Limits::default()), Ok(list));
        }
    }
}
