//! Which request made which write.
//!
//! A wrong user is worse than none: a write that several requests can have made, or a request that can have made several writes,
//! is left without a match. Time is taken from the log itself first: a write whose request is certain was made between the moments at
//! which that was received and finished, and no write of a later revision is older.

use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::AuditLog;
use super::request::{AuditRequest, AuditVerb};
use super::write::{ObjectWrite, WriteKind};
use crate::mvcc::Revision;

/// How far the clock of revisions may be off, which is made of the times of several clients.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_secs(2);

/// How far the clocks of two API servers may be off, if nothing else is known.
const SERVER_SLACK: SignedDuration = SignedDuration::from_millis(200);

/// Maximum number of rounds in which certain matches narrow the others.
const MAX_ROUNDS: usize = 5;

/// How sure a match is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// The only request of the log that fits; if the log does not have all requests, it may be another one.
    Likely,
    /// The log proves it: the response has this revision, or the request cannot have succeeded without this write.
    Certain,
}

impl Confidence {
    /// As JSON has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// The request that made a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditMatch {
    /// Position in [`AuditLog::requests`].
    pub request: usize,
    /// How sure that is.
    pub confidence: Confidence,
    /// How many requests it may have been; all of the same user.
    pub of: usize,
}

/// The matches of a log.
#[derive(Clone, Debug, Default)]
pub struct AuditMatches {
    matches: HashMap<Revision, AuditMatch>,
    /// Writes of objects in the time that the log covers.
    pub covered: usize,
    /// Those that several requests can have made.
    pub ambiguous: usize,
    /// Those that no request of the log can have made.
    pub without: usize,
}

impl AuditMatches {
    /// The request that made a write.
    pub fn of_revision(&self, revision: Revision) -> Option<AuditMatch> {
        self.matches.get(&revision).copied()
    }

    /// Every write that has a request, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Revision, AuditMatch)> + '_ {
        self.matches
            .iter()
            .map(|(revision, found)| (*revision, *found))
    }

    /// Number of writes with a request.
    pub fn len(&self) -> usize {
        self.matches.len()
    }

    /// Whether no write has a request.
    pub fn is_empty(&self) -> bool {
        self.matches.is_empty()
    }
}

/// Requests by what they can be about.
struct Targets<'l> {
    named: HashMap<(&'l str, Option<&'l str>, &'l str), Vec<usize>>,
    unnamed: HashMap<(&'l str, Option<&'l str>), Vec<usize>>,
}

impl<'l> Targets<'l> {
    fn new(log: &'l AuditLog) -> Self {
        let mut targets = Self {
            named: HashMap::new(),
            unnamed: HashMap::new(),
        };
        for (at, request) in log.requests.iter().enumerate() {
            let (resource, namespace) = (request.resource.as_str(), request.namespace.as_deref());
            match &request.name {
                Some(name) => targets
                    .named
                    .entry((resource, namespace, name))
                    .or_default()
                    .push(at),
                None => targets
                    .unnamed
                    .entry((resource, namespace))
                    .or_default()
                    .push(at),
            }
        }
        targets
    }

    fn of_write<'t>(&'t self, write: &'t ObjectWrite) -> impl Iterator<Item = usize> + 't {
        let (resource, namespace) = (write.resource.as_str(), write.namespace.as_deref());
        let named = self.named.get(&(resource, namespace, write.name.as_str()));
        let unnamed = self.unnamed.get(&(resource, namespace));
        let all = namespace.and_then(|_| self.unnamed.get(&(resource, None)));
        [named, unnamed, all]
            .into_iter()
            .flatten()
            .flatten()
            .copied()
    }
}

/// Finds the request of each write. `writes`: every write of objects that is known, in any order.
pub fn match_requests(log: &AuditLog, writes: &[ObjectWrite]) -> AuditMatches {
    let targets = Targets::new(log);
    let (mut writes, ends): (Vec<&ObjectWrite>, Vec<&ObjectWrite>) =
        writes.iter().partition(|write| write.completed().is_none());
    writes.sort_by_key(|write| write.revision);
    let mut candidates: Vec<Vec<usize>> = writes
        .iter()
        .map(|write| {
            let fits = |at: &usize| {
                let request = log.requests.get(*at);
                request.is_some_and(|request| {
                    write.fits(request)
                        && overlaps(write.not_before, write.not_after, request, CLOCK_SLACK)
                })
            };
            targets.of_write(write).filter(fits).collect()
        })
        .collect();
    let mut certain: Vec<Option<usize>> = Vec::new();
    // What is certain narrows the time of other writes, and that may leave one request for some of them.
    for _ in 0..MAX_ROUNDS {
        let next = certain_requests(log, &writes, &candidates);
        if next == certain {
            break;
        }
        certain = next;
        let times = Times::new(log, &writes, &certain);
        for (at, candidates) in candidates.iter_mut().enumerate() {
            match certain.get(at).copied().flatten() {
                Some(request) => *candidates = vec![request],
                None => candidates.retain(|request| {
                    log.requests
                        .get(*request)
                        .is_some_and(|request| times.allows(at, request))
                }),
            }
        }
    }
    let mut found = choose(log, &writes, &candidates, &certain);
    // The request that noted the end of an object's grace period deleted it.
    for (end, started) in ends.iter().filter_map(|end| Some((end, end.completed()?))) {
        let first = found.of_revision(Revision::new(started, 0));
        found.covered = found
            .covered
            .saturating_add(usize::from(is_covered(log, end)));
        match first {
            Some(first) => drop(found.matches.insert(end.revision, first)),
            None => found.without = found.without.saturating_add(1),
        }
    }
    found
}

/// Of each write the request that must have made it.
fn certain_requests(
    log: &AuditLog,
    writes: &[&ObjectWrite],
    candidates: &[Vec<usize>],
) -> Vec<Option<usize>> {
    let mut uses: HashMap<usize, usize> = HashMap::new();
    for candidates in candidates {
        for request in candidates {
            let uses = uses.entry(*request).or_default();
            *uses = uses.saturating_add(1);
        }
    }
    let one = |(write, candidates): (&&ObjectWrite, &Vec<usize>)| {
        let only = || {
            let [one] = candidates.as_slice() else {
                return None;
            };
            let must = must_have_written(write, log.requests.get(*one)?);
            (must && uses.get(one) == Some(&1)).then_some(*one)
        };
        response(log, write, candidates).or_else(only)
    };
    writes.iter().zip(candidates).map(one).collect()
}

/// The only request whose response has this revision, if the write shows that it is not the answer to a request that changed nothing.
fn response(log: &AuditLog, write: &ObjectWrite, candidates: &[usize]) -> Option<usize> {
    answered(log, write, candidates).filter(|at| {
        let request = log.requests.get(*at);
        request.is_some_and(|request| write.shows(request))
    })
}

/// The only request whose response has this revision.
fn answered(log: &AuditLog, write: &ObjectWrite, candidates: &[usize]) -> Option<usize> {
    let is_response = |at: &&usize| {
        log.requests.get(**at).is_some_and(|request| {
            // If nothing changed, the response has the version that was there before.
            let changed = request.precondition != request.written;
            request.written == Some(write.revision.main) && request.succeeded() && changed
        })
    };
    let mut found = candidates.iter().filter(is_response);
    let one = found.next().copied();
    one.filter(|_| found.next().is_none() && !matches!(write.kind, WriteKind::Delete { .. }))
}

/// Bounds of every write's time by the requests of writes before and after it.
struct Times {
    not_before: Vec<Option<Timestamp>>,
    not_after: Vec<Option<Timestamp>>,
    slack: SignedDuration,
}

impl Times {
    fn new(log: &AuditLog, writes: &[&ObjectWrite], proven: &[Option<usize>]) -> Self {
        let request = |at: usize| {
            proven
                .get(at)
                .copied()
                .flatten()
                .and_then(|at| log.requests.get(at))
        };
        let mut not_before = Vec::with_capacity(writes.len());
        let mut latest: Option<Timestamp> = None;
        for at in 0..writes.len() {
            latest = latest.max(request(at).map(|request| request.received));
            not_before.push(latest);
        }
        let mut not_after = Vec::with_capacity(writes.len());
        let mut earliest: Option<Timestamp> = None;
        for at in (0..writes.len()).rev() {
            let finished = request(at).and_then(|request| request.finished);
            earliest = match (earliest, finished) {
                (Some(known), Some(new)) => Some(known.min(new)),
                (known, new) => known.or(new),
            };
            not_after.push(earliest);
        }
        not_after.reverse();
        // API servers whose clocks differ contradict each other: by so much every bound may be wrong.
        let contradiction = not_before
            .iter()
            .zip(&not_after)
            .filter_map(|(from, to)| Some((*from)?.duration_since((*to)?)));
        let worst = contradiction
            .max()
            .unwrap_or_default()
            .max(SignedDuration::ZERO);
        Self {
            not_before,
            not_after,
            slack: SERVER_SLACK.saturating_add(worst).saturating_add(worst),
        }
    }

    fn allows(&self, at: usize, request: &AuditRequest) -> bool {
        let bound = |bounds: &[Option<Timestamp>]| bounds.get(at).copied().flatten();
        overlaps(
            bound(&self.not_before),
            bound(&self.not_after),
            request,
            self.slack,
        )
    }
}

/// Whether a request was under way between two moments.
fn overlaps(
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    request: &AuditRequest,
    slack: SignedDuration,
) -> bool {
    let early =
        |finished: Timestamp| from.is_some_and(|from| from.duration_since(finished) > slack);
    let late = to.is_some_and(|to| request.received.duration_since(to) > slack);
    !late && !request.finished.is_some_and(early)
}

/// An object: its resource, namespace and name; all objects of a resource in a namespace have the name "".
type ObjectId<'w> = (&'w str, Option<&'w str>, &'w str);

/// A request and, if it is about many objects, one of them: it makes one write of each at most.
type Slot<'w> = (usize, Option<ObjectId<'w>>);

fn slot<'w>(log: &AuditLog, write: &'w ObjectWrite, request: usize) -> Slot<'w> {
    let verb = log.requests.get(request).map(|request| request.verb);
    let is_collection = verb == Some(AuditVerb::DeleteCollection);
    (request, is_collection.then(|| object(write)))
}

fn is_covered(log: &AuditLog, write: &ObjectWrite) -> bool {
    log.covers.is_some_and(|(first, last)| {
        write.not_after.is_none_or(|latest| latest >= first)
            && write.not_before.is_none_or(|earliest| earliest <= last)
    })
}

fn choose(
    log: &AuditLog,
    writes: &[&ObjectWrite],
    candidates: &[Vec<usize>],
    certain: &[Option<usize>],
) -> AuditMatches {
    let mut found = AuditMatches::default();
    let mut incomplete: HashSet<ObjectId<'_>> = HashSet::new();
    let mut groups = Groups::default();
    for (at, (write, candidates)) in writes.iter().zip(candidates).enumerate() {
        let is_covered = is_covered(log, write);
        found.covered = found.covered.saturating_add(usize::from(is_covered));
        if candidates.is_empty() && is_covered {
            found.without = found.without.saturating_add(1);
            incomplete.extend(objects_of(write));
        }
        groups.join(
            at,
            candidates.iter().map(|request| slot(log, write, *request)),
        );
    }
    let sums = groups.sums(log);
    let sum_of = |at: usize| groups.root(at).and_then(|root| sums.get(&root));
    // More writes than requests: the log lacks one of them.
    let lacks = |at: &usize| sum_of(*at).is_some_and(GroupSum::lacks_requests);
    let lacking = (0..writes.len()).filter(lacks);
    let lacking = lacking.filter_map(|at| writes.get(at).copied());
    incomplete.extend(lacking.flat_map(objects_of));
    for (at, (write, candidates)) in writes.iter().zip(candidates).enumerate() {
        let Some(first) = candidates.first().copied() else {
            continue;
        };
        let is_likely = || {
            let sum = sum_of(at)?;
            let scope = match sum.is_of_many || may_be_dry(log, candidates) {
                true => siblings(write),
                false => object(write),
            };
            (sum.is_of_one_user() && !incomplete.contains(&scope)).then_some(first)
        };
        let proven = certain.get(at).copied().flatten();
        let likely = || answered(log, write, candidates).or_else(is_likely);
        let (request, confidence) = match (proven, proven.is_none().then(likely).flatten()) {
            (Some(one), _) => (one, Confidence::Certain),
            (None, Some(one)) => (one, Confidence::Likely),
            (None, None) => {
                found.ambiguous = found.ambiguous.saturating_add(1);
                continue;
            }
        };
        let matched = AuditMatch {
            request,
            confidence,
            of: candidates.len(),
        };
        found.matches.insert(write.revision, matched);
    }
    found
}

/// Whether one of the requests may only have asked what would happen: then the log has to be complete to a wider extent.
fn may_be_dry(log: &AuditLog, candidates: &[usize]) -> bool {
    let mut requests = candidates.iter().filter_map(|at| log.requests.get(*at));
    requests.any(|request| request.dry_run.is_none())
}

/// Writes and requests that can belong together, directly or through others.
#[derive(Default)]
struct Groups<'w> {
    /// Of each write the position of another one of its group, or its own.
    parents: Vec<usize>,
    /// Of each request the first write that it can have made.
    requests: HashMap<usize, usize>,
    slots: HashMap<Slot<'w>, usize>,
}

/// What a group is made of.
#[derive(Default)]
struct GroupSum<'l> {
    writes: usize,
    requests: usize,
    is_of_many: bool,
    user: Option<(&'l str, Option<&'l str>)>,
    has_others: bool,
}

impl GroupSum<'_> {
    /// Whether every write of the group was made by the same user: there are as many requests as writes, and all are of that user.
    fn is_of_one_user(&self) -> bool {
        !self.has_others && !self.lacks_requests()
    }

    fn lacks_requests(&self) -> bool {
        self.writes > self.requests
    }
}

impl<'w> Groups<'w> {
    fn join(&mut self, write: usize, slots: impl Iterator<Item = Slot<'w>>) {
        self.parents.push(write);
        for slot in slots {
            self.slots.entry(slot).or_insert(write);
            let other = *self.requests.entry(slot.0).or_insert(write);
            let (here, there) = (self.root(write), self.root(other));
            if let (Some(here), Some(there)) = (here, there)
                && let Some(parent) = self.parents.get_mut(here)
            {
                *parent = there;
            }
        }
    }

    fn root(&self, write: usize) -> Option<usize> {
        let mut at = write;
        loop {
            let parent = *self.parents.get(at)?;
            if parent == at {
                return Some(at);
            }
            at = parent;
        }
    }

    fn sums<'l>(&self, log: &'l AuditLog) -> HashMap<usize, GroupSum<'l>> {
        let mut sums: HashMap<usize, GroupSum<'l>> = HashMap::new();
        for write in 0..self.parents.len() {
            if let Some(root) = self.root(write) {
                let sum = sums.entry(root).or_default();
                sum.writes = sum.writes.saturating_add(1);
            }
        }
        for ((request, _), write) in &self.slots {
            let (Some(root), Some(request)) = (self.root(*write), log.requests.get(*request))
            else {
                continue;
            };
            let sum = sums.entry(root).or_default();
            let user = (request.user.as_str(), request.impersonated.as_deref());
            sum.requests = sum.requests.saturating_add(1);
            sum.is_of_many |= request.verb == AuditVerb::DeleteCollection;
            sum.has_others |= sum.user.is_some_and(|known| known != user);
            sum.user = Some(user);
        }
        sums
    }
}

/// Whether a request cannot have succeeded without this write: a create makes an object, and a delete takes one away that has no
/// finalizer and was not marked before. Of an update or patch that is not so: it may change nothing.
fn must_have_written(write: &ObjectWrite, request: &AuditRequest) -> bool {
    let is_named = request.name.is_some() && request.succeeded();
    is_named
        && match (&write.kind, request.verb) {
            (WriteKind::Create, AuditVerb::Create) => true,
            // Of a request to delete the log need not say that it was carried out.
            (WriteKind::Delete { was_marked, .. }, AuditVerb::Delete) => {
                *was_marked == Some(false) && request.dry_run == Some(false)
            }
            _ => false,
        }
}

fn object(write: &ObjectWrite) -> ObjectId<'_> {
    (&write.resource, write.namespace.as_deref(), &write.name)
}

/// Of which the log does not have all requests, if it lacks that of this write: the object, and all objects beside it.
fn objects_of(write: &ObjectWrite) -> [ObjectId<'_>; 2] {
    [object(write), siblings(write)]
}

/// All objects of its resource in its namespace.
fn siblings(write: &ObjectWrite) -> ObjectId<'_> {
    (&write.resource, write.namespace.as_deref(), "")
}
