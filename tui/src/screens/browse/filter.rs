//! `/`: which keys are shown. Text or regex in smart case, `!` for those that do not match, `~` for fuzzy ones.

use std::any::Any;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use etcd_inspect::answers::find::{Asked, Query};

use crate::asked::AskedObjects;
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
    /// Only objects that these words ask for.
    asked: Option<Arc<AskedObjects>>,
    /// Values that could not be read: whether they are meant is not known.
    unread: usize,
    found: Rc<Vec<u32>>,
    /// Whether that is the answer to an older question.
    stale: bool,
    job: Option<JobId>,
    generation: u64,
}

/// Positions that a part of the directory gave.
struct FilterPart {
    generation: u64,
    positions: Vec<u32>,
    unread: usize,
}

impl Filter {
    /// Whether there is one.
    pub(super) fn is_on(&self) -> bool {
        !self.text.is_empty() || self.asked.is_some()
    }

    /// The objects that it is about; `None`: all keys.
    pub(super) fn asked(&self) -> Option<&Arc<AskedObjects>> {
        self.asked.as_ref()
    }

    /// Values that could not be read.
    pub(super) fn unread(&self) -> usize {
        self.unread
    }

    /// Leaves only objects that were asked for, or ends that.
    pub(super) fn ask(&mut self, asked: Option<Arc<AskedObjects>>) {
        self.text.clear();
        self.asked = asked;
        self.found = Rc::default();
        self.generation += 1;
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
        self.ask(None);
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
        self.unread = 0;
        if !self.is_on() {
            return;
        }
        let (needle, shown) = (needle(&self.text), (revision, deleted));
        if let Some(asked) = self.asked.clone() {
            // What was found stays until the answer is there.
            self.stale = true;
            let (data, generation) = (Arc::clone(data), self.generation);
            let at = session.ruler.at();
            let work = move |_: &Monitor| selected(&data, &asked, at, shown, needle, generation);
            self.job = Some(session.spawn(ScreenId::Browse, "selecting objects", work));
            return;
        }
        let len = data.directory().len();
        let first = among(data, 0..len.min(AT_ONCE), shown, needle.clone());
        self.stale = false;
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
                    unread: 0,
                });
                from = to;
            }
            FilterPart {
                generation,
                positions: Vec::new(),
                unread: 0,
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
        self.unread += found.unread;
        if std::mem::take(&mut self.stale) {
            self.found = Rc::default();
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

/// The positions of the objects that were asked for.
fn selected(
    data: &Data,
    asked: &AskedObjects,
    at: Option<i64>,
    shown: (i64, bool),
    needle: Option<Needle>,
    generation: u64,
) -> FilterPart {
    let directory = data.directory();
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut unread = 0;
    if asked.is_plain() {
        found = asked.keys(data);
    } else {
        let objects = data.objects();
        let mut query = Query::new(&objects, asked.scope(), at);
        let of = Asked {
            targets: asked.targets.clone(),
            name: asked.name.clone(),
        };
        if let Ok(keys) = query.each(&of, |found| found.version.key.to_vec()) {
            found = keys;
        }
        unread = query.failed.len();
    }
    let is_key = |key: &Vec<u8>| asked.name.is_some() || !asked.is_plain() || !key.ends_with(b"/");
    let mut positions: Vec<u32> = Vec::new();
    for key in &found {
        let part = match (is_key(key), directory.position(key)) {
            (true, Some(at)) => at..at + 1,
            (true, None) => continue,
            (false, _) => directory.below(key),
        };
        positions.extend(among(data, part, shown, needle.clone()));
    }
    positions.sort_unstable();
    positions.dedup();
    FilterPart {
        generation,
        positions,
        unread,
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
