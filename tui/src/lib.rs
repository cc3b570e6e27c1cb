//! The terminal browser of etcd-inspect.
