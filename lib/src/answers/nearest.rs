//! What a user may have meant.

/// Longer names are not typed by hand, and comparing two of them costs the product of their lengths.
const LONGEST: usize = 1024;

/// The name that a mistyped one most likely means; `None` if none is near enough.
///
/// ```
/// use etcd_inspect::answers::nearest;
/// assert_eq!(nearest("stauts", ["status", "keys"]), Some("status"));
/// ```
pub fn nearest<'n>(typed: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if typed.len() > LONGEST {
        return None;
    }
    let typed = typed.to_ascii_lowercase();
    names
        .into_iter()
        .filter(|name| name.len() <= LONGEST)
        .map(|name| (score(&typed, &name.to_ascii_lowercase()), name))
        .filter(|(score, _)| *score > 0.7)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

fn score(typed: &str, name: &str) -> f64 {
    // A word of which half would be missing was not meant, though it begin alike.
    if name.len() * 2 <= typed.len() {
        return 0.0;
    }
    // A beginning of three letters or more is a better hint than any letter distance.
    if typed.len() >= 3 && name.starts_with(typed) {
        return 1.0;
    }
    strsim::jaro_winkler(typed, name).max(strsim::normalized_damerau_levenshtein(typed, name))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_name_of_megabytes_is_not_compared() {
        let name = "k".repeat(10 << 20);
        assert_eq!(nearest("kk", [name.as_str()]), None);
        assert_eq!(nearest(&name, [name.as_str(), "k"]), None);
    }

    #[test]
    fn a_typing_error_finds_its_word_and_nonsense_finds_none() {
        let verbs = ["status", "keys", "get", "history", "preflight"];
        assert_eq!(nearest("stauts", verbs), Some("status"));
        assert_eq!(nearest("key", verbs), Some("keys"));
        assert_eq!(nearest("histroy", verbs), Some("history"));
        assert_eq!(nearest("zzzz", verbs), None);
        assert_eq!(nearest("nosuch", ["no", "ns"]), None);
    }
}
