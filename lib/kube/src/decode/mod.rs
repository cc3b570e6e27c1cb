//! Protobuf bytes and the field tables, read as one stream of named values.
//!
//! [`Node`](node::Node) is one value that has not been read yet; [`Members`](members::Members) and
//! [`Items`](items::Items) walk what is inside it, in the order of the field numbers. Thin layers use them: [`serialize`] writes
//! through any serde serializer, [`deserialize`] fills typed objects, [`write`] makes compact JSON. Nothing is collected on the way.

mod deserialize;
mod entries;
pub(crate) mod fault;
mod guess;
pub(crate) mod items;
pub(crate) mod json;
pub(crate) mod line;
pub(crate) mod members;
pub(crate) mod memory;
mod message;
pub(crate) mod node;
mod plain;
pub(crate) mod quantity;
pub(crate) mod serialize;
pub(crate) mod sound;
pub(crate) mod time;
pub(crate) mod wire;
pub(crate) mod write;
