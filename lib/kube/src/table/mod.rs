//! kubectl's tables: the columns and cells that `kubectl get` prints for each kind.
//!
//! One static table of printers; a kind without one gets NAME and AGE. The columns are those of the newest release where
//! releases differ (RESTARTS with its age, a Job's STATUS, a CronJob's TIMEZONE). Source of the rules: kubernetes
//! `pkg/printers/internalversion/printers.go`, v1.34.0, apiextensions `tableconvertor.go`, kubectl `TablePrinter`.

pub(crate) mod access;
pub(crate) mod age;
mod autoscaling;
mod cluster;
mod custom;
mod devices;
mod network;
pub(crate) mod object;
mod openshift;
mod pod;
mod storage;
mod workloads;

use jiff::Timestamp;
use serde_json::Value;

pub use age::human_duration;

use super::crd::Crd;
use super::flat::Flat;
use super::parts::ObjectParts;
use object::View;

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// `CLUSTER-IP`.
    pub heading: String,
    /// Shown with `-o wide` only.
    pub wide: bool,
}

/// What cells depend on beside the object.
#[derive(Clone, Copy, Debug)]
struct TableOptions {
    now: Timestamp,
}

/// How one kind is printed.
struct Printer {
    kind: &'static str,
    groups: &'static [&'static str],
    /// Headings; `+` in front marks those of `-o wide`.
    columns: &'static [&'static str],
    row: fn(View<'_>, &TableOptions) -> Vec<String>,
}

/// How objects of one kind are printed.
///
/// ```
/// use etcd_inspect_kube::table::Table;
/// let table = Table::of_kind("", "Namespace");
/// let now = "2026-11-21T02:00:00Z".parse().expect("a time");
/// let object = serde_json::json!({"metadata": {"name": "shop", "creationTimestamp": "2026-11-21T00:00:00Z"}, "status": {"phase": "Active"}});
/// assert_eq!(table.headings(false).collect::<Vec<_>>(), ["NAME", "STATUS", "AGE"]);
/// assert_eq!(table.row(&object, now, false), ["shop", "Active", "120m"]);
/// ```
pub struct Table {
    columns: Vec<Column>,
    printer: Rows,
}

enum Rows {
    Builtin(&'static Printer),
    Custom(custom::Custom),
    Plain,
}

/// The printers of all built-in kinds.
static PRINTERS: [&[Printer]; 9] = [
    pod::ALL,
    workloads::ALL,
    network::ALL,
    storage::ALL,
    cluster::ALL,
    access::ALL,
    autoscaling::ALL,
    devices::ALL,
    openshift::ALL,
];

impl Table {
    /// The table of a built-in kind; `group` is that of the objects' apiVersion.
    pub fn of_kind(group: &str, kind: &str) -> Self {
        let mut printers = PRINTERS.into_iter().flatten();
        match printers.find(|printer| printer.kind == kind && printer.groups.contains(&group)) {
            Some(printer) => Self {
                columns: printer
                    .columns
                    .iter()
                    .map(|heading| Column {
                        heading: heading.trim_start_matches('+').to_owned(),
                        wide: heading.starts_with('+'),
                    })
                    .collect(),
                printer: Rows::Builtin(printer),
            },
            None => Self {
                columns: ["NAME", "AGE"].map(narrow).into(),
                printer: Rows::Plain,
            },
        }
    }

    /// The table of a custom resource, for objects of that version (`v1`): its CRD's `additionalPrinterColumns`.
    pub fn of_crd(crd: &Crd, version: &str) -> Self {
        match custom::Custom::new(crd, version) {
            Some((columns, custom)) => Self {
                columns,
                printer: Rows::Custom(custom),
            },
            None => Self::of_kind(&crd.group, ""),
        }
    }

    /// Whether a cell may be a secret: a path of a CRD leads to any field, and OAuth clients have a column for theirs.
    pub fn may_show_secrets(&self) -> bool {
        match &self.printer {
            Rows::Custom(_) => true,
            Rows::Builtin(printer) => printer.kind.starts_with("OAuth"),
            // What is a token by its name has no printer of its own.
            Rows::Plain => true,
        }
    }

    /// Every column, those of `-o wide` included.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The headings to print.
    pub fn headings(&self, wide: bool) -> impl Iterator<Item = &str> {
        self.columns
            .iter()
            .filter(move |column| wide || !column.wide)
            .map(|column| column.heading.as_str())
    }

    /// The cells of one object, ages relative to `now`. As many as there are [`headings`](Self::headings).
    pub fn row(&self, object: &Value, now: Timestamp, wide: bool) -> Vec<String> {
        let options = TableOptions { now };
        let cells = match &self.printer {
            Rows::Custom(custom) => custom.row(object, &options),
            _ => self.cells(View::new(object), &options),
        };
        self.shown(cells, wide)
    }

    /// The parts of an object that [`row_of`](Self::row_of) reads, its namespace and labels included; `None` if only the whole
    /// object tells: the paths of a CRD lead anywhere.
    pub fn parts(&self) -> Option<&'static ObjectParts> {
        match &self.printer {
            Rows::Builtin(printer) if printer.kind == "Pod" => Some(&pod::PARTS),
            Rows::Builtin(_) => Some(&ObjectParts::SHOWN),
            Rows::Plain => Some(&METADATA),
            Rows::Custom(_) => None,
        }
    }

    /// As [`row`](Self::row), of an object that has at least the [`parts`](Self::parts) of this table.
    pub fn row_of(&self, object: &Flat, now: Timestamp, wide: bool) -> Vec<String> {
        let cells = self.cells(View::of_flat(object), &TableOptions { now });
        self.shown(cells, wide)
    }

    fn cells(&self, of: View<'_>, options: &TableOptions) -> Vec<String> {
        match &self.printer {
            Rows::Builtin(printer) => (printer.row)(of, options),
            Rows::Plain => vec![name(of), options.age(of)],
            Rows::Custom(_) => Vec::new(),
        }
    }

    fn shown(&self, cells: Vec<String>, wide: bool) -> Vec<String> {
        let shown = self
            .columns
            .iter()
            .zip(cells)
            .filter(|(column, _)| wide || !column.wide);
        shown.map(|(_, cell)| one_line(cell)).collect()
    }
}

/// What every object has.
static METADATA: ObjectParts = ObjectParts::only(&[
    ("apiVersion", ObjectParts::WHOLE),
    ("kind", ObjectParts::WHOLE),
    ("metadata", pod::METADATA),
]);

fn narrow(heading: &str) -> Column {
    Column {
        heading: heading.to_owned(),
        wide: false,
    }
}

/// `metadata.labels` as `--show-labels` prints them.
pub fn labels(object: &Value) -> String {
    object::labels(View::new(object).path("metadata.labels"))
}

/// As [`labels`], of a flat object.
pub fn labels_of(object: &Flat) -> String {
    object::labels(View::of_flat(object).path("metadata.labels"))
}

/// kubectl cuts a cell at its first line break.
fn one_line(mut cell: String) -> String {
    if let Some(at) = cell.find(['\n', '\r', '\x0c']) {
        cell.truncate(at);
        cell.push_str("...");
    }
    cell
}

fn name(of: View<'_>) -> String {
    of.path("metadata.name").or("")
}

/// `metadata.creationTimestamp`, unchanged.
fn created_at(of: View<'_>) -> String {
    of.path("metadata.creationTimestamp").or("<unknown>")
}

fn true_false(flag: bool) -> String {
    if flag { "True" } else { "False" }.to_owned()
}

impl TableOptions {
    fn age(&self, of: View<'_>) -> String {
        self.since(of.path("metadata.creationTimestamp"))
    }

    fn since(&self, time: View<'_>) -> String {
        age::since(time.text(), self.now)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_printer_gives_as_many_cells_as_headings_even_for_an_empty_object() {
        let now = Timestamp::UNIX_EPOCH;
        for printer in PRINTERS.into_iter().flatten() {
            let cells = (printer.row)(View::new(&json!({})), &TableOptions { now });
            assert_eq!(cells.len(), printer.columns.len(), "{}", printer.kind);
        }
    }

    #[test]
    fn a_kind_without_a_printer_has_name_and_age() {
        let table = Table::of_kind("example.com", "Pod");
        let object = json!({"metadata": {"name": "a\nb"}});
        assert_eq!(
            table.row(&object, Timestamp::UNIX_EPOCH, true),
            ["a...", "<unknown>"]
        );
    }
}
