//! The wire format of protobuf, read field by field.
//!
//! Values are slices of the message, and offsets are known: checksums are computed over the original bytes, and the payload
//! of an entry remains a slice of the file.

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireError {
    /// The bytes end within a number.
    NumberCut,
    /// A number has more than ten bytes, or more than 64 bits.
    NumberTooLong,
    /// A field number is 0, or greater than 2²⁹ − 1.
    FieldNumber,
    /// A group, or one of the wire types that do not exist.
    WireType,
    /// A known field has another wire type than its message declares.
    WrongWireType,
    /// A length, or a number of fixed length, goes beyond the end of the message.
    Length,
}

impl WireError {
    /// Whether the message could be sound if it went on after its end.
    pub fn is_cut(self) -> bool {
        matches!(self, Self::NumberCut | Self::Length)
    }
}

impl std::fmt::Display for WireError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str((*self).into())
    }
}

impl std::error::Error for WireError {}

impl From<WireError> for String {
    fn from(error: WireError) -> Self {
        error.to_string()
    }
}

impl From<WireError> for &'static str {
    fn from(error: WireError) -> Self {
        match error {
            WireError::NumberCut => "a number cut off",
            WireError::NumberTooLong => "a number of more than 64 bits",
            WireError::FieldNumber => "an illegal field number",
            WireError::WireType => "an illegal wire type",
            WireError::WrongWireType => "the wrong wire type for its field",
            WireError::Length => "a length beyond the message",
        }
    }
}

/// The value of one field, by its wire type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2: bytes, a string or a message.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The field number.
    pub number: u64,
    /// Offset of its value in the message; for [`Value::Bytes`] after the length.
    pub at: usize,
    /// The value.
    pub value: Value<'a>,
}

/// Iterates over the fields of a message; ends after the first error.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    message: &'a [u8],
    at: usize,
    failed: bool,
}

impl<'a> Fields<'a> {
    /// Creates an iterator over the fields of `message`.
    ///
    /// ```
    /// use etcd_inspect_located::wire::{Fields, Value};
    /// let fields: Vec<_> = Fields::new(&[0x18, 0x05]).map(|field| field.map(|f| (f.number, f.value))).collect();
    /// assert_eq!(fields, [Ok((3, Value::Varint(5)))]);
    /// ```
    pub fn new(message: &'a [u8]) -> Self {
        Self {
            message,
            at: 0,
            failed: false,
        }
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let rest = self.message.get(self.at..).unwrap_or_default();
        let (value, len) = varint(rest)?;
        self.at = self.at.saturating_add(len);
        Ok(value)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], WireError> {
        let end = usize::try_from(len)
            .ok()
            .and_then(|len| self.at.checked_add(len))
            .ok_or(WireError::Length)?;
        let bytes = self.message.get(self.at..end).ok_or(WireError::Length)?;
        self.at = end;
        Ok(bytes)
    }

    fn field(&mut self) -> Result<Field<'a>, WireError> {
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 || number > 0x1fff_ffff {
            return Err(WireError::FieldNumber);
        }
        let mut at = self.at;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(
                self.take(8)?.try_into().unwrap_or_default(),
            )),
            2 => {
                let len = self.varint()?;
                at = self.at;
                Value::Bytes(self.take(len)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(
                self.take(4)?.try_into().unwrap_or_default(),
            )),
            _ => return Err(WireError::WireType),
        };
        Ok(Field { number, at, value })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.at >= self.message.len() {
            return None;
        }
        let field = self.field();
        self.failed = field.is_err();
        Some(field)
    }
}

/// Reads the base-128 number at the start of `bytes`; returns it with its length in bytes.
///
/// # Errors
/// If the bytes end within the number, or if it has more than 64 bits.
#[inline]
pub fn varint(bytes: &[u8]) -> Result<(u64, usize), WireError> {
    match bytes.first() {
        // Most numbers are tags, lengths and flags of one byte.
        Some(&byte) if byte < 0x80 => Ok((u64::from(byte), 1)),
        _ => long_varint(bytes),
    }
}

fn long_varint(bytes: &[u8]) -> Result<(u64, usize), WireError> {
    let mut value = 0u64;
    for (len, &byte) in bytes.iter().enumerate().take(10) {
        let shift = len.saturating_mul(7);
        if len == 9 && byte > 1 {
            return Err(WireError::NumberTooLong);
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok((value, len.saturating_add(1)));
        }
    }
    Err(if bytes.len() < 10 {
        WireError::NumberCut
    } else {
        WireError::NumberTooLong
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_more_than_64_bits_are_refused() {
        assert_eq!(varint(&[0xff; 10]), Err(WireError::NumberTooLong));
        let max = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(varint(&max), Ok((u64::MAX, 10)));
        assert_eq!(varint(&[0x80]), Err(WireError::NumberCut));
        assert_eq!(varint(&[]), Err(WireError::NumberCut));
    }

    #[test]
    fn a_length_beyond_the_message_ends_the_fields_with_one_error() {
        let fields: Vec<_> = Fields::new(&[0x0a, 0x7f, 0x01]).collect();
        assert_eq!(fields, [Err(WireError::Length)]);
    }

    #[test]
    fn offsets_of_bytes_point_after_their_length() {
        let field = Fields::new(&[0x22, 0x02, 0xaa, 0xbb])
            .next()
            .unwrap()
            .unwrap();
        assert_eq!(
            (field.number, field.at, field.value),
            (4, 2, Value::Bytes(&[0xaa, 0xbb]))
        );
    }
}
