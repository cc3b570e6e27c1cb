//! Applying entries: what etcd does with each of them, one after the other.
//!
//! Source: `server/etcdserver/server.go`, v3.5.30, `server/etcdserver/apply.go`, v3.5.30, `server/etcdserver/apply_auth.go`, v3.5.30;
//! in 3.6 `server/etcdserver/apply/`.

use super::appliers::{Appliers, ApplyRules};
use super::layer::{Base, Change, Layer};
use super::lease::{Alarms, Leases, ReplayedLease};
use super::members::Members;
use super::store::{Refused, Store};
use super::users::Users;
use crate::member::BucketPart;
use crate::raft::kv::{Op, TxnRequest};
use crate::raft::{
    EntryType, InternalRaftRequest, Operation, Payload, Plain, Request, RequestHeader,
};
use located::RaftIndex;

/// Everything beside keys: what the other buckets of the backend hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Leases.
    pub leases: Leases,
    /// Alarms that are on.
    pub alarms: Alarms,
    /// Users and roles.
    pub users: Users,
    /// Members and versions.
    pub members: Members,
    /// Parts of the db that the replay began with and that could not be read as a whole.
    pub partial: Vec<BucketPart>,
}

impl State {
    /// What a new member holds.
    pub fn of_new_member() -> Self {
        let mut state = Self::default();
        state.users.revision = 1;
        state
    }
}

/// What became of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was applied; it may have changed nothing.
    Done,
    /// etcd answers with an error and changes nothing.
    Refused(Refused),
    /// etcd stops here: `unmarshal should never fail`, an unknown entry type. Holds why.
    Stops(String),
}

/// A store to which entries are applied.
pub struct Replay<'a, 'b> {
    store: Store<'a, 'b>,
    state: State,
    rules: ApplyRules,
    appliers: Appliers,
    applied: u64,
    refused: u64,
    decoded: u64,
}

impl<'a, 'b> Replay<'a, 'b> {
    /// Begins on a base that is at `revision`, compacted at `compacted` (-1 for never).
    pub fn new(base: &'b dyn Base, state: State, revision: i64, compacted: i64) -> Self {
        Self {
            store: Store::new(Layer::new(base), revision, compacted),
            rules: ApplyRules::default(),
            appliers: Appliers::restored(&state.alarms),
            state,
            applied: 0,
            refused: 0,
            decoded: 0,
        }
    }

    /// The same, with the rules of a release.
    #[must_use]
    pub fn with_rules(self, rules: ApplyRules) -> Self {
        Self { rules, ..self }
    }

    /// The current revision.
    pub fn revision(&self) -> i64 {
        self.store.revision
    }

    /// The compaction revision in force; -1 for none.
    pub fn compacted(&self) -> i64 {
        self.store.compacted
    }

    /// What was changed so far, by ascending revision.
    pub fn changes(&self) -> &[Change<'a>] {
        self.store.layer.changes()
    }

    /// Takes out the changes that a later one of the same key replaced: [`changes`](Self::changes) is without them.
    pub(crate) fn take_replaced(&mut self, each: &mut dyn FnMut(Change<'a>)) {
        self.store.layer.take_replaced(each);
    }

    /// Compactions applied so far, each with the revision the store was at then.
    pub fn compactions(&self) -> &[(i64, i64)] {
        &self.store.compactions
    }

    /// Goes on as if the store were at another revision.
    pub fn skip_to(&mut self, revision: i64) {
        self.store.revision = revision;
    }

    /// Goes on as if a lost entry had written a key at a revision, or deleted it (`None`).
    pub(crate) fn presume(&mut self, key: &[u8], written: Option<i64>) {
        self.store.layer.presume(key, written);
    }

    /// Goes on after changes that lost entries made.
    pub(crate) fn write_all(&mut self, changes: Vec<Change<'a>>) {
        changes
            .into_iter()
            .for_each(|change| self.store.layer.write(change));
    }

    /// Goes on as if a lost entry had granted a lease.
    pub(crate) fn presume_lease(&mut self, id: i64, lease: ReplayedLease) {
        self.state.leases.0.insert(id, lease);
    }

    /// What was changed, over the base.
    pub fn layer(&self) -> &Layer<'a, 'b> {
        &self.store.layer
    }

    /// Everything beside keys.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Entries applied and entries refused so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.applied, self.refused)
    }

    /// Entries of those given to [`apply_data`](Self::apply_data) that had to be decoded.
    pub fn decoded(&self) -> u64 {
        self.decoded
    }

    /// Changes and everything beside keys.
    pub fn into_parts(self) -> (Vec<Change<'a>>, State) {
        (self.store.layer.into_changes(), self.state)
    }

    /// Applies the entry of that index and kind by its data, which is decoded only if it is not plain.
    pub fn apply_data(&mut self, index: RaftIndex, kind: EntryType, data: &'a [u8]) -> Applied {
        // Permissions and alarms look at the whole request.
        let is_free =
            !self.state.users.enabled && !self.appliers.no_space && !self.appliers.corrupt;
        let plain = (is_free && kind == EntryType::Normal)
            .then(|| Plain::parse(data))
            .flatten();
        let Some(plain) = plain else {
            self.decoded = self.decoded.saturating_add(1);
            return self.apply(index, data, &Payload::decode(kind, data));
        };
        let leases = &self.state.leases;
        let result = self.store.plain(index, plain, |id| leases.contains(id));
        self.counted(result)
    }

    /// Applies the entry of that index; `data` is its data, `payload` the same decoded.
    pub fn apply(&mut self, index: RaftIndex, data: &'a [u8], payload: &Payload) -> Applied {
        let result = match payload {
            Payload::Request(Request::Empty) => Ok(()),
            Payload::Request(Request::Internal(request)) => self.request(index, data, request),
            Payload::Request(Request::V2(request)) => {
                self.state.members.apply_v2(request);
                Ok(())
            }
            Payload::ConfChange(change) => self.state.members.apply(change),
            Payload::Request(Request::Undecodable(why)) | Payload::Undecodable(why) => {
                return Applied::Stops(why.to_string());
            }
            Payload::ConfChangeV2(_) => {
                return Applied::Stops("an entry of type ConfChangeV2".to_owned());
            }
        };
        self.counted(result)
    }

    fn counted(&mut self, result: Result<(), Refused>) -> Applied {
        self.applied = self.applied.saturating_add(1);
        if self.store.panicked {
            return Applied::Stops(
                "a transaction keeps the value of a key that it deletes".to_owned(),
            );
        }
        match result {
            Ok(()) => Applied::Done,
            Err(refused) => {
                self.refused = self.refused.saturating_add(1);
                Applied::Refused(refused)
            }
        }
    }

    fn request(
        &mut self,
        index: RaftIndex,
        data: &'a [u8],
        request: &InternalRaftRequest,
    ) -> Result<(), Refused> {
        let Some(operation) = request.operation() else {
            return Ok(());
        };
        self.check_alarms(&operation)?;
        let nobody = RequestHeader::default();
        let header = request.header.as_ref().unwrap_or(&nobody);
        if self.appliers.permissions {
            let attached = |lease| self.store.layer.attached(lease);
            let users = &self.state.users;
            users.permits(header, &operation, self.rules, attached)?;
        }
        let State {
            leases,
            alarms,
            users,
            members,
            partial: _,
        } = &mut self.state;
        match operation {
            Operation::Put(put) => self.store.put(index, data, put, |id| leases.contains(id)),
            Operation::DeleteRange(delete) => {
                self.store.delete_range(index, data, delete);
                Ok(())
            }
            Operation::Txn(txn) => self.store.txn(index, data, txn, |id| leases.contains(id)),
            Operation::Compaction(compaction) => self.store.compact(compaction.revision),
            Operation::LeaseGrant(grant) => leases.grant(grant),
            Operation::LeaseRevoke(revoke) => {
                leases.revoke(revoke.id)?;
                self.store.delete_attached(index, revoke.id);
                Ok(())
            }
            Operation::LeaseCheckpoint(checkpoint) => {
                leases.checkpoint(checkpoint);
                Ok(())
            }
            Operation::Alarm(alarm) => {
                self.appliers.alarm(alarms, alarm, self.rules);
                Ok(())
            }
            Operation::V2(request) => {
                members.apply_v2(request);
                Ok(())
            }
            Operation::ClusterVersionSet(_)
            | Operation::ClusterMemberAttrSet(_)
            | Operation::DowngradeInfoSet(_) => {
                members.apply_cluster(&operation);
                Ok(())
            }
            other => users.apply(&other),
        }
    }

    /// With CORRUPT on etcd refuses every request on keys and leases; with NOSPACE on, those that take space.
    fn check_alarms(&self, operation: &Operation<'_>) -> Result<(), Refused> {
        // `newApplierV3Corrupt` in `server/etcdserver/corrupt.go`, v3.5.30; `applierV3Capped` in `server/etcdserver/apply.go`,
        // v3.5.30.
        let on_keys = matches!(
            operation,
            Operation::Put(_)
                | Operation::DeleteRange(_)
                | Operation::Txn(_)
                | Operation::Compaction(_)
                | Operation::LeaseGrant(_)
                | Operation::LeaseRevoke(_)
        );
        if on_keys && self.appliers.corrupt {
            return Err(Refused::Corrupt);
        }
        let takes_space = match operation {
            Operation::Put(_) | Operation::LeaseGrant(_) => true,
            Operation::Txn(txn) => puts(txn),
            _ => false,
        };
        if takes_space && self.appliers.no_space {
            return Err(Refused::NoSpace);
        }
        Ok(())
    }
}

/// etcd counts the puts of both branches, but not those of nested transactions.
fn puts(txn: &TxnRequest) -> bool {
    txn.success
        .iter()
        .chain(&txn.failure)
        .any(|operation| matches!(operation.request, Some(Op::Put(_))))
}
