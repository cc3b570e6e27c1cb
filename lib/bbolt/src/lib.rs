//! The bbolt B+tree: pages, metas, buckets, free list.
//!
//! [`Db::open`] follows a meta page; [`Bucket`]s are walked in key order. Parsers here keep what the bytes say;
//! [`check`] decides what to believe. Everything is little-endian and, but for the metas, without any checksum.
//!
//! **Invariants.** No walk enters a page twice or goes deeper than [`Limits::tree_depth`](located::Limits::tree_depth). No count
//! of the file is used before it was compared with the room that is there. Nothing here knows what etcd stores.
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

mod bucket;
pub mod check;
pub mod codes;
mod db;
mod descent;
pub mod fields;
pub mod freelist;
mod meta;
mod page;
mod pagemap;
mod sweep;
mod walk;
pub mod write;

pub use bucket::{Bucket, Leaves};
pub use db::Db;
pub use db::Source;
pub use meta::{MAGIC, Meta, MetaChoice, MetaInvalid, NO_FREELIST, Txid, VERSION};
pub use page::{Child, Item, Page, PageHeader, PageType, Pgid};
pub use pagemap::{PageCounts, PageMap, PageUse};
pub use walk::Visit;
