//! Section 10: what the API server kept here.

use super::model::{DataTable, Section, heads, table_document};
use super::subject::Subject;
use super::{SHOWN_ROWS, model};
use crate::answers::changes::{ChangeOp, ChangesQuery, changes};
use crate::answers::keys::Within;
use crate::answers::sums::{By, sums};
use crate::member::Objects;
use crate::mvcc::KeyRange;
use located::Command;

pub(super) fn section(subject: &Subject<'_>) -> Section {
    let mut section = Section::new("kubernetes", "Kubernetes");
    let Some(objects) = subject.objects() else {
        section.say("The db cannot be read.");
        return section;
    };
    if subject.status.get("kubernetes") != Some(&true.into()) {
        section.say("Kubernetes did not write here; keys are counted all the same.");
    }
    counted(subject, &objects, &mut section);
    let query = ChangesQuery {
        last: Some(SHOWN_ROWS),
        ops: vec![ChangeOp::Delete],
        ..ChangesQuery::default()
    };
    let (table, _) = changes(
        subject.member,
        &objects,
        subject.logged(),
        &query,
        Some(subject.question.mask),
        None,
    );
    let command = Command::inspect("changes")
        .args(["--ops", "delete", "--last"])
        .arg(SHOWN_ROWS.to_string());
    let columns = heads(table.columns);
    section.push(DataTable::new(
        "The last deletions; etcd stores no user, an audit log names them",
        &table_document(&table),
        "/rows",
        subject.command(command),
        columns,
        usize::MAX,
    ));
    #[cfg(feature = "certificates")]
    certificates(subject, &objects, &mut section);
    section
}

/// Keys by resource and by namespace.
fn counted(subject: &Subject<'_>, objects: &Objects<'_>, section: &mut Section) {
    let Some(view) = subject.view() else { return };
    let limit = subject.question.limit(SHOWN_ROWS);
    for (by, flag, caption) in [
        (By::Resource, "--by-resource", "Keys by resource"),
        (By::Namespace, "--by-namespace", "Keys by namespace"),
    ] {
        let within = Within {
            objects,
            namespace: None,
        };
        let table = sums(objects, &within, &KeyRange::all(), by, None, |counts| {
            view.space(counts).map(Some)
        });
        match table {
            Ok(table) => {
                let command = subject.command(Command::inspect("keys").arg(flag));
                let columns = heads(table.columns);
                section.push(DataTable::new(
                    caption,
                    &table_document(&table),
                    "/rows",
                    command,
                    columns,
                    limit,
                ));
            }
            Err(error) => section.say(error.to_string()),
        }
    }
}

/// Certificates by the moment in question, not by the clock of the host: the page stays the same.
#[cfg(feature = "certificates")]
fn certificates(subject: &Subject<'_>, objects: &Objects<'_>, section: &mut Section) {
    use crate::answers::certs::{CertificateFilter, certs};
    use located::Damage;
    use located::text::time::rfc3339;
    let Some(moment) = subject.moment() else {
        return;
    };
    let filter = CertificateFilter {
        expired: false,
        within_days: Some(30),
    };
    match certs(objects, None, moment, filter) {
        Ok(table) => {
            // What cannot be decoded is counted by `certs` itself.
            let table = table.collect(&mut Damage::default());
            let command = Command::inspect("certs")
                .args(["--within", "30", "--now"])
                .arg(rfc3339(moment));
            let columns = heads(table.columns);
            let caption = format!(
                "Certificates that have expired, or expire within 30 days after {}",
                rfc3339(moment)
            );
            let limit = subject.question.limit(SHOWN_ROWS);
            section.push(DataTable::new(
                caption,
                &table_document(&table),
                "/rows",
                subject.command(command),
                columns,
                limit,
            ));
        }
        Err(error) => section.say(model::text_of(&error.to_string())),
    }
}
