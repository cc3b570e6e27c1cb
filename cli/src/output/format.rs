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
        if let Some(template) = name.strip_prefix("jsonpath=") {
            return Ok(Self::JsonPath(template.to_owned()));
        }
        if let Some(columns) = name.strip_prefix("custom-columns=") {
            return Ok(Self::CustomColumns(columns.to_owned()));
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
            Self::CustomColumns(columns) => return write!(f, "custom-columns={columns}"),
        })
    }
}
