//! Everything that is printed: rows and documents in every format, labels, escapes.

mod document;
pub(crate) mod format;
pub(crate) mod hex;
pub(crate) mod json;
pub(crate) mod label;
pub(crate) mod line;
pub(crate) mod messages;
pub(crate) mod person;
pub(crate) mod rows;
mod select;
pub(crate) mod table;
pub(crate) mod terminal;

pub(crate) use etcd_inspect::answers::{Cell, Column, Label, Row};
pub(crate) use etcd_inspect::text::{escape, number, time};

pub(crate) use format::Format;
pub(crate) use line::Line;
pub(crate) use rows::{Rows, Tail};
