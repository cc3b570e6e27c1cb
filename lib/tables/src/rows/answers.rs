//! The small tables: rows of an answer of the library, made at once. Their columns have the names of the answer's JSON fields.

use etcd_inspect::answers::certs::{CertificateFilter, certs};
use etcd_inspect::answers::check::CheckRow;
use etcd_inspect::answers::leases::{LeasesRead, leases};
use etcd_inspect::answers::plan::PlanAnswer;
use etcd_inspect::answers::view::View;
use etcd_inspect::answers::wal::terms;
use etcd_inspect::answers::{self, page};
use etcd_inspect::check::Depth;
use etcd_inspect::dataset::Side;
use etcd_inspect::member::Buckets;
use etcd_inspect::progress::Silent;
use etcd_inspect::verdict::judge;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value as Json};

use crate::definition::{Column, Kind, Rows, Table};
use crate::source::{Source, TableError};
use crate::value::{Row, Value};

static TERMS: [Column; 10] = [
    Column::integer("term", "the term"),
    Column::integer("first_index", "first entry of the term"),
    Column::integer("last_index", "last entry of the term"),
    Column::integer("entries", "number of entries"),
    Column::integer(
        "overwritten",
        "number of entries that a later leader overwrote",
    ),
    Column::text("vote", "the member that this one voted for"),
    Column::integer("commit_index", "commit index when the term ended").of("commit"),
    Column::text("ended", "how the term ended"),
    Column::new("votes", Kind::Json, "all votes of the term"),
    Column::new(
        "noop",
        Kind::Boolean,
        "whether the leader's first, empty entry is there",
    ),
];

pub(crate) static TERMS_TABLE: Table = Table {
    name: "terms",
    about: "every term of the log",
    columns: &TERMS,
    key: &["term"],
    parent: None,
    on_demand: false,
    rows: Rows::Made(|source| {
        let Some(wal) = source.log() else {
            return Ok(Vec::new());
        };
        let wal = source.take(wal);
        Ok(of_table(&TERMS, &terms(&wal)))
    }),
};

static MEMBERS: [Column; 5] = [
    Column::text("id", "16 hexadecimal digits"),
    Column::text("name", "empty until the member has published itself"),
    Column::new("peer_urls", Kind::Json, "at which other members reach it"),
    Column::new("client_urls", Kind::Json, "at which clients reach it"),
    Column::new(
        "is_learner",
        Kind::Boolean,
        "whether it only receives the log",
    ),
];

pub(crate) static MEMBERS_TABLE: Table = Table {
    name: "members",
    about: "every member of the cluster that the evidence knows",
    columns: &MEMBERS,
    key: &["id"],
    parent: None,
    on_demand: false,
    rows: Rows::Made(|source| {
        let mut identity = source.dataset().member().identity();
        if source.is_replayed() {
            identity.with_members(buckets(source)?.cluster.members);
        }
        if identity.members.is_empty() {
            // An empty list is not known to be empty if there is no db.
            source.dataset().member().db()?;
        }
        Ok(of_serialized(&MEMBERS, &identity.members))
    }),
};

static LEASES: [Column; 6] = [
    Column::text("id", "16 hexadecimal digits"),
    Column::integer(
        "ttl_seconds",
        "as it was granted; NULL if the lease is not stored",
    )
    .unit("seconds"),
    Column::integer(
        "remaining_ttl_seconds",
        "as a checkpoint left it; NULL without one",
    )
    .unit("seconds"),
    Column::integer("key_count", "number of keys that name it"),
    Column::text(
        "state",
        "ok, no keys, or orphan: named by keys but not stored",
    ),
    Column::new("keys", Kind::Json, "the keys that name it"),
];

pub(crate) static LEASES_TABLE: Table = Table {
    name: "leases",
    about: "every lease that is stored or named by a key",
    columns: &LEASES,
    key: &["id"],
    parent: None,
    on_demand: false,
    rows: Rows::Made(|source| {
        let objects = source.objects()?;
        let buckets = buckets(source)?;
        source.add_damage(buckets.loss());
        let read = LeasesRead::new(&buckets, source.dataset().member());
        Ok(of_table(
            &LEASES,
            &leases(&buckets.leases, &objects.keyspace(), read),
        ))
    }),
};

static PAGES: [Column; 10] = [
    Column::integer("id", "page id"),
    Column::text(
        "type",
        "branch, leaf, meta, freelist; NULL if the header has none",
    ),
    Column::integer("items", "number of elements"),
    Column::integer("overflow", "number of pages after the first"),
    Column::text(
        "state",
        "used, free, or unknown because a tree cannot be read",
    ),
    Column::new(
        "used_percent",
        Kind::Real,
        "part of the run that holds something",
    ),
    Column::text(
        "bucket",
        "the bucket that the page belongs to, if its name is UTF-8",
    ),
    Column::text("bucket_b64", "the same in base64, if it is not"),
    Column::integer("offset", "of the page in the file").unit("bytes"),
    Column::integer("used_bytes", "bytes of the run that hold something").unit("bytes"),
];

pub(crate) static PAGES_TABLE: Table = Table {
    name: "pages",
    about: "every page of the db that begins something",
    columns: &PAGES,
    key: &["id"],
    parent: None,
    on_demand: false,
    rows: Rows::Made(|source| {
        let db = source.dataset().member().db()?;
        Ok(of_table(&PAGES, &source.take(page::list(&db))))
    }),
};

static CERTS: [Column; 11] = [
    Column::new("not_after", Kind::Time, "end of its validity"),
    Column::new("not_before", Kind::Time, "begin of its validity"),
    Column::integer(
        "expires_in_s",
        "seconds left at the newest time in the data; negative: expired",
    )
    .unit("seconds"),
    Column::text("subject", "its subject"),
    Column::text("issuer", "its issuer"),
    Column::text("object", "the first object that holds it"),
    Column::text("field", "the field of that object"),
    Column::new("is_ca", Kind::Boolean, "whether it may sign others"),
    Column::new("names", Kind::Json, "DNS names and addresses"),
    Column::text("serial", "serial number in hexadecimal"),
    Column::new("places", Kind::Json, "every object and field that holds it"),
];

pub(crate) static CERTS_TABLE: Table = Table {
    name: "certs",
    about: "every certificate in Secrets, signing requests and CA bundles",
    columns: &CERTS,
    key: &[],
    parent: None,
    on_demand: false,
    rows: Rows::Made(|source| {
        let objects = source.objects()?;
        let now = objects
            .newest_time(source.revision())
            .unwrap_or(Timestamp::UNIX_EPOCH);
        let found = certs(
            &objects,
            source.revision(),
            now,
            CertificateFilter::default(),
        )?;
        Ok(of_table(&CERTS, &source.take(found)))
    }),
};

static FINDINGS: [Column; 13] = [
    Column::text("id", "F-01: its position in the report"),
    Column::text("code", "BOLT-009: `etcd-inspect explain CODE` describes it"),
    Column::text("severity", "note, warning, error"),
    Column::text("message", "one sentence"),
    Column::text("file", "the file"),
    Column::integer("offset", "byte in the file").unit("bytes"),
    Column::integer("page", "bbolt page"),
    Column::integer("raft_index", "entry of the log").of("index"),
    Column::integer("count", "how often it was found"),
    Column::new("keys", Kind::Json, "affected keys"),
    Column::text("seen", "what is there"),
    Column::text("expected", "what should be there"),
    Column::new("next", Kind::Json, "commands to go on with"),
];

pub(crate) static FINDINGS_TABLE: Table = Table {
    name: "findings",
    about: "what `etcd-inspect check` finds",
    columns: &FINDINGS,
    key: &["id"],
    parent: None,
    on_demand: false,
    rows: Rows::Made(|source| {
        let report = source.dataset().check(Depth::Default);
        let findings = report.findings.iter().enumerate();
        let operand = source.dataset().member().evidence().operand();
        let rows: Vec<CheckRow> = findings
            .map(|(at, finding)| CheckRow::new(at, finding, operand))
            .collect();
        Ok(of_serialized(&FINDINGS, &rows))
    }),
};

static PLAN: [Column; 15] = [
    Column::integer("rank", "1 is the best"),
    Column::text("action", "start, restore, salvage, …"),
    Column::text("release", "the release of etcd that does it"),
    Column::text("effect", "in one line"),
    Column::new(
        "starts",
        Kind::Boolean,
        "whether etcd serves then; NULL if that is not known",
    )
    .of("outcome/starts"),
    Column::text(
        "message",
        "the last thing that etcd logs if it does not start",
    )
    .of("outcome/message"),
    Column::integer("revision", "afterwards, if known").of("outcome/revision"),
    Column::integer("keys", "afterwards, if known").of("outcome/keys"),
    Column::integer("lost_writes", "acknowledged writes that are gone then").of("lost/writes"),
    Column::integer("lost_keys", "keys of these").of("lost/keys"),
    Column::integer("wrong", "records served with another content"),
    Column::integer("duplicated", "writes applied a second time"),
    Column::integer(
        "undone",
        "writes that a restore had taken back and that come back",
    ),
    Column::new("exact", Kind::Boolean, "whether all these counts are exact"),
    Column::new("command", Kind::Json, "the commands, in order"),
];

pub(crate) static PLAN_TABLE: Table = Table {
    name: "plan",
    about: "what can be done, the best first, as `etcd-inspect check` says",
    columns: &PLAN,
    key: &["rank"],
    parent: None,
    on_demand: false,
    rows: Rows::Made(|source| {
        let member = source.dataset().member();
        let report = source.dataset().check(Depth::Default);
        let verdict = judge(member, &report, None, &Silent);
        let answer = PlanAnswer::new(&verdict, &report);
        let mut rows = of_serialized(&PLAN, &answer.plan);
        for (rank, row) in (1..).zip(&mut rows) {
            if let Some(first) = row.first_mut() {
                *first = Value::Integer(rank);
            }
        }
        Ok(rows)
    }),
};

fn buckets(source: &Source) -> Result<Buckets, TableError> {
    let member = source.dataset().member();
    if source.dataset().side() == Side::Log {
        // The buckets are the db's, which cannot be read: nothing found there is not nothing stored.
        member.newest_keyspace()?;
    }
    if !source.is_replayed() {
        return Ok(member.buckets()?);
    }
    let view = source.take(View::open(member, true, &Silent)?);
    Ok(view.buckets()?)
}

/// Rows of an answer's table, by the names of its fields.
fn of_table<R: answers::Row>(columns: &[Column], table: &answers::Table<R>) -> Vec<Row> {
    let fields = |row: &R| {
        let mut object = Map::new();
        for (column, cell) in table.columns.iter().zip(row.cells()) {
            cell.put(&column.field, &mut object);
        }
        of_json(columns, &Json::Object(object))
    };
    table.rows.iter().map(fields).collect()
}

/// Rows of serialized values, by the names of their fields.
fn of_serialized<T: Serialize>(columns: &[Column], values: &[T]) -> Vec<Row> {
    let json = |value: &T| serde_json::to_value(value).unwrap_or_default();
    values
        .iter()
        .map(|value| of_json(columns, &json(value)))
        .collect()
}

pub(crate) fn of_json(columns: &[Column], object: &Json) -> Row {
    let value = |column: &Column| {
        let value = object.pointer(&format!("/{}", column.field));
        column
            .kind
            .holds(value.map(Value::of_json).unwrap_or_default())
    };
    columns.iter().map(value).collect()
}
