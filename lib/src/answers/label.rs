//! What a value means; a front end turns meanings into colours.

use located::Severity;

/// The meaning of a piece of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Label {
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

impl From<Severity> for Label {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Note => Self::Note,
            Severity::Warning => Self::Warning,
            Severity::Error => Self::Error,
        }
    }
}
