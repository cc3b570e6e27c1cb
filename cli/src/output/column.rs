//! The columns of a command, defined once for tables, JSON, CSV and help.

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// In which outputs a column appears without being asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// Always.
    Always,
    /// `-o wide`, and everything that programs read.
    Wide,
    /// Only JSON and YAML.
    Json,
    /// Only tables: what JSON has in other fields.
    Table,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// `LAST-WRITE~`
    pub(crate) head: &'static str,
    /// `last_write`: the JSON field, also accepted by `--columns` and `--sort-by`.
    pub(crate) field: &'static str,
    pub(crate) align: Align,
    pub(crate) show: Show,
}

impl Column {
    /// Text.
    pub(crate) const fn left(head: &'static str, field: &'static str) -> Self {
        Self {
            head,
            field,
            align: Align::Left,
            show: Show::Always,
        }
    }

    /// A number.
    pub(crate) const fn right(head: &'static str, field: &'static str) -> Self {
        Self {
            align: Align::Right,
            ..Self::left(head, field)
        }
    }

    /// Only where there is room: `-o wide`.
    pub(crate) const fn wide(self) -> Self {
        Self {
            show: Show::Wide,
            ..self
        }
    }

    /// Not in tables.
    pub(crate) const fn json(field: &'static str) -> Self {
        Self {
            show: Show::Json,
            ..Self::left("", field)
        }
    }

    /// Not in JSON.
    pub(crate) const fn table_only(self) -> Self {
        Self {
            show: Show::Table,
            ..self
        }
    }

    /// Whether the user means this column by `name`.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let plain = |text: &str| text.trim_end_matches('~').replace(['-', '_', ' '], "");
        plain(self.head).eq_ignore_ascii_case(&plain(name))
            || plain(self.field).eq_ignore_ascii_case(&plain(name))
    }
}
