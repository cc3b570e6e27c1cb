//! The text about the row under the cursor.

use etcd_inspect::MemberId;
use etcd_inspect::export::yaml;
use etcd_inspect::kubernetes::key::Layout;
use etcd_inspect::member::{mask_ranges, secrets_in_entry};
use etcd_inspect::mvcc::Version;
use etcd_inspect::raft::{Access, Payload};
use etcd_inspect::text::{escape, number};
use etcd_inspect::wal::{DamageKind, Ending, Link, LogEntry, WalFile};

use super::rows::{Loaded, Row};
use crate::object::Hex;
use crate::paint::Line;
use crate::session::{Part, Session};
use crate::theme::Role;

/// Keys of one entry that are named.
const KEYS: usize = 20;

fn fact(name: &str, text: impl Into<String>) -> Line {
    Line::piece(Role::Dim, format!(" {name:<8} ")).text(text)
}

/// `0000000000000000-0000000000000000.wal`, without its folder.
pub(super) fn file_name(loaded: &Loaded, segment: u32) -> String {
    let name = || {
        let wal = loaded.wal.as_ref()?;
        let segment = wal.log().segments.get(segment as usize)?;
        Some(wal.files().get(segment.file)?.file().to_string())
    };
    base(&name().unwrap_or_default()).to_owned()
}

fn base(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

/// `file@0x3FF70`.
pub(super) fn place(loaded: &Loaded, row: Row) -> Option<String> {
    let (file, from, _) = bytes_of(loaded, row)?;
    Some(format!("{file}@{from:#x}"))
}

/// The file of a row, and its bytes there.
pub(super) fn bytes_of(loaded: &Loaded, row: Row) -> Option<(String, u64, u64)> {
    let wal = loaded.wal.as_ref()?;
    let log = wal.log();
    let file = |segment: usize| {
        let segment = log.segments.get(segment)?;
        Some(wal.files().get(segment.file)?.file().to_string())
    };
    match row {
        Row::Entry(at) => {
            let entry = log.entries.get(at as usize)?;
            let record = log.records.get(entry.record as usize)?;
            let end = record
                .payload_at
                .saturating_add(record.payload_len.into())
                .max(record.offset.saturating_add(1));
            Some((file(record.segment as usize)?, record.offset, end))
        }
        Row::Damage(at) => {
            let damage = log.damages.get(at as usize)?;
            Some((file(damage.segment)?, damage.from, damage.to))
        }
        Row::Segment(at) => {
            let segment = log.segments.get(at as usize)?;
            Some((file(at as usize)?, 0, segment.len_bytes))
        }
        Row::End(at) => {
            let segment = log.segments.get(at as usize)?;
            Some((file(at as usize)?, segment.end, segment.len_bytes))
        }
        Row::Other(at) => {
            let bytes = wal.files().get(log.others.get(at as usize)?.file)?;
            Some((bytes.file().to_string(), 0, bytes.len() as u64))
        }
    }
}

/// The stored version that an entry wrote.
///
/// The log names no revisions; the version of the same key with the same value is the one.
///
/// # Errors
/// Why there is none, in words for the user.
pub(super) fn written(
    loaded: &Loaded,
    entry: &LogEntry,
    session: &Session,
) -> Result<Version<'static>, String> {
    let wal = loaded.wal.as_ref().ok_or("there is no log")?;
    let data = session
        .data()
        .ok_or_else(|| session.why_no_data().plain())?;
    let payload = wal.payload(entry);
    let keyspace = data.objects.keyspace();
    let mut found: Vec<Version<'static>> = Vec::new();
    if let Some(put) = payload.puts().first() {
        let records = keyspace.records_of(&put.key);
        found.extend(records.iter().filter(|version| {
            let same = |value: &[u8]| value == put.value;
            !version.tombstone && version.key_value().is_ok_and(|kv| same(kv.value))
        }));
    } else {
        let spans = payload.key_spans();
        let span = spans
            .iter()
            .find(|span| span.access == Access::Delete)
            .ok_or("this entry writes no key")?;
        let records = keyspace.records_of(span.key);
        found.extend(records.iter().filter(|version| version.tombstone));
    }
    // Where the log has been laid beside the db already, that decides among several.
    if found.len() > 1
        && let Some(Part::Ready(Some(logged))) =
            session.slot().and_then(|slot| slot.logged.as_ref())
        && let Some(one) = found
            .iter()
            .find(|version| logged.index_of(version.revision.main) == Some(entry.index))
    {
        return Ok(*one);
    }
    match found.as_slice() {
        [one] => Ok(*one),
        [] if entry.index > loaded.commit => {
            Err("it is not known to be committed, and the db does not have it".to_owned())
        }
        [] => Err("what it wrote is not in the db: compacted, not applied, or refused".to_owned()),
        more => Err(format!(
            "{} stored versions could be the one it wrote: H shows them",
            more.len()
        )),
    }
}

/// The lines of the detail.
pub(super) fn lines(loaded: &Loaded, row: Row, hex: bool, session: &Session) -> Vec<Line> {
    match row {
        Row::Entry(at) => {
            let log = loaded.wal.as_ref().map(|wal| wal.log());
            match log.and_then(|log| log.entries.get(at as usize)) {
                Some(entry) if hex => bytes(loaded, entry, session),
                Some(entry) => entry_lines(loaded, entry, session),
                None => Vec::new(),
            }
        }
        Row::Segment(at) | Row::End(at) => segment_lines(loaded, at, session),
        Row::Damage(at) => damage_lines(loaded, at),
        Row::Other(at) => other_lines(loaded, at),
    }
}

fn layout(session: &Session) -> Layout {
    session
        .data()
        .map(|data| data.objects.layout().clone())
        .unwrap_or_default()
}

fn bytes(loaded: &Loaded, entry: &LogEntry, session: &Session) -> Vec<Line> {
    let Some(wal) = &loaded.wal else {
        return Vec::new();
    };
    let data = wal.data(entry);
    let secrets = secrets_in_entry(&layout(session), &wal.payload(entry), data);
    let payload = wal.payload(entry);
    let keys = payload.user_keys();
    let revealed = keys.iter().any(|key| session.is_revealed(key));
    let secrets = if revealed { Vec::new() } else { secrets };
    let (shown, hidden) = mask_ranges(data, &secrets);
    let record = wal.log().records.get(entry.record as usize);
    let offset = record.map_or(0, |record| {
        record.payload_at.saturating_add(entry.data_at.into())
    });
    let hex = Hex {
        offset,
        bytes: &shown,
    };
    let mut lines: Vec<Line> = (0..hex.len()).map(|row| hex.row(row)).collect();
    if hidden > 0 {
        lines.insert(
            0,
            Line::piece(
                Role::Dim,
                format!("{hidden} bytes of secrets are shown as *; X shows them for ten seconds"),
            ),
        );
    }
    if data.is_empty() {
        lines.push(Line::piece(
            Role::Dim,
            "no data: the first entry of a leader",
        ));
    }
    lines
}

fn entry_lines(loaded: &Loaded, entry: &LogEntry, session: &Session) -> Vec<Line> {
    let Some(wal) = &loaded.wal else {
        return Vec::new();
    };
    let payload = wal.payload(entry);
    let mut lines = vec![
        fact(
            "index",
            format!(
                "{}  term {}  ",
                number::thousands(entry.index.into()),
                entry.term
            ),
        )
        .with(state(loaded, entry).1, state(loaded, entry).0),
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
    if let Some(place) = wal.place(entry) {
        let offset = place.offset.unwrap_or(0);
        lines.push(fact(
            "at",
            format!("{}+{offset:#x}", base(place.file.as_str())),
        ));
    }
    if let Some(later) = entry.superseded_by
        && let Some(later) = wal.log().entries.get(later as usize)
    {
        lines.push(fact("", "").with(
            Role::Warning,
            format!("overwritten by the leader of term {}", later.term),
        ));
    }
    if let Some(proposer) = payload.proposer() {
        let own = wal.log().metadata.first().map(|metadata| metadata.node_id);
        let who = match own.filter(|id| proposer.is_member(*id)) {
            Some(id) => format!("{id:016x} (this member)"),
            None => format!("member …{:04x}", proposer.member_low16),
        };
        lines.push(fact("proposer", who));
    }
    let charset = session.charset();
    let keys = payload.user_keys();
    for (number, key) in keys.iter().take(KEYS).enumerate() {
        let name = if number == 0 { "key" } else { "" };
        lines.push(fact(name, "").with(Role::Name, escape::bytes(key, charset)));
    }
    if keys.len() > KEYS {
        lines.push(fact("", format!("… {} keys more", keys.len() - KEYS)));
    }
    if !keys.is_empty() {
        lines.push(match written(loaded, entry, session) {
            Ok(version) => fact(
                "revision",
                format!(
                    "{}, as the db has it",
                    number::thousands(version.revision.main.into())
                ),
            ),
            Err(why) => fact("revision", "").with(Role::Dim, why),
        });
    }
    lines.push(fact("request", payload.summary()));
    if let Payload::Undecodable(why) = &payload {
        lines.push(fact("", "").with(Role::Error, why.to_string()));
    }
    lines.push(Line::new());
    let json = payload.to_json(Default::default());
    lines.extend(
        yaml::lines(&json)
            .into_iter()
            .map(|line| match line.text.split_once(": ") {
                Some((name, value)) => {
                    Line::piece(Role::Name, format!(" {name}: ")).text(value.to_owned())
                }
                None => Line::piece(Role::Name, format!(" {}", line.text)),
            }),
    );
    lines
}

/// What became of an entry, as far as this member knew.
pub(super) fn state(loaded: &Loaded, entry: &LogEntry) -> (&'static str, Role) {
    match (entry.survives, entry.superseded_by) {
        (true, _) if entry.index <= loaded.commit => ("committed", Role::Dim),
        (true, _) => ("uncommitted", Role::Warning),
        (false, Some(_)) => ("overwritten", Role::Warning),
        (false, None) => ("damaged", Role::Error),
    }
}

fn segment_lines(loaded: &Loaded, at: u32, session: &Session) -> Vec<Line> {
    let Some(wal) = &loaded.wal else {
        return Vec::new();
    };
    let log = wal.log();
    let Some(segment) = log.segments.get(at as usize) else {
        return Vec::new();
    };
    let is_last = at as usize + 1 == log.segments.len();
    let mut lines = vec![
        fact("file", file_name(loaded, at)),
        fact(
            "size",
            format!(
                "{}, records in the first {}",
                number::size(segment.len_bytes),
                number::size(segment.end)
            ),
        ),
        fact("records", number::thousands(segment.records.len() as i128)),
    ];
    if let Some(name) = segment.name {
        lines.insert(
            1,
            fact(
                "name",
                format!(
                    "sequence {}, begins with index {}",
                    name.seq,
                    number::thousands(name.index.into())
                ),
            ),
        );
    }
    let (role, head) = link(segment.link);
    lines.push(fact("head", "").with(role, head));
    let (role, end) = ending(segment.ending, is_last);
    lines.push(fact("end", "").with(role, end));
    let metadata = log
        .metadata
        .iter()
        .find(|metadata| segment.records.contains(&metadata.record));
    if let Some(metadata) = metadata {
        lines.push(fact(
            "written",
            format!(
                "by member {:016x} of cluster {:016x}",
                metadata.node_id, metadata.cluster_id
            ),
        ));
    }
    let snapshots = log
        .snapshots
        .iter()
        .filter(|snapshot| segment.records.contains(&snapshot.record));
    for snapshot in snapshots {
        lines.push(fact(
            "snapshot",
            format!(
                "of index {} term {}",
                number::thousands(snapshot.index.into()),
                snapshot.term
            ),
        ));
    }
    lines.push(Line::new());
    lines.push(Line::piece(Role::Heading, " terms of the whole log"));
    let own = log.metadata.first().map(|metadata| metadata.node_id);
    for term in &loaded.terms {
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
        lines.push(
            Line::piece(Role::Number, format!(" {:>5}  ", term.term))
                .text(format!("{range}  {vote}, {}", term.end)),
        );
    }
    let _ = session;
    lines
}

/// How a file continues the one before it.
fn link(link: Link) -> (Role, String) {
    match link {
        Link::First => (Role::Plain, "nothing was read before it".to_owned()),
        Link::Continues => (Role::Good, "continues the file before it".to_owned()),
        Link::Broken { running, stored } => (
            Role::Error,
            format!("✕ does not continue: {stored:08x}, the file in front ends with {running:08x}"),
        ),
        Link::HeadDamaged { running, stored } => (
            Role::Error,
            format!("✕ checksum damaged: {stored:08x} instead of {running:08x}"),
        ),
        Link::Unknown => (
            Role::Warning,
            "the end of the file in front could not be read".to_owned(),
        ),
        Link::NoHead => (Role::Error, "✕ no checksum record at its head".to_owned()),
    }
}

/// Says what follows the last record.
pub(super) fn ending(ending: Ending, is_last: bool) -> (Role, String) {
    match ending {
        Ending::Exact => (Role::Plain, "the file ends with its last record".to_owned()),
        Ending::Zeros if is_last => (
            Role::Plain,
            "zeros to the end: room made in advance".to_owned(),
        ),
        Ending::Zeros => (
            Role::Warning,
            "zeros to the end, although another file follows".to_owned(),
        ),
        Ending::Garbage { from, to } => (
            Role::Warning,
            format!("zeros, but other bytes at {from:#x}–{to:#x}"),
        ),
        Ending::Damage => (
            Role::Error,
            "✕ damage: nothing after it could be read".to_owned(),
        ),
    }
}

/// One line of a damage.
pub(super) fn damage(kind: &DamageKind) -> String {
    match kind {
        DamageKind::Crc { stored, computed } => {
            format!("checksum {computed:08x}, the record says {stored:08x}")
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

fn damage_lines(loaded: &Loaded, at: u32) -> Vec<Line> {
    let Some(wal) = &loaded.wal else {
        return Vec::new();
    };
    let log = wal.log();
    let Some(torn) = log.damages.get(at as usize) else {
        return Vec::new();
    };
    let segment = u32::try_from(torn.segment).unwrap_or(u32::MAX);
    let mut lines = vec![
        fact("damage", "").with(Role::Error, damage(&torn.kind)),
        fact("file", file_name(loaded, segment)),
        fact(
            "bytes",
            format!(
                "{:#x}–{:#x}, {}",
                torn.from,
                torn.to,
                number::size(torn.to.saturating_sub(torn.from))
            ),
        ),
        fact(
            "before",
            format!(
                "{} records are whole",
                number::thousands(torn.records_before as i128)
            ),
        ),
    ];
    if torn.torn {
        lines.push(fact("torn", "").with(
            Role::Warning,
            "a write that was cut off: etcd repairs this by itself where it is the last",
        ));
    }
    if let Some(behind) = log.intact_after_damages().get(at as usize) {
        let indexes = behind.indexes.map_or(String::new(), |(first, last)| {
            format!(
                ", indexes {}–{}",
                number::thousands(first.into()),
                number::thousands(last.into())
            )
        });
        lines.push(fact(
            "after",
            format!(
                "{} records and {} entries are intact{indexes}",
                number::thousands(behind.records.into()),
                number::thousands(behind.entries.into())
            ),
        ));
    }
    lines.push(Line::new());
    lines.push(Line::piece(
        Role::Dim,
        " gf shows the finding with its meaning and what to do next",
    ));
    lines
}

fn other_lines(loaded: &Loaded, at: u32) -> Vec<Line> {
    let place = bytes_of(loaded, Row::Other(at));
    let Some((file, _, size)) = place else {
        return Vec::new();
    };
    vec![
        fact("file", file),
        fact("size", number::size(size)),
        fact("what", other(loaded, at)),
    ]
}

/// What a file beside the log is.
pub(super) fn other(loaded: &Loaded, at: u32) -> &'static str {
    let log = loaded.wal.as_ref().map(|wal| wal.log());
    match log.and_then(|log| log.others.get(at as usize)) {
        Some(other) if other.log.is_some() => "set aside by a repair",
        Some(other) if other.kind == WalFile::Tmp => "next segment, prepared",
        _ => "ignored by etcd",
    }
}
