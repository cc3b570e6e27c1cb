//! Codes of backend.

use super::codes;

codes! {
    META_LENGTH = "META-001", Error, "a value of the meta bucket has an impossible length",
        what: "`consistent_index` and `term` are 8 bytes, `scheduledCompactRev` and `finishedCompactRev` are revisions of 17. etcd stops with an index out of range.",
        why: "A flipped bit in the element, or another program that wrote into the file.",
        next: "etcd-inspect meta {path} shows what the other keys say; the WAL knows the index and term of every entry.";
    META_STORAGE_VERSION = "META-008", Warning, "storageVersion is not a version etcd knows",
        what: "The storage version cannot be read, or is newer than the versions this program knows. etcd 3.6 refuses a higher minor version with `Failed to validate schema`; 3.4.35 and later panic on it.",
        why: "A newer etcd has upgraded the directory, or the value is damaged.",
        next: "Start the directory only with the etcd that wrote it; etcd-inspect meta {path} shows the cluster version beside it.";
    META_CONF_STATE = "META-012", Warning, "confState cannot be read",
        what: "`confState` in the `meta` bucket is not the JSON that etcd writes. etcd itself reads it only to find out whether the data is older than 3.5.",
        why: "A flipped bit, or another program that wrote into the file.",
        next: "etcd-inspect meta {path} shows the members bucket, which is what counts.";
}
