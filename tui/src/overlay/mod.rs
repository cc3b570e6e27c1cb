//! What covers a screen and takes its keys: help, prompts, texts, choices.

mod choose;
mod confirm;
mod help;
mod picker;
mod popup;
mod prompt;

pub(crate) use choose::{Choose, counted};
pub(crate) use confirm::{Answered, Confirm};
pub(crate) use help::Help;
pub(crate) use picker::Candidate;
pub(crate) use popup::Popup;
pub(crate) use prompt::{Asked, Prompt, Typed};

/// The one that is open.
#[derive(Debug, Default)]
pub(crate) enum Overlay {
    /// None.
    #[default]
    None,
    /// The keys of this screen.
    Help(Help),
    /// A line of text is being typed.
    Prompt(Prompt),
    /// A text to read.
    Popup(Popup),
    /// A question that only a typed `yes` answers.
    Confirm(Confirm),
    /// Values to filter by.
    Choose(Choose),
}
