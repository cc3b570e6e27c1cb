//! Files deleted, files of other members and clusters, pages of which a part was written.

use std::path::Path;

use super::choose::{Chosen, files_of, some_page, write};
use super::{DB, Dice, Edit};
use crate::data_dir;
use crate::places::bolt::Db;

/// Bytes that a disk writes whole.
const SECTOR: usize = 512;

/// Another fixture of the same release.
fn other(dice: &mut Dice, dir: &Path, fixtures: &[&str]) -> Option<String> {
    let from = (*dice.pick(fixtures)).to_owned();
    (data_dir(&from) != dir).then_some(from)
}

/// The db deleted, or that of another member or cluster.
pub(super) fn db(dice: &mut Dice, dir: &Path, fixtures: &[&str]) -> Chosen {
    if dice.below(5) == 0 {
        let file = DB.to_owned();
        return Some(("db deleted".to_owned(), vec![Edit::Remove { file }]));
    }
    let from = other(dice, dir, fixtures)?;
    Some((format!("db of {from}"), vec![replaced(DB, &from, DB)]))
}

fn replaced(file: &str, from: &str, source: &str) -> Edit {
    Edit::Replace {
        file: file.to_owned(),
        from: from.to_owned(),
        source: source.to_owned(),
    }
}

/// A page of which only the first or the last sectors were written: the rest is zeros, what another page holds there, or what
/// another db holds there.
pub(super) fn torn(dice: &mut Dice, dir: &Path, fixtures: &[&str]) -> Chosen {
    let db = Db::read(&dir.join(DB));
    let page = some_page(dice, &db);
    let (start, size) = (db.at(page), db.page_size);
    let cut = SECTOR * (1 + dice.below(size / SECTOR - 1));
    let range = match dice.below(2) {
        0 => 0..cut,
        _ => cut..size,
    };
    let (what, bytes) = match dice.below(3) {
        0 => ("zeros".to_owned(), vec![0; range.len()]),
        1 => {
            let other = some_page(dice, &db);
            let at = db.at(other);
            let bytes = db.bytes.get(at + range.start..at + range.end)?;
            (format!("page {other}"), bytes.to_vec())
        }
        _ => {
            let from = other(dice, dir, fixtures)?;
            let theirs = std::fs::read(data_dir(&from).join(DB)).expect("a db");
            let bytes = theirs.get(start + range.start..start + range.end)?;
            (from, bytes.to_vec())
        }
    };
    Some((
        format!(
            "torn page {page}: {:#x}..{:#x} of {what}",
            range.start, range.end
        ),
        vec![write(DB, start + range.start, &bytes)],
    ))
}

/// A segment deleted; a segment, a whole log or a `.snap` of another member or cluster.
pub(super) fn logs(dice: &mut Dice, dir: &Path, fixtures: &[&str]) -> Chosen {
    let ours = files_of(dir, "wal");
    let wal = dice.pick(&ours).clone();
    let kind = dice.below(5);
    if kind == 0 {
        return Some((format!("{wal} deleted"), vec![Edit::Remove { file: wal }]));
    }
    let from = other(dice, dir, fixtures)?;
    let theirs = files_of(&data_dir(&from), "wal");
    Some(match kind {
        1 | 2 => {
            let source = theirs.iter().find(|name| **name == wal)?;
            (
                format!("{wal} of {from}"),
                vec![replaced(&wal, &from, source)],
            )
        }
        3 => {
            let removed = ours.into_iter().map(|file| Edit::Remove { file });
            let added = theirs.iter().map(|name| replaced(name, &from, name));
            (
                format!("log of {from}"),
                removed.chain(added).collect::<Vec<_>>(),
            )
        }
        _ => {
            let theirs = files_of(&data_dir(&from), "snap");
            if theirs.is_empty() {
                return None;
            }
            let source = dice.pick(&theirs).clone();
            let edit = replaced(&source, &from, &source);
            (format!("{source} of {from}"), vec![edit])
        }
    })
}
