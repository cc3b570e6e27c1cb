//! The service KV: ranges, writes, transactions, compactions.

use tonic::{Code, Status};

use super::errors;
use super::messages::{
    CompactionRequest, DeleteRequest, DeleteResponse, Kv, OnlyHeader, PutRequest, PutResponse,
    RangeRequest, RangeResponse,
};
use super::range::{live, range};
use super::store::{Batch, Store};

impl Store {
    /// `Range`.
    ///
    /// # Errors
    /// Those of etcd.
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Status> {
        if request.key.is_empty() {
            return Err(errors::no_key());
        }
        self.read(|keyspace, current| {
            let mut response = range(keyspace, request, current)?;
            response.header = self.header(current);
            Ok(response)
        })
    }

    /// `Put`.
    ///
    /// # Errors
    /// Those of etcd.
    pub fn put(&self, request: &PutRequest) -> Result<PutResponse, Status> {
        check_put(request)?;
        self.write(|batch| {
            let mut response = self.put_in(batch, request)?;
            response.header = self.header(batch.current());
            Ok(response)
        })
    }

    /// `DeleteRange`.
    ///
    /// # Errors
    /// Those of etcd.
    pub fn delete(&self, request: &DeleteRequest) -> Result<DeleteResponse, Status> {
        if request.key.is_empty() {
            return Err(errors::no_key());
        }
        self.write(|batch| {
            let mut response = delete_in(batch, request)?;
            response.header = self.header(batch.current());
            Ok(response)
        })
    }

    /// `Compact`.
    ///
    /// # Errors
    /// Those of etcd.
    pub fn compact(&self, request: &CompactionRequest) -> Result<OnlyHeader, Status> {
        self.write(|batch| {
            let compacted = batch.keyspace().compact_revision().unwrap_or(0);
            if request.revision <= compacted {
                return Err(errors::compacted());
            }
            if request.revision > batch.current() {
                return Err(errors::etcd(
                    Code::OutOfRange,
                    "mvcc: required revision is a future revision",
                ));
            }
            batch.compact(request.revision);
            Ok(OnlyHeader {
                header: self.header(batch.current()),
            })
        })
    }

    /// Puts within a transaction. `put` in `server/etcdserver/txn/txn.go`, v3.5.30.
    pub(super) fn put_in(
        &self,
        batch: &mut Batch<'_, '_, '_>,
        request: &PutRequest,
    ) -> Result<PutResponse, Status> {
        let (mut value, mut lease) = (request.value.clone(), request.lease);
        let before = {
            let keyspace = batch.keyspace();
            let found = live(&keyspace, &request.key, b"", None)?;
            found.first().map(Kv::from)
        };
        if request.ignore_value || request.ignore_lease {
            let Some(before) = &before else {
                return Err(errors::etcd(Code::InvalidArgument, "key not found"));
            };
            if request.ignore_value {
                value.clone_from(&before.value);
            }
            if request.ignore_lease {
                lease = before.lease;
            }
        }
        if lease != 0 && !self.has_lease(lease) {
            return Err(errors::no_lease());
        }
        batch.put(&request.key, &value, lease)?;
        Ok(PutResponse {
            header: None,
            prev_kv: before.filter(|_| request.prev_kv),
        })
    }
}

/// `checkPutRequest` in `server/etcdserver/api/v3rpc/key.go`, v3.5.30.
pub(super) fn check_put(request: &PutRequest) -> Result<(), Status> {
    if request.key.is_empty() {
        return Err(errors::no_key());
    }
    if request.ignore_value && !request.value.is_empty() {
        return Err(errors::etcd(Code::InvalidArgument, "value is provided"));
    }
    if request.ignore_lease && request.lease != 0 {
        return Err(errors::etcd(Code::InvalidArgument, "lease is provided"));
    }
    Ok(())
}

/// Deletes within a transaction, in byte order of the keys.
pub(super) fn delete_in(
    batch: &mut Batch<'_, '_, '_>,
    request: &DeleteRequest,
) -> Result<DeleteResponse, Status> {
    let found: Vec<Kv> = {
        let keyspace = batch.keyspace();
        let found = live(&keyspace, &request.key, &request.range_end, None)?;
        found.iter().map(Kv::from).collect()
    };
    for kv in &found {
        batch.delete(&kv.key)?;
    }
    Ok(DeleteResponse {
        header: None,
        deleted: i64::try_from(found.len()).unwrap_or(i64::MAX),
        prev_kvs: if request.prev_kv { found } else { Vec::new() },
    })
}
