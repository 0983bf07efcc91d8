//! Where the headers are, without a word about what they say.

use std::ops::Deref;

/// Where one header is, as offsets into the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: (u32, u32),
    pub(super) value: (u32, u32),
    /// Whether it describes the content.
    pub(super) content: bool,
}

impl Field {
    const NONE: Self = Self {
        name: (0, 0),
        value: (0, 0),
        content: false,
    };
}

/// As many as a chat message has, and a few more.
const NEAR: usize = 12;

/// A list of fields, of which those of a usual message need no memory of their own.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    near: [Field; NEAR],
    count: usize,
    /// All of them, once there are more than fit.
    far: Vec<Field>,
}

impl Fields {
    /// The parts one by one: to put a field together on the stack and to move it from there costs more than all else
    /// about it.
    #[inline(always)]
    pub(super) fn push(&mut self, name: (u32, u32), value: (u32, u32), content: bool) {
        match self.near.get_mut(self.count) {
            Some(place) if self.far.is_empty() => {
                (place.name, place.value, place.content) = (name, value, content);
                self.count += 1;
            }
            _ => self.push_far(name, value, content),
        }
    }

    #[cold]
    fn push_far(&mut self, name: (u32, u32), value: (u32, u32), content: bool) {
        if self.far.is_empty() {
            self.far.extend_from_slice(&self.near);
        }
        self.far.push(Field {
            name,
            value,
            content,
        });
    }

    pub(super) fn truncate(&mut self, count: usize) {
        self.count = self.count.min(count);
        self.far.truncate(count);
    }

    /// The last of those from `known` on.
    pub(super) fn last_after(&mut self, known: usize) -> Option<&mut Field> {
        let all = match self.far.is_empty() {
            true => self.near.get_mut(..self.count)?,
            false => &mut self.far,
        };
        all.get_mut(known..)?.last_mut()
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            near: [Field::NONE; NEAR],
            count: 0,
            far: Vec::new(),
        }
    }
}

impl Deref for Fields {
    type Target = [Field];

    fn deref(&self) -> &[Field] {
        match self.far.is_empty() {
            true => self.near.get(..self.count).unwrap_or_default(),
            false => &self.far,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_the_same_near_and_far() {
        let field = |n: usize| Field {
            name: (n as u32, 0),
            ..Field::NONE
        };
        for count in [0, 1, NEAR - 1, NEAR, NEAR + 1, 3 * NEAR] {
            let mut fields = Fields::default();
            let all: Vec<_> = (0..count).map(field).collect();
            let mut push = |field: Field| fields.push(field.name, field.value, field.content);
            all.iter().copied().for_each(&mut push);
            assert_eq!(*fields, *all);
            assert_eq!(fields.last_after(count), None);
            for keep in (0..=count).rev() {
                assert_eq!(
                    fields.last_after(0).map(|f| *f),
                    all[..fields.len()].last().copied()
                );
                fields.truncate(keep);
                assert_eq!(*fields, all[..keep], "{count} {keep}");
            }
            let last = field(99);
            fields.push(last.name, last.value, last.content);
            assert_eq!(*fields, [field(99)]);
        }
    }
}
