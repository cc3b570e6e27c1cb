//! Ids of requests, membership changes and leases say which process made them.

use located::MemberId;

/// What an id made by etcd's id generator says: `u16 of the member id ‖ 40 bits of unix ms ‖ 8-bit counter`, then counted up by
/// one for each request (`etcd/pkg/idutil/id.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proposer {
    /// The low 16 bits of the member's id.
    pub member_low16: u16,
    /// When its process started, in milliseconds since 1970, plus one for each 256 requests since: not when it asked.
    pub started_unix_ms: u64,
}

impl Proposer {
    /// `None` for 0, which no generator makes.
    ///
    /// ```
    /// use etcd_inspect_raftlog::raft::Proposer;
    /// let proposer = Proposer::of_id(0xabcd_9b60_6d1b_0001).expect("an id");
    /// assert_eq!(proposer.member_low16, 0xabcd);
    /// ```
    pub fn of_id(id: u64) -> Option<Self> {
        // 40 bits of milliseconds are 34.8 years; the current turn began in November 2004 and ends in September 2039.
        const TURN_MS: u64 = 1 << 40;
        let member_low16 = u16::try_from(id >> 48).ok()?;
        (id != 0).then_some(Self {
            member_low16,
            started_unix_ms: ((id >> 8) & (TURN_MS - 1)) + TURN_MS,
        })
    }

    /// The same for a lease id that the server chose: its bit 63 is cleared, so the member's bit 15 is unknown.
    pub fn of_lease(id: i64) -> Option<Self> {
        Self::of_id(u64::try_from(id).ok()?)
    }

    /// Whether that member can have made the id.
    pub fn is_member(&self, member_id: MemberId) -> bool {
        member_id.low16() == u64::from(self.member_low16)
    }
}
