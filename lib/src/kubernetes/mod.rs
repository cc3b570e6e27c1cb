//! Kubernetes keys and values.

pub mod blame;
mod cbor;
pub mod certs;
pub mod changed;
pub mod columns;
pub mod crd;
mod decode;
pub mod describe;
pub mod encryption;
mod envelope;
pub mod jsonpath;
pub mod key;
pub mod mask;
pub mod nouns;
pub mod resources;
pub mod schema;
pub mod selector;
pub mod table;
mod typed;
pub mod written;

pub use envelope::{Unknown, Value};
pub use typed::{Object, Options};
