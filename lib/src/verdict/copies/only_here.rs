//! What one copy holds and another does not: a history that does not count is lost with its copy.

use crate::verdict::difference::Difference;
use crate::verdict::facts::Facts;
use crate::verdict::outcome::Loss;

/// Acknowledged writes of one copy that another one does not have, or has otherwise.
pub(in crate::verdict) fn only_here(own: &Facts<'_>, kept: &Facts<'_>) -> Loss {
    let (own, kept) = (&own.acknowledged, &kept.acknowledged);
    let difference = Difference::between(&own.keyspace(), &kept.keyspace(), 0);
    let mut lost = difference.lost;
    lost.writes = lost.writes.plus(difference.wrong);
    lost.keys.extend(difference.wrong_keys);
    lost.settle()
}

/// What only the copies of another history than that of the majority have: no action on a copy of the majority keeps it.
pub(in crate::verdict) fn only_in_other_histories(all: &[Facts<'_>], best: &Facts<'_>) -> Loss {
    let is_other = |facts: &&Facts<'_>| {
        let parted = facts.standing.parted.as_ref();
        parted.is_some_and(|parted| parted.is_of_minority)
    };
    let others = all.iter().filter(is_other);
    others.fold(Loss::default(), |sum, other| {
        sum.and(&only_here(other, best))
    })
}
