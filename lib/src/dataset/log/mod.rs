//! The log as a list of rows: files, entries, damage, and what each of them is. Owned, for a front end that keeps it.

mod facts;
mod objects;

use super::{Dataset, IndexedKeyspace};
use crate::answers::{Label, WrittenVersion};
use crate::check::Logged;
use crate::kubernetes::key::Layout;
use crate::member::{Wal, mask_ranges, secrets_in_entry};
use crate::raft::{Access, TermSummary};
use crate::wal::{LogEntry, WalFile};
use located::progress::Progress;
use located::{RaftIndex, Term};

pub use facts::{Fact, ending_text};

/// One row: a position in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRow {
    /// A file: position in `Log::segments`.
    Segment(u32),
    /// An entry: position in `Log::entries`.
    Entry(u32),
    /// Bytes that are no records: position in `Log::damages`.
    Damage(u32),
    /// What follows the last record of a file.
    End(u32),
    /// A file beside the log: position in `Log::others`.
    Other(u32),
}

/// The log of a member in rows, in the order of the files.
#[derive(Clone, Debug)]
pub struct LogRows {
    /// Whose log it is.
    pub dataset: Dataset,
    /// The rows.
    pub rows: Vec<LogRow>,
    /// Positions in `rows` of what one jumps to: the first entry of each term, damage, overwritten entries.
    pub landmarks: Vec<usize>,
    /// The terms.
    pub terms: Vec<TermSummary>,
    /// The highest index that the log says is committed.
    pub commit: RaftIndex,
}

/// An entry as a row shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntryRow {
    /// Its position in the log.
    pub position: u32,
    /// Its raft index.
    pub index: RaftIndex,
    /// Its term.
    pub term: Term,
    /// What became of it, as far as this member knew.
    pub state: &'static str,
    /// How bad that is.
    pub label: Label,
    /// Whether it is part of the log that counts.
    pub survives: bool,
    /// `put`, `txn`, `conf_change`.
    pub type_name: &'static str,
    /// What it asks for, in one line.
    pub summary: String,
    /// Bytes of its data.
    pub size_bytes: u64,
    /// Where its record begins.
    pub offset: u64,
}

/// The data of an entry, secrets hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryBytes {
    /// Where the first byte is in its file.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How many of them are hidden.
    pub hidden: usize,
}

/// What is known beside the log: which revision an entry made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'b> {
    /// The keyspace; `None` if there is none yet.
    pub indexed: Option<&'b IndexedKeyspace>,
    /// The log as it was laid beside the db, if it was.
    pub logged: Option<&'b Logged>,
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// `a/b.wal` without its folder.
fn base(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

impl Dataset {
    /// Reads the log and lays it out in rows. There are none without a log.
    pub fn log_rows(&self, progress: &dyn Progress) -> LogRows {
        let mut rows = LogRows {
            dataset: self.clone(),
            rows: Vec::new(),
            landmarks: Vec::new(),
            terms: Vec::new(),
            commit: RaftIndex(0),
        };
        let Some(wal) = self.member().wal_with(progress) else {
            return rows;
        };
        let log = wal.log();
        let mut turn = Turn::default();
        for at in 0..log.segments.len() {
            rows.add_segment(&wal, at, &mut turn);
        }
        rows.rows
            .extend((0..log.others.len()).map(|other| LogRow::Other(number(other))));
        rows.terms = log.terms();
        rows.commit = log.hard_state().unwrap_or_default().commit;
        rows
    }
}

/// The entry before, to find where something changes.
#[derive(Debug)]
struct Turn {
    term: Option<Term>,
    was_kept: bool,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            term: None,
            was_kept: true,
        }
    }
}

impl LogRows {
    fn add_segment(&mut self, wal: &Wal<'_>, at: usize, turn: &mut Turn) {
        let log = wal.log();
        let Some(segment) = log.segments.get(at) else {
            return;
        };
        self.rows.push(LogRow::Segment(number(at)));
        let before = |record: usize| {
            log.entries
                .partition_point(|entry| (entry.record as usize) < record)
        };
        let (from, to) = (before(segment.records.start), before(segment.records.end));
        let damages = log.damages.iter().enumerate();
        let mut damages = damages
            .filter(|(_, damage)| damage.segment == at)
            .peekable();
        for position in from..to {
            let Some(entry) = log.entries.get(position) else {
                break;
            };
            let record = log.records.get(entry.record as usize);
            let offset = record.map_or(0, |record| record.offset);
            while let Some((damage, _)) = damages.next_if(|(_, damage)| damage.from < offset) {
                self.add_landmark(LogRow::Damage(number(damage)));
            }
            let term = entry.term;
            let is_turn = turn.term.is_some_and(|before| before != term);
            let row = LogRow::Entry(number(position));
            if is_turn || (turn.was_kept && !entry.survives) {
                self.add_landmark(row);
            } else {
                self.rows.push(row);
            }
            (turn.term, turn.was_kept) = (Some(term), entry.survives);
        }
        for (damage, _) in damages {
            self.add_landmark(LogRow::Damage(number(damage)));
        }
        self.rows.push(LogRow::End(number(at)));
    }

    fn add_landmark(&mut self, row: LogRow) {
        self.landmarks.push(self.rows.len());
        self.rows.push(row);
    }

    /// The log; `None` without one.
    pub fn wal(&self) -> Option<Wal<'_>> {
        self.dataset.member().wal()
    }

    fn entry_at(&self, position: u32) -> Option<&LogEntry> {
        self.wal()?.log().entries.get(position as usize)
    }

    /// An entry.
    pub fn entry(&self, position: u32) -> Option<LogEntryRow> {
        let wal = self.wal()?;
        let log = wal.log();
        let entry = log.entries.get(position as usize)?;
        let record = log.records.get(entry.record as usize);
        let payload = wal.payload(entry);
        let (state, label) = self.state(entry);
        Some(LogEntryRow {
            position,
            index: entry.index,
            term: entry.term,
            state,
            label,
            survives: entry.survives,
            type_name: payload.type_name(),
            summary: payload.summary(),
            size_bytes: entry.data_len.into(),
            offset: record.map_or(0, |record| record.offset),
        })
    }

    /// What became of an entry, as far as this member knew.
    fn state(&self, entry: &LogEntry) -> (&'static str, Label) {
        match (entry.survives, entry.superseded_by) {
            (true, _) if self.commit >= entry.index => ("committed", Label::Dim),
            (true, _) => ("uncommitted", Label::Warning),
            (false, Some(_)) => ("overwritten", Label::Warning),
            (false, None) => ("damaged", Label::Error),
        }
    }

    /// The first key that an entry names.
    pub fn first_key(&self, position: u32) -> Option<Vec<u8>> {
        let wal = self.wal()?;
        let payload = wal.payload(wal.log().entries.get(position as usize)?);
        payload.user_keys().first().map(|key| key.to_vec())
    }

    /// An entry as JSON.
    pub fn json(&self, position: u32) -> Option<serde_json::Value> {
        let wal = self.wal()?;
        let payload = wal.payload(wal.log().entries.get(position as usize)?);
        Some(payload.to_json(Default::default()))
    }

    /// The data of an entry, with its secrets hidden unless one of its keys is `revealed`.
    pub fn entry_bytes(
        &self,
        position: u32,
        layout: &Layout,
        revealed: &dyn Fn(&[u8]) -> bool,
    ) -> Option<EntryBytes> {
        let wal = self.wal()?;
        let entry = wal.log().entries.get(position as usize)?;
        let (data, payload) = (wal.data(entry), wal.payload(entry));
        let is_shown = payload.user_keys().iter().any(|key| revealed(key));
        let secrets = match is_shown {
            true => Vec::new(),
            false => secrets_in_entry(layout, &payload, data),
        };
        let (bytes, hidden) = mask_ranges(data, &secrets);
        let record = wal.log().records.get(entry.record as usize);
        Some(EntryBytes {
            offset: record.map_or(0, |record| {
                record.payload_at.saturating_add(entry.data_at.into())
            }),
            bytes,
            hidden,
        })
    }

    /// The row of the surviving entry of an index.
    ///
    /// # Errors
    /// Why the log has no such entry, for people.
    pub fn row_of(&self, index: RaftIndex) -> Result<usize, String> {
        let wal = self.wal().ok_or("there is no log")?;
        let log = wal.log();
        let kept = log.entry(index).map(std::ptr::from_ref);
        let position = log
            .entries
            .iter()
            .rposition(|entry| match kept {
                Some(kept) => std::ptr::eq(entry, kept),
                None => entry.index == index,
            })
            .map(|position| LogRow::Entry(number(position)));
        let row = position.and_then(|position| self.rows.iter().position(|row| *row == position));
        row.ok_or_else(|| match (log.first(), log.last()) {
            (Some(first), _) if index < first.index => format!(
                "index {index} is older than the WAL: it starts with {}",
                first.index
            ),
            (_, Some(last)) if index > last.index => format!(
                "index {index} is not in the WAL: it ends with {}",
                last.index
            ),
            (Some(_), Some(_)) => format!("the WAL has no entry with index {index}"),
            _ => "the log has no entries".to_owned(),
        })
    }

    /// One line of text about a row, to search in.
    pub fn line(&self, row: usize) -> String {
        match self.rows.get(row) {
            Some(LogRow::Entry(position)) => {
                let Some(wal) = self.wal() else {
                    return String::new();
                };
                let Some(entry) = wal.log().entries.get(*position as usize) else {
                    return String::new();
                };
                let payload = wal.payload(entry);
                format!(
                    "{} {} {} {} {}",
                    entry.index,
                    payload.type_name(),
                    payload.name(),
                    payload.summary(),
                    self.state(entry).0,
                )
            }
            Some(LogRow::Segment(at)) => self.file_name(*at),
            Some(LogRow::Damage(at)) => format!("damage {}", self.damage_text(*at)),
            Some(LogRow::Other(at)) => self.other_text(*at).to_owned(),
            Some(LogRow::End(_)) | None => String::new(),
        }
    }

    /// The name of a segment's file, without its folder.
    pub fn file_name(&self, segment: u32) -> String {
        let name = || {
            let wal = self.wal()?;
            let segment = wal.log().segments.get(segment as usize)?;
            Some(wal.files().get(segment.file)?.file().to_string())
        };
        base(&name().unwrap_or_default()).to_owned()
    }

    /// The file of a row, and the range of its bytes there.
    pub fn bytes_of(&self, row: LogRow) -> Option<(String, u64, u64)> {
        let wal = self.wal()?;
        let log = wal.log();
        let file = |segment: usize| {
            let segment = log.segments.get(segment)?;
            Some(wal.files().get(segment.file)?.file().to_string())
        };
        match row {
            LogRow::Entry(at) => {
                let entry = log.entries.get(at as usize)?;
                let record = log.records.get(entry.record as usize)?;
                let end = record
                    .payload_at
                    .saturating_add(record.payload_len.into())
                    .max(record.offset.saturating_add(1));
                Some((file(record.segment as usize)?, record.offset, end))
            }
            LogRow::Damage(at) => {
                let damage = log.damages.get(at as usize)?;
                Some((file(damage.segment)?, damage.from, damage.to))
            }
            LogRow::Segment(at) => {
                let segment = log.segments.get(at as usize)?;
                Some((file(at as usize)?, 0, segment.len_bytes))
            }
            LogRow::End(at) => {
                let segment = log.segments.get(at as usize)?;
                Some((file(at as usize)?, segment.end, segment.len_bytes))
            }
            LogRow::Other(at) => {
                let bytes = wal.files().get(log.others.get(at as usize)?.file)?;
                Some((bytes.file().to_string(), 0, bytes.len() as u64))
            }
        }
    }

    /// `file@0x3FF70`.
    pub fn place(&self, row: LogRow) -> Option<String> {
        let (file, from, _) = self.bytes_of(row)?;
        Some(format!("{file}@{from:#x}"))
    }

    /// What a file beside the log is.
    pub fn other_text(&self, at: u32) -> &'static str {
        let other = || {
            let wal = self.wal()?;
            let other = wal.log().others.get(at as usize)?;
            Some((other.log.is_some(), other.kind))
        };
        match other() {
            Some((true, _)) => "set aside by a repair",
            Some((_, WalFile::Tmp)) => "next segment, prepared",
            _ => "ignored by etcd",
        }
    }

    /// The stored version that an entry wrote.
    ///
    /// The log names no revisions; the version of the same key with the same value is the one.
    ///
    /// # Errors
    /// Why there is none, for people.
    pub fn written(&self, position: u32, beside: Beside<'_>) -> Result<WrittenVersion, String> {
        let wal = self.wal().ok_or("there is no log")?;
        let entry = self.entry_at(position).ok_or("there is no such entry")?;
        let indexed = beside.indexed.ok_or("there is no index yet")?;
        let payload = wal.payload(entry);
        let keyspace = indexed.keyspace();
        let mut found: Vec<WrittenVersion> = Vec::new();
        if let Some(put) = payload.puts().first() {
            let records = keyspace.records_of(&put.key);
            let wrote = records.iter().filter(|version| {
                let is_it = |value: &[u8]| value == put.value;
                !version.tombstone && version.key_value().is_ok_and(|kv| is_it(kv.value))
            });
            found.extend(wrote.map(|version| WrittenVersion::from(&version)));
        } else {
            let spans = payload.key_spans();
            let span = spans
                .iter()
                .find(|span| span.access == Access::Delete)
                .ok_or("this entry writes no key")?;
            let records = keyspace.records_of(span.key);
            let deleted = records.iter().filter(|version| version.tombstone);
            found.extend(deleted.map(|version| WrittenVersion::from(&version)));
        }
        // If the log was laid beside the db already, that decides among several.
        if found.len() > 1
            && let Some(logged) = beside.logged
            && let Some(one) = found
                .iter()
                .position(|version| logged.index_of(version.revision.main) == Some(entry.index))
        {
            return Ok(found.swap_remove(one));
        }
        match found.len() {
            1 => Ok(found.swap_remove(0)),
            0 if self.commit < entry.index => {
                Err("it is not known to be committed, and the db does not have it".to_owned())
            }
            0 => {
                Err("what it wrote is not in the db: compacted, not applied, or refused".to_owned())
            }
            more => Err(format!(
                "{more} stored versions could be the one it wrote: H shows them"
            )),
        }
    }
}
