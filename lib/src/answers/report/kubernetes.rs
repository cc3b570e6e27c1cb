//! Section 10: what the API server kept here.

use super::model::{DataTable, Section, heads, table_document};
use super::subject::{Events, Subject};
use super::{SHOWN_ROWS, model};
use crate::answers::changes::{ChangeOp, ChangesQuery, changes};
use crate::answers::clocks::Dating;
use crate::answers::keys::Within;
use crate::answers::sums::{By, sums};
use crate::member::Objects;
use crate::mvcc::KeyRange;
use located::Command;

pub(super) fn section(subject: &Subject<'_>, events: Option<&Events>) -> Section {
    let mut section = Section::new("kubernetes", "Kubernetes");
    let Some(objects) = subject.objects() else {
        section.say(subject.unreadable());
        return section;
    };
    let is_kubernetes = subject.view().and_then(|view| view.kubernetes().ok()?);
    if is_kubernetes.is_none() {
        section.say("Kubernetes did not write here; keys are counted all the same.");
    }
    match subject.has_no_state() {
        true => section.say(
            "The log has writes, and no state of the store: which keys were live is not known.",
        ),
        false => counted(subject, &objects, &mut section),
    }
    let shown = subject.question.limit(SHOWN_ROWS);
    let query = ChangesQuery {
        last: Some(shown),
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
    let deletions = || subject.reading(Command::inspect("changes").args(["--ops", "delete"]));
    let all = subject.command(deletions().args(["--last", "0"]));
    let command = match events.is_some_and(|events| events.deletions > shown) {
        true => subject.command(deletions().arg("--last").arg(shown.to_string())),
        false => all.clone(),
    };
    let columns = heads(table.columns);
    let deletions = DataTable::new(
        "The last deletions; etcd stores no user, an audit log names them",
        &table_document(&table),
        "/rows",
        command,
        columns,
        usize::MAX,
    );
    let total = events.map_or(0, |events| events.deletions);
    section.push(deletions.start_of(total, all));
    #[cfg(feature = "certificates")]
    if !subject.has_no_state() {
        certificates(subject, &objects, &mut section);
    }
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
            dating: Dating::new(view.member(), view.logged()),
        };
        let table = sums(objects, &within, &KeyRange::all(), by, None, |counts| {
            view.space_of_keys(counts)
        });
        match table {
            Ok(table) => {
                let command = subject.naming(Command::inspect("keys").arg(flag));
                let command = subject.command(command);
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
    use located::text::time::rfc3339;
    let Some(moment) = subject.moment() else {
        section.say("Certificates are not looked at: no value here has a time, so what has expired is not known. certs --now TIME lists them.");
        return;
    };
    let filter = CertificateFilter {
        expired: false,
        within_days: Some(30),
    };
    match certs(objects, None, moment, filter) {
        Ok(table) => {
            let (table, damage) = table.into_parts();
            subject.lacks(damage);
            let command = Command::inspect("certs")
                .args(["--within", "30", "--now"])
                .arg(rfc3339(moment));
            let command = subject.reading(command);
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
