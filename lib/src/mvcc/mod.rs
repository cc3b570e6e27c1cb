//! Revisions, the keyspace index, HashKV.
