//! Range: keys at a revision, selected, sorted, cut.

use std::cmp::Ordering;

use etcd_inspect::answers::{KeyRange, Keyspace, Version};
use tonic::Status;

use super::errors;
use super::messages::{Kv, RangeRequest, RangeResponse};

impl From<&Version<'_>> for Kv {
    fn from(version: &Version<'_>) -> Self {
        let kv = version.key_value().unwrap_or_default();
        if version.tombstone {
            return Self {
                key: version.key.to_vec(),
                mod_revision: version.revision.main,
                ..Self::default()
            };
        }
        Self {
            key: version.key.to_vec(),
            create_revision: kv.create_revision,
            mod_revision: version.revision.main,
            version: kv.version,
            value: kv.value.to_vec(),
            lease: kv.lease,
        }
    }
}

/// The live versions of a range of keys at a revision: one key is looked up, more are searched.
pub fn live<'a>(
    keyspace: &Keyspace<'a>,
    key: &[u8],
    range_end: &[u8],
    revision: Option<i64>,
) -> Result<Vec<Version<'a>>, Status> {
    let found = if range_end.is_empty() {
        keyspace
            .get(key, revision)
            .map(|found| found.into_iter().collect())
    } else {
        let range = KeyRange::request(key, range_end);
        keyspace
            .live(&range, revision)
            .map(|live| live.iter().collect())
    };
    found.map_err(|error| errors::from_library(&error))
}

/// Answers a range, without its header. `newest` is the revision that is meant by none.
/// `executeRange` in `server/etcdserver/txn/txn.go`, v3.5.30.
pub fn range(
    keyspace: &Keyspace<'_>,
    request: &RangeRequest,
    newest: i64,
) -> Result<RangeResponse, Status> {
    let revision = match request.revision {
        revision if revision <= 0 => newest,
        revision if revision > newest => {
            return Err(errors::from_library(&etcd_inspect::Error::Future {
                revision: revision.into(),
                current: newest.into(),
            }));
        }
        revision => revision,
    };
    let versions = live(keyspace, &request.key, &request.range_end, Some(revision))?;
    let mut response = RangeResponse {
        count: i64::try_from(versions.len()).unwrap_or(i64::MAX),
        ..RangeResponse::default()
    };
    if request.count_only {
        return Ok(response);
    }
    let mut picked: Vec<&Version<'_>> = versions
        .iter()
        .filter(|version| is_between(version, request))
        .collect();
    sort(&mut picked, request);
    if let Some(limit) = usize::try_from(request.limit)
        .ok()
        .filter(|limit| *limit > 0)
    {
        response.more = picked.len() > limit;
        picked.truncate(limit);
    }
    response.kvs = picked.into_iter().map(Kv::from).collect();
    if request.keys_only {
        response.kvs.iter_mut().for_each(|kv| kv.value.clear());
    }
    Ok(response)
}

fn is_between(version: &Version<'_>, request: &RangeRequest) -> bool {
    let main = version.revision.main;
    let is_modified = (request.max_mod_revision == 0 || main <= request.max_mod_revision)
        && (request.min_mod_revision == 0 || main >= request.min_mod_revision);
    if request.max_create_revision == 0 && request.min_create_revision == 0 {
        return is_modified;
    }
    let created = version.key_value().map_or(0, |kv| kv.create_revision);
    is_modified
        && (request.max_create_revision == 0 || created <= request.max_create_revision)
        && (request.min_create_revision == 0 || created >= request.min_create_revision)
}

fn sort(picked: &mut [&Version<'_>], request: &RangeRequest) {
    let (is_sorted, is_descending) = match (request.sort_order, request.sort_target) {
        // Without an order keys are in ascending order already; another target sorts in ascending order.
        (0, 0) => (false, false),
        (2, _) => (true, true),
        _ => (true, false),
    };
    if !is_sorted {
        return;
    }
    let order = |a: &&Version<'_>, b: &&Version<'_>| -> Ordering {
        let (left, right) = (
            a.key_value().unwrap_or_default(),
            b.key_value().unwrap_or_default(),
        );
        match request.sort_target {
            1 => left.version.cmp(&right.version),
            2 => left.create_revision.cmp(&right.create_revision),
            3 => a.revision.main.cmp(&b.revision.main),
            4 => left.value.cmp(right.value),
            _ => a.key.cmp(b.key),
        }
    };
    match is_descending {
        true => picked.sort_by(|a, b| order(b, a)),
        false => picked.sort_by(order),
    }
}
