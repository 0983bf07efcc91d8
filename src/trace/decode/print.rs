//! A tree as indented text.

use super::{Node, Value};
use std::fmt::Write;

/// The most of one value that is printed.
const MOST: usize = 400;

impl Node {
    /// The tree as indented text, one line for each node.
    ///
    /// No character of a message reaches the terminal that would not be printed.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        for child in &self.children {
            print(&mut out, child, 0);
        }
        out
    }

    /// What tells a node from its like at a glance.
    pub(in crate::trace) fn title(&self) -> String {
        let part = |label| self.child_text(label);
        match (part("name"), part("value")) {
            (Some(name), Some(value)) => format!("{name}: {value}"),
            (Some(name), None) => name.to_owned(),
            _ => match (part("method"), part("reason"), part("kind")) {
                (Some(method), ..) => method.to_owned(),
                (_, Some(reason), _) => {
                    let status = self.child("status").map(scalar);
                    format!("{} {reason}", status.unwrap_or_default())
                }
                (.., Some(kind)) => kind.to_owned(),
                _ => part("type")
                    .or_else(|| part("what"))
                    .unwrap_or_default()
                    .to_owned(),
            },
        }
    }
}

/// The values of a header field, each on one line; those that its text shows as well are left out.
fn values(out: &mut String, list: &Node, depth: usize) {
    for value in list
        .children
        .iter()
        .filter(|value| !value.children.is_empty())
    {
        let _ = write!(out, "{:width$}= ", "", width = depth * 2);
        safe(out, &on_one_line(value));
        out.push('\n');
    }
}

fn on_one_line(node: &Node) -> String {
    let parts = node.children.iter().filter(|child| child.label != "text");
    let each = parts.map(|child| match child.value {
        Value::Object | Value::List => format!("{} ({})", child.label, on_one_line(child)),
        Value::Flag(true) => child.label.to_string(),
        _ => format!("{} {}", child.label, scalar(child)),
    });
    each.collect::<Vec<_>>().join(", ")
}

fn print(out: &mut String, node: &Node, depth: usize) {
    if node.label == "values" {
        return values(out, node, depth);
    }
    let _ = write!(out, "{:width$}", "", width = depth * 2);
    let mut line = match (&node.value, node.label.as_ref()) {
        (Value::Object, "") => node.title(),
        (Value::Object, label) => format!("{label} {}", node.title()),
        (Value::List, label) => format!("{label} ({})", node.children.len()),
        (_, "") => scalar(node),
        (_, label) => format!("{label}: {}", scalar(node)),
    };
    if let Some(offset) = node.offset {
        let _ = write!(line, "  @{offset}");
    }
    safe(out, line.trim_end());
    if let Some(fault) = &node.error {
        out.push_str("  !! ");
        safe(out, &fault.to_string());
    }
    out.push('\n');
    // A header field is told by its title.
    let is_told = |child: &&Node| {
        !(node.label.is_empty() && matches!(child.label.as_ref(), "name" | "value" | "what"))
    };
    for child in node.children.iter().filter(is_told) {
        print(out, child, depth + 1);
    }
}

fn scalar(node: &Node) -> String {
    match &node.value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::Object | Value::List => String::new(),
    }
}

/// Writes text without control characters, and not too much of it.
fn safe(out: &mut String, text: &str) {
    for character in text.chars().take(MOST) {
        if character.is_control() {
            let _ = write!(out, "{}", character.escape_default());
        } else {
            out.push(character);
        }
    }
    let more = text.chars().count().saturating_sub(MOST);
    if more > 0 {
        let _ = write!(out, "… ({more} characters more)");
    }
}
