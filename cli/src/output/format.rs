//! `-o`.

use std::fmt;
use std::str::FromStr;

/// In which form an answer is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For people with a wide screen.
    Wide,
    /// One document.
    Json,
    /// One row a line.
    Jsonl,
    /// One document.
    Yaml,
    /// Comma-separated, with a head line.
    Csv,
    /// Tab-separated, with a head line.
    Tsv,
    /// Only names.
    Name,
    /// The stored bytes.
    Raw,
    /// The stored bytes in hex, with offsets.
    Hex,
    /// kubectl's `jsonpath=…`.
    JsonPath(String),
    /// kubectl's `jsonpath-as-json=…`.
    JsonPathAsJson(String),
    /// kubectl's `go-template=…`.
    GoTemplate(String),
    /// kubectl's `custom-columns=…`.
    CustomColumns(String),
}

impl Format {
    /// Whether programs read it: findings and errors then are JSON on stderr.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }

    /// Whether people read it.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }
}

const NAMES: [&str; 10] = [
    "table", "wide", "json", "jsonl", "yaml", "csv", "tsv", "name", "raw", "hex",
];

impl FromStr for Format {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if let Some(template) = template(name)? {
            return Ok(template);
        }
        Ok(match name {
            "table" => Self::Table,
            "wide" => Self::Wide,
            "json" => Self::Json,
            "jsonl" | "ndjson" => Self::Jsonl,
            "yaml" | "yml" => Self::Yaml,
            "csv" => Self::Csv,
            "tsv" => Self::Tsv,
            "name" => Self::Name,
            "raw" => Self::Raw,
            "hex" => Self::Hex,
            _ => {
                return Err(match etcd_inspect::answers::nearest(name, NAMES) {
                    Some(near) => format!("no output format {name:?}, did you mean {near}?"),
                    None => format!("no output format {name:?}: one of {}", NAMES.join(", ")),
                });
            }
        })
    }
}

/// kubectl's forms with a template, and those that read it from a file. `None`: another form.
fn template(name: &str) -> Result<Option<Format>, String> {
    let (form, text) = match name.split_once('=') {
        Some((form, text)) => (form, Some(text)),
        None => (name, None),
    };
    let (plain, is_file) = match form {
        "templatefile" => ("go-template", true),
        "template" => ("go-template", false),
        form => match form.strip_suffix("-file") {
            Some(plain) => (plain, true),
            None => (form, false),
        },
    };
    let make = match plain {
        "jsonpath" => Format::JsonPath,
        "jsonpath-as-json" => Format::JsonPathAsJson,
        "go-template" => Format::GoTemplate,
        "custom-columns" => Format::CustomColumns,
        _ => return Ok(None),
    };
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        let example = match (plain, is_file) {
            (_, true) => "FILE",
            ("custom-columns", _) => "NAME:.metadata.name",
            ("go-template", _) => "{{.metadata.name}}",
            _ => "{.metadata.name}",
        };
        return Err(format!("-o {form} needs a template: -o '{form}={example}'"));
    };
    if !is_file {
        return Ok(Some(make(text.to_owned())));
    }
    let read = std::fs::read_to_string(text);
    let read = read.map_err(|error| format!("cannot read the template {text}: {error}"))?;
    if plain != "custom-columns" {
        return Ok(Some(make(read)));
    }
    // The first line has the headings, the second their paths.
    let mut lines = read.lines().map(str::split_whitespace);
    let (heads, paths) = (lines.next(), lines.next());
    let (heads, paths): (Vec<_>, Vec<_>) = (
        heads.into_iter().flatten().collect(),
        paths.into_iter().flatten().collect(),
    );
    if heads.is_empty() || heads.len() != paths.len() {
        let (heads, paths) = (heads.len(), paths.len());
        return Err(format!(
            "{text} has {heads} headings in its first line and {paths} paths in its second"
        ));
    }
    let columns: Vec<_> = heads
        .iter()
        .zip(&paths)
        .map(|(head, path)| format!("{head}:{path}"))
        .collect();
    Ok(Some(make(columns.join(","))))
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Wide => "wide",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Yaml => "yaml",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Name => "name",
            Self::Raw => "raw",
            Self::Hex => "hex",
            Self::JsonPath(template) => return write!(f, "jsonpath={template}"),
            Self::JsonPathAsJson(template) => return write!(f, "jsonpath-as-json={template}"),
            Self::GoTemplate(template) => return write!(f, "go-template={template}"),
            Self::CustomColumns(columns) => return write!(f, "custom-columns={columns}"),
        })
    }
}
