//! Objects in kubectl's forms.

mod order;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use etcd_inspect::answers::Version;
use etcd_inspect::answers::describe::table_of_kind;
use etcd_inspect::answers::export::sorted;
use etcd_inspect::answers::find::{FoundObject, Named};
use etcd_inspect::kubernetes::apply::{Keep, ready, recreatable};
use etcd_inspect::kubernetes::columns::CustomColumns;
use etcd_inspect::kubernetes::gotemplate::GoTemplate;
use etcd_inspect::kubernetes::jsonpath::{JsonPath, Template, text};
use etcd_inspect::kubernetes::mask::{Mask, shown_name};
use etcd_inspect::kubernetes::nouns::Target;
use etcd_inspect::kubernetes::table::{self, Table};
use etcd_inspect::kubernetes::{Flat, ObjectParts};
use etcd_inspect::member::{Objects, Reading};
use jiff::Timestamp;
use serde_json::Value;

use self::order::Order;
use super::KubeArgs;
use super::columns::{aligned, chosen, paths, picked, records, write_records};
use super::masked;
use super::shared::say_shared;
use super::stored::stored;
use super::texts::{listed, rendered, separated, text_of, texts};
use crate::failure::Failure;
use crate::output::{Format, Label, Line, json as output_json, person};
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
    /// `--columns`.
    columns: Vec<String>,
    /// Those of them that are paths.
    paths: Vec<(String, JsonPath)>,
    /// Whether objects are rows.
    tabular: bool,
    order: Order,
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
        let format = ui.global.format();
        let tabular = is_tabular(&format)
            || !ui.global.columns.is_empty()
                && matches!(format, Format::Json | Format::Jsonl | Format::Yaml);
        let (now, note) = match tabular {
            true => now(objects, args, revision),
            false => (Timestamp::UNIX_EPOCH, None),
        };
        Ok(Self {
            objects,
            args,
            mask,
            format,
            columns: ui.global.columns.clone(),
            paths: paths(&ui.global.columns)?,
            tabular,
            order: Order::parse(tabular, ui).map_err(wrong)?,
            now,
            note,
            tables: RwLock::default(),
            hidden: AtomicUsize::new(0),
            newer: AtomicUsize::new(0),
        })
    }

    /// What is kept of an object.
    pub(crate) fn piece<'a>(&self, found: FoundObject<'a>) -> Piece<'a> {
        let sort = self.order.key_of(&found.object);
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
            _ if self.tabular => Shape::Row(self.row(&found)),
            format => match self.shaped(self.noticed(found.object, &version)) {
                None => Shape::Hidden,
                Some(object) => match format {
                    Format::Jsonl => Shape::Text(text_of(&object, output_json::compact)),
                    Format::Json => Shape::Text(text_of(&object, output_json::indented)),
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

    /// Whether rows may be made of parts of the objects.
    pub(crate) fn reads_parts(&self) -> bool {
        self.tabular && !self.order.needs_objects() && self.paths.is_empty()
    }

    /// Whether documents are printed of which the managed fields are left out: then they need not be decoded.
    pub(crate) fn leaves_out_managed_fields(&self) -> bool {
        let is_document = matches!(self.format, Format::Json | Format::Jsonl | Format::Yaml);
        let has_managed_fields =
            self.args.show_managed_fields || self.args.stored || self.args.full;
        is_document && !has_managed_fields && !self.order.needs_objects()
    }

    /// The parts of objects that their rows show. Until the first object is read, those that most tables show.
    pub(crate) fn parts(&self, target: &Target) -> &'static ObjectParts {
        let known = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        let table = known.get(&target.path);
        table
            .and_then(|table| table.parts())
            .unwrap_or(&ObjectParts::SHOWN)
    }

    /// What is kept of an object of which only [`parts`](Self::parts) were read; `reading`: how.
    pub(crate) fn piece_of<'a>(&self, found: FoundObject<'a, Flat>, reading: Reading) -> Piece<'a> {
        let text = |name: &str| found.object.root()?.get(name)?.text();
        let text = |name: &str| text(name).unwrap_or_default();
        let table = self.table(&found.target, text("apiVersion"), text("kind"));
        let whole = table.parts().is_none() || self.mask.is_some() && table.may_show_secrets();
        if whole && let Ok(object) = self.objects.json(&found.version, reading) {
            return self.piece(FoundObject {
                target: found.target,
                version: found.version,
                object,
            });
        }
        let mut row = table.row_of(&found.object, self.now, self.wide());
        let metadata = found
            .object
            .root()
            .and_then(|object| object.get("metadata"));
        let of_metadata = |path: &[&str]| {
            let found = path
                .iter()
                .try_fold(metadata?, |value, name| value.get(name));
            found?.text().map(str::to_owned)
        };
        if self.with_namespace(&found.target) {
            row.insert(0, of_metadata(&["namespace"]).unwrap_or_default());
        }
        row.extend(self.args.label_columns.iter().map(|name| {
            let label = of_metadata(&["labels", name]);
            label.unwrap_or_default()
        }));
        row.extend(
            self.args
                .show_labels
                .then(|| table::labels_of(&found.object)),
        );
        if let Some(mask) = self.mask {
            mask.cells(&mut row);
        }
        Piece {
            target: found.target,
            version: found.version,
            sort: None,
            shape: Shape::Row(row),
        }
    }

    /// The same object. Counts it if it has fields that are left out because no release of the table names them.
    fn noticed(&self, object: Value, version: &Version<'_>) -> Value {
        let reading = Reading {
            unknown_fields: self.args.unknown,
            stored: self.args.stored,
        };
        if self.objects.leaves_out_fields(version, reading) {
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

    fn table(&self, target: &Target, api_version: &str, kind: &str) -> Arc<Table> {
        let known = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = known.get(&target.path) {
            return Arc::clone(table);
        }
        drop(known);
        let table = Arc::new(table_of_kind(self.objects, target, api_version, kind));
        let mut known = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(target.path.clone()).or_insert(table))
    }

    /// Columns that are asked for by name may also be those of `-o wide`.
    fn wide(&self) -> bool {
        self.format == Format::Wide || !self.columns.is_empty()
    }

    fn with_namespace(&self, target: &Target) -> bool {
        self.args.scope.all_namespaces && target.namespaced != Some(false)
    }

    fn row(&self, found: &FoundObject<'_>) -> Vec<String> {
        let type_meta = |name: &str| found.object.get(name).and_then(Value::as_str);
        let [api_version, kind] =
            ["apiVersion", "kind"].map(|name| type_meta(name).unwrap_or_default());
        let table = self.table(&found.target, api_version, kind);
        // Only the paths of a CRD and of the user lead to fields that may be secret.
        let masked = self
            .mask
            .filter(|_| table.may_show_secrets() || !self.paths.is_empty())
            .map(|mask| {
                let mut object = found.object.clone();
                mask.object(&mut object);
                object
            });
        let object = masked.as_ref().unwrap_or(&found.object);
        let mut row = table.row(object, self.now, self.wide());
        let metadata = |field: &str| {
            object
                .get("metadata")
                .and_then(|metadata| metadata.get(field))
        };
        if self.with_namespace(&found.target) {
            let namespace = metadata("namespace").and_then(Value::as_str);
            row.insert(0, namespace.unwrap_or_default().to_owned());
        }
        let labels = metadata("labels");
        row.extend(self.args.label_columns.iter().map(|name| {
            let value = labels.and_then(|labels| labels.get(name.as_str()));
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        }));
        row.extend(self.args.show_labels.then(|| table::labels(object)));
        row.extend(self.paths.iter().map(|(_, path)| {
            let found = path.find(object);
            let texts: Vec<_> = found.into_iter().map(text).collect();
            if texts.is_empty() {
                "<none>".to_owned()
            } else {
                texts.join(",")
            }
        }));
        if let Some(mask) = self.mask {
            mask.cells(&mut row);
        }
        row
    }

    fn headings(&self, table: &Table, namespaces: bool) -> Vec<String> {
        let mut headings: Vec<String> = namespaces
            .then(|| "NAMESPACE".to_owned())
            .into_iter()
            .collect();
        headings.extend(table.headings(self.wide()).map(str::to_owned));
        headings.extend(self.args.label_columns.iter().map(|name| {
            let last = name.rsplit('/').next().unwrap_or(name);
            last.to_uppercase()
        }));
        headings.extend(self.args.show_labels.then(|| "LABELS".to_owned()));
        headings.extend(self.paths.iter().map(|(column, _)| column.clone()));
        headings
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
        self.put_in_order(&mut pieces, ui)?;
        say_shared(&self.by_prefix(&pieces), ui)?;
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
            _ if self.tabular => {
                if let Some(note) = self.note.as_ref().filter(|_| !pieces.is_empty()) {
                    ui.note(note.as_str())?;
                }
                self.tables(pieces, ui)
            }
            Format::Jsonl | Format::Json => {
                let made = pieces.into_iter().filter_map(|piece| match piece.shape {
                    Shape::Text(text) => Some(text),
                    _ => None,
                });
                texts(&self.format, made.collect(), single, ui)
            }
            _ => self.documents(pieces, single, ui),
        };
        printed.map(|()| left_out)
    }

    fn prefix_of(&self, piece: &Piece<'_>) -> &str {
        let layout = self.objects.layout();
        layout.prefix_of(piece.version.key).unwrap_or_default()
    }

    /// Number of objects of each API server, by prefix: several may share the etcd, with objects of the same name.
    fn by_prefix(&self, pieces: &[Piece<'_>]) -> BTreeMap<&str, usize> {
        let mut found = BTreeMap::new();
        for piece in pieces {
            *found.entry(self.prefix_of(piece)).or_default() += 1;
        }
        found
    }

    /// Forms that are made of whole documents.
    fn documents(&self, pieces: Vec<Piece<'_>>, single: bool, ui: &mut Ui) -> anyhow::Result<()> {
        let documents = pieces.into_iter().filter_map(|piece| match piece.shape {
            Shape::Document(document) => Some(document),
            _ => None,
        });
        let documents: Vec<Value> = documents.collect();
        masked::warn_of_computed(&self.format, &documents, ui)?;
        match &self.format {
            Format::JsonPath(template) => {
                let template = Template::parse(template).map_err(wrong)?;
                let text = template.render(&listed(documents, single, ui));
                rendered(text.map_err(wrong)?, ui)?;
            }
            Format::JsonPathAsJson(template) => {
                let template = Template::parse(template).map_err(wrong)?;
                let text = template.render_json(&listed(documents, single, ui));
                rendered(output_json::escaped(&text.map_err(wrong)?), ui)?;
            }
            Format::GoTemplate(template) => {
                let template = GoTemplate::parse(template).map_err(wrong)?;
                let text = template.render(&listed(documents, single, ui));
                rendered(text.map_err(wrong)?, ui)?;
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
                person::object(list, self.args.stored, ui)?;
            }
        }
        Ok(())
    }

    /// One table a resource, as kubectl prints them.
    fn tables(&self, mut pieces: Vec<Piece<'_>>, ui: &mut Ui) -> anyhow::Result<()> {
        let several = pieces
            .windows(2)
            .any(|pair| matches!(pair, [a, b] if a.target.path != b.target.path));
        let (mut begun, mut rows) = (false, Vec::new());
        for group in pieces.chunk_by_mut(|a, b| a.target.path == b.target.path) {
            let Some(target) = group.first().map(|piece| Arc::clone(&piece.target)) else {
                continue;
            };
            let table = self.table(&target, "", "");
            let namespaces = self.with_namespace(&target);
            let shared = self.by_prefix(group).len() > 1;
            let mut headings = self.headings(&table, namespaces);
            if shared {
                headings.insert(0, "PREFIX".to_owned());
            }
            let picked = picked(&headings, &ui.global.columns)?;
            let mut lines = Vec::with_capacity(group.len());
            for piece in group {
                let prefix = shared.then(|| self.prefix_of(piece).to_owned());
                let Shape::Row(row) = &mut piece.shape else {
                    continue;
                };
                if (several || self.args.show_kind)
                    && let Some(name) = row.get_mut(usize::from(namespaces))
                {
                    *name = format!("{}/{name}", target.label());
                }
                if let Some(prefix) = prefix {
                    row.insert(0, prefix);
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
                Format::Json | Format::Jsonl | Format::Yaml => {
                    rows.extend(records(&headings, lines))
                }
                _ => aligned(&headings, &lines, ui)?,
            }
        }
        match &self.format {
            Format::Json | Format::Jsonl | Format::Yaml => write_records(&self.format, rows, ui),
            _ => Ok(()),
        }
    }
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
    if !ui.global.columns.is_empty() {
        return Err(
            Failure::usage("`-o name` prints names and no rows: --columns has no meaning")
                .next("etcd-inspect get --help")
                .into(),
        );
    }
    for (target, name) in found {
        let key = format!("/{}/{name}", target.path);
        let name = shown_name(key.as_bytes(), &name);
        ui.line(Line::new().with(Label::Name, format!("{}/{name}", target.label())))?;
    }
    Ok(())
}

fn wrong(error: impl std::error::Error) -> Failure {
    Failure::usage(error.to_string())
}

/// What ages are relative to, and what to say of it on stderr, because the answer differs from what kubectl says today.
fn now(
    objects: &Objects<'_>,
    args: &KubeArgs,
    revision: Option<i64>,
) -> (Timestamp, Option<String>) {
    if let Some(now) = args.now.or(args.asked_time) {
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
