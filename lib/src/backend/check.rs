//! What to believe of etcd's own buckets.
//!
//! Rules that the db alone can decide. What needs the WAL, a `.snap` or another member is decided where these are joined.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::members::id_of;
use super::value::excerpt;
use super::{
    Alarm, AlarmType, Auth, AuthUser, Cluster, EtcdVersion, Lease, LeaseId, MemberId, Meta,
};
use crate::bolt::Db;
use crate::codes::backend as codes;
use crate::mvcc::Keyspace;
use located::Place;
use located::{Finding, Severity, Sink, reported_by};

/// Revisions by which a compaction may be after the newest record: etcd up to 3.4.33 and 3.5.15 removed even the tombstone
/// it compacted at, so after a few deletions at the very end nothing is left of these revisions.
const REMOVED_AT_THE_END: i64 = 100;
/// Revisions up to which that is likely; beyond, the number itself is damaged.
const MAX_REMOVED_AT_THE_END: i64 = 10_000;
/// Maximum number of pages of a db that bbolt made and nothing was written to: two metas, a free list, an empty root, rounded
/// up to what a file is grown by.
const MAX_NEW_PAGES: u64 = 16;
/// Minimum number of leases without keys that is reported.
const MIN_IDLE_LEASES: usize = 1000;
/// Maximum number of findings of one code that are reported one by one.
const MAX_SINGLE_FINDINGS: usize = 4;

/// Buckets that every etcd creates at its first start, and again, empty, if one is missing: `UnsafeCreateBucket` in
/// `server/mvcc/kvstore.go`, `server/auth/store.go`, `server/lease/lessor.go`,
/// `server/etcdserver/api/membership/store.go, v3.5.30`. One flipped bit in a name is enough (etcd#13109).
const BUCKETS: [(&str, Severity); 10] = [
    ("alarm", Severity::Warning),
    ("auth", Severity::Warning),
    ("authRoles", Severity::Warning),
    ("authUsers", Severity::Warning),
    ("cluster", Severity::Warning),
    ("key", Severity::Error),
    ("lease", Severity::Error),
    ("members", Severity::Warning),
    ("members_removed", Severity::Warning),
    ("meta", Severity::Error),
];

/// Reads and checks all buckets except `key`; with a keyspace also what they refer to in it.
pub fn check(db: &Db<'_>, keyspace: Option<&Keyspace<'_>>, sink: &mut Sink<'_>) {
    let mut found = Vec::new();
    judge(db, keyspace, &mut |finding| found.push(finding));
    grouped(found).into_iter().for_each(sink);
}

/// Joins the findings of a code if there are more than a few: then they have one cause, such as a wrong root page.
fn grouped(found: Vec<Finding>) -> Vec<Finding> {
    let mut groups: Vec<Vec<Finding>> = Vec::new();
    let mut positions: HashMap<(&str, Severity), usize> = HashMap::new();
    for finding in found {
        let group = (finding.code.id, finding.severity);
        let position = *positions.entry(group).or_insert(groups.len());
        match groups.get_mut(position) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    let mut joined = Vec::new();
    for group in groups {
        if group.len() <= MAX_SINGLE_FINDINGS {
            joined.extend(group);
            continue;
        }
        let count = group.len();
        let mut rest = group.into_iter();
        let Some(mut first) = rest.next() else {
            continue;
        };
        first.message = format!("{count} records are affected; the first: {}", first.message);
        let mut named: HashSet<Vec<u8>> = first.keys.iter().cloned().collect();
        for other in rest {
            first.count = first.count.saturating_add(other.count);
            let keys = other.keys.into_iter();
            first
                .keys
                .extend(keys.filter(|key| named.insert(key.clone())));
        }
        joined.push(first);
    }
    joined
}

fn judge(db: &Db<'_>, keyspace: Option<&Keyspace<'_>>, sink: &mut Sink<'_>) {
    let here = Place::file(db.file().file());
    buckets(db, &here, sink);
    let stored = Meta::read(db, sink);
    meta(&stored, keyspace, &here, sink);
    let members = Cluster::read(db, sink);
    cluster(&members, &here, sink);
    conf_state_against_members(&stored, &members, &here, sink);
    auth(&Auth::read(db, sink), &here, sink);
    leases(&Lease::read_all(db, sink), keyspace, &here, sink);
    alarms(&Alarm::read_all(db, sink), &members, &here, sink);
}

/// Reports buckets that are missing. If the root itself cannot be read nothing is known of them: that is a finding of
/// `bolt::check`.
pub fn buckets(db: &Db<'_>, here: &Place, sink: &mut Sink<'_>) {
    if db
        .root()
        .leaves(&mut reported_by("bbolt::check"))
        .is_empty()
    {
        return;
    }
    let there = db.buckets(&mut reported_by("bbolt::check"));
    if there.is_empty() && db.pages() <= MAX_NEW_PAGES {
        let message = "the db has no bucket: its first start ended before etcd made one, so nothing was ever stored here";
        sink(Finding::new(&codes::NEVER_USED, here.clone(), message));
        return;
    }
    for severity in [Severity::Error, Severity::Warning] {
        let missing: Vec<String> = BUCKETS
            .into_iter()
            .filter(|(name, of)| {
                *of == severity && !there.iter().any(|(known, _)| *known == name.as_bytes())
            })
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        let message = match missing.as_slice() {
            [] => continue,
            [one] => format!("the bucket {one} is missing"),
            several => format!("the buckets {} are missing", several.join(", ")),
        };
        let finding = Finding::new(&codes::BUCKET_MISSING, here.clone(), message);
        sink(finding.severity(severity).count(missing.len() as u64));
    }
}

/// Checks the `meta` bucket, and compares it with the records if there is a keyspace.
pub fn meta(meta: &Meta, keyspace: Option<&Keyspace<'_>>, here: &Place, sink: &mut Sink<'_>) {
    let at = |key| meta.place(key).unwrap_or(here).clone();
    let records = keyspace.is_some_and(|keyspace| !keyspace.index().is_empty());
    if records && meta.consistent_index.unwrap_or(0) == 0 {
        let message = "consistent_index is missing or 0 although there are records";
        sink(Finding::new(
            &codes::META_NO_INDEX,
            at("consistent_index"),
            message,
        ));
    }
    match meta.storage_version {
        Some(version) if version.is_unknown() => {
            let message = format!("storageVersion is {version}");
            let finding = Finding::new(&codes::META_STORAGE_VERSION, at("storageVersion"), message);
            sink(finding.seen(
                version.to_string(),
                format!("at most {}", EtcdVersion::NEWEST_KNOWN),
            ));
        }
        None if meta.term.is_some() || meta.conf_state.is_some() => {
            sink(Finding::new(
                &codes::META_OF_3_5,
                at("term"),
                "term or confState without storageVersion: the schema of 3.5",
            ));
        }
        _ => {}
    }
    for key in &meta.unknown_keys {
        sink(Finding::new(
            &codes::META_UNKNOWN_KEY,
            here.clone(),
            format!("no etcd writes a key \"{key}\" here"),
        ));
    }
    compaction(meta, keyspace, &at("scheduledCompactRev"), sink);
}

fn compaction(meta: &Meta, keyspace: Option<&Keyspace<'_>>, at: &Place, sink: &mut Sink<'_>) {
    let compaction = meta.compaction;
    let (Some(compacted), finished) = (compaction.revision(), compaction.finished) else {
        return;
    };
    if finished > compaction.scheduled {
        let message = "a compaction was finished that was never scheduled";
        let finding = Finding::new(&codes::META_COMPACTION, at.clone(), message);
        sink(finding.seen(
            format!("finished at {compacted}"),
            format!("scheduled at {compacted} or later"),
        ));
    }
    let newest = keyspace
        .and_then(Keyspace::newest_revision)
        .map_or(1, |revision| revision.main);
    if keyspace.is_some() && compacted > newest {
        let message = format!(
            "the compaction revision is {compacted}, but the newest record is of revision {newest}"
        );
        let finding = Finding::new(&codes::META_COMPACTION, at.clone(), message);
        let is_old = meta.schema_version() < EtcdVersion::new(3, 6, 0);
        let severity = match compacted.saturating_sub(newest) {
            ..=REMOVED_AT_THE_END if is_old => Severity::Note,
            ..=MAX_REMOVED_AT_THE_END if is_old => Severity::Warning,
            _ => Severity::Error,
        };
        sink(
            finding
                .seen(compacted.to_string(), format!("at most {newest}"))
                .severity(severity),
        );
    }
    if compaction.is_interrupted() {
        let left = keyspace.map_or(0, |keyspace| keyspace.removable().len());
        let from = finished.map_or_else(
            || "none was ever finished".to_owned(),
            |finished| format!("finished is {finished}"),
        );
        let message = format!(
            "the compaction at {compacted} was not finished ({from}); {left} records are still to be removed"
        );
        sink(Finding::new(&codes::META_INTERRUPTED, at.clone(), message).count(left.max(1) as u64));
    }
}

/// Checks members and the cluster version.
pub fn cluster(cluster: &Cluster, here: &Place, sink: &mut Sink<'_>) {
    let (mut names, mut urls) = (BTreeMap::new(), BTreeMap::new());
    let removed: HashSet<MemberId> = cluster.removed.iter().copied().collect();
    for member in &cluster.members {
        let at = member.place.as_ref().unwrap_or(here).clone();
        if id_of(&member.key) != Some(member.id) {
            let finding = Finding::new(
                &codes::MEMBER_KEY,
                at.clone(),
                "a member is stored under a key that is not its id",
            );
            sink(finding.seen(excerpt(&member.key), format!("{:x}", member.id.0)));
        }
        if removed.contains(&member.id) {
            let message = format!("member {} is both listed and removed", member.id);
            sink(Finding::new(&codes::MEMBER_TWICE, at.clone(), message));
        }
        let mut shared = |what: &str, text: &str, other: Option<MemberId>| {
            if let Some(other) = other.filter(|other| *other != member.id) {
                let message = format!(
                    "members {other} and {} share the {what} \"{}\"",
                    member.id,
                    text.escape_debug()
                );
                sink(Finding::new(&codes::MEMBER_SHARED, at.clone(), message));
            }
        };
        if !member.name.is_empty() {
            shared(
                "name",
                &member.name,
                names.insert(member.name.as_str(), member.id),
            );
        }
        for url in &member.peer_urls {
            shared("peer URL", url, urls.insert(url.as_str(), member.id));
        }
    }
    if let Some(version) = cluster.cluster_version.filter(EtcdVersion::is_unknown) {
        let finding = Finding::new(
            &codes::CLUSTER_VERSION,
            here.clone(),
            format!("clusterVersion is {version}"),
        );
        sink(finding.seen(
            version.to_string(),
            format!("at most {}", EtcdVersion::NEWEST_KNOWN),
        ));
    }
}

/// Compares `confState` with the members. Other ids are normal after a restore; another role of the same id is not: etcd 3.5.1
/// to 3.5.19 did not write the promotion of a learner into the bucket (etcd#19557).
pub fn conf_state_against_members(
    meta: &Meta,
    cluster: &Cluster,
    here: &Place,
    sink: &mut Sink<'_>,
) {
    let Some(conf_state) = meta
        .conf_state
        .as_ref()
        .filter(|_| !cluster.members.is_empty())
    else {
        return;
    };
    let at = meta.place("confState").unwrap_or(here).clone();
    let sorted =
        |ids: &mut dyn Iterator<Item = u64>| ids.collect::<std::collections::BTreeSet<u64>>();
    let (voters, learners) = (
        sorted(&mut conf_state.voters.iter().copied()),
        sorted(&mut conf_state.learners.iter().copied()),
    );
    let of_role = |learner: bool| {
        sorted(
            &mut cluster
                .members
                .iter()
                .filter(|m| m.is_learner == learner)
                .map(|m| m.id.0),
        )
    };
    let (voting, learning) = (of_role(false), of_role(true));
    if (&voters, &learners) == (&voting, &learning) {
        return;
    }
    let same_ids = voters.union(&learners).eq(voting.union(&learning));
    let text = |voters: &std::collections::BTreeSet<u64>,
                learners: &std::collections::BTreeSet<u64>| {
        let list = |ids: &std::collections::BTreeSet<u64>| {
            let ids: Vec<String> = ids.iter().map(|id| MemberId(*id).to_string()).collect();
            if ids.is_empty() {
                "none".to_owned()
            } else {
                ids.join(" ")
            }
        };
        format!("voters {}, learners {}", list(voters), list(learners))
    };
    let message = match same_ids {
        true => "the same member has different roles in confState and in the members bucket",
        false => {
            "confState contains other members than the members bucket; normal after a restore, until the next membership change"
        }
    };
    let severity = if same_ids {
        Severity::Warning
    } else {
        Severity::Note
    };
    let finding = Finding::new(&codes::META_CONF_STATE_DIFFERS, at, message).severity(severity);
    sink(finding.seen(text(&voters, &learners), text(&voting, &learning)));
}

/// Checks users and roles.
pub fn auth(auth: &Auth, here: &Place, sink: &mut Sink<'_>) {
    let roles: HashSet<&str> = auth.roles.iter().map(|role| role.name.as_str()).collect();
    for one in &auth.users {
        user(one, &roles, here, sink);
    }
    for role in auth
        .roles
        .iter()
        .filter(|role| role.name.as_bytes() != role.key && std::str::from_utf8(&role.key).is_ok())
    {
        let at = role.place.as_ref().unwrap_or(here).clone();
        let finding = Finding::new(
            &codes::AUTH_NAMES,
            at,
            "a role is stored under another name",
        );
        sink(finding.seen(excerpt(&role.key), role.name.escape_debug().to_string()));
    }
    // `AuthEnable` in `server/auth/store.go`, v3.5.30, refuses to switch auth on without them.
    let root = auth
        .users
        .iter()
        .any(|user| user.name == "root" && user.roles.iter().any(|role| role == "root"));
    if auth.is_enabled() && !root {
        let message = "auth is enabled, but there is no user root with the role root";
        sink(Finding::new(&codes::AUTH_NAMES, here.clone(), message));
    }
    auth_revision(auth, here, sink);
}

/// Checks the names, roles and password of a user.
fn user(user: &AuthUser, roles: &HashSet<&str>, here: &Place, sink: &mut Sink<'_>) {
    let at = user.place.as_ref().unwrap_or(here).clone();
    let name = user.name.escape_debug();
    if user.name.as_bytes() != user.key && std::str::from_utf8(&user.key).is_ok() {
        let finding = Finding::new(
            &codes::AUTH_NAMES,
            at.clone(),
            "a user is stored under another name",
        );
        sink(finding.seen(excerpt(&user.key), name.to_string()));
    }
    for role in user
        .roles
        .iter()
        .filter(|role| *role != "root" && !roles.contains(role.as_str()))
    {
        let message = format!(
            "user \"{name}\" has the role \"{}\", which does not exist",
            role.escape_debug()
        );
        sink(Finding::new(&codes::AUTH_NAMES, at.clone(), message));
    }
    let hash = user.password_hash();
    let bcrypt = hash.len() == 60 && hash.starts_with(b"$2");
    if !(bcrypt || hash.is_empty()) {
        let message = format!("the password hash of user \"{name}\" is not bcrypt's");
        sink(
            Finding::new(&codes::AUTH_HASH, at, message)
                .seen(format!("{} bytes", hash.len()), "60 bytes, $2a$…"),
        );
    }
}

/// Checks authRevision: 1 in a fresh store, one more with each change.
/// `commitRevision` in `server/auth/store.go`, v3.5.30.
fn auth_revision(auth: &Auth, here: &Place, sink: &mut Sink<'_>) {
    let changed = auth.enabled.is_some() || !auth.users.is_empty() || !auth.roles.is_empty();
    let at = auth.revision_place.as_ref().unwrap_or(here).clone();
    match auth.revision {
        Some(0) => sink(Finding::new(
            &codes::AUTH_REVISION,
            at,
            "authRevision is 0; a fresh store has 1",
        )),
        Some(1) | None if changed => {
            let message = "users, roles or the switch were changed, but authRevision was not";
            let seen = auth
                .revision
                .map_or_else(|| "none".to_owned(), |revision| revision.to_string());
            sink(Finding::new(&codes::AUTH_REVISION, at, message).seen(seen, "at least 2"));
        }
        _ => {}
    }
}

/// Checks leases, and with a keyspace the keys that are attached to them.
pub fn leases(
    leases: &[Lease],
    keyspace: Option<&Keyspace<'_>>,
    here: &Place,
    sink: &mut Sink<'_>,
) {
    for lease in leases {
        let at = lease.place.as_ref().unwrap_or(here).clone();
        if lease.key != lease.id.0.to_be_bytes() {
            let finding = Finding::new(
                &codes::LEASE_SHAPE,
                at.clone(),
                format!(
                    "lease {} is stored under a key that is not its id: etcd takes the id from the value",
                    lease.id
                ),
            );
            let finding = finding.severity(Severity::Warning);
            sink(finding.seen(excerpt(&lease.key), format!("8 bytes, {}", lease.id)));
        }
        if lease.ttl_seconds <= 0 {
            let message = format!(
                "lease {} was granted for {} seconds",
                lease.id, lease.ttl_seconds
            );
            sink(Finding::new(&codes::LEASE_IDLE, at, message));
        }
    }
    let Some(keyspace) = keyspace else { return };
    let known: HashSet<i64> = leases.iter().map(|lease| lease.id.0).collect();
    let (mut unknown, mut used) = (BTreeMap::<i64, Vec<_>>::new(), HashSet::new());
    for (lease, version) in keyspace.leased() {
        if known.contains(&lease) {
            used.insert(lease);
        } else {
            unknown.entry(lease).or_default().push(version);
        }
    }
    unknown_leases(&unknown, here, sink);
    let idle = known.len() - used.len();
    if idle >= MIN_IDLE_LEASES && idle > known.len() / 2 {
        let message = format!("{idle} of {} leases have no key", known.len());
        sink(Finding::new(&codes::LEASE_IDLE, here.clone(), message).count(idle as u64));
    }
}

/// Reports keys whose leases do not exist, all in one finding: they have one cause.
/// etcd logs "failed to attach a lease" for them and keeps the keys: `restore` in `server/mvcc/kvstore.go`, v3.5.30.
fn unknown_leases(
    unknown: &BTreeMap<i64, Vec<crate::mvcc::Version<'_>>>,
    here: &Place,
    sink: &mut Sink<'_>,
) {
    let Some((first, versions)) = unknown.first_key_value() else {
        return;
    };
    let keys = unknown.values().flatten();
    let keys: Vec<Vec<u8>> = keys.map(|version| version.key.to_vec()).collect();
    let at = versions.first().and_then(|version| version.offset);
    let at = at.map_or_else(|| here.clone(), |offset| Place::at(&here.file, offset));
    let (key, hangs, never) = match keys.len() {
        1 => ("key", "hangs", "it never expires"),
        _ => ("keys", "hang", "they never expire"),
    };
    let leases = match unknown.len() {
        1 => format!("lease {}, which does not exist", LeaseId(*first)),
        count => format!(
            "{count} leases that do not exist, the first of them {}",
            LeaseId(*first)
        ),
    };
    let message = format!("{} {key} {hangs} on {leases}: {never}", keys.len());
    let mut finding = Finding::new(&codes::LEASE_UNKNOWN, at, message).count(keys.len() as u64);
    finding.keys = keys;
    sink(finding);
}

/// Reports every alarm: one in the bucket stops writes, or all requests, of the whole cluster.
pub fn alarms(alarms: &[Alarm], cluster: &Cluster, here: &Place, sink: &mut Sink<'_>) {
    for alarm in alarms {
        let at = alarm.place.as_ref().unwrap_or(here).clone();
        let id = alarm.member_id;
        let finding = match alarm.alarm {
            AlarmType::NoSpace => Finding::new(
                &codes::ALARM_NOSPACE,
                at.clone(),
                format!("NOSPACE, raised for member {id}"),
            ),
            AlarmType::Corrupt if id == MemberId(0) => Finding::new(
                &codes::ALARM_CORRUPT,
                at.clone(),
                "CORRUPT, for no member: there was no majority",
            ),
            AlarmType::Corrupt => Finding::new(
                &codes::ALARM_CORRUPT,
                at.clone(),
                format!("CORRUPT, raised for member {id}"),
            ),
            AlarmType::Other(number) => {
                let message = format!("an alarm of the unknown kind {number}, for member {id}");
                Finding::new(&codes::ALARM_UNREADABLE, at.clone(), message)
            }
        };
        sink(finding);
        if id != MemberId(0) && cluster.member(id).is_none() && !cluster.members.is_empty() {
            let message = format!("the alarm names member {id}, which is not in the cluster");
            sink(Finding::new(&codes::ALARM_FOREIGN, at, message));
        }
    }
}
