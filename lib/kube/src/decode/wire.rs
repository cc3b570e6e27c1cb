//! Protobuf records as gogo/protobuf of Kubernetes reads them: tag, payload, next.
//!
//! Not [`located::wire`], for three reasons. gogo drops the bits of a varint beyond the 64th, where raft's reader refuses
//! them; it skips groups; and objects have thousands of small fields, for which a branch on tag and length together
//! ([`record`]) is faster than one on each.

use super::fault::Fault;

/// The largest field number protobuf knows.
const MAX_NUMBER: u64 = (1 << 29) - 1;

/// What follows a tag.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Payload {
    Varint(u64),
    Fixed64(u64),
    /// Offsets of the bytes, without the length.
    Bytes(usize, usize),
    Fixed32(u32),
    /// A group of proto2, which Kubernetes never writes: stepped over, as `skipGenerated` in apimachinery
    /// `pkg/apis/meta/v1/generated.pb.go`, v0.34.0, does, which counts how deep it is in groups.
    Group,
}

/// One tag and what belongs to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) number: u32,
    pub(crate) payload: Payload,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A varint and the offset after it.
#[inline]
pub(crate) fn varint(data: &[u8], at: usize) -> Option<(u64, usize)> {
    match data.get(at) {
        Some(&byte) if byte < 0x80 => Some((u64::from(byte), at + 1)),
        Some(_) => long_varint(data, at),
        None => None,
    }
}

/// At most ten bytes; bits beyond the 64th are dropped, as Go does: `skipGenerated` in apimachinery
/// `pkg/apis/meta/v1/generated.pb.go`, v0.34.0, refuses a shift of 64, and `|=` of a shifted byte loses what is above.
fn long_varint(data: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for (index, &byte) in data.get(at..)?.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((value, at + index + 1));
        }
    }
    None
}

/// Reads the record at `at`; `base` is the offset of `data` in the value, for errors.
///
/// The fast path, a tag of one byte and a payload of one or two, is nearly every record there is.
#[inline]
pub(crate) fn record(data: &[u8], at: usize, base: usize) -> Result<Record, Fault> {
    let Some(&[tag @ 8..0x80, first, second]) = data.get(at..at.wrapping_add(3)) else {
        return any_record(data, at, base);
    };
    let (value, body) = match (first, second) {
        (0..0x80, _) => (u64::from(first), at + 2),
        (_, 0..0x80) => (u64::from(first & 0x7f) | u64::from(second) << 7, at + 3),
        _ => return any_record(data, at, base),
    };
    let (payload, end) = match tag & 7 {
        0 => (Payload::Varint(value), body),
        2 => {
            let end = body + usize::try_from(value).unwrap_or(usize::MAX);
            (Payload::Bytes(body, end), end)
        }
        _ => return any_record(data, at, base),
    };
    if end > data.len() {
        return any_record(data, at, base);
    }
    Ok(Record {
        number: u32::from(tag >> 3),
        payload,
        start: at,
        end,
    })
}

#[inline(never)]
fn any_record(data: &[u8], at: usize, base: usize) -> Result<Record, Fault> {
    let (tag, body) = varint(data, at).ok_or_else(|| bad_varint(data, at, base, "field tag"))?;
    let number = tag >> 3;
    if number == 0 || number > MAX_NUMBER {
        let seen = format!("field number {number} is not possible");
        return Err(Fault::malformed("field tag", base + at, seen));
    }
    let number = u32::try_from(number).unwrap_or_default();
    let (payload, end) = match tag & 7 {
        0 => varint(data, body)
            .map(|(value, end)| (Payload::Varint(value), end))
            .ok_or_else(|| bad_varint(data, body, base, "varint"))?,
        2 => {
            let (len, from) =
                varint(data, body).ok_or_else(|| bad_varint(data, body, base, "field length"))?;
            let end = usize::try_from(len)
                .ok()
                .and_then(|len| from.checked_add(len))
                .filter(|&end| end <= data.len())
                .ok_or_else(|| Fault::truncated("field", base + from, len, data.len() - from))?;
            (Payload::Bytes(from, end), end)
        }
        1 => (
            Payload::Fixed64(u64::from_le_bytes(fixed(data, body, base)?)),
            body + 8,
        ),
        5 => (
            Payload::Fixed32(u32::from_le_bytes(fixed(data, body, base)?)),
            body + 4,
        ),
        3 => (Payload::Group, skip_group(data, body, base)?),
        other => {
            let seen = format!("wire type {other} of field {number} is not possible");
            return Err(Fault::malformed("field tag", base + at, seen));
        }
    };
    Ok(Record {
        number,
        payload,
        start: at,
        end,
    })
}

fn fixed<const N: usize>(data: &[u8], at: usize, base: usize) -> Result<[u8; N], Fault> {
    data.get(at..at.saturating_add(N))
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            Fault::truncated(
                "fixed field",
                base + at,
                N as u64,
                data.len().saturating_sub(at),
            )
        })
}

#[cold]
fn bad_varint(data: &[u8], at: usize, base: usize, what: &'static str) -> Fault {
    let have = data.len().saturating_sub(at);
    if have < 10 {
        Fault::truncated(what, base + at, have as u64 + 1, have)
    } else {
        Fault::malformed(what, base + at, "a varint of more than ten bytes")
    }
}

/// The offset after the end tag of the group whose body begins at `at`. Iterative: groups nest as deep as they like.
fn skip_group(data: &[u8], mut at: usize, base: usize) -> Result<usize, Fault> {
    let mut open = 1_usize;
    while open > 0 {
        let (tag, body) = varint(data, at).ok_or_else(|| bad_varint(data, at, base, "group"))?;
        at = match tag & 7 {
            3 => {
                open += 1;
                body
            }
            4 => {
                open -= 1;
                body
            }
            _ => record(data, at, base)?.end,
        };
    }
    Ok(at)
}

/// Walks every record once: whether the numbers never descend, as Kubernetes writes them.
pub(crate) fn is_ordered(data: &[u8], base: usize) -> Result<bool, Fault> {
    let (mut at, mut last, mut ordered) = (0, 0, true);
    while at < data.len() {
        // Nearly every record: a tag and a length, or a tag and a small number, of one byte each.
        let (number, end) = match data.get(at..at + 2) {
            Some(&[tag @ 8..0x80, len @ ..0x80]) if tag & 5 == 0 => {
                let skip = if tag & 2 == 0 { 0 } else { usize::from(len) };
                (u32::from(tag >> 3), at + 2 + skip)
            }
            _ => {
                let record = record(data, at, base)?;
                (record.number, record.end)
            }
        };
        ordered &= number >= last;
        last = number;
        at = end;
    }
    if at > data.len() {
        return Err(overrun(data, base));
    }
    Ok(ordered)
}

/// The record whose length goes beyond the end.
#[cold]
fn overrun(data: &[u8], base: usize) -> Fault {
    match records(data, base) {
        Err(fault) => fault,
        Ok(_) => Fault::malformed("field", base, "a length beyond the end"),
    }
}

/// The same records by ascending number; those of one number keep their order.
pub(crate) fn reordered(data: &[u8], base: usize) -> Result<Vec<u8>, Fault> {
    let mut records = records(data, base)?;
    records.sort_by_key(|record| record.number);
    let parts = records
        .iter()
        .filter_map(|record| data.get(record.start..record.end));
    Ok(parts.flatten().copied().collect())
}

/// All records. Each takes two bytes or more, so the list is bounded by the value's size.
pub(crate) fn records(data: &[u8], base: usize) -> Result<Vec<Record>, Fault> {
    let (mut at, mut all) = (0, Vec::new());
    while at < data.len() {
        let record = record(data, at, base)?;
        at = record.end;
        all.push(record);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_ends_before_its_length_says_where_and_how_much() {
        let fault = record(&[0x0a, 5, 1, 2], 0, 0x10).unwrap_err();
        assert_eq!(
            fault.to_string(),
            "byte 0x12: field needs 5 bytes, 2 are left"
        );
    }

    #[test]
    fn a_negative_number_takes_ten_bytes_and_an_eleventh_is_refused() {
        let mut bytes = vec![0x08];
        bytes.extend([0xff; 9]);
        bytes.push(1);
        assert_eq!(
            record(&bytes, 0, 0).unwrap().payload,
            Payload::Varint(u64::MAX)
        );
        bytes.pop();
        bytes.extend([0x80, 1]);
        assert!(record(&bytes, 0, 0).is_err());
    }

    #[test]
    fn groups_are_stepped_over_however_deep_they_nest() {
        let mut bytes = vec![0x0b; 100_000];
        bytes.extend(vec![0x0c; 100_000]);
        assert_eq!(record(&bytes, 0, 0).unwrap().end, 200_000);
        bytes.pop();
        assert!(record(&bytes, 0, 0).is_err());
    }

    #[test]
    fn descending_numbers_are_put_in_order_and_equal_ones_keep_theirs() {
        let bytes = [0x10, 1, 0x08, 2, 0x10, 3];
        assert!(!is_ordered(&bytes, 0).unwrap());
        assert_eq!(reordered(&bytes, 0).unwrap(), [0x08, 2, 0x10, 1, 0x10, 3]);
    }
}
