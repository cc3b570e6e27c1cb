//! An entry that is applied without being decoded does what it does when it is decoded.

use etcd_inspect::RaftIndex;
use etcd_inspect::member::Member;
use etcd_inspect::raft::kv::{
    Compare, DeleteRangeRequest, Op, PutRequest, RangeRequest, RequestOp, Target, TxnRequest,
};
use etcd_inspect::raft::{EntryType, InternalRaftRequest, Payload};
use etcd_inspect::recover::{Nothing, Replay, ReplayedLease, State};
use prost::Message as _;

/// Applies entries both ways; how many of them were decoded.
fn assert_same(name: &str, state: &State, entries: &[(RaftIndex, EntryType, &[u8])]) -> u64 {
    let mut decoded = Replay::new(&Nothing, state.clone(), 1, -1);
    let mut plain = Replay::new(&Nothing, state.clone(), 1, -1);
    for (index, kind, data) in entries {
        let one = decoded.apply(*index, data, &Payload::decode(*kind, data));
        let other = plain.apply_data(*index, *kind, data);
        assert_eq!(one, other, "{name}: entry {index}");
        assert_eq!(
            decoded.changes().last(),
            plain.changes().last(),
            "{name}: entry {index}"
        );
    }
    assert_eq!(decoded.changes(), plain.changes(), "{name}");
    assert_eq!(decoded.state(), plain.state(), "{name}");
    assert_eq!(decoded.counts(), plain.counts(), "{name}");
    plain.decoded()
}

#[test]
fn entries_of_real_logs_do_the_same_and_hardly_one_is_decoded() {
    let (mut all, mut decoded) = (0, 0);
    for name in testkit::fixtures() {
        let data = testkit::fixture(&name).join("data");
        if !data.join("member/wal").is_dir() {
            continue;
        }
        let member = Member::open(&data).unwrap();
        let Some(wal) = member.wal() else { continue };
        let surviving = wal.log().surviving();
        let entries: Vec<_> = surviving
            .map(|entry| (entry.index, entry.kind, wal.data(entry)))
            .collect();
        let count = assert_same(&name, &State::of_new_member(), &entries);
        // With users or alarms the whole request is looked at.
        if name.starts_with("k8s") {
            all += entries.len() as u64;
            decoded += count;
        }
    }
    assert!(all > 5_000 && decoded * 20 < all, "{decoded} of {all}");
}

/// xorshift64*, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below<T: TryFrom<u64, Error: std::fmt::Debug>>(&mut self, end: u64) -> T {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        T::try_from((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end).unwrap()
    }

    fn key(&mut self) -> Vec<u8> {
        vec![b'a' + self.below::<u8>(4)]
    }

    fn number(&mut self) -> i64 {
        self.below(12)
    }

    fn put(&mut self) -> PutRequest {
        PutRequest {
            key: self.key(),
            value: self.key(),
            // Lease 7 is granted, 8 is not.
            lease: [0, 0, 7, 8][self.below::<usize>(4)],
            prev_kv: self.below::<u8>(2) == 0,
            ignore_value: self.below::<u8>(12) == 0,
            ..PutRequest::default()
        }
    }

    fn delete(&mut self) -> DeleteRangeRequest {
        DeleteRangeRequest {
            key: self.key(),
            range_end: if self.below::<u8>(6) == 0 {
                b"c".to_vec()
            } else {
                Vec::new()
            },
            ..DeleteRangeRequest::default()
        }
    }

    fn operations(&mut self) -> Vec<RequestOp> {
        let one = |random: &mut Self| match random.below::<u8>(4) {
            0 => Op::Range(RangeRequest {
                key: random.key(),
                ..RangeRequest::default()
            }),
            1 => Op::DeleteRange(random.delete()),
            _ => Op::Put(random.put()),
        };
        (0..self.below::<u8>(4))
            .map(|_| RequestOp {
                request: Some(one(self)),
            })
            .collect()
    }

    fn compare(&mut self) -> Compare {
        let target = self.below::<i32>(5);
        let target_union = Some(match target {
            0 => Target::Version(self.number() % 3),
            1 => Target::CreateRevision(self.number()),
            2 => Target::ModRevision(self.number()),
            3 => Target::Value(self.key()),
            _ => Target::Lease(self.below(8)),
        });
        Compare {
            result: self.below(4),
            target,
            key: self.key(),
            target_union,
            ..Compare::default()
        }
    }

    fn request(&mut self) -> InternalRaftRequest {
        let mut request = InternalRaftRequest::default();
        match self.below::<u8>(4) {
            0 => request.put = Some(Box::new(self.put())),
            1 => request.delete_range = Some(Box::new(self.delete())),
            _ => {
                request.txn = Some(Box::new(TxnRequest {
                    compare: (0..self.below::<u8>(3)).map(|_| self.compare()).collect(),
                    success: self.operations(),
                    failure: self.operations(),
                }));
            }
        }
        request
    }
}

#[test]
fn requests_with_conditions_leases_and_ranges_do_the_same() {
    let mut state = State::of_new_member();
    state.leases.0.insert(7, ReplayedLease::default());
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut plain, mut all) = (0, 0);
    for round in 0..200 {
        let entries: Vec<Vec<u8>> = (0..40).map(|_| random.request().encode_to_vec()).collect();
        let entries: Vec<_> = (1..)
            .map(RaftIndex)
            .zip(&entries)
            .map(|(index, data)| (index, EntryType::Normal, data.as_slice()))
            .collect();
        let decoded = assert_same(&format!("round {round}"), &state, &entries);
        all += entries.len() as u64;
        plain += entries.len() as u64 - decoded;
    }
    assert!(plain > all / 3 && plain < all, "{plain} of {all} are plain");
}
