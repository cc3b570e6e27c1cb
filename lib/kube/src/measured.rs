//! The times in an object that were written as they were taken: what a clock of revisions is made of.
//!
//! kube-apiserver sets `creationTimestamp` and the `time` of a managed field set that changed within the request that it then stores
//! (`rest.BeforeCreate` in apiserver `pkg/registry/rest/create.go`, `NewBuildManagerInfoManager` in
//! `pkg/endpoints/handlers/fieldmanager/buildmanagerinfo.go`, v0.20.2); who renews a Lease writes it at once. Other times may be
//! as old as the object: they only say that the write is not older.

mod token;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;

use super::Value;
use super::decode::wire::{Payload, record};

/// What took the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MeasuredBy {
    /// Who renewed a Lease.
    Lease,
    /// Who recorded an Event, or the API server that stored it.
    Event,
    /// The API server that stored the object.
    Object,
    /// The API server that received the request to delete the object. It stores `deletionTimestamp` less precisely.
    Deletion,
    /// Who issued a token that a Secret contains: `iat` of RFC 7519.
    Token,
}

/// A time in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The moment, cut to its precision.
    pub time: Timestamp,
    /// How much later than `time` the moment may be: one second for most fields.
    pub precision: SignedDuration,
    /// Whose clock it is.
    pub by: MeasuredBy,
    /// Whether it was written as it was taken. If not, the write is not older, and nothing more is known.
    pub is_fresh: bool,
}

/// The times in the metadata of one version, and those of Leases and Events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    created: Option<i64>,
    /// The moment of the request: `deletionTimestamp` without the grace period.
    deleted: Option<i64>,
    /// The newest time of a managed field set.
    managed: Option<i64>,
    renewed: Option<Timestamp>,
    observed: Option<Timestamp>,
    /// The newest `iat` of a token in a Secret.
    issued: Option<i64>,
    is_event: bool,
}

impl Times {
    /// Reads the times of a value that is stored in plain text, and nothing else of it. `None` if it is no object.
    ///
    /// ```
    /// use etcd_inspect_kube::measured::Times;
    /// let stored = br#"{"kind":"Widget","metadata":{"creationTimestamp":"2026-11-21T01:14:44Z"}}"#;
    /// let times = Times::read(stored).unwrap();
    /// assert!(times.measured(None, true)[0].is_fresh);
    /// assert_eq!(times.measured(None, true)[0].time.to_string(), "2026-11-21T01:14:44Z");
    /// ```
    pub fn read(stored: &[u8]) -> Option<Self> {
        match Value::parse(stored).ok()? {
            Value::Protobuf(unknown) => {
                let mut times = Self {
                    is_event: unknown.kind == "Event",
                    ..Self::default()
                };
                let is_lease = unknown.kind == "Lease";
                let is_secret = unknown.kind == "Secret";
                fields(unknown.raw, &mut |number, field| match (number, field) {
                    // Every object of Kubernetes has its metadata in field 1.
                    (1, FieldValue::Bytes(metadata)) => times.metadata(metadata),
                    (2, FieldValue::Bytes(spec)) if is_lease => times.renewed = renewed(spec),
                    // Secret of v1: data, a map of bytes.
                    (2, FieldValue::Bytes(entry)) if is_secret => {
                        fields(entry, &mut |number, field| {
                            if let (2, FieldValue::Bytes(value)) = (number, field) {
                                times.issued = times.issued.max(token::issued(value));
                            }
                        })
                    }
                    // Event of v1: firstTimestamp, lastTimestamp, eventTime.
                    (6 | 7 | 10, FieldValue::Bytes(time)) if times.is_event => {
                        times.observed = times.observed.max(moment(time));
                    }
                    _ => {}
                });
                Some(times)
            }
            value @ (Value::Json(_) | Value::Cbor(_)) => {
                let object = value.object(super::Options::default()).ok()?;
                Some(Self::of_object(&object.into_json().ok()?))
            }
            Value::Encrypted(_) | Value::Other(_) => None,
        }
    }

    fn metadata(&mut self, metadata: &[u8]) {
        let mut grace = 0;
        fields(metadata, &mut |number, field| match (number, field) {
            (8, FieldValue::Bytes(time)) => self.created = seconds(time),
            (9, FieldValue::Bytes(time)) => self.deleted = seconds(time),
            (10, FieldValue::Number(period)) => grace = period.cast_signed(),
            (17, FieldValue::Bytes(entry)) => fields(entry, &mut |number, field| {
                if let (4, FieldValue::Bytes(time)) = (number, field) {
                    self.managed = self.managed.max(seconds(time));
                }
            }),
            _ => {}
        });
        self.deleted = self.deleted.map(|deleted| deleted.saturating_sub(grace));
    }

    fn of_object(object: &Json) -> Self {
        let time = |value: Option<&Json>| -> Option<Timestamp> { value?.as_str()?.parse().ok() };
        let at = |pointer: &str| time(object.pointer(pointer));
        let kind = object.get("kind").and_then(Json::as_str);
        let is_event = kind == Some("Event");
        let grace = object.pointer("/metadata/deletionGracePeriodSeconds");
        let grace = grace.and_then(Json::as_i64).unwrap_or(0);
        let managed = object
            .pointer("/metadata/managedFields")
            .and_then(Json::as_array);
        let managed = managed.into_iter().flatten();
        let observed = ["/firstTimestamp", "/lastTimestamp", "/eventTime"];
        Self {
            created: at("/metadata/creationTimestamp").map(Timestamp::as_second),
            deleted: at("/metadata/deletionTimestamp")
                .map(|deleted| deleted.as_second().saturating_sub(grace)),
            managed: managed
                .filter_map(|entry| time(entry.get("time")))
                .map(Timestamp::as_second)
                .max(),
            renewed: (kind == Some("Lease"))
                .then(|| at("/spec/renewTime"))
                .flatten(),
            observed: match is_event {
                true => observed.iter().filter_map(|field| at(field)).max(),
                false => None,
            },
            issued: (kind == Some("Secret"))
                .then(|| token::issued_in(object))
                .flatten(),
            is_event,
        }
    }

    /// What this version says of the moment of its write. `before`: the times of the version before, if that is known;
    /// `is_first`: whether the write created the key.
    pub fn measured(&self, before: Option<&Times>, is_first: bool) -> Vec<Measured> {
        let by = match self.is_event {
            true => MeasuredBy::Event,
            false => MeasuredBy::Object,
        };
        let mut all = Vec::new();
        let mut add = |time: Option<Timestamp>, precision, by, is_fresh| {
            all.extend(time.map(|time| Measured {
                time,
                precision,
                by,
                is_fresh,
            }));
        };
        let second = SignedDuration::from_secs(1);
        let of = |seconds: Option<i64>| Timestamp::from_second(seconds?).ok();
        let is_new = |mine: Option<i64>, old: fn(&Times) -> Option<i64>| {
            before.is_some_and(|before| mine > old(before))
        };
        add(of(self.created), second, by, is_first);
        let managed = is_new(self.managed, |times| times.managed) && !is_first;
        add(of(self.managed), second, by, managed);
        if self.deleted.is_some() {
            let deleted = is_new(self.deleted, |times| times.deleted);
            add(of(self.deleted), second, MeasuredBy::Deletion, deleted);
        }
        let renewed = before.is_none_or(|before| self.renewed > before.renewed);
        let micro = SignedDuration::from_micros(1);
        add(self.renewed, micro, MeasuredBy::Lease, renewed);
        add(self.observed, second, MeasuredBy::Event, false);
        // A token may be stored long after it was issued.
        add(of(self.issued), second, MeasuredBy::Token, false);
        all
    }
}

enum FieldValue<'a> {
    Bytes(&'a [u8]),
    Number(u64),
}

/// Calls `each` with the fields of a message; stops at the first that cannot be read.
fn fields<'a>(message: &'a [u8], each: &mut dyn FnMut(u32, FieldValue<'a>)) {
    let mut at = 0;
    while at < message.len() {
        let Ok(field) = record(message, at, 0) else {
            return;
        };
        at = field.end;
        match field.payload {
            Payload::Bytes(start, end) => {
                let bytes = message.get(start..end).unwrap_or_default();
                each(field.number, FieldValue::Bytes(bytes));
            }
            Payload::Varint(number) => each(field.number, FieldValue::Number(number)),
            _ => {}
        }
    }
}

/// `meta.v1.Time` in whole seconds, as JSON shows it; an empty message is no time.
fn seconds(time: &[u8]) -> Option<i64> {
    moment(time).map(Timestamp::as_second)
}

/// `meta.v1.Time` and `meta.v1.MicroTime`: seconds and nanoseconds.
fn moment(time: &[u8]) -> Option<Timestamp> {
    let (mut second, mut nanos) = (None, 0);
    fields(time, &mut |number, field| match (number, field) {
        (1, FieldValue::Number(value)) => second = Some(value.cast_signed()),
        (2, FieldValue::Number(value)) => nanos = i32::try_from(value).unwrap_or(0),
        _ => {}
    });
    Timestamp::new(second?, nanos).ok()
}

/// `spec.renewTime` of a Lease.
fn renewed(spec: &[u8]) -> Option<Timestamp> {
    let mut renewed = None;
    fields(spec, &mut |number, field| {
        if let (4, FieldValue::Bytes(time)) = (number, field) {
            renewed = moment(time);
        }
    });
    renewed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn times(object: Json) -> Times {
        Times::read(object.to_string().as_bytes()).unwrap()
    }

    fn fresh(times: &Times, before: Option<&Times>, is_first: bool) -> Vec<String> {
        let all = times.measured(before, is_first);
        let fresh = all.iter().filter(|measured| measured.is_fresh);
        fresh.map(|measured| measured.time.to_string()).collect()
    }

    #[test]
    fn a_field_set_time_counts_only_if_this_write_changed_it() {
        let version = |time: &str| {
            times(
                json!({"kind": "Pod", "metadata": {"creationTimestamp": "2026-11-21T01:00:00Z",
                "managedFields": [{"manager": "a", "time": time}]}}),
            )
        };
        let old = version("2026-11-21T01:00:05Z");
        let new = version("2026-11-21T01:00:09Z");
        assert_eq!(fresh(&new, Some(&old), false), ["2026-11-21T01:00:09Z"]);
        assert!(fresh(&new, Some(&new), false).is_empty());
        assert!(fresh(&new, None, false).is_empty());
        assert_eq!(fresh(&new, None, true), ["2026-11-21T01:00:00Z"]);
    }

    #[test]
    fn the_grace_period_of_a_deletion_is_taken_off() {
        let alive = times(json!({"kind": "Pod", "metadata": {}}));
        let dying = times(json!({"kind": "Pod", "metadata":
            {"deletionTimestamp": "2026-11-21T01:00:30Z", "deletionGracePeriodSeconds": 30}}));
        assert_eq!(fresh(&dying, Some(&alive), false), ["2026-11-21T01:00:00Z"]);
        assert!(fresh(&dying, Some(&dying), false).is_empty());
    }

    #[test]
    fn protobuf_and_json_give_the_same_times() {
        // Lease: metadata {creationTimestamp {1000}}, spec {renewTime {2000, 5000 ns}}.
        let mut stored = b"k8s\0\x0a\x0b\x0a\x02v1\x12\x05Lease\x12\x11".to_vec();
        stored.extend(b"\x0a\x05\x42\x03\x08\xe8\x07\x12\x08\x22\x06\x08\xd0\x0f\x10\x88\x27");
        let times = Times::read(&stored).unwrap();
        assert_eq!(times.created, Some(1000));
        assert_eq!(times.renewed, Timestamp::new(2000, 5000).ok());
    }
}
