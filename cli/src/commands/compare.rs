use std::path::PathBuf;

use etcd_inspect::Command;
use etcd_inspect::answers::compare::{CompareAnswer, differences, is_wrong, remark};
use etcd_inspect::verdict::{self, Action, Comparison};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Label, Line, number, person};
use crate::secrets::{KeyFiles, Showing};
use crate::ui::Ui;

/// Which copy is best, and where do copies of one cluster's members differ
///
/// Identity, revision, term, commit, HashKV at the newest revision that all have, the first revision whose records differ,
/// and logs that contradict each other.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect compare /copy/m1 /copy/m2 /copy/m3
  etcd-inspect compare /copy/m1 /copy/m2 --keys
  etcd-inspect compare /copy/m1 backup.db -o json")]
pub(crate) struct CompareArgs {
    /// 2 to 9 data directories, db or snapshot files, or an archive of several
    #[arg(num_args = 0..=9)]
    paths: Vec<PathBuf>,
    /// Name the keys that differ, and show what differs in their values
    #[arg(long)]
    keys: bool,
    #[command(flatten)]
    encryption: KeyFiles,
    #[command(flatten)]
    showing: Showing,
}

pub(crate) fn run(args: &CompareArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    ui.shows_commands();
    let members = match args.paths.as_slice() {
        [] => Vec::new(),
        paths => ui.members(paths)?,
    };
    if !(2..=9).contains(&members.len()) {
        let failure = Failure::usage(
            "`compare` needs two to nine directories or db files, or an archive with as many in it",
        );
        return Err(failure
            .next(Command::inspect("compare").evidence().choice("OTHER"))
            .into());
    }
    let progress = ui.progress();
    let compared = verdict::compare(&members, args.keys, &*progress);
    let differences = match args.keys {
        true => {
            let mask = args.showing.mask(false, ui)?;
            differences(
                &members,
                &compared,
                &args.encryption.keyring()?,
                mask.as_ref(),
            )
        }
        false => Vec::new(),
    };
    for member in &members {
        ui.partial(member.keyspace_loss());
    }
    let answer = CompareAnswer::new(&compared, &differences);
    ui.answer("compare", &answer, |ui| {
        rows(&compared, ui)?;
        for finding in &compared.findings {
            person::finding(finding, ui)?;
        }
        equality(&compared, ui)?;
        if args.keys {
            keys(&compared, &differences, ui)?;
        }
        plan(&compared, ui)
    })?;
    Ok(Exit::negative_if(is_wrong(&compared)))
}

/// One row for each copy.
fn rows(compared: &Comparison, ui: &mut Ui) -> anyhow::Result<()> {
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let hash_head = compared
        .common_revision
        .map_or("HASHKV".to_owned(), |common| format!("HASHKV@{common}"));
    let mut table = vec![
        [
            "MEMBER", "REV", "DB-REV", "APPLIED", "TERM", "KEYS", &hash_head, "DB", "VERDICT",
        ]
        .map(str::to_owned),
    ];
    for (at, row) in compared.members.iter().enumerate() {
        let remark = remark(compared, at, row);
        table.push([
            row.path.clone(),
            shown(
                row.reach()
                    .map(|revision| number::thousands(revision.into())),
            ),
            shown(
                row.revision
                    .map(|revision| number::thousands(revision.into())),
            ),
            shown(row.applied.map(|applied| number::thousands(applied.into()))),
            shown(row.term.map(|term| term.to_string())),
            shown(row.keys.map(|keys| number::thousands(keys as i128))),
            shown(row.hashkv.map(|hash| format!("{hash:08x}"))),
            shown(row.db_bytes.map(|bytes| number::thousands(bytes.into()))),
            remark,
        ]);
    }
    let mut widths = [0usize; 9];
    for row in &table {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &table {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        ui.line(Line::from(cells.join("  ").trim_end().to_owned()))?;
    }
    let mut rows = compared.members.iter();
    if rows.any(|row| row.reach() != row.revision) {
        let text = "REV is what a start serves, with the committed entries of its log; DB-REV, KEYS and HASHKV are of the db alone";
        ui.line(Line::new().with(Label::Dim, text))?;
    }
    Ok(())
}

/// Whether they are the same.
fn equality(compared: &Comparison, ui: &mut Ui) -> anyhow::Result<()> {
    if let Some(first) = compared.first_divergent_revision {
        let count = compared.differing_keys.len();
        ui.line(Line::new().with(
            Label::Error,
            format!(
                "records differ since revision {first}; {} at the common revision",
                match count {
                    1 => "1 key differs".to_owned(),
                    count => format!("{count} keys differ"),
                }
            ),
        ))?;
    } else if compared.same == Some(true) && !is_older(compared) {
        ui.line(Line::new().with(
            Label::Good,
            "the same keys, values and history at the common revision",
        ))?;
    } else if let Some(row) = compared.members.iter().find(|row| row.is_partial) {
        ui.line(Line::new().with(
            Label::Warning,
            format!(
                "not known whether they are the same: a part of the keys of {} cannot be read",
                row.path
            ),
        ))?;
    } else {
        ui.line(Line::new().with(
            Label::Warning,
            "no common revision: the members cannot be compared for equality",
        ))?;
    }
    Ok(())
}

/// The keys that differ, and what differs in their values.
fn keys(
    compared: &Comparison,
    differences: &[Vec<Option<String>>],
    ui: &mut Ui,
) -> anyhow::Result<()> {
    for (number, key) in compared.differing_keys.iter().enumerate() {
        let name = crate::output::escape::bytes(&key.key, ui.terminal.charset).into_owned();
        ui.line(Line::new().with(Label::Name, name))?;
        for (at, row) in compared.members.iter().enumerate() {
            let revision = key.mod_revisions.get(at).copied().flatten();
            let what = differences.get(number).and_then(|all| all.get(at)?.clone());
            let revision = revision.map_or("no version".to_owned(), |revision| {
                format!("rev {revision}")
            });
            let mut line = Line::new()
                .with(Label::Dim, format!("  {}  ", row.path))
                .text(revision);
            if let Some(what) = what {
                line = line.with(Label::Warning, format!("  {what}"));
            }
            ui.line(line)?;
        }
    }
    Ok(())
}

/// Whether one of the copies is an older one of a member that has a newer one here.
fn is_older(compared: &Comparison) -> bool {
    let mut rows = compared.members.iter();
    rows.any(|row| row.older_than.is_some())
}

/// What to do with each copy.
fn plan(compared: &Comparison, ui: &mut Ui) -> anyhow::Result<()> {
    if compared.repairs().next().is_some() || is_older(compared) {
        for (at, step) in &compared.plan {
            let path = compared
                .members
                .get(*at)
                .map_or("", |row| row.path.as_str());
            let older = compared
                .members
                .get(*at)
                .and_then(|row| row.older_than.as_ref());
            if older.is_some() {
                let line = Line::new().with(Label::Name, format!("{path}  "));
                ui.line(line.with(Label::Warning, step.effect.clone()))?;
                continue;
            }
            let best = match compared.best == Some(*at) {
                true => ": the best copy",
                false => "",
            };
            let word = match step.action {
                Action::None => "keep".to_owned(),
                action => action.to_string(),
            };
            let line = Line::new().with(Label::Heading, format!("{word}  "));
            let line = line.with(Label::Name, format!("{path}  "));
            match step.action {
                Action::None => ui.line(line.text(format!("as it is{best}")))?,
                _ => {
                    let lost = crate::verdict::loses(step);
                    ui.line(line.text(step.effect.clone()).with(Label::Warning, lost))?;
                }
            }
            crate::verdict::commands(&step.commands, "    ", ui)?;
        }
    } else if compared.same == Some(true) {
        ui.line(Line::new().with(Label::Good, "keep all of them"))?;
    }
    let next = compared.next.clone().opened_with(ui.operand());
    ui.line(
        Line::new()
            .with(Label::Dim, "next: ")
            .with(Label::Command, next.to_string()),
    )?;
    Ok(())
}
