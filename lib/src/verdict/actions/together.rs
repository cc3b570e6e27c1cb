//! Start the clean copies of a majority together, each as it is.

use crate::text::number::thousands;
use crate::verdict::action::Action;
use crate::verdict::copies::Majority;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::{LaterWrites, Outcome};
use crate::verdict::step::Step;
use located::{RaftIndex, Term};

/// The step, with the revision that they serve if it is the same whoever of them leads.
pub(in crate::verdict) fn together(all: &[Facts<'_>], majority: &Majority) -> Option<Step> {
    let clean = majority.clean.iter().filter_map(|&at| all.get(at));
    let mut clean: Vec<&Facts<'_>> = clean.collect();
    let names: Vec<String> = clean
        .iter()
        .map(|facts| facts.member.evidence().name().to_string())
        .collect();
    // Whoever gets the votes of a majority has all that it has: its log is as new as those of the voters.
    clean.sort_by_key(|facts| end(facts));
    let newest = *clean.last()?;
    let oldest_leader = *clean.get(majority.voters / 2)?;
    let is_certain = end(newest) == end(oldest_leader);
    let possibly = &newest.acknowledged.possibly;
    let acknowledged = newest.acknowledged.keyspace();
    let reached = acknowledged
        .revision()
        .max(possibly.last_revision.unwrap_or(0));
    let mut step = Step::new(Action::Start, newest.release);
    step.outcome = Outcome {
        starts: Some(true),
        revision: is_certain.then_some(reached),
        keys: (is_certain && possibly.is_none()).then(|| acknowledged.live_count()),
        later_writes: LaterWrites::Kept,
        ..Outcome::default()
    };
    let serves = match is_certain {
        true => format!("serves revision {}", thousands(reached.into())),
        false => format!(
            "serves from revision {} on",
            thousands(acknowledged.revision().into())
        ),
    };
    let named = listed(&names)?;
    step.effect = format!(
        "start etcd {} on {named}, each as it is: {} of {} voters, which is a majority: {serves}{}",
        step.release,
        names.len(),
        majority.voters,
        left_out(all)
    );
    Some(step)
}

/// `a, b and c`.
fn listed(names: &[String]) -> Option<String> {
    Some(match names.split_last()? {
        (last, []) => last.clone(),
        (last, others) => format!("{} and {last}", others.join(", ")),
    })
}

/// Which copies have no part in it.
fn left_out(all: &[Facts<'_>]) -> String {
    let mut text = String::new();
    for facts in all {
        let name = facts.member.evidence().name();
        if let Some(newer) = &facts.standing.older_than {
            text.push_str(&format!(
                "; never start {name}: it is an older copy of the same member as {newer}"
            ));
            continue;
        }
        if facts.standing.is_member() {
            continue;
        }
        text.push_str(&match facts.standing.parted {
            Some(_) => format!("; without {name}: keep it for a salvage of its history"),
            None => format!("; never start {name}: its member was removed"),
        });
    }
    text
}

/// Term and index of the last entry.
fn end(facts: &Facts<'_>) -> Option<(Term, RaftIndex)> {
    let wal = facts.member.wal_with(facts.progress)?;
    let last = wal.log().last()?;
    Some((last.term, last.index))
}
