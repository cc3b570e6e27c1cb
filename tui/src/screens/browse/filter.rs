//! `/`: which keys are shown. Text or regex in smart case, `!` for those that do not match, `~` for fuzzy ones.

use std::any::Any;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use crate::job::{JobId, Monitor};
use crate::screen::ScreenId;
use crate::session::{Data, Session};
use crate::widgets::Needle;

/// Keys that are looked at before anything is drawn; the others follow from a job.
const AT_ONCE: usize = 20_000;
/// Keys between two parts of a job's answer.
const PART: usize = 100_000;

/// A filter and what it has found so far.
#[derive(Debug, Default)]
pub(super) struct Filter {
    text: String,
    found: Rc<Vec<u32>>,
    job: Option<JobId>,
    generation: u64,
}

/// Positions that a part of the directory gave.
struct FilterPart {
    generation: u64,
    positions: Vec<u32>,
}

impl Filter {
    /// Whether there is one.
    pub(super) fn is_on(&self) -> bool {
        !self.text.is_empty()
    }

    /// Its text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether more may be found.
    pub(super) fn is_looking(&self) -> bool {
        self.job.is_some()
    }

    /// What it found; `None`: there is no filter.
    pub(super) fn found(&self) -> Option<Rc<Vec<u32>>> {
        self.is_on().then(|| Rc::clone(&self.found))
    }

    /// Takes it away.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.generation += 1;
    }

    /// Sets another text.
    pub(super) fn set(
        &mut self,
        text: &str,
        data: &Arc<Data>,
        revision: i64,
        deleted: bool,
        session: &mut Session,
    ) {
        text.clone_into(&mut self.text);
        self.restart(data, revision, deleted, session);
    }

    /// Looks again, for another revision.
    pub(super) fn restart(
        &mut self,
        data: &Arc<Data>,
        revision: i64,
        deleted: bool,
        session: &mut Session,
    ) {
        if let Some(job) = self.job.take() {
            session.cancel(job);
        }
        self.generation += 1;
        if !self.is_on() {
            return;
        }
        let (needle, shown) = (needle(&self.text), (revision, deleted));
        let len = data.directory().len();
        let first = among(data, 0..len.min(AT_ONCE), shown, needle.clone());
        self.found = Rc::new(first);
        if len <= AT_ONCE {
            return;
        }
        let (data, generation) = (Arc::clone(data), self.generation);
        let work = move |monitor: &Monitor| {
            let mut from = AT_ONCE;
            while from < len && !monitor.is_cancelled() {
                let to = from.saturating_add(PART).min(len);
                monitor.send(FilterPart {
                    generation,
                    positions: among(&data, from..to, shown, needle.clone()),
                });
                from = to;
            }
            FilterPart {
                generation,
                positions: Vec::new(),
            }
        };
        self.job = Some(session.spawn(ScreenId::Browse, "filter", work));
    }

    /// Takes what its job gives; whether there is more to show.
    pub(super) fn answer(&mut self, job: JobId, value: Box<dyn Any + Send>, last: bool) -> bool {
        let Ok(found) = value.downcast::<FilterPart>() else {
            return false;
        };
        if found.generation != self.generation {
            return false;
        }
        if last && self.job == Some(job) {
            self.job = None;
        }
        Rc::make_mut(&mut self.found).extend(found.positions);
        true
    }
}

/// Its needle; `ns:shop` is the namespace in the key.
fn needle(text: &str) -> Option<Needle> {
    let (inverse, rest) = match text.strip_prefix('!') {
        Some(rest) => ("!", rest),
        None => ("", text),
    };
    match rest.strip_prefix("ns:") {
        Some(namespace) => Needle::new(&format!("{inverse}/{}/", regex::escape(namespace))),
        None => Needle::new(text),
    }
}

/// The positions of a part that are to be shown.
fn among(
    data: &Data,
    part: Range<usize>,
    (revision, deleted): (i64, bool),
    mut needle: Option<Needle>,
) -> Vec<u32> {
    let directory = data.directory();
    let mut keeps = |key: &[u8]| needle.as_mut().is_none_or(|needle| needle.keeps(key));
    part.filter(|at| (deleted || directory.is_live(*at, revision)) && keeps(directory.key(*at)))
        .filter_map(|at| u32::try_from(at).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::needle;

    #[test]
    fn a_namespace_is_looked_for_as_a_whole() {
        let key = b"/registry/deployments/shop/Web-1";
        for (text, want) in [
            ("ns:shop", true),
            ("ns:sho", false),
            ("!ns:shop", false),
            ("!ns:prod", true),
            ("web", true),
        ] {
            assert_eq!(needle(text).unwrap().keeps(key), want, "{text}");
        }
    }
}
