//! What is reported of versions that were asked for with `--carved`: where each is from, and whether a newer one may be lost.

use located::text::escape::{self, Charset};
use located::text::number::thousands;

use crate::mvcc::{KeyRange, Version};
use crate::salvage::carve::{Past, PastSource};

/// Versions of which each is named; of more only counts.
const MAX_NAMED: usize = 10;

/// Sentences about versions that were printed, as of a revision; `None` for the newest.
pub fn sources(
    past: &Past<'_>,
    found: &[Version<'_>],
    revision: Option<i64>,
    charset: Charset,
) -> Vec<String> {
    let at = revision.unwrap_or_else(|| past.keyspace().revision());
    if found.len() > MAX_NAMED {
        return vec![counted(past, found.iter().copied(), at)];
    }
    let mut notes = Vec::new();
    for version in found {
        let key = escape::bytes(version.key, charset);
        let main = version.revision.main;
        match past.source(version.revision) {
            PastSource::Db => {}
            PastSource::Wal(Some(index)) => notes.push(format!(
                "rev {main} of {key} is from the log: raft entry {index}"
            )),
            PastSource::Wal(None) => notes.push(format!("rev {main} of {key} is from the log")),
            PastSource::Carved(origin, place) => notes.push(format!(
                "rev {main} of {key} is carved: {}, {place}",
                origin.as_str()
            )),
        }
        if !past.is_certain(version.key, at) {
            notes.push(format!(
                "not certain: a write of {key} after rev {main}, up to rev {at}, may be lost"
            ));
        }
    }
    notes
}

/// The same of every key that is live at a revision, counted.
///
/// # Errors
/// As [`Keyspace::live`](crate::mvcc::Keyspace::live).
pub fn all_sources(past: &Past<'_>, revision: Option<i64>) -> Result<String, located::Error> {
    let keyspace = past.keyspace();
    let live = keyspace.live(&KeyRange::all(), revision)?;
    let at = keyspace.at(revision)?;
    Ok(counted(past, live.iter(), at))
}

fn counted<'v>(past: &Past<'_>, versions: impl Iterator<Item = Version<'v>>, at: i64) -> String {
    let (mut carved, mut logged, mut uncertain) = (0i128, 0i128, 0i128);
    for version in versions {
        match past.source(version.revision) {
            PastSource::Db => {}
            PastSource::Wal(_) => logged += 1,
            PastSource::Carved(..) => carved += 1,
        }
        uncertain += i128::from(!past.is_certain(version.key, at));
    }
    format!(
        "of the keys at rev {at}, {} are carved, {} are from the log, and {} are not certain; keys --carved --rev {at} lists them",
        thousands(carved),
        thousands(logged),
        thousands(uncertain),
    )
}
