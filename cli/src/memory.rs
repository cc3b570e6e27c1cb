//! Memory or threads that the system does not give: a limit of this process, no bug, and no damage of the evidence.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use etcd_inspect::salvage::remove_unfinished;
use signal_hook::low_level;

use crate::exit::Exit;

/// The text is fixed: there is no memory for another one.
const REFUSAL: &str = "error[E0003]: the system gives this process no more memory or threads
  means the evidence was not judged: this is a limit of the process (ulimit -v, ulimit -u, a container), and no damage
  try   ulimit -v unlimited     then run the command again
";

/// The sizes up to which a refusal ends the process. Larger ones are asked for with care, and the answer is looked at.
const MAX_BYTES: usize = 1 << 30;

/// The system's allocator; a refusal ends the process with a sentence instead of a trace.
struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// SAFETY: every call is passed on to the system's allocator as it came.
#[expect(unsafe_code, reason = "an allocator has no safe form")]
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        checked(unsafe { System.alloc(layout) }, layout.size())
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        checked(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    #[inline]
    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        checked(unsafe { System.realloc(old, layout, size) }, size)
    }

    #[inline]
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(old, layout) }
    }
}

#[inline]
fn checked(given: *mut u8, size: usize) -> *mut u8 {
    if given.is_null() && size <= MAX_BYTES {
        end();
    }
    given
}

/// Prints the refusal and ends the process. Takes no memory before it is printed.
#[cold]
fn end() -> ! {
    static ENDS: AtomicBool = AtomicBool::new(false);
    if !ENDS.swap(true, Ordering::Relaxed) {
        say();
        remove_unfinished();
    }
    low_level::exit(Exit::Refused.code().into());
}

/// Prints the refusal.
pub(crate) fn say() {
    let mut err = std::io::stderr();
    // Leave the alternate screen, show the cursor, end colours: harmless where nothing was changed.
    if std::io::IsTerminal::is_terminal(&err) {
        let _ = err.write_all(b"\x1b[?1049l\x1b[?25h\x1b[0m");
    }
    let _ = err.write_all(REFUSAL.as_bytes());
}

/// Whether a panic is about what the system refused: a thread that it did not start, memory, a file handle.
pub(crate) fn is_refusal(message: &str) -> bool {
    [
        "kind: WouldBlock",
        "kind: OutOfMemory",
        "code: 23,",
        "code: 24,",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::is_refusal;

    #[test]
    fn a_thread_that_the_system_does_not_start_is_no_bug() {
        let refused = std::io::Error::from_raw_os_error(11);
        assert!(is_refusal(&format!("failed to spawn thread: {refused:?}")));
        assert!(!is_refusal("index out of bounds: the len is 24"));
    }
}
