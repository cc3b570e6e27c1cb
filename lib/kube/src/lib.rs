//! Kubernetes keys and values.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        reason = "a test may stop at the first surprise"
    )
)]

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
pub mod yaml;

pub use envelope::{Unknown, Value};
pub use typed::{Object, Options};
