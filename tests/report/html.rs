//! Pages, and their text as it is read.

use std::fs;
use std::path::Path;

use crate::run::{sealed, text};

/// The page about some evidence.
#[track_caller]
pub fn page_of(evidence: &Path, more: &[&str], dir: &Path, name: &str) -> String {
    let out = dir.join(name);
    let mut args = vec!["report", text(evidence), "--out", text(&out)];
    args.extend(more);
    let said = sealed(evidence, &args);
    assert!([0, 3].contains(&said.code), "{}{}", said.out, said.err);
    fs::read_to_string(out).unwrap()
}

/// Text of the page as it is read.
pub fn unescaped(text: &str) -> String {
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    text.replace("&amp;", "&")
}
