//! Cluster ids, and the members that copies list.

use super::MemberRow;
use crate::backend::Cluster;
use crate::codes::cross;
use crate::member::Member;
use located::Place;
use located::{Finding, Severity, reported_by};

pub(super) fn identities(members: &[&Member], rows: &[MemberRow], findings: &mut Vec<Finding>) {
    let place = |at: usize| {
        members
            .get(at)
            .map(|member| Place::file(member.evidence().name()))
    };
    let first = rows.iter().find_map(|row| row.cluster_id);
    for (at, row) in rows.iter().enumerate() {
        if let (Some(first), Some(id), Some(place)) = (first, row.cluster_id, place(at))
            && first != id
        {
            let finding = Finding::new(
                &cross::CLUSTER_ID,
                place,
                format!("{} is of another cluster", row.path),
            );
            findings.push(finding.seen(format!("{id:016x}"), format!("{first:016x}")));
        }
    }
}

/// Members that the copies list differently.
pub(super) fn listed(members: &[&Member], rows: &[MemberRow], findings: &mut Vec<Finding>) {
    let lists: Vec<Option<String>> = members
        .iter()
        .map(|member| {
            let cluster = Cluster::read(&member.db().ok()?, &mut reported_by("backend::check"));
            let mut names: Vec<String> = cluster
                .members
                .iter()
                .map(|member| {
                    let learner = if member.is_learner { " (learner)" } else { "" };
                    format!("{:016x} {}{learner}", member.id.0, member.name)
                })
                .collect();
            names.sort();
            Some(names.join(", "))
        })
        .collect();
    let newest = rows.iter().map(|row| row.applied).max().flatten();
    let reference = rows
        .iter()
        .zip(&lists)
        .filter(|(row, _)| row.applied == newest)
        .find_map(|(row, list)| Some((row, list.as_ref()?)));
    let Some((known, wanted)) = reference else {
        return;
    };
    for ((member, row), list) in members.iter().zip(rows).zip(&lists) {
        let Some(list) = list.as_ref().filter(|list| *list != wanted) else {
            continue;
        };
        if row.cluster_id.is_some() && row.cluster_id != known.cluster_id {
            continue;
        }
        // A copy that lags may simply not know of a change yet.
        let severity = if row.applied == known.applied {
            Severity::Warning
        } else {
            Severity::Note
        };
        let message = format!("{} lists other members than {}", row.path, known.path);
        let finding = Finding::new(
            &cross::MEMBERS_DIFFER,
            Place::file(member.evidence().name()),
            message,
        );
        let mut finding = finding
            .severity(severity)
            .seen(list.clone(), wanted.clone());
        if severity == Severity::Note {
            finding.next = vec![
                "Nothing, if this copy is older than the change: the list of the newer one counts."
                    .into(),
            ];
        }
        findings.push(finding);
    }
}
