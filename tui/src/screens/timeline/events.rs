//! Every retained write on the axis of time, laid out beside the loop.

use std::collections::HashMap;
use std::sync::Arc;

use etcd_inspect::answers::clocks::whole_clock;
use etcd_inspect::check::Logged;
use etcd_inspect::member::Wal;

use crate::job::Monitor;
use crate::session::Data;

/// Entries of a term that are tried for one whose revision is known.
const TRIED: usize = 500;

/// A record of the keyspace.
#[derive(Clone, Copy, Debug)]
pub(super) struct AxisRecord {
    pub(super) main: i64,
    /// Its position on the axis: seconds, or its revision if no object has a time.
    pub(super) at: i64,
    pub(super) resource: u16,
    pub(super) tombstone: bool,
}

/// All of them.
#[derive(Debug)]
pub(super) struct LoadedTimeline {
    pub(super) data: Arc<Data>,
    /// The log that the times are of too, if it was read.
    logged: Option<Arc<Logged>>,
    pub(super) events: Vec<AxisRecord>,
    /// Resources, those with most records first: name, and the beginning that their keys have.
    pub(super) resources: Vec<Vec<u8>>,
    /// Whether the axis is time; revisions otherwise.
    pub(super) timed: bool,
    /// The position of the first known write of a term: axis, term.
    pub(super) terms: Vec<(i64, u64)>,
    /// Whether there is a log.
    pub(super) has_log: bool,
    /// Whether it was not stopped.
    pub(super) is_complete: bool,
}

/// Lays out all records.
pub(super) fn load(
    data: Arc<Data>,
    logged: Option<Arc<Logged>>,
    monitor: &Monitor,
) -> LoadedTimeline {
    let clock = whole_clock(&data.objects(), logged.as_deref(), &[], monitor);
    let timed = clock.ends().is_some_and(|(first, last)| first.0 < last.0);
    let axis = |main: i64| {
        if !timed {
            return main;
        }
        let write = clock.time_of(main);
        write.map_or(0, |write| write.position.as_second())
    };
    let (events, resources) = records(&data, &axis, monitor);
    let wal = data.dataset().member().wal_with(monitor);
    let has_log = wal.is_some();
    let terms = wal.map(|wal| terms(&wal, &data, &axis)).unwrap_or_default();
    LoadedTimeline {
        data,
        logged,
        has_log,
        is_complete: !monitor.is_cancelled(),
        events,
        resources,
        timed,
        terms,
    }
}

/// All records, and the names of their resources, those with most records first.
fn records(
    data: &Data,
    axis: &dyn Fn(i64) -> i64,
    monitor: &Monitor,
) -> (Vec<AxisRecord>, Vec<Vec<u8>>) {
    let layout = data.layout();
    let mut numbers: HashMap<&[u8], u16> = HashMap::new();
    let mut counts: Vec<(Vec<u8>, u64)> = Vec::new();
    let mut events = Vec::new();
    for version in data.keyspace().between(0..=i64::MAX) {
        if events.len() % 65_536 == 0 && monitor.is_cancelled() {
            break;
        }
        let name = layout.resource(version.key).unwrap_or(b"(non-k8s)");
        let number = *numbers.entry(name).or_insert_with(|| {
            counts.push((name.to_vec(), 0));
            u16::try_from(counts.len() - 1).unwrap_or(u16::MAX)
        });
        if let Some((_, count)) = counts.get_mut(usize::from(number)) {
            *count += 1;
        }
        events.push(AxisRecord {
            main: version.revision.main,
            at: axis(version.revision.main),
            resource: number,
            tombstone: version.tombstone,
        });
    }
    // Numbers in the order of the rows.
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|a, b| {
        let of = |at: &usize| counts.get(*at).cloned().unwrap_or_default();
        let (one, other) = (of(a), of(b));
        other.1.cmp(&one.1).then(one.0.cmp(&other.0))
    });
    let mut row_of = vec![0u16; counts.len()];
    for (row, number) in order.iter().enumerate() {
        if let Some(place) = row_of.get_mut(*number) {
            *place = u16::try_from(row).unwrap_or(u16::MAX);
        }
    }
    for event in &mut events {
        event.resource = row_of
            .get(usize::from(event.resource))
            .copied()
            .unwrap_or(0);
    }
    let resources = order
        .iter()
        .filter_map(|number| counts.get(*number))
        .map(|(name, _)| name.clone())
        .collect();
    (events, resources)
}

/// Where each term begins, by the first write in it whose version is stored.
fn terms(wal: &Wal<'_>, data: &Data, axis: &dyn Fn(i64) -> i64) -> Vec<(i64, u64)> {
    let log = wal.log();
    let keyspace = data.keyspace();
    let mut found = Vec::new();
    for term in log.terms() {
        let Some(first) = term.first_index else {
            continue;
        };
        let start = log
            .surviving
            .partition_point(|at| match log.entries.get(*at as usize) {
                Some(entry) => first > entry.index,
                None => true,
            });
        let entries = log.surviving.get(start..).unwrap_or_default().iter();
        let of_term = entries
            .filter_map(|at| log.entries.get(*at as usize))
            .take_while(|entry| entry.term == term.term)
            .take(TRIED);
        let main = of_term
            .filter_map(|entry| {
                let payload = wal.payload(entry);
                let puts = payload.puts();
                let put = puts.first()?;
                let records = keyspace.records_of(&put.key);
                let mut written = records
                    .iter()
                    .filter(|version| version.key_value().is_ok_and(|kv| kv.value == put.value));
                written.next().map(|version| version.revision.main)
            })
            .next();
        found.extend(main.map(|main| (axis(main), term.term.get())));
    }
    found
}

impl LoadedTimeline {
    /// Whether it was made of these.
    pub(super) fn is_of(&self, data: &Arc<Data>, logged: Option<&Arc<Logged>>) -> bool {
        let is_same = match (&self.logged, logged) {
            (Some(own), Some(logged)) => Arc::ptr_eq(own, logged),
            (own, logged) => own.is_none() == logged.is_none(),
        };
        is_same && Arc::ptr_eq(&self.data, data)
    }

    /// The whole axis.
    pub(super) fn span(&self) -> (i64, i64) {
        match (self.events.first(), self.events.last()) {
            (Some(first), Some(last)) => (first.at, last.at.max(first.at)),
            _ => (0, 0),
        }
    }

    /// The records of a range of the axis, both ends included.
    pub(super) fn between(&self, from: i64, to: i64) -> &[AxisRecord] {
        let start = self.events.partition_point(|event| event.at < from);
        let end = self.events.partition_point(|event| event.at <= to);
        self.events.get(start..end.max(start)).unwrap_or_default()
    }

    /// The position of a revision on the axis.
    pub(super) fn at(&self, main: i64) -> i64 {
        let after = self.events.partition_point(|event| event.main <= main);
        let event = self.events.get(after.saturating_sub(1));
        event.map_or(0, |event| event.at)
    }
}

/// So many records of each row in each cell.
#[derive(Debug, Default)]
pub(super) struct Picture {
    pub(super) of: (i64, i64, usize),
    /// All, deletions, then the resources.
    pub(super) rows: Vec<Vec<u32>>,
}

/// The range of the axis that a cell stands for, both ends included.
pub(super) fn stretch(from: i64, to: i64, cells: usize, cell: usize) -> (i64, i64) {
    let span = i128::from(to) - i128::from(from) + 1;
    let cells = cells.max(1) as i128;
    let edge = |cell: i128| i128::from(from) + (span * cell + cells - 1) / cells;
    let clamped = |value: i128| i64::try_from(value).unwrap_or(to);
    let start = edge(cell as i128);
    (clamped(start), clamped(edge(cell as i128 + 1) - 1))
}

/// The cell of a place on the axis; `None`: outside.
pub(super) fn cell_of(from: i64, to: i64, cells: usize, at: i64) -> Option<usize> {
    if at < from || at > to || cells == 0 {
        return None;
    }
    let span = i128::from(to) - i128::from(from) + 1;
    let cell = (i128::from(at) - i128::from(from)) * cells as i128 / span;
    usize::try_from(cell).ok().map(|cell| cell.min(cells - 1))
}

impl Picture {
    pub(super) fn draw(loaded: &LoadedTimeline, from: i64, to: i64, cells: usize) -> Self {
        let mut rows = vec![vec![0u32; cells]; loaded.resources.len() + 2];
        let mut count = |row: usize, cell: usize| {
            let place = rows.get_mut(row).and_then(|row| row.get_mut(cell));
            if let Some(place) = place {
                *place = place.saturating_add(1);
            }
        };
        for event in loaded.between(from, to) {
            let Some(cell) = cell_of(from, to, cells, event.at) else {
                continue;
            };
            count(0, cell);
            if event.tombstone {
                count(1, cell);
            }
            count(2 + usize::from(event.resource), cell);
        }
        Self {
            of: (from, to, cells),
            rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_axis_lies_in_the_stretch_of_its_cell() {
        for (from, to, cells) in [
            (0, 99, 10),
            (5, 8, 60),
            (-3, 40, 7),
            (7, 7, 3),
            (0, 100, 33),
        ] {
            for at in from..=to {
                let cell = cell_of(from, to, cells, at).unwrap();
                let (start, end) = stretch(from, to, cells, cell);
                assert!(
                    (start..=end).contains(&at),
                    "{at} of {from}–{to} in {cells}"
                );
            }
        }
        assert_eq!(cell_of(0, 9, 5, 10), None);
        assert!(cell_of(i64::MIN, i64::MAX, 80, i64::MAX).is_some());
    }
}
