//! Flags that every verb takes.

use std::path::PathBuf;

use clap::ValueEnum;
use etcd_inspect::answers::parse_size;
use etcd_inspect::dataset::MetaChoice;
use etcd_inspect::evidence;
use etcd_inspect::member::Options;

use crate::output::Format;
use crate::output::terminal::Color;

/// Flags of every verb.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct Global {
    /// Data directory (else $ETCD_DATA_DIR, else the current directory)
    #[arg(
        short = 'd',
        long,
        global = true,
        value_name = "PATH",
        help_heading = "Global flags"
    )]
    pub(crate) data_dir: Option<PathBuf>,

    /// Where the WAL is, if etcd's --wal-dir put it elsewhere; of several PATHs once for each, in their order
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "PATH",
        help_heading = "Global flags"
    )]
    pub(crate) wal_dir: Vec<PathBuf>,

    /// table|wide|json|jsonl|yaml|csv|tsv|name (get: also raw|hex)
    #[arg(
        short,
        long,
        global = true,
        value_name = "FORMAT",
        help_heading = "Global flags"
    )]
    pub(crate) output: Option<Format>,

    /// Only these columns, in this order
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        value_name = "COL,…",
        value_delimiter = ',',
        help_heading = "Global flags"
    )]
    pub(crate) columns: Vec<String>,

    /// Largest number first, text A to Z; -COLUMN: the other way round
    #[arg(
        long,
        global = true,
        value_name = "COLUMN",
        allow_hyphen_values = true,
        help_heading = "Global flags"
    )]
    pub(crate) sort_by: Option<String>,

    /// At most N rows, 0 for all (default: a screenful, a pipe all)
    #[arg(long, global = true, value_name = "N", help_heading = "Global flags")]
    pub(crate) limit: Option<u64>,

    /// Leave out the head line
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        help_heading = "Global flags"
    )]
    pub(crate) no_headers: bool,

    /// No notes, hints or progress; only the answer
    #[arg(short, long, global = true, help_heading = "Global flags")]
    pub(crate) quiet: bool,

    /// Colours; auto obeys NO_COLOR, CLICOLOR_FORCE and TERM=dumb
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_short_help = true,
        help_heading = "Global flags"
    )]
    pub(crate) color: Color,

    /// Only ASCII characters (always so where the locale is not UTF-8)
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        help_heading = "Global flags"
    )]
    pub(crate) ascii: bool,

    /// Times in UTC (this is the default)
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        overrides_with = "local",
        help_heading = "Global flags"
    )]
    pub(crate) utc: bool,

    /// Times in this machine's time zone
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        overrides_with = "utc",
        help_heading = "Global flags"
    )]
    pub(crate) local: bool,

    /// How files are read: map them, or plain reads that go on past unreadable ranges of a failing disk
    #[arg(
        long,
        global = true,
        value_name = "HOW",
        value_enum,
        default_value_t,
        hide_short_help = true,
        help_heading = "Global flags"
    )]
    pub(crate) io: Io,

    /// Which bbolt meta page to believe: 0, 1, or older (one commit back); default the newest valid one
    #[arg(
        long,
        global = true,
        value_name = "0|1|older",
        value_enum,
        hide_possible_values = true,
        hide_short_help = true,
        help_heading = "Global flags"
    )]
    pub(crate) meta: Option<Meta>,

    /// Most bytes an archive may unpack to in memory, for example 8GiB
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size, hide_short_help = true, help_heading = "Global flags")]
    pub(crate) max_unpacked: Option<u64>,

    /// Maximum nesting of a stored value that is decoded, up to 500 levels (default 128)
    #[arg(
        long,
        global = true,
        value_name = "N",
        hide_short_help = true,
        help_heading = "Global flags"
    )]
    pub(crate) value_depth: Option<usize>,

    /// Most memory of one decoded value, for example 200MiB (default 24MiB)
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size, hide_short_help = true, help_heading = "Global flags")]
    pub(crate) value_memory: Option<u64>,

    /// Threads for scans; default all cores
    #[arg(
        long,
        global = true,
        value_name = "N",
        hide_short_help = true,
        help_heading = "Global flags"
    )]
    pub(crate) threads: Option<usize>,

    /// Progress on stderr: auto (a terminal, after 300 ms), never, or json lines
    #[arg(
        long,
        global = true,
        value_name = "HOW",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_short_help = true,
        help_heading = "Global flags"
    )]
    pub(crate) progress: ProgressMode,

    /// Ignore the config file and ETCD_INSPECT_* variables
    #[arg(
        long,
        global = true,
        hide_short_help = true,
        help_heading = "Global flags"
    )]
    pub(crate) no_config: bool,
}

/// `--io`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Io {
    /// Memory mapping.
    #[default]
    Map,
    /// Plain reads.
    Read,
}

/// `--meta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Meta {
    /// Page 0.
    #[value(name = "0")]
    Zero,
    /// Page 1.
    #[value(name = "1")]
    One,
    /// The valid one with the smaller txid.
    Older,
}

/// `--progress`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// On a terminal, after 300 ms.
    #[default]
    Auto,
    /// Never.
    Never,
    /// JSON lines on stderr.
    Json,
}

impl Global {
    /// Whether columns, an order or a number of rows is asked for.
    pub(crate) fn selects(&self) -> bool {
        !self.columns.is_empty() || self.sort_by.is_some() || self.limit.is_some()
    }
}

impl Global {
    /// The form of the answer.
    pub(crate) fn format(&self) -> Format {
        self.output.clone().unwrap_or_default()
    }

    /// `--meta` as it was given.
    pub(crate) fn meta_word(&self) -> Option<&'static str> {
        Some(match self.meta? {
            Meta::Zero => "0",
            Meta::One => "1",
            Meta::Older => "older",
        })
    }

    /// How evidence is opened.
    pub(crate) fn member_options(&self) -> Options {
        let mut options = Options {
            meta: match self.meta {
                None => MetaChoice::Newest,
                Some(Meta::Zero) => MetaChoice::Slot(0),
                Some(Meta::One) => MetaChoice::Slot(1),
                Some(Meta::Older) => MetaChoice::Older,
            },
            ..Options::default()
        };
        options.evidence.io = match self.io {
            Io::Map => evidence::Io::Map,
            Io::Read => evidence::Io::Read,
        };
        if let Some(depth) = self.value_depth {
            options.evidence.limits.value_depth = depth;
        }
        if let Some(bytes) = self.value_memory {
            options.evidence.limits.value_memory = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        if let Some(bytes) = self.max_unpacked {
            options.evidence.limits.unpacked_bytes = bytes;
        }
        options
    }
}
