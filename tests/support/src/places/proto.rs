//! Protobuf fields of healthy messages, with their offsets.

use std::ops::Range;

use crate::synth::mvcc::varint;

/// One field of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Field number.
    pub number: u64,
    /// Wire type: 0 varint, 1 fixed 64, 2 bytes, 5 fixed 32.
    pub wire: u8,
    /// Offset of the tag in the message.
    pub at: usize,
    /// The payload's offsets in the message.
    pub payload: Range<usize>,
    /// The number, for wire type 0.
    pub varint: u64,
}

/// The fields of a message, in order.
///
/// # Panics
/// When the message is cut or has groups: these are healthy bytes.
#[must_use]
pub fn fields(message: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut at = 0;
    while at < message.len() {
        let start = at;
        let tag = take_varint(message, &mut at);
        let (wire, body) = ((tag & 7) as u8, at);
        let mut number = 0;
        let payload = match wire {
            0 => {
                number = take_varint(message, &mut at);
                body..at
            }
            1 => body..body + 8,
            5 => body..body + 4,
            2 => {
                let length = take_varint(message, &mut at) as usize;
                at..at + length
            }
            other => panic!("wire type {other} at {start}"),
        };
        at = payload.end;
        fields.push(Field {
            number: tag >> 3,
            wire,
            at: start,
            payload,
            varint: number,
        });
    }
    fields
}

/// The first field of a number.
#[must_use]
pub fn field(message: &[u8], number: u64) -> Option<Field> {
    fields(message)
        .into_iter()
        .find(|field| field.number == number)
}

/// The bytes of the first field of a number, empty when absent.
#[must_use]
pub fn bytes(message: &[u8], number: u64) -> Vec<u8> {
    field(message, number)
        .map(|field| message[field.payload].to_vec())
        .unwrap_or_default()
}

/// The number in the first field of a number, 0 when absent.
#[must_use]
pub fn number(message: &[u8], number: u64) -> u64 {
    field(message, number).map_or(0, |field| field.varint)
}

/// Appends a varint field.
pub fn put_number(out: &mut Vec<u8>, number: u64, value: u64) {
    varint(out, number << 3);
    varint(out, value);
}

/// Appends a bytes field.
pub fn put_bytes(out: &mut Vec<u8>, number: u64, value: &[u8]) {
    varint(out, number << 3 | 2);
    varint(out, value.len() as u64);
    out.extend(value);
}

fn take_varint(message: &[u8], at: &mut usize) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = message[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
