//! Whether etcd's generated code reads a message: known fields must have their wire type, unknown ones are skipped, text is not
//! tested for UTF-8.

use located::wire::{Fields, Value};

/// The fields of a message that etcd knows.
pub(super) type Spec = &'static [Field];

/// Field number, wire type, and the fields of the message in it.
pub(super) struct Field(pub u64, pub u64, pub Option<&'static [Field]>);

/// Whether a message can be read.
pub(super) fn reads(spec: Spec, message: &[u8]) -> bool {
    Fields::new(message).all(|field| {
        let Ok(field) = field else {
            return false;
        };
        let wire = match field.value {
            Value::Varint(_) => 0,
            Value::Fixed64(_) => 1,
            Value::Bytes(_) => 2,
            Value::Fixed32(_) => 5,
        };
        let Some(Field(_, expected, inner)) = spec.iter().find(|known| known.0 == field.number)
        else {
            return true;
        };
        let fits = match (inner, field.value) {
            (Some(inner), Value::Bytes(bytes)) => reads(inner, bytes),
            _ => true,
        };
        wire == *expected && fits
    })
}

/// The values of a text field.
pub(super) fn texts(message: &[u8], number: u64) -> Vec<Vec<u8>> {
    let fields = Fields::new(message).flatten();
    fields
        .filter(|field| field.number == number)
        .filter_map(|field| match field.value {
            Value::Bytes(bytes) => Some(bytes.to_vec()),
            _ => None,
        })
        .collect()
}
