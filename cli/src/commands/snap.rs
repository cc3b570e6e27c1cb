use std::path::PathBuf;

use etcd_inspect::answers::Damage;
use etcd_inspect::answers::snap::snaps;
use etcd_inspect::{Error, Severity};

use crate::exit::Exit;
use crate::ui::Ui;

/// List raft snapshots (.snap): term and index, voters, what their v2 store says
///
/// A snapshot file says from which index etcd (up to 3.6) replays the WAL when it starts. The data itself is in the db, not here.
#[derive(clap::Args, Debug)]
#[command(before_help = "Examples:
  etcd-inspect snap /copy/m1
  etcd-inspect snap -o json /copy/m1/member/snap/0000000000000003-00000000000000ca.snap")]
pub(crate) struct SnapArgs {
    /// Data directory, snap/ folder or one .snap file
    path: Option<PathBuf>,
}

pub(crate) fn run(args: &SnapArgs, ui: &mut Ui) -> anyhow::Result<Exit> {
    let member = ui.member(args.path.as_deref())?;
    let progress = ui.progress();
    let wal = member.wal_with(&*progress);
    let Some(answer) = snaps(&member, wal.as_ref()) else {
        return Err(Error::Missing {
            file: member.evidence().name().clone(),
            what: ".snap file (a member has none before its first --snapshot-count entries)",
        }
        .into());
    };
    if answer.is_partial {
        let errors = answer.findings.iter();
        let errors = errors.filter(|finding| finding.severity == Severity::Error);
        ui.partial(Damage::new(errors.cloned().collect(), 0));
    }
    ui.table("snap", &answer.table)?;
    let mut damaged = false;
    for finding in &answer.findings {
        let code = finding.code;
        let text = format!(
            "{} {}: {} ({})",
            code.id, code.title, finding.message, finding.place
        );
        match finding.severity {
            Severity::Note => ui.note(text)?,
            Severity::Error if answer.is_partial => {}
            _ => ui.warn(text)?,
        }
        damaged |= finding.severity >= Severity::Warning;
    }
    Ok(match answer.is_partial {
        true => Exit::Partial,
        false => Exit::negative_if(damaged),
    })
}
