//! An answer that cannot be read without meeting its damage.

use std::collections::HashSet;
use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::Finding;
use crate::Place;

/// What could not be read on the way to an answer.
///
/// Empty for an answer that is complete.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Damage {
    /// What is damaged, with code and place.
    pub findings: Vec<Finding>,
    /// Number of records that were skipped: they may be part of the answer or not.
    pub skipped: u64,
    /// Whether reading was cancelled before its end.
    pub cancelled: bool,
}

impl Damage {
    /// Findings, and the number of records that were skipped because of them.
    pub fn new(findings: Vec<Finding>, skipped: u64) -> Self {
        Self {
            findings,
            skipped,
            cancelled: false,
        }
    }

    /// What is missing, without the findings: `2 records were skipped, 1 finding of damage`. Notes are of what is not known, such as values
    /// that no key opens: nothing is wrong with them.
    pub fn summary(&self) -> String {
        let many = |count: u64, one: &str, more: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {more}"),
        };
        let skipped = self.skipped;
        let damaged = self.findings.iter().filter(|one| one.is_damage()).count();
        let findings = u64::try_from(damaged).unwrap_or(u64::MAX);
        let notes = (self.findings.len() as u64).saturating_sub(findings);
        let mut parts = Vec::new();
        if skipped > 0 {
            parts.push(many(skipped, "record was skipped", "records were skipped"));
        }
        if self.cancelled {
            parts.push("reading was cancelled".to_owned());
        }
        if findings > 0 {
            parts.push(many(findings, "finding of damage", "findings of damage"));
        }
        if notes > 0 {
            parts.push(many(notes, "note (no damage)", "notes (no damage)"));
        }
        parts.join(", ")
    }

    /// Whether anything is known to be damaged: not what no key was given for, nor what a limit leaves out.
    pub fn is_damage(&self) -> bool {
        self.findings.iter().any(Finding::is_damage)
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty() && self.skipped == 0 && !self.cancelled
    }

    /// Adds a record that was skipped; only the first `most` keep a finding of their own.
    pub fn skip(&mut self, finding: Finding, most: usize) {
        self.skipped = self.skipped.saturating_add(1);
        if self.findings.len() < most {
            self.findings.push(finding);
        }
    }

    /// Adds what another part of the same answer met; a finding with the same code and place counts once.
    pub fn extend(&mut self, other: Self) {
        if !other.findings.is_empty() {
            let mut known: HashSet<_> = self.findings.iter().map(identity).collect();
            let is_new = |finding: &Finding| known.insert(identity(finding));
            let new = other.findings.into_iter().filter(is_new);
            self.findings.extend(new);
        }
        self.skipped = self.skipped.max(other.skipped);
        self.cancelled |= other.cancelled;
    }
}

fn identity(finding: &Finding) -> (&'static str, Place) {
    (finding.code.id, finding.place.clone())
}

/// `2 records were skipped, 1 finding of damage: BOLT-009 member/snap/db @ 0x5000 (page 5): …`
impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        match self.findings.first() {
            Some(first) => write!(f, ": {} {}: {}", first.code.id, first.place, first.message),
            None => Ok(()),
        }
    }
}

impl Serialize for Damage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let findings: Vec<crate::FindingRow> = self.findings.iter().map(Into::into).collect();
        let mut damage = serializer.serialize_struct("Damage", 3)?;
        damage.serialize_field("skipped_records", &self.skipped)?;
        damage.serialize_field("cancelled", &self.cancelled)?;
        damage.serialize_field("findings", &findings)?;
        damage.end()
    }
}

/// The error of [`Answer::complete`]: the answer is partial.
#[derive(Clone, Debug)]
pub struct Partial {
    /// What could not be read.
    pub damage: Damage,
}

impl fmt::Display for Partial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer is partial: {}", self.damage)
    }
}

impl std::error::Error for Partial {}

/// A value with everything that could not be read on the way to it.
///
/// The value cannot be taken without a decision about the damage: [`complete`](Self::complete) refuses a partial answer,
/// [`into_parts`](Self::into_parts) hands out both.
///
/// ```
/// use etcd_inspect_located::codes::error;
/// use etcd_inspect_located::{Answer, Damage, FileName, Finding, Place};
///
/// let damage = Finding::new(&error::TRUNCATED, Place::at(&FileName::new("db"), 4096), "page 1 is cut");
/// let answer = Answer::new(1161, Damage::new(vec![damage], 5));
/// assert!(answer.clone().complete().is_err());
/// // As many keys as can be read, and what is missing.
/// let (keys, damage) = answer.into_parts();
/// assert_eq!((keys, damage.is_empty()), (1161, false));
/// ```
#[derive(Clone, Debug)]
#[must_use = "an answer may be partial: take it with `complete` or `into_parts`"]
pub struct Answer<T> {
    value: T,
    damage: Damage,
}

impl<T> Answer<T> {
    /// A value, and what was damaged on the way to it.
    pub fn new(value: T, damage: Damage) -> Self {
        Self { value, damage }
    }

    /// The value, if everything was read.
    ///
    /// # Errors
    /// [`Partial`] if anything was damaged, skipped or cancelled.
    pub fn complete(self) -> Result<T, Partial> {
        match self.damage.is_empty() {
            true => Ok(self.value),
            false => Err(Partial {
                damage: self.damage,
            }),
        }
    }

    /// The value as far as it could be read, and what could not.
    pub fn into_parts(self) -> (T, Damage) {
        (self.value, self.damage)
    }

    /// The value as far as it could be read; its damage is added to that of a larger answer.
    pub fn collect(self, damage: &mut Damage) -> T {
        damage.extend(self.damage);
        self.value
    }

    /// Whether everything was read.
    pub fn is_complete(&self) -> bool {
        self.damage.is_empty()
    }

    /// What could not be read.
    pub fn damage(&self) -> &Damage {
        &self.damage
    }

    /// Number of records that were skipped.
    pub fn skipped(&self) -> u64 {
        self.damage.skipped
    }

    /// Another value made of this one, with the same damage.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Answer<U> {
        Answer {
            value: make(self.value),
            damage: self.damage,
        }
    }

    /// Another answer made of this one, with the damage of both.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn and_then<U, E>(
        self,
        make: impl FnOnce(T) -> Result<Answer<U>, E>,
    ) -> Result<Answer<U>, E> {
        let Answer { value, damage } = make(self.value)?;
        let mut all = self.damage;
        all.extend(damage);
        Ok(Answer { value, damage: all })
    }
}

/// The value under `value`; `partial` with the damage only if there is any.
impl<T: Serialize> Serialize for Answer<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = if self.is_complete() { 1 } else { 2 };
        let mut answer = serializer.serialize_struct("Answer", fields)?;
        answer.serialize_field("value", &self.value)?;
        match self.is_complete() {
            true => answer.skip_field("partial")?,
            false => answer.serialize_field("partial", &self.damage)?,
        }
        answer.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileName;
    use crate::codes::error;

    fn damaged() -> Damage {
        let place = Place::at(&FileName::new("db"), 4096);
        Damage::new(vec![Finding::new(&error::TRUNCATED, place, "cut")], 2)
    }

    #[test]
    fn what_is_not_known_to_be_damaged_is_not_counted_as_damage() {
        let place = Place::at(&crate::FileName::new("db"), 1);
        let deep = Finding::new(&crate::codes::error::LIMIT, place.clone(), "deep");
        let mut damage = Damage::default();
        damage.skip(deep, 5);
        assert_eq!(damage.summary(), "1 record was skipped, 1 note (no damage)");
        assert!(!damage.is_damage() && !damage.is_empty());
        damage.skip(
            Finding::new(&crate::codes::error::TRUNCATED, place, "cut"),
            5,
        );
        assert_eq!(
            damage.summary(),
            "2 records were skipped, 1 finding of damage, 1 note (no damage)"
        );
    }

    #[test]
    fn a_partial_answer_is_refused_by_complete_and_says_why() {
        let error = Answer::new(7, damaged())
            .complete()
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("2 records were skipped, 1 finding of damage"),
            "{error}"
        );
        assert!(error.contains("db @ 0x1000: cut"), "{error}");
        assert_eq!(Answer::new(7, Damage::default()).complete().unwrap(), 7);
    }

    #[test]
    fn damage_of_two_parts_is_joined_and_the_same_place_counts_once() {
        let both = Answer::new(1, damaged())
            .and_then(|one| Ok::<_, ()>(Answer::new(one + 1, damaged())))
            .unwrap();
        assert_eq!(both.damage().findings.len(), 1);
        assert_eq!(both.into_parts().0, 2);
    }

    #[test]
    fn only_a_partial_answer_is_marked_as_json() {
        let json = |answer: &Answer<i32>| serde_json::to_value(answer).unwrap();
        assert_eq!(
            json(&Answer::new(7, Damage::default())),
            serde_json::json!({"value": 7})
        );
        assert_eq!(
            json(&Answer::new(7, damaged()))["partial"]["skipped_records"],
            2
        );
    }
}
