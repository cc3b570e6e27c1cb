//! Whether two members can be compared with each other at all, and at which revision.

use crate::member::Member;
use located::text::number::thousands;

/// How two states are of each other, as a sentence that comes before their differences; which needs a word only in these cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They are of two clusters: their differences are no changes.
    TwoClusters(String),
    /// One ends before the other: what the newer one wrote since is a difference.
    Lags(String),
}

impl Relation {
    /// Compares two members; `revisions`: the newest of each state, if no moment was asked for.
    pub fn between([first, second]: [&Member; 2], revisions: Option<[i64; 2]>) -> Option<Self> {
        let names = [first, second].map(|member| member.evidence().name().to_string());
        let [a, b] = &names;
        let clusters = [first, second].map(|member| member.identity().cluster_id);
        if let [Some(one), Some(other)] = clusters
            && one != other
        {
            return Some(Self::TwoClusters(format!(
                "{a} is of cluster {one}, {b} of cluster {other}: they are two stores, and what differs is no change"
            )));
        }
        let [one, other] = revisions?;
        let (lags, newer) = match one.cmp(&other) {
            std::cmp::Ordering::Less => (a, b),
            std::cmp::Ordering::Greater => (b, a),
            std::cmp::Ordering::Equal => return None,
        };
        let common = one.min(other);
        let revisions = one.max(other).saturating_sub(common);
        Some(Self::Lags(format!(
            "{lags} lags {newer} by {} revisions, whose writes are differences, too; --from {common} --to {common} compares both at the newest revision that both have",
            thousands(revisions.into())
        )))
    }

    /// The sentence.
    pub fn text(&self) -> &str {
        match self {
            Self::TwoClusters(text) | Self::Lags(text) => text,
        }
    }
}
