//! What the user sees: lines for people, or JSON for programs.

use cpm::client::{Event, MessageId};
use cpm::conversation::{Ending, Status};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};

pub(crate) struct Screen {
    json: bool,
    colour: bool,
}

impl Screen {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            colour: !json && std::io::stdout().is_terminal(),
        }
    }

    pub(crate) fn error(&self, text: &str) {
        if self.json {
            self.object(&json!({ "event": "error", "text": text }))
        } else {
            self.note(text)
        }
    }

    /// What a program that reads the output has no use for.
    pub(crate) fn remark(&self, text: &str) {
        if !self.json {
            self.note(text)
        }
    }

    /// A message will not arrive.
    pub(crate) fn failed(&self, to: &str, status: Option<u16>) {
        let why = match status {
            Some(_) => phrase(status),
            None => "not delivered in time".to_owned(),
        };
        self.remark(&format!("to {}: failed: {why}", short(to)));
    }

    pub(crate) fn sending(&self, message: &MessageId, to: &str, text: &str) {
        if self.json {
            self.object(
                &json!({ "event": "sending", "id": message.as_str(), "to": to, "text": text }),
            );
        }
    }

    pub(crate) fn event(&self, event: &Event) {
        if self.json {
            if let Some(object) = object(event) {
                self.object(&object);
            }
        } else {
            self.tell(event);
        }
    }

    fn object(&self, object: &Value) {
        self.print(&object.to_string());
    }

    fn tell(&self, event: &Event) {
        match event {
            Event::Registered { .. } => self.note("registered"),
            Event::Unregistered => self.note("goodbye"),
            Event::RegistrationFailed { status, retry_in } => {
                let why = match status {
                    Some(401 | 403 | 404) => {
                        format!("wrong user or password ({})", phrase(*status))
                    }
                    status => phrase(*status),
                };
                let again = retry_in.map_or_else(String::new, |wait| {
                    format!("; again in {} s", wait.as_secs_f64().ceil())
                });
                self.note(&format!("not registered: {why}{again}"));
            }
            Event::Message {
                from,
                text,
                priority,
                ..
            } => {
                let urgent = priority.map_or("", |priority| match priority.name() {
                    "urgent" | "emergency" => " (urgent)",
                    _ => "",
                });
                self.print(&format!(
                    "{}{urgent}: {}",
                    self.bold(&short(&from.to_string())),
                    printable(text)
                ));
            }
            Event::Content {
                from,
                content_type,
                body,
                ..
            } => {
                let from = short(&from.to_string());
                self.note(&format!(
                    "{from} sent {} ({} bytes)",
                    content_type.essence(),
                    body.len()
                ));
            }
            Event::Typing {
                from, active: true, ..
            } => self.note(&format!("{} is typing", short(&from.to_string()))),
            Event::Invited { from, .. } => {
                self.note(&format!(
                    "{} wants to chat: /accept or /decline",
                    short(&from.to_string())
                ));
            }
            Event::Accepted { peer, .. } => {
                self.note(&format!("chat with {}", short(&peer.to_string())))
            }
            Event::Disposition { by, status, .. } if *status >= Status::Delivered => {
                self.note(&format!("{status} ({})", short(&by.to_string())));
            }
            Event::Ended { peer, ending, .. } => {
                self.note(&format!(
                    "chat with {} is over ({})",
                    short(&peer.to_string()),
                    reason(ending)
                ));
            }
            Event::Deferred { messages, total } => {
                self.note(&format!("{total} messages wait for you: /deferred"));
                for item in messages {
                    let from = item.sender.as_deref().unwrap_or("somebody");
                    let size = item.size.unwrap_or(0);
                    let (id, from) = (printable(&item.id), printable(&short(from)));
                    self.note(&format!("  {id}: {from}, {size} bytes"));
                }
            }
            Event::Fetched { messages, ending } => {
                self.note(&format!("{messages} fetched ({})", reason(ending)));
            }
            Event::Discarded { status: None } => self.note("discarded"),
            Event::Discarded { status } => self.note(&format!("kept: {}", phrase(*status))),
            _ => {}
        }
    }

    fn note(&self, text: &str) {
        self.print(&if self.colour {
            format!("\x1b[2m· {text}\x1b[0m")
        } else {
            format!("· {text}")
        });
    }

    fn bold(&self, text: &str) -> String {
        if self.colour {
            format!("\x1b[1m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn print(&self, line: &str) {
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            // Nobody listens any more.
            std::process::exit(0)
        }
    }
}

fn object(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Registered { expires } => {
            json!({ "event": "registered", "expires": expires.as_secs() })
        }
        Event::Unregistered => json!({ "event": "unregistered" }),
        Event::RegistrationFailed { status, retry_in } => json!({
            "event": "registration-failed", "status": status, "retry_in": retry_in.map(|wait| wait.as_secs_f64().ceil() as u64),
        }),
        Event::Invited { from, subject, .. } => json!({
            "event": "invited", "from": from.to_string(), "subject": subject.as_ref().map(|text| text.as_str()),
        }),
        Event::Accepted { peer, .. } => json!({ "event": "accepted", "by": peer.to_string() }),
        Event::Message {
            message,
            from,
            to,
            date_time,
            priority,
            reply_to,
            text,
            ..
        } => json!({
            "event": "message",
            "id": message.as_str(),
            "from": from.to_string(),
            "to": to.to_string(),
            "text": text.as_str(),
            "date": date_time.map(|at| at.to_rfc3339()),
            "priority": priority.map(|priority| priority.name()),
            "reply_to": reply_to.as_ref().map(ToString::to_string),
        }),
        Event::Content {
            message,
            from,
            content_type,
            body,
            ..
        } => json!({
            "event": "content",
            "id": message.as_str(),
            "from": from.to_string(),
            "content_type": content_type.to_string(),
            "size": body.len(),
        }),
        Event::Typing { from, active, .. } => {
            json!({ "event": "typing", "from": from.to_string(), "active": active })
        }
        Event::Disposition {
            message,
            by,
            status,
            ..
        } => json!({
            "event": status.name(), "id": message.as_str(), "by": by.to_string(),
        }),
        Event::Failed {
            message, status, ..
        } => json!({ "event": "failed", "id": message.as_str(), "status": status }),
        Event::Ended { peer, ending, .. } => json!({
            "event": "ended", "with": peer.to_string(), "reason": reason(ending),
        }),
        Event::Deferred { messages, total } => {
            let messages = messages.iter().map(|item| {
                json!({
                    "id": item.id.as_str(),
                    "from": item.sender.as_deref(),
                    "size": item.size,
                    "date": item.sent.map(|at| at.to_rfc3339()),
                })
            });
            let messages = messages.collect::<Vec<_>>();
            json!({ "event": "deferred", "total": total, "messages": messages })
        }
        Event::Fetched { messages, ending } => json!({
            "event": "fetched", "messages": messages, "reason": reason(ending),
        }),
        Event::Discarded { status } => json!({ "event": "discarded", "status": status }),
        _ => return None,
    })
}

/// A status as the peer's software says it.
fn phrase(status: Option<u16>) -> String {
    let known = status.and_then(cpm::sip::msg::Status::new);
    known.map_or_else(|| "no answer".to_owned(), |status| status.to_string())
}

const fn reason(ending: &Ending) -> &'static str {
    match ending {
        Ending::Refused { .. } => "refused",
        Ending::Cancelled { .. } => "cancelled",
        Ending::Left => "left",
        Ending::Gone => "gone",
        Ending::Lost => "lost",
        _ => "finished",
    }
}

/// A URI without what everybody's has.
fn short(uri: &str) -> String {
    uri.trim_start_matches("sip:").to_owned()
}

/// A peer's text without what would move the cursor or turn the line around.
fn printable(text: &str) -> String {
    let harmful = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().filter(|c| !harmful(*c)).collect()
}
