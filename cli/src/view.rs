//! The keyspace that a question is asked of: the db's, or what it becomes when the WAL behind it is replayed.

use etcd_inspect::member::{Keys, Member};
use etcd_inspect::mvcc::Keyspace;

use crate::at::At;
use crate::ui::Ui;
