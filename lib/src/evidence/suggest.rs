//! What to suggest if a path is not evidence.

use std::path::{Component, Path, PathBuf};

use super::Kind;
use super::locate::{Candidacy, SearchBounds, kind_of, search};
use super::tree::{Disk, Shape, Tree};

/// Bounds of the search: the first levels of a home directory, in a time that is not noticed.
const REACH: SearchBounds = SearchBounds {
    depth: 3,
    entries: 5000,
    heads: 200,
};
/// Maximum number of suggestions.
const MAX_SUGGESTIONS: usize = 20;

/// Evidence below a folder, or failing that the folder above that is evidence.
pub(super) fn below_folder(path: &Path) -> Vec<PathBuf> {
    let tree = Disk {
        root: path.to_owned(),
    };
    let mut found = search(&tree, Path::new(""), REACH);
    found.retain(|candidate| {
        candidate.kind != Candidacy::Archive || may_hold_evidence(&candidate.path)
    });
    // Archives are suggested only if there is nothing unpacked: most contain something else.
    if found
        .iter()
        .any(|candidate| candidate.kind != Candidacy::Archive)
    {
        found.retain(|candidate| candidate.kind != Candidacy::Archive);
    }
    let mut suggested: Vec<_> = found
        .into_iter()
        .map(|candidate| path.join(candidate.path))
        .take(MAX_SUGGESTIONS)
        .collect();
    if suggested.is_empty() {
        suggested.extend(above(path));
    }
    suggested
}

/// Returns whether the name of an archive suggests evidence: manual pages and logs are compressed too.
fn may_hold_evidence(path: &Path) -> bool {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let folders = [".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst"];
    let words = ["etcd", "snap", "db", "wal"];
    folders.iter().any(|end| name.ends_with(end)) || words.iter().any(|word| name.contains(word))
}

/// Returns a folder above a file that is evidence, or else evidence next to it.
pub(super) fn around_file(path: &Path) -> Vec<PathBuf> {
    let above: Vec<_> = above(path).collect();
    match path.parent() {
        Some(parent) if above.is_empty() && !parent.as_os_str().is_empty() => below_folder(parent),
        _ => above,
    }
}

fn above(path: &Path) -> impl Iterator<Item = PathBuf> {
    path.ancestors()
        .skip(1)
        .take(3)
        .filter(|folder| !folder.as_os_str().is_empty())
        .filter(|folder| {
            let tree = Disk {
                root: folder.to_path_buf(),
            };
            kind_of(&tree, Path::new(""), REACH.entries).is_some()
        })
        .map(Path::to_owned)
}

/// Returns what a folder is by its own name, if its content does not show it: a `member/` with empty folders.
pub(super) fn kind_by_name(path: &Path) -> Option<Kind> {
    let path = path.canonicalize().ok()?;
    let Some(Component::Normal(name)) = path.components().next_back() else {
        return None;
    };
    let tree = Disk { root: path.clone() };
    let (entries, _) = tree.list(Path::new(""), REACH.entries).ok()?;
    let has = |name: &str| {
        entries
            .iter()
            .any(|entry| entry.name == name && entry.shape == Shape::Dir)
    };
    match name.to_str()? {
        "member" if has("snap") || has("wal") => Some(Kind::MemberDir),
        _ if has("member") => Some(Kind::DataDir),
        _ => None,
    }
}
