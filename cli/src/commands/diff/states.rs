//! The states that are compared: which member, which revision.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use etcd_inspect::Command;
use etcd_inspect::answers::Keyspace;
use etcd_inspect::check::logged_beside;
use etcd_inspect::member::{Member, Objects};

use super::{DiffArgs, Moment};
use crate::at::{At, Rev};
use crate::failure::Failure;
use crate::kube;
use crate::ui::Ui;
use crate::view::View;

/// A member of which states are compared.
pub(super) struct Opened<'m> {
    /// Its keyspace.
    pub(super) view: View<'m>,
    member: &'m Member,
}

/// Words that exist as files or folders, and the others.
pub(super) fn words(words: &[OsString]) -> Result<(Vec<OsString>, Vec<OsString>), Failure> {
    let is_path = |word: &OsStr| !word.is_empty() && Path::new(word).exists();
    let (paths, what): (Vec<_>, Vec<_>) = words.iter().cloned().partition(|word| is_path(word));
    match paths.len() {
        0..=2 => Ok((paths, what)),
        many => Err(
            Failure::usage(format!("diff compares two PATHs, not {many}"))
                .next(paths.iter().fold(Command::inspect("compare"), Command::arg)),
        ),
    }
}

/// Opens one member, or two.
pub(super) fn members(paths: &[OsString], ui: &mut Ui) -> anyhow::Result<(Member, Option<Member>)> {
    let count = paths.len().clamp(1, 2);
    let first = ui.member_of(paths.first().map(Path::new), 0, count)?;
    let second = match paths.get(1) {
        Some(path) => Some(ui.member_of(Some(Path::new(path)), 1, count)?),
        None => None,
    };
    Ok((first, second))
}

impl<'m> Opened<'m> {
    /// Reads a member at moments; one that is not given is the newest. Returns the revision of each.
    pub(super) fn open<const N: usize>(
        member: &'m Member,
        moments: [Option<Moment>; N],
        args: &DiffArgs,
        ui: &mut Ui,
    ) -> anyhow::Result<(Self, [Option<i64>; N])> {
        let moments = moments.map(|moment| at(moment, args));
        let (view, revisions) = View::open_at(member, moments.each_ref(), args.carved, ui)?;
        Ok((Self { view, member }, revisions))
    }

    /// The version before that of the second state, if only the log has it: db and log are one history.
    pub(super) fn logged_before(
        &self,
        keyspace: &Keyspace<'_>,
        key: &[u8],
        to: Option<i64>,
        ui: &Ui,
    ) -> Option<i64> {
        let complete = keyspace.compact_revision()?;
        let until = |version: &i64| *version <= to.unwrap_or(i64::MAX);
        let records = keyspace.records_of(key);
        let stored = records.iter().map(|version| version.revision.main);
        let stored: Vec<i64> = stored.filter(until).collect();
        // The db has all versions after its compaction.
        if stored
            .iter()
            .filter(|version| **version >= complete)
            .count()
            > 1
        {
            return None;
        }
        let logged = logged_beside(keyspace, self.member, &*ui.progress())?;
        let of_log = logged.keyspace();
        let records = of_log.records_of(key);
        let logged = records.iter().map(|version| version.revision.main);
        let mut all: Vec<i64> = logged.filter(until).chain(stored).collect();
        all.sort_unstable();
        all.dedup();
        let before = all.iter().rev().nth(1).copied()?;
        // What the db still has is the state of its compaction, which it answers alone.
        let stored = keyspace.records_of(key);
        let mut stored = stored.iter();
        let is_stored = stored.any(|version| version.revision.main == before);
        (before < complete && !is_stored).then_some(before)
    }

    /// The keyspace as Kubernetes sees it.
    pub(super) fn objects(&self, args: &DiffArgs) -> anyhow::Result<Objects<'_>> {
        kube::open(self.member, self.view.keyspace(), &args.layout, &args.keys)
    }
}

/// A moment as other verbs have it.
fn at(moment: Option<Moment>, args: &DiffArgs) -> At {
    let (rev, at) = match moment {
        None => (Some(Rev::Latest), None),
        Some(Moment::Rev(rev)) => (Some(rev), None),
        Some(Moment::When(when)) => (None, Some(when)),
    };
    let side = args.side;
    At { rev, at, side }
}

/// The first state if none was asked for: of one key the version before that of the second state, else the oldest state that is
/// complete.
pub(super) fn oldest(
    keyspace: &Keyspace<'_>,
    key: Option<&[u8]>,
    to: Option<i64>,
    ui: &mut Ui,
) -> std::io::Result<i64> {
    let complete = keyspace.compact_revision().unwrap_or(1).max(1);
    let complete = complete.min(keyspace.revision());
    if let Some(key) = key {
        let to = to.unwrap_or(i64::MAX);
        let records = keyspace.records_of(key);
        let mut until = records.iter().rev();
        until.find(|version| version.revision.main <= to);
        if let Some(before) = until.next().map(|version| version.revision.main)
            && before >= complete
        {
            ui.note(format!("from rev {before}, the version before (--from)"))?;
            return Ok(before);
        }
    }
    ui.note(format!(
        "from rev {complete}, the oldest state that is complete (--from)"
    ))?;
    Ok(complete)
}
