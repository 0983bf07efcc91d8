//! Writing the document, in the order of its schema (RFC 4575 §6).

use super::{
    Address, ConferenceInfo, Description, Endpoint, Execution, Extent, Media, NS, NS_XCON, User,
};
use crate::wire::{Text, date, xml};
use bytes::Bytes;

impl ConferenceInfo {
    /// The XML document.
    pub fn write(&self) -> Bytes {
        let mut out = xml::Writer::new();
        let version = self.version.map(|version| version.to_string());
        let mut attributes = vec![
            ("xmlns", NS),
            ("entity", self.entity.as_str()),
            ("state", self.extent.as_str()),
        ];
        attributes.extend(version.as_deref().map(|version| ("version", version)));
        out.start("conference-info", &attributes);
        if let Some(description) = &self.description {
            description.write(&mut out);
        }
        if let Some(state) = &self.state {
            out.start("conference-state", &[]);
            if let Some(count) = state.user_count {
                out.leaf("user-count", &count.to_string());
            }
            for (name, value) in [("active", state.active), ("locked", state.locked)] {
                if let Some(value) = value {
                    out.leaf(name, if value { "true" } else { "false" });
                }
            }
            out.end();
        }
        if let Some(users) = &self.users {
            out.start("users", &[("state", users.extent.as_str())]);
            for user in &users.users {
                user.write(&mut out);
            }
            out.end();
        }
        out.finish()
    }
}

impl Description {
    fn write(&self, out: &mut xml::Writer) {
        out.start("conference-description", &extent(self.extent));
        leaf(out, "display-text", &self.display_text);
        leaf(out, "subject", &self.subject);
        leaf(out, "free-text", &self.free_text);
        if !self.keywords.is_empty() {
            let words: Vec<_> = self.keywords.iter().map(Text::as_str).collect();
            out.leaf("keywords", &words.join(" "));
        }
        addresses(out, "conf-uris", &self.conf_uris);
        addresses(out, "service-uris", &self.service_uris);
        if let Some(count) = self.maximum_user_count {
            out.leaf("maximum-user-count", &count.to_string());
        }
        if !self.available_media.is_empty() {
            out.start("available-media", &[]);
            for media in &self.available_media {
                out.start("entry", &[("label", &media.label)]);
                leaf(out, "display-text", &media.display_text);
                leaf(out, "type", &media.kind);
                leaf(out, "status", &media.status);
                out.end();
            }
            out.end();
        }
        out.end();
    }
}

impl User {
    fn write(&self, out: &mut xml::Writer) {
        let mut attributes = vec![
            ("entity", self.entity.as_str()),
            ("state", self.extent.as_str()),
        ];
        attributes.extend(self.yourown.then_some(("yourown", "true")));
        out.start("user", &attributes);
        leaf(out, "display-text", &self.display_text);
        addresses(out, "associated-aors", &self.associated_aors);
        if !self.roles.is_empty() {
            out.start("roles", &[]);
            for role in &self.roles {
                out.leaf("entry", role);
            }
            out.end();
        }
        leaf(out, "languages", &self.languages);
        leaf(out, "cascaded-focus", &self.cascaded_focus);
        for endpoint in &self.endpoints {
            endpoint.write(out);
        }
        // Of another namespace, and so after all that is of this one.
        if let Some(nickname) = &self.nickname {
            out.start("nickname", &[("xmlns", NS_XCON)])
                .text(nickname)
                .end();
        }
        out.end();
    }
}

impl Endpoint {
    fn write(&self, out: &mut xml::Writer) {
        let mut attributes = vec![("entity", self.entity.as_str())];
        attributes.extend(extent(self.extent));
        out.start("endpoint", &attributes);
        leaf(out, "display-text", &self.display_text);
        execution(out, "referred", &self.referred);
        if let Some(status) = self.status {
            out.leaf("status", status.as_str());
        }
        if let Some(method) = self.joining_method {
            out.leaf("joining-method", method.as_str());
        }
        execution(out, "joining-info", &self.joining_info);
        if let Some(method) = self.disconnection_method {
            out.leaf("disconnection-method", method.as_str());
        }
        execution(out, "disconnection-info", &self.disconnection_info);
        for media in &self.media {
            media.write(out);
        }
        out.end();
    }
}

impl Media {
    fn write(&self, out: &mut xml::Writer) {
        let mut attributes = vec![("id", self.id.as_str())];
        attributes.extend(extent(self.extent));
        out.start("media", &attributes);
        leaf(out, "display-text", &self.display_text);
        leaf(out, "type", &self.kind);
        leaf(out, "label", &self.label);
        leaf(out, "src-id", &self.src_id);
        leaf(out, "status", &self.status);
        out.end();
    }
}

/// `full` is what holds where nothing is said.
fn extent(extent: Extent) -> Vec<(&'static str, &'static str)> {
    match extent {
        Extent::Full => Vec::new(),
        other => vec![("state", other.as_str())],
    }
}

fn leaf(out: &mut xml::Writer, name: &'static str, text: &Option<Text>) {
    if let Some(text) = text {
        out.leaf(name, text);
    }
}

fn addresses(out: &mut xml::Writer, name: &'static str, addresses: &[Address]) {
    if addresses.is_empty() {
        return;
    }
    out.start(name, &[]);
    for address in addresses {
        out.start("entry", &[]).leaf("uri", &address.uri);
        leaf(out, "display-text", &address.display_text);
        leaf(out, "purpose", &address.purpose);
        out.end();
    }
    out.end();
}

fn execution(out: &mut xml::Writer, name: &'static str, execution: &Option<Execution>) {
    let Some(execution) = execution else { return };
    out.start(name, &[]);
    if let Some(when) = execution.when {
        out.leaf("when", &date::write(when));
    }
    leaf(out, "reason", &execution.reason);
    leaf(out, "by", &execution.by);
    out.end();
}
