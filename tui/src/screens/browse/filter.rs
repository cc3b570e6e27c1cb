//! `/`: which keys are shown. Text or regex in smart case, `!` for those that do not match, `~` for fuzzy ones.

use std::any::Any;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use regex::bytes::{Regex, RegexBuilder};

use crate::job::{JobId, Monitor};
use crate::screen::ScreenId;
use crate::session::{Data, Session};

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
struct Found {
    generation: u64,
    positions: Vec<u32>,
}

/// How keys are compared.
#[derive(Clone, Debug)]
enum Test {
    Regex { regex: Regex, inverse: bool },
    Fuzzy(Pattern),
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
        let test = Test::new(&self.text);
        let len = data.directory.len();
        let first = test
            .clone()
            .over(data, 0..len.min(AT_ONCE), revision, deleted);
        self.found = Rc::new(first);
        if len <= AT_ONCE {
            return;
        }
        let (data, generation) = (Arc::clone(data), self.generation);
        let work = move |monitor: &Monitor| {
            let mut from = AT_ONCE;
            while from < len && !monitor.is_cancelled() {
                let to = from.saturating_add(PART).min(len);
                monitor.send(Found {
                    generation,
                    positions: test.clone().over(&data, from..to, revision, deleted),
                });
                from = to;
            }
            Found {
                generation,
                positions: Vec::new(),
            }
        };
        self.job = Some(session.spawn(ScreenId::Browse, "filter", work));
    }

    /// Takes what its job gives; whether there is more to show.
    pub(super) fn answer(&mut self, job: JobId, value: Box<dyn Any + Send>, last: bool) -> bool {
        let Ok(found) = value.downcast::<Found>() else {
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

impl Test {
    fn new(text: &str) -> Self {
        if let Some(fuzzy) = text.strip_prefix('~') {
            return Self::Fuzzy(Pattern::parse(
                fuzzy,
                CaseMatching::Smart,
                Normalization::Smart,
            ));
        }
        let (text, inverse) = text
            .strip_prefix('!')
            .map_or((text, false), |text| (text, true));
        let text = text.strip_prefix("ns:").map_or_else(
            || text.to_owned(),
            |namespace| format!("/{}/", regex::escape(namespace)),
        );
        let build = |pattern: &str| {
            RegexBuilder::new(pattern)
                .case_insensitive(!text.chars().any(char::is_uppercase))
                .size_limit(1 << 20)
                .build()
        };
        // While a regex is typed it is often not one yet: then it is a plain text.
        let regex = build(&text).or_else(|_| build(&regex::escape(&text)));
        match regex {
            Ok(regex) => Self::Regex { regex, inverse },
            Err(_) => Self::Fuzzy(Pattern::parse(
                &text,
                CaseMatching::Smart,
                Normalization::Smart,
            )),
        }
    }

    /// The positions of a part that are to be shown.
    fn over(self, data: &Data, part: Range<usize>, revision: i64, deleted: bool) -> Vec<u32> {
        let mut matcher = Matcher::new(Config::DEFAULT.match_paths());
        let mut room = Vec::new();
        let mut matches = |key: &[u8]| match &self {
            Self::Regex { regex, inverse } => regex.is_match(key) != *inverse,
            Self::Fuzzy(pattern) => {
                let text = String::from_utf8_lossy(key);
                pattern
                    .score(Utf32Str::new(&text, &mut room), &mut matcher)
                    .is_some()
            }
        };
        let directory = &data.directory;
        part.filter(|at| {
            (deleted || directory.is_live(*at, revision)) && matches(directory.key(*at))
        })
        .filter_map(|at| u32::try_from(at).ok())
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shows(text: &str, key: &str) -> bool {
        match Test::new(text) {
            Test::Regex { regex, inverse } => regex.is_match(key.as_bytes()) != inverse,
            Test::Fuzzy(pattern) => {
                let mut room = Vec::new();
                pattern
                    .score(
                        Utf32Str::new(key, &mut room),
                        &mut Matcher::new(Config::DEFAULT),
                    )
                    .is_some()
            }
        }
    }

    #[test]
    fn text_regex_inverse_fuzzy_and_namespace() {
        let key = "/registry/deployments/shop/Web-1";
        for (text, want) in [
            ("web", true),
            ("WEB", false),
            ("Web", true),
            ("web-[0-9]", true),
            ("web-[", false),
            ("!web", false),
            ("!api", true),
            ("~dplwb", true),
            ("ns:shop", true),
            ("ns:sho", false),
        ] {
            assert_eq!(shows(text, key), want, "{text}");
        }
    }
}
