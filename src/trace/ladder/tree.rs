//! A decoded message as nested lists that open and close without a script.

use super::escape;
use crate::trace::decode::{Node, Value};
use std::fmt::Write;

/// The longest value that is written out.
const MOST: usize = 2000;

/// Writes what a message is made of.
pub(super) fn write(out: &mut String, node: &Node) {
    fault(out, node);
    for child in &node.children {
        branch(out, child, 0);
    }
}

fn branch(out: &mut String, node: &Node, depth: usize) {
    if node.children.is_empty() {
        out.push_str("<div class=leaf>");
        line(out, node);
        out.push_str("</div>");
        return;
    }
    // The header fields stand in the text below as they are; what is inside a body does not.
    let open = if is_open(node, depth) { " open" } else { "" };
    let _ = write!(out, "<details{open}><summary>");
    line(out, node);
    out.push_str("</summary>");
    for child in &node.children {
        branch(out, child, depth + 1);
    }
    out.push_str("</details>");
}

fn is_open(node: &Node, depth: usize) -> bool {
    depth < 12 && (node.label == "body" || node.label == "parts" || node.has_fault())
}

fn line(out: &mut String, node: &Node) {
    out.push_str("<i class=k>");
    escape::text(out, &node.label.replace('_', " "));
    out.push_str("</i>");
    let value = match &node.value {
        Value::Object => node.title(),
        Value::List => node.children.len().to_string(),
        Value::Text(text) => super::short(text, MOST),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
    };
    if !value.is_empty() {
        out.push_str("<span class=v dir=auto>");
        escape::text(out, &value);
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
