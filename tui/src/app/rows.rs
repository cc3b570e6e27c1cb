//! The rows of a view as a file: all of them, not only those that fit the screen.

use serde_json::{Map, Value};

use crate::paint::TakenRows;

/// Rows as CSV, lines of JSON, or text in columns: by the end of the file's name.
///
/// # Errors
/// Why they cannot be written so.
pub(super) fn write(taken: &TakenRows, name: &str) -> Result<Vec<u8>, String> {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("csv") => csv(taken),
        Some("jsonl" | "ndjson") => Ok(json_lines(taken)),
        _ => Ok(text(taken).into_bytes()),
    }
}

fn csv(taken: &TakenRows) -> Result<Vec<u8>, String> {
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    let records = std::iter::once(&taken.columns).chain(&taken.rows);
    for record in records {
        writer
            .write_record(record)
            .map_err(|error| error.to_string())?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}

fn json_lines(taken: &TakenRows) -> Vec<u8> {
    let mut text = String::new();
    for row in &taken.rows {
        let fields = taken
            .columns
            .iter()
            .zip(row)
            .map(|(column, cell)| (column.to_lowercase(), Value::String(cell.clone())));
        text += &Value::Object(fields.collect::<Map<_, _>>()).to_string();
        text.push('\n');
    }
    text.into_bytes()
}

fn text(taken: &TakenRows) -> String {
    let width = |at: usize| {
        let cells = std::iter::once(&taken.columns).chain(&taken.rows);
        cells
            .filter_map(|row| row.get(at))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..taken.columns.len())
        .map(|at| width(at).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in std::iter::once(&taken.columns).chain(&taken.rows) {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{TakenRows, write};

    #[test]
    fn the_end_of_the_name_chooses_the_form() {
        let taken = TakenRows {
            columns: vec!["KEY".to_owned(), "REV".to_owned()],
            rows: vec![vec!["/a,\"b\"".to_owned(), "7".to_owned()]],
        };
        let of = |name| String::from_utf8(write(&taken, name).unwrap()).unwrap();
        assert_eq!(of("a.csv"), "KEY,REV\n\"/a,\"\"b\"\"\",7\n");
        assert_eq!(of("a.jsonl"), "{\"key\":\"/a,\\\"b\\\"\",\"rev\":\"7\"}\n");
        assert_eq!(of("a.txt"), "KEY     REV\n/a,\"b\"  7\n");
    }
}
