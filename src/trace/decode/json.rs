//! A tree as JSON (RFC 8259), with the fields in their order.

use super::{Fault, Node, Value};
use std::fmt::Write;

impl Node {
    /// This node as JSON, on several lines.
    ///
    /// What has children is an object or array; anything else is its value. An object has its `offset` and
    /// `error` besides its fields, where there are such.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        value(&mut out, self, 0);
        out
    }
}

fn value(out: &mut String, node: &Node, depth: usize) {
    match &node.value {
        Value::List => {
            let items = node.children.iter();
            block(out, ('[', ']'), depth, items, |out, item| {
                value(out, item, depth + 1);
            });
        }
        Value::Object => object(out, node, depth),
        scalar if node.children.is_empty() && node.error.is_none() => leaf(out, scalar),
        _ => object(out, node, depth),
    }
}

fn object(out: &mut String, node: &Node, depth: usize) {
    let mut fields = Vec::with_capacity(node.children.len() + 3);
    if !matches!(node.value, Value::Object) {
        fields.push(Field::Value(&node.value));
    }
    fields.extend(node.offset.map(Field::Offset));
    fields.extend(node.children.iter().map(Field::Child));
    fields.extend(node.error.as_ref().map(Field::Error));
    block(
        out,
        ('{', '}'),
        depth,
        fields.iter(),
        |out, field| match field {
            Field::Value(scalar) => {
                out.push_str("\"value\": ");
                leaf(out, scalar);
            }
            Field::Offset(offset) => {
                let _ = write!(out, "\"offset\": {offset}");
            }
            Field::Child(child) => {
                string(out, &child.label);
                out.push_str(": ");
                value(out, child, depth + 1);
            }
            Field::Error(fault) => {
                out.push_str("\"error\": ");
                value(out, &fault.node("error"), depth + 1);
            }
        },
    );
}

enum Field<'a> {
    Value(&'a Value),
    Offset(usize),
    Child(&'a Node),
    Error(&'a Fault),
}

impl Fault {
    /// The fault as an object.
    pub(super) fn node(&self, label: &'static str) -> Node {
        let mut node = Node::object(label).with(Node::text("what", self.what.clone()));
        node.push_text("section", self.section.as_deref());
        node.at(self.offset)
    }
}

fn block<T>(
    out: &mut String,
    (open, close): (char, char),
    depth: usize,
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    out.push(open);
    let mut is_empty = true;
    for item in items {
        out.push_str(if is_empty { "\n" } else { ",\n" });
        is_empty = false;
        indent(out, depth + 1);
        write(out, item);
    }
    if !is_empty {
        out.push('\n');
        indent(out, depth);
    }
    out.push(close);
}

fn indent(out: &mut String, depth: usize) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

fn leaf(out: &mut String, value: &Value) {
    match value {
        Value::Text(text) => string(out, text),
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Flag(flag) => {
            let _ = write!(out, "{flag}");
        }
        Value::Object | Value::List => out.push_str("null"),
    }
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_an_object_with_its_fields_in_order() {
        let mut tree = Node::object("message").at(Some(3));
        tree.push(Node::text("b", "x\"\\\r\n\u{1}\u{7f}é"));
        tree.push(Node::list(
            "a",
            [Node::number("", 1_u64), Node::flag("", true)],
        ));
        tree.push(Node::list("none", []));
        tree.push(Node::text("c", "1").fault(Fault::new("wrong", Some(9)).of("RFC 1 §2")));
        assert_eq!(
            tree.to_json(),
            "{\n  \"offset\": 3,\n  \"b\": \"x\\\"\\\\\\r\\n\\u0001\\u007fé\",\n  \"a\": [\n    1,\n    true\n  ],\n  \
             \"none\": [],\n  \"c\": {\n    \"value\": \"1\",\n    \"error\": {\n      \"offset\": 9,\n      \
             \"what\": \"wrong\",\n      \"section\": \"RFC 1 §2\"\n    }\n  }\n}"
        );
        let back: serde_json::Value = serde_json::from_str(&tree.to_json()).unwrap();
        assert_eq!(back["b"], "x\"\\\r\n\u{1}\u{7f}é");
    }
}
