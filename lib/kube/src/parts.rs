//! Which parts of an object somebody looks at.

/// The parts of a value that are read; of a list those of each item.
///
/// What is left out is still read to its end, so that a value which breaks there gives no object.
#[derive(Clone, Copy, Debug)]
pub struct ObjectParts {
    /// Whether members without a name here are read whole.
    pub others: bool,
    /// ObjectParts of the members with these names.
    pub named: &'static [(&'static str, ObjectParts)],
}

impl ObjectParts {
    /// The whole value.
    pub const WHOLE: Self = Self::without(&[]);

    /// Nothing: the member is not there.
    pub const NONE: Self = Self::only(&[]);

    /// All but who wrote which field, which no table shows.
    pub const SHOWN: Self =
        Self::without(&[("metadata", Self::without(&[("managedFields", Self::NONE)]))]);

    /// Only these members.
    pub const fn only(named: &'static [(&'static str, Self)]) -> Self {
        Self {
            others: false,
            named,
        }
    }

    /// All members, and of these only parts.
    pub const fn without(named: &'static [(&'static str, Self)]) -> Self {
        Self {
            others: true,
            named,
        }
    }

    /// The parts of a member.
    pub(crate) fn of_member(&self, name: &str) -> Self {
        let named = self.named.iter().find(|(member, _)| *member == name);
        match named {
            Some((_, parts)) => *parts,
            None if self.others => Self::WHOLE,
            None => Self::NONE,
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        !self.others && self.named.is_empty()
    }
}
