//! What is wrong with a file of keys, and where: never a text of the file, which may be a key.

use serde_saphyr::Error;

/// The longest word that is taken for the name of a field: the shortest key has 24 letters in base64.
const LONGEST_NAME: usize = 20;

/// Why a text is no such file: `line 10, column 8 (name): not YAML: check the indentation`.
pub(super) fn reason(text: &str, error: &Error) -> String {
    let error = error.without_snippet();
    let what = what(error);
    let Some(location) = error.location() else {
        return what;
    };
    let (line, column) = (location.line(), location.column());
    let field = field(text, line).map(|name| format!(" ({name})"));
    format!(
        "line {line}, column {column}{}: {what}",
        field.unwrap_or_default()
    )
}

/// The kind of the fault. Only what is not of the file is printed: names of fields that were expected.
fn what(error: &Error) -> String {
    match error {
        Error::SerdeMissingField { field, .. } => format!("the field {field} is missing"),
        Error::SerdeUnknownField { expected, .. } => {
            format!("an unknown field; known are {}", expected.join(", "))
        }
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            format!("another type than expected: {expected}")
        }
        Error::Unexpected { expected, .. } => format!("another type than expected: {expected}"),
        Error::DuplicateMappingKey { .. } => "a field is given twice".to_owned(),
        Error::Eof { .. } => "the file ends too early".to_owned(),
        Error::MultipleDocuments { .. } => "more than one YAML document".to_owned(),
        _ => "not YAML: check the indentation, brackets and quotes there and on the line before"
            .to_owned(),
    }
}

/// The name of a field that a line begins with, if it can be nothing else.
fn field(text: &str, line: u64) -> Option<&str> {
    let at = usize::try_from(line.checked_sub(1)?).ok()?;
    let line = text.lines().nth(at)?.trim_start_matches([' ', '\t', '-']);
    let name = line.split_once(':')?.0.trim_matches(['"', '\'']);
    let is_name = name.len() <= LONGEST_NAME
        && !name.is_empty()
        && name
            .bytes()
            .all(|letter| letter.is_ascii_alphabetic() || letter == b'_');
    is_name.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::Keyring;

    #[test]
    fn a_fault_names_line_and_field_and_shows_no_text_of_the_file() {
        const KEY: &str = "TDNhazEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg=";
        let head = "kind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n  - aescbc:\n      keys:\n";
        let config = |rest: &str| format!("{head}{rest}");
        let secret = format!("      - name: k1\n        secret: {KEY}\n");
        for (text, expected) in [
            (config(&format!("{secret}       - name: k2\n")), "line 9"),
            (
                config(&format!(
                    "{secret}      - name: k2\n        secrte: TDNhazE=\n"
                )),
                "the field secret is missing",
            ),
            (
                config("      - name: k1\n        secret: [TDNhazE=]\n"),
                "line 8",
            ),
            (
                config("      - name: k1\n        secret: TDNhazE=\n"),
                "line 8, key \"k1\": the secret has 5 bytes",
            ),
            (
                config("      - name: k1\n        secret: TDNhazE!\n"),
                "line 8, key \"k1\": the secret is not standard base64",
            ),
            (
                format!("kind: {KEY}\n"),
                "kind is not EncryptionConfiguration",
            ),
            (format!("{KEY}\n"), "another type"),
            (format!("kind: X\n{KEY}: [{KEY}\n"), "line "),
            ("kind: [TDNhazE= {\n".to_owned(), "line "),
        ] {
            let said = Keyring::default()
                .add_config(&text)
                .unwrap_err()
                .to_string();
            assert!(said.contains(expected), "{said}\n{text}");
            assert!(!said.contains("TDNha") && !said.contains('\n'), "{said}");
        }
        for (text, expected) in [
            (
                "dGhpcyBpcyBhIGtleSBvZiAzMSBieXRlcyBMM2Frcw".to_owned(),
                "one key in base64 of 31 bytes: a key has 16, 24 or 32",
            ),
            (format!("{KEY}\nx\n"), "2 lines without a field"),
            (
                format!("keks:\n- ky: {KEY}\n"),
                "line 2, column 3 (ky): an unknown field; known are provider, key, sha256_of",
            ),
            (format!("deks: {KEY}\n"), "line 1, column 7 (deks)"),
            (
                "keks:\n- provider: a\n  key: TDNhazE!\n".to_owned(),
                "line 3, key \"kek\": the secret is not standard base64",
            ),
        ] {
            let said = Keyring::default()
                .add_kms_file(text.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(said.contains(expected), "{said}\n{text}");
            assert!(!said.contains("TDNha") && !said.contains("dGhp"), "{said}");
        }
        // A key that was copied without its padding.
        assert!(
            Keyring::default()
                .add_kms_file(KEY.trim_end_matches('=').as_bytes())
                .is_ok()
        );
    }
}
