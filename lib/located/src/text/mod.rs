//! Text for people, the same in every front end: escapes, numbers, moments, words of a shell.

pub mod escape;
pub mod number;
pub mod shell;
pub mod time;
pub mod when;
