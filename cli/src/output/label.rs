//! What a piece of text means, and the one table that turns meanings into colours.

/// The meaning of a piece of output. Commands write labels; only [`Label::sgr`] knows colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Label {
    /// Ordinary data.
    #[default]
    Plain,
    /// Column heads and names of fields.
    Heading,
    /// Less important: offsets, hints, units.
    Dim,
    /// A name the user would search for: keys, paths, codes.
    Name,
    /// A command to copy.
    Command,
    /// Healthy.
    Good,
    /// Severity note.
    Note,
    /// Severity warning, or something gone (a delete).
    Warning,
    /// Severity error; nothing else is red.
    Error,
}

impl Label {
    /// The SGR parameters, out of the 16 ANSI colours so that the user's own palette applies.
    pub(crate) fn sgr(self) -> Option<&'static str> {
        Some(match self {
            Self::Plain => return None,
            Self::Heading => "1",
            Self::Dim => "2",
            Self::Name => "36",
            Self::Command => "1;36",
            Self::Good => "32",
            Self::Note => "34",
            Self::Warning => "33",
            Self::Error => "1;31",
        })
    }
}

impl From<etcd_inspect::Severity> for Label {
    fn from(severity: etcd_inspect::Severity) -> Self {
        match severity {
            etcd_inspect::Severity::Note => Self::Note,
            etcd_inspect::Severity::Warning => Self::Warning,
            etcd_inspect::Severity::Error => Self::Error,
        }
    }
}
