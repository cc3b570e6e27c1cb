//! Transactions: compares, then one of two lists of requests at one revision.

use std::cmp::Ordering;

use etcd_inspect::answers::{Keyspace, Version};
use tonic::{Code, Status};

use super::errors;
use super::kv::{check_put, delete_in};
use super::messages::{
    Compare, Request, RequestOp, Response, ResponseOp, Target, TxnRequest, TxnResponse,
};
use super::range::{live, range};
use super::store::{Batch, Store};

/// etcd's default of `--max-txn-ops`.
const MAX_OPS: usize = 128;

impl Store {
    /// `Txn`.
    ///
    /// # Errors
    /// Those of etcd; without `--scratch` none that writes is taken.
    pub fn txn(&self, request: &TxnRequest) -> Result<TxnResponse, Status> {
        check(request, MAX_OPS)?;
        if !writes(request) {
            return self.read(|keyspace, current| {
                let mut response = only_reads(keyspace, request, current)?;
                response.header = self.header(current);
                Ok(response)
            });
        }
        self.write(|batch| {
            let chosen = choose(&batch.keyspace(), request, None)?;
            // What would be refused is refused before anything is written.
            self.check_branch(batch, &chosen, request)?;
            let mut response = self.branch(batch, &chosen, request)?;
            response.header = self.header(batch.current());
            Ok(response)
        })
    }

    fn check_branch(
        &self,
        batch: &Batch<'_, '_, '_>,
        chosen: &Chosen,
        request: &TxnRequest,
    ) -> Result<(), Status> {
        let keyspace = batch.keyspace();
        for (op, within) in chosen.branch(request).iter().zip(&chosen.within) {
            match (&op.request, within) {
                (Some(Request::Range(asked)), _) => {
                    let current = batch.current();
                    if asked.revision > current {
                        range(&keyspace, asked, current)?;
                    }
                    let revision = (asked.revision > 0).then_some(asked.revision);
                    keyspace
                        .at(revision)
                        .map_err(|error| errors::from_library(&error))?;
                }
                (Some(Request::Put(put)), _) => {
                    if put.lease != 0 && !self.has_lease(put.lease) {
                        return Err(errors::no_lease());
                    }
                    let needs = put.ignore_value || put.ignore_lease;
                    if needs && live(&keyspace, &put.key, b"", None)?.is_empty() {
                        return Err(errors::etcd(Code::InvalidArgument, "key not found"));
                    }
                }
                (Some(Request::Txn(txn)), Some(chosen)) => self.check_branch(batch, chosen, txn)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn branch(
        &self,
        batch: &mut Batch<'_, '_, '_>,
        chosen: &Chosen,
        request: &TxnRequest,
    ) -> Result<TxnResponse, Status> {
        let mut responses = Vec::new();
        for (op, within) in chosen.branch(request).iter().zip(&chosen.within) {
            let response = match (&op.request, within) {
                (Some(Request::Range(asked)), _) => {
                    let current = batch.current();
                    let mut response = range(&batch.keyspace(), asked, current)?;
                    response.header = self.header(0).map(|_| only_revision(current));
                    Some(Response::Range(response))
                }
                (Some(Request::Put(put)), _) => {
                    let mut response = self.put_in(batch, put)?;
                    response.header = Some(only_revision(batch.current()));
                    Some(Response::Put(response))
                }
                (Some(Request::Delete(delete)), _) => {
                    let mut response = delete_in(batch, delete)?;
                    response.header = Some(only_revision(batch.current()));
                    Some(Response::Delete(response))
                }
                (Some(Request::Txn(txn)), Some(chosen)) => {
                    let mut response = self.branch(batch, chosen, txn)?;
                    response.header = Some(only_revision(0));
                    Some(Response::Txn(response))
                }
                _ => None,
            };
            responses.push(ResponseOp { response });
        }
        Ok(TxnResponse {
            header: None,
            succeeded: chosen.succeeded,
            responses,
        })
    }
}

/// The header of an answer within a transaction: it has the revision alone.
fn only_revision(revision: i64) -> super::messages::Header {
    super::messages::Header {
        revision,
        ..Default::default()
    }
}

/// Which branch is taken, here and in the transactions within. All compares see the state before the transaction.
struct Chosen {
    succeeded: bool,
    within: Vec<Option<Self>>,
}

impl Chosen {
    fn branch<'r>(&self, request: &'r TxnRequest) -> &'r [RequestOp] {
        match self.succeeded {
            true => &request.success,
            false => &request.failure,
        }
    }
}

fn choose(
    keyspace: &Keyspace<'_>,
    request: &TxnRequest,
    revision: Option<i64>,
) -> Result<Chosen, Status> {
    let mut chosen = Chosen {
        succeeded: true,
        within: Vec::new(),
    };
    for compare in &request.compare {
        chosen.succeeded &= holds(keyspace, compare, revision)?;
    }
    for op in chosen.branch(request) {
        chosen.within.push(match &op.request {
            Some(Request::Txn(txn)) => Some(choose(keyspace, txn, revision)?),
            _ => None,
        });
    }
    Ok(chosen)
}

fn only_reads(
    keyspace: &Keyspace<'_>,
    request: &TxnRequest,
    current: i64,
) -> Result<TxnResponse, Status> {
    let chosen = choose(keyspace, request, Some(current))?;
    let mut responses = Vec::new();
    for op in chosen.branch(request) {
        let response = match &op.request {
            Some(Request::Range(asked)) => {
                let mut response = range(keyspace, asked, current)?;
                response.header = Some(only_revision(current));
                Some(Response::Range(response))
            }
            Some(Request::Txn(txn)) => {
                let mut response = only_reads(keyspace, txn, current)?;
                response.header = Some(only_revision(0));
                Some(Response::Txn(response))
            }
            _ => None,
        };
        responses.push(ResponseOp { response });
    }
    Ok(TxnResponse {
        header: None,
        succeeded: chosen.succeeded,
        responses,
    })
}

/// Whether a compare holds for every key of its range. `applyCompare` in `server/etcdserver/txn/txn.go`, v3.5.30.
fn holds(
    keyspace: &Keyspace<'_>,
    compare: &Compare,
    revision: Option<i64>,
) -> Result<bool, Status> {
    let found = live(keyspace, &compare.key, &compare.range_end, revision)?;
    if found.is_empty() {
        // A key that does not exist has no value, and zeros for the rest.
        return Ok(compare.target != 3 && compares(compare, None));
    }
    Ok(found.iter().all(|version| compares(compare, Some(version))))
}

fn compares(compare: &Compare, version: Option<&Version<'_>>) -> bool {
    let kv = version
        .and_then(|version| version.key_value().ok())
        .unwrap_or_default();
    let main = version.map_or(0, |version| version.revision.main);
    let number = |with: Option<i64>| with.unwrap_or(0);
    let order = match (compare.target, &compare.with) {
        (0, Some(Target::Version(with))) => kv.version.cmp(with),
        (0, _) => kv.version.cmp(&number(None)),
        (1, Some(Target::CreateRevision(with))) => kv.create_revision.cmp(with),
        (1, _) => kv.create_revision.cmp(&number(None)),
        (2, Some(Target::ModRevision(with))) => main.cmp(with),
        (2, _) => main.cmp(&number(None)),
        (3, Some(Target::Value(with))) => kv.value.cmp(with.as_slice()),
        (3, _) => kv.value.cmp(&[]),
        (4, Some(Target::Lease(with))) => kv.lease.cmp(with),
        _ => kv.lease.cmp(&number(None)),
    };
    match compare.result {
        0 => order == Ordering::Equal,
        1 => order == Ordering::Greater,
        2 => order == Ordering::Less,
        _ => order != Ordering::Equal,
    }
}

fn writes(request: &TxnRequest) -> bool {
    let ops = request.success.iter().chain(&request.failure);
    ops.into_iter().any(|op| match &op.request {
        Some(Request::Put(_) | Request::Delete(_)) => true,
        Some(Request::Txn(txn)) => writes(txn),
        _ => false,
    })
}

/// `checkTxnRequest` in `server/etcdserver/api/v3rpc/key.go`, v3.5.30.
fn check(request: &TxnRequest, most: usize) -> Result<(), Status> {
    let lists = [
        request.compare.len(),
        request.success.len(),
        request.failure.len(),
    ];
    if lists.iter().any(|len| *len > most) {
        return Err(errors::etcd(
            Code::InvalidArgument,
            "too many operations in txn request",
        ));
    }
    if request.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(errors::no_key());
    }
    let left = most.saturating_sub(lists.iter().copied().max().unwrap_or(0));
    for branch in [&request.success, &request.failure] {
        let mut put: Vec<&[u8]> = Vec::new();
        for op in branch {
            match &op.request {
                Some(Request::Range(range)) if range.key.is_empty() => return Err(errors::no_key()),
                Some(Request::Delete(delete)) if delete.key.is_empty() => {
                    return Err(errors::no_key());
                }
                Some(Request::Put(one)) => {
                    check_put(one)?;
                    put.push(&one.key);
                }
                Some(Request::Txn(txn)) => check(txn, left)?,
                None => return Err(errors::no_key()),
                _ => {}
            }
        }
        check_overlap(branch, put)?;
    }
    Ok(())
}

/// A key is put at most once, and not deleted beside.
fn check_overlap(branch: &[RequestOp], mut put: Vec<&[u8]>) -> Result<(), Status> {
    let duplicate = || errors::etcd(Code::InvalidArgument, "duplicate key given in txn request");
    put.sort_unstable();
    if put.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
        return Err(duplicate());
    }
    for op in branch {
        if let Some(Request::Delete(delete)) = &op.request {
            let range = etcd_inspect::answers::KeyRange::request(&delete.key, &delete.range_end);
            if put.iter().any(|key| range.contains(key)) {
                return Err(duplicate());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_key_has_version_zero_and_no_value() {
        let compare = |target, with, result| Compare {
            target,
            with,
            result,
            ..Compare::default()
        };
        assert!(compares(&compare(0, Some(Target::Version(0)), 0), None));
        assert!(compares(&compare(2, Some(Target::ModRevision(5)), 2), None));
        assert!(!compares(
            &compare(1, Some(Target::CreateRevision(0)), 3),
            None
        ));
    }
}
