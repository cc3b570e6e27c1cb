//! The columns of an answer, defined once for tables, JSON, CSV and help.

use std::borrow::Cow;

/// Where the text of a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// At the left of its column.
    Left,
    /// At the right of its column: numbers.
    Right,
}

/// In which outputs a column appears without being asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// Always.
    Always,
    /// `-o wide`, and everything that programs read.
    Wide,
    /// Only JSON and YAML.
    Json,
    /// JSON, YAML, CSV and TSV: everything that programs read, and no table.
    Data,
    /// Only tables: what JSON has in other fields.
    Table,
}

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    /// `LAST-WRITE~`
    pub head: Cow<'static, str>,
    /// `last_write`: the JSON field, also accepted by `--columns` and `--sort-by`.
    pub field: Cow<'static, str>,
    /// Where its text is.
    pub align: Align,
    /// In which outputs it appears.
    pub show: Show,
}

impl Column {
    const fn new(head: &'static str, field: &'static str, align: Align, show: Show) -> Self {
        Self {
            head: Cow::Borrowed(head),
            field: Cow::Borrowed(field),
            align,
            show,
        }
    }

    /// Text.
    pub const fn left(head: &'static str, field: &'static str) -> Self {
        Self::new(head, field, Align::Left, Show::Always)
    }

    /// A number.
    pub const fn right(head: &'static str, field: &'static str) -> Self {
        Self::new(head, field, Align::Right, Show::Always)
    }

    /// Only if there is room: `-o wide`.
    pub const fn wide(mut self) -> Self {
        self.show = Show::Wide;
        self
    }

    /// Not in tables.
    pub const fn json(field: &'static str) -> Self {
        Self::new("", field, Align::Left, Show::Json)
    }

    /// Not in tables, and short enough for a cell of CSV.
    pub const fn data(field: &'static str) -> Self {
        Self::new("", field, Align::Left, Show::Data)
    }

    /// Not in JSON.
    pub const fn table_only(mut self) -> Self {
        self.show = Show::Table;
        self
    }

    /// A column of text of which only the head is known.
    pub fn headed(head: &str) -> Self {
        Self {
            head: Cow::Owned(head.to_owned()),
            ..Self::of_field(head, Align::Left)
        }
    }

    /// A field of a document, whose name is known only when it is there.
    pub fn of_field(field: &str, align: Align) -> Self {
        Self {
            head: Cow::Owned(field.to_ascii_uppercase().replace('_', "-")),
            field: Cow::Owned(field.to_owned()),
            align,
            show: Show::Always,
        }
    }

    /// A column that has one name for people and for programs.
    pub fn headed_field(name: &str) -> Self {
        Self {
            head: Cow::Owned(name.to_owned()),
            ..Self::of_field(name, Align::Left)
        }
    }

    /// Whether the user means this column by `name`.
    pub fn is_called(&self, name: &str) -> bool {
        let plain = |text: &str| text.trim_end_matches('~').replace(['-', '_', ' '], "");
        plain(&self.head).eq_ignore_ascii_case(&plain(name))
            || plain(&self.field).eq_ignore_ascii_case(&plain(name))
    }
}
