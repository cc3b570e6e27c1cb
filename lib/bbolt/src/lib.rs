//! Reads bbolt files, damaged ones too: pages, metas, buckets, freelist. Knows nothing of etcd.
//!
//! [`Db::open`] uses one of the two meta pages, and a [`Bucket`] is read in key order. Parsers keep what the bytes contain;
//! [`check`] judges it. All integers are little-endian. Only the meta pages have a checksum. [`write`](mod@write) writes a new file.
//!
//! Opens a db and walks its buckets:
//!
//! ```
//! use etcd_inspect_bbolt::{Db, MetaChoice};
//! use etcd_inspect_bbolt::located::{Bytes, FileName, Limits};
//!
//! # let file = testkit::synth::bolt::DbBuilder::etcd()
//! #     .bucket("cluster", [(b"clusterVersion".to_vec(), b"3.5.0".to_vec())])
//! #     .build();
//! # /*
//! let file = std::fs::read("member/snap/db")?;
//! # */
//! let name = FileName::new("member/snap/db");
//! let db = Db::open(Bytes::new(&name, 0, &file), MetaChoice::Newest, &Limits::default())?;
//! let damage = &mut |finding: etcd_inspect_bbolt::located::Finding| eprintln!("{}: {}", finding.place, finding.message);
//! let mut seen = Vec::new();
//! for (name, bucket) in db.buckets(damage) {
//!     bucket.for_each(damage, &mut |item| seen.push((name, item.key, item.value)));
//! }
//! assert!(seen.contains(&(&b"cluster"[..], &b"clusterVersion"[..], &b"3.5.0"[..])));
//! # Ok::<(), etcd_inspect_bbolt::located::Error>(())
//! ```
//!
//! # Invariants
//!
//! - No walk enters a page twice or goes deeper than [`Limits::tree_depth`](located::Limits::tree_depth).
//! - No count of the file is used before it is compared with the length of the file.
//! - Damage is reported to a sink, and reading continues after it.
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
pub mod open;
mod page;
mod pagemap;
mod sweep;
mod walk;
pub mod write;

/// The types of places, findings and limits.
pub use located;

pub use bucket::{Bucket, Leaves};
pub use db::Db;
pub use db::FileSource;
pub use meta::{MAGIC, Meta, MetaChoice, MetaInvalid, NO_FREELIST, Txid, VERSION};
pub use page::{Child, Item, LeafExtent, Page, PageHeader, PageType, Pgid};
pub use pagemap::{PageCounts, PageMap, PageUse};
pub use walk::Visit;
