//! etcd's own buckets.
