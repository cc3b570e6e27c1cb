//! Everything that is printed: rows and documents in every format, labels, escapes.

pub(crate) mod cell;
pub(crate) mod column;
pub(crate) mod format;
pub(crate) mod hex;
pub(crate) mod json;
pub(crate) mod label;
pub(crate) mod line;
pub(crate) mod rows;
pub(crate) mod table;
pub(crate) mod terminal;

pub(crate) use etcd_inspect::text::{escape, number, time};

pub(crate) use cell::Cell;
pub(crate) use column::Column;
pub(crate) use format::Format;
pub(crate) use label::Label;
pub(crate) use line::Line;
pub(crate) use rows::{Rows, Tail};
