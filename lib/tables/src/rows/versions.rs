//! `versions`: every version and every delete that compaction has not removed.

use super::{Writer, columns, fits, lease, ranges, times};
use crate::definition::{Column, Kind, NumberedRow, Pushed, Rows, Table, Wanted};
use crate::filter::Filter;
use crate::source::{Source, TableError};
use crate::value::Value;

static COLUMNS: [Column; 16] = [
    Column::integer("revision", "main revision of the write").pushed(Pushed::Revision),
    Column::integer("sub", "position within its transaction"),
    Column::text("op", "put or delete"),
    columns::KEY,
    columns::KEY_B64,
    columns::RESOURCE,
    columns::NAMESPACE,
    columns::NAME,
    Column::integer(
        "create_revision",
        "at which the key came to life; NULL for a delete",
    ),
    Column::integer(
        "version",
        "number of writes since the creation; NULL for a delete",
    ),
    columns::LEASE,
    Column::integer(
        "value_bytes",
        "of the value as it is stored; NULL for a delete",
    )
    .unit("bytes"),
    Column::integer(
        "offset",
        "of the record in the db; NULL if only the log has it",
    )
    .unit("bytes"),
    Column::new(
        "time",
        Kind::Time,
        "of the write, from the clock of the data",
    ),
    columns::UNCERTAINTY,
    columns::TIME_SOURCE,
];

pub(crate) static TABLE: Table = Table {
    name: "versions",
    about: "every write and delete that the db still has (a db that cannot be read: that its log has), oldest first; those that only the log has: `sql --replay`, `changes`, `timeline`",
    columns: &COLUMNS,
    key: &["revision", "sub"],
    parent: None,
    on_demand: false,
    rows: Rows::Read { select, read },
};

fn select(source: &Source, filter: &Filter) -> Result<Vec<u32>, TableError> {
    let objects = source.objects()?;
    let keyspace = objects.keyspace();
    let mut revisions = filter.revisions();
    if let Some(at) = source.revision() {
        revisions = *revisions.start()..=at.min(*revisions.end());
    }
    if let Some(key) = &filter.key {
        if !fits(&objects, filter, key) {
            return Ok(Vec::new());
        }
        let records = keyspace.records_of(key);
        let numbered = records.numbers().iter().zip(records.iter());
        let within = numbered.filter(|(_, version)| revisions.contains(&version.revision.main));
        return Ok(within.map(|(number, _)| *number).collect());
    }
    let between = keyspace.numbers_between(revisions.clone());
    if *filter
        == (Filter {
            from_revision: filter.from_revision,
            to_revision: filter.to_revision,
            ..Filter::default()
        })
    {
        return Ok(between.collect());
    }
    let mut numbers = Vec::new();
    for range in ranges(&objects, filter) {
        for newest in keyspace
            .all(&range)
            .iter()
            .filter(|newest| fits(&objects, filter, newest.key))
        {
            let records = keyspace.records_of(newest.key);
            numbers.extend(
                records
                    .numbers()
                    .iter()
                    .filter(|number| between.contains(number)),
            );
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn read(
    source: &Source,
    numbers: &[u32],
    wanted: Wanted,
    out: &mut Vec<NumberedRow>,
) -> Result<(), TableError> {
    let objects = source.objects()?;
    let keyspace = objects.keyspace();
    let times = times(source, &objects, numbers, (&COLUMNS, wanted));
    let records = numbers
        .iter()
        .filter_map(|number| Some((*number, keyspace.record(*number)?)));
    for (number, version) in records {
        let mut row = Writer::new(&COLUMNS, wanted);
        row.put("revision", version.revision.main);
        row.put("sub", version.revision.sub);
        row.put("op", if version.tombstone { "delete" } else { "put" });
        row.put_key(&objects, version.key);
        row.put("offset", version.offset);
        if !version.tombstone
            && row.wants(&["create_revision", "version", "lease", "value_bytes"])
            && let Ok(kv) = version.key_value()
        {
            row.put("create_revision", kv.create_revision);
            row.put("version", kv.version);
            row.put("lease", lease(kv.lease));
            row.put("value_bytes", Value::count(kv.value.len()));
        }
        row.put_time(&times, version.revision.main);
        out.push((number, row.finish()));
    }
    Ok(())
}
