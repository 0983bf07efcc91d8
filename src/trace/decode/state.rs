//! Documents that tell a state: of a conference, of dialogs, of registrations, of presence; and lists of people.

use super::node::{Fault, Node};
use super::{Decoder, fault};
use crate::events::conference_info::{self, ConferenceInfo, Extent};
use crate::events::dialog_info::{DialogInfo, State};
use crate::events::pidf::Presence;
use crate::events::reg_info::RegInfo;
use crate::events::{self, pidf};
use crate::lists::RecipientList;
use bytes::Bytes;

impl Decoder<'_> {
    pub(super) fn conference_info(
        &self,
        node: &mut Node,
        bytes: &Bytes,
        base: Option<usize>,
    ) -> Result<(), Fault> {
        let info = ConferenceInfo::parse(bytes, self.limits)
            .map_err(|error| fault(&error, base).of("RFC 4575 §5"))?;
        node.push(Node::text("entity", &*info.entity));
        node.push(Node::text("extent", extent(info.extent)));
        if let Some(version) = info.version {
            node.push(Node::number("version", version));
        }
        if let Some(description) = &info.description {
            node.push_text("display_text", description.display_text.as_deref());
            node.push_text("subject", description.subject.as_deref());
            if let Some(count) = description.maximum_user_count {
                node.push(Node::number("maximum_user_count", count));
            }
        }
        if let Some(state) = &info.state {
            if let Some(count) = state.user_count {
                node.push(Node::number("user_count", count));
            }
            for (label, flag) in [("active", state.active), ("locked", state.locked)] {
                if let Some(flag) = flag {
                    node.push(Node::flag(label, flag));
                }
            }
        }
        if let Some(users) = &info.users {
            node.push(Node::text("users_extent", extent(users.extent)));
            node.push_list(Node::list("users", users.users.iter().map(user)));
        }
        Ok(())
    }

    pub(super) fn dialog_info(
        &self,
        node: &mut Node,
        bytes: &Bytes,
        base: Option<usize>,
    ) -> Result<(), Fault> {
        let info = DialogInfo::parse(bytes, self.limits)
            .map_err(|error| fault(&error, base).of("RFC 4235 §4"))?;
        node.push(Node::text("entity", &*info.entity));
        node.push(Node::text("extent", part(info.extent)));
        node.push(Node::number("version", info.version));
        node.push_list(Node::list(
            "dialogs",
            info.dialogs.iter().map(|dialog| {
                let mut each = Node::object("").with(Node::text("id", &*dialog.id));
                each.push_text("call_id", dialog.call_id.as_deref());
                each.push(Node::text(
                    "state",
                    match dialog.state {
                        State::Trying => "trying",
                        State::Proceeding => "proceeding",
                        State::Early => "early",
                        State::Confirmed => "confirmed",
                        State::Terminated => "terminated",
                    },
                ));
                for (label, side) in [("local", &dialog.local), ("remote", &dialog.remote)] {
                    let uri = side.identity.as_ref().map(|party| &*party.uri);
                    each.push_text(label, uri);
                }
                each
            }),
        ));
        Ok(())
    }

    pub(super) fn reg_info(
        &self,
        node: &mut Node,
        bytes: &Bytes,
        base: Option<usize>,
    ) -> Result<(), Fault> {
        let info = RegInfo::parse(bytes, self.limits)
            .map_err(|error| fault(&error, base).of("RFC 3680 §5"))?;
        node.push(Node::text("extent", part(info.extent)));
        node.push(Node::number("version", info.version));
        node.push_list(Node::list(
            "registrations",
            info.registrations.iter().map(|registration| {
                let contacts = registration.contacts.iter().map(|contact| {
                    let state = if contact.is_active {
                        "active"
                    } else {
                        "terminated"
                    };
                    let mut each = Node::object("")
                        .with(Node::text("uri", &*contact.uri))
                        .with(Node::text("state", state));
                    each.push_text("event", contact.event.map(|event| event.as_str()));
                    if let Some(expires) = contact.expires {
                        each.push(Node::number("expires", expires));
                    }
                    each.push_text("pub_gruu", contact.pub_gruu.as_deref());
                    each
                });
                let mut each = Node::object("")
                    .with(Node::text("aor", &*registration.aor))
                    .with(Node::text("state", registration.state.as_str()));
                each.push_list(Node::list("contacts", contacts));
                each
            }),
        ));
        Ok(())
    }

    pub(super) fn presence(
        &self,
        node: &mut Node,
        bytes: &Bytes,
        base: Option<usize>,
    ) -> Result<(), Fault> {
        let presence = Presence::parse(bytes, self.limits)
            .map_err(|error| fault(&error, base).of("RFC 3863 §4"))?;
        node.push(Node::text("entity", &*presence.entity));
        node.push_list(Node::list(
            "tuples",
            presence.tuples.iter().map(|tuple| {
                let mut each = Node::object("").with(Node::text("id", &*tuple.id));
                if let Some(open) = tuple.is_open {
                    each.push(Node::text("basic", if open { "open" } else { "closed" }));
                }
                if let Some((service, version)) = &tuple.service {
                    each.push(Node::text("service", &**service));
                    each.push(Node::text("service_version", &**version));
                }
                each.push_text("contact", tuple.contact.as_deref());
                each.push_text("timestamp", tuple.timestamp.map(|at| at.to_rfc3339()));
                each.push_list(notes(&tuple.notes));
                each
            }),
        ));
        node.push_list(notes(&presence.notes));
        Ok(())
    }

    pub(super) fn recipients(
        &self,
        node: &mut Node,
        bytes: &Bytes,
        base: Option<usize>,
    ) -> Result<(), Fault> {
        let list = RecipientList::parse(bytes, self.limits)
            .map_err(|error| fault(&error, base).of("RFC 4826 §3"))?;
        node.push_list(Node::list(
            "entries",
            list.entries.iter().map(|entry| {
                let mut each = Node::object("").with(Node::text("uri", &*entry.uri));
                each.push_text("display", entry.display.as_deref());
                each.push_text("role", entry.role.map(|role| role.as_str()));
                if entry.is_anonymous {
                    each.push(Node::flag("anonymous", true));
                }
                if let Some(count) = entry.count {
                    each.push(Node::number("count", count));
                }
                each
            }),
        ));
        Ok(())
    }
}

fn user(user: &conference_info::User) -> Node {
    let mut node = Node::object("")
        .with(Node::text("entity", &*user.entity))
        .with(Node::text("extent", extent(user.extent)));
    node.push_text("display_text", user.display_text.as_deref());
    node.push_text("nickname", user.nickname.as_deref());
    node.push_list(Node::texts("roles", user.roles.iter().map(|role| &**role)));
    node.push_list(Node::list(
        "endpoints",
        user.endpoints.iter().map(|endpoint| {
            let mut each = Node::object("")
                .with(Node::text("entity", &*endpoint.entity))
                .with(Node::text("extent", extent(endpoint.extent)));
            each.push_text("status", endpoint.status.map(|status| status.as_str()));
            let joined = endpoint.joining_method.map(|method| method.as_str());
            each.push_text("joining_method", joined);
            let left = endpoint.disconnection_method.map(|method| method.as_str());
            each.push_text("disconnection_method", left);
            let why = endpoint.disconnection_info.as_ref();
            each.push_text(
                "disconnection_reason",
                why.and_then(|why| why.reason.as_deref()),
            );
            let media = endpoint.media.iter();
            each.push_list(Node::texts(
                "media",
                media.map(|media| media.kind.as_deref().unwrap_or(&media.id)),
            ));
            each
        }),
    ));
    node
}

fn notes(notes: &[pidf::Note]) -> Node {
    Node::texts("notes", notes.iter().map(|note| &*note.text))
}

const fn extent(extent: Extent) -> &'static str {
    match extent {
        Extent::Full => "full",
        Extent::Partial => "partial",
        Extent::Deleted => "deleted",
    }
}

const fn part(extent: events::Extent) -> &'static str {
    match extent {
        events::Extent::Full => "full",
        events::Extent::Partial => "partial",
    }
}
