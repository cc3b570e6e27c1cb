//! The one table that turns meanings into colours.

use super::Label;

/// The SGR parameters of a label, out of the 16 ANSI colours so that the user's own palette applies; red only for errors.
pub(crate) fn sgr(label: Label) -> Option<&'static str> {
    Some(match label {
        Label::Heading => "1",
        Label::Dim => "2",
        Label::Name => "36",
        Label::Command => "1;36",
        Label::Good => "32",
        Label::Note => "34",
        Label::Warning => "33",
        Label::Error => "1;31",
        _ => return None,
    })
}
