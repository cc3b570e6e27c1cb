//! Flags that would have no effect on what is asked for: they are refused, with a form in which they have one.

use etcd_inspect::Command;

use super::KubeArgs;
use super::columns::is_path;
use crate::failure::Failure;
use crate::output::Format;
use crate::ui::Ui;

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Printed {
    /// Rows of objects, as kubectl's tables.
    ObjectRows,
    /// Whole objects.
    Objects,
    /// Names of objects.
    Names,
    /// Objects as they are stored.
    StoredObjects,
    /// What `describe` prints.
    Descriptions,
    /// One raw key.
    RawKey,
    /// One raw key as it is stored.
    StoredKey,
    /// A row for each raw key.
    RawKeys,
    /// Releases of Helm.
    Releases,
    /// `--undecodable`.
    Undecodable,
    /// `--stored-versions`.
    StoredVersions,
}

/// In which forms a flag has an effect.
#[derive(Clone, Copy, Debug)]
enum Works {
    /// In tables of objects.
    Rows,
    /// Where objects are printed whole.
    Objects,
    /// Where objects are asked for by resource.
    Resources,
    /// Where values may be hidden.
    Values,
    /// In lists.
    Lists,
}

use Printed as P;

const RESOURCES: &[Printed] = &[
    P::ObjectRows,
    P::Objects,
    P::Names,
    P::StoredObjects,
    P::Descriptions,
];
const VALUES: &[Printed] = &[
    P::ObjectRows,
    P::Objects,
    P::StoredObjects,
    P::Descriptions,
    P::RawKey,
    P::StoredKey,
    P::RawKeys,
];
const SORTED: &[Printed] = &[
    P::ObjectRows,
    P::Objects,
    P::Names,
    P::StoredObjects,
    P::RawKey,
    P::RawKeys,
    P::Releases,
    P::Undecodable,
    P::StoredVersions,
];

impl Printed {
    /// What a format prints of objects. `with_rows`: columns are asked for by name.
    pub(crate) fn of_objects(format: &Format, with_rows: bool) -> Self {
        match format {
            Format::Name => Self::Names,
            Format::Raw | Format::Hex => Self::StoredObjects,
            Format::Table | Format::Wide | Format::Csv | Format::Tsv => Self::ObjectRows,
            Format::Json | Format::Jsonl | Format::Yaml if with_rows => Self::ObjectRows,
            _ => Self::Objects,
        }
    }

    /// In the words of the error.
    fn words(self, format: &Format) -> String {
        match self {
            Self::ObjectRows => "a table of objects".to_owned(),
            Self::Objects => format!("-o {format}, which prints whole objects"),
            Self::Names => "-o name, which prints names".to_owned(),
            Self::StoredObjects => format!("-o {format}, which prints stored bytes"),
            Self::Descriptions => "descriptions".to_owned(),
            Self::RawKey => "one raw key".to_owned(),
            Self::StoredKey => format!("-o {format}, which prints the stored bytes of raw keys"),
            Self::RawKeys => "rows of raw keys".to_owned(),
            Self::Releases => "releases of Helm".to_owned(),
            Self::Undecodable => "the list of --undecodable".to_owned(),
            Self::StoredVersions => {
                "--stored-versions, which counts the objects of every kind".to_owned()
            }
        }
    }

    /// Whether a head line is printed, which `--no-headers` leaves out.
    fn has_head(self, format: &Format) -> bool {
        match self {
            Self::ObjectRows
            | Self::RawKeys
            | Self::Releases
            | Self::Undecodable
            | Self::StoredVersions => matches!(
                format,
                Format::Table | Format::Wide | Format::Csv | Format::Tsv
            ),
            Self::Objects => matches!(format, Format::CustomColumns(_)),
            _ => false,
        }
    }
}

impl KubeArgs {
    /// Each flag that only some forms have a use for: its name, whether it is given, the forms, and how they are called.
    fn given(&self) -> [(&'static str, bool, &'static [Printed], Works); 19] {
        let rows: &[Printed] = &[P::ObjectRows];
        let aged: &[Printed] = &[P::ObjectRows, P::Descriptions];
        let objects: &[Printed] = &[P::Objects, P::RawKey];
        let read: &[Printed] = &[P::ObjectRows, P::Objects, P::RawKey, P::RawKeys];
        let namespaced: &[Printed] = &[
            P::ObjectRows,
            P::Objects,
            P::Names,
            P::StoredObjects,
            P::Descriptions,
            P::Releases,
            P::Undecodable,
        ];
        let labelled: &[Printed] = &[
            P::ObjectRows,
            P::Objects,
            P::Names,
            P::StoredObjects,
            P::Descriptions,
            P::Releases,
        ];
        [
            (
                "--stored-versions",
                self.stored_versions,
                &[P::StoredVersions],
                Works::Lists,
            ),
            (
                "--undecodable",
                self.undecodable,
                &[P::Undecodable],
                Works::Lists,
            ),
            (
                "--describe",
                self.describe,
                &[P::Descriptions],
                Works::Resources,
            ),
            (
                "-n",
                self.scope.namespace.is_some(),
                namespaced,
                Works::Resources,
            ),
            (
                "-A",
                self.scope.all_namespaces,
                namespaced,
                Works::Resources,
            ),
            ("-l", self.selector.is_some(), labelled, Works::Resources),
            (
                "--field-selector",
                self.field_selector.is_some(),
                RESOURCES,
                Works::Resources,
            ),
            (
                "--ignore-not-found",
                self.ignore_not_found,
                labelled,
                Works::Resources,
            ),
            ("--show-labels", self.show_labels, rows, Works::Rows),
            ("-L", !self.label_columns.is_empty(), rows, Works::Rows),
            ("--show-kind", self.show_kind, rows, Works::Rows),
            ("--now", self.now.is_some(), aged, Works::Rows),
            (
                "--show-managed-fields",
                self.show_managed_fields,
                objects,
                Works::Objects,
            ),
            ("--neat", self.neat, objects, Works::Objects),
            ("--full", self.full, objects, Works::Objects),
            ("--stored", self.stored, read, Works::Objects),
            ("--unknown", self.unknown, read, Works::Objects),
            (
                "--reveal",
                self.showing.reveal.is_some(),
                VALUES,
                Works::Values,
            ),
            (
                "--fp-key",
                self.showing.fp_key.is_some(),
                VALUES,
                Works::Values,
            ),
        ]
    }

    /// Refuses the first flag that would have no effect.
    pub(crate) fn have_effect(&self, printed: Printed, ui: &Ui) -> Result<(), Failure> {
        let format = ui.global.format();
        let lists = [
            ("--sort-by", SORTED.contains(&printed)),
            (
                "--limit",
                SORTED.contains(&printed) || printed == P::StoredKey,
            ),
            ("--no-headers", printed.has_head(&format)),
        ];
        let of_lists = lists
            .into_iter()
            .filter(|(flag, has_effect)| !has_effect && ui.is_typed(flag))
            .map(|(flag, _)| (flag, Works::Lists));
        // A path of --columns may lead to any field; other cells show nothing of how an object is read.
        let has_fields = match printed {
            P::ObjectRows => ui.global.columns.iter().any(|column| is_path(column)),
            P::RawKeys => matches!(format, Format::Json | Format::Jsonl | Format::Yaml),
            _ => true,
        };
        let own = self.given().into_iter();
        let own = own
            .filter(|(flag, is_given, forms, _)| {
                let is_read = matches!(*flag, "--stored" | "--unknown");
                *is_given && (!forms.contains(&printed) || is_read && !has_fields)
            })
            .map(|(flag, _, _, works)| (flag, works));
        match own.chain(of_lists).next() {
            Some((flag, works)) => Err(no_effect(flag, works, printed, &format)),
            None => Ok(()),
        }
    }
}

fn no_effect(flag: &str, works: Works, printed: Printed, format: &Format) -> Failure {
    let (means, next): (_, &[&str]) = match works {
        Works::Rows => (
            "it works in tables of objects: -o table, wide, csv and tsv",
            &["pods", "-A", "-o", "wide"],
        ),
        Works::Objects => (
            "it works where objects are printed whole: -o yaml, json, jsonl, jsonpath, go-template, custom-columns",
            &["pods", "-A", "-o", "yaml"],
        ),
        Works::Resources => (
            "it works where objects are asked for by resource",
            &["pods", "-A"],
        ),
        Works::Values => (
            "it works where values are printed: tables, objects, descriptions and raw keys",
            &["pods", "-A", "-o", "yaml"],
        ),
        Works::Lists => ("it works in tables and lists", &["pods", "-A"]),
    };
    let words = printed.words(format);
    let failure = Failure::usage(format!("{flag} has no effect on {words}"));
    let next = Command::inspect("get").args(next.iter().copied());
    failure.means(means).next(next.arg("-d").evidence())
}
