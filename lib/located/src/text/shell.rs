//! Words of a shell command.

/// Text as one word of a shell command, quoted where it must be.
///
/// ```
/// assert_eq!(etcd_inspect_located::text::shell::word("/copy/m1"), "/copy/m1");
/// assert_eq!(etcd_inspect_located::text::shell::word("it's"), "'it'\\''s'");
/// ```
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
