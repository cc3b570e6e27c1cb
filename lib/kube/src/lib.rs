//! Kubernetes keys and values.
//!
//! Features, all on by default: `encryption` opens values that are encrypted at rest, `certificates` reads the X.509
//! certificates inside of objects, `typed` brings the types of k8s-openapi.

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
#[cfg(feature = "certificates")]
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
mod object;
pub mod resources;
pub mod schema;
pub mod selector;
pub mod table;
pub mod written;
pub mod yaml;

pub use envelope::{Unknown, Value};
/// The types that [`Object::decode`] fills: one version for the whole program.
#[cfg(feature = "typed")]
pub use k8s_openapi;
pub use located::{Error, FileName, Limits, Place};
pub use object::{MAX_VALUE_DEPTH, Object, Options};
