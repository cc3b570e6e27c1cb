//! What the two output streams can show.

use std::env;
use std::io::IsTerminal;

use etcd_inspect::answers::Style;

use super::escape::Charset;

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal that can.
    #[default]
    Auto,
    /// Also into pipes and files.
    Always,
    /// Never.
    Never,
}

/// One stream's abilities.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Somebody watches.
    pub(crate) is_tty: bool,
    /// Colours are wanted.
    pub(crate) color: bool,
    /// Which characters can be shown.
    pub(crate) charset: Charset,
    /// Columns and rows, on a terminal.
    pub(crate) size: Option<(usize, usize)>,
}

impl Terminal {
    /// Standard output.
    pub(crate) fn stdout(color: Color, ascii: bool) -> Self {
        Self::for_stream(&std::io::stdout(), color, ascii)
    }

    /// Standard error.
    pub(crate) fn stderr(color: Color, ascii: bool) -> Self {
        Self::for_stream(&std::io::stderr(), color, ascii)
    }

    /// How values are shown to people.
    pub(crate) fn style(self, local: bool) -> Style {
        Style {
            charset: self.charset,
            zone: super::time::zone(local),
        }
    }

    fn for_stream<S: IsTerminal + std::os::fd::AsFd>(
        stream: &S,
        color: Color,
        ascii: bool,
    ) -> Self {
        let is_tty = stream.is_terminal();
        let size = terminal_size::terminal_size_of(stream)
            .filter(|_| is_tty)
            .map(|(width, height)| (usize::from(width.0), usize::from(height.0)));
        Self {
            is_tty,
            color: wants_color(color, is_tty),
            charset: Charset {
                ascii: ascii || !locale_is_utf8(),
            },
            size,
        }
    }
}

/// `--color` first, then NO_COLOR, CLICOLOR_FORCE and TERM as <https://bixense.com/clicolors/> and <https://no-color.org>
/// define them.
fn wants_color(color: Color, is_tty: bool) -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto
            if set("CLICOLOR_FORCE")
                && env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0") =>
        {
            true
        }
        Color::Auto => is_tty && env::var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// The first of LC_ALL, LC_CTYPE and LANG that is set decides, as in POSIX. None set: a bare container, whose terminal is
/// nearly always UTF-8.
fn locale_is_utf8() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(env::var_os)
        .find(|value| !value.is_empty())
        .is_none_or(|value| {
            let value = value.to_string_lossy().to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        })
}
