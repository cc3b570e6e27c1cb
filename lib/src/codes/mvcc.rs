//! Codes of mvcc.

use super::codes;

codes! {
    KEY_SHAPE = "MVCC-001", Error, "a stored key is no revision",
        what: "A key of the `key` bucket is not 17 bytes of revision, or 18 with the mark of a tombstone. etcd 3.6 and newer panic (`invalid revision length`, `invalid separator in bucket key`), older ones panic or read garbage.",
        why: "A flipped bit in the element or in the key itself, or another program that wrote into the file.",
        next: "etcd-inspect page {path} shows the page decoded; etcd-inspect salvage {path} --out FILE builds a db without the record.";
    VALUE_UNPARSABLE = "MVCC-002", Error, "a KeyValue cannot be parsed",
        what: "The value of a record is not an mvccpb.KeyValue message. etcd stops at its start with `failed to unmarshal mvccpb.KeyValue`; `etcdutl snapshot status` says nothing of it.",
        why: "A flipped bit in a field's tag or length: bbolt has no checksum over pages.",
        next: "If a later version of the key stands in the db nothing current is lost: etcd-inspect salvage {path} --out FILE leaves the record out. Otherwise look for it in the WAL and in the other members.";
    OVERLAPPING = "MVCC-020", Error, "elements reach beyond their page or overlap",
        what: "Elements of the `key` bucket claim bytes that are not theirs; they were not read, and are part of no answer.",
        why: "A damaged element header or overflow count, or a file made to cost more than it weighs.",
        next: "etcd-inspect check {path}";
}
