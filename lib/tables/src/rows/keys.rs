//! `keys`: every key that exists, with what etcd knows of it.

use super::{Writer, columns, lease, live, times};
use crate::definition::{Column, Kind, NumberedRow, Rows, Table, Wanted};
use crate::source::{Source, TableError};
use crate::value::Value;

static COLUMNS: [Column; 14] = [
    columns::KEY,
    columns::KEY_B64,
    columns::RESOURCE,
    columns::NAMESPACE,
    columns::NAME,
    Column::integer("create_revision", "at which the key last came to life"),
    Column::integer("mod_revision", "of the last write"),
    Column::integer("version", "number of writes since the creation"),
    columns::LEASE,
    Column::integer("value_bytes", "of the value as it is stored").unit("bytes"),
    Column::integer(
        "stored_bytes",
        "of the record in the db: key, value and revisions",
    )
    .unit("bytes"),
    Column::new(
        "time",
        Kind::Time,
        "of the last write, from the clock of the data",
    ),
    columns::UNCERTAINTY,
    columns::TIME_SOURCE,
];

pub(crate) static TABLE: Table = Table {
    name: "keys",
    about: "every key that exists at the revision asked for",
    columns: &COLUMNS,
    key: &["key", "key_b64"],
    parent: None,
    on_demand: false,
    rows: Rows::Read { select: live, read },
};

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
        row.put_key(&objects, version.key);
        row.put("mod_revision", version.revision.main);
        row.put("stored_bytes", version.stored_bytes);
        if row.wants(&["create_revision", "version", "lease", "value_bytes"])
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
