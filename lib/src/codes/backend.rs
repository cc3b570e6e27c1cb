//! Codes of backend.

use located::codes;

codes! {
    META_LENGTH = "META-001", Error, "a value of the meta bucket has an impossible length",
        what: "`consistent_index` and `term` are 8 bytes, `scheduledCompactRev` and `finishedCompactRev` are revisions of 17. etcd stops with an index out of range.",
        why: "A flipped bit in the element, or another program that wrote into the file.",
        next: "etcd-inspect meta {path} shows what the other keys say; the WAL knows the index and term of every entry.";
    META_NO_INDEX = "META-002", Warning, "no consistent_index although there are records",
        what: "The db does not say which entry of the raft log it has reached. etcd then applies every entry of the WAL that it has, also entries that are already in the db: revisions go up twice, leases are refused.",
        why: "A db trimmed by a tool, a damaged `meta` bucket, or data of a very old etcd.",
        next: "Do not start etcd on it with its WAL. Restore from the db alone: etcdutl snapshot restore --skip-hash-check DB --data-dir NEW";
    META_OF_3_5 = "META-007", Note, "the schema of etcd 3.5",
        what: "`term` or `confState` is there and `storageVersion` is not: 3.5 wrote the db, or it was brought back to 3.5.",
        why: "Normal for 3.5. etcd 3.6 writes storageVersion once the cluster version is 3.6.",
        next: "etcd-inspect preflight {path} --for upgrade";
    META_STORAGE_VERSION = "META-008", Warning, "storageVersion is not a version etcd knows",
        what: "The storage version cannot be parsed, or is newer than every version that this program knows. etcd 3.6 refuses a higher minor version with `Failed to validate schema`; 3.4.35 and later panic on it.",
        why: "A newer etcd has upgraded the directory, or the value is damaged.",
        next: "Start the directory only with the etcd that wrote it; etcd-inspect meta {path} also shows the cluster version.";
    META_CONF_STATE_DIFFERS = "META-009", Warning, "confState and the members bucket differ",
        what: "`confState` names other voters or learners than the `members` bucket. etcd does not notice; 3.6 and newer believe the members bucket, and treat a voter as a learner if the bucket says so.",
        why: "Other ids: a `snapshot restore`, which leaves confState as it was. Same ids in another role: etcd 3.5.1 to 3.5.19 did not write the promotion of a learner into the members bucket (etcd issue 19557).",
        next: "Compare with the .snap and the WAL: etcd-inspect check {path}. For a learner that is a voter, start 3.5.24 or newer once before the upgrade to 3.6: it repairs the bucket.";
    META_COMPACTION = "META-010", Error, "impossible compaction revisions",
        what: "finishedCompactRev is greater than scheduledCompactRev, or one of them is greater than the revision of every record. etcd takes it for the current revision: revisions jump, and every read of an older revision is answered with `required revision has been compacted`.",
        why: "A flipped bit in the value, or a db put together from two. etcd up to 3.4.33 and 3.5.15 may leave a small difference if the last writes were deletions and a compaction removed them.",
        next: "Compare with another member: etcd-inspect compare {path} OTHER. A cluster that has served such revisions cannot go back; restore a copy from before.";
    META_INTERRUPTED = "META-011", Note, "a compaction was interrupted",
        what: "scheduledCompactRev is greater than finishedCompactRev: records that the compaction removes may still be there. Answers and hashes do not depend on it; etcd resumes it when it starts.",
        why: "The server was stopped during the compaction, or `snapshot restore --bump-revision --mark-compacted` scheduled it and the directory was never started.",
        next: "Nothing; the next start finishes the compaction and frees the space.";
    META_CONF_STATE = "META-012", Warning, "confState cannot be read",
        what: "`confState` in the `meta` bucket is not the JSON that etcd writes. etcd itself reads it only to find out whether the data is older than 3.5.",
        why: "A flipped bit, or another program that wrote into the file.",
        next: "etcd-inspect meta {path} shows the members bucket, which is the one that etcd 3.6 and newer believe.";
    META_UNKNOWN_KEY = "META-013", Note, "an unknown key in the meta bucket",
        what: "The `meta` bucket holds a key that etcd 3.4 to 3.7 do not write. etcd ignores it.",
        why: "A newer etcd, another program, or a key whose name was damaged: then one of etcd's own is missing.",
        next: "etcd-inspect meta {path}";
    BUCKET_MISSING = "META-014", Error, "one of etcd's buckets is missing",
        what: "Every etcd makes ten buckets at its first start and never removes one. It silently makes a missing one again, empty: without `key` it serves no keys, without `lease` keys never expire, without `meta` the whole WAL is applied again.",
        why: "A flipped bit in a bucket's name (then a foreign bucket is there too), damage in the root, or a tool that trims.",
        next: "Do not start etcd on it. etcd-inspect page -d {path} lists what is there; restore from another member or a snapshot.";
    NEVER_USED = "META-015", Warning, "a db that was never used",
        what: "bbolt made the file, and the process ended before etcd made its buckets (since 3.5: all but an empty `meta`): there is no key, no member and no history in it, and there never was. A start makes an empty store of it.",
        why: "The first start of a member failed (wrong flags, no peer reached, a full disk; the directory of a member was wiped, and its cluster did not let it in again), or a directory was made by mistake.",
        next: "Make sure that the data is not elsewhere (another --data-dir, a volume that is not mounted). If it is not, remove the directory and start the member again; one that its cluster knows already has to be removed from it and added again first.";
    MEMBER_KEY = "MEM-001", Error, "a member's key is not its id",
        what: "Members are stored under their id in lower-case hexadecimal without leading zeros. etcd panics on a key that is no number, and believes the key if the value contains another id.",
        why: "A bucket edited by hand, or a flipped bit.",
        next: "etcd-inspect meta {path}; take the members from another copy: etcd-inspect compare {path} OTHER";
    MEMBER_TWICE = "MEM-004", Error, "a member is both listed and removed",
        what: "The id is in `members` and in `members_removed`. An id that was removed never comes back: a server with it stops with `the member has been permanently removed from the cluster`.",
        why: "A bucket edited by hand, or a fault in membership changes.",
        next: "Compare with the other members: etcd-inspect compare {path} OTHER";
    MEMBER_SHARED = "MEM-006", Warning, "two members with one name or URL",
        what: "etcd identifies members by id, but names and peer URLs must differ too: lookups by name panic with `two member with same name found`, and one of two members with one URL is never reached.",
        why: "A member started on the volume of another, or added a second time under the old name while the first entry stayed.",
        next: "etcdctl member list on the running cluster, then remove the entry that has no server.";
    MEMBER_UNREADABLE = "MEM-007", Error, "a member cannot be read",
        what: "The value in the `members` bucket is not the JSON that etcd writes. etcd 3.6 and newer panic; older ones take the members from the .snap file.",
        why: "A flipped bit, or a bucket edited by hand.",
        next: "etcd-inspect snap {path} shows the members in the .snap file.";
    CLUSTER_VERSION = "MEM-008", Error, "the cluster version is not one that etcd knows",
        what: "`clusterVersion` or `downgrade` cannot be parsed, or names a newer version than this program knows. An etcd older than it refuses with `invalid downgrade; server version is lower than determined cluster version`.",
        why: "A newer etcd has run on the directory, or the value is damaged.",
        next: "etcd-inspect preflight {path} --for start --etcd VERSION";
    AUTH_NAMES = "AUTH-001", Warning, "users and roles do not fit together",
        what: "A name differs from its key, a user has a role that does not exist, or auth is on without user root in role root. Requests are then refused that should be allowed.",
        why: "Buckets edited by hand, or lost records.",
        next: "etcd-inspect meta {path}; compare with another member: etcd-inspect compare {path} OTHER";
    AUTH_REVISION = "AUTH-002", Warning, "authRevision does not fit",
        what: "Every change of users, roles or the switch adds 1, starting at 1. Members with different numbers refuse each other's tokens: `auth: revision in header is old`.",
        why: "A lost write, a bucket edited by hand; etcd before 3.4.8 could skip changes at a restart (etcd issue 11651).",
        next: "Compare with the other members: etcd-inspect compare {path} OTHER";
    AUTH_HASH = "AUTH-003", Warning, "a password hash is not bcrypt's",
        what: "A bcrypt hash has 60 bytes and starts with `$2`. This user cannot log in.",
        why: "A flipped bit, or a record edited by hand.",
        next: "Set the password again: etcdctl user passwd NAME";
    AUTH_UNREADABLE = "AUTH-004", Error, "a record of auth cannot be read",
        what: "A user, a role or a number of the auth buckets cannot be parsed. etcd panics with `failed to unmarshal 'authpb.User'` or the like; `etcdutl snapshot status` does not report it.",
        why: "A flipped bit: bbolt has no checksum over pages.",
        next: "Take the directory of another member, or the newest backup: etcd-inspect compare {path} OTHER reports which one is undamaged.";
    LEASE_SHAPE = "LEASE-001", Error, "a lease cannot be read or is stored under a wrong key",
        what: "A lease is a leasepb.Lease under its own id of 8 bytes. etcd panics: `failed to unmarshal lease proto item`, `lease ID must be 8-byte`; `etcdutl snapshot status` does not report it.",
        why: "A flipped bit: bbolt has no checksum over pages.",
        next: "Take the directory of another member, or the newest backup: etcd-inspect compare {path} OTHER reports which one is undamaged.";
    LEASE_UNKNOWN = "LEASE-002", Error, "keys are attached to a lease that does not exist",
        what: "The current version of these keys names a lease that is not in the `lease` bucket. etcd logs `failed to attach a lease` and goes on: the keys never expire.",
        why: "A lost write of the `lease` bucket, or a revocation that reached this member's leases but not its keys: then members differ.",
        next: "etcd-inspect leases {path}; compare with another member: etcd-inspect compare {path} OTHER";
    LEASE_IDLE = "LEASE-003", Warning, "leases without keys",
        what: "Most leases have no key, or one was granted for no time. They cost memory and time at every election; etcd gives a lease at least its minimum time.",
        why: "A client that grants leases in a loop, or keys that are deleted before their leases expire.",
        next: "etcd-inspect leases {path}";
    ALARM_NOSPACE = "ALARM-001", Warning, "NOSPACE alarm",
        what: "The quota of the db was used up. Writes are refused with `etcdserver: mvcc: database space exceeded`, also after a restart and with a higher quota, until the alarm is disarmed.",
        why: "More data or history than --quota-backend-bytes allows.",
        next: "etcd-inspect space {path} shows what takes the space. Then compact, defragment, and: etcdctl alarm disarm";
    ALARM_CORRUPT = "ALARM-002", Error, "CORRUPT alarm",
        what: "Members were found to hold different data. Writes are refused with `etcdserver: corrupt cluster`; reads are answered. An alarm for member 0 means that no majority agreed on which member is wrong.",
        why: "Bit rot or a lost write on one member, or a bug in etcd (3.5.0 to 3.5.2: etcd issue 13766).",
        next: "Find the member that differs: etcd-inspect compare {path} OTHER OTHER. Replace it, then: etcdctl alarm disarm";
    ALARM_FOREIGN = "ALARM-003", Note, "an alarm of a member that is gone",
        what: "The alarm names a member that is not in the cluster. It stays in force until it is disarmed.",
        why: "The member was removed while its alarm was on, or the db was restored into another cluster.",
        next: "etcdctl alarm disarm";
    ALARM_UNREADABLE = "ALARM-004", Warning, "an alarm that etcd does not know",
        what: "A key of the `alarm` bucket is not an AlarmMember, or its alarm is of a kind other than NOSPACE and CORRUPT.",
        why: "A newer etcd, or a flipped bit.",
        next: "etcd-inspect meta {path}";
}
