//! Reading the document.

use super::{
    Address, AvailableMedia, ConferenceInfo, ConferenceState, Description, DisconnectionMethod,
    Endpoint, Execution, Extent, JoiningMethod, Media, Status, User, Users,
};
use crate::engine::Limits;
use crate::events::{ParseError, number, text};
use crate::wire::{Text, date, xml};

type Reader<'r, 'a> = &'r mut xml::Reader<'a>;

impl ConferenceInfo {
    /// Reads the XML document. What is not known is skipped; a missing version, and URIs that were percent-encoded as
    /// a whole (`sip%3Aalice%40example.com`), are let pass.
    ///
    /// # Errors
    ///
    /// The bytes are not such a document, or a user has no URI.
    pub fn parse(document: &[u8], limits: &Limits) -> Result<Self, ParseError> {
        let document = xml::text(document);
        let mut reader = xml::Reader::new(&document, limits)?;
        let root = match reader.child()? {
            Some(root) if root.name == "conference-info" => root,
            _ => return Err(ParseError::Root("conference-info")),
        };
        let mut read = Self {
            entity: root.attribute("entity").map(uri).unwrap_or_default(),
            extent: Extent::parse(root.attribute("state")).unwrap_or_default(),
            version: number(root.attribute("version")),
            description: None,
            state: None,
            users: None,
        };
        while let Some(child) = reader.child()? {
            match child.name {
                "conference-description" => {
                    read.description = Some(description(&child, &mut reader)?);
                }
                "conference-state" => read.state = Some(state(&mut reader)?),
                "users" => read.users = Some(users(&child, read.extent, &mut reader)?),
                _ => reader.skip()?,
            }
        }
        Ok(read)
    }
}

fn description(
    start: &xml::Element<'_>,
    reader: Reader<'_, '_>,
) -> Result<Description, ParseError> {
    let mut read = Description {
        extent: Extent::parse(start.attribute("state")).unwrap_or_default(),
        ..Description::default()
    };
    while let Some(child) = reader.child()? {
        match child.name {
            "display-text" => read.display_text = content(reader)?,
            "subject" => read.subject = content(reader)?,
            "free-text" => read.free_text = content(reader)?,
            "keywords" => {
                let words = content(reader)?.unwrap_or_default();
                read.keywords = words.split_ascii_whitespace().map(Text::from).collect();
            }
            "conf-uris" => read.conf_uris = addresses(reader)?,
            "service-uris" => read.service_uris = addresses(reader)?,
            "maximum-user-count" => read.maximum_user_count = number(Some(&reader.text()?)),
            "available-media" => {
                while let Some(entry) = reader.child()? {
                    let label = text(entry.attribute("label")).unwrap_or_default();
                    read.available_media.push(available(label, reader)?);
                }
            }
            _ => reader.skip()?,
        }
    }
    Ok(read)
}

fn available(label: Text, reader: Reader<'_, '_>) -> Result<AvailableMedia, ParseError> {
    let mut read = AvailableMedia {
        label,
        ..AvailableMedia::default()
    };
    while let Some(child) = reader.child()? {
        match child.name {
            "display-text" => read.display_text = content(reader)?,
            "type" => read.kind = content(reader)?,
            "status" => read.status = content(reader)?,
            _ => reader.skip()?,
        }
    }
    Ok(read)
}

fn addresses(reader: Reader<'_, '_>) -> Result<Vec<Address>, ParseError> {
    let mut read = Vec::new();
    while let Some(entry) = reader.child()? {
        if entry.name != "entry" {
            reader.skip()?;
            continue;
        }
        let mut address = Address::default();
        while let Some(child) = reader.child()? {
            match child.name {
                "uri" => address.uri = uri(&reader.text()?),
                "display-text" => address.display_text = content(reader)?,
                "purpose" => address.purpose = content(reader)?,
                _ => reader.skip()?,
            }
        }
        if !address.uri.is_empty() {
            read.push(address);
        }
    }
    Ok(read)
}

fn state(reader: Reader<'_, '_>) -> Result<ConferenceState, ParseError> {
    let mut read = ConferenceState::default();
    while let Some(child) = reader.child()? {
        match child.name {
            "user-count" => read.user_count = number(Some(&reader.text()?)),
            "active" => read.active = boolean(&reader.text()?),
            "locked" => read.locked = boolean(&reader.text()?),
            _ => reader.skip()?,
        }
    }
    Ok(read)
}

fn users(
    start: &xml::Element<'_>,
    document: Extent,
    reader: Reader<'_, '_>,
) -> Result<Users, ParseError> {
    let said = Extent::parse(start.attribute("state"));
    let mut users = Vec::new();
    let mut some_changed = false;
    while let Some(child) = reader.child()? {
        match child.name {
            "user" => {
                let user = user(&child, reader)?;
                some_changed |= user.extent != Extent::Full;
                users.push(user);
            }
            _ => reader.skip()?,
        }
    }
    // What is not said means all of them (RFC 4575 §4.4). But senders of changes forget to say it, and in a list of
    // all users none is changed or gone.
    let forgotten = document == Extent::Partial && some_changed;
    Ok(Users {
        extent: said.unwrap_or(match forgotten {
            true => Extent::Partial,
            false => Extent::Full,
        }),
        users,
    })
}

fn user(start: &xml::Element<'_>, reader: Reader<'_, '_>) -> Result<User, ParseError> {
    let entity = start
        .attribute("entity")
        .map(uri)
        .filter(|uri| !uri.is_empty())
        .ok_or(ParseError::Missing {
            element: "user",
            attribute: "entity",
        })?;
    let mut read = User {
        extent: Extent::parse(start.attribute("state")).unwrap_or_default(),
        yourown: start.attribute("yourown").and_then(boolean) == Some(true),
        ..User::new(entity)
    };
    while let Some(child) = reader.child()? {
        match child.name {
            "display-text" => read.display_text = content(reader)?,
            "nickname" => read.nickname = content(reader)?,
            "associated-aors" => read.associated_aors = addresses(reader)?,
            "roles" => {
                while let Some(entry) = reader.child()? {
                    match entry.name {
                        "entry" => read.roles.extend(content(reader)?),
                        _ => reader.skip()?,
                    }
                }
            }
            "languages" => read.languages = content(reader)?,
            "cascaded-focus" => read.cascaded_focus = content(reader)?.map(|text| uri(&text)),
            "endpoint" => read.endpoints.push(endpoint(&child, reader)?),
            _ => reader.skip()?,
        }
    }
    Ok(read)
}

fn endpoint(start: &xml::Element<'_>, reader: Reader<'_, '_>) -> Result<Endpoint, ParseError> {
    let mut read = Endpoint {
        entity: start.attribute("entity").map(uri).unwrap_or_default(),
        extent: Extent::parse(start.attribute("state")).unwrap_or_default(),
        ..Endpoint::default()
    };
    while let Some(child) = reader.child()? {
        match child.name {
            "display-text" => read.display_text = content(reader)?,
            "referred" => read.referred = Some(execution(reader)?),
            "status" => read.status = Status::parse(reader.text()?.trim()),
            "joining-method" => read.joining_method = JoiningMethod::parse(reader.text()?.trim()),
            "joining-info" => read.joining_info = Some(execution(reader)?),
            "disconnection-method" => {
                read.disconnection_method = DisconnectionMethod::parse(reader.text()?.trim());
            }
            "disconnection-info" => read.disconnection_info = Some(execution(reader)?),
            "media" => {
                let id = text(child.attribute("id")).unwrap_or_default();
                let extent = Extent::parse(child.attribute("state")).unwrap_or_default();
                read.media.push(media(id, extent, reader)?);
            }
            _ => reader.skip()?,
        }
    }
    Ok(read)
}

fn execution(reader: Reader<'_, '_>) -> Result<Execution, ParseError> {
    let mut read = Execution::default();
    while let Some(child) = reader.child()? {
        match child.name {
            "when" => read.when = date::parse(&reader.text()?),
            "reason" => read.reason = content(reader)?,
            "by" => read.by = content(reader)?.map(|text| uri(&text)),
            _ => reader.skip()?,
        }
    }
    Ok(read)
}

fn media(id: Text, extent: Extent, reader: Reader<'_, '_>) -> Result<Media, ParseError> {
    let mut read = Media {
        id,
        extent,
        ..Media::default()
    };
    while let Some(child) = reader.child()? {
        match child.name {
            "display-text" => read.display_text = content(reader)?,
            "type" => read.kind = content(reader)?,
            "label" => read.label = content(reader)?,
            "src-id" => read.src_id = content(reader)?,
            "status" => read.status = content(reader)?,
            _ => reader.skip()?,
        }
    }
    Ok(read)
}

/// The text of the open element without the spaces around it; `None` if there is none.
fn content(reader: Reader<'_, '_>) -> Result<Option<Text>, xml::Error> {
    let text = reader.text()?;
    let text = text.trim();
    Ok((!text.is_empty()).then(|| Text::from(text)))
}

/// A URI, as it is or percent-encoded as a whole, which SylkServer does.
fn uri(text: &str) -> Text {
    let around = |char: char| char.is_whitespace() || matches!(char, '<' | '>');
    let text = text.trim_matches(around);
    if text.contains(':') || !text.contains("%3") {
        return Text::from(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(h, l)| h << 4 | l),
            _ => None,
        };
        out.push(code.unwrap_or(byte));
        rest = code.map_or(after, |_| after.get(2..).unwrap_or_default());
    }
    // What has no scheme even so is left as it came.
    match String::from_utf8(out) {
        Ok(decoded) if decoded.contains(':') && !decoded.contains(char::is_control) => {
            Text::from(decoded.trim_matches(around))
        }
        _ => Text::from(text),
    }
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

fn boolean(text: &str) -> Option<bool> {
    match text.trim() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}
