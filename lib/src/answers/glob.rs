//! Patterns of raw keys.

/// Whether `key` matches a glob: `*` anything but `/`, `**` anything, `?` one byte but `/`.
pub fn matches(pattern: &[u8], key: &[u8]) -> bool {
    // The last star tried, and where its match may be made longer: no recursion, so no pattern costs more than a product.
    let (mut p, mut k) = (0, 0);
    let mut retry: Vec<(usize, usize, bool)> = Vec::new();
    loop {
        let step = match (pattern.get(p), key.get(k)) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                let double = pattern.get(p.saturating_add(1)) == Some(&b'*');
                p += if double { 2 } else { 1 };
                // A `**` swallows everything an earlier star could: earlier choices need no second look.
                if double {
                    retry.clear();
                }
                retry.retain(|(_, _, double)| *double);
                retry.push((p, k, double));
                true
            }
            (Some(b'?'), Some(byte)) if *byte != b'/' => {
                (p, k) = (p + 1, k + 1);
                true
            }
            (Some(wanted), Some(byte)) if wanted == byte => {
                (p, k) = (p + 1, k + 1);
                true
            }
            _ => false,
        };
        if step {
            continue;
        }
        loop {
            let Some((after, from, double)) = retry.pop() else {
                return false;
            };
            if key.get(from).is_some_and(|byte| double || *byte != b'/') {
                retry.push((after, from + 1, double));
                (p, k) = (after, from + 1);
                break;
            }
        }
    }
}

/// The bytes before the first wildcard: where a scan may begin.
pub fn prefix(pattern: &[u8]) -> &[u8] {
    let end = pattern.iter().position(|byte| b"*?".contains(byte));
    pattern
        .get(..end.unwrap_or(pattern.len()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_stop_at_slashes_unless_doubled() {
        for (pattern, key, wanted) in [
            ("/a/*", "/a/b", true),
            ("/a/*", "/a/b/c", false),
            ("/a/**", "/a/b/c", true),
            ("/*/c", "/a/b/c", false),
            ("/**/c", "/a/b/c", true),
            ("/**/c*", "/a/c/d/cx", true),
            ("**b*d", "abcbcd", true),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("*", "", true),
            ("*a*b", "xaxxbxab", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), key.as_bytes()),
                wanted,
                "{pattern} {key}"
            );
        }
        let hostile = "*a".repeat(50);
        assert!(!matches(hostile.as_bytes(), &[b'a'; 49]));
    }
}
