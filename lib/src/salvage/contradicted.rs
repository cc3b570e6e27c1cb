//! Copies that have different records at one revision: at most one of them has what was written.
//!
//! | what decides | because |
//! |---|---|
//! | an entry of the log | its checksum protects it |
//! | a copy that passes its SHA-256, against one that fails | the other is not what was saved |
//! | bytes, against sectors of zeros in the same place | the sectors were lost |
//! | more than half of the copies | |
//!
//! If nothing decides, the key is listed. What is taken never depends on the order in which the copies were named.

use std::collections::{BTreeMap, BTreeSet};

use super::label::Provenance;
use super::record::{Body, KeyRecord, RecordSet};
use super::{Lost, Salvage};
use located::text::escape;

/// Bytes that a disk loses together at least.
const SECTOR_BYTES: u64 = SECTOR_LEN as u64;
const SECTOR_LEN: usize = 512;

/// A copy whose records are compared.
#[derive(Debug)]
pub(super) struct NamedRecords {
    pub(super) name: String,
    pub(super) fails_sha256: bool,
    pub(super) records: Vec<KeyRecord>,
}

/// Why one of several records is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    Log,
    Sha256,
    Zeros,
    Majority,
    Nothing,
}

/// Why, and the copies whose records are taken and are not.
type Decision = (Reason, Vec<usize>, Vec<usize>);

/// A record of a copy: the copies are numbered, the best one is 0.
type Candidate = (usize, KeyRecord);

impl Salvage<'_> {
    /// Decides which record is taken wherever another copy has a different one than this one.
    ///
    /// `name`, `fails`: of the best copy, whose records these are.
    pub(super) fn settle_contradictions(
        &mut self,
        (name, fails): (&str, bool),
        others: &[NamedRecords],
    ) {
        let copies: Vec<(&str, bool)> = [(name, fails)]
            .into_iter()
            .chain(
                others
                    .iter()
                    .map(|other| (other.name.as_str(), other.fails_sha256)),
            )
            .collect();
        let mut decided: BTreeMap<Decision, u64> = BTreeMap::new();
        for position in disputed(&self.set, others) {
            let Some(own) = self.set.records.get(position).copied() else {
                continue;
            };
            let mut candidates: Vec<Candidate> = vec![(0, own)];
            candidates.extend(others.iter().zip(1..).filter_map(|(other, number)| {
                let by_revision = |record: &KeyRecord| record.revision;
                let found = other
                    .records
                    .binary_search_by_key(&own.revision, by_revision);
                Some((number, *other.records.get(found.ok()?)?))
            }));
            let (reason, winners) = decide(&self.set, &copies, candidates.clone());
            let losers = candidates.iter().map(|(number, _)| *number);
            let won = |number: &usize| winners.iter().any(|(winner, _)| winner == number);
            let losers: Vec<usize> = losers.filter(|number| !won(number)).collect();
            let Some((number, taken)) = winners.first().copied() else {
                continue;
            };
            if reason == Reason::Nothing {
                self.list_contradicted(&taken, &copies, (number, &losers));
            } else {
                let winners = winners.iter().map(|(number, _)| *number).collect();
                *decided.entry((reason, winners, losers)).or_default() += 1;
            }
            if let Some(record) = self.set.records.get_mut(position).filter(|_| number > 0) {
                *record = KeyRecord {
                    label: Provenance::Peer,
                    ..taken
                };
            }
        }
        for (decision, count) in decided {
            self.notes.push(text(&copies, decision, count));
        }
    }

    /// Lists a record of which nothing says which of several values was written.
    fn list_contradicted(
        &mut self,
        taken: &KeyRecord,
        copies: &[(&str, bool)],
        (number, others): (usize, &[usize]),
    ) {
        let key = self.set.user_key(taken).to_vec();
        let main = taken.revision.main;
        self.unrecoverable.push(Lost {
            what: format!(
                "revision {main}: {} and {} have different records of key {}, and no majority of the copies says which one was written: that of {} is in the backup",
                names(copies, &[number]),
                names(copies, others),
                escape::bytes(&key, escape::Charset::default()),
                names(copies, &[number])
            ),
            place: self.set.place(taken),
            revisions: Some((main, main)),
            key: Some(key),
            possibly: true,
            ..Lost::default()
        });
    }

    /// Lists a copy that fails its SHA-256 if records rest on it alone.
    ///
    /// `name`, `fails`: of the best copy, whose records these are.
    pub(super) fn note_failed_sha256(
        &mut self,
        (name, fails): (&str, bool),
        others: &[NamedRecords],
    ) {
        let passing = |other: &&NamedRecords| !other.fails_sha256;
        let all = others.iter().filter(|other| other.fails_sha256);
        let all = all.map(|other| other.name.clone());
        self.sha256_failed = fails
            .then(|| name.to_owned())
            .into_iter()
            .chain(all)
            .collect();
        self.sha256_failed.sort_unstable();
        if !fails {
            return;
        }
        let mut vouched = vec![false; self.set.records.len()];
        for other in others.iter().filter(passing) {
            for (position, at) in common(&self.set.records, &other.records) {
                let differs = differs(&self.set, &self.set.records, &other.records, (position, at));
                if let Some(vouched) = vouched.get_mut(position) {
                    *vouched |= !differs;
                }
            }
        }
        let rests =
            |(record, vouched): &(&KeyRecord, &bool)| record.label == Provenance::Db && !**vouched;
        let alone = self.set.records.iter().zip(&vouched).filter(rests).count() as u64;
        if alone == 0 {
            return;
        }
        self.unrecoverable.push(Lost {
            what: format!(
                "{name} fails its SHA-256: it is not what was saved, and which of its records are wrong is not known; {} in the backup {} on it alone",
                crate::start::counted(alone, "record", "records"),
                if alone == 1 { "rests" } else { "rest" }
            ),
            place: Some(crate::Place::file(self.member.evidence().name())),
            possibly: true,
            ..Lost::default()
        });
    }
}

/// Positions of the records of the db that some other copy has differently. What the log wrote is not disputed.
fn disputed(set: &RecordSet<'_>, others: &[NamedRecords]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    for other in others {
        for (position, at) in common(&set.records, &other.records) {
            let own = set.records.get(position);
            if own.is_some_and(|own| own.label == Provenance::Db)
                && differs(set, &set.records, &other.records, (position, at))
            {
                found.insert(position);
            }
        }
    }
    found
}

/// Positions of the records that both have at one revision; both lists ascend.
pub(super) fn common<'r>(
    ours: &'r [KeyRecord],
    theirs: &'r [KeyRecord],
) -> impl Iterator<Item = (usize, usize)> + 'r {
    let mut theirs = theirs.iter().enumerate().peekable();
    ours.iter()
        .enumerate()
        .filter_map(move |(position, record)| {
            while theirs
                .next_if(|(_, other)| other.revision < record.revision)
                .is_some()
            {}
            let same = theirs.next_if(|(_, other)| other.revision == record.revision);
            same.map(|(at, _)| (position, at))
        })
}

/// Whether the records at two positions say something else.
pub(super) fn differs(
    set: &RecordSet<'_>,
    ours: &[KeyRecord],
    theirs: &[KeyRecord],
    (position, at): (usize, usize),
) -> bool {
    let (Some(own), Some(other)) = (ours.get(position), theirs.get(at)) else {
        return false;
    };
    own.tombstone != other.tombstone || set.message(own) != set.message(other)
}

/// The records that are taken, and why: all of them say the same.
fn decide(
    set: &RecordSet<'_>,
    copies: &[(&str, bool)],
    mut left: Vec<Candidate>,
) -> (Reason, Vec<Candidate>) {
    let is_of_log =
        |(_, record): &Candidate| matches!(record.label, Provenance::Log | Provenance::DbLog);
    if let Some(of_log) = left.iter().find(|one| is_of_log(one)).copied() {
        let same = left
            .into_iter()
            .filter(|one| says_the_same(set, one, &of_log));
        return (Reason::Log, same.collect());
    }
    let passes = |(number, _): &Candidate| copies.get(*number).is_some_and(|(_, fails)| !fails);
    let mut reason = Reason::Majority;
    if left.iter().any(passes) && !left.iter().all(passes) {
        left.retain(passes);
        reason = Reason::Sha256;
    }
    let all = left.clone();
    left.retain(|(_, record)| {
        !all.iter()
            .any(|(_, other)| has_lost_sectors(set, record, other))
    });
    if left.len() < all.len() && !left.is_empty() {
        reason = Reason::Zeros;
    } else if left.is_empty() {
        left = all;
    }
    let mut groups: Vec<Vec<Candidate>> = Vec::new();
    for one in &left {
        let same = |group: &&mut Vec<Candidate>| {
            group
                .first()
                .is_some_and(|first| says_the_same(set, first, one))
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(*one),
            None => groups.push(vec![*one]),
        }
    }
    if groups.len() > 1 {
        reason = Reason::Majority;
    }
    let all = left.len();
    let most = groups
        .iter()
        .find(|group| group.len().saturating_mul(2) > all);
    if let Some(most) = most {
        return (reason, most.clone());
    }
    let message = |group: &Vec<Candidate>| {
        let first = group.first();
        first.map(|(_, record)| (record.tombstone, set.message(record).into_owned()))
    };
    let least = groups.into_iter().min_by_key(message);
    (Reason::Nothing, least.unwrap_or_default())
}

fn says_the_same(set: &RecordSet<'_>, (_, one): &Candidate, (_, other): &Candidate) -> bool {
    one.tombstone == other.tombstone && set.message(one) == set.message(other)
}

/// Whether a record differs from another one only in sectors of its file that are zeros.
fn has_lost_sectors(set: &RecordSet<'_>, record: &KeyRecord, other: &KeyRecord) -> bool {
    let (Body::Stored { at, .. }, Some(source)) =
        (record.body, set.sources.get(usize::from(record.source)))
    else {
        return false;
    };
    let (own, other) = (set.message(record), set.message(other));
    if own.len() != other.len() || own == other {
        return false;
    }
    let differing = own.iter().zip(other.iter()).zip(at..);
    let differing = differing.filter(|((own, other), _)| own != other);
    let mut sectors: Vec<u64> = differing.map(|(_, at)| at / SECTOR_BYTES).collect();
    sectors.dedup();
    let is_lost = |sector: &u64| {
        let from = usize::try_from(sector.saturating_mul(SECTOR_BYTES)).ok();
        let bytes = from.and_then(|from| source.image.get(from..from.checked_add(SECTOR_LEN)?));
        bytes.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0))
    };
    sectors.iter().all(is_lost)
}

/// Which of several different records were taken, in one sentence.
fn text(copies: &[(&str, bool)], (reason, winners, losers): Decision, count: u64) -> String {
    let why = match reason {
        Reason::Log => "what the log wrote is taken, as it is in",
        Reason::Sha256 => "those of a copy that does not fail its SHA-256 are taken:",
        Reason::Zeros => "they have sectors of zeros, and bytes are taken from",
        Reason::Majority | Reason::Nothing => {
            "a majority of the copies agrees, and its records are taken:"
        }
    };
    format!(
        "{} of {} differ from those of other copies; {why} {}",
        crate::start::counted(count, "record", "records"),
        names(copies, &losers),
        names(copies, &winners)
    )
}

/// The names of some copies.
fn names(copies: &[(&str, bool)], numbers: &[usize]) -> String {
    let of = |number: &usize| copies.get(*number).map(|(name, _)| *name);
    numbers
        .iter()
        .filter_map(of)
        .collect::<Vec<&str>>()
        .join(" and ")
}
