//! A decoded message as nested lists that open and close without a script.

use super::escape;
use crate::trace::decode::{Node, Value};

/// The longest value that is written out.
const MOST: usize = 2000;

/// What the arrow, the title of a branch or the text of the message says already.
const KNOWN: [&str; 11] = [
    "kind",
    "type",
    "method",
    "status",
    "reason",
    "length",
    "valid",
    "values",
    "uri_parts",
    "namespace",
    "breaches",
];

/// Writes what a message is made of.
pub(super) fn write(out: &mut String, node: &Node) {
    if node.error.is_some() {
        out.push_str("<div class=leaf>");
        fault(out, node);
        out.push_str("</div>");
    }
    branches(out, node, 0);
}

fn branches(out: &mut String, node: &Node, depth: usize) {
    let is_told = |child: &&Node| {
        // What became of a message has no title of its own.
        child.has_fault()
            || !KNOWN.contains(&child.label.as_ref())
            || (child.label == "status" && node.child("notification").is_some())
    };
    for child in node.children.iter().filter(is_told) {
        branch(out, child, depth);
    }
}

fn branch(out: &mut String, node: &Node, depth: usize) {
    if let (Some(name), Some(value)) = (node.child_text("name"), node.child_text("value")) {
        return leaf(out, name, value, node);
    }
    let texts: Option<Vec<_>> = node.children.iter().map(Node::as_text).collect();
    match (&node.value, texts) {
        (Value::List, Some(texts)) if !texts.is_empty() => {
            leaf(out, &node.label.replace('_', " "), &texts.join(" "), node);
        }
        (Value::Object | Value::List, _) => {
            // The header fields stand in the text below as they are; what is inside a body need not.
            let is_open = depth < 12
                && (matches!(
                    &*node.label,
                    "body" | "" | "parts" | "put_together" | "media"
                ) || node.has_fault());
            out.push_str(if is_open {
                "<details open><summary>"
            } else {
                "<details><summary>"
            });
            let title = match node.value {
                Value::List => node.children.len().to_string(),
                _ => node.title(),
            };
            line(out, &node.label.replace('_', " "), &title, node);
            out.push_str("</summary>");
            branches(out, node, depth + 1);
            out.push_str("</details>");
        }
        (Value::Text(text), _) => leaf(out, &node.label.replace('_', " "), text, node),
        (Value::Number(number), _) => leaf(
            out,
            &node.label.replace('_', " "),
            &number.to_string(),
            node,
        ),
        (Value::Flag(flag), _) => {
            let flag = if *flag { "yes" } else { "no" };
            leaf(out, &node.label.replace('_', " "), flag, node);
        }
    }
}

fn leaf(out: &mut String, label: &str, value: &str, node: &Node) {
    out.push_str("<div class=leaf>");
    line(out, label, value, node);
    out.push_str("</div>");
}

fn line(out: &mut String, label: &str, value: &str, node: &Node) {
    if !label.is_empty() {
        out.push_str("<i class=k>");
        escape::text(out, label);
        out.push_str("</i>");
    }
    if !value.is_empty() {
        out.push_str("<span class=v dir=auto>");
        escape::text(out, &super::short(value, MOST));
        out.push_str("</span>");
    }
    fault(out, node);
}

fn fault(out: &mut String, node: &Node) {
    if let Some(fault) = &node.error {
        out.push_str(" <em>");
        escape::text(out, &fault.to_string());
        out.push_str("</em>");
    }
}
