//! Objects that can be fed back: a stored object becomes one that `kubectl apply` takes.
//!
//! [`recreatable`] takes out what an API server or a controller fills in, [`fate`] says which objects are not written at
//! all because something makes them again, [`rank`] is the order in which they can be applied, [`convert`] moves an object to
//! a version that a newer release serves. Masks are never values: [`Secrets`] says what becomes of hidden ones.

mod bootstrap;
mod convert;
mod definition;
mod fate;
mod fields;
mod makes;
mod moved;
mod names;
mod old_annotations;
mod order;
mod ready;
mod secrets;
mod served;
mod structural;
mod versions;

pub use bootstrap::{default_makers, is_default};
pub use convert::{Unconvertible, convert, dropped, release_for};
pub use fate::{Asked, Circumstances, LeftOut, OwnerState, Together, controlled_by, fate};
pub use fields::{Keep, Removed, recreatable};
pub use makes::{is_custom, makes};
pub use moved::move_fields;
pub use names::invalid_name;
pub use order::{folder, rank};
pub use ready::{Readied, ready};
pub use secrets::{PLACEHOLDER, Secrets};
pub use served::{serve_as, served_versions};
pub use versions::{Move, Release, first_served, moves, removed_in};

use serde_json::Value;

/// The text at a path of an object; empty if there is none.
fn text<'o>(object: &'o Value, pointer: &str) -> &'o str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The group of an apiVersion; empty for core.
fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}
