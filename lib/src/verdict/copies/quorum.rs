//! Whether enough voters are left: a leader, and with it every change of membership, needs a majority of them.

use super::removal::cluster;
use crate::verdict::facts::Facts;

/// What the copies say about the voters beside the member of one of them. Without copies of the others nothing is refuted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::verdict) struct Quorum {
    /// How many voters there are.
    voters: usize,
    /// Whether the member votes.
    votes: bool,
    /// Other voters that may start: all but those whose copies certainly do not.
    starting: usize,
    /// Other voters that may be healthy: all but those whose copies are damaged.
    healthy: usize,
}

impl Quorum {
    fn majority(self) -> usize {
        self.voters / 2 + 1
    }

    /// Whether the others may remove the member: they are a majority of the voters, with it among them.
    pub(in crate::verdict) fn others_go_on(self) -> bool {
        self.healthy >= self.majority()
    }

    /// What must be so that they can.
    pub(in crate::verdict) fn condition(self) -> String {
        let others = self.voters.saturating_sub(usize::from(self.votes));
        match (others, self.healthy < others) {
            (1, _) => "if the other member is healthy".to_owned(),
            (_, false) => format!("if the other {others} members are healthy"),
            (_, true) => format!(
                "if {} of the other {others} members are healthy",
                self.majority()
            ),
        }
    }

    /// Why a start of the member finds no leader; `None` if it may.
    pub(in crate::verdict) fn refutes_start(self) -> Option<String> {
        let starting = self.starting.saturating_add(usize::from(self.votes));
        let is_refuted = self.voters > 0 && starting < self.majority();
        is_refuted.then(|| {
            format!(
                "at most {starting} of the {} voters can start, which is no majority: it finds no leader",
                self.voters
            )
        })
    }
}

/// Of each copy. What is known of removed members and of histories must be noted before.
pub(super) fn quorums(facts: &[Facts<'_>]) -> Vec<Quorum> {
    facts.iter().map(|of| quorum(of, facts)).collect()
}

fn quorum<'f, 'a>(of: &'f Facts<'a>, all: &'f [Facts<'a>]) -> Quorum {
    let peers: Vec<&'f Facts<'a>> = all
        .iter()
        .filter(|other| cluster(other) == cluster(of) && other.standing.removed.is_none())
        .collect();
    let members = peers.iter().filter(|other| other.standing.is_member());
    // Whoever knows most says who votes.
    let knows = members.max_by_key(|other| (other.acknowledged.through, other.sound.errors() == 0));
    let knows = knows.filter(|_| of.standing.is_member());
    let voters = &knows.map_or(of, |knows| *knows).conf.voters;
    let own = of.own.get();
    let without = |is_excluded: fn(&Facts<'_>) -> bool| {
        let is_possible = |voter: &&u64| {
            let mut copies = peers
                .iter()
                .filter(|copy| copy.own.get() == **voter && copy.standing.older_than.is_none())
                .peekable();
            copies.peek().is_none() || copies.any(|copy| !is_excluded(copy))
        };
        let others = voters.iter().filter(|voter| **voter != own);
        others.filter(is_possible).count()
    };
    Quorum {
        voters: voters.len(),
        votes: voters.contains(&own),
        starting: without(|copy| copy.certainly_fails()),
        healthy: without(|copy| copy.is_damaged()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quorum(voters: usize, starting: usize, healthy: usize) -> Quorum {
        Quorum {
            voters,
            votes: true,
            starting,
            healthy,
        }
    }

    #[test]
    fn a_member_is_removed_only_by_a_majority_of_the_others() {
        assert!(!quorum(1, 0, 0).others_go_on());
        assert!(!quorum(2, 1, 1).others_go_on());
        assert!(quorum(3, 2, 2).others_go_on());
        assert!(!quorum(3, 2, 1).others_go_on());
        assert!(quorum(5, 4, 3).others_go_on());
        assert!(!quorum(5, 4, 2).others_go_on());
    }

    #[test]
    fn a_start_is_refuted_only_if_no_majority_can_start() {
        assert_eq!(quorum(1, 0, 0).refutes_start(), None);
        assert_eq!(quorum(3, 1, 0).refutes_start(), None);
        assert!(quorum(2, 0, 0).refutes_start().is_some());
        let why = quorum(3, 0, 0).refutes_start().unwrap();
        assert!(why.starts_with("at most 1 of the 3 voters"), "{why}");
        assert_eq!(Quorum::default().refutes_start(), None);
    }

    #[test]
    fn the_condition_counts_the_others() {
        assert_eq!(
            quorum(3, 2, 2).condition(),
            "if the other 2 members are healthy"
        );
        assert_eq!(
            quorum(5, 4, 3).condition(),
            "if 3 of the other 4 members are healthy"
        );
        let learner = Quorum {
            votes: false,
            ..quorum(1, 1, 1)
        };
        assert_eq!(learner.condition(), "if the other member is healthy");
    }
}
