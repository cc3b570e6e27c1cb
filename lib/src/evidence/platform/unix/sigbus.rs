//! Keeps a failing mapped file from killing the process.
//!
//! Touching a mapped page that cannot be read raises `SIGBUS`: the file was shortened, or the disk reported an I/O error. The
//! handler installed here puts a page of zeros in its place, notes which one, and lets the reader go on; the loss is then
//! reported like any other unreadable range. A `SIGBUS` anywhere else goes to the handler that was installed before.
//!
//! **Invariant**: the handler calls nothing but `mmap` and `sigaction`, and touches atomics only. POSIX lists `sigaction` as
//! safe in a handler; `mmap` is a plain system call on Linux, macOS and FreeBSD.
#![expect(unsafe_code, reason = "a signal handler has no safe form")]

use std::ffi::{c_int, c_void};
use std::io;
use std::ops::Range;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use super::kernel::errno_location;

/// Maximum number of files mapped at a time; further ones are read. etcd keeps five segments and five `.snap` files
/// (`--max-wals`, `--max-snapshots`).
const MAX_MAPPINGS: usize = 512;

/// A mapping that the handler knows.
struct Slot {
    /// First address; 0: free, 1: being filled.
    start: AtomicUsize,
    end: AtomicUsize,
    /// One bit for each page, set if the page was lost. Points into the guard's `lost`, which lives longer than the slot is used.
    lost: AtomicPtr<AtomicU64>,
    /// Number of pages that were lost.
    losses: AtomicUsize,
}

static TABLE: [Slot; MAX_MAPPINGS] = [const {
    Slot {
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        lost: AtomicPtr::new(ptr::null_mut()),
        losses: AtomicUsize::new(0),
    }
}; MAX_MAPPINGS];

/// The handler of `SIGBUS` that was installed before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();
static PAGE: AtomicUsize = AtomicUsize::new(4096);

/// Watches one mapping until dropped.
#[derive(Debug)]
pub(in crate::evidence) struct Guard {
    slot: usize,
    lost: Box<[AtomicU64]>,
    len: usize,
}

impl Guard {
    /// Watches a mapping; it must be dropped before the mapping is.
    ///
    /// # Errors
    /// Too many mappings are watched, or the handler cannot be installed.
    pub(in crate::evidence) fn over(mapping: &[u8]) -> io::Result<Self> {
        install()?;
        let page = PAGE.load(Ordering::Relaxed);
        let words = mapping.len().div_ceil(page).div_ceil(64);
        // Zeros of the kernel: the bits of a sparse file of a terabyte take memory only where they are set.
        let zeros: *mut [u64] = Box::into_raw(vec![0_u64; words].into_boxed_slice());
        const { assert!(align_of::<AtomicU64>() == align_of::<u64>()) };
        // SAFETY: an `AtomicU64` has the size and the bits of a `u64`, and here its alignment; the box is the only owner.
        let lost: Box<[AtomicU64]> = unsafe { Box::from_raw(zeros as *mut [AtomicU64]) };
        let start = mapping.as_ptr().addr();
        let free = |slot: &Slot| {
            slot.start
                .compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed)
                .is_ok()
        };
        let (slot, entry) = TABLE
            .iter()
            .enumerate()
            .find(|(_, slot)| free(slot))
            .ok_or(io::ErrorKind::QuotaExceeded)?;
        entry
            .lost
            .store(lost.as_ptr().cast_mut(), Ordering::Relaxed);
        entry.losses.store(0, Ordering::Relaxed);
        entry
            .end
            .store(start.saturating_add(mapping.len()), Ordering::Relaxed);
        entry.start.store(start, Ordering::Release);
        Ok(Self {
            slot,
            lost,
            len: mapping.len(),
        })
    }

    /// Returns the ranges that were lost until now.
    pub(in crate::evidence) fn lost(&self) -> Vec<Range<u64>> {
        let page = PAGE.load(Ordering::Relaxed) as u64;
        let mut ranges: Vec<Range<u64>> = Vec::new();
        let slot = TABLE.get(self.slot);
        if slot.is_none_or(|slot| slot.losses.load(Ordering::Acquire) == 0) {
            return ranges;
        }
        for (word, bits) in (0u64..).zip(&self.lost) {
            let bits = bits.load(Ordering::Relaxed);
            if bits == 0 {
                continue;
            }
            for bit in (0..64).filter(|bit| bits >> bit & 1 == 1) {
                let start = (word * 64 + bit) * page;
                let end = (start + page).min(self.len as u64);
                match ranges.last_mut() {
                    Some(last) if last.end == start => last.end = end,
                    _ => ranges.push(start..end),
                }
            }
        }
        ranges
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(slot) = TABLE.get(self.slot) {
            slot.end.store(0, Ordering::Relaxed);
            slot.start.store(0, Ordering::Release);
        }
    }
}

/// Installs the handler, once.
fn install() -> io::Result<()> {
    static DONE: OnceLock<Result<(), i32>> = OnceLock::new();
    let done = DONE.get_or_init(|| {
        // SAFETY: `sysconf` has no preconditions.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        PAGE.store(usize::try_from(page).unwrap_or(4096), Ordering::Relaxed);
        // SAFETY: a zeroed `sigaction` is a valid one (default action, empty mask), both pointers are to live values, and
        // `on_sigbus` has the signature that SA_SIGINFO asks for.
        let failed = unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(libc::SIGBUS, ptr::null(), &raw mut before) != 0 {
                true
            } else {
                let _ = BEFORE.set(before);
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_sigbus as extern "C" fn(_, _, _) as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) != 0
            }
        };
        if failed {
            return Err(io::Error::last_os_error().raw_os_error().unwrap_or(0));
        }
        Ok(())
    });
    done.map_err(io::Error::from_raw_os_error)
}

extern "C" fn on_sigbus(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: the kernel passes a valid `siginfo_t`, and `si_addr` is the one it fills for SIGBUS.
    let address = unsafe { (*info).si_addr() }.addr();
    let ours = TABLE.iter().find_map(|slot| {
        let start = slot.start.load(Ordering::Acquire);
        let end = slot.end.load(Ordering::Relaxed);
        (start > 1 && start <= address && address < end).then_some((start, slot))
    });
    if let Some((start, slot)) = ours {
        let page = PAGE.load(Ordering::Relaxed);
        let at = address - address % page;
        // SAFETY: errno is thread-local; the interrupted code may be about to read it. The page at `at` is inside a
        // mapping of ours, read-only, alive because the faulting thread is reading it; it is replaced by zeros in place.
        let replaced = unsafe {
            let errno = *errno_location();
            let got = libc::mmap(
                ptr::with_exposed_provenance_mut(at),
                page,
                libc::PROT_READ,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                -1,
                0,
            );
            *errno_location() = errno;
            got != libc::MAP_FAILED
        };
        if replaced {
            let index = (at - start) / page;
            // SAFETY: the bits have one for every page of the mapping and live as long as the slot is in use.
            unsafe {
                let word = slot.lost.load(Ordering::Relaxed).add(index / 64);
                (*word).fetch_or(1 << (index % 64), Ordering::Relaxed);
            }
            slot.losses.fetch_add(1, Ordering::Release);
            return;
        }
    }
    // Not ours: the handler of before gets it, when the fault happens again right after this return.
    if let Some(before) = BEFORE.get() {
        // SAFETY: `before` came from `sigaction` itself.
        unsafe {
            libc::sigaction(libc::SIGBUS, before, ptr::null_mut());
        }
    }
}
