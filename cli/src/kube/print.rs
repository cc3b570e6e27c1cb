//! Objects in kubectl's forms.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use etcd_inspect::answers::Version;
use etcd_inspect::answers::describe::table_of;
use etcd_inspect::answers::export::sorted;
use etcd_inspect::answers::find::{FoundObject, Named};
use etcd_inspect::kubernetes::apply::{Keep, ready, recreatable};
use etcd_inspect::kubernetes::columns::{CustomColumns, compare};
use etcd_inspect::kubernetes::jsonpath::{JsonPath, JsonPathError, Template};
use etcd_inspect::kubernetes::mask::{Mask, is_secret_key};
use etcd_inspect::kubernetes::nouns::Target;
use etcd_inspect::kubernetes::table::{self, Table};
use etcd_inspect::member::{Objects, Reading};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::KubeArgs;
use crate::failure::Failure;
use crate::output::table::Table as Grid;
use crate::output::{
    Cell, Column, Format, Label, Line, escape, hex, json as output_json, person, rows,
};
use crate::ui::Ui;

/// What is kept of an object until all are found.
pub(crate) struct Piece<'a> {
    target: Arc<Target>,
    version: Version<'a>,
    sort: Option<Value>,
    shape: Shape,
}

enum Shape {
    /// The stored bytes are enough.
    Stored,
    Name(String),
    Row(Vec<String>),
    /// As JSON, already in text.
    Text(String),
    /// Ready to be applied but for values that are hidden: a mask is no value.
    Hidden,
    Document(Value),
}

/// Makes pieces of objects, on any thread, and prints them when all are there.
pub(crate) struct Printer<'p> {
    objects: &'p Objects<'p>,
    args: &'p KubeArgs,
    mask: Option<&'p Mask>,
    format: Format,
    sort: Option<JsonPath>,
    now: Timestamp,
    /// What ages are relative to, to be reported if there are any.
    note: Option<String>,
    /// The table of each resource, by its path: that of the first object.
    tables: RwLock<HashMap<String, Arc<Table>>>,
    /// Values that kept objects from being printed.
    hidden: AtomicUsize,
    /// Objects with fields that the table of Kubernetes does not name, and that are not printed.
    newer: AtomicUsize,
}

impl<'p> Printer<'p> {
    pub(crate) fn new(
        objects: &'p Objects<'p>,
        args: &'p KubeArgs,
        mask: Option<&'p Mask>,
        revision: Option<i64>,
        ui: &mut Ui,
    ) -> anyhow::Result<Self> {
        let sort = ui.global.sort_by.as_deref().map(JsonPath::parse);
        let format = ui.global.format();
        if !ui.global.columns.is_empty() && !is_tabular(&format) {
            return Err(whole_objects().into());
        }
        let (now, note) = match is_tabular(&format) {
            true => now(objects, args, revision),
            false => (Timestamp::UNIX_EPOCH, None),
        };
        Ok(Self {
            objects,
            args,
            mask,
            format,
            sort: sort.transpose().map_err(wrong)?,
            now,
            note,
            tables: RwLock::default(),
            hidden: AtomicUsize::new(0),
            newer: AtomicUsize::new(0),
        })
    }

    /// What is kept of an object.
    pub(crate) fn piece<'a>(&self, found: FoundObject<'a>) -> Piece<'a> {
        let sort = self.sort.as_ref();
        let sort = sort.and_then(|path| path.find(&found.object).first().copied().cloned());
        let (target, version) = (Arc::clone(&found.target), found.version);
        let shape = match &self.format {
            Format::Raw | Format::Hex => Shape::Stored,
            Format::Name => {
                let name = found
                    .object
                    .pointer("/metadata/name")
                    .and_then(Value::as_str);
                Shape::Name(name.unwrap_or_default().to_owned())
            }
            format if is_tabular(format) => Shape::Row(self.row(&found)),
            format => match self.shaped(self.noticed(found.object, &version)) {
                None => Shape::Hidden,
                Some(object) => match format {
                    Format::Jsonl => Shape::Text(text_of(&object, output_json::compact)),
                    Format::Json => Shape::Text(text_of(&object, output_json::pretty)),
                    _ => Shape::Document(object),
                },
            },
        };
        Piece {
            target,
            version,
            sort,
            shape,
        }
    }

    /// The same object. Counts it if it has fields that are left out because no release of the table names them.
    fn noticed(&self, object: Value, version: &Version<'_>) -> Value {
        let all = Reading {
            unknown_fields: true,
            stored: self.args.stored,
        };
        if !self.args.unknown
            && self
                .objects
                .json(version, all)
                .is_ok_and(|all| all != object)
        {
            self.newer.fetch_add(1, Ordering::Relaxed);
        }
        object
    }

    /// The object as asked for; `None` if it shall be fed back and has values that are hidden.
    fn shaped(&self, object: Value) -> Option<Value> {
        if !self.args.neat {
            return Some(shaped(object, self.args, self.mask));
        }
        let mut object = object;
        match ready(&mut object, Keep::default(), self.args.secrets(), self.mask) {
            Ok(_) => Some(shaped(object, self.args, None)),
            Err(count) => {
                self.hidden.fetch_add(count, Ordering::Relaxed);
                None
            }
        }
    }

    /// Reports the objects that are not printed because a mask would be among their values. Returns whether there are any.
    fn report_hidden(&self, pieces: &mut Vec<Piece<'_>>, ui: &mut Ui) -> io::Result<bool> {
        let before = pieces.len();
        pieces.retain(|piece| !matches!(piece.shape, Shape::Hidden));
        let objects = before - pieces.len();
        if objects > 0 {
            let (noun, verb) = if objects == 1 {
                ("object", "is")
            } else {
                ("objects", "are")
            };
            let values = self.hidden.load(Ordering::Relaxed);
            let hidden = if values == 1 {
                "1 hidden value"
            } else {
                "hidden values"
            };
            let hidden = if values == 1 {
                hidden.to_owned()
            } else {
                format!("{values} {hidden}")
            };
            ui.warn(format!(
                "{objects} {noun} with {hidden} {verb} left out, because --neat never prints a mask as a value: --reveal shows exactly named objects, --reveal=all all, --secrets placeholder prints REPLACE_ME"
            ))?;
        }
        Ok(objects > 0)
    }

    fn table(&self, target: &Target, object: &Value) -> Arc<Table> {
        let known = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = known.get(&target.path) {
            return Arc::clone(table);
        }
        drop(known);
        let table = Arc::new(table_of(self.objects, target, object));
        let mut known = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(target.path.clone()).or_insert(table))
    }

    fn wide(&self) -> bool {
        self.format == Format::Wide
    }

    fn with_namespace(&self, target: &Target) -> bool {
        self.args.scope.all_namespaces && target.namespaced != Some(false)
    }

    fn row(&self, found: &FoundObject<'_>) -> Vec<String> {
        let table = self.table(&found.target, &found.object);
        let mut row = table.row(&found.object, self.now, self.wide());
        if self.with_namespace(&found.target) {
            let namespace = found
                .object
                .pointer("/metadata/namespace")
                .and_then(Value::as_str);
            row.insert(0, namespace.unwrap_or_default().to_owned());
        }
        row.extend(self.args.show_labels.then(|| table::labels(&found.object)));
        row
    }

    /// Prints all. `single`: one object was asked for by name, so it prints as itself and not as a List. Returns whether objects
    /// were left out because of hidden values.
    pub(crate) fn print(
        &self,
        mut pieces: Vec<Piece<'_>>,
        single: bool,
        ui: &mut Ui,
    ) -> anyhow::Result<bool> {
        let left_out = self.report_hidden(&mut pieces, ui)?;
        let newer = self.newer.load(Ordering::Relaxed);
        if newer > 0 {
            let have = if newer == 1 {
                "1 object has".to_owned()
            } else {
                format!("{newer} objects have")
            };
            ui.note(format!(
                "{have} fields that are newer than the table of Kubernetes 1.8 to 1.37: --unknown prints them under their numbers"
            ))?;
        }
        if left_out && pieces.is_empty() {
            return Ok(true);
        }
        if self.sort.is_some() {
            pieces.sort_by(|a, b| compare(a.sort.as_ref(), b.sort.as_ref()));
        }
        limit(&mut pieces, ui);
        let printed = match &self.format {
            Format::Raw | Format::Hex => {
                let versions: Vec<_> = pieces.iter().map(|piece| piece.version).collect();
                stored(self.objects, &versions, self.mask, ui)
            }
            Format::Name => {
                let named = pieces.into_iter().filter_map(|piece| match piece.shape {
                    Shape::Name(name) => Some((piece.target, name)),
                    _ => None,
                });
                names(named, ui)
            }
            format if is_tabular(format) => {
                if let Some(note) = self.note.as_ref().filter(|_| !pieces.is_empty()) {
                    ui.note(note.as_str())?;
                }
                self.tables(pieces, ui)
            }
            Format::Jsonl | Format::Json => texts(&self.format, pieces, single, ui),
            _ => self.documents(pieces, single, ui),
        };
        printed.map(|()| left_out)
    }

    /// Forms that are made of whole documents.
    fn documents(&self, pieces: Vec<Piece<'_>>, single: bool, ui: &mut Ui) -> anyhow::Result<()> {
        let documents = pieces.into_iter().filter_map(|piece| match piece.shape {
            Shape::Document(document) => Some(document),
            _ => None,
        });
        let documents: Vec<Value> = documents.collect();
        match &self.format {
            Format::JsonPath(template) => {
                let template = Template::parse(template).map_err(wrong)?;
                let text = template.render(&listed(documents, single, ui));
                let charset = ui.terminal.charset;
                let text = if ui.terminal.is_tty {
                    escape::lines(text.as_bytes(), charset)
                } else {
                    text
                };
                ui.out().write_all(text.as_bytes())?;
            }
            Format::CustomColumns(spec) => {
                let columns = CustomColumns::parse(spec).map_err(wrong)?;
                let headings: Vec<_> = columns.headings().map(str::to_owned).collect();
                let rows: Vec<_> = documents
                    .iter()
                    .map(|document| columns.row(document))
                    .collect();
                aligned(&headings, &rows, ui)?;
            }
            _ => {
                let list = listed(documents, single, ui);
                person::yaml(&list, ui)?;
            }
        }
        Ok(())
    }

    /// One table a resource, as kubectl prints them.
    fn tables(&self, mut pieces: Vec<Piece<'_>>, ui: &mut Ui) -> anyhow::Result<()> {
        let several = pieces
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.target.path != b.target.path));
        let mut begun = false;
        for group in pieces.chunk_by_mut(|a, b| a.target.path == b.target.path) {
            let Some(target) = group.first().map(|piece| Arc::clone(&piece.target)) else {
                continue;
            };
            let table = self.table(&target, &Value::Null);
            let namespaces = self.with_namespace(&target);
            let mut headings: Vec<String> = namespaces
                .then(|| "NAMESPACE".to_owned())
                .into_iter()
                .collect();
            headings.extend(table.headings(self.wide()).map(str::to_owned));
            headings.extend(self.args.show_labels.then(|| "LABELS".to_owned()));
            let picked = picked(&headings, &ui.global.columns)?;
            let mut lines = Vec::with_capacity(group.len());
            for piece in group {
                let Shape::Row(row) = &mut piece.shape else {
                    continue;
                };
                if several && let Some(name) = row.get_mut(usize::from(namespaces)) {
                    *name = format!("{}/{name}", target.label());
                }
                lines.push(chosen(&picked, row));
            }
            let headings = chosen(&picked, &mut headings);
            if std::mem::replace(&mut begun, true) && ui.global.format().is_table() {
                ui.out().write_all(b"\n")?;
            }
            match &self.format {
                format @ (Format::Csv | Format::Tsv) => {
                    let separator = if *format == Format::Csv { b',' } else { b'\t' };
                    let head = (!ui.global.no_headers).then_some(&headings);
                    for line in head.into_iter().chain(&lines) {
                        separated(line, separator, ui)?;
                    }
                }
                _ => aligned(&headings, &lines, ui)?,
            }
        }
        Ok(())
    }
}

/// Why columns have no meaning for objects.
pub(crate) fn whole_objects() -> Failure {
    let failure = Failure::usage("objects are printed whole: --columns has no meaning");
    failure.means("columns are those of the table of a resource; fields of objects: -o custom-columns=NAME:PATH,…")
}

/// Which headings are asked for; all without names.
fn picked(headings: &[String], names: &[String]) -> Result<Vec<usize>, Failure> {
    if names.is_empty() {
        return Ok((0..headings.len()).collect());
    }
    let columns: Vec<Column> = headings
        .iter()
        .map(|heading| Column::headed(heading.as_str()))
        .collect();
    names
        .iter()
        .map(|name| rows::find(&columns, name))
        .collect()
}

/// The picked cells of a line, which is used up.
fn chosen(picked: &[usize], line: &mut [String]) -> Vec<String> {
    let cell = |at: &usize| line.get(*at).cloned().unwrap_or_default();
    picked.iter().map(cell).collect()
}

fn is_tabular(format: &Format) -> bool {
    matches!(
        format,
        Format::Table | Format::Wide | Format::Csv | Format::Tsv
    )
}

fn limit<T>(found: &mut Vec<T>, ui: &Ui) {
    if let Some(limit) = ui.global.limit.filter(|limit| *limit > 0) {
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
}

/// Names known from the keys alone.
pub(crate) fn print_names(mut found: Vec<Named>, ui: &mut Ui) -> anyhow::Result<()> {
    limit(&mut found, ui);
    names(found.into_iter(), ui)
}

fn names(found: impl Iterator<Item = Named>, ui: &mut Ui) -> anyhow::Result<()> {
    for (target, name) in found {
        ui.line(Line::new().with(Label::Name, format!("{}/{name}", target.label())))?;
    }
    Ok(())
}

fn text_of(document: &Value, write: fn(&mut dyn io::Write, &Value) -> io::Result<()>) -> String {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = write(&mut text, document);
    String::from_utf8(text).unwrap_or_default()
}

/// Documents that are text already: a line each, or the items of a List.
fn texts(format: &Format, pieces: Vec<Piece<'_>>, single: bool, ui: &mut Ui) -> anyhow::Result<()> {
    let texts: Vec<String> = pieces
        .into_iter()
        .filter_map(|piece| match piece.shape {
            Shape::Text(text) => Some(text),
            _ => None,
        })
        .collect();
    if *format == Format::Jsonl || single && texts.len() == 1 {
        for text in &texts {
            ui.out().write_all(text.as_bytes())?;
            ui.out().write_all(b"\n")?;
        }
        let damage = ui.damage();
        if *format == Format::Jsonl && !single && !damage.is_empty() {
            output_json::compact(ui.out(), &json!({ "partial": damage }))?;
            ui.out().write_all(b"\n")?;
        }
        return Ok(());
    }
    // The list around them is written as any other, and cut where they belong.
    let list = text_of(&listed(Vec::new(), false, ui), output_json::pretty);
    let (head, tail) = list.split_once("[]").unwrap_or((&list, ""));
    ui.out().write_all(head.as_bytes())?;
    ui.out().write_all(b"[")?;
    for (at, text) in texts.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // JSON strings hold no line breaks: each one here is between values.
        let text = text.replace('\n', "\n    ");
        ui.out()
            .write_all(format!("{comma}\n    {text}").as_bytes())?;
    }
    let end = if texts.is_empty() { "]" } else { "\n  ]" };
    ui.out().write_all(end.as_bytes())?;
    ui.out().write_all(tail.as_bytes())?;
    ui.out().write_all(b"\n")?;
    Ok(())
}

fn wrong(error: JsonPathError) -> Failure {
    Failure::usage(error.to_string())
}

/// What ages are relative to, and what to say of it on stderr, because the answer differs from what kubectl says today.
fn now(
    objects: &Objects<'_>,
    args: &KubeArgs,
    revision: Option<i64>,
) -> (Timestamp, Option<String>) {
    if let Some(now) = args.now {
        return (now, None);
    }
    match objects.newest_time(revision) {
        Some(now) => {
            let shown = crate::output::time::rfc3339(now);
            let note = format!(
                "AGE is relative to {shown}, the newest time in the data (--now TIME overrides)"
            );
            (now, Some(note))
        }
        None => (
            Timestamp::UNIX_EPOCH,
            Some("no time was found in the data: AGE needs --now TIME".to_owned()),
        ),
    }
}

/// One object as itself, several as a List; one that lacks objects says so, in a field that kubectl ignores.
fn listed(mut documents: Vec<Value>, single: bool, ui: &Ui) -> Value {
    if single && documents.len() == 1 {
        return documents.remove(0);
    }
    let mut list = json!({ "apiVersion": "v1", "items": documents, "kind": "List", "metadata": { "resourceVersion": "" } });
    let damage = ui.damage();
    if let (false, Some(fields)) = (damage.is_empty(), list.as_object_mut()) {
        fields.insert("partial".to_owned(), output_json::value(&damage));
    }
    list
}

/// The object as asked for: fields hidden, secrets masked, members in kubectl's order.
pub(crate) fn shaped(mut object: Value, args: &KubeArgs, mask: Option<&Mask>) -> Value {
    let managed_fields = args.show_managed_fields || args.stored || args.full;
    if !managed_fields
        && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.shift_remove("managedFields");
    }
    if args.neat {
        recreatable(&mut object, Keep::default());
    }
    if let Some(mask) = mask {
        mask.object(&mut object);
    }
    if args.stored { object } else { sorted(object) }
}

/// The stored bytes, decrypted where a key is at hand; those of Secrets only where they shall be seen.
fn stored(
    objects: &Objects<'_>,
    versions: &[Version<'_>],
    mask: Option<&Mask>,
    ui: &mut Ui,
) -> anyhow::Result<()> {
    for version in versions {
        let Ok(kv) = version.key_value() else {
            continue;
        };
        if let Some(mask) = mask.filter(|_| is_secret_key(objects.layout(), version.key)) {
            ui.line(Line::new().with(
                Label::Dim,
                format!(
                    "{} ({} bytes; --reveal shows them)",
                    mask.hidden(kv.value),
                    kv.value.len()
                ),
            ))?;
            continue;
        }
        let opened = objects.open(kv.key, kv.value)?;
        let plain = opened
            .as_ref()
            .map_or(kv.value, |opened| opened.plain.as_slice());
        if ui.global.format() == Format::Raw {
            let masked = mask.map_or(plain.into(), |mask| mask.bytes(plain));
            person::raw(&masked, ui)?;
        } else {
            let terminal = ui.terminal;
            hex::dump(ui.out(), terminal, "", 0, plain)?;
        }
    }
    Ok(())
}

fn separated(line: &[String], separator: u8, ui: &mut Ui) -> io::Result<()> {
    let charset = ui.terminal.charset;
    let cells: Vec<_> = line
        .iter()
        .map(|cell| escape::text(cell, charset).into_owned())
        .collect();
    rows::write_separated(ui.out(), separator, cells.iter().map(String::as_str))
}

/// Columns three blanks apart, like kubectl's; nothing is cut.
pub(super) fn aligned(headings: &[String], lines: &[Vec<String>], ui: &mut Ui) -> io::Result<()> {
    let column = |heading: &String| Column::headed(heading.as_str());
    let columns = headings.iter().map(column).collect();
    let heads = !ui.global.no_headers;
    let mut grid = Grid::new(columns, ui.terminal.style(ui.global.local), heads)
        .gap(3)
        .uncut();
    let terminal = ui.terminal;
    for line in lines {
        let cells = line.iter().map(|cell| Cell::text(cell.as_str())).collect();
        grid.push(cells, ui.out(), terminal)?;
    }
    grid.flush(ui.out(), terminal)
}
