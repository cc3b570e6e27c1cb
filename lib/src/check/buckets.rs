//! etcd's own buckets, compared with the log that wrote them.
//!
//! Nothing in bbolt protects users, roles, leases, members and alarms, but each of them was written by an entry of the log.
//! A log from entry 1 makes all of them; any other log makes those that it touches. So the entries are applied to what the
//! buckets had before: nothing, or what they have now without what the log creates. The result must be what they have.
//!
//! etcd 3.4 saves consistent_index only with keys, so its other buckets may be ahead of it: a difference counts only if it
//! is there at consistent_index and at the end of the log.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use super::undecided_leases::undecided_leases;
use crate::backend::{self, Alarm, Auth, Cluster, EtcdVersion, Meta};
use crate::bolt::Db;
use crate::codes::{Code, backend as backend_codes, cross};
use crate::member::Wal;
use crate::raft::auth::Permission;
use crate::raft::{ConfChangeType, EntryType, Operation, Payload, Request};
use crate::recover::{MemberInfo, Nothing, Replay, ReplayedLease, State, User};
use located::{Finding, Place, RaftIndex, Severity, Sink, reported_by};

/// The longest TTL that etcd may have raised a shorter one to, in seconds: one and a half of the longest election timeout.
const MAX_RAISED_TTL: i64 = 75;

/// Reports what the buckets have otherwise than the entries of the log made it.
///
/// # Errors
/// Why they are not compared: an entry that the db has applied is damaged or missing in the log, and may explain every difference.
pub(super) fn against_log(
    db: &Db<'_>,
    meta: &Meta,
    wal: &Wal<'_>,
    report: &mut Sink<'_>,
) -> Result<(), String> {
    let log = wal.log();
    let index = meta.consistent_index.unwrap_or_default();
    let schema = meta.schema_version();
    let intact_to = comparable_to(db, index, schema, wal)?;
    let stored = State::read(db);
    let is_from_the_beginning = log.begins_with_empty_store();
    let before = if is_from_the_beginning {
        beginning()
    } else {
        before(&stored, wal)
    };
    let states = [index, intact_to].map(|to| after(&before, wal, to));
    let mut differences = Differences {
        schema,
        is_from_the_beginning,
        undecided: undecided_leases(&before, wal, is_from_the_beginning),
        place: Place::file(db.file().file()),
        found: Vec::new(),
    };
    differences.compare(db, &stored, &states);
    differences.report(report);
    compaction(meta, wal, &Place::file(db.file().file()), report);
    Ok(())
}

/// The last entry that the db and the log can be compared at, or why they cannot be compared.
fn comparable_to(
    db: &Db<'_>,
    index: RaftIndex,
    schema: EtcdVersion,
    wal: &Wal<'_>,
) -> Result<RaftIndex, String> {
    let log = wal.log();
    let (Some(first), Some(last)) = (log.first(), log.last()) else {
        return Err("the WAL has no entry".to_owned());
    };
    let intact_to = intact_to(wal);
    if last.index < index || first.index > index {
        return Err(format!(
            "the WAL has entries {}–{}, and the db has applied entry {index}",
            first.index, last.index
        ));
    }
    if intact_to < index {
        return Err(format!(
            "entry {} is damaged or missing in the WAL, and the db has applied entry {index}",
            intact_to.saturating_add(1)
        ));
    }
    if intact_to < last.index && schema.minor <= 4 {
        return Err(format!(
            "entry {} is damaged or missing in the WAL, and etcd 3.4 writes these buckets before consistent_index",
            intact_to.saturating_add(1)
        ));
    }
    // The log of another member made other buckets: that is a finding of its own.
    let cluster = Cluster::read(db, &mut reported_by("backend::check"));
    let own = log.metadata.first().map(|metadata| metadata.node_id);
    let is_own = own.is_none_or(|own| cluster.member(own).is_some());
    if !is_own && !cluster.members.is_empty() {
        return Err("the WAL is that of another member".to_owned());
    }
    Ok(intact_to)
}

/// The last entry before the first one that is damaged or missing.
fn intact_to(wal: &Wal<'_>) -> RaftIndex {
    let mut to = RaftIndex(0);
    for entry in wal.log().surviving() {
        if to > 0 && entry.index != to.next() {
            break;
        }
        to = entry.index;
    }
    to
}

/// What a new member has.
fn beginning() -> State {
    let mut state = State::default();
    state.users.revision = 1;
    state
}

/// The stored state without everything that the log creates.
fn before(stored: &State, wal: &Wal<'_>) -> State {
    let mut state = stored.clone();
    for_each_entry(wal, RaftIndex::MAX, |_, payload| match payload {
        Payload::Request(Request::Internal(request)) => match request.operation() {
            Some(Operation::AuthEnable(_) | Operation::AuthDisable(_)) => {
                state.users.enabled = false;
            }
            Some(Operation::AuthUserAdd(add)) => {
                state.users.users.remove(&add.name);
            }
            Some(Operation::AuthRoleAdd(add)) => {
                state.users.roles.remove(&add.name);
            }
            Some(Operation::LeaseGrant(grant)) => {
                state.leases.0.remove(&grant.id);
            }
            Some(Operation::Alarm(alarm)) => {
                state.alarms.0.remove(&(alarm.member_id, alarm.alarm));
            }
            _ => {}
        },
        Payload::ConfChange(change) => match change.kind() {
            ConfChangeType::AddNode | ConfChangeType::AddLearnerNode
                if !change
                    .member()
                    .is_some_and(|member| member.is_ok_and(|member| member.is_promote)) =>
            {
                state.members.members.remove(&change.node_id);
            }
            ConfChangeType::RemoveNode => {
                state.members.removed.remove(&change.node_id);
            }
            _ => {}
        },
        _ => {}
    });
    state
}

/// The state after the entries up to an index.
fn after(before: &State, wal: &Wal<'_>, to: RaftIndex) -> State {
    let mut replay = Replay::new(&Nothing, before.clone(), 1, -1);
    for_each_entry(wal, to, |index, payload| {
        let _ = replay.apply(index, &[], payload);
    });
    replay.into_parts().1
}

/// Calls `each` with every surviving entry up to an index that is about something else than keys.
pub(super) fn for_each_entry(
    wal: &Wal<'_>,
    to: RaftIndex,
    mut each: impl FnMut(RaftIndex, &Payload),
) {
    for entry in wal
        .log()
        .surviving()
        .take_while(|entry| entry.index <= to)
        .filter(|entry| !entry.is_plain)
    {
        let payload = wal.payload(entry);
        let is_about_keys = match &payload {
            Payload::Request(Request::Internal(request)) => matches!(
                request.operation(),
                Some(
                    Operation::Put(_)
                        | Operation::DeleteRange(_)
                        | Operation::Txn(_)
                        | Operation::Compaction(_)
                )
            ),
            _ => false,
        };
        if !is_about_keys {
            each(entry.index, &payload);
        }
    }
}

/// What was found, each with what is stored and what the log makes.
struct Differences {
    schema: EtcdVersion,
    is_from_the_beginning: bool,
    /// Leases that the log may or may not have granted or revoked.
    undecided: BTreeSet<i64>,
    place: Place,
    found: Vec<Finding>,
}

impl Differences {
    fn add(&mut self, code: &'static Code, what: String, seen: String, expected: String) {
        let finding = Finding::new(code, self.place.clone(), what);
        self.found.push(finding.seen(seen, expected));
    }

    /// Compares each bucket that can be read.
    fn compare(&mut self, db: &Db<'_>, stored: &State, states: &[State; 2]) {
        // What cannot be read is a finding of its own; the rest of such a bucket is not compared.
        let is_readable = |read: &dyn Fn(&mut Sink<'_>)| {
            let mut damaged = false;
            read(&mut |_| damaged = true);
            !damaged
        };
        if is_readable(&|sink| drop(Auth::read(db, sink))) {
            self.users(stored, states);
        }
        if is_readable(&|sink| drop(backend::Lease::read_all(db, sink))) {
            self.leases(stored, states);
        }
        if is_readable(&|sink| drop(Alarm::read_all(db, sink))) {
            self.alarms(stored, states);
        }
        if is_readable(&|sink| drop(Cluster::read(db, sink))) {
            self.members(stored, states);
        }
    }

    fn users(&mut self, stored: &State, states: &[State; 2]) {
        let code = &cross::USERS_DIFFER;
        let enabled = stored.users.enabled;
        if states.iter().all(|state| state.users.enabled != enabled) {
            let word = |enabled: bool| if enabled { "on" } else { "off" }.to_owned();
            let message = format!(
                "authentication is {} in the db, but the WAL turned it {}",
                word(enabled),
                word(!enabled)
            );
            self.add(code, message, word(enabled), word(!enabled));
        }
        let revisions = [stored, &states[0], &states[1]].map(|state| state.users.revision);
        let [revision, made, at_the_end] = revisions;
        if self.is_from_the_beginning && revision != made && revision != at_the_end {
            let message =
                format!("authRevision is {revision}, but the requests in the WAL make it {made}");
            let seen = (revision.to_string(), made.to_string());
            self.add(&backend_codes::AUTH_REVISION, message, seen.0, seen.1);
        }
        let users = |state: &State| state.users.users.clone();
        let same_user = |stored: &User, made: &User| {
            // A password that the log has in clear (etcd 3.4) has a hash that cannot be known.
            let same_password = made.password.is_empty() || made.password == stored.password;
            let same = same_password
                && sorted(&stored.roles) == sorted(&made.roles)
                && stored.no_password == made.no_password;
            same || !self.is_from_the_beginning && !is_one_byte_off(&user(stored), &user(made))
        };
        for (name, what) in differing(&users(stored), states.each_ref().map(users), same_user) {
            let message = format!("user \"{}\" {what}", name.escape_debug());
            let show = |user: Option<&User>| {
                user.map_or_else(
                    || "no such user".to_owned(),
                    |user| {
                        format!(
                            "roles {:?}, a hash of {} bytes",
                            user.roles,
                            user.password.len()
                        )
                    },
                )
            };
            let seen = show(stored.users.users.get(&name));
            let expected = show(states[0].users.users.get(&name));
            self.add(code, message, seen, expected);
        }
        self.roles(stored, states);
    }

    fn roles(&mut self, stored: &State, states: &[State; 2]) {
        let roles = |state: &State| state.users.roles.clone();
        let same_role = |stored: &Vec<Permission>, made: &Vec<Permission>| {
            stored == made
                || !self.is_from_the_beginning && !is_one_byte_off(&role(stored), &role(made))
        };
        for (name, what) in differing(&roles(stored), states.each_ref().map(roles), same_role) {
            let message = format!("role \"{}\" {what}", name.escape_debug());
            let show = |state: &State| {
                state.users.roles.get(&name).map_or_else(
                    || "no such role".to_owned(),
                    |permissions| format!("{} permissions", permissions.len()),
                )
            };
            self.add(
                &cross::USERS_DIFFER,
                message,
                show(stored),
                show(&states[0]),
            );
        }
    }

    fn leases(&mut self, stored: &State, states: &[State; 2]) {
        let shortest = stored.leases.0.values().map(|lease| lease.ttl).min();
        let same = |stored: &ReplayedLease, made: &ReplayedLease| {
            // etcd raises a TTL below one and a half election timeouts, which is a flag.
            let is_raised = made.ttl < stored.ttl
                && stored.ttl <= MAX_RAISED_TTL
                && shortest == Some(stored.ttl);
            stored.ttl == made.ttl || is_raised
        };
        let leases = |state: &State| state.leases.0.clone();
        let mut found = differing(&leases(stored), states.each_ref().map(leases), same);
        found.retain(|(id, _)| !self.undecided.contains(id));
        let Some((first, what)) = found.first() else {
            return;
        };
        let message = match found.len() {
            1 => format!("lease {first:x} {what}"),
            count => format!(
                "{count} leases are not those that the WAL granted and did not revoke, the first of them {first:x}"
            ),
        };
        let show = |state: &State| {
            let lease = state.leases.0.get(first);
            lease.map_or_else(
                || format!("no lease {first:x}"),
                |lease| format!("lease {first:x} of {} seconds", lease.ttl),
            )
        };
        self.add(
            &cross::LEASES_DIFFER,
            message,
            show(stored),
            show(&states[0]),
        );
        if let Some(last) = self.found.last_mut() {
            last.count = found.len() as u64;
        }
    }

    fn alarms(&mut self, stored: &State, states: &[State; 2]) {
        // What was raised before the log began is not known.
        let made = |alarm: &(u64, i32)| states.iter().any(|state| state.alarms.0.contains(alarm));
        let missing = states[0]
            .alarms
            .0
            .iter()
            .filter(|alarm| states[1].alarms.0.contains(alarm))
            .find(|alarm| !stored.alarms.0.contains(alarm));
        let extra = stored.alarms.0.iter().find(|alarm| !made(alarm));
        let name = |alarm: &(u64, i32)| match alarm.1 {
            1 => format!("NOSPACE of member {:016x}", alarm.0),
            2 => format!("CORRUPT of member {:016x}", alarm.0),
            kind => format!("kind {kind} of member {:016x}", alarm.0),
        };
        if let Some(alarm) = missing {
            let message = format!(
                "the WAL raised the alarm {}, and it is missing in the db",
                name(alarm)
            );
            self.add(
                &cross::ALARMS_DIFFER,
                message,
                "none".to_owned(),
                name(alarm),
            );
        }
        if let Some(alarm) = extra.filter(|_| self.is_from_the_beginning) {
            let message = format!(
                "the alarm {} is on in the db, but the WAL did not raise it or took it back",
                name(alarm)
            );
            self.add(
                &cross::ALARMS_DIFFER,
                message,
                name(alarm),
                "none".to_owned(),
            );
        }
    }

    fn members(&mut self, stored: &State, states: &[State; 2]) {
        // `snapshot restore` of 3.4 leaves the members of the old cluster in the bucket.
        if self.schema < EtcdVersion::new(3, 5, 0) && !self.is_from_the_beginning {
            return;
        }
        let members = |state: &State| state.members.members.clone();
        // Releases of 3.5 such as 3.5.16 do not save what a member publishes: its client URLs are missing in the bucket.
        let may_lack = self.schema < EtcdVersion::new(3, 6, 0);
        let same = |stored: &MemberInfo, made: &MemberInfo| {
            let same_name = stored.name == made.name || may_lack && stored.name.is_empty();
            let same_clients = sorted(&stored.client_urls) == sorted(&made.client_urls)
                || may_lack && stored.client_urls.is_empty();
            same_name
                && same_clients
                && sorted(&stored.peer_urls) == sorted(&made.peer_urls)
                && stored.is_learner == made.is_learner
        };
        for (id, what) in differing(&members(stored), states.each_ref().map(members), same) {
            let message = format!("member {id:016x} in the bucket \"members\" {what}");
            let show = |state: &State| {
                state.members.members.get(&id).map_or_else(
                    || "no such member".to_owned(),
                    |member| {
                        let (peers, clients) =
                            (member.peer_urls.join(","), member.client_urls.join(","));
                        format!(
                            "\"{}\", peer {peers}, client {clients}{}",
                            member.name.escape_debug(),
                            if member.is_learner { ", learner" } else { "" }
                        )
                    },
                )
            };
            self.add(
                &cross::MEMBERS_DIFFER,
                message,
                show(stored),
                show(&states[0]),
            );
        }
        let removed = &stored.members.removed;
        let lost = states[0]
            .members
            .removed
            .iter()
            .filter(|id| states[1].members.removed.contains(id))
            .find(|id| !removed.contains(id));
        if let Some(id) = lost {
            let message = format!(
                "the WAL removed member {id:016x}, and the bucket \"members_removed\" does not have it"
            );
            self.add(
                &cross::MEMBERS_DIFFER,
                message,
                "no such member".to_owned(),
                format!("{id:016x}"),
            );
        }
    }

    fn report(self, report: &mut Sink<'_>) {
        self.found.into_iter().for_each(report);
    }
}

/// What is stored otherwise than both states have it: its key, and a predicate for the message.
fn differing<K: Ord + Clone, V: Debug>(
    stored: &BTreeMap<K, V>,
    made: [BTreeMap<K, V>; 2],
    same: impl Fn(&V, &V) -> bool,
) -> Vec<(K, &'static str)> {
    let keys: BTreeSet<&K> = stored
        .keys()
        .chain(made.iter().flat_map(BTreeMap::keys))
        .collect();
    let differs = |made: &BTreeMap<K, V>, key: &K| match (stored.get(key), made.get(key)) {
        (Some(stored), Some(made)) => !same(stored, made),
        (None, None) => false,
        _ => true,
    };
    let what = |key: &K| match (stored.get(key), made[0].get(key)) {
        (Some(_), Some(_)) => "is not as the WAL made it",
        (Some(_), None) => "is in the db, but the WAL removed it or never made it",
        (None, _) => "is missing in the db, though the WAL made it",
    };
    keys.into_iter()
        .filter(|key| made.iter().all(|made| differs(made, key)))
        .map(|key| (key.clone(), what(key)))
        .collect()
}

/// The parts of a user, as bytes.
fn user(user: &User) -> Vec<Vec<u8>> {
    let mut parts: Vec<_> = user.roles.iter().map(|role| role.clone().into()).collect();
    parts.sort();
    parts.push(user.password.clone());
    parts.push(vec![u8::from(user.no_password)]);
    parts
}

/// The parts of a role's permissions, as bytes.
fn role(permissions: &[Permission]) -> Vec<Vec<u8>> {
    let parts = |one: &Permission| {
        let kind = one.perm_type.to_le_bytes().to_vec();
        [kind, one.key.clone(), one.range_end.clone()]
    };
    permissions.iter().flat_map(parts).collect()
}

/// Whether two records are the same but for one byte: damage of what an entry made, not what another entry made.
///
/// What was there before the log began is not known, and etcd refuses to add a user or role that exists. Then the record is
/// the earlier one, with another password, other roles or permissions. Source: UserAdd and RoleAdd in
/// `server/auth/store.go`, v3.5.30.
fn is_one_byte_off(stored: &[Vec<u8>], made: &[Vec<u8>]) -> bool {
    let same_shape = stored.len() == made.len()
        && stored
            .iter()
            .zip(made)
            .all(|(stored, made)| stored.len() == made.len());
    let bytes = stored.iter().flatten().zip(made.iter().flatten());
    same_shape && bytes.filter(|(stored, made)| stored != made).count() == 1
}

fn sorted(texts: &[String]) -> Vec<&String> {
    let mut sorted: Vec<_> = texts.iter().collect();
    sorted.sort();
    sorted
}

/// The scheduled compaction must have been requested, if the log has the requests of its time.
fn compaction(meta: &Meta, wal: &Wal<'_>, here: &Place, report: &mut Sink<'_>) {
    let Some(scheduled) = meta.compaction.scheduled else {
        return;
    };
    let mut requested = Vec::new();
    let log = wal.log();
    for entry in log
        .surviving()
        .filter(|entry| entry.kind == EntryType::Normal && !entry.is_plain)
    {
        if let Payload::Request(Request::Internal(request)) = wal.payload(entry)
            && let Some(Operation::Compaction(compaction)) = request.operation()
        {
            requested.push(compaction.revision);
        }
    }
    if requested.is_empty() || requested.contains(&scheduled) {
        return;
    }
    // What was compacted before the log began is not known, and etcd refuses a request that is not above it. A request that
    // the store finished was not refused. Source: Compact in `server/mvcc/kvstore.go`, v3.5.30.
    let finished = meta.compaction.finished.filter(|done| *done < scheduled);
    let was_applied = finished.is_some_and(|done| requested.contains(&done));
    let is_proof = was_applied || log.begins_with_empty_store();
    if is_proof && requested.iter().any(|one| *one < scheduled) {
        let place = meta.place("scheduledCompactRev").unwrap_or(here).clone();
        let newest = requested.iter().filter(|one| **one < scheduled).max();
        let message = format!(
            "scheduledCompactRev is {scheduled}, but no entry of the WAL asks for a compaction at that revision"
        );
        let expected = newest.map_or_else(String::new, |newest| {
            format!("{newest}, the last compaction before it in the WAL")
        });
        let finding = Finding::new(&backend_codes::META_COMPACTION, place, message);
        report(
            finding
                .severity(Severity::Error)
                .seen(scheduled.to_string(), expected),
        );
    }
}
