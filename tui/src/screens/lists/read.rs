//! The rows of a list, read beside the loop from the answer of the library.

use etcd_inspect::Error;
use etcd_inspect::answers::certs::{CertificateFilter, CertificateRow, certs};
use etcd_inspect::answers::leases::{LeasesRead, leases};
use etcd_inspect::answers::meta::MetaAnswer;
use etcd_inspect::answers::{Align, Label, Row, Show, Style, Table};
use etcd_inspect::dataset::Dataset;
use etcd_inspect::member::Buckets;
use etcd_inspect::text::time;
use jiff::Timestamp;

use crate::session::Data;
use crate::target::Listing;
use crate::theme::Role;
use crate::widgets::{GridColumn, measure};

/// A list.
#[derive(Debug, Default)]
pub(super) struct ReadList {
    pub(super) columns: Vec<GridColumn>,
    pub(super) rows: Vec<ReadRow>,
    /// Notes about it as a whole.
    pub(super) notes: Vec<(Role, String)>,
}

/// A row, and the key that it is about.
#[derive(Debug)]
pub(super) struct ReadRow {
    pub(super) cells: Vec<(Role, String)>,
    pub(super) key: Option<Vec<u8>>,
}

impl ReadRow {
    /// Its text, for the filter.
    pub(super) fn line(&self) -> String {
        let texts: Vec<&str> = self.cells.iter().map(|(_, text)| text.as_str()).collect();
        texts.join(" ")
    }
}

/// Reads a list. `replayed`: of the state after a start; `data`: its index, if there is one.
pub(super) fn read(
    dataset: &Dataset,
    data: Option<&Data>,
    (listing, replayed): (Listing, bool),
    revision: Option<i64>,
    style: &Style,
) -> ReadList {
    let read = match listing {
        Listing::Certificates => certificates(data, revision, style),
        Listing::Members => meta(dataset, data, replayed, style, false),
        Listing::Auth => meta(dataset, data, replayed, style, true),
        Listing::Leases => buckets(dataset, data, replayed).map(|buckets| match data {
            Some(data) => {
                let table = leases(
                    &buckets.leases,
                    &data.keyspace(),
                    LeasesRead::new(&buckets, dataset.member()),
                );
                listed(&table, style, |row| {
                    row.keys.first().map(|key| key.as_bytes().to_vec())
                })
            }
            None => unknown("the keys of the db cannot be read: which are attached is not known"),
        }),
    };
    read.unwrap_or_else(|error| unknown(error.to_string()))
}

fn unknown(why: impl Into<String>) -> ReadList {
    ReadList {
        notes: vec![(Role::Error, why.into())],
        ..ReadList::default()
    }
}

/// The rows of an answer, with the columns that a table of the command line has.
fn listed<R: Row>(
    table: &Table<R>,
    style: &Style,
    key: impl Fn(&R) -> Option<Vec<u8>>,
) -> ReadList {
    let shown: Vec<bool> = table
        .columns
        .iter()
        .map(|column| !matches!(column.show, Show::Json | Show::Data))
        .collect();
    let kept = table
        .columns
        .iter()
        .filter(|column| !matches!(column.show, Show::Json | Show::Data));
    let mut columns: Vec<GridColumn> = kept
        .map(|column| {
            let spare = u8::from(column.show == Show::Wide);
            GridColumn::spare(column.head.clone(), column.align == Align::Right, spare)
        })
        .collect();
    let rows: Vec<ReadRow> = table
        .rows
        .iter()
        .map(|row| {
            let cells = row.cells();
            let cells = cells.iter().zip(&shown).filter(|(_, shown)| **shown);
            ReadRow {
                cells: cells
                    .map(|(cell, _)| (role_of(cell.label), cell.human(style).into_owned()))
                    .collect(),
                key: key(row),
            }
        })
        .collect();
    fit(&mut columns, &rows);
    let notes = table.all.iter().map(|all| (Role::Dim, all.clone()));
    ReadList {
        columns,
        rows,
        notes: notes.collect(),
    }
}

fn fit(columns: &mut [GridColumn], rows: &[ReadRow]) {
    measure(columns, rows.len(), |at| {
        let cells = rows.get(at).map(|row| row.cells.as_slice());
        let texts = cells.unwrap_or_default().iter();
        texts
            .map(|(_, text)| etcd_inspect::text::escape::width(text))
            .collect()
    });
}

/// How a meaning of the library looks.
fn role_of(label: Label) -> Role {
    match label {
        Label::Heading => Role::Heading,
        Label::Dim => Role::Dim,
        Label::Name => Role::Name,
        Label::Command => Role::Key,
        Label::Good => Role::Good,
        Label::Note => Role::Number,
        Label::Warning => Role::Warning,
        Label::Error => Role::Error,
        _ => Role::Plain,
    }
}

fn certificates(
    data: Option<&Data>,
    revision: Option<i64>,
    style: &Style,
) -> Result<ReadList, Error> {
    let Some(data) = data else {
        return Ok(unknown(
            "there is no index: certificates are in the values of keys",
        ));
    };
    let objects = data.objects();
    let known = objects.newest_time(revision);
    let now = known.unwrap_or(Timestamp::UNIX_EPOCH);
    let answer = certs(&objects, revision, now, CertificateFilter::default())?;
    let (table, damage) = answer.into_parts();
    let key = |row: &CertificateRow| {
        let (object, _) = row.places.first()?;
        let (noun, name) = object.split_once('/')?;
        let (namespace, name) = match name.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, name),
        };
        let target = data.layout().resolve(noun).into_iter().next()?;
        let keys = objects.keys_of(&target, namespace, name);
        let mut keys = keys.into_iter();
        keys.find(|key| data.directory().position(key).is_some())
    };
    let mut listed = listed(&table, style, key);
    listed.notes.push(match known {
        Some(now) => (
            Role::Dim,
            format!(
                "as of {}, the newest time in the data",
                time::full(now, &style.zone)
            ),
        ),
        None => (
            Role::Warning,
            "no value contains a time: what has expired is not known".to_owned(),
        ),
    });
    if !damage.is_empty() {
        listed.notes.push((Role::Warning, damage.to_string()));
    }
    if listed.rows.is_empty() {
        let none = "no certificate in Secrets, ConfigMaps, requests or webhooks";
        listed.notes.push((Role::Dim, none.to_owned()));
    }
    Ok(listed)
}

/// Members, leases and users of the side that is shown.
fn buckets(dataset: &Dataset, data: Option<&Data>, replayed: bool) -> Result<Buckets, Error> {
    let state = match (replayed, data) {
        (true, Some(data)) => data.dataset().replayed()?,
        _ => None,
    };
    match state {
        Some(state) => Ok(state.buckets()),
        None => dataset.member().buckets(),
    }
}

/// What etcd keeps about itself: users and roles, or all the rest.
fn meta(
    dataset: &Dataset,
    data: Option<&Data>,
    replayed: bool,
    style: &Style,
    auth: bool,
) -> Result<ReadList, Error> {
    let member = dataset.member();
    let buckets = buckets(dataset, data, replayed)?;
    let answer = MetaAnswer::new(member.identity(), member.meta()?, buckets);
    let mut columns = vec![
        GridColumn::new("WHAT", false),
        GridColumn::new("VALUE", false),
    ];
    let is_auth = |name: &str| matches!(name, "auth" | "user" | "role");
    let lines = answer.lines(style.charset).into_iter();
    let rows: Vec<ReadRow> = lines
        .filter(|(name, _)| is_auth(name) == auth)
        // A member is a line for each of its facts: it is never cut.
        .flat_map(|(name, text)| {
            let parts: Vec<String> = match name {
                "member" => text.split(" · ").map(str::to_owned).collect(),
                _ => vec![text],
            };
            let names = std::iter::once(name).chain(std::iter::repeat(""));
            names.zip(parts).collect::<Vec<_>>()
        })
        .map(|(name, text)| {
            let role = match name {
                "alarms"
                    if answer
                        .alarms
                        .as_ref()
                        .is_none_or(|alarms| !alarms.is_empty()) =>
                {
                    Role::Error
                }
                _ => Role::Plain,
            };
            ReadRow {
                cells: vec![(Role::Heading, name.to_owned()), (role, text)],
                key: None,
            }
        })
        .collect();
    fit(&mut columns, &rows);
    Ok(ReadList {
        columns,
        rows,
        notes: Vec::new(),
    })
}
