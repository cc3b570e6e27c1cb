//! Kubernetes keys and values.

mod cbor;
pub mod columns;
pub mod crd;
mod decode;
pub mod encryption;
mod envelope;
pub mod jsonpath;
pub mod key;
pub mod mask;
pub mod resources;
pub mod schema;
pub mod selector;
pub mod table;
mod typed;

pub use envelope::{Unknown, Value};
pub use typed::{Object, Options};
