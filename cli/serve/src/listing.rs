//! The objects of a resource at a revision as numbers of their records: found once for all pages of a list.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use etcd_inspect::Error;
use etcd_inspect::answers::Version;
use etcd_inspect::kubernetes::nouns::Target;
use etcd_inspect::member::Objects;
use rayon::prelude::*;

/// Maximum number of lists that are kept for their next pages: four bytes an object each.
const MAX_KEPT: usize = 8;

/// What is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ListedResource {
    path: String,
    namespace: Option<String>,
    revision: i64,
}

/// The records of a list.
#[derive(Debug)]
struct Found {
    numbers: Vec<u32>,
    /// Positions of those that are encrypted, and that no key at hand opens; found when a page is first counted.
    closed: OnceLock<Vec<usize>>,
}

impl Found {
    fn new(numbers: Vec<u32>) -> Arc<Self> {
        let closed = OnceLock::new();
        Arc::new(Self { numbers, closed })
    }
}

/// The lists that were asked for last.
#[derive(Debug, Default)]
pub struct Listings {
    kept: Mutex<VecDeque<(ListedResource, Arc<Found>)>>,
    searched: AtomicUsize,
}

impl Listings {
    /// The objects of a resource that are live at a revision, in one namespace or all.
    ///
    /// # Errors
    /// As [`Objects::list`].
    pub fn find(
        &self,
        objects: &Objects<'_>,
        target: &Target,
        namespace: Option<&str>,
        revision: i64,
    ) -> Result<Listing, Error> {
        let asked = ListedResource {
            path: target.path.clone(),
            namespace: namespace.map(str::to_owned),
            revision,
        };
        let known = |kept: &VecDeque<(ListedResource, Arc<Found>)>| {
            let mut kept = kept.iter();
            let (_, found) = kept.find(|(of, _)| *of == asked)?;
            Some(Arc::clone(found))
        };
        if let Some(found) = known(&self.kept.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(Listing { found, from: 0 });
        }
        self.searched.fetch_add(1, Ordering::Relaxed);
        let found = Found::new(objects.list_numbers(target, namespace, Some(revision))?);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(MAX_KEPT.saturating_sub(1));
        kept.push_front((asked, Arc::clone(&found)));
        Ok(Listing { found, from: 0 })
    }

    /// How often all keys were searched for a list.
    pub fn searched(&self) -> usize {
        self.searched.load(Ordering::Relaxed)
    }
}

/// A list from some object on.
#[derive(Clone, Debug)]
pub struct Listing {
    found: Arc<Found>,
    from: usize,
}

impl Listing {
    /// How many objects it has.
    pub fn len(&self) -> usize {
        self.found.numbers.len().saturating_sub(self.from)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn numbers(&self) -> &[u32] {
        self.found.numbers.get(self.from..).unwrap_or_default()
    }

    /// Some of them.
    pub fn versions<'a>(&self, objects: &Objects<'a>, range: Range<usize>) -> Vec<Version<'a>> {
        let end = range.end.min(self.len());
        let numbers = self.numbers().get(range.start.min(end)..end);
        let keyspace = objects.keyspace();
        let records = numbers.unwrap_or_default().iter();
        records
            .filter_map(|number| keyspace.record(*number))
            .collect()
    }

    /// All of them.
    pub fn all<'a>(&self, objects: &Objects<'a>) -> Vec<Version<'a>> {
        self.versions(objects, 0..usize::MAX)
    }

    /// Those whose key has a name.
    #[must_use]
    pub fn named(&self, objects: &Objects<'_>, name: &str) -> Self {
        let is_named = |number: &u32| {
            let version = objects.keyspace().record(*number);
            let parsed = version.and_then(|version| objects.parse(version.key));
            parsed.is_some_and(|parsed| parsed.name == name)
        };
        let numbers = self.numbers().iter().copied().filter(is_named).collect();
        Self {
            found: Found::new(numbers),
            from: 0,
        }
    }

    /// From a key on.
    #[must_use]
    pub fn starting_at(&self, objects: &Objects<'_>, key: &[u8]) -> Self {
        let keyspace = objects.keyspace();
        let key_of = |number: &u32| {
            keyspace
                .record(*number)
                .map_or(&[][..], |record| record.key)
        };
        let numbers = self.numbers();
        // Of several prefixes, one list follows the other.
        let at = match objects.layout().prefixes().count() {
            1 => numbers.partition_point(|number| key_of(number) < key),
            _ => {
                let own = numbers.iter().position(|number| key_of(number) == key);
                let later = || numbers.iter().position(|number| key_of(number) > key);
                own.or_else(later).unwrap_or(numbers.len())
            }
        };
        Self {
            found: Arc::clone(&self.found),
            from: self.from.saturating_add(at),
        }
    }

    /// How many from a position on are encrypted, and no key at hand opens them.
    pub fn closed_from(&self, objects: &Objects<'_>, at: usize) -> usize {
        let keyspace = objects.keyspace();
        let is_closed = |number: &u32| {
            let record = keyspace.record(*number);
            record.is_some_and(|version| objects.is_closed(&version))
        };
        let closed = self.found.closed.get_or_init(|| {
            let numbers = self.found.numbers.par_iter().enumerate();
            let closed = numbers.filter(|(_, number)| is_closed(number));
            closed.map(|(position, _)| position).collect()
        });
        let first = self.from.saturating_add(at);
        let before = closed.partition_point(|position| *position < first);
        closed.len().saturating_sub(before)
    }
}
