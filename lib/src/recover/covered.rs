//! Ranges of keys about which nothing more is to be asked.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::layer::KeySpan;

/// Disjoint ranges, by their first key; no end is the end of all keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Covered(BTreeMap<Vec<u8>, Option<Vec<u8>>>);

/// First key, and the key after the last one.
type Range = (Vec<u8>, Option<Vec<u8>>);

fn range(span: KeySpan<'_>) -> Range {
    match span {
        KeySpan::Key(key) => (key.to_vec(), Some([key, &[0]].concat())),
        KeySpan::Range(first, end) => (first.to_vec(), Some(end.to_vec())),
        KeySpan::From(first) => (first.to_vec(), None),
    }
}

/// Whether a range that ends there reaches a key.
fn reaches(end: Option<&[u8]>, key: &[u8]) -> bool {
    end.is_none_or(|end| end >= key)
}

impl Covered {
    /// Adds a range.
    pub(super) fn add(&mut self, span: KeySpan<'_>) {
        let (mut first, mut end) = range(span);
        if end.as_ref().is_some_and(|end| *end <= first) {
            return;
        }
        // The range that begins before it, and those that begin in it.
        let before = self.0.range::<Vec<u8>, _>(..=&first).next_back();
        if let Some((start, known)) = before
            && reaches(known.as_deref(), &first)
        {
            first.clone_from(start);
        }
        while let Some((start, known)) = self
            .0
            .range::<[u8], _>((Bound::Included(first.as_slice()), Bound::Unbounded))
            .next()
            .filter(|(start, _)| reaches(end.as_deref(), start))
            .map(|(start, known)| (start.clone(), known.clone()))
        {
            self.0.remove(&start);
            end = match (end, known) {
                (Some(end), Some(known)) => Some(end.max(known)),
                _ => None,
            };
        }
        self.0.insert(first, end);
    }

    /// The parts of a range that are not covered, ascending.
    pub(super) fn without(&self, span: KeySpan<'_>) -> Vec<Range> {
        let (mut first, end) = range(span);
        let mut parts = Vec::new();
        let before = self.0.range::<Vec<u8>, _>(..=&first).next_back();
        match before {
            Some((_, None)) => return parts,
            Some((_, Some(known))) if *known > first => first.clone_from(known),
            _ => {}
        }
        let later = self
            .0
            .range::<[u8], _>((Bound::Included(first.as_slice()), Bound::Unbounded))
            .take_while(|(start, _)| end.as_ref().is_none_or(|end| *start < end));
        let mut open = Some(first);
        for (start, known) in later {
            if let Some(first) = open.take().filter(|first| first < start) {
                parts.push((first, Some(start.clone())));
            }
            open.clone_from(known);
        }
        if let Some(first) = open.filter(|first| end.as_ref().is_none_or(|end| first < end)) {
            parts.push((first, end));
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(covered: &Covered, span: KeySpan<'_>) -> Vec<(String, String)> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let parts = covered.without(span).into_iter();
        parts
            .map(|(first, end)| (text(first), end.map_or("∞".to_owned(), text)))
            .collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = expected.iter();
        owned
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    #[test]
    fn what_is_covered_is_left_out() {
        let mut covered = Covered::default();
        let all = KeySpan::From(b"");
        assert_eq!(parts(&covered, all), pairs(&[("", "∞")]));
        covered.add(KeySpan::Range(b"b", b"d"));
        covered.add(KeySpan::Range(b"f", b"h"));
        assert_eq!(
            parts(&covered, all),
            pairs(&[("", "b"), ("d", "f"), ("h", "∞")])
        );
        assert_eq!(
            parts(&covered, KeySpan::Range(b"c", b"g")),
            pairs(&[("d", "f")])
        );
        assert_eq!(parts(&covered, KeySpan::Range(b"b", b"d")), []);
        covered.add(KeySpan::Range(b"c", b"f"));
        assert_eq!(parts(&covered, all), pairs(&[("", "b"), ("h", "∞")]));
        covered.add(KeySpan::From(b"a"));
        assert_eq!(parts(&covered, all), pairs(&[("", "a")]));
        covered.add(KeySpan::Range(b"x", b"a"));
        assert_eq!(parts(&covered, KeySpan::Key(b"b")), []);
    }
}
