//! What Home shows, gathered beside the loop: what is known first is shown first.

use std::collections::HashMap;

use etcd_inspect::Error;
use etcd_inspect::Severity;
use etcd_inspect::answers::certs::{CertificateFilter, certs};
use etcd_inspect::answers::changes::{ChangeRow, ChangesQuery, LatelyRow, changes, lately};
use etcd_inspect::answers::leases::{LeaseState, LeasesRead, leases};
use etcd_inspect::answers::meta::MetaAnswer;
use etcd_inspect::answers::reach::{CarvedReach, ReachAnswer};
use etcd_inspect::answers::status::{RaftStatus, SecretsStatus, StatusAnswer, StoreStatus};
use etcd_inspect::answers::view::View;
use etcd_inspect::answers::{Counts, KeyRange};
use etcd_inspect::check::Logged;
use etcd_inspect::dataset::Dataset;
use etcd_inspect::kubernetes::mask::Mask;
use etcd_inspect::member::{Objects, Space};
use etcd_inspect::progress::Progress as _;
use etcd_inspect::verdict::quick;
use jiff::Timestamp;

use crate::job::Monitor;
use crate::session::Data;

/// Newest changes that "lately" is folded from.
const CHANGES: usize = 600;

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) status: Option<StatusFacts>,
    pub(super) stored: Option<Result<StoredFacts, String>>,
    pub(super) reach: Option<ReachAnswer>,
    pub(super) lately: Option<LatelyFacts>,
    pub(super) certificates: Option<CertificateFacts>,
    pub(super) biggest: Option<Biggest>,
    pub(super) carved: Option<CarvedReach>,
}

/// The answer of `status`.
#[derive(Debug)]
pub(super) struct StatusFacts {
    pub(super) answer: StatusAnswer,
    pub(super) severity: Option<Severity>,
    pub(super) space: Option<Space>,
    /// How Secrets are stored, also if the keyspace is that of log and carved records.
    pub(super) secrets: Option<SecretsStatus>,
}

/// What etcd keeps about itself.
#[derive(Debug)]
pub(super) struct StoredFacts {
    pub(super) meta: MetaAnswer,
    pub(super) leases: usize,
    pub(super) orphans: usize,
}

/// What happened lately, and of which changes that is.
#[derive(Debug)]
pub(super) struct LatelyFacts {
    pub(super) lines: Vec<LatelyRow>,
    /// Changes that were folded into the lines.
    pub(super) changes: usize,
    /// Whether there are no older ones.
    pub(super) is_all: bool,
    /// First and last revision of them.
    pub(super) span: Option<(i64, i64)>,
    /// When the first was written.
    pub(super) from: Option<Timestamp>,
    /// When the last was written.
    pub(super) to: Option<Timestamp>,
}

/// Certificates by their end.
#[derive(Debug)]
pub(super) struct CertificateFacts {
    pub(super) all: usize,
    pub(super) expired: usize,
    pub(super) within_month: usize,
    /// The next that ends: its subject, its end, and the seconds until then.
    pub(super) next: Option<(String, Timestamp, i64)>,
    /// What ends are relative to; `None` if nothing in the data has a time.
    pub(super) now: Option<Timestamp>,
    /// Values that could not be read.
    pub(super) unread: u64,
}

/// What takes most of the file.
#[derive(Debug)]
pub(super) struct Biggest {
    pub(super) resource: Option<(Vec<u8>, u64)>,
    pub(super) value: Option<(Vec<u8>, u64)>,
}

/// A part of the answer.
pub(super) enum HomePart {
    Status(Box<StatusFacts>),
    Stored(Box<Result<StoredFacts, String>>),
    Reach(Box<ReachAnswer>),
    Lately(LatelyFacts),
    Certificates(CertificateFacts),
    Biggest(Biggest),
    Carved(CarvedReach),
    /// The end, or what was stopped.
    End,
}

impl Facts {
    pub(super) fn take(&mut self, part: HomePart) {
        match part {
            HomePart::Status(status) => self.status = Some(*status),
            HomePart::Stored(stored) => self.stored = Some(*stored),
            HomePart::Reach(reach) => self.reach = Some(*reach),
            HomePart::Lately(facts) => self.lately = Some(facts),
            HomePart::Certificates(facts) => self.certificates = Some(facts),
            HomePart::Biggest(biggest) => self.biggest = Some(biggest),
            HomePart::Carved(carved) => self.carved = Some(carved),
            HomePart::End => {}
        }
    }
}

/// Gathers what needs no log; everything if the db cannot be read. `data`: the index, if it can.
pub(super) fn gather(
    dataset: &Dataset,
    data: Option<&Data>,
    mask: &Mask,
    monitor: &Monitor,
) -> HomePart {
    monitor.begin("looking at", 0);
    monitor.send(HomePart::Status(Box::new(status(dataset, data, monitor))));
    monitor.send(HomePart::Stored(Box::new(
        stored(dataset, data).map_err(|error| error.to_string()),
    )));
    if monitor.is_cancelled() {
        return HomePart::End;
    }
    let Some(data) = data else {
        of_log_alone(dataset, mask, monitor);
        return HomePart::End;
    };
    monitor.send(HomePart::Biggest(biggest(data)));
    HomePart::End
}

/// Gathers the rest: how far back, what happened lately, certificates. `logged`: what only the log has.
pub(super) fn gather_with_log(
    dataset: &Dataset,
    data: &Data,
    logged: Option<&Logged>,
    mask: &Mask,
    monitor: &Monitor,
) -> HomePart {
    if data.rebuilt().is_some() {
        return without_db(dataset, data, mask, monitor);
    }
    let objects = data.objects();
    let reach = ReachAnswer::new(dataset.member(), &objects, logged);
    monitor.send(HomePart::Reach(Box::new(reach)));
    of_objects(dataset, &objects, logged, mask, monitor);
    of_carved(dataset, &objects, logged, monitor);
    HomePart::End
}

/// The tree of the db is lost, and the keyspace is that of log and carved records: how far the log reaches is asked of the log alone.
fn without_db(dataset: &Dataset, data: &Data, mask: &Mask, monitor: &Monitor) -> HomePart {
    let member = dataset.member();
    let objects = data.objects();
    let view = View::of_log(member, &monitor.whole());
    let mut reach = match &view {
        Some(view) => {
            let of_log = objects.over(view.keyspace());
            let mut reach = ReachAnswer::new(member, &of_log, view.logged());
            // The keyspace is that of the log.
            if let Some(log) = &mut reach.log {
                log.revisions = log.revisions.or(reach.db);
            }
            reach
        }
        None => ReachAnswer::new(member, &objects, None),
    };
    reach.db = None;
    monitor.send(HomePart::Reach(Box::new(reach)));
    of_objects(dataset, &objects, None, mask, monitor);
    match &view {
        Some(view) => of_carved(
            dataset,
            &objects.over(view.keyspace()),
            view.logged(),
            monitor,
        ),
        None => of_carved(dataset, &objects, None, monitor),
    }
    HomePart::End
}

/// The db cannot be read: what the log has.
fn of_log_alone(dataset: &Dataset, mask: &Mask, monitor: &Monitor) {
    let Some(view) = View::of_log(dataset.member(), &monitor.whole()) else {
        return;
    };
    let limits = &dataset.member().options().evidence.limits;
    let name = dataset.member().evidence().name();
    let keyring = dataset.keyring().clone();
    let objects = Objects::new(view.keyspace(), name, None, keyring, limits);
    let mut reach = ReachAnswer::new(dataset.member(), &objects, view.logged());
    // The keyspace is that of the log.
    reach.db = None;
    monitor.send(HomePart::Reach(Box::new(reach)));
    of_objects(dataset, &objects, view.logged(), mask, monitor);
    of_carved(dataset, &objects, view.logged(), monitor);
}

/// Records that neither the db nor the log has: all of the file is looked through.
fn of_carved(dataset: &Dataset, objects: &Objects<'_>, logged: Option<&Logged>, monitor: &Monitor) {
    if monitor.is_cancelled() {
        return;
    }
    monitor.begin("carving", 0);
    let carved = CarvedReach::new(dataset.member(), objects, logged, monitor);
    if !monitor.is_cancelled() {
        monitor.send(HomePart::Carved(carved));
    }
}

/// What happened lately, and which certificates end.
fn of_objects<'a>(
    dataset: &'a Dataset,
    objects: &Objects<'a>,
    logged: Option<&'a Logged>,
    mask: &Mask,
    monitor: &Monitor,
) {
    let query = ChangesQuery {
        last: Some(CHANGES),
        ..ChangesQuery::default()
    };
    let (table, _) = changes(dataset.member(), objects, logged, &query, Some(mask), None);
    let placed = || table.rows.iter().filter(|row| row.is_placed());
    let span = placed()
        .map(ChangeRow::revision)
        .min()
        .zip(placed().map(ChangeRow::revision).max());
    let times = placed().filter_map(|row| row.time);
    monitor.send(HomePart::Lately(LatelyFacts {
        lines: lately(&table.rows),
        changes: placed().count(),
        is_all: table.rows.len() < CHANGES,
        span,
        from: times.clone().map(|write| write.time).min(),
        to: times.map(|write| write.time).max(),
    }));
    if !monitor.is_cancelled()
        && let Ok(facts) = certificates(objects)
    {
        monitor.send(HomePart::Certificates(facts));
    }
}

/// As `status` answers it.
fn status(dataset: &Dataset, data: Option<&Data>, monitor: &Monitor) -> StatusFacts {
    let member = dataset.member();
    let looked = quick(member, true, &monitor.whole());
    let view = member
        .db_file()
        .is_ok()
        .then(|| View::open(member, false, &monitor.whole()));
    let mut space = None;
    let store = match view {
        None => StoreStatus::None,
        Some(Err(error)) => StoreStatus::Unreadable(error.to_string()),
        Some(Ok(view)) => {
            let (view, _) = view.into_parts();
            space = view.space(Some(&view.keyspace().counts())).ok();
            StoreStatus::read(&view)
                .unwrap_or_else(|error: Error| StoreStatus::Unreadable(error.to_string()))
        }
    };
    let identity = member.identity();
    let raft = RaftStatus::read(member, None, true);
    let rebuilt = data.filter(|data| data.rebuilt().is_some());
    let secrets = match (&store, rebuilt) {
        (StoreStatus::Read { keys, .. }, _) => keys.secrets.clone(),
        (_, Some(data)) => SecretsStatus::read(&data.objects()).ok().flatten(),
        _ => None,
    };
    StatusFacts {
        secrets,
        answer: StatusAnswer::new(member, &identity, store, raft, &looked),
        severity: looked.severity,
        space,
    }
}

fn stored(dataset: &Dataset, data: Option<&Data>) -> Result<StoredFacts, Error> {
    let member = dataset.member();
    // What is in no readable bucket is not known: it is not nothing.
    member.newest_keyspace()?;
    let buckets = member.buckets()?;
    let table = data.map(|data| {
        leases(
            &buckets.leases,
            &data.keyspace(),
            LeasesRead::new(&buckets, dataset.member()),
        )
    });
    let orphans = table.iter().flat_map(|table| &table.rows);
    Ok(StoredFacts {
        leases: buckets.leases.len(),
        orphans: orphans
            .filter(|row| row.state == LeaseState::Orphan)
            .count(),
        meta: MetaAnswer::new(member.identity(), member.meta()?, buckets),
    })
}

fn certificates(objects: &Objects<'_>) -> Result<CertificateFacts, Error> {
    let now = objects.newest_time(None);
    let relative = now.unwrap_or(Timestamp::UNIX_EPOCH);
    let answer = certs(objects, None, relative, CertificateFilter::default())?;
    let (table, damage) = answer.into_parts();
    let left = |limit: i64| {
        let rows = table.rows.iter();
        rows.filter(|row| row.left_seconds.is_some_and(|left| left < limit))
            .count()
    };
    let expired = left(0);
    let next = table.rows.iter().find_map(|row| {
        let left = row.left_seconds.filter(|left| *left >= 0)?;
        Some((
            row.certificate.subject.clone(),
            row.certificate.not_after?,
            left,
        ))
    });
    Ok(CertificateFacts {
        all: table.rows.len(),
        expired,
        within_month: left(30 * 86_400).saturating_sub(expired),
        next,
        now,
        unread: damage.skipped,
    })
}

fn biggest(data: &Data) -> Biggest {
    let keyspace = data.keyspace();
    let layout = data.layout();
    let by_resource: HashMap<Option<Vec<u8>>, Counts> =
        keyspace.counts_by(|key| layout.resource(key).map(<[u8]>::to_vec));
    let sums = by_resource.into_iter().filter_map(|(name, counts)| {
        let bytes = counts.live_bytes.saturating_add(counts.history_bytes);
        Some((name?, bytes))
    });
    let live = keyspace.live(&KeyRange::all(), None);
    let largest = live.ok().and_then(|live| {
        let sizes = live
            .iter()
            .map(|version| (version.key, version.stored_bytes));
        sizes
            .max_by_key(|(_, bytes)| *bytes)
            .map(|(key, bytes)| (key.to_vec(), bytes))
    });
    Biggest {
        resource: sums.max_by(|(a, one), (b, other)| one.cmp(other).then_with(|| b.cmp(a))),
        value: largest,
    }
}
