//! The content of a message in a few words.

use super::Node;

/// What a message is about: what somebody wrote, what became of a message, what is offered.
pub(in crate::trace) fn gist(node: &Node) -> Option<String> {
    let body = node.child("body").unwrap_or(node);
    if let Some(parts) = body.child("parts") {
        let gists: Vec<_> = parts.children.iter().filter_map(gist).collect();
        return (!gists.is_empty()).then(|| gists.join(" + "));
    }
    if body.child("body").is_some() {
        return gist(body);
    }
    let text = |label| body.child_text(label);
    Some(match text("kind")? {
        "imdn" => format!("{} {}", text("status")?, text("message_id")?),
        "composing" => match text("state")? {
            "active" => "is writing …".to_owned(),
            _ => "stopped writing".to_owned(),
        },
        "sdp" => {
            let media = body.child("media")?.children.iter();
            let media: Vec<_> = media
                .filter_map(|media| {
                    Some(format!(
                        "{} {}",
                        media.child_text("protocol")?,
                        setup(media)
                    ))
                })
                .collect();
            format!("SDP {}", media.join(", ").trim_end())
        }
        "text" => {
            let line = text("text")?.trim().lines().next().unwrap_or_default();
            if line.is_empty() {
                return None;
            }
            format!("“{line}”")
        }
        "conference-info" => {
            let users = body.child("users").map_or(0, |users| users.children.len());
            format!("conference, {}: {users} users", text("extent")?)
        }
        "dialog-info" | "reginfo" | "pidf" | "resource-lists" => text("kind")?.to_owned(),
        "xml" => text("root")?.to_owned(),
        _ => text("content_type")
            .filter(|_| length(body) > 0)?
            .to_owned(),
    })
}

fn setup(media: &Node) -> &str {
    media.child_text("setup").unwrap_or_default()
}

fn length(body: &Node) -> u64 {
    match body.child("length").map(|length| &length.value) {
        Some(super::Value::Number(length)) => *length,
        _ => 0,
    }
}

/// What somebody wrote, if the message carries plain text.
pub(in crate::trace) fn said(node: &Node) -> Option<&str> {
    let body = node.child("body")?;
    if body.child_text("kind") == Some("text") {
        return body
            .child_text("text")
            .filter(|text| !text.trim().is_empty());
    }
    let mut parts = body
        .child("parts")
        .into_iter()
        .flat_map(|parts| &parts.children);
    said(body).or_else(|| parts.find_map(said))
}
