//! What bbolt does with a file when it opens it for writing, step by step and damage and all: where it refuses, panics, or reads
//! memory that is not there.
//!
//! [`Db`](crate::Db) reads what can be read; this follows what `bolt.Open`, its rebuilding of the free list, lookups, and a first
//! commit demand. Sources: bbolt `db.go`, `tx_check.go`, `bucket.go`, `cursor.go`, `node.go`, `freelist.go` at v1.3.6, v1.3.11,
//! v1.4.3; the tests hold it against real etcd (`tests/oracle`).

mod allocate;
mod cursor;
mod freed_runs;
mod freelist;
mod lookup;
mod memory;
mod page;
mod walk;
mod write;

pub use allocate::Hazard;
pub use lookup::{Found, OpenBucket};
pub use memory::Span;

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::rc::Rc;

use self::freelist::Free;
use self::memory::{Memory, Pointer};
use crate::meta::{MAGIC, NO_FREELIST, VERSION};

/// The default page size: the operating system's.
const DEFAULT_PAGE_BYTES: u64 = 4096;

/// The ways in which releases of bbolt open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Generation {
    /// Up to 1.3.6 (etcd 3.4, and 3.5 up to 3.5.5): pages are believed to be what they are taken for; keys may be in any order.
    V1_3_6,
    /// 1.3.7 to 1.3.12 (etcd 3.5.6 and later): page ids, types, and the order of keys are checked; the second meta is searched.
    V1_3_11,
    /// 1.4 and later (etcd 3.6).
    V1_4,
}

/// The message of [`Death::Heap`], whose own words depend on the heap.
pub const READS_HEAP: &str = "a panic or a fault (bbolt reads after the end of a bucket's value, what is there depends on Go's heap)";

/// How keys in Go's heap compare with those that are searched: garbage, of which only the order counts.
#[derive(Debug)]
pub struct Heap {
    /// What such a key is against every other.
    pub order: Ordering,
    /// Whether one was met.
    pub met: Cell<bool>,
}

impl Heap {
    /// Keys in the heap compare so.
    pub fn new(order: Ordering) -> Rc<Self> {
        Rc::new(Self {
            order,
            met: Cell::new(false),
        })
    }

    fn ask(&self) -> Ordering {
        self.met.set(true);
        self.order
    }
}

/// How opening or using a file ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Death {
    /// `Open` returns an error. Holds its text.
    Error(String),
    /// A panic. Holds its text.
    Panic(String),
    /// SIGBUS or SIGSEGV: nothing is mapped at this offset of the file.
    Fault(u64),
    /// So many pages that it is busy with them for minutes, until memory ends. Holds how many.
    Exhausted(u64),
    /// More memory is asked for than there can be.
    OutOfMemory,
    /// It reads Go's heap after the end of a bucket's value and takes what is there for an element, a key or a value: a panic or a
    /// fault, by what it finds.
    Heap {
        /// It points into the same part of the heap: a copy of what is there does no harm.
        near: bool,
    },
    /// What happens depends on chance (a random choice among free pages, Go's heap). Holds why.
    Chance(String),
}

impl Death {
    /// The first line that the process prints, without the addresses; `None` if it prints none, or if that depends on chance.
    pub fn message(&self) -> Option<String> {
        match self {
            Self::Error(text) => Some(text.clone()),
            Self::Panic(text) => Some(format!("panic: {text}")),
            Self::Fault(at) => Some(format!(
                "unexpected fault address (offset {at:#x} of the db is not in the file)"
            )),
            Self::OutOfMemory => Some("fatal error: out of memory".to_owned()),
            Self::Heap { .. } => Some(READS_HEAP.to_owned()),
            Self::Exhausted(_) | Self::Chance(_) => None,
        }
    }
}

/// A meta page as bbolt reads it.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    page_size: u32,
    root: u64,
    freelist: u64,
    high_water_mark: u64,
    txid: u64,
    /// Why bbolt does not believe it.
    invalid: Option<&'static str>,
}

/// A file that bbolt opened.
#[derive(Debug)]
pub struct Opened<'a> {
    memory: Memory<'a>,
    generation: Generation,
    page_size: u64,
    meta: Head,
    free: Free,
    heap: Rc<Heap>,
    /// The elements of the root bucket's leaf, once a bucket was created in it.
    root_leaf: RefCell<Option<Vec<Slot>>>,
}

/// An element of a leaf that was changed in memory.
#[derive(Clone, Debug)]
enum Slot {
    /// The element of that number of the page.
    Stored(u64),
    /// A new one, with its key.
    Created(Vec<u8>),
}

impl<'a> Opened<'a> {
    /// Opens a file as bbolt does for writing, with the free list not to be stored (etcd's way).
    ///
    /// # Errors
    /// How the process ends.
    pub fn open(file: &'a [u8], generation: Generation, heap: Rc<Heap>) -> Result<Self, Death> {
        let memory = Memory { file };
        let page_size = page_size(memory, generation)?;
        let length = file.len() as u64;
        if page_size == 0 {
            // etcd maps 10 GiB, and bbolt rounds that to whole pages.
            return Err(Death::Panic(
                "runtime error: integer divide by zero".to_owned(),
            ));
        }
        if length < page_size.saturating_mul(2) {
            return Err(Death::Error(match generation {
                Generation::V1_4 => format!("file size too small {length}"),
                _ => "file size too small".to_owned(),
            }));
        }
        let metas = [
            head(memory, Pointer::mapped(0), generation)?,
            head(memory, Pointer::mapped(page_size), generation)?,
        ];
        let meta = choose(&metas)?;
        let mut opened = Self {
            memory,
            generation,
            page_size,
            meta,
            free: Free::default(),
            heap,
            root_leaf: RefCell::new(None),
        };
        opened.free = match meta.freelist {
            page if page == NO_FREELIST.0 => opened.rebuilt()?,
            page => opened.stored(page)?,
        };
        Ok(opened)
    }

    /// The page of the root bucket.
    pub fn root(&self) -> u64 {
        self.meta.root
    }
}

fn head(memory: Memory<'_>, page: Pointer, generation: Generation) -> Result<Head, Death> {
    let field = |at: u64| memory.u64(page.plus(at));
    let (magic, version) = (memory.u32(page.plus(16))?, memory.u32(page.plus(20))?);
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for byte in memory.bytes(page.plus(16).slice(0, 56)?)?.iter() {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let checksum = field(72)?;
    // Up to 1.3.6 a checksum of zero means that there is none.
    let excused = generation == Generation::V1_3_6 && checksum == 0;
    let invalid = if magic != MAGIC {
        Some("invalid database")
    } else if version != VERSION {
        Some("version mismatch")
    } else if checksum != sum && !excused {
        Some("checksum error")
    } else {
        None
    };
    Ok(Head {
        page_size: memory.u32(page.plus(24))?,
        root: field(32)?,
        freelist: field(48)?,
        high_water_mark: field(56)?,
        txid: field(64)?,
        invalid,
    })
}

/// `getPageSize`: the first meta's; since 1.3.7 the second one's, searched at 1 KiB, 2 KiB … 16 MiB.
/// `getPageSize` in `db.go`, v1.3.11: the first meta page, then every power of two from 1024 on.
fn page_size(memory: Memory<'_>, generation: Generation) -> Result<u64, Death> {
    let length = memory.file.len() as u64;
    let first = length >= 4096;
    if first {
        let meta = head(memory, Pointer::mapped(0), generation)?;
        if meta.invalid.is_none() {
            return Ok(u64::from(meta.page_size));
        }
    }
    let mut readable = first;
    if generation >= Generation::V1_3_11 {
        for shift in 0..=14u32 {
            let at = 1024u64 << shift;
            if at >= length.saturating_sub(1024) {
                break;
            }
            readable = true;
            let meta = head(memory, Pointer::mapped(at), generation)?;
            if meta.invalid.is_none() {
                return Ok(u64::from(meta.page_size));
            }
        }
    }
    match readable {
        true => Ok(DEFAULT_PAGE_BYTES),
        false => Err(Death::Error("invalid database".to_owned())),
    }
}

/// `db.meta()`: the greater txid, if it is valid, else the other.
fn choose(metas: &[Head; 2]) -> Result<Head, Death> {
    let [first, second] = *metas;
    let (newer, older) = match second.txid > first.txid {
        true => (second, first),
        false => (first, second),
    };
    match (newer.invalid, older.invalid, first.invalid) {
        (None, _, _) => Ok(newer),
        (_, None, _) => Ok(older),
        (_, _, why) => Err(Death::Error(why.unwrap_or("invalid database").to_owned())),
    }
}
