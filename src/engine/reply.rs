//! Questions to the outside and the right to answer them.

use std::marker::PhantomData;

/// Names one question that a machine has asked and not yet been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QuestionId(u64);

impl QuestionId {
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }
}

/// The right to answer one question, once, with a `T`.
///
/// What a Sans-IO machine cannot know (subscriber data, stored messages, addresses) it asks for in an
/// event that carries a `Reply`; [`Node::answer`](crate::node) takes it back together with
/// the value. It cannot be cloned, and the compiler pairs it with its answer. A question that nobody
/// answers expires.
#[must_use = "a question that nobody answers holds up what waits for it until it expires"]
#[derive(Debug, PartialEq, Eq)]
pub struct Reply<T> {
    question: QuestionId,
    answer: PhantomData<fn(T)>,
}

impl<T> Reply<T> {
    pub(crate) const fn new(question: QuestionId) -> Self {
        Self {
            question,
            answer: PhantomData,
        }
    }

    /// Which question this answers.
    pub const fn question(&self) -> QuestionId {
        self.question
    }
}
