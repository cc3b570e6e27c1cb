//! Fast path for puts, deletions of one key and transactions of those, read without copies: most entries of a log are
//! one of them.
//!
//! [`Plain::parse`] accepts only what etcd itself writes: every field once and in order, no unknown field, no other wire
//! type. Every other entry is left to [`Payload::decode`](super::Payload::decode). For a plain entry both return the same,
//! which a property test checks.

use located::wire::{Field, Fields, Value};

/// The value that a condition compares a field of a key with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainTarget<'a> {
    /// The version of the key.
    Version(i64),
    /// Its create revision.
    Create(i64),
    /// Its mod revision.
    Mod(i64),
    /// Its value.
    Value(&'a [u8]),
    /// Its lease.
    Lease(i64),
}

/// A condition on one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition<'a> {
    /// 0 equal, 1 greater, 2 less, 3 not equal.
    pub result: u64,
    /// The key.
    pub key: &'a [u8],
    /// The field and the value to compare it with.
    pub target: PlainTarget<'a>,
}

/// A put that replaces value and lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlainPut<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The new value.
    pub value: &'a [u8],
    /// The lease to attach the key to; 0: none.
    pub lease: i64,
}

/// One put or deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainWrite<'a> {
    /// A put.
    Put(PlainPut<'a>),
    /// Deletes one key.
    Delete(&'a [u8]),
}

/// A transaction of plain operations. Conditions and operations are parsed again at each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainTxn<'a> {
    message: &'a [u8],
}

/// The operation of a plain entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainKind<'a> {
    /// One put or delete.
    Write(PlainWrite<'a>),
    /// A transaction.
    Txn(PlainTxn<'a>),
}

/// A plain entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain<'a> {
    /// The request id, as [`Request::id`](super::Request::id) returns it.
    pub id: u64,
    /// Its operation.
    pub kind: PlainKind<'a>,
}

/// Iterates over the fields of a message in ascending order; yields `None` for the first field that is out of order,
/// or repeated without `repeated`.
struct Ordered<'a> {
    fields: Fields<'a>,
    last: u64,
    repeated: bool,
}

impl<'a> Ordered<'a> {
    fn new(message: &'a [u8]) -> Self {
        Self {
            fields: Fields::new(message),
            last: 0,
            repeated: false,
        }
    }

    fn repeated(message: &'a [u8]) -> Self {
        Self {
            repeated: true,
            ..Self::new(message)
        }
    }
}

impl<'a> Iterator for Ordered<'a> {
    type Item = Option<Field<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let field =
            self.fields.next()?.ok().filter(|field| {
                field.number > self.last || self.repeated && field.number == self.last
            });
        self.last = field.map_or(u64::MAX, |field| field.number);
        Some(field)
    }
}

impl<'a> Plain<'a> {
    /// Parses the data of an entry; `None` if it is not plain.
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        let (mut id, mut header, mut kind) = (0, None, None);
        for field in Ordered::new(data) {
            let field = field?;
            match (field.number, field.value, kind) {
                (1, Value::Varint(number), None) => id = number,
                (4, Value::Bytes(put), None) => kind = Some(PlainKind::Write(plain_put(put)?)),
                (5, Value::Bytes(delete), None) => {
                    kind = Some(PlainKind::Write(plain_delete(delete)?));
                }
                (6, Value::Bytes(txn), None) => kind = Some(PlainKind::Txn(PlainTxn::parse(txn)?)),
                (100, Value::Bytes(message), Some(_)) => header = Some(header_id(message)?),
                _ => return None,
            }
        }
        Some(Self {
            id: header.unwrap_or(id),
            kind: kind?,
        })
    }

    /// Iterates over every put, from both branches of a transaction.
    pub fn puts(&self) -> impl Iterator<Item = PlainPut<'a>> {
        let (one, txn) = match self.kind {
            PlainKind::Write(write) => (Some(write), None),
            PlainKind::Txn(txn) => (None, Some(txn)),
        };
        let of_txn = txn
            .into_iter()
            .flat_map(|txn| txn.branch(true).chain(txn.branch(false)));
        one.into_iter()
            .chain(of_txn)
            .filter_map(|write| match write {
                PlainWrite::Put(put) => Some(put),
                PlainWrite::Delete(_) => None,
            })
    }
}

/// Returns the id of a RequestHeader (id, user name, auth revision).
fn header_id(message: &[u8]) -> Option<u64> {
    let mut id = 0;
    for field in Ordered::new(message) {
        let field = field?;
        match (field.number, field.value) {
            (1, Value::Varint(number)) => id = number,
            (2, Value::Bytes(name)) if name.is_ascii() => {}
            (3, Value::Varint(_)) => {}
            _ => return None,
        }
    }
    Some(id)
}

fn plain_put(message: &[u8]) -> Option<PlainWrite<'_>> {
    let mut put = PlainPut::default();
    for field in Ordered::new(message) {
        let field = field?;
        match (field.number, field.value) {
            (1, Value::Bytes(key)) => put.key = key,
            (2, Value::Bytes(value)) => put.value = value,
            (3, Value::Varint(lease)) => put.lease = lease.cast_signed(),
            // prev_kv changes only the response.
            (4, Value::Varint(_)) => {}
            (5 | 6, Value::Varint(0)) => {}
            _ => return None,
        }
    }
    Some(PlainWrite::Put(put))
}

fn plain_delete(message: &[u8]) -> Option<PlainWrite<'_>> {
    let mut wanted: &[u8] = &[];
    for field in Ordered::new(message) {
        let field = field?;
        match (field.number, field.value) {
            (1, Value::Bytes(key)) => wanted = key,
            (2, Value::Bytes([])) => {}
            (3, Value::Varint(_)) => {}
            _ => return None,
        }
    }
    Some(PlainWrite::Delete(wanted))
}

/// Parses a RequestOp; `Some(None)` for a read of the newest revision, which changes nothing and never fails.
fn plain_op(message: &[u8]) -> Option<Option<PlainWrite<'_>>> {
    let mut fields = Ordered::new(message);
    let field = fields.next()??;
    if fields.next().is_some() {
        return None;
    }
    match (field.number, field.value) {
        (1, Value::Bytes(range)) => is_plain_range(range).then_some(None),
        (2, Value::Bytes(put)) => plain_put(put).map(Some),
        (3, Value::Bytes(delete)) => plain_delete(delete).map(Some),
        _ => None,
    }
}

fn is_plain_range(message: &[u8]) -> bool {
    Ordered::new(message).all(|field| {
        field.is_some_and(|field| match (field.number, field.value) {
            (1 | 2, Value::Bytes(_)) => true,
            (4, Value::Varint(revision)) => revision == 0,
            (3 | 5..=13, Value::Varint(_)) => true,
            _ => false,
        })
    })
}

fn condition(message: &[u8]) -> Option<Condition<'_>> {
    let (mut result, mut target, mut key, mut union) = (0, 0, &[][..], None);
    for field in Ordered::new(message) {
        let field = field?;
        match (field.number, field.value, union) {
            (1, Value::Varint(number @ 0..=3), _) => result = number,
            (2, Value::Varint(number @ 0..=4), _) => target = number,
            (3, Value::Bytes(bytes), _) => key = bytes,
            (4, Value::Varint(number), None) => {
                union = Some(PlainTarget::Version(number.cast_signed()))
            }
            (5, Value::Varint(number), None) => {
                union = Some(PlainTarget::Create(number.cast_signed()))
            }
            (6, Value::Varint(number), None) => {
                union = Some(PlainTarget::Mod(number.cast_signed()))
            }
            (7, Value::Bytes(value), None) => union = Some(PlainTarget::Value(value)),
            (8, Value::Varint(number), None) => {
                union = Some(PlainTarget::Lease(number.cast_signed()))
            }
            (64, Value::Bytes([]), _) => {}
            _ => return None,
        }
    }
    let union = union?;
    let named = match union {
        PlainTarget::Version(_) => 0,
        PlainTarget::Create(_) => 1,
        PlainTarget::Mod(_) => 2,
        PlainTarget::Value(_) => 3,
        PlainTarget::Lease(_) => 4,
    };
    (named == target).then_some(Condition {
        result,
        key,
        target: union,
    })
}

impl<'a> PlainTxn<'a> {
    fn parse(message: &'a [u8]) -> Option<Self> {
        for field in Ordered::repeated(message) {
            let field = field?;
            match (field.number, field.value) {
                (1, Value::Bytes(compare)) => drop(condition(compare)?),
                (2 | 3, Value::Bytes(operation)) => drop(plain_op(operation)?),
                _ => return None,
            }
        }
        Some(Self { message })
    }

    fn messages(self, wanted: u64) -> impl Iterator<Item = &'a [u8]> {
        Fields::new(self.message)
            .map_while(Result::ok)
            .filter_map(move |field| match field.value {
                Value::Bytes(message) if field.number == wanted => Some(message),
                _ => None,
            })
    }

    /// Iterates over the conditions.
    pub fn conditions(self) -> impl Iterator<Item = Condition<'a>> {
        self.messages(1).filter_map(condition)
    }

    /// Iterates over the writes to execute if all conditions are true, or if one is false.
    pub fn branch(self, success: bool) -> impl Iterator<Item = PlainWrite<'a>> {
        let messages = self.messages(if success { 2 } else { 3 });
        messages.filter_map(|message| plain_op(message).flatten())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::super::kv::{self, Op, RequestOp, TxnRequest};
    use super::super::{InternalRaftRequest, Operation, Request, RequestHeader};
    use super::*;

    fn writes_of(operations: &[RequestOp]) -> Vec<PlainWrite<'_>> {
        let mut writes = Vec::new();
        for operation in operations {
            writes.extend(match operation.request.as_ref() {
                Some(Op::Put(put)) => Some(PlainWrite::Put(PlainPut {
                    key: &put.key,
                    value: &put.value,
                    lease: put.lease,
                })),
                Some(Op::DeleteRange(delete)) => Some(PlainWrite::Delete(&delete.key)),
                _ => None,
            });
        }
        writes
    }

    fn assert_same(data: &[u8]) {
        let Some(plain) = Plain::parse(data) else {
            return;
        };
        let decoded = Request::decode(data);
        assert_eq!(plain.id, decoded.id());
        let Request::Internal(request) = &decoded else {
            panic!("{decoded:?} is plain");
        };
        match (request.operation(), plain.kind) {
            (Some(Operation::Put(put)), PlainKind::Write(PlainWrite::Put(plain))) => {
                assert_eq!(
                    (&*put.key, &*put.value, put.lease),
                    (plain.key, plain.value, plain.lease)
                );
                assert!(!put.ignore_value && !put.ignore_lease);
            }
            (Some(Operation::DeleteRange(delete)), PlainKind::Write(PlainWrite::Delete(key))) => {
                assert_eq!((&*delete.key, &*delete.range_end), (key, &[][..]));
            }
            (Some(Operation::Txn(txn)), PlainKind::Txn(plain)) => {
                assert_eq!(plain.conditions().count(), txn.compare.len());
                let success: Vec<_> = plain.branch(true).collect();
                let failure: Vec<_> = plain.branch(false).collect();
                assert_eq!(
                    (success, failure),
                    (writes_of(&txn.success), writes_of(&txn.failure))
                );
                for (plain, compare) in plain.conditions().zip(&txn.compare) {
                    assert_eq!(
                        (plain.key, plain.result),
                        (&*compare.key, compare.result as u64)
                    );
                    let same = match (plain.target, compare.target_union.as_ref().unwrap()) {
                        (PlainTarget::Version(a), kv::Target::Version(b))
                        | (PlainTarget::Create(a), kv::Target::CreateRevision(b))
                        | (PlainTarget::Mod(a), kv::Target::ModRevision(b))
                        | (PlainTarget::Lease(a), kv::Target::Lease(b)) => a == *b,
                        (PlainTarget::Value(a), kv::Target::Value(b)) => a == b,
                        _ => false,
                    };
                    assert!(same && compare.range_end.is_empty());
                }
            }
            other => panic!("{other:?}"),
        }
    }

    fn cas() -> InternalRaftRequest {
        let put = kv::PutRequest {
            key: b"k".to_vec(),
            value: b"v".to_vec(),
            lease: 7,
            ..Default::default()
        };
        let compare = kv::Compare {
            target: 2,
            key: b"k".to_vec(),
            target_union: Some(kv::Target::ModRevision(0)),
            ..Default::default()
        };
        let range = kv::RangeRequest {
            key: b"k".to_vec(),
            ..Default::default()
        };
        InternalRaftRequest {
            header: Some(RequestHeader {
                id: 9,
                ..Default::default()
            }),
            txn: Some(Box::new(TxnRequest {
                compare: vec![compare],
                success: vec![RequestOp {
                    request: Some(Op::Put(put)),
                }],
                failure: vec![RequestOp {
                    request: Some(Op::Range(range)),
                }],
            })),
            ..Default::default()
        }
    }

    #[test]
    fn the_transaction_of_an_api_server_is_plain() {
        let data = cas().encode_to_vec();
        let plain = Plain::parse(&data).unwrap();
        assert_eq!(plain.id, 9);
        assert_eq!(plain.puts().count(), 1);
        assert_same(&data);
    }

    #[test]
    fn what_reads_an_older_revision_or_keeps_a_value_is_not() {
        let mut request = cas();
        let txn = request.txn.as_mut().unwrap();
        if let Some(Op::Range(range)) = &mut txn.failure[0].request {
            range.revision = 3;
        }
        assert_eq!(Plain::parse(&request.encode_to_vec()), None);
        let mut request = cas();
        let txn = request.txn.as_mut().unwrap();
        if let Some(Op::Put(put)) = &mut txn.success[0].request {
            put.ignore_value = true;
        }
        assert_eq!(Plain::parse(&request.encode_to_vec()), None);
    }

    proptest! {
        #[test]
        fn whatever_is_plain_decodes_to_the_same(at in 0usize..64, byte: u8, cut in 0usize..64) {
            let mut data = cas().encode_to_vec();
            let at = at % data.len();
            data[at] = byte;
            assert_same(&data);
            data.truncate(data.len().saturating_sub(cut));
            assert_same(&data);
        }
    }
}
