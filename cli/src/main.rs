//! `etcd-inspect`: offline inspector and forensics for etcd data directories.

fn main() {}
