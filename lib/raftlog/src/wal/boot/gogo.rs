//! Messages as gogo's generated code reads them: which errors it gives, and in what order.
//!
//! The difference matters: a length that passes the end of the message is `io.ErrUnexpectedEOF`, which etcd takes for a torn write
//! and repairs by cutting the log; every other error refuses. Source: `server/wal/walpb/record.pb.go`, v3.5.30,
//! `raft/raftpb/raft.pb.go`, v3.5.30.

/// Why a message cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GogoError {
    /// `io.ErrUnexpectedEOF`.
    UnexpectedEof,
    /// Any other error, with its text.
    Other(String),
}

impl GogoError {
    pub fn text(&self) -> &str {
        match self {
            Self::UnexpectedEof => "unexpected EOF",
            Self::Other(text) => text,
        }
    }
}

/// A message type: its name, and for each field the number, name and wire type (0 or 2).
pub(super) struct Message {
    pub name: &'static str,
    pub fields: &'static [(u64, &'static str, u64)],
}

pub(super) const RECORD: Message = Message {
    name: "Record",
    fields: &[(1, "Type", 0), (2, "Crc", 0), (3, "Data", 2)],
};
pub(super) const ENTRY: Message = Message {
    name: "Entry",
    fields: &[
        (1, "Type", 0),
        (2, "Term", 0),
        (3, "Index", 0),
        (4, "Data", 2),
    ],
};
pub(super) const STATE: Message = Message {
    name: "HardState",
    fields: &[(1, "Term", 0), (2, "Vote", 0), (3, "Commit", 0)],
};
/// Since 3.5 with a ConfState.
pub(super) const SNAPSHOT: Message = Message {
    name: "Snapshot",
    fields: &[(1, "Index", 0), (2, "Term", 0), (3, "ConfState", 2)],
};
pub(super) const SNAPSHOT_3_4: Message = Message {
    name: "Snapshot",
    fields: &[(1, "Index", 0), (2, "Term", 0)],
};
pub(super) const METADATA: Message = Message {
    name: "Metadata",
    fields: &[(1, "NodeID", 0), (2, "ClusterID", 0)],
};

/// The value of a known field: the last one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Result<u64, GogoError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(GogoError::UnexpectedEof)?;
            self.at = self.at.saturating_add(1);
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(GogoError::Other("proto: integer overflow".to_owned()))
    }

    fn bytes(&mut self) -> Result<&'a [u8], GogoError> {
        let len = self.varint()?;
        let end = i64::try_from(len)
            .ok()
            .and_then(|len| usize::try_from(len).ok())
            .and_then(|len| self.at.checked_add(len))
            .ok_or_else(negative)?;
        let bytes = self
            .bytes
            .get(self.at..end)
            .ok_or(GogoError::UnexpectedEof)?;
        self.at = end;
        Ok(bytes)
    }

    /// `skipRecord`: the value of a field that the message does not know.
    fn skip(&mut self) -> Result<(), GogoError> {
        let mut depth = 0u32;
        while self.at < self.bytes.len() {
            let tag = self.varint()?;
            match tag & 7 {
                0 => {
                    self.varint()?;
                }
                1 => self.at = self.at.saturating_add(8),
                2 => {
                    let len = self.varint()?;
                    let len = i64::try_from(len).map_err(|_| negative())?;
                    self.at = self
                        .at
                        .saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
                }
                3 => depth = depth.saturating_add(1),
                4 if depth == 0 => {
                    return Err(GogoError::Other(
                        "proto: unexpected end of group".to_owned(),
                    ));
                }
                4 => depth = depth.saturating_sub(1),
                5 => self.at = self.at.saturating_add(4),
                wire => {
                    return Err(GogoError::Other(format!("proto: illegal wireType {wire}")));
                }
            }
            if depth == 0 {
                return match self.at > self.bytes.len() {
                    true => Err(GogoError::UnexpectedEof),
                    false => Ok(()),
                };
            }
        }
        Err(GogoError::UnexpectedEof)
    }
}

fn negative() -> GogoError {
    GogoError::Other("proto: negative length found during unmarshaling".to_owned())
}

/// Reads a message; `set` gets each known field.
pub(super) fn read<'a>(
    message: &Message,
    bytes: &'a [u8],
    mut set: impl FnMut(u64, Value<'a>),
) -> Result<(), GogoError> {
    let mut reader = Reader { bytes, at: 0 };
    while reader.at < bytes.len() {
        let before = reader.at;
        let tag = reader.varint()?;
        // The number is kept in 32 bits.
        let number = (tag >> 3) & 0xffff_ffff;
        let wire = tag & 7;
        if wire == 4 {
            return Err(GogoError::Other(format!(
                "proto: {}: wiretype end group for non-group",
                message.name
            )));
        }
        if number == 0 || number > 0x7fff_ffff {
            return Err(GogoError::Other(format!(
                "proto: {}: illegal tag {} (wire type {tag})",
                message.name,
                signed(number)
            )));
        }
        let known = message.fields.iter().find(|field| field.0 == number);
        let Some(&(_, name, expected)) = known else {
            reader.at = before;
            reader.skip()?;
            continue;
        };
        if wire != expected {
            return Err(GogoError::Other(format!(
                "proto: wrong wireType = {wire} for field {name}"
            )));
        }
        let value = match expected {
            0 => Value::Number(reader.varint()?),
            _ => Value::Bytes(reader.bytes()?),
        };
        set(number, value);
    }
    Ok(())
}

fn signed(number: u64) -> i32 {
    let low = u32::try_from(number & 0xffff_ffff).unwrap_or(0);
    i32::from_ne_bytes(low.to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(bytes: &[u8]) -> Result<(), GogoError> {
        read(&RECORD, bytes, |_, _| {})
    }

    #[test]
    fn a_field_that_passes_the_end_is_an_unexpected_eof() {
        assert_eq!(record(&[8, 2, 0x1a, 5, 1]), Err(GogoError::UnexpectedEof));
        assert_eq!(record(&[8]), Err(GogoError::UnexpectedEof));
        assert_eq!(record(&[0x22, 9, 1]), Err(GogoError::UnexpectedEof));
    }

    #[test]
    fn every_other_error_has_its_own_text() {
        let other = |bytes: &[u8]| record(bytes).unwrap_err().text().to_owned();
        assert_eq!(other(&[0]), "proto: Record: illegal tag 0 (wire type 0)");
        assert_eq!(other(&[0x1e]), "proto: wrong wireType = 6 for field Data");
        assert_eq!(
            other(&[0x0c]),
            "proto: Record: wiretype end group for non-group"
        );
        assert_eq!(other(&[0xff; 11]), "proto: integer overflow");
        assert_eq!(other(&[0x26]), "proto: illegal wireType 6");
    }
}
