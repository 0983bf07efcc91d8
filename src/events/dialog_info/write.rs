//! Writing the document.

use super::{Dialog, DialogInfo, Direction, NS, Participant, Party};
use crate::wire::xml;
use bytes::Bytes;

impl DialogInfo {
    /// The XML document.
    pub fn write(&self) -> Bytes {
        let mut out = xml::Writer::new();
        out.start(
            "dialog-info",
            &[
                ("xmlns", NS),
                ("version", &self.version.to_string()),
                ("state", self.extent.as_str()),
                ("entity", &self.entity),
            ],
        );
        for dialog in &self.dialogs {
            dialog.write(&mut out);
        }
        out.finish()
    }
}

impl Dialog {
    fn write(&self, out: &mut xml::Writer) {
        let mut attributes = vec![("id", self.id.as_str())];
        for (name, value) in [
            ("call-id", &self.call_id),
            ("local-tag", &self.local_tag),
            ("remote-tag", &self.remote_tag),
        ] {
            attributes.extend(value.as_ref().map(|value| (name, value.as_str())));
        }
        attributes.extend(self.direction.map(|direction| {
            let direction = match direction {
                Direction::Initiator => "initiator",
                Direction::Recipient => "recipient",
            };
            ("direction", direction)
        }));
        out.start("dialog", &attributes);
        let code = self.code.map(|code| code.to_string());
        let mut attributes = Vec::new();
        attributes.extend(self.cause.map(|cause| ("event", cause.as_str())));
        attributes.extend(code.as_ref().map(|code| ("code", code.as_str())));
        out.start("state", &attributes)
            .text(self.state.as_str())
            .end();
        if let Some(duration) = self.duration {
            out.leaf("duration", &duration.as_secs().to_string());
        }
        if let Some(replaced) = &self.replaces {
            let attributes = [
                ("call-id", replaced.call_id.as_str()),
                ("local-tag", &replaced.local_tag),
                ("remote-tag", &replaced.remote_tag),
            ];
            out.empty("replaces", &attributes);
        }
        if let Some(party) = &self.referred_by {
            party.write("referred-by", out);
        }
        if !self.route_set.is_empty() {
            out.start("route-set", &[]);
            for hop in &self.route_set {
                out.leaf("hop", hop);
            }
            out.end();
        }
        self.local.write("local", out);
        self.remote.write("remote", out);
        out.end();
    }
}

impl Party {
    fn write(&self, name: &'static str, out: &mut xml::Writer) {
        let display = self.display.as_ref();
        let attributes: Vec<_> = display
            .map(|display| ("display", display.as_str()))
            .into_iter()
            .collect();
        out.start(name, &attributes).text(&self.uri).end();
    }
}

impl Participant {
    fn write(&self, name: &'static str, out: &mut xml::Writer) {
        if *self == Self::default() {
            return;
        }
        out.start(name, &[]);
        if let Some(identity) = &self.identity {
            identity.write("identity", out);
        }
        if let Some(target) = &self.target {
            out.start("target", &[("uri", target)]);
            for (name, value) in &self.params {
                out.empty("param", &[("pname", name), ("pval", value)]);
            }
            out.end();
        }
        if let Some((media_type, description)) = &self.session {
            out.start("session-description", &[("type", media_type)])
                .text(description)
                .end();
        }
        if let Some(sequence) = self.sequence {
            out.leaf("cseq", &sequence.to_string());
        }
        out.end();
    }
}
