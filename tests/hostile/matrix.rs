//! Many cases over one file, on all cores.

use std::fs;
use std::sync::Mutex;

use testkit::damage::Case;
use testkit::{copy_of, data_dir, fixture_copy};

use crate::everything;

/// Preallocated zeros kept after a log's end: enough for every case, and not 64 MB to read each time.
const LOG_BYTES: usize = 1 << 20;

/// Applies each case to a fresh copy of the file in a copy of the fixture, and asks everything of the file alone and, for every
/// tenth case or where the file is gone, of the whole directory.
pub fn matrix(fixture: &str, file: &str, cases: Vec<Case>) {
    assert!(!cases.is_empty());
    let healthy = copy_of(&data_dir(fixture).join(file));
    if fs::metadata(&healthy).unwrap().len() == 64_000_000 {
        testkit::damage::truncate(&healthy, LOG_BYTES);
    }
    let queue = Mutex::new(cases);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism()
            .map_or(2, usize::from)
            .min(8)
        {
            scope.spawn(|| {
                let copy = fixture_copy(fixture);
                let damaged = copy.data_dir().join(file);
                loop {
                    let (left, case) = {
                        let mut queue = queue
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner);
                        let Some(case) = queue.pop() else { break };
                        (queue.len(), case)
                    };
                    testkit::restore(&healthy, &damaged);
                    case.apply(&damaged);
                    let name = format!("{fixture}: {}", case.name);
                    if left % 10 == 0 || !damaged.exists() {
                        everything::within_bounds(&name, &copy.data_dir());
                    } else {
                        everything::within_bounds(&name, &damaged);
                    }
                }
            });
        }
    });
}
