//! The tree itself.

use std::borrow::Cow;

/// One thing found in a message: a field, or an object or list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// What it is called. The names are stable: scripts may rely on them.
    pub label: Cow<'static, str>,
    /// What it says, apart from what its children say.
    pub value: Value,
    /// Where it begins, counted from the first byte of what was decoded.
    ///
    /// Inside a body that came encoded (base64, deflate) that is the body after decoding.
    pub offset: Option<usize>,
    /// What it is made of.
    pub children: Vec<Node>,
    /// What is wrong with it itself, not with its children.
    pub error: Option<Fault>,
}

/// What a [`Node`] says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Value {
    /// Nothing besides its children, which are named fields.
    #[default]
    Object,
    /// Nothing besides its children, which are all of one kind.
    List,
    /// Text.
    Text(String),
    /// A number.
    Number(u64),
    /// Yes or no.
    Flag(bool),
}

/// What is wrong with a part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, in words.
    pub what: String,
    /// Where it says so, such as `RFC 3261 §20.14`.
    pub section: Option<Cow<'static, str>>,
    /// At which byte, counted as [`Node::offset`].
    pub offset: Option<usize>,
}

impl Node {
    /// Whether something is wrong with it or with anything in it.
    pub fn has_fault(&self) -> bool {
        self.error.is_some() || self.children.iter().any(Self::has_fault)
    }

    /// The child of that name.
    pub fn child(&self, label: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.label == label)
    }

    /// What it says, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What tells an object apart from its like at a glance: the name of a header field, the kind of a body.
    pub(crate) fn title(&self) -> Option<&str> {
        ["name", "kind", "method", "content_type"]
            .iter()
            .find_map(|label| self.child(label)?.as_text())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)?;
        if let Some(section) = &self.section {
            write!(f, " ({section})")?;
        }
        Ok(())
    }
}
