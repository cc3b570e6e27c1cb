//! The tree of keys: resources, namespaces, names; raw prefixes outside Kubernetes. Only what is unfolded is looked at.

use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;

use crate::session::Data;

/// What a branch stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BranchKind {
    /// A prefix of Kubernetes: `/registry/`.
    Registry,
    /// A registry path.
    Resource,
    /// A namespace of a resource.
    Namespace,
    /// Keys up to the next slash.
    Raw,
    /// Keys that are not Kubernetes'.
    Others,
}

/// A branch: the keys that begin with its prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Branch {
    pub(super) kind: BranchKind,
    /// What all its keys begin with; names it.
    pub(super) prefix: Vec<u8>,
    /// What of the prefix is shown.
    pub(super) label: Vec<u8>,
    /// Where its keys are in the directory.
    pub(super) part: Range<usize>,
    pub(super) depth: usize,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TreeRow {
    /// A branch.
    Branch(Branch),
    /// A key: its position in the directory, the bytes of it that the branches above show, and its depth.
    Key {
        position: usize,
        shown: usize,
        depth: usize,
    },
}

/// Rows that follow each other.
#[derive(Clone, Debug)]
enum Block {
    Branch(Branch),
    Keys {
        positions: Rc<Vec<u32>>,
        shown: usize,
        depth: usize,
    },
}

/// The rows of the tree, as far as it is unfolded; leaves are kept as runs of positions.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    blocks: Vec<(usize, Block)>,
    len: usize,
}

/// What decides which rows there are.
pub(super) struct Shape<'s> {
    pub(super) data: &'s Data,
    pub(super) revision: i64,
    /// Prefixes of unfolded branches.
    pub(super) open: &'s BTreeSet<Vec<u8>>,
    /// Also keys that do not exist at the revision.
    pub(super) deleted: bool,
    /// A key that is shown in any case.
    pub(super) keep: Option<&'s [u8]>,
}

/// Deepest nesting that is followed: keys with more slashes than this are shown flat below.
const DEPTH: usize = 40;

impl Tree {
    /// The tree from its roots.
    pub(super) fn grow(shape: &Shape<'_>) -> Self {
        let mut tree = Self::default();
        for root in roots(shape.data) {
            tree.branch(root, shape);
        }
        tree
    }

    /// A flat list of keys, without the folder that all of them are in.
    pub(super) fn flat(data: &Data, positions: Rc<Vec<u32>>) -> Self {
        let directory = data.directory();
        let ends = positions.first().zip(positions.last());
        let common = ends.map_or(&[][..], |(first, last)| {
            let (first, last) = (
                directory.key(*first as usize),
                directory.key(*last as usize),
            );
            let same = first.iter().zip(last).take_while(|(a, b)| a == b).count();
            first.get(..same).unwrap_or_default()
        });
        let folder = common.iter().rposition(|byte| *byte == b'/');
        let shown = folder.map_or(0, |at| at + 1);
        let mut tree = Self::default();
        tree.push(Block::Keys {
            positions,
            shown,
            depth: 0,
        });
        tree
    }

    /// How many rows.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// A row.
    pub(super) fn row(&self, at: usize) -> Option<TreeRow> {
        let block = self
            .blocks
            .partition_point(|(start, _)| *start <= at)
            .checked_sub(1)?;
        let (start, block) = self.blocks.get(block)?;
        match block {
            Block::Branch(branch) => (at == *start).then(|| TreeRow::Branch(branch.clone())),
            Block::Keys {
                positions,
                shown,
                depth,
            } => {
                let position = *positions.get(at - start)? as usize;
                Some(TreeRow::Key {
                    position,
                    shown: *shown,
                    depth: *depth,
                })
            }
        }
    }

    /// The row of the branch with that prefix.
    pub(super) fn branch_row(&self, prefix: &[u8]) -> Option<usize> {
        self.blocks.iter().find_map(|(start, block)| match block {
            Block::Branch(branch) if branch.prefix == prefix => Some(*start),
            _ => None,
        })
    }

    /// The row of the key at a position of the directory.
    pub(super) fn key_row(&self, position: usize) -> Option<usize> {
        let position = u32::try_from(position).ok()?;
        self.blocks.iter().find_map(|(start, block)| match block {
            Block::Keys { positions, .. } => {
                positions.binary_search(&position).ok().map(|at| start + at)
            }
            Block::Branch(_) => None,
        })
    }

    /// The branches that are shown.
    pub(super) fn branches(&self) -> impl Iterator<Item = &Branch> {
        self.blocks.iter().filter_map(|(_, block)| match block {
            Block::Branch(branch) => Some(branch),
            Block::Keys { .. } => None,
        })
    }

    fn push(&mut self, block: Block) {
        let rows = match &block {
            Block::Branch(_) => 1,
            Block::Keys { positions, .. } => positions.len(),
        };
        if rows > 0 {
            self.blocks.push((self.len, block));
            self.len += rows;
        }
    }

    fn branch(&mut self, branch: Branch, shape: &Shape<'_>) {
        let open = shape.open.contains(&branch.prefix);
        let (kind, part, depth) = (branch.kind, branch.part.clone(), branch.depth);
        let shown = if kind == BranchKind::Others {
            0
        } else {
            branch.prefix.len()
        };
        self.push(Block::Branch(branch));
        if !open {
            return;
        }
        if kind == BranchKind::Others {
            return self.keys(outside(shape.data), 0, depth + 1, shape);
        }
        let mut names: Option<Range<usize>> = None;
        let directory = shape.data.directory();
        let mut at = part.start;
        while at < part.end {
            let here = (at, directory.key(at));
            match child(shape.data, kind, shown, here, &part, depth + 1) {
                Some(child) => {
                    if let Some(names) = names.take() {
                        self.keys(names, shown, depth + 1, shape);
                    }
                    at = child.part.end.max(at + 1);
                    self.branch(child, shape);
                }
                None => {
                    // A run of names: up to the next key with a slash in it, one by one only where there are branches at all.
                    let end = if kind == BranchKind::Namespace {
                        part.end
                    } else {
                        at + 1
                    };
                    names = Some(names.map_or(at, |names| names.start)..end);
                    at = end;
                }
            }
        }
        if let Some(names) = names {
            self.keys(names, shown, depth + 1, shape);
        }
    }

    fn keys(
        &mut self,
        part: impl IntoIterator<Item = usize> + Clone,
        shown: usize,
        depth: usize,
        shape: &Shape<'_>,
    ) {
        let directory = shape.data.directory();
        let kept = shape.keep.and_then(|key| directory.position(key));
        let wanted = |at: &usize| {
            shape.deleted || Some(*at) == kept || directory.is_live(*at, shape.revision)
        };
        let positions = part
            .into_iter()
            .filter(wanted)
            .filter_map(|at| u32::try_from(at).ok())
            .collect();
        self.push(Block::Keys {
            positions: Rc::new(positions),
            shown,
            depth,
        });
    }
}

/// The branches at the top: the prefixes of Kubernetes and the rest, or where there are none the first segments.
fn roots(data: &Data) -> Vec<Branch> {
    let directory = data.directory();
    let mut prefixes: Vec<Vec<u8>> = data
        .layout()
        .prefixes()
        .map(|prefix| format!("{prefix}/").into_bytes())
        .collect();
    prefixes.sort();
    let mut roots = Vec::new();
    for prefix in prefixes {
        let part = directory.below(&prefix);
        if !part.is_empty() {
            let label = prefix
                .trim_ascii_start()
                .strip_prefix(b"/")
                .unwrap_or(&prefix);
            let label = label.strip_suffix(b"/").unwrap_or(label).to_vec();
            roots.push(Branch {
                kind: BranchKind::Registry,
                prefix,
                label,
                part,
                depth: 0,
            });
        }
    }
    if roots.is_empty() {
        let label = b"all keys".to_vec();
        return vec![Branch {
            kind: BranchKind::Raw,
            prefix: Vec::new(),
            label,
            part: 0..directory.len(),
            depth: 0,
        }];
    }
    let outside = outside(data).count();
    if outside > 0 {
        let label = b"(not Kubernetes)".to_vec();
        roots.push(Branch {
            kind: BranchKind::Others,
            prefix: b"\0others".to_vec(),
            label,
            part: 0..outside,
            depth: 0,
        });
    }
    roots
}

/// The positions of keys outside of every prefix of Kubernetes: what is between their parts.
pub(super) fn outside(data: &Data) -> impl Iterator<Item = usize> + Clone + use<> {
    let mut parts: Vec<Range<usize>> = data
        .layout()
        .prefixes()
        .map(|prefix| data.directory().below(format!("{prefix}/").as_bytes()))
        .collect();
    parts.sort_by_key(|part| part.start);
    parts.push(data.directory().len()..data.directory().len());
    let mut from = 0;
    let mut gaps = Vec::new();
    for part in parts {
        gaps.push(from..part.start.max(from));
        from = from.max(part.end);
    }
    gaps.into_iter().flatten()
}

/// The branch below `kind` that the key at a position is in; `None`: its name is here.
fn child(
    data: &Data,
    kind: BranchKind,
    shown: usize,
    (at, key): (usize, &[u8]),
    within: &Range<usize>,
    depth: usize,
) -> Option<Branch> {
    let rest = key.get(shown..)?;
    let (child, len) = match kind {
        BranchKind::Namespace | BranchKind::Others => return None,
        BranchKind::Registry => {
            let path = data
                .layout()
                .resource(key)
                .filter(|path| rest.starts_with(path))?;
            (BranchKind::Resource, path.len())
        }
        BranchKind::Resource => {
            let namespace = data.layout().parse(key)?.namespace?;
            (BranchKind::Namespace, namespace.len())
        }
        BranchKind::Raw => {
            // The slash that a key begins with belongs to its first segment.
            let lead = usize::from(rest.first() == Some(&b'/'));
            let slash = rest.get(lead..)?.iter().position(|byte| *byte == b'/')?;
            (BranchKind::Raw, lead + slash)
        }
    };
    if depth > DEPTH || rest.get(len) != Some(&b'/') {
        return None;
    }
    let prefix = key.get(..shown + len + 1)?.to_vec();
    let label = rest.get(..len)?.to_vec();
    let part = data.directory().below(&prefix);
    let part = part.start.max(within.start)..part.end.min(within.end);
    (part.contains(&at)).then_some(Branch {
        kind: child,
        prefix,
        label,
        part,
        depth,
    })
}

/// The prefixes of the branches that a key is in, from the root on.
pub(super) fn way(data: &Data, key: &[u8]) -> Vec<Vec<u8>> {
    let directory = data.directory();
    let Some(at) = directory.position(key).or_else(|| {
        Some(directory.below(key))
            .filter(|part| !part.is_empty())
            .map(|part| part.start)
    }) else {
        return Vec::new();
    };
    let mut way = Vec::new();
    let mut here = roots(data)
        .into_iter()
        .find(|root| root.kind != BranchKind::Others && root.part.contains(&at));
    if here.is_none() {
        return vec![b"\0others".to_vec()];
    }
    while let Some(branch) = here {
        let shown = branch.prefix.len();
        let here_at = (at, directory.key(at));
        here = child(
            data,
            branch.kind,
            shown,
            here_at,
            &branch.part,
            branch.depth + 1,
        );
        way.push(branch.prefix);
    }
    way
}
