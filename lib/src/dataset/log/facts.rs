//! The text about a row of the log, as pieces with meanings.

use super::{Beside, LogRow, LogRows, base};
use crate::answers::Label;
use crate::kubernetes::yaml;
use crate::raft::{Payload, TermSummary};
use crate::wal::{DamageKind, Ending, Link, LogEntry};
use located::MemberId;
use located::text::escape::{self, Charset};
use located::text::number;

/// Keys of one entry that are named.
const KEYS: usize = 20;

/// A line: pieces of text with their meanings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fact(pub Vec<(Label, String)>);

impl Fact {
    fn piece(label: Label, text: impl Into<String>) -> Self {
        Self(vec![(label, text.into())])
    }

    /// A name and, after it, what it is.
    fn named(name: &str, label: Label, text: impl Into<String>) -> Self {
        Self::piece(Label::Dim, format!(" {name:<8} ")).with(label, text)
    }

    fn with(mut self, label: Label, text: impl Into<String>) -> Self {
        self.0.push((label, text.into()));
        self
    }
}

fn fact(name: &str, text: impl Into<String>) -> Fact {
    Fact::named(name, Label::Plain, text)
}

impl LogRows {
    /// The text about a row.
    pub fn facts(&self, row: LogRow, beside: Beside<'_>, charset: Charset) -> Vec<Fact> {
        match row {
            LogRow::Entry(at) => self.entry_facts(at, beside, charset).unwrap_or_default(),
            LogRow::Segment(at) | LogRow::End(at) => self.segment_facts(at).unwrap_or_default(),
            LogRow::Damage(at) => self.damage_facts(at).unwrap_or_default(),
            LogRow::Other(at) => self.other_facts(at).unwrap_or_default(),
        }
    }

    fn entry_facts(&self, at: u32, beside: Beside<'_>, charset: Charset) -> Option<Vec<Fact>> {
        let wal = self.wal()?;
        let entry = wal.log().entries.get(at as usize)?;
        let payload = wal.payload(entry);
        let mut facts = self.head(entry, &payload);
        let keys = payload.user_keys();
        for (number, key) in keys.iter().take(KEYS).enumerate() {
            let name = if number == 0 { "key" } else { "" };
            facts.push(Fact::named(name, Label::Name, escape::bytes(key, charset)));
        }
        if keys.len() > KEYS {
            facts.push(fact("", format!("… {} keys more", keys.len() - KEYS)));
        }
        if !keys.is_empty() {
            facts.push(match self.written(at, beside) {
                Ok(version) => {
                    let main = number::thousands(version.revision.main.into());
                    let of_log = beside
                        .indexed
                        .is_some_and(|known| known.rebuilt().is_some());
                    let source = match of_log {
                        true => "counted from the log: no db is readable",
                        false => "as the db has it",
                    };
                    fact("revision", format!("{main}, {source}"))
                }
                Err(why) => Fact::named("revision", Label::Dim, why),
            });
        }
        facts.push(fact("request", payload.summary()));
        if let Payload::Undecodable(why) = &payload {
            facts.push(Fact::named("", Label::Error, why.to_string()));
        }
        facts.push(Fact::default());
        let json = payload.to_json(Default::default());
        let lines = yaml::lines(&json).into_iter();
        facts.extend(lines.map(|line| match line.text.split_once(": ") {
            Some((name, value)) => {
                Fact::piece(Label::Name, format!(" {name}: ")).with(Label::Plain, value)
            }
            None => Fact::piece(Label::Name, format!(" {}", line.text)),
        }));
        Some(facts)
    }

    /// Index, term, state, type, place, and who proposed it.
    fn head(&self, entry: &LogEntry, payload: &Payload) -> Vec<Fact> {
        let (state, label) = self.state(entry);
        let index = number::thousands(entry.index.into());
        let mut facts = vec![
            fact("index", format!("{index}  term {}  ", entry.term)).with(label, state),
            fact(
                "type",
                format!(
                    "{} · {} · {}",
                    payload.type_name(),
                    payload.name(),
                    number::size(entry.data_len.into())
                ),
            ),
        ];
        let Some(wal) = self.wal() else {
            return facts;
        };
        let log = wal.log();
        if let Some(place) = wal.place(entry) {
            let offset = place.offset.unwrap_or(0);
            let file = base(place.file.as_str());
            facts.push(fact("at", format!("{file}+{offset:#x}")));
        }
        let later = entry.superseded_by;
        if let Some(later) = later.and_then(|later| log.entries.get(later as usize)) {
            let text = format!("overwritten by the leader of term {}", later.term);
            facts.push(Fact::named("", Label::Warning, text));
        }
        if let Some(proposer) = payload.proposer() {
            let own = log.metadata.first().map(|metadata| metadata.node_id);
            let who = match own.filter(|id| proposer.is_member(*id)) {
                Some(id) => format!("{id:016x} (this member)"),
                None => format!("member …{:04x}", proposer.member_low16),
            };
            facts.push(fact("proposer", who));
        }
        facts
    }

    fn segment_facts(&self, at: u32) -> Option<Vec<Fact>> {
        let wal = self.wal()?;
        let log = wal.log();
        let segment = log.segments.get(at as usize)?;
        let is_last = at as usize + 1 == log.segments.len();
        let mut facts = vec![fact("file", self.file_name(at))];
        if let Some(name) = segment.name {
            let index = number::thousands(name.index.into());
            let text = format!("sequence {}, begins with index {index}", name.seq);
            facts.push(fact("name", text));
        }
        let size = number::size(segment.len_bytes);
        let end = number::size(segment.end);
        facts.push(fact("size", format!("{size}, records in the first {end}")));
        facts.push(fact(
            "records",
            number::thousands(segment.records.len() as i128),
        ));
        let (label, head) = link_text(segment.link);
        facts.push(Fact::named("head", label, head));
        let (label, end) = ending_text(segment.ending, is_last);
        facts.push(Fact::named("end", label, end));
        let in_it = |record: &usize| segment.records.contains(record);
        let metadata = log.metadata.iter().find(|metadata| in_it(&metadata.record));
        if let Some(metadata) = metadata {
            let text = format!(
                "by member {:016x} of cluster {:016x}",
                metadata.node_id, metadata.cluster_id
            );
            facts.push(fact("written", text));
        }
        let snapshots = log.snapshots.iter();
        for snapshot in snapshots.filter(|snapshot| in_it(&snapshot.record)) {
            let index = number::thousands(snapshot.index.into());
            let text = format!("of index {index} term {}", snapshot.term);
            facts.push(fact("snapshot", text));
        }
        facts.push(Fact::default());
        facts.push(Fact::piece(Label::Heading, " terms of the whole log"));
        let own = log.metadata.first().map(|metadata| metadata.node_id);
        facts.extend(self.terms.iter().map(|term| term_fact(term, own)));
        Some(facts)
    }

    /// One line of a damage.
    pub fn damage_text(&self, at: u32) -> String {
        let text = || {
            let wal = self.wal()?;
            Some(damage_text(&wal.log().damages.get(at as usize)?.kind))
        };
        text().unwrap_or_default()
    }

    fn damage_facts(&self, at: u32) -> Option<Vec<Fact>> {
        let wal = self.wal()?;
        let log = wal.log();
        let damage = log.damages.get(at as usize)?;
        let segment = u32::try_from(damage.segment).unwrap_or(u32::MAX);
        let size = number::size(damage.to.saturating_sub(damage.from));
        let whole = number::thousands(damage.records_before as i128);
        let mut facts = vec![
            Fact::named("damage", Label::Error, damage_text(&damage.kind)),
            fact("file", self.file_name(segment)),
            fact(
                "bytes",
                format!("{:#x}–{:#x}, {size}", damage.from, damage.to),
            ),
            fact("before", format!("{whole} records are whole")),
        ];
        if damage.torn {
            let text = "a write that was cut off: etcd repairs this by itself where it is the last";
            facts.push(Fact::named("torn", Label::Warning, text));
        }
        if let Some(after) = log.intact_after_damages().get(at as usize) {
            let indexes = after.indexes.map_or(String::new(), |(first, last)| {
                format!(
                    ", indexes {}–{}",
                    number::thousands(first.into()),
                    number::thousands(last.into())
                )
            });
            let text = format!(
                "{} records and {} entries are intact{indexes}",
                number::thousands(after.records.into()),
                number::thousands(after.entries.into())
            );
            facts.push(fact("after", text));
        }
        Some(facts)
    }

    fn other_facts(&self, at: u32) -> Option<Vec<Fact>> {
        let (file, _, size) = self.bytes_of(LogRow::Other(at))?;
        Some(vec![
            fact("file", file),
            fact("size", number::size(size)),
            fact("what", self.other_text(at)),
        ])
    }
}

fn term_fact(term: &TermSummary, own: Option<MemberId>) -> Fact {
    let range = match (term.first_index, term.last_index) {
        (Some(first), Some(last)) => format!(
            "{}–{}",
            number::thousands(first.into()),
            number::thousands(last.into())
        ),
        _ => "no entries".to_owned(),
    };
    let vote = match term.vote {
        MemberId(0) => "no vote saved".to_owned(),
        vote if Some(vote) == own => "voted for itself".to_owned(),
        vote => format!("voted for {vote:016x}"),
    };
    Fact::piece(Label::Name, format!(" {:>5}  ", term.term))
        .with(Label::Plain, format!("{range}  {vote}, {}", term.end))
}

/// How a file continues the one before it.
fn link_text(link: Link) -> (Label, String) {
    match link {
        Link::First => (Label::Plain, "nothing was read before it".to_owned()),
        Link::Continues => (Label::Good, "continues the file before it".to_owned()),
        Link::Broken { running, stored } => (
            Label::Error,
            format!(
                "✕ does not continue: {stored:08x}, the file before it ends with {running:08x}"
            ),
        ),
        Link::HeadDamaged { running, stored } => (
            Label::Error,
            format!("✕ checksum damaged: {stored:08x} instead of {running:08x}"),
        ),
        Link::Unknown => (
            Label::Warning,
            "the end of the file before it could not be read".to_owned(),
        ),
        Link::NoHead => (Label::Error, "✕ no checksum record at its head".to_owned()),
    }
}

/// What follows the last record of a file.
pub fn ending_text(ending: Ending, is_last: bool) -> (Label, String) {
    match ending {
        Ending::Exact => (
            Label::Plain,
            "the file ends with its last record".to_owned(),
        ),
        Ending::Zeros if is_last => (
            Label::Plain,
            "zeros to the end: room made in advance".to_owned(),
        ),
        Ending::Zeros => (
            Label::Warning,
            "zeros to the end, although another file follows".to_owned(),
        ),
        Ending::Garbage { from, to } => (
            Label::Warning,
            format!("zeros, but other bytes at {from:#x}–{to:#x}"),
        ),
        Ending::Damage => (
            Label::Error,
            "✕ damage: nothing after it could be read".to_owned(),
        ),
    }
}

fn damage_text(kind: &DamageKind) -> String {
    match kind {
        DamageKind::Crc { stored, computed } => {
            format!("checksum {computed:08x}, the record has {stored:08x}")
        }
        DamageKind::CrcField { stored, computed } => format!(
            "the stored checksum {stored:08x} is wrong, the payload is whole ({computed:08x})"
        ),
        DamageKind::Unparsable(why) => format!("no record: {why}"),
        DamageKind::Overrun { record_bytes } => format!(
            "a record of {} would end after the end of the file",
            number::size(*record_bytes)
        ),
        DamageKind::Stub => "a length word cut off".to_owned(),
        DamageKind::ZeroLength => "a length of zero, but records follow".to_owned(),
        DamageKind::Length { word, record_bytes } => {
            format!("a length word of {word:#x}; the record has {record_bytes} bytes")
        }
    }
}
