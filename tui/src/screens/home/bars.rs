//! The bar of the parts of the db file: its cells add up to its width, its parts to the size of the file.

use etcd_inspect::member::Space;

use crate::paint::Line;
use crate::theme::Role;

/// A part of the file.
pub(super) struct BarPart {
    pub(super) name: &'static str,
    shade: char,
    /// In place of the shade if only ASCII is shown.
    pub(super) letter: char,
    role: Role,
}

/// The parts, in the order of the bar.
pub(super) const PARTS: [BarPart; 6] = [
    BarPart {
        name: "live",
        shade: '█',
        letter: '#',
        role: Role::Good,
    },
    BarPart {
        name: "history",
        shade: '▓',
        letter: '=',
        role: Role::Warning,
    },
    BarPart {
        name: "tree",
        shade: '▒',
        letter: '+',
        role: Role::Plain,
    },
    BarPart {
        name: "free",
        shade: '░',
        letter: '-',
        role: Role::Dim,
    },
    BarPart {
        name: "used or free",
        shade: '?',
        letter: '?',
        role: Role::Error,
    },
    BarPart {
        name: "unused",
        shade: '·',
        letter: '.',
        role: Role::Dim,
    },
];

/// Their bytes.
pub(super) fn parts(space: &Space) -> [u64; 6] {
    [
        space.live_bytes,
        space.history_bytes,
        space.tree_bytes,
        space.free_bytes,
        space.unknown_bytes,
        space.outside_bytes,
    ]
}

/// So many cells of each part that they add up to `width`; a part that is not empty has at least one while there is room.
pub(super) fn shares(parts: &[u64; 6], width: usize) -> [usize; 6] {
    let total: u128 = parts.iter().map(|part| u128::from(*part)).sum();
    let mut cells = [0usize; 6];
    if total == 0 || width == 0 {
        return cells;
    }
    // The end of each part is rounded, so that what is between them adds up.
    let (mut sum, mut before) = (0u128, 0usize);
    for (cell, part) in cells.iter_mut().zip(parts) {
        sum += u128::from(*part);
        let end = usize::try_from((sum * width as u128 + total / 2) / total).unwrap_or(width);
        *cell = end.saturating_sub(before);
        before = end;
    }
    for at in 0..cells.len() {
        let is_hidden = parts.get(at).is_some_and(|part| *part > 0) && cells.get(at) == Some(&0);
        let widest = (0..cells.len()).max_by_key(|other| cells.get(*other).copied());
        if is_hidden && let Some(widest) = widest.filter(|widest| cells.get(*widest) > Some(&1)) {
            if let Some(cell) = cells.get_mut(widest) {
                *cell -= 1;
            }
            if let Some(cell) = cells.get_mut(at) {
                *cell += 1;
            }
        }
    }
    cells
}

/// The bar, and what its shades mean.
pub(super) fn bar(space: &Space, width: usize, ascii: bool) -> (Line, Line) {
    let cells = shares(&parts(space), width);
    let (mut bar, mut legend) = (Line::new(), Line::new());
    for (part, cells) in PARTS.iter().zip(cells) {
        let shade = if ascii { part.letter } else { part.shade };
        bar = bar.with(part.role, shade.to_string().repeat(cells));
        if part.letter == '?' && space.is_known() {
            continue;
        }
        legend = legend
            .with(part.role, shade.to_string())
            .with(Role::Dim, format!(" {}  ", part.name));
    }
    (bar, legend)
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn the_cells_add_up_to_the_width_and_no_part_that_has_bytes_is_hidden() {
        for parts in [
            [1, 1, 1, 1, 1, 1],
            [1_000_000, 1, 0, 3, 0, 0],
            [0, 0, 0, 0, 0, 7],
            [u64::MAX, u64::MAX, 5, 0, 0, 1],
        ] {
            for width in [6, 17, 80, 200] {
                let cells = shares(&parts, width);
                assert_eq!(cells.iter().sum::<usize>(), width, "{parts:?} in {width}");
                for (cell, part) in cells.iter().zip(parts) {
                    assert_eq!(*cell > 0, part > 0, "{parts:?} in {width}: {cells:?}");
                }
            }
        }
        assert_eq!(shares(&[0; 6], 10), [0; 6]);
    }
}
