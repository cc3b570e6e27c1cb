//! What is served: evidence, and the moment at which it is asked.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use etcd_inspect::Error;
use etcd_inspect::answers::clocks::clock_of_evidence;
use etcd_inspect::clock::Clock;
use etcd_inspect::dataset::Dataset;
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::member::Objects;
use etcd_inspect::progress::Silent;
use etcd_inspect::text::when::When;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::catalog::Catalog;
use crate::listing::Listings;

/// Whether secrets are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reveal {
    /// Never.
    #[default]
    Nothing,
    /// Those of objects that are asked for by name.
    Named,
    /// All.
    All,
}

/// One directory or file that is served.
#[derive(Debug)]
pub struct Source {
    /// The name of its context: `m1`.
    pub name: String,
    /// The evidence, and the side of it that is served.
    pub dataset: Dataset,
    /// Whether secrets are shown.
    pub reveal: Reveal,
    /// The revision that is served; `None`: the newest.
    pub revision: Option<i64>,
    mask: Mask,
    catalog: OnceLock<Arc<Catalog>>,
    clock: OnceLock<Clock>,
    listings: Listings,
    /// The newest time as of the revision that was asked for last.
    newest: Mutex<Option<(i64, Timestamp)>>,
    reporter: Reporter,
    lacking: Option<String>,
}

/// Reports objects that cannot be shown: a list leaves them out.
#[derive(Clone)]
pub struct Reporter(Arc<dyn Fn(&str) + Send + Sync>);

impl Reporter {
    /// Calls `report` with one sentence for each object.
    pub fn new(report: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Reporter")
    }
}

/// The state of a source at a revision.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The evidence.
    pub source: Arc<Source>,
    /// The revision.
    pub revision: i64,
}

/// Why a moment cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum MomentError {
    /// The revision is compacted, in the future, or the evidence cannot be read.
    #[error(transparent)]
    Evidence(#[from] Error),
    /// The text is neither a revision nor a time.
    #[error(
        "{0:?} is neither a revision nor a time; examples: 1202270, -100 (revisions back), -10m, 2026-11-21T03:10:00Z"
    )]
    NotAMoment(String),
    /// No write with a time is that old.
    #[error("no write that has a time is older than {0}")]
    NoTime(String),
}

impl Source {
    /// Serves evidence; `fingerprint_key` is that of the masks.
    pub fn new(
        name: impl Into<String>,
        dataset: Dataset,
        reveal: Reveal,
        fingerprint_key: &[u8],
        reporter: Reporter,
    ) -> Self {
        Self {
            name: name.into(),
            dataset,
            reveal,
            revision: None,
            mask: Mask::new(fingerprint_key),
            catalog: OnceLock::new(),
            clock: OnceLock::new(),
            listings: Listings::default(),
            newest: Mutex::default(),
            reporter,
            lacking: None,
        }
    }

    /// Reports objects that a list lacks.
    pub(crate) fn report(&self, failed: &[String]) {
        for reason in failed {
            (self.reporter.0)(reason);
        }
    }

    /// The same evidence as of a revision.
    #[must_use]
    pub fn at_revision(self, revision: Option<i64>) -> Self {
        Self { revision, ..self }
    }

    /// The same evidence, whose answers may lack writes for a reason that is no damaged record: every client is warned.
    #[must_use]
    pub fn lacking(self, lacking: Option<String>) -> Self {
        Self { lacking, ..self }
    }

    /// Whether answers may lack objects.
    pub fn lacks_objects(&self) -> bool {
        self.loss().is_some()
    }

    /// The mask over what is shown; `None` if it is shown as it is.
    pub(crate) fn mask(&self, is_named: bool) -> Option<&Mask> {
        match self.reveal {
            Reveal::All => None,
            Reveal::Named if is_named => None,
            _ => Some(&self.mask),
        }
    }

    /// The lists that were asked for last.
    pub(crate) fn listings(&self) -> &Listings {
        &self.listings
    }

    /// The newest time in the data as of a revision, which ages are relative to: the same for every page of a list.
    pub(crate) fn newest_time(&self, objects: &Objects<'_>, revision: i64) -> Timestamp {
        let newest = || self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, time)) = newest().filter(|(of, _)| *of == revision) {
            return time;
        }
        let time = objects.newest_time(Some(revision));
        let time = time.unwrap_or(Timestamp::UNIX_EPOCH);
        *newest() = Some((revision, time));
        time
    }

    /// What the API of this evidence serves.
    pub(crate) fn catalog(&self) -> Result<Arc<Catalog>, Error> {
        if let Some(known) = self.catalog.get() {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(Catalog::read(&self.objects()?));
        Ok(Arc::clone(self.catalog.get_or_init(|| read)))
    }

    /// Whether Kubernetes wrote here.
    pub fn has_kubernetes(&self) -> bool {
        self.objects().is_ok_and(|objects| objects.has_kubernetes())
    }

    /// What a client is warned of if records cannot be read: a list may lack objects of which nothing is known.
    pub(crate) fn loss(&self) -> Option<String> {
        let (_, damage) = self.dataset.objects().ok()?.into_parts();
        let damaged = (!damage.is_empty()).then(|| {
            format!(
                "the evidence is damaged: {}; `etcd-inspect check` lists what",
                damage.summary()
            )
        });
        let reasons: Vec<String> = self.lacking.clone().into_iter().chain(damaged).collect();
        (!reasons.is_empty()).then(|| format!("objects may be missing, {}", reasons.join("; ")))
    }

    /// The keyspace as Kubernetes sees it. What of it cannot be read is reported when the source is opened.
    pub(crate) fn objects(&self) -> Result<Objects<'_>, Error> {
        Ok(self.dataset.objects()?.into_parts().0)
    }

    /// When each revision was written: read once, because every request of a context at a time asks.
    fn clock(&self, objects: &Objects<'_>) -> &Clock {
        let read = || clock_of_evidence(self.dataset.member(), objects, None, &Silent);
        self.clock.get_or_init(read)
    }

    /// Finds the revision that a text means: `1202270`, `-100`, `-10m`, a time, `latest`.
    ///
    /// # Errors
    /// The text means nothing, or its moment is not retained.
    pub fn revision_of(&self, text: &str) -> Result<i64, MomentError> {
        let objects = self.objects()?;
        let keyspace = objects.keyspace();
        let newest = keyspace.revision();
        if text.is_empty() || text == "latest" {
            return Ok(newest);
        }
        if let Ok(number) = text.parse::<i64>() {
            let revision = match number {
                back if back < 0 => newest.saturating_add(back),
                revision => revision,
            };
            return Ok(keyspace.at(Some(revision))?);
        }
        let when: When = text
            .parse()
            .map_err(|_| MomentError::NotAMoment(text.to_owned()))?;
        let clock = self.clock(&objects);
        let last = clock.newest_time(newest);
        let no_time = || MomentError::NoTime(text.to_owned());
        let moment: Timestamp = when.moment(last.ok_or_else(no_time)?, &TimeZone::UTC);
        let found = clock.at(moment, newest).ok_or_else(no_time)?;
        Ok(keyspace.at(Some(found.revision))?)
    }
}

impl Moment {
    /// The moment that a text in the URL means; without one that of the source.
    ///
    /// # Errors
    /// As [`Source::revision_of`].
    pub fn parse(source: &Arc<Source>, text: Option<&str>) -> Result<Self, MomentError> {
        let revision = match (text, source.revision) {
            (Some(text), _) => source.revision_of(text)?,
            (None, revision) => source.objects()?.keyspace().at(revision)?,
        };
        Ok(Self {
            source: Arc::clone(source),
            revision,
        })
    }
}
