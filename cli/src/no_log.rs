//! Why there is no log to be asked: it is not there, or it could not be read.

use etcd_inspect::codes::error as codes;
use etcd_inspect::member::Member;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::ui::Ui;

/// One clause.
pub(crate) fn reason(member: &Member) -> String {
    let evidence = member.evidence();
    match evidence.unseen_log() {
        Some(unseen) => format!("the WAL is not known: {}: {}", unseen.place, unseen.message),
        None => format!("{}: there is no WAL here", evidence.name()),
    }
}

/// What a verb that cannot answer without a log ends with.
pub(crate) fn failure(member: &Member, ui: &Ui) -> Failure {
    let failure = Failure {
        code: codes::MISSING.id,
        ..Failure::not_found(reason(member))
    };
    let evidence = member.evidence();
    if evidence.unseen_log().is_none() {
        return failure
            .means("no member/wal with a segment: if etcd's --wal-dir put it elsewhere, give that directory with --wal-dir")
            .next("etcd-inspect status {path}     lists the parts that were found");
    }
    let failure = match evidence.is_denied() {
        true => failure.next(ui.with_sudo()),
        false => failure.next("etcd-inspect check {path}"),
    };
    Failure {
        exit: Exit::Partial,
        ..failure
    }
}
