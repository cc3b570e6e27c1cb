//! Bucket `lease`: leases that were granted and not revoked.
//!
//! Source: `server/lease/lessor.go, v3.5.30`.

use prost::Message as _;

use super::LeaseId;
use super::value::{bad, each, value_place};
use crate::bolt::Db;
use crate::codes::backend as codes;
use located::Place;
use located::Sink;

/// One lease.
///
/// The file contains no time of expiry: after an election every lease runs again for the granted seconds, or for those of its
/// last checkpoint. Up to 3.5 checkpoints are stored only with `--experimental-enable-lease-checkpoint-persist` (etcd#13508).
/// Only the keys name the lease that they are attached to: see [`Keyspace::leased`](crate::mvcc::Keyspace::leased).
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Lease {
    /// The id, from the value.
    pub id: LeaseId,
    /// Seconds it was granted for.
    pub ttl_seconds: i64,
    /// Seconds left at the last checkpoint; 0 if none was written.
    pub remaining_ttl_seconds: i64,
    /// The key it is stored under: the id, eight bytes big-endian.
    #[serde(skip)]
    pub key: Vec<u8>,
    /// Where its value starts.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// leasepb.Lease.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct StoredLease {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(int64, tag = "2")]
    ttl: i64,
    #[prost(int64, tag = "3")]
    remaining_ttl: i64,
}

impl Lease {
    /// Reads the bucket, in order of the ids as unsigned numbers; an unreadable lease is
    /// reported to `sink` and the others are returned.
    /// `unsafeGetAllLeases` in `server/lease/lessor.go`, v3.5.30, panics at a lease that it cannot decode.
    pub fn read_all(db: &Db<'_>, sink: &mut Sink<'_>) -> Vec<Self> {
        let (mut leases, mut items) = (Vec::new(), Vec::new());
        each(db, b"lease", sink, &mut |item| items.push(item));
        let bytes = db.file();
        for item in items {
            let place = value_place(bytes.file(), &item);
            match StoredLease::decode(item.value) {
                Ok(stored) => leases.push(Self {
                    id: LeaseId(stored.id),
                    ttl_seconds: stored.ttl,
                    remaining_ttl_seconds: stored.remaining_ttl,
                    key: item.key.to_vec(),
                    place: Some(place),
                }),
                Err(_) => bad(
                    sink,
                    &codes::LEASE_SHAPE,
                    place,
                    "a lease",
                    item.value,
                    "a leasepb.Lease",
                ),
            }
        }
        leases
    }
}
