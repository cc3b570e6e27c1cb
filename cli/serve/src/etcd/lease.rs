//! The service Lease.

use std::sync::PoisonError;
use std::time::Instant;

use tonic::{Code, Status};

use super::errors;
use super::messages::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveResponse, LeaseOnlyId, LeasesResponse,
    OnlyHeader, TimeToLiveRequest, TimeToLiveResponse,
};
use super::store::{Lease, Store, seconds};

/// Shortest time to live: etcd takes one and a half election timeouts.
const MIN_TTL: i64 = 2;

/// Longest time to live: `MaxLeaseTTL` in `server/lease/lessor.go`, v3.5.30.
const MAX_TTL: i64 = 9_000_000_000;

impl Store {
    fn leases(&self) -> std::sync::MutexGuard<'_, std::collections::BTreeMap<i64, Lease>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a lease exists.
    pub fn has_lease(&self, id: i64) -> bool {
        self.leases().contains_key(&id)
    }

    /// `LeaseGrant`.
    ///
    /// # Errors
    /// Those of etcd.
    pub fn grant(&self, request: &LeaseGrantRequest) -> Result<LeaseGrantResponse, Status> {
        if !self.is_scratch() {
            return Err(errors::read_only());
        }
        if request.ttl > MAX_TTL {
            return Err(errors::etcd(Code::OutOfRange, "too large lease TTL"));
        }
        let ttl = request.ttl.max(MIN_TTL);
        let mut leases = self.leases();
        let mut id = request.id;
        while id == 0 {
            id = Some(self.lease_ids.next())
                .filter(|next| !leases.contains_key(next))
                .unwrap_or(0);
        }
        if leases.contains_key(&id) {
            return Err(errors::etcd(
                Code::FailedPrecondition,
                "lease already exists",
            ));
        }
        let expires = Some(Instant::now() + seconds(ttl));
        leases.insert(
            id,
            Lease {
                granted: ttl,
                ttl,
                expires,
            },
        );
        drop(leases);
        Ok(LeaseGrantResponse {
            header: self.header_now()?,
            id,
            ttl,
        })
    }

    /// `LeaseRevoke`: its keys are deleted in byte order, as one transaction.
    ///
    /// # Errors
    /// Those of etcd.
    pub fn revoke(&self, request: &LeaseOnlyId) -> Result<OnlyHeader, Status> {
        if !self.is_scratch() {
            return Err(errors::read_only());
        }
        if self.leases().remove(&request.id).is_none() {
            return Err(errors::no_lease());
        }
        self.write(|batch| {
            let keys = attached(&batch.keyspace(), request.id);
            for key in keys {
                batch.delete(&key)?;
            }
            Ok(OnlyHeader {
                header: self.header(batch.current()),
            })
        })
    }

    /// Revokes the leases that have expired.
    pub fn expire(&self) {
        let now = Instant::now();
        let gone: Vec<i64> = self
            .leases()
            .iter()
            .filter(|(_, lease)| lease.expires.is_some_and(|expires| expires <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            let _ = self.revoke(&LeaseOnlyId { id });
        }
    }

    /// One message of `LeaseKeepAlive`: the answer for a lease that does not exist has no time to live.
    ///
    /// # Errors
    /// Those of etcd.
    pub fn keep_alive(&self, request: &LeaseOnlyId) -> Result<LeaseKeepAliveResponse, Status> {
        if !self.is_scratch() {
            return Err(errors::read_only());
        }
        let mut leases = self.leases();
        let ttl = leases.get_mut(&request.id).map_or(0, |lease| {
            lease.ttl = lease.granted;
            lease.expires = Some(Instant::now() + seconds(lease.granted));
            lease.granted
        });
        drop(leases);
        Ok(LeaseKeepAliveResponse {
            header: self.header_now()?,
            id: request.id,
            ttl,
        })
    }

    /// `LeaseTimeToLive`.
    ///
    /// # Errors
    /// The evidence cannot be read.
    pub fn time_to_live(&self, request: &TimeToLiveRequest) -> Result<TimeToLiveResponse, Status> {
        let known = self.leases().get(&request.id).copied();
        let mut response = TimeToLiveResponse {
            header: self.header_now()?,
            id: request.id,
            ttl: -1,
            ..TimeToLiveResponse::default()
        };
        if let Some(lease) = known {
            let left = lease
                .expires
                .map(|expires| expires.saturating_duration_since(Instant::now()));
            response.ttl = left.map_or(lease.ttl, |left| {
                i64::try_from(left.as_secs()).unwrap_or(lease.ttl)
            });
            response.granted_ttl = lease.granted;
            if request.keys {
                response.keys = self.read(|keyspace, _| Ok(attached(keyspace, request.id)))?;
            }
        }
        Ok(response)
    }

    /// `LeaseLeases`.
    ///
    /// # Errors
    /// The evidence cannot be read.
    pub fn all_leases(&self) -> Result<LeasesResponse, Status> {
        if !self.leases_are_known {
            return Err(errors::unknown("leases"));
        }
        let mut all: Vec<(i64, Option<Instant>)> = self
            .leases()
            .iter()
            .map(|(id, lease)| (*id, lease.expires))
            .collect();
        all.sort_by_key(|(_, expires)| *expires);
        Ok(LeasesResponse {
            header: self.header_now()?,
            leases: all.into_iter().map(|(id, _)| LeaseOnlyId { id }).collect(),
        })
    }
}

/// Keys that are attached to a lease, in byte order.
fn attached(keyspace: &etcd_inspect::answers::Keyspace<'_>, id: i64) -> Vec<Vec<u8>> {
    let leased = keyspace.leased();
    let own = leased.iter().filter(|(lease, _)| *lease == id);
    own.map(|(_, version)| version.key.to_vec()).collect()
}
