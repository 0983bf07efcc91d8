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
    pub children: Vec<Self>,
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

/// What is wrong with a message or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong, in words.
    pub what: String,
    /// Where the rule stands that is broken, such as `RFC 3261 §20.14`.
    pub section: Option<Cow<'static, str>>,
    /// At which byte, counted as [`Node::offset`].
    pub offset: Option<usize>,
}

impl Node {
    pub(super) fn new(label: impl Into<Cow<'static, str>>, value: Value) -> Self {
        Self {
            label: label.into(),
            value,
            ..Self::default()
        }
    }

    pub(super) fn text(label: impl Into<Cow<'static, str>>, text: impl Into<String>) -> Self {
        Self::new(label, Value::Text(text.into()))
    }

    pub(super) fn number(label: impl Into<Cow<'static, str>>, number: impl Into<u64>) -> Self {
        Self::new(label, Value::Number(number.into()))
    }

    pub(super) fn size(label: &'static str, size: usize) -> Self {
        Self::number(label, u64::try_from(size).unwrap_or(u64::MAX))
    }

    pub(super) fn flag(label: &'static str, flag: bool) -> Self {
        Self::new(label, Value::Flag(flag))
    }

    pub(super) fn object(label: impl Into<Cow<'static, str>>) -> Self {
        Self::new(label, Value::Object)
    }

    pub(super) fn list(label: &'static str, children: impl IntoIterator<Item = Self>) -> Self {
        let mut list = Self::new(label, Value::List);
        list.children.extend(children);
        list
    }

    /// A list of texts.
    pub(super) fn texts<T: Into<String>>(
        label: &'static str,
        texts: impl IntoIterator<Item = T>,
    ) -> Self {
        Self::list(label, texts.into_iter().map(|text| Self::text("", text)))
    }

    pub(super) fn at(mut self, offset: Option<usize>) -> Self {
        self.offset = offset;
        self
    }

    pub(super) fn fault(mut self, fault: Fault) -> Self {
        self.error = Some(fault);
        self
    }

    pub(super) fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    pub(super) fn push(&mut self, child: Self) {
        self.children.push(child);
    }

    /// Adds a text if there is one.
    pub(super) fn push_text(&mut self, label: &'static str, text: Option<impl Into<String>>) {
        if let Some(text) = text {
            self.push(Self::text(label, text));
        }
    }

    /// Adds a list unless it is empty.
    pub(super) fn push_list(&mut self, list: Self) {
        if !list.children.is_empty() {
            self.push(list);
        }
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

    /// The text of the child of that name.
    pub fn child_text(&self, label: &str) -> Option<&str> {
        self.child(label)?.as_text()
    }

    /// Whether something is wrong with it or with anything in it.
    pub fn has_fault(&self) -> bool {
        self.error.is_some() || self.children.iter().any(Self::has_fault)
    }

    /// Turns what is wrong with anything in it into remarks.
    pub(super) fn forgive(&mut self) {
        if let Some(fault) = self.error.take() {
            self.push(Self::text("remark", fault.to_string()));
        }
        self.children.iter_mut().for_each(Self::forgive);
    }

    /// The first thing that is wrong with it or with anything in it.
    pub fn first_fault(&self) -> Option<&Fault> {
        self.error
            .as_ref()
            .or_else(|| self.children.iter().find_map(Self::first_fault))
    }
}

impl Fault {
    pub(super) fn new(what: impl ToString, offset: Option<usize>) -> Self {
        Self {
            what: what.to_string(),
            section: None,
            offset,
        }
    }

    pub(super) fn of(mut self, section: impl Into<Cow<'static, str>>) -> Self {
        self.section = Some(section.into());
        self
    }
}

impl std::fmt::Display for Fault {
    /// On one line: `what at byte 7 (section)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What a peer wrote may be quoted in it.
        for part in self.what.split(char::is_control) {
            f.write_str(part)?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        if let Some(section) = &self.section {
            write!(f, " ({section})")?;
        }
        Ok(())
    }
}
