//! What of a filter is not understood: it is named, and not looked for as text.

/// What a filter may have in it.
const GRAMMAR: &str = "text, regex, !not, ~fuzzy, ns:NAMESPACE";

/// What of a filter is not understood; `None`: all of it is.
pub(super) fn trouble(text: &str) -> Option<String> {
    let text = text.strip_prefix('!').unwrap_or(text);
    let first = text.split_whitespace().next()?;
    if first.starts_with('-') && text.len() > first.len() && is_flag(first) {
        let next = match first {
            "-l" | "--selector" => ":RESOURCE -l LABELS selects by labels".to_owned(),
            "-n" | "--namespace" => "in a filter a namespace is ns:NAMESPACE".to_owned(),
            _ => format!("a filter is {GRAMMAR}"),
        };
        return Some(format!("{first} is not understood here: {next}"));
    }
    let (name, value) = first.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase());
    let compares = value.starts_with(['<', '>', '=']);
    (is_name && compares).then(|| {
        let next = match name {
            "size" => "; `6` Space shows the largest values",
            _ => "",
        };
        format!("{first} is not understood: a filter is {GRAMMAR}{next}")
    })
}

fn is_flag(word: &str) -> bool {
    let letters = word.trim_start_matches('-');
    let dashes = word.len() - letters.len();
    let is_letter = |c: char| c.is_ascii_alphabetic() || (dashes == 2 && c == '-');
    match dashes {
        1 => letters.len() == 1 && letters.chars().all(is_letter),
        2 => letters.len() > 1 && letters.chars().all(is_letter),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::trouble;

    #[test]
    fn conditions_and_flags_that_do_not_exist_are_named_and_text_is_left_alone() {
        for (text, named) in [
            ("size:>10k", "size:>10k"),
            ("!size:<1", "size:<1"),
            ("age:>5m", "age:>5m"),
            ("-l app=web", "-l"),
            ("-n shop", "-n"),
            ("--wide x", "--wide"),
        ] {
            assert!(
                trouble(text).is_some_and(|why| why.starts_with(named)),
                "{text}"
            );
        }
        for text in [
            "",
            "web",
            "ns:shop",
            "system:node",
            "a=b",
            "-web",
            "-l",
            "web -l",
            "image:1.2",
            "!x",
            "~x",
            "10:>",
        ] {
            assert_eq!(trouble(text), None, "{text}");
        }
    }
}
