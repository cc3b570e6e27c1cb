//! Plain entries as etcd applies them, without decoding them: puts, deletions of one key and transactions of those. Nearly every entry
//! of a log is one, and its keys and values stay where they are.

use std::borrow::Cow;

use super::compare::condition_holds;
use super::store::{Refused, Store};
use crate::raft::{Plain, PlainKind, PlainPut, PlainTxn, PlainWrite};
use located::RaftIndex;

impl<'a> Store<'a, '_> {
    /// Applies a plain entry.
    pub(super) fn plain(
        &mut self,
        index: RaftIndex,
        plain: Plain<'a>,
        lease_exists: impl Fn(i64) -> bool,
    ) -> Result<(), Refused> {
        match plain.kind {
            PlainKind::Write(write) => {
                let one = || std::iter::once(write);
                self.plain_writes(index, (one(), one()), lease_exists)
            }
            PlainKind::Txn(txn) => {
                let holds = self.all_hold(txn);
                let branch = || txn.branch(holds);
                self.plain_writes(index, (branch(), branch()), lease_exists)
            }
        }
    }

    /// Whether all conditions of a transaction are true.
    fn all_hold(&self, txn: PlainTxn<'a>) -> bool {
        let mut conditions = txn.conditions();
        conditions.all(|condition| condition_holds(&self.layer, &condition))
    }

    /// Does the writes of an entry, which are given twice: once to be checked.
    fn plain_writes<I: Iterator<Item = PlainWrite<'a>>>(
        &mut self,
        index: RaftIndex,
        (mut checked, writes): (I, I),
        lease_exists: impl Fn(i64) -> bool,
    ) -> Result<(), Refused> {
        // All leases are looked for before the first write: `checkRequestPut` in `server/etcdserver/apply.go`, v3.5.30.
        let is_refused = |write| match write {
            PlainWrite::Put(PlainPut { lease, .. }) => lease != 0 && !lease_exists(lease),
            PlainWrite::Delete(_) => false,
        };
        if checked.any(is_refused) {
            return Err(Refused::LeaseNotFound);
        }
        let mut transaction = self.transaction(index, &[]);
        for write in writes {
            match write {
                PlainWrite::Put(put) => {
                    let numbers = transaction.numbers(put.key);
                    let value = Cow::Borrowed(put.value);
                    transaction.stored(Cow::Borrowed(put.key), numbers, value, put.lease);
                }
                PlainWrite::Delete(key) => transaction.delete_one(key),
            }
        }
        transaction.end();
        Ok(())
    }
}
