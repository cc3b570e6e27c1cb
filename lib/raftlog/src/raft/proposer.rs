//! The process that generated the id of a request, membership change or lease.

use located::MemberId;

/// The member that generated an id, and when its process started.
///
/// etcd generates ids as `low 16 bits of the member id ‖ 40 bits of Unix time in ms ‖ 8-bit counter` and adds one for each
/// request. Source: `pkg/idutil/id.go`, v3.5.30.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Proposer {
    /// The low 16 bits of the member's id.
    pub member_low16: u16,
    /// Start of its process in milliseconds since 1970, plus one for every 256 requests since; not the time of the request.
    pub started_unix_ms: u64,
}

impl Proposer {
    /// Parses the id of a request or membership change; `None` for 0, which is never generated.
    ///
    /// ```
    /// use etcd_inspect_raftlog::raft::Proposer;
    /// let proposer = Proposer::from_request_id(0xabcd_9b60_6d1b_0001).expect("an id");
    /// assert_eq!(proposer.member_low16, 0xabcd);
    /// ```
    pub fn from_request_id(id: u64) -> Option<Self> {
        // The generator keeps 40 bits of milliseconds, which wrap every 34.8 years: now from November 2004 to September 2039.
        const WRAP_MS: u64 = 1 << 40;
        let member_low16 = u16::try_from(id >> 48).ok()?;
        (id != 0).then_some(Self {
            member_low16,
            started_unix_ms: ((id >> 8) & (WRAP_MS - 1)) + WRAP_MS,
        })
    }

    /// Parses a lease id that the server chose. The server clears bit 63, so bit 15 of the member id is unknown.
    pub fn from_lease_id(id: i64) -> Option<Self> {
        Self::from_request_id(u64::try_from(id).ok()?)
    }

    /// Returns whether that member can have generated the id.
    pub fn is_member(&self, member_id: MemberId) -> bool {
        member_id.low16() == u64::from(self.member_low16)
    }
}
