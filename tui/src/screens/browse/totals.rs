//! Keys and bytes below each branch at a revision: counted beside the loop where there are many.

use std::any::Any;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::tree::{Branch, BranchKind, Tree, outside};
use crate::job::{JobId, Monitor};
use crate::screen::ScreenId;
use crate::session::{Data, Session};

/// Keys that are counted at once, without a job.
const AT_ONCE: usize = 20_000;

/// Keys and bytes of a branch.
type Sum = (u64, u64);

/// The counts that are known.
#[derive(Debug, Default)]
pub(super) struct Totals {
    sums: HashMap<Vec<u8>, Sum>,
    /// What they were counted for.
    of: Option<(usize, i64)>,
    job: Option<JobId>,
}

/// A branch that is to be counted.
type Wanted = (Vec<u8>, BranchKind, Range<usize>);

struct Counted {
    of: (usize, i64),
    sums: Vec<(Vec<u8>, Sum)>,
}

impl Totals {
    /// What is known of a branch, and whether it is of this revision.
    pub(super) fn sum_below(&self, branch: &Branch, revision: i64) -> Option<(Sum, bool)> {
        let sum = self.sums.get(&branch.prefix)?;
        Some((*sum, self.of.is_some_and(|(_, at)| at == revision)))
    }

    /// Counts the branches that are shown and not yet counted.
    pub(super) fn settle(&mut self, tree: &Tree, session: &mut Session) {
        let Some(data) = session.rows().cloned() else {
            return;
        };
        let of = (Arc::as_ptr(&data).addr(), session.ruler.revision());
        let stale = self.of != Some(of);
        let wanted: Vec<Wanted> = tree
            .branches()
            .filter(|branch| stale || !self.sums.contains_key(&branch.prefix))
            .map(|branch| (branch.prefix.clone(), branch.kind, branch.part.clone()))
            .collect();
        if wanted.is_empty() || (self.job.is_some() && !stale) {
            return;
        }
        if data.directory().len() <= AT_ONCE {
            self.take(Counted {
                of,
                sums: count(&wanted, &data, of.1, &|| false),
            });
            return;
        }
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        let work = move |monitor: &Monitor| Counted {
            of,
            sums: count(&wanted, &data, of.1, &|| monitor.is_cancelled()),
        };
        self.job = Some(session.spawn(ScreenId::Browse, "", work));
        // Until it is done the old counts stay, marked as such.
        if let Some(known) = &mut self.of {
            known.0 = of.0;
        }
    }

    fn take(&mut self, counted: Counted) {
        if self.of != Some(counted.of) {
            self.sums.clear();
            self.of = Some(counted.of);
        }
        self.sums.extend(counted.sums);
    }

    /// Takes the answer of its own job; gives back another's.
    pub(super) fn answer(
        &mut self,
        job: JobId,
        value: Box<dyn Any + Send>,
    ) -> Option<Box<dyn Any + Send>> {
        match value.downcast::<Counted>() {
            Ok(counted) => {
                if self.job == Some(job) {
                    self.job = None;
                    self.take(*counted);
                }
                None
            }
            Err(value) => Some(value),
        }
    }
}

fn count(
    wanted: &[Wanted],
    data: &Data,
    revision: i64,
    stop: &dyn Fn() -> bool,
) -> Vec<(Vec<u8>, Sum)> {
    let directory = data.directory();
    let mut sums = Vec::with_capacity(wanted.len());
    for (prefix, kind, part) in wanted {
        if stop() {
            break;
        }
        let sum = match kind {
            BranchKind::Others => outside(data).fold((0, 0), |(keys, bytes), at| {
                let (key, more) = directory.sum(at..at + 1, revision);
                (keys + key, bytes + more)
            }),
            _ => directory.sum(part.clone(), revision),
        };
        sums.push((prefix.clone(), sum));
    }
    sums
}
