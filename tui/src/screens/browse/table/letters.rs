//! The letter that orders the rows by a column: with Shift, without the list of `s`.

use std::collections::{HashMap, HashSet};

/// Letters for columns of whose own letters none is free.
const SPARE: &str = "CEIOLPQUVWYBJKADFGHMNRSTXZ";

/// The column that `S` orders by; from the tree it lists the largest values.
const BY_SIZE: &str = "SIZE";

/// A letter for each heading: as many as possible have one of their own, the others any that is free. `is_bound`: letters with another
/// meaning.
pub(super) fn letters<'h>(
    headings: impl Iterator<Item = &'h str>,
    is_bound: impl Fn(char) -> bool,
) -> Vec<Option<char>> {
    let own: Vec<Vec<char>> = headings
        .map(|heading| match heading {
            BY_SIZE => vec!['S'],
            _ => {
                let letters = heading.chars().filter(char::is_ascii_uppercase);
                letters.filter(|letter| !is_bound(*letter)).collect()
            }
        })
        .collect();
    let mut owners = HashMap::new();
    for column in 0..own.len() {
        assign_letter(column, &own, &mut owners, &mut HashSet::new());
    }
    let mut found = vec![None; own.len()];
    for (letter, column) in &owners {
        if let Some(place) = found.get_mut(*column) {
            *place = Some(*letter);
        }
    }
    let is_free = |letter: &char| !is_bound(*letter) && !owners.contains_key(letter);
    let mut spare = SPARE.chars().filter(is_free);
    for letter in found.iter_mut().filter(|letter| letter.is_none()) {
        *letter = spare.next();
    }
    found
}

/// Gives a column one of its letters; whoever has it takes another, if there is one.
fn assign_letter(
    column: usize,
    own: &[Vec<char>],
    owners: &mut HashMap<char, usize>,
    tried: &mut HashSet<char>,
) -> bool {
    for letter in own.get(column).into_iter().flatten() {
        if !tried.insert(*letter) {
            continue;
        }
        let owner = owners.get(letter).copied();
        if owner.is_none_or(|owner| assign_letter(owner, own, owners, tried)) {
            owners.insert(*letter, column);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::letters;

    #[test]
    fn every_column_of_a_table_has_a_letter_of_its_own_that_means_nothing_else() {
        let headings = [
            "NAMESPACE",
            "NAME",
            "READY",
            "STATUS",
            "RESTARTS",
            "AGE",
            "VER",
            "SIZE",
            "HISTORY",
            "LAST-WRITE~",
            "BY",
        ];
        let bound = |c: char| "ADFGHMNRSTXZ".contains(c);
        let found = letters(headings.into_iter(), bound);
        let mut all: Vec<char> = found.into_iter().flatten().collect();
        assert_eq!(all.len(), headings.len());
        assert_eq!(all[7], 'S');
        let has_own = |(heading, letter): (&str, &char)| heading.contains(*letter);
        let owners = headings.into_iter().zip(&all).filter(|one| has_own(*one));
        assert!(owners.count() >= 9, "{all:?}");
        assert!(all.iter().all(|c| *c == 'S' || !bound(*c)), "{all:?}");
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), headings.len());
    }
}
