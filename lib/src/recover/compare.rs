//! The conditions of a transaction, by etcd's own rules. Source: `server/etcdserver/apply.go`, v3.5.30.

use std::cmp::Ordering;

use super::layer::{KeySpan, Layer};
use crate::mvcc::KeyValue;
use crate::raft::kv::{Compare, Op, RequestOp, Target, TxnRequest};
use crate::raft::{Condition, PlainTarget};

const EQUAL: i32 = 0;
const GREATER: i32 = 1;
const LESS: i32 = 2;
const NOT_EQUAL: i32 = 3;
const VALUE: i32 = 3;

/// Which branch a transaction and the ones nested in that branch take, in the order they are met.
///
/// Every branch is chosen by the store as it is before the first operation.
pub fn branches(layer: &Layer<'_, '_>, txn: &TxnRequest) -> Vec<bool> {
    let mut path = Vec::new();
    choose(layer, txn, &mut path);
    path
}

/// The decoder limits the nesting of messages, and so this recursion.
fn choose(layer: &Layer<'_, '_>, txn: &TxnRequest, path: &mut Vec<bool>) {
    let holds = txn.compare.iter().all(|compare| holds(layer, compare));
    path.push(holds);
    for operation in branch(txn, holds) {
        if let Some(Op::Txn(nested)) = &operation.request {
            choose(layer, nested, path);
        }
    }
}

/// The operations of one branch.
pub fn branch(txn: &TxnRequest, holds: bool) -> &[RequestOp] {
    if holds { &txn.success } else { &txn.failure }
}

fn holds(layer: &Layer<'_, '_>, compare: &Compare) -> bool {
    let one = |key: &[u8]| layer.live(key).is_none_or(|kv| version_holds(compare, &kv));
    // A key that does not exist has no value, but all its numbers are 0: `applyCompare` in `server/etcdserver/apply.go`,
    // v3.5.30.
    let none = || compare.target != VALUE && version_holds(compare, &KeyValue::default());
    match KeySpan::new(&compare.key, &compare.range_end) {
        KeySpan::Key(key) => layer
            .live(key)
            .map_or_else(none, |kv| version_holds(compare, &kv)),
        span => {
            let keys = layer.live_in(span);
            if keys.is_empty() {
                none()
            } else {
                keys.iter().all(|key| one(key))
            }
        }
    }
}

/// Whether a condition of a plain transaction holds.
pub fn condition_holds(layer: &Layer<'_, '_>, condition: &Condition<'_>) -> bool {
    let order = |kv: &KeyValue<'_>| match condition.target {
        PlainTarget::Version(number) => kv.version.cmp(&number),
        PlainTarget::Create(number) => kv.create_revision.cmp(&number),
        PlainTarget::Mod(number) => kv.mod_revision.cmp(&number),
        PlainTarget::Value(value) => kv.value.cmp(value),
        PlainTarget::Lease(number) => kv.lease.cmp(&number),
    };
    let result = i32::try_from(condition.result).unwrap_or(i32::MAX);
    match layer.live(condition.key) {
        Some(kv) => result_holds(result, order(&kv)),
        None => {
            let has_value = matches!(condition.target, PlainTarget::Value(_));
            !has_value && result_holds(result, order(&KeyValue::default()))
        }
    }
}

/// What the target is not compared with counts as zero: etcd's getters answer so when the oneof holds another field.
fn version_holds(compare: &Compare, kv: &KeyValue<'_>) -> bool {
    let wanted = compare.target_union.as_ref();
    let number = |pick: fn(&Target) -> Option<i64>| wanted.and_then(pick).unwrap_or(0);
    let order = match compare.target {
        0 => kv.version.cmp(&number(|target| {
            if let Target::Version(n) = target {
                Some(*n)
            } else {
                None
            }
        })),
        1 => kv.create_revision.cmp(&number(|target| {
            if let Target::CreateRevision(n) = target {
                Some(*n)
            } else {
                None
            }
        })),
        2 => kv.mod_revision.cmp(&number(|target| {
            if let Target::ModRevision(n) = target {
                Some(*n)
            } else {
                None
            }
        })),
        VALUE => {
            let value: &[u8] = if let Some(Target::Value(value)) = wanted {
                value
            } else {
                &[]
            };
            kv.value.cmp(value)
        }
        4 => kv.lease.cmp(&number(|target| {
            if let Target::Lease(n) = target {
                Some(*n)
            } else {
                None
            }
        })),
        _ => Ordering::Equal,
    };
    result_holds(compare.result, order)
}

/// An unknown result holds: the switch of `compareKV` in `server/etcdserver/apply.go`, v3.5.30, has no default.
fn result_holds(result: i32, order: Ordering) -> bool {
    match result {
        EQUAL => order.is_eq(),
        NOT_EQUAL => order.is_ne(),
        GREATER => order.is_gt(),
        LESS => order.is_lt(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::layer::Nothing;
    use super::*;

    fn compare(target: i32, union: Option<Target>) -> Compare {
        Compare {
            result: EQUAL,
            target,
            key: b"k".to_vec(),
            range_end: Vec::new(),
            target_union: union,
        }
    }

    #[test]
    fn a_missing_key_has_version_zero_but_no_value() {
        let layer = Layer::new(&Nothing);
        assert!(holds(&layer, &compare(0, Some(Target::Version(0)))));
        assert!(holds(&layer, &compare(2, None)));
        assert!(!holds(
            &layer,
            &compare(VALUE, Some(Target::Value(Vec::new())))
        ));
    }
}
