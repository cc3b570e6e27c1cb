//! Payloads: requests that cannot be applied, membership changes, passwords, unknown proposers.

use std::collections::BTreeSet;

use super::{Evidence, Tally};
use crate::codes::wal as codes;
use crate::raft::{
    ConfChange, ConfChangeType, DecodeFailure, EntryType, Operation, Payload, Plain, Proposer,
    Request,
};
use crate::wal::LogEntry;
use located::{Finding, MemberId, Place, RaftIndex, Severity, Sink, Term};

/// Decodes the payload of every surviving entry and checks it.
pub(super) fn payloads(log: &Evidence<'_, '_>, report: &mut Sink<'_>) {
    let mut state = PayloadChecks::new(log);
    for entry in log.log.surviving() {
        let Some(data) = log.log.data(log.files, entry) else {
            continue;
        };
        let place = || log.record(entry.record as usize).with_index(entry.index);
        // Types that etcd does not write are reported by `state::entry_types`.
        if matches!(entry.kind, EntryType::Normal | EntryType::ConfChange) {
            if entry.is_plain {
                state.plain(entry, data, &place);
                continue;
            }
            let payload = Payload::decode(entry.kind, data);
            state.entry(entry, &payload, &place);
        }
    }
    state.finish(report);
}

/// What the entries so far showed.
struct PayloadChecks {
    undecodable: Tally,
    context: Tally,
    password: Tally,
    forced: Tally,
    unknown_proposer: Tally,
    removes_self: Tally,
    /// Low 16 bits of every member of the log; `None` if the log does not start at index 1 and may not know all of them.
    members: Option<BTreeSet<u64>>,
    local: Option<MemberId>,
    commit: RaftIndex,
    voters: BTreeSet<u64>,
    /// Number of consecutive removals without a proposal, and the term of the last one.
    removals: u64,
    removal_term: Term,
    removal_place: Option<Place>,
}

impl PayloadChecks {
    fn new(log: &Evidence<'_, '_>) -> Self {
        let from_the_start = log.log.first().is_some_and(|first| first.index == 1);
        let known = log
            .log
            .snapshots
            .iter()
            .filter_map(|s| s.conf_state.as_ref());
        let ids = known
            .flat_map(|conf| conf.voters.iter().chain(&conf.learners))
            .map(|&id| MemberId(id))
            .chain(log.log.metadata.iter().map(|metadata| metadata.node_id));
        Self {
            undecodable: Tally::new(&codes::UNDECODABLE),
            context: Tally::new(&codes::CONF_CHANGE_ID),
            password: Tally::new(&codes::CLEAR_PASSWORD),
            forced: Tally::new(&codes::FORCE_NEW_CLUSTER),
            unknown_proposer: Tally::new(&codes::PROPOSER),
            removes_self: Tally::new(&codes::REMOVES_SELF),
            members: from_the_start.then(|| ids.map(MemberId::low16).collect()),
            local: log.log.metadata.first().map(|metadata| metadata.node_id),
            commit: log.log.hard_state().unwrap_or_default().commit,
            voters: BTreeSet::new(),
            removals: 0,
            removal_term: Term(0),
            removal_place: None,
        }
    }

    fn entry(&mut self, entry: &LogEntry, payload: &Payload, place: &dyn Fn() -> Place) {
        let mut forced_removal = false;
        match payload {
            Payload::Undecodable(why) | Payload::Request(Request::Undecodable(why)) => {
                self.undecodable.add(|code| {
                    // prost rejects strings that are not UTF-8. gogo/protobuf, in etcd up to 3.6, accepts them.
                    let severity = if matches!(why, DecodeFailure::NotUtf8(_)) {
                        Severity::Warning
                    } else {
                        code.severity
                    };
                    let message = format!("index {}: {why}", entry.index);
                    Finding::new(code, place(), message).severity(severity)
                });
            }
            Payload::ConfChange(change) => {
                forced_removal = change.id == 0 && change.kind() == ConfChangeType::RemoveNode;
                self.change(entry, change, place);
            }
            Payload::ConfChangeV2(_) => {}
            Payload::Request(request) => self.request(entry, request, place),
        }
        if forced_removal {
            self.removals = self.removals.saturating_add(1);
            self.removal_term = entry.term;
            self.removal_place.get_or_insert_with(place);
            return;
        }
        // --force-new-cluster appends RemoveNode entries with id 0 and then wins its own election (createConfigChangeEnts in
        // server/etcdserver/raft.go, v3.5.30; etcd#20055).
        let opened = matches!(payload, Payload::Request(Request::Empty));
        if self.removals > 0 && opened && entry.term > self.removal_term {
            let removals = self.removals;
            let place = self.removal_place.clone().unwrap_or_else(place);
            self.forced.add(|code| {
                let message = format!(
                    "{removals} members were removed before index {} without a proposal",
                    entry.index
                );
                Finding::new(code, place, message)
            });
        }
        self.removals = 0;
        self.removal_place = None;
    }

    /// Reports passwords in plain text: since 3.5 the server replaces them by bcrypt hashes before it proposes the request
    /// (AuthUserAdd in `server/etcdserver/v3_server.go`, v3.5.30).
    fn request(&mut self, entry: &LogEntry, request: &Request, place: &dyn Fn() -> Place) {
        if let Request::Internal(internal) = request {
            let clear = match internal.operation() {
                Some(Operation::AuthUserAdd(add)) => !add.password.is_empty(),
                Some(Operation::AuthUserChangePassword(change)) => !change.password.is_empty(),
                _ => false,
            };
            if clear {
                self.password.add(|code| {
                    let message =
                        format!("the request at index {} contains a password", entry.index);
                    Finding::new(code, place(), message)
                });
            }
        }
        self.proposed(entry, request.id(), place);
    }

    /// Checks an entry that is known to decode and to change only keys.
    fn plain(&mut self, entry: &LogEntry, data: &[u8], place: &dyn Fn() -> Place) {
        if self.members.is_some()
            && let Some(plain) = Plain::parse(data)
        {
            self.proposed(entry, plain.id, place);
        }
        self.removals = 0;
        self.removal_place = None;
    }

    /// Reports a request id of an unknown member.
    /// `NewGenerator` in `pkg/idutil/id.go`, v3.5.30: the upper 16 bits of a request id are the member.
    fn proposed(&mut self, entry: &LogEntry, id: u64, place: &dyn Fn() -> Place) {
        if let (Some(members), Some(proposer)) = (&self.members, Proposer::from_request_id(id))
            && !members.contains(&u64::from(proposer.member_low16))
        {
            self.unknown_proposer.add(|code| {
                let message = format!("the request at index {} has id {id:016x}", entry.index);
                Finding::new(code, place(), message).seen(
                    format!("a member whose id ends in {:04x}", proposer.member_low16),
                    "a member of this cluster",
                )
            });
        }
    }

    /// Checks a membership change.
    ///
    /// `server/etcdserver/server.go`, v3.5.30, panics with `got different member ID` if id and context differ. raft panics with
    /// `removed all voters` if the only member removes itself (etcd#13848, etcd#12285).
    fn change(&mut self, entry: &LogEntry, change: &ConfChange, place: &dyn Fn() -> Place) {
        if let Some(members) = &mut self.members {
            members.insert(MemberId(change.node_id).low16());
        }
        match change.member() {
            Some(Ok(member)) if member.id != change.node_id => self.context.add(|code| {
                let message = format!("the membership change at index {}", entry.index);
                Finding::new(code, place(), message).seen(
                    format!("{:016x} in the context", member.id),
                    format!("{:016x}", change.node_id),
                )
            }),
            Some(Err(error)) => self.undecodable.add(|code| {
                let message = format!(
                    "index {}: the member JSON of a membership change: {error}",
                    entry.index
                );
                Finding::new(code, place(), message)
            }),
            _ => {}
        }
        match change.kind() {
            ConfChangeType::RemoveNode => {
                self.voters.remove(&change.node_id);
            }
            _ => {
                self.voters.insert(change.node_id);
            }
        }
        if change.kind() == ConfChangeType::RemoveNode
            && Some(MemberId(change.node_id)) == self.local
            && self.commit >= entry.index
        {
            let alone = self.members.is_some() && self.voters.is_empty();
            self.removes_self.add(|code| {
                let message = if alone {
                    format!(
                        "entry {} removes the only member: etcd panics with `removed all voters`",
                        entry.index
                    )
                } else {
                    format!("entry {} removes this member permanently", entry.index)
                };
                Finding::new(code, place(), message)
            });
        }
    }

    fn finish(self, report: &mut Sink<'_>) {
        for tally in [
            self.undecodable,
            self.context,
            self.password,
            self.forced,
            self.unknown_proposer,
            self.removes_self,
        ] {
            tally.report(report);
        }
    }
}
