//! Reading the document.

use super::{Cause, Dialog, DialogInfo, Direction, Participant, Party, Replaced, State};
use crate::engine::Limits;
use crate::events::{Extent, ParseError, number, text};
use crate::wire::{Text, xml};
use std::time::Duration;

impl DialogInfo {
    /// Reads the XML document. What is not known is skipped.
    ///
    /// # Errors
    ///
    /// The bytes are not such a document, or a dialog has no id.
    pub fn parse(document: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let document = String::from_utf8_lossy(document);
        let mut reader = xml::Reader::new(&document, limits)?;
        let root = match reader.child()? {
            Some(root) if root.name == "dialog-info" => root,
            _ => return Err(ParseError::Root("dialog-info")),
        };
        let mut read = Self {
            version: number(root.attribute("version")).unwrap_or_default(),
            extent: Extent::parse(root.attribute("state")),
            entity: text(root.attribute("entity")).unwrap_or_default(),
            dialogs: Vec::new(),
        };
        while let Some(child) = reader.child()? {
            match child.name {
                "dialog" => read.dialogs.push(dialog(&child, &mut reader)?),
                _ => reader.skip()?,
            }
        }
        Ok(read)
    }
}

fn dialog(start: &xml::Element<'_>, reader: &mut xml::Reader<'_>) -> Result<Dialog, ParseError> {
    let id = text(start.attribute("id")).ok_or(ParseError::Missing {
        element: "dialog",
        attribute: "id",
    })?;
    let mut dialog = Dialog {
        call_id: text(start.attribute("call-id")),
        local_tag: text(start.attribute("local-tag")),
        remote_tag: text(start.attribute("remote-tag")),
        direction: match start.attribute("direction") {
            Some("initiator") => Some(Direction::Initiator),
            Some("recipient") => Some(Direction::Recipient),
            _ => None,
        },
        ..Dialog::new(id, State::Confirmed)
    };
    while let Some(child) = reader.child()? {
        match child.name {
            "state" => {
                dialog.cause = child.attribute("event").and_then(Cause::parse);
                dialog.code = (child.attribute("code"))
                    .and_then(|code| code.trim().parse().ok())
                    .filter(|code| (100..700).contains(code));
                dialog.state = State::parse(reader.text()?.trim());
            }
            "duration" => {
                let seconds = reader.text()?.trim().parse().ok();
                dialog.duration = seconds.map(Duration::from_secs);
            }
            "replaces" => {
                let part = |name| text(child.attribute(name)).unwrap_or_default();
                dialog.replaces = Some(Replaced {
                    call_id: part("call-id"),
                    local_tag: part("local-tag"),
                    remote_tag: part("remote-tag"),
                });
                reader.skip()?;
            }
            "referred-by" => dialog.referred_by = Some(party(&child, reader)?),
            "route-set" => {
                while let Some(child) = reader.child()? {
                    match child.name {
                        "hop" => dialog.route_set.push(Text::from(reader.text()?.trim())),
                        _ => reader.skip()?,
                    }
                }
            }
            "local" => dialog.local = participant(reader)?,
            "remote" => dialog.remote = participant(reader)?,
            _ => reader.skip()?,
        }
    }
    Ok(dialog)
}

fn party(start: &xml::Element<'_>, reader: &mut xml::Reader<'_>) -> Result<Party, ParseError> {
    Ok(Party {
        display: text(start.attribute("display")),
        uri: Text::from(reader.text()?.trim()),
    })
}

fn participant(reader: &mut xml::Reader<'_>) -> Result<Participant, ParseError> {
    let mut read = Participant::default();
    while let Some(child) = reader.child()? {
        match child.name {
            // Where there are several, the first is the one that was called or has called.
            "identity" if read.identity.is_none() => {
                read.identity = Some(party(&child, reader)?);
            }
            "target" => {
                read.target = text(child.attribute("uri"));
                read.params.clear();
                while let Some(param) = reader.child()? {
                    if let ("param", Some(name)) = (param.name, text(param.attribute("pname"))) {
                        let value = text(param.attribute("pval")).unwrap_or_default();
                        read.params.push((name, value));
                    }
                    reader.skip()?;
                }
                if read.target.is_none() {
                    read.params.clear();
                }
            }
            "session-description" => {
                let media_type = text(child.attribute("type")).unwrap_or_default();
                read.session = Some((media_type, Text::from(&*reader.text()?)));
            }
            "cseq" => read.sequence = number(Some(&reader.text()?)),
            _ => reader.skip()?,
        }
    }
    Ok(read)
}
