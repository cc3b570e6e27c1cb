//! Bucket `alarm`: alarms that were raised and not disarmed. They survive restarts and `snapshot restore`.
//!
//! Source: `server/etcdserver/api/v3alarm/alarms.go, v3.5.30`. The alarm of a member that was removed stays (etcd#14379).

use prost::Message as _;

use super::MemberId;
use super::value::{bad, each, value_place};
use crate::bolt::Db;
use crate::codes::backend as codes;
use located::Place;
use located::Sink;

/// One alarm. It is a key without a value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Alarm {
    /// The member that the alarm names; 0 in a CORRUPT alarm if no majority agrees on which member is wrong (etcd#14272,
    /// etcd#14849).
    #[serde(rename = "memberID")]
    pub member_id: MemberId,
    /// The kind of alarm.
    pub alarm: AlarmType,
    /// Where its key starts.
    #[serde(skip)]
    pub place: Option<Place>,
}

/// The kind of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AlarmType {
    /// 1: the quota of the db is used up; writes are refused.
    NoSpace,
    /// 2: members disagree; writes are refused.
    Corrupt,
    /// Anything else.
    Other(i32),
}

impl AlarmType {
    /// The number in etcd's messages.
    pub fn number(self) -> i32 {
        match self {
            Self::NoSpace => 1,
            Self::Corrupt => 2,
            Self::Other(number) => number,
        }
    }
}

impl std::fmt::Display for AlarmType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoSpace => f.write_str("NOSPACE"),
            Self::Corrupt => f.write_str("CORRUPT"),
            Self::Other(number) => write!(f, "alarm {number}"),
        }
    }
}

impl serde::Serialize for AlarmType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// etcdserverpb.AlarmMember.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct StoredAlarm {
    #[prost(uint64, tag = "1")]
    member_id: u64,
    #[prost(int32, tag = "2")]
    alarm: i32,
}

impl Alarm {
    /// Reads the bucket; an unreadable alarm is reported to `sink` and the others are returned.
    /// The key is the message, and the value is empty: `Activate` in `server/etcdserver/api/v3alarm/alarms.go`, v3.5.30.
    pub fn read_all(db: &Db<'_>, sink: &mut Sink<'_>) -> Vec<Self> {
        let (mut alarms, mut items) = (Vec::new(), Vec::new());
        each(db, b"alarm", sink, &mut |item| items.push(item));
        let bytes = db.file();
        for item in items {
            let place = Place::at(bytes.file(), item.offset).on_page(item.page.0);
            match StoredAlarm::decode(item.key) {
                Ok(stored) => alarms.push(Self {
                    member_id: MemberId(stored.member_id),
                    alarm: match stored.alarm {
                        1 => AlarmType::NoSpace,
                        2 => AlarmType::Corrupt,
                        other => AlarmType::Other(other),
                    },
                    place: Some(place),
                }),
                Err(_) => {
                    let place = value_place(bytes.file(), &item);
                    bad(
                        sink,
                        &codes::ALARM_UNREADABLE,
                        place,
                        "an alarm",
                        item.key,
                        "an AlarmMember",
                    );
                }
            }
        }
        alarms
    }
}
