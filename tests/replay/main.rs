//! Replay against what real etcd said after it had started on a copy.

mod truth;
