//! Links in archives: hard and symbolic ones are read like what they name, if that is in the archive. Nothing outside of the archive
//! is ever opened: an absolute target begins at the root of the archive, and one that climbs out with `..` is refused.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{FileFacts, Item, Shape, Unpacking, os_str};

/// Maximum number of links that lead to one file, one after the other, as in Linux.
const MAX_HOPS: usize = 40;
/// Maximum number of links to folders whose order is looked for.
const MAX_ORDERED: usize = 256;
/// Maximum number of names that are looked up for all links of an archive: an archive can come from anyone.
const MAX_STEPS: usize = 4 << 20;

/// How a target is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkKind {
    /// The name of an entry.
    Hard,
    /// A path, relative to the folder of the link.
    Symbolic,
}

/// A link whose target is looked for when all entries are known.
pub(super) struct Link {
    kind: LinkKind,
    target: Vec<u8>,
    meta: FileFacts,
}

/// Links whose targets are looked for when all entries are known.
#[derive(Default)]
pub(super) struct Links(BTreeMap<PathBuf, Link>);

impl Links {
    /// Forgets a link: a later entry has its name.
    pub(super) fn remove(&mut self, path: &Path) {
        self.0.remove(path);
    }
}

impl Link {
    pub(super) fn new(kind: LinkKind, target: Vec<u8>, meta: FileFacts) -> Self {
        Self { kind, target, meta }
    }

    /// The names of its target, the last one first; `true`: they begin at the root of the archive.
    fn parts(&self) -> (Vec<OsString>, bool) {
        let parts = self.target.split(|byte| *byte == b'/');
        let parts = parts.filter(|part| !part.is_empty() && *part != b".");
        let parts = parts.rev().map(|part| os_str(part).into_owned());
        let from_root = self.kind == LinkKind::Hard || self.target.starts_with(b"/");
        (parts.collect(), from_root)
    }

    /// Why it is refused whatever is in the archive.
    fn unsound(&self) -> Option<&'static str> {
        let mut parts = self.target.split(|byte| *byte == b'/');
        match self.kind {
            _ if self.target.len() > 4096 || parts.clone().count() > MAX_HOPS => {
                Some("the name is too long")
            }
            LinkKind::Hard if parts.any(|part| part == b"..") => Some(OUTSIDE),
            _ => None,
        }
    }
}

const OUTSIDE: &str = "that is outside of the archive";
const MISSING: &str = "that is not in the archive";
const CIRCLE: &str = "the links lead in a circle";

/// The link to a folder that is followed next: one in whose target no other link to a folder is left.
fn next_folder(folders: &[(&PathBuf, &Link, PathBuf)]) -> usize {
    if folders.len() > MAX_ORDERED {
        return 0;
    }
    let has_link = |target: &Path| folders.iter().any(|(path, ..)| path.starts_with(target));
    let mut order = folders.iter();
    let ready = order.position(|(_, _, target)| !has_link(target.as_path()));
    ready.unwrap_or(0)
}

impl Unpacking<'_> {
    /// Takes a link. A hard link to an earlier file is that file, whatever a later entry of its name holds.
    pub(super) fn link(&mut self, path: PathBuf, link: Link) {
        let (mut parts, _) = link.parts();
        parts.reverse();
        let target: PathBuf = parts.into_iter().collect();
        if link.kind == LinkKind::Hard
            && link.unsound().is_none()
            && self.tree.shape(&target) == Some(Shape::File)
        {
            return self.second_name(&path, link.meta, &target);
        }
        if self.links.0.len().saturating_add(self.tree.files) >= self.limits.files {
            return self.too_many();
        }
        self.links.0.insert(path, link);
    }

    /// Finds what the links lead to; folders last, with the links that are in them.
    pub(super) fn follow_links(&mut self) {
        let links = std::mem::take(&mut self.links);
        let mut folders = Vec::new();
        let mut steps = MAX_STEPS;
        for (path, link) in &links.0 {
            match self.target_of(&links, path, link, &mut steps) {
                Err(why) => self.not_followed(path, link, why),
                Ok(target) if path.starts_with(&target) || target.starts_with(path) => {
                    self.not_followed(path, link, "that is a folder around it");
                }
                Ok(target) if self.tree.shape(&target) == Some(Shape::Dir) => {
                    folders.push((path, link, target));
                }
                Ok(target) => self.second_name(path, link.meta.clone(), &target),
            }
        }
        while !folders.is_empty() {
            let (path, link, target) = folders.swap_remove(next_folder(&folders));
            if self.tree.shape(path).is_some() {
                self.not_followed(path, link, "an entry of the same name is in the archive");
            } else {
                self.second_folder(path, &target);
            }
        }
    }

    fn not_followed(&mut self, path: &Path, link: &Link, why: &str) {
        let target = link.target.get(..200).unwrap_or(&link.target);
        let target = String::from_utf8_lossy(target).escape_default().to_string();
        let path = path.as_os_str().as_encoded_bytes();
        self.refused(path, &format!("it is a link to \"{target}\": {why}"));
    }

    /// The file or folder that a link leads to, by a path without links.
    fn target_of(
        &self,
        links: &Links,
        path: &Path,
        link: &Link,
        steps: &mut usize,
    ) -> Result<PathBuf, &'static str> {
        if let Some(why) = link.unsound() {
            return Err(why);
        }
        let (mut ahead, from_root) = link.parts();
        let folder = path.parent().filter(|_| !from_root);
        ahead.extend(
            folder
                .iter()
                .flat_map(|path| path.iter().rev().map(OsString::from)),
        );
        let (mut at, mut hops) = (PathBuf::new(), 0usize);
        while let Some(part) = ahead.pop() {
            *steps = steps.checked_sub(1).ok_or("there are too many links")?;
            if part == ".." {
                if !at.pop() {
                    return Err(OUTSIDE);
                }
                continue;
            }
            at.push(&part);
            if let Some(link) = links.0.get(&at) {
                hops = hops.saturating_add(1);
                if hops > MAX_HOPS || at == path {
                    return Err(CIRCLE);
                }
                if let Some(why) = link.unsound() {
                    return Err(why);
                }
                let (parts, from_root) = link.parts();
                if from_root {
                    at.clear();
                } else {
                    at.pop();
                }
                ahead.extend(parts);
                continue;
            }
            match self.tree.shape(&at) {
                Some(Shape::Dir) => {}
                Some(_) if ahead.is_empty() => {}
                _ => return Err(MISSING),
            }
        }
        Ok(at)
    }

    /// Puts a file of the archive under a second name.
    fn second_name(&mut self, path: &Path, meta: FileFacts, target: &Path) {
        let Some(item) = self.tree.item(target) else {
            return;
        };
        let (size, content) = (item.meta.size, item.content.clone());
        let first_name = item.first_name.as_deref().unwrap_or(target).to_owned();
        if content.is_none() && self.is_asked_for(path) {
            self.also.insert(first_name.clone());
        }
        let item = Item {
            shape: Shape::File,
            meta: FileFacts { size, ..meta },
            content,
            first_name: Some(first_name),
        };
        self.insert(path, item);
    }

    /// Puts a folder of the archive, with all that is in it, under a second name.
    fn second_folder(&mut self, path: &Path, target: &Path) {
        let mut inside = Vec::new();
        let folders = self.tree.folders.range(target.to_owned()..);
        for (folder, items) in folders.take_while(|(folder, _)| folder.starts_with(target)) {
            let below = folder.strip_prefix(target).unwrap_or(folder);
            for (name, item) in items {
                inside.push((below.join(name), item.duplicate(folder.join(name))));
            }
            if inside.len() > self.limits.files {
                return self.too_many();
            }
        }
        let meta = self.tree.meta(target);
        self.insert(path, Item::folder(meta, Some(target.to_owned())));
        for (below, item) in inside {
            let path = path.join(below);
            let is_missing = item.shape == Shape::File && item.content.is_none();
            if is_missing && self.is_asked_for(&path) {
                self.also.extend(item.first_name.clone());
            }
            self.insert(&path, item);
        }
    }
}

impl Item {
    pub(super) fn folder(meta: FileFacts, first_name: Option<PathBuf>) -> Self {
        Self {
            shape: Shape::Dir,
            meta,
            content: None,
            first_name,
        }
    }

    /// The same under another name; `name` is the one that it has here.
    fn duplicate(&self, name: PathBuf) -> Self {
        Self {
            shape: self.shape,
            meta: self.meta.clone(),
            content: self.content.as_ref().map(Arc::clone),
            first_name: Some(self.first_name.clone().unwrap_or(name)),
        }
    }
}
